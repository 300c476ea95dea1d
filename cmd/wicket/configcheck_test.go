package main

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/cert/certtest"
)

// TestConfigCheckLoadsTLSFiles: what is wrong with the files of a listener is
// found at its key, as a start would say it, and a start leaves the same things
// alone (CERT-09).
func TestConfigCheckLoadsTLSFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	put := func(name string, kind string, der ...[]byte) {
		var text []byte
		for _, one := range der {
			text = append(text, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: one})...)
		}
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	putKey := func(name string, k *ecdsa.PrivateKey) {
		der, err := x509.MarshalPKCS8PrivateKey(k)
		if err != nil {
			t.Fatal(err)
		}
		put(name, "PRIVATE KEY", der)
	}
	rootKey, key, other := certtest.NewKey(t), certtest.NewKey(t), certtest.NewKey(t)
	root := certtest.Issue(t, "root", rootKey, nil, nil, certtest.CA)
	local := func(c *x509.Certificate) { c.DNSNames = []string{"localhost"} }
	leaf := certtest.Issue(t, "leaf", key, root, rootKey, local)
	between := func(from, to time.Duration) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(from), time.Now().Add(to) }
	}
	put("leaf.pem", "CERTIFICATE", leaf.Raw)
	put("root.pem", "CERTIFICATE", root.Raw)
	put("turned.pem", "CERTIFICATE", root.Raw, leaf.Raw)
	put("old.pem", "CERTIFICATE", certtest.Issue(t, "old", key, root, rootKey, local, between(-2*time.Hour, -time.Hour)).Raw)
	put("early.pem", "CERTIFICATE", certtest.Issue(t, "early", key, root, rootKey, local, between(time.Hour, 2*time.Hour)).Raw)
	put("nameless.pem", "CERTIFICATE", certtest.Issue(t, "nameless", key, root, rootKey).Raw)
	putKey("leaf.key", key)
	putKey("other.key", other)
	for name, text := range map[string]string{"noise": "noise\n", "empty.pem": ""} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const (
		good = "the configuration is good\n"
		one  = "the configuration has a mistake:\nc.yaml:3: listeners.tls.default.tls"
		pair = "certfile: leaf.pem, keyfile: leaf.key"
	)
	for name, test := range map[string]struct {
		tls  string // what is below listeners.tls.default.tls, in line 3
		more string // further lines
		code int
		want string // all of the output, with … for a time
	}{
		"good":        {pair, "", exitOK, good},
		"mutual":      {pair + ", cacertfile: root.pem, verify: verify_peer", "", exitOK, good},
		"development": {"", "", exitOK, good},
		"acme": {"acme_domains: [broker.example.com]", "acme: { agree: true, cacertfile: root.pem }\n", exitOK,
			"warning: c.yaml:3: listeners.tls.default.tls: clients are refused until the ACME authority has issued a certificate: there is none yet\n" + good},
		"switched off": {"certfile: old.pem, keyfile: leaf.key }, enable: false } } } # ", "", exitOK, good},
		"warning": {"certfile: nameless.pem, keyfile: leaf.key", "", exitOK,
			`warning: c.yaml:3: listeners.tls.default.tls.certfile: certfile "nameless.pem" has no subject alternative name: clients that check names will refuse it` + "\n" + good},
		"made at a start": {"verify: verify_peer, cacertfile: noise", "", exitRuntime,
			one + `.cacertfile: cacertfile "noise" holds no certificate; it is not PEM (no -----BEGIN CERTIFICATE----- line)`},
		"missing": {"certfile: none.pem, keyfile: leaf.key", "", exitConfig,
			one + `.certfile: cannot read "none.pem": no such file or directory; create it or correct the path`},
		"expired": {"certfile: old.pem, keyfile: leaf.key", "", exitRuntime,
			one + `.certfile: certfile "old.pem": certificate 1 (CN=old) expired at …; renew it`},
		"too early": {"certfile: early.pem, keyfile: leaf.key", "", exitRuntime,
			one + `.certfile: certfile "early.pem": certificate 1 (CN=early) is not valid before …; is this machine's clock right?`},
		"other key": {"certfile: leaf.pem, keyfile: other.key", "", exitRuntime,
			one + `.keyfile: keyfile "other.key" does not belong to certfile "leaf.pem", whose first certificate is for CN=leaf; give the key that its request was made with`},
		"order": {"certfile: turned.pem, keyfile: leaf.key", "", exitRuntime,
			one + `.certfile: certfile "turned.pem" is in the wrong order: keyfile "leaf.key" belongs to its certificate 2 (CN=leaf), which must come first, then its issuer, and so on upward`},
		"no authority": {pair + ", cacertfile: leaf.pem, verify: verify_peer", "", exitRuntime,
			one + `.cacertfile: cacertfile "leaf.pem": certificate 1 (CN=leaf) is not an authority; the file takes those that issue client certificates, not the clients' own`},
		"no PEM": {"certfile: noise, keyfile: leaf.key", "", exitRuntime,
			one + `.certfile: certfile "noise" holds no certificate; it is not PEM (no -----BEGIN CERTIFICATE----- line)`},
		"empty": {"certfile: empty.pem, keyfile: leaf.key", "", exitRuntime, one + `.certfile: certfile "empty.pem" is empty`},
		"sni": {pair + ", bundles: { x: { sni: localhost, certfile: old.pem, keyfile: leaf.key } }", "", exitRuntime,
			one + `: sni "localhost": certfile "old.pem": certificate 1 (CN=old) expired at …; renew it`},
		"stapling": {pair + ", ocsp: { enable_ocsp_stapling: true, responder_url: http://localhost:1, issuer_pem: noise }", "", exitRuntime,
			one + `: cannot staple OCSP answers on listener "tls:default": issuer_pem: file "noise" holds no certificate; it is not PEM (no -----BEGIN CERTIFICATE----- line)`},
		"no authority of acme": {"acme_domains: [broker.example.com]", "acme: { agree: true, cacertfile: noise }\n", exitRuntime,
			one + `: acme: cacertfile "noise" holds no certificate; it is not PEM (no -----BEGIN CERTIFICATE----- line)`},
	} {
		text := "auth: { anonymous: allow }\nlisteners: { tcp: { default: { bind: 127.0.0.1:1883 } }, tls: { default: { bind: 127.0.0.1:8883,\n  tls: { " + test.tls + " } } } }\n" + test.more
		if err := os.WriteFile("c.yaml", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, more := range [][]string{nil, {"--no-plugins"}} {
			out, code := wicketConfig(t, append([]string{"check", "-c", "c.yaml"}, more...)...)
			before, after, _ := strings.Cut(test.want, "…")
			if code != test.code || !strings.HasPrefix(out, before) || !strings.HasSuffix(out, after) || len(out) > len(before)+len(after)+len(time.RFC3339) {
				t.Errorf("%s %v: exit code %d, want %d\n%s\nwant\n%s", name, more, code, test.code, out, test.want)
			}
		}
	}
	if _, err := os.Stat("data"); err == nil {
		t.Error("the check has made a data directory")
	}
}
