package cert

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"os"
	"strings"
	"testing"
	"time"
)

// Where a path ends, how long it may be, and what a certificate must be for:
// TLS-13, TLS-18, TLS-19.
func TestPaths(t *testing.T) {
	root := issue(t, "root", nil, nil, ca)
	middle := issue(t, "middle", nil, root, ca)
	sub := issue(t, "sub", nil, middle, ca)
	next := issue(t, "next", nil, root, ca)
	crossed := issue(t, "middle", middle.key, issue(t, "elsewhere", nil, nil, ca), ca)
	renewed := issue(t, "root", nil, root, ca) // a new key of the same authority, signed by its old one
	narrow := issue(t, "narrow", nil, nil, func(c *x509.Certificate) { ca(c); c.PermittedDNSDomains = []string{"good.example"} })
	narrowed := issue(t, "narrowed", nil, narrow, ca)
	short := issue(t, "short", nil, nil, func(c *x509.Certificate) { ca(c); c.MaxPathLen = 1 })
	shorter := issue(t, "shorter", nil, short, ca)
	shortest := issue(t, "shortest", nil, shorter, ca)
	serving := issue(t, "serving", nil, nil, func(c *x509.Certificate) { ca(c); c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	served := issue(t, "served", nil, serving, ca)
	late := issue(t, "late", nil, nil, func(c *x509.Certificate) { ca(c); expired(c) })
	belowLate := issue(t, "below late", nil, late, ca)
	server := issue(t, "localhost", nil, root, forLocalhost)
	below := func(by *entity) *entity { return issue(t, "client", nil, by, nil) }
	named := func(name string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.DNSNames = []string{name} }
	}
	usages := func(known []x509.ExtKeyUsage, unknown ...asn1.ObjectIdentifier) *entity {
		return issue(t, "client", nil, root, func(c *x509.Certificate) { c.ExtKeyUsage, c.UnknownExtKeyUsage = known, unknown })
	}
	private := asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}

	tests := []struct {
		name    string
		file    []*entity
		partial int
		depth   int
		usages  []string
		client  []*entity
		want    Reason
		length  int // of the path taken
	}{
		{"below the root", []*entity{root}, 0, 0, nil, []*entity{below(root)}, "", 2},
		{"intermediate sent, depth 1", []*entity{root}, 0, 1, nil, []*entity{below(middle), middle}, "", 3},
		{"intermediate sent, depth 0", []*entity{root}, 0, 0, nil, []*entity{below(middle), middle}, ReasonTooDeep, 0},
		{"intermediate of the file counts", []*entity{root, middle}, 0, 0, nil, []*entity{below(middle)}, ReasonTooDeep, 0},
		{"intermediate of the file", []*entity{root, middle}, 0, 1, nil, []*entity{below(middle)}, "", 3},
		{"both know it", []*entity{root, middle}, 0, 1, nil, []*entity{below(middle), middle}, "", 3},
		{"two of the file", []*entity{root, middle, sub}, 0, 2, nil, []*entity{below(sub)}, "", 4},
		{"one of each", []*entity{root, middle}, 0, 2, nil, []*entity{below(sub), sub}, "", 4},
		{"one of each, too deep", []*entity{root, middle}, 0, 1, nil, []*entity{below(sub), sub}, ReasonTooDeep, 0},
		{"a root sent counts for nothing", []*entity{root}, 0, 0, nil, []*entity{below(root), root}, "", 2},
		{"self-issued counts for nothing", []*entity{root}, 0, 0, nil, []*entity{below(renewed), renewed}, "", 3},
		{"not sent, not in the file", []*entity{root}, 0, 9, nil, []*entity{below(middle)}, ReasonUnknownCA, 0},
		{"intermediate without its root", []*entity{root, crossed}, 0, 9, nil, []*entity{below(crossed)}, ReasonUnknownCA, 0},
		{"cross-signed, the other way", []*entity{root, middle}, 0, 9, nil, []*entity{below(middle), crossed}, "", 3},
		{"the root's names bind", []*entity{narrow, narrowed}, 0, 9, nil, []*entity{issue(t, "client", nil, narrowed, named("evil.example"))}, ReasonBadCert, 0},
		{"within the root's names", []*entity{narrow, narrowed}, 0, 9, nil, []*entity{issue(t, "client", nil, narrowed, named("a.good.example"))}, "", 3},
		{"the root's path length is kept", []*entity{short, shorter}, 0, 9, nil, []*entity{below(shorter)}, "", 3},
		{"the root's path length binds", []*entity{short, shorter, shortest}, 0, 9, nil, []*entity{below(shortest)}, ReasonBadCert, 0},
		{"the root's path length binds what is sent", []*entity{short, shorter}, 0, 9, nil, []*entity{below(shortest), shortest}, ReasonBadCert, 0},
		{"the root's usages bind", []*entity{root, serving, served}, 0, 9, nil, []*entity{below(served)}, ReasonBadUsage, 0},
		{"the root's time binds", []*entity{root, late, belowLate}, 0, 9, nil, []*entity{below(belowLate)}, ReasonUnknownCA, 0},

		{"last is the anchor", []*entity{root, middle}, 1, 0, nil, []*entity{below(middle)}, "", 2},
		{"last is the anchor, sent too", []*entity{root, middle}, 1, 0, nil, []*entity{below(middle), middle}, "", 2},
		{"not the root then", []*entity{root, middle}, 1, 9, nil, []*entity{below(root)}, ReasonUnknownCA, 0},
		{"not a sister", []*entity{root, next, middle}, 1, 9, nil, []*entity{below(next), next}, ReasonUnknownCA, 0},
		{"below the last", []*entity{sub, middle}, 1, 9, nil, []*entity{below(sub)}, "", 3},
		{"either of two, the last", []*entity{middle, next}, 2, 0, nil, []*entity{below(next)}, "", 2},
		{"either of two, the one before", []*entity{middle, next}, 2, 0, nil, []*entity{below(middle)}, "", 2},
		{"not a third", []*entity{root, middle, next}, 2, 9, nil, []*entity{below(root)}, ReasonUnknownCA, 0},
		{"two of one", []*entity{middle}, 2, 0, nil, []*entity{below(middle)}, "", 2},

		{"usage listed", []*entity{root}, 0, 0, []string{"clientAuth"}, []*entity{usages([]x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth})}, "", 2},
		{"usage listed by number", []*entity{root}, 0, 0, []string{"OID:1.3.6.1.5.5.7.3.2"}, []*entity{usages([]x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth})}, "", 2},
		{"no usages at all", []*entity{root}, 0, 0, []string{"clientAuth"}, []*entity{below(root)}, ReasonBadUsage, 0},
		{"one of two", []*entity{root}, 0, 0, []string{"clientAuth,codeSigning"}, []*entity{usages([]x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth})}, ReasonBadUsage, 0},
		{"both", []*entity{root}, 0, 0, []string{"clientAuth", "codeSigning"}, []*entity{usages([]x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning, x509.ExtKeyUsageClientAuth})}, "", 2},
		{"any is not the one asked for", []*entity{root}, 0, 0, []string{"clientAuth"}, []*entity{usages([]x509.ExtKeyUsage{x509.ExtKeyUsageAny})}, ReasonBadUsage, 0},
		{"a private one", []*entity{root}, 0, 0, []string{"OID:1.3.6.1.4.1.99999.1"}, []*entity{usages([]x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, private)}, "", 2},
		{"a private one missing", []*entity{root}, 0, 0, []string{"OID:1.3.6.1.4.1.99999.1"}, []*entity{usages([]x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth})}, ReasonBadUsage, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, b, err := ServerConfig(Options{
				Files: files(t, certPEM(server), keyPEM(t, server.key), certPEM(tt.file...)), VerifyPeer: true, RequirePeer: true,
				PartialChain: tt.partial, Depth: tt.depth, ExtKeyUsage: tt.usages,
			})
			if err != nil {
				t.Fatal(err)
			}
			state, serverErr, _ := shake(t, cfg, presenting(tt.client...))
			if got := Classify(serverErr); got != tt.want {
				t.Fatalf("%q (%v), want %q", got, serverErr, tt.want)
			}
			whole := *b.current.Load().trust
			whole.up = nil // so that nothing is taken as verified before
			var presented []*x509.Certificate
			for _, e := range tt.client {
				presented = append(presented, e.cert)
			}
			if _, err := whole.admit(nil, presented, time.Now()); (err == nil) != (tt.want == "") {
				t.Errorf("verified as a whole: %v", err)
			}
			if tt.want != "" {
				return
			}
			path := b.Path(state)
			if len(path) != tt.length || !path[0].Equal(tt.client[0].cert) {
				t.Errorf("path of %d; want %d", len(path), tt.length)
			}
			if err := b.Judge(path); err != nil {
				t.Error(err)
			}
		})
	}
}

