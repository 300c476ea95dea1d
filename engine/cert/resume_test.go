package cert

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// A session is resumed only as long as a full handshake would succeed
// (CERT-06, TLS-24).
func TestResumptionIsCheckedAgain(t *testing.T) {
	root, next := issue(t, "root", nil, nil, ca), issue(t, "next", nil, nil, ca)
	server := issue(t, "localhost", nil, root, func(c *x509.Certificate) { forLocalhost(c); c.NotAfter = c.NotAfter.Add(24 * time.Hour) })
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(v), func(t *testing.T) {
			var ahead atomic.Int64
			f := files(t, certPEM(server), keyPEM(t, server.key), certPEM(root))
			o := Options{Files: f, VerifyPeer: true, RequirePeer: true, Tickets: true,
				Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }}
			cfg, b, err := ServerConfig(o)
			if err != nil {
				t.Fatal(err)
			}
			device := issue(t, "device", nil, root, nil)
			client := &tls.Config{
				InsecureSkipVerify: true, ServerName: "localhost", MaxVersion: v,
				ClientSessionCache: tls.NewLRUClientSessionCache(4),
				GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					c := device.tls()
					return &c, nil
				},
			}
			connect := func(wantResumed bool, want Reason) {
				t.Helper()
				state, serverErr, _ := shake(t, cfg, client)
				if got := Classify(serverErr); got != want || state.DidResume != wantResumed {
					t.Errorf("resumed %v, %q (%v); want %v, %q", state.DidResume, got, serverErr, wantResumed, want)
				}
			}
			reload := func() {
				t.Helper()
				swap, err := b.Prepare(o)
				if err != nil {
					t.Fatal(err)
				}
				swap()
			}
			connect(false, "")
			connect(true, "")
			reload()
			connect(true, "") // rotation does not end sessions

			ahead.Store(int64(2 * time.Hour)) // the device's certificate expires
			connect(false, ReasonExpired)
			ahead.Store(0)

			if _, serverErr, _ := shake(t, cfg, client); serverErr != nil { // with or without what ticket the client has left
				t.Fatal(serverErr)
			}
			if err := os.WriteFile(f.CACertfile, []byte(certPEM(next)), 0o600); err != nil {
				t.Fatal(err)
			}
			reload()
			connect(false, ReasonUnknownCA)
		})
	}
}

func TestNoTicketsByDefault(t *testing.T) {
	server := issue(t, "localhost", nil, nil, forLocalhost)
	cfg, _, err := ServerConfig(Options{Files: files(t, certPEM(server), keyPEM(t, server.key), "")})
	if err != nil {
		t.Fatal(err)
	}
	client := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	for range 2 {
		if state, serverErr, clientErr := shake(t, cfg, client); state.DidResume || serverErr != nil || clientErr != nil {
			t.Errorf("resumed %v, server %v, client %v", state.DidResume, serverErr, clientErr)
		}
	}
}
