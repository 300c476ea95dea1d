package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// The server shows a certificate, clients show none.

func TestOneWayTLS(t *testing.T) {
	t.Parallel()
	certs := pki(t)
	ca := filepath.Join(certs, "ca.pem")
	p := start(t, "-c", configured(t,
		tlsYAML("rsa", "emqx.pem", "emqx.key", ""),
		tlsYAML("dns", "dns.pem", "emqx.key", ""),
		tlsYAML("pkcs1", "emqx.pem", "pkcs1.key", ""),
		tlsYAML("p256", "p256.pem", "p256.key", ""),
		tlsYAML("ed25519", "ed25519.pem", "ed25519.key", ""),
		tlsYAML("chain", "chain.pem", "emqx.key", ""),
		tlsYAML("only12", "emqx.pem", "emqx.key", ", versions: [tlsv1.2]"),
		tlsYAML("only13", "emqx.pem", "emqx.key", ", versions: [tlsv1.3]"),
	))

	// TLS-02, TLS-07, TLS-08, TLS-10: every key, every version, one message.
	for _, name := range []string{"rsa", "pkcs1", "p256", "ed25519", "chain"} {
		for _, version := range []string{"tlsv1.2", "tlsv1.3"} {
			t.Run(name+"/"+version, func(t *testing.T) {
				chat(t, p.addr("tls:"+name), "--cafile", ca, "--tls-version", version)
			})
		}
	}
	t.Run("only12", func(t *testing.T) { chat(t, p.addr("tls:only12"), "--cafile", ca, "--tls-version", "tlsv1.2") })
	t.Run("only13", func(t *testing.T) { chat(t, p.addr("tls:only13"), "--cafile", ca, "--tls-version", "tlsv1.3") })

	t.Run("a name instead of an address", func(t *testing.T) {
		_, port := hostPort(t, p.addr("tls:dns"))
		chat(t, "localhost:"+port, "--cafile", ca)
		said := shut(t, p.addr("tls:dns"), "--cafile", ca)
		if !strings.Contains(said, "A TLS error occurred") {
			t.Errorf("with the address, which is not in the certificate: %q", said)
		}
	})
	t.Run("nobody is asked for a certificate", func(t *testing.T) {
		said := handshake(t, p.addr("tls:rsa"), "-CAfile", ca)
		for _, sentence := range []string{"Verify return code: 0 (ok)", "No client certificate CA names sent"} {
			if !strings.Contains(said, sentence) {
				t.Errorf("openssl does not say %q:\n%s", sentence, said)
			}
		}
	})
	t.Run("the chain is sent as it is in the file", func(t *testing.T) { // RFC 8446 §4.4.2
		said := handshake(t, p.addr("tls:chain"), "-CAfile", ca, "-showcerts")
		if n := strings.Count(said, "BEGIN CERTIFICATE"); n != 2 || !strings.Contains(said, "Verify return code: 0 (ok)") {
			t.Errorf("%d certificates:\n%s", n, said)
		}
	})
}

func TestOneWayTLSRefuses(t *testing.T) {
	t.Parallel()
	certs := pki(t)
	ca := filepath.Join(certs, "ca.pem")
	p := start(t, "--log-level", "debug", "-c", configured(t,
		tlsYAML("default", "emqx.pem", "emqx.key", ""),
		tlsYAML("only12", "emqx.pem", "emqx.key", ", versions: [tlsv1.2]"),
		tlsYAML("only13", "emqx.pem", "emqx.key", ", versions: [tlsv1.3]"),
	))
	addr := p.addr("tls:default")

	t.Run("another version", func(t *testing.T) { // alert 70, RFC 8446 §6.2
		for listener, flag := range map[string]string{"tls:only12": "-tls1_3", "tls:only13": "-tls1_2"} {
			if said := handshake(t, p.addr(listener), flag); !strings.Contains(said, "alert protocol version") || !strings.Contains(said, "alert number 70") {
				t.Errorf("%s %s: no alert 70:\n%s", listener, flag, said)
			}
			p.refusal(listener, "version")
		}
	})
	t.Run("no cipher suite in common", func(t *testing.T) { // alert 40
		if said := handshake(t, p.addr("tls:only12"), "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"); !strings.Contains(said, "alert number 40") {
			t.Errorf("no alert 40:\n%s", said)
		}
		p.refusal("tls:only12", "cipher")
	})
	t.Run("plain MQTT", func(t *testing.T) { // TLS-29
		w := dial(t, addr, "")
		w.says(`10 0d 00 04 "MQTT" 04 02 00 3c 00 01 "c"`)
		if last := w.closed(); len(last) > 0 && last[0] != 0x15 {
			t.Errorf("the broker answers % x, which is no TLS alert", last)
		}
		p.refusal("tls:default", "not_tls")
		if said := shut(t, addr); said == "" {
			t.Error("mosquitto_pub without TLS says nothing")
		}
		chat(t, addr, "--cafile", ca)
	})
	t.Run("a client that trusts others", func(t *testing.T) {
		for _, flags := range [][]string{{"--tls-use-os-certs"}, {"--cafile", filepath.Join(certs, "foreign-ca.pem")}} {
			if said := shut(t, addr, flags...); !strings.Contains(said, "A TLS error occurred") {
				t.Errorf("%v: %q", flags, said)
			}
		}
		p.refusal("tls:default", "refused_by_client")
	})
}

