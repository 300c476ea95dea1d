package upstream

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"
)

// TestCiphers: the suites that are chosen are those that are offered, to a
// server that accepts only one; TLS 1.3 has its own (AHTTP-07).
func TestCiphers(t *testing.T) {
	ca := newAuthority(t, "CA")
	const only, other = tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
	for _, test := range []struct {
		name    string
		newest  uint16
		ciphers []uint16
		good    bool
	}{
		{"Go's", tls.VersionTLS12, nil, true},
		{"that one", tls.VersionTLS12, []uint16{only}, true},
		{"both", tls.VersionTLS12, []uint16{other, only}, true},
		{"another", tls.VersionTLS12, []uint16{other}, false},
		{"none", tls.VersionTLS12, []uint16{}, false},
		{"TLS 1.3", tls.VersionTLS13, []uint16{other}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			protocols(t, func(t *testing.T, http2 bool) {
				server := serve(t, ca.leaf(t, "127.0.0.1"), nil, http2, func(w http.ResponseWriter, r *http.Request) {
					if r.TLS.Version == tls.VersionTLS12 && r.TLS.CipherSuite != only {
						w.WriteHeader(http.StatusTeapot)
					}
				}, func(c *tls.Config) { c.MaxVersion, c.CipherSuites = test.newest, []uint16{only} })
				o := trusting(server, ca)
				o.TLS.Ciphers = test.ciphers
				_, u := open(t, o)
				got := ask(t, u, Request{})
				if test.good && (got.err != nil || got.Status != http.StatusOK) {
					t.Errorf("%d, %v", got.Status, got.err)
				}
				if k := kind(t, got.err); !test.good && (k != TLS && k != Open || !strings.Contains(got.err.Error(), "handshake")) {
					t.Errorf("%d, %v", got.Status, got.err)
				}
			})
		})
	}
	for _, list := range [][]uint16{nil, {}, {other}, {only, other}} {
		if o := (Options{TLS: TLSOptions{Ciphers: []uint16{only}}}); o.same(&Options{TLS: TLSOptions{Ciphers: list}}) {
			t.Errorf("%v needs no new connections", list)
		}
	}
}