// presenting is a client that sends a chain whatever it is asked for.
func presenting(chain ...*entity) *tls.Config {
	c := chain[0].tls()
	for _, e := range chain[1:] {
		c.Certificate = append(c.Certificate, e.cert.Raw)
	}
	return &tls.Config{InsecureSkipVerify: true, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c, nil }}
}

func TestUsagesRefused(t *testing.T) {
	root := issue(t, "root", nil, nil, forLocalhost)
	for _, name := range []string{"clientauth", "OID:", "OID:1", "OID:x.y", "1.2.3"} {
		o := Options{Files: files(t, certPEM(root), keyPEM(t, root.key), certPEM(root)), VerifyPeer: true, ExtKeyUsage: []string{name}}
		if _, _, err := ServerConfig(o); err == nil || !strings.Contains(err.Error(), "verify_peer_ext_key_usage: \""+name) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// What is said of a connected client changes with the files and the clock
// (CERT-12).
func TestJudge(t *testing.T) {
	root, other := issue(t, "root", nil, nil, ca), issue(t, "other", nil, nil, ca)
	middle := issue(t, "middle", nil, root, ca)
	again := issue(t, "root", root.key, nil, ca) // the same authority, renewed
	server := issue(t, "localhost", nil, root, forLocalhost)
	client := issue(t, "client", nil, middle, nil)
	now := time.Now()
	o := Options{
		Files:      files(t, certPEM(server), keyPEM(t, server.key), certPEM(root, middle)),
		VerifyPeer: true, RequirePeer: true, Depth: 1, Now: func() time.Time { return now },
	}
	cfg, b, err := ServerConfig(o)
	if err != nil {
		t.Fatal(err)
	}
	state, serverErr, _ := shake(t, cfg, presenting(client))
	if serverErr != nil {
		t.Fatal(serverErr)
	}
	path := b.Path(state)
	rev := new(oracle)
	for _, tt := range []struct {
		name   string
		change func(*Options)
		file   []*entity
		want   Reason
	}{
		{"nothing changed", nil, nil, ""},
		{"authority removed", nil, []*entity{other}, ReasonUnknownCA},
		{"root renewed", nil, []*entity{again}, ""},
		{"one added", nil, []*entity{other, root}, ""},
		{"intermediate left out", nil, []*entity{root}, ""}, // it is in the path
		{"depth", func(o *Options) { o.Depth = 0 }, nil, ReasonTooDeep},
		{"usage", func(o *Options) { o.ExtKeyUsage = []string{"clientAuth"} }, nil, ReasonBadUsage},
		{"expired", func(o *Options) { o.Now = func() time.Time { return now.Add(90 * time.Minute) } }, nil, ReasonExpired},
		{"revoked", func(o *Options) { o.Revocation = rev }, nil, ReasonRevoked},
		{"not asked any more", func(o *Options) { o.VerifyPeer, o.RequirePeer = false, false }, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, file := o, tt.file
			if file == nil {
				file = []*entity{root, middle}
			}
			if err := os.WriteFile(o.CACertfile, []byte(certPEM(file...)), 0o600); err != nil {
				t.Fatal(err)
			}
			late := o
			if tt.change != nil {
				tt.change(&late)
			}
			if tt.want == ReasonExpired { // the server's own certificate is expired too then
				l, err := load(o)
				if err != nil {
					t.Fatal(err)
				}
				l.now = late.Now
				b.publish(l)
			} else {
				swap, err := b.Prepare(late)
				if err != nil {
					t.Fatal(err)
				}
				swap()
			}
			rev.err = &RevokedError{Serial: Serial(client.cert)}
			err := b.Judge(path)
			if got := Classify(err); got != tt.want {
				t.Errorf("%q (%v), want %q", got, err, tt.want)
			}
			if err != nil && err.(*HandshakeError).Subject != "CN=client" {
				t.Errorf("%+v", err)
			}
		})
	}
}

// A handshake that began before a swap is judged by the rules after it: for
// crypto/tls the old ones held.
func TestSwapDuringHandshake(t *testing.T) {
	root, other := issue(t, "root", nil, nil, ca), issue(t, "other", nil, nil, ca)
	server := issue(t, "localhost", nil, root, forLocalhost)
	o := Options{Files: files(t, certPEM(server), keyPEM(t, server.key), certPEM(root)), VerifyPeer: true, RequirePeer: true}
	cfg, b, err := ServerConfig(o)
	if err != nil {
		t.Fatal(err)
	}
	client := presenting(issue(t, "client", nil, root, nil))
	give := client.GetClientCertificate
	client.GetClientCertificate = func(i *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if err := os.WriteFile(o.CACertfile, []byte(certPEM(other)), 0o600); err != nil {
			t.Error(err)
		}
		swap, err := b.Prepare(o)
		if err != nil {
			t.Error(err)
		} else {
			swap()
		}
		return give(i)
	}
	if _, serverErr, _ := shake(t, cfg, client); Classify(serverErr) != ReasonUnknownCA {
		t.Errorf("%v", serverErr)
	}
}