// Files that cannot work are refused before anything listens, with a sentence
// that names them (TLS-06, TLS-07, TLS-08, TLS-10).
func TestTLSFilesAreChecked(t *testing.T) {
	t.Parallel()
	mistakes := []struct {
		name, listener string
		code           int
		sentences      []string
	}{
		{"wrong order", tlsYAML("default", "wrong-order.pem", "emqx.key", ""), 1,
			[]string{"tls:default", "certs/wrong-order.pem", "wrong order", "must come first"}},
		{"key of another certificate", tlsYAML("default", "emqx.pem", "p256.key", ""), 1,
			[]string{"certs/emqx.pem", "certs/p256.key", "does not belong"}},
		{"exchanged", tlsYAML("default", "emqx.key", "emqx.pem", ""), 1,
			[]string{"certs/emqx.key", "are certfile and keyfile exchanged?"}},
		{"expired", tlsYAML("default", "expired.pem", "client.key", ""), 1,
			[]string{"certs/expired.pem", "expired at"}},
		{"not there", tlsYAML("default", "none.pem", "emqx.key", ""), 1,
			[]string{"certs/none.pem", "no such file"}},
		{"no authority", tlsYAML("default", "emqx.pem", "emqx.key", ", verify: verify_peer"), 3,
			[]string{"verify_peer", "cacertfile"}},
		{"not asked but required", tlsYAML("default", "emqx.pem", "emqx.key", ", verify: verify_none, fail_if_no_peer_cert: true"), 3,
			[]string{"fail_if_no_peer_cert", "verify_peer", "wicket.yaml:7"}},
		{"an authority that is no certificate", tlsYAML("default", "emqx.pem", "emqx.key", ", cacertfile: certs/ca.key, verify: verify_peer"), 1,
			[]string{"cacertfile", "certs/ca.key", "holds no certificate"}},
		{"a gap in the versions", tlsYAML("default", "emqx.pem", "emqx.key", `, versions: ["tlsv1.3", "tlsv1.1"]`), 3,
			[]string{"versions", "tlsv1.2"}},
		{"a version that is none", tlsYAML("default", "emqx.pem", "emqx.key", `, versions: ["sslv3"]`), 3,
			[]string{"versions", "sslv3", "tlsv1.3"}},
	}
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			p := launch(t, "-c", configured(t, m.listener))
			code := p.exit(patience)
			said := p.transcript()
			if code != m.code {
				t.Errorf("exit code %d, want %d", code, m.code)
			}
			for _, sentence := range m.sentences {
				if !strings.Contains(said, sentence) {
					t.Errorf("not said: %q", sentence)
				}
			}
			if t.Failed() {
				t.Logf("it said:\n%s", said)
			}
		})
	}
}

// T-05: whoever gives the authority the name that the tutorial gives the
// server gets a warning, for clients would not tell them apart.
func TestIssuerNamedLikeSubject(t *testing.T) {
	t.Parallel()
	p := start(t, "-c", configured(t, tlsYAML("default", "same-name.pem", "emqx.key", "")))
	l := p.waitFor("", patience, isWarning)
	if text := l.text("msg"); !strings.Contains(text, "issuer equals subject") || !strings.Contains(text, "certs/same-name.pem") {
		t.Errorf("the warning is %v", l)
	}
}
