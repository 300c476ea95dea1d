package cert

import (
	"crypto/tls"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// CERT-11: a certificate that expires while it is served goes on to be served,
// for whether to accept it is the clients' affair; it cannot be loaded again.
func TestExpiredIsServed(t *testing.T) {
	server := issue(t, "localhost", nil, nil, forLocalhost)
	var ahead atomic.Int64
	o := Options{
		Files: files(t, certPEM(server), keyPEM(t, server.key), ""),
		Now:   func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
	}
	cfg, b, err := ServerConfig(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, age := range []time.Duration{0, time.Until(server.cert.NotAfter) + time.Hour} {
		ahead.Store(int64(age))
		state, serverErr, clientErr := shake(t, cfg, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"})
		if serverErr != nil || clientErr != nil || !state.HandshakeComplete {
			t.Errorf("after %s: server %v, client %v", age, serverErr, clientErr)
		}
	}
	if _, err := b.Prepare(o); err == nil || !strings.Contains(err.Error(), "expired at") {
		t.Errorf("an expired certificate is loaded: %v", err)
	}
	renewed := issue(t, "localhost", nil, nil, forLocalhost)
	ahead.Store(0)
	for path, text := range map[string]string{o.Certfile: certPEM(renewed), o.Keyfile: keyPEM(t, renewed.key)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Prepare(o); err != nil {
		t.Errorf("its successor: %v", err)
	}
}

// Clients that refuse what is valid for longer than 825 days take the
// certificates that are issued here.
func TestLeavesLiveNotTooLong(t *testing.T) {
	a, _, err := NewAuthority("test", nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	issued, err := a.Server([]string{"localhost"})
	if err != nil {
		t.Fatal(err)
	}
	certs, err := parseCertificates("certfile", "issued", issued.Cert)
	if err != nil {
		t.Fatal(err)
	}
	if c := certs[0]; c.NotAfter.Sub(c.NotBefore) >= 825*24*time.Hour {
		t.Errorf("valid from %s to %s", c.NotBefore, c.NotAfter)
	}
}
