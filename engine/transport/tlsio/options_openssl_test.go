package tlsio

import (
	"context"
	"crypto/x509"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/wicketmq/wicket/engine/cert"
)

// authority makes an authority with a server and a client by OpenSSL, on ECDSA;
// the server's key is under a password.
func authority(t *testing.T, dir string) {
	t.Helper()
	ec := []string{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"}
	openssl(t, dir, append([]string{"genpkey", "-out", "ca.key"}, ec...)...)
	openssl(t, dir, "req", "-x509", "-new", "-key", "ca.key", "-out", "ca.pem", "-days", "10", "-subj", "/CN=authority")
	for _, who := range []string{"server", "tenant", "client"} {
		openssl(t, dir, append([]string{"genpkey", "-aes256", "-pass", "pass:secret", "-out", who + ".key"}, ec...)...)
		openssl(t, dir, "req", "-new", "-key", who+".key", "-passin", "pass:secret", "-out", who+".csr", "-subj", "/CN="+who)
		openssl(t, dir, "x509", "-req", "-in", who+".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", who+".pem", "-days", "10")
	}
}

// What OpenSSL's client asks for is what it gets, or the alert that the RFC has
// for it: TLS-09, TLS-11, TLS-26.
func TestJourneyOptions(t *testing.T) {
	needOpenSSL(t)
	dir := t.TempDir()
	authority(t, dir)
	in := func(name string) string { return filepath.Join(dir, name) }
	base := cert.Options{
		Files: cert.Files{Certfile: in("server.pem"), Keyfile: in("server.key"), Password: "secret"},
		SNI:   []cert.SNI{{Name: "*.tenant.example", Certfile: in("tenant.pem"), Keyfile: in("tenant.key"), Password: "secret"}},
		ALPN:  []string{"mqtt"},
	}
	for _, tt := range []struct {
		name   string
		change func(*cert.Options)
		args   []string
		says   string // by s_client
		reason cert.Reason
	}{
		{"protocol", nil, []string{"-alpn", "mqtt"}, "ALPN protocol: mqtt", ""},
		{"no protocol", nil, nil, "No ALPN negotiated", ""},
		{"another protocol", nil, []string{"-alpn", "h2"}, "alert number 120", cert.ReasonALPN}, // RFC 7301 section 3.2
		{"no name", nil, []string{"-noservername"}, "subject=CN = server", ""},
		{"a name", nil, []string{"-servername", "A.Tenant.example"}, "subject=CN = tenant", ""},
		{"too deep a name", nil, []string{"-servername", "b.a.tenant.example"}, "subject=CN = server", ""},
		{"curve", func(o *cert.Options) { o.Curves = []string{"P-384", "P-256"} }, []string{"-groups", "P-384"}, "Server Temp Key: ECDH, secp384r1, 384 bits", ""},
		{"curve after a retry", func(o *cert.Options) { o.Curves = []string{"P-256"} }, []string{"-groups", "X25519:P-256"}, "Server Temp Key: ECDH, prime256v1, 256 bits", ""},
		{"no curve in common", func(o *cert.Options) { o.Curves = []string{"P-256"} }, []string{"-groups", "P-521"}, "alert number 40", cert.ReasonCipher},
		{"cipher", func(o *cert.Options) { o.Ciphers = []string{"ECDHE-ECDSA-AES256-GCM-SHA384"} }, []string{"-tls1_2"}, "Cipher is ECDHE-ECDSA-AES256-GCM-SHA384", ""},
		{"no cipher in common", func(o *cert.Options) { o.Ciphers = []string{"ECDHE-ECDSA-AES256-GCM-SHA384"} },
			[]string{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"}, "alert number 40", cert.ReasonCipher},
		{"ciphers do not touch 1.3", func(o *cert.Options) { o.Ciphers = []string{"ECDHE-ECDSA-AES256-GCM-SHA384"} },
			[]string{"-ciphersuites", "TLS_AES_128_GCM_SHA256"}, "Cipher is TLS_AES_128_GCM_SHA256", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := base
			if tt.change != nil {
				tt.change(&o)
			}
			cfg, _, err := cert.ServerConfig(o)
			if err != nil {
				t.Fatal(err)
			}
			address, results := serve(t, cfg)
			out := client(t, dir, address, append([]string{"-CAfile", "ca.pem"}, tt.args...), handshake, "hello\n", "hello")
			d := <-results
			if d.open != (tt.reason == "") || !d.open && cert.Classify(d.err) != tt.reason || !strings.Contains(out, tt.says) {
				t.Fatalf("%+v, want %q and %q\n%s", d, tt.reason, tt.says, out)
			}
		})
	}
}

// revoker revokes all certificates when told so.
type revoker struct{ revoked atomic.Bool }

func (r *revoker) Check(_ context.Context, path []*x509.Certificate) error { return r.Known(path) }

func (r *revoker) Known(path []*x509.Certificate) error {
	if r.revoked.Load() {
		return &cert.RevokedError{Serial: cert.Serial(path[0]), Source: "test"}
	}
	return nil
}

// A session that OpenSSL kept is resumed until its certificate is revoked or
// its authority gone.
func TestJourneyResumption(t *testing.T) {
	needOpenSSL(t)
	dir := t.TempDir()
	authority(t, dir)
	openssl(t, dir, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "other.key", "-out", "other.pem", "-days", "10", "-subj", "/CN=other")
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		for _, tt := range []struct {
			name   string
			change func(*testing.T, *revoker, func(authorities string))
			alert  string
			reason cert.Reason
		}{
			{"revoked", func(_ *testing.T, r *revoker, _ func(string)) { r.revoked.Store(true) }, "alert number 42", cert.ReasonRevoked},
			{"authority removed", func(_ *testing.T, _ *revoker, swap func(string)) { swap("other.pem") }, "alert number 48", cert.ReasonUnknownCA},
			{"files swapped", func(_ *testing.T, _ *revoker, swap func(string)) { swap("ca.pem") }, "", ""},
		} {
			t.Run(tt.name+" "+version, func(t *testing.T) {
				revoked := new(revoker)
				o := cert.Options{
					Files:      cert.Files{Certfile: in("server.pem"), Keyfile: in("server.key"), Password: "secret", CACertfile: in("ca.pem")},
					VerifyPeer: true, RequirePeer: true, Tickets: true, Revocation: revoked,
				}
				cfg, bundle, err := cert.ServerConfig(o)
				if err != nil {
					t.Fatal(err)
				}
				address, results := serve(t, cfg)
				session := filepath.Join(t.TempDir(), "session.pem")
				args := []string{version, "-CAfile", "ca.pem", "-cert", "client.pem", "-key", "client.key", "-pass", "pass:secret"}
				connect := func(more ...string) (string, dialogue) {
					out := client(t, dir, address, slices.Concat(args, more), handshake, "hello\n", "hello")
					return out, <-results
				}
				if out, d := connect("-sess_out", session); !d.open || strings.Contains(out, "Reused") {
					t.Fatalf("first: %+v\n%s", d, out)
				}
				if out, d := connect("-sess_in", session); !d.open || d.cn != "client" || !strings.Contains(out, "Reused") {
					t.Fatalf("resumed: %+v\n%s", d, out)
				}
				tt.change(t, revoked, func(authorities string) {
					o.CACertfile = in(authorities)
					swap, err := bundle.Prepare(o)
					if err != nil {
						t.Fatal(err)
					}
					swap()
				})
				out, d := connect("-sess_in", session)
				if d.open != (tt.reason == "") || !d.open && cert.Classify(d.err) != tt.reason || !strings.Contains(out, tt.alert) {
					t.Fatalf("%+v, want %q and %q\n%s", d, tt.reason, tt.alert, out)
				}
				if d.open && !strings.Contains(out, "Reused") {
					t.Errorf("the swap ended the session\n%s", out)
				}
			})
		}
	}
}
