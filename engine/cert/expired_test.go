package cert

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// CERT-11: a certificate that expires while it is served goes on to be served,
// for whether to accept it is the clients' affair. A reload that is about
// something else succeeds, with a warning; one that brings an expired
// certificate does not.
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
	swap, err := b.Prepare(o)
	if err != nil {
		t.Fatalf("a reload with the same certificate: %v", err)
	}
	swap()
	if w := strings.Join(b.Warnings(), "\n"); !strings.Contains(w, "expired at") {
		t.Errorf("the warnings are %q", w)
	}
	put := func(e *entity, chain ...*entity) {
		for path, text := range map[string]string{o.Certfile: certPEM(append([]*entity{e}, chain...)...), o.Keyfile: keyPEM(t, e.key)} {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	root := issue(t, "root", nil, nil, ca)
	next := issue(t, "localhost", nil, root, func(c *x509.Certificate) { forLocalhost(c); c.NotAfter = c.NotAfter.Add(1000 * time.Hour) })
	for name, chain := range map[string][]*entity{"another expired one": {issue(t, "localhost", nil, nil, forLocalhost)}, "one with an expired issuer": {next, root}} {
		put(chain[0], chain[1:]...)
		if _, err := b.Prepare(o); err == nil || !strings.Contains(err.Error(), "expired at") {
			t.Errorf("%s is loaded: %v", name, err)
		}
	}
	put(next)
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
