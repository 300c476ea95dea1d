package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Journey J1: the tutorial on two-way TLS, from its openssl commands to a
// message, and everything that must not get in (TLS-03, 04, 05, 16, 17, 20,
// 33; A2).

// Steps 1 to 3: what the commands of the tutorial have made.
func TestTutorialCertificates(t *testing.T) {
	t.Parallel()
	dir := pki(t)
	for _, check := range []struct{ command, says string }{
		{"openssl x509 -in emqx.pem -noout -ext subjectAltName", "IP Address:127.0.0.1"},
		{"openssl x509 -in dns.pem -noout -ext subjectAltName", "DNS:localhost"},
		{"openssl x509 -in client.pem -noout -text", "Version: 1 (0x0)"},
		{"openssl verify -CAfile ca.pem client.pem", "client.pem: OK"},
	} {
		if r := must(t, dir, "sh", "-c", check.command); !strings.Contains(r.out, check.says) {
			t.Errorf("%s: no %q in\n%s", check.command, check.says, r.out)
		}
	}
}

// Steps 4 and 5: the files in certs/, the six keys, a restart, and a message
// between two clients. Step 10: again for each version and kind of key.
func TestMutualTLS(t *testing.T) {
	t.Parallel()
	certs := pki(t)
	dir := t.TempDir()
	must(t, dir, "sh", "-e", "-c", fmt.Sprintf("mkdir certs && cd %q && cp emqx.pem emqx.key ca.pem p256.* ed25519.* chain.pem %s/certs", certs, dir))
	config := write(t, filepath.Join(dir, "wicket.yaml"), `
listeners:
  tls:
    default:
      bind: 127.0.0.1:0
      max_connections: 1000000
      tls: { certfile: certs/emqx.pem, keyfile: certs/emqx.key, cacertfile: certs/ca.pem, verify: verify_peer, fail_if_no_peer_cert: true }
`+tlsYAML("p256", "p256.pem", "p256.key", mutual)+tlsYAML("ed25519", "ed25519.pem", "ed25519.key", mutual)+
		tlsYAML("chain", "chain.pem", "emqx.key", mutual)+
		tlsYAML("only12", "emqx.pem", "emqx.key", mutual+", versions: [tlsv1.2]")+
		tlsYAML("only13", "emqx.pem", "emqx.key", mutual+", versions: [tlsv1.3]")+`
auth: { anonymous: allow }
`)
	data := filepath.Join(dir, "data")
	p := start(t, "-c", config, "--data", data)
	ca := []string{"--cafile", filepath.Join(certs, "ca.pem")}
	client := append(ca, identity(certs, "client.pem", "client.key")...)

	t.Run("the tutorial", func(t *testing.T) { chat(t, p.addr("tls:default"), client...) })
	for _, name := range []string{"default", "p256", "ed25519", "chain"} {
		for _, version := range []string{"tlsv1.2", "tlsv1.3"} {
			t.Run(name+"/"+version, func(t *testing.T) {
				chat(t, p.addr("tls:"+name), append(client, "--tls-version", version)...)
			})
		}
	}
	t.Run("only TLS 1.2", func(t *testing.T) { chat(t, p.addr("tls:only12"), client...) })
	t.Run("only TLS 1.3", func(t *testing.T) { chat(t, p.addr("tls:only13"), client...) })
	for _, kind := range []string{"p256", "ed25519"} {
		t.Run("a client with "+kind, func(t *testing.T) {
			chat(t, p.addr("tls:default"), append(ca, identity(certs, "client-"+kind+".pem", kind+".key")...)...)
		})
	}
	t.Run("a client below an intermediate, which it sends", func(t *testing.T) {
		chat(t, p.addr("tls:default"), append(ca, identity(certs, "client-chain.pem", "client.key")...)...)
	})
	t.Run("the listener counts its clients", func(t *testing.T) { countsClients(t, p.addr("tls:default"), data, client) })
	t.Run("who speaks plain MQTT, or trusts others, stays out", func(t *testing.T) {
		shut(t, p.addr("tls:default"))
		shut(t, p.addr("tls:default"), append(identity(certs, "client.pem", "client.key"), "--tls-use-os-certs")...)
		p.refusal("tls:default", "refused_by_client")
		chat(t, p.addr("tls:default"), client...)
	})
	t.Run("openssl agrees", func(t *testing.T) {
		said := handshake(t, p.addr("tls:default"), "-CAfile", ca[1], "-cert", client[3], "-key", client[5])
		for _, sentence := range []string{"Acceptable client certificate CA names", "CN = Root", "Verify return code: 0 (ok)"} {
			if !strings.Contains(said, sentence) {
				t.Errorf("openssl does not say %q:\n%s", sentence, said)
			}
		}
	})
}

// countsClients is step 6, by command in place of the dashboard: the listener
// runs and has a client, and has none soon after that has left (U-50).
func countsClients(t *testing.T, addr, data string, client []string) {
	t.Helper()
	is := func(clients int64) func() bool {
		return func() bool {
			l := listenerOf(t, statusOf(t, data), "tls:default")
			return l.Running && l.Bind == addr && l.Transport == "tls" && l.Connected == clients && l.Connections == clients && l.MaxConnections == 1000000
		}
	}
	host, port := hostPort(t, addr)
	s := startSub(t, append([]string{"-h", host, "-p", port, "-t", "t/1"}, client...)...)
	s.hear("received SUBACK")
	eventually(t, "one client", patience, is(1)) // those before may be on their way out
	s.kill()
	eventually(t, "no client any more", 5*time.Second, is(0))
}

// Step 7: who must stay out, with the alert that openssl shows in each version
// of TLS (RFC 8446 §6.2, RFC 5246 §7.2.2) and the one line of the log.
func TestMutualTLSRefuses(t *testing.T) {
	t.Parallel()
	certs := pki(t)
	file := func(name string) string { return filepath.Join(certs, name) }
	ca := []string{"--cafile", file("ca.pem")}
	strangers := []struct {
		name          string
		cert          string // of the client, with client.key
		alert13, tls2 int
		reason        string
	}{
		{"no certificate", "", 116, 40, "no_cert"},
		{"certificate of another authority", "foreign.pem", 48, 48, "unknown_ca"},
		{"certificate below an intermediate that it does not send", "below.pem", 48, 48, "unknown_ca"},
		{"expired certificate", "expired.pem", 45, 45, "expired"},
	}
	for _, s := range strangers {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := start(t, "-c", configured(t, tlsYAML("default", "emqx.pem", "emqx.key", mutual)))
			addr := p.addr("tls:default")
			var openssl, mosquitto []string
			if s.cert != "" {
				openssl = []string{"-cert", file(s.cert), "-key", file("client.key")}
				mosquitto = identity(certs, s.cert, "client.key")
			}
			for flag, alert := range map[string]int{"-tls1_3": s.alert13, "-tls1_2": s.tls2} {
				said := handshake(t, addr, append(openssl, flag, "-CAfile", file("ca.pem"))...)
				if want := fmt.Sprintf("alert number %d", alert); !strings.Contains(said, want) {
					t.Errorf("%s: no %q in\n%s", flag, want, said)
				}
			}
			shut(t, addr, append(ca, mosquitto...)...)
			refusedThrice(t, p, s.reason, s.cert != "")
			chat(t, addr, append(ca, identity(certs, "client.pem", "client.key")...)...)
		})
	}
}

// refusedThrice looks for one line per refusal, with what an operator needs.
func refusedThrice(t *testing.T, p *process, reason string, shown bool) {
	t.Helper()
	eventually(t, "a line for each refusal", patience, func() bool {
		lines, _ := p.find("TLS handshake refused")
		return len(lines) == 3
	})
	lines, _ := p.find("TLS handshake refused")
	for _, l := range lines {
		if l.text("reason") != reason || l.text("listener") != "tls:default" || !strings.HasPrefix(l.text("peer"), "127.0.0.1:") || l.text("error") == "" {
			t.Errorf("the log says %v, want the reason %s, listener, peer and error", l, reason)
		}
		if shown && (!strings.Contains(l.text("subject"), "CN=client") || l.text("serial") == "" || l.text("not_after") == "") {
			t.Errorf("the log says %v, want the certificate's subject, serial and notAfter", l)
		}
	}
}

// Step 8: a certificate is welcome but not required; a bad one is still bad.
func TestOptionalClientCertificate(t *testing.T) {
	t.Parallel()
	certs := pki(t)
	p := start(t, "-c", configured(t, tlsYAML("default", "emqx.pem", "emqx.key",
		", cacertfile: certs/ca.pem, verify: verify_peer, fail_if_no_peer_cert: false")))
	addr := p.addr("tls:default")
	ca := []string{"--cafile", filepath.Join(certs, "ca.pem")}
	chat(t, addr, ca...)
	chat(t, addr, append(ca, identity(certs, "client.pem", "client.key")...)...)
	shut(t, addr, append(ca, identity(certs, "foreign.pem", "client.key")...)...)
	p.refusal("tls:default", "unknown_ca")
}

// Step 9: a certificate is required but nobody is asked: exit code 3, and the
// sentence says which options contradict each other.
func TestContradictoryOptions(t *testing.T) {
	t.Parallel()
	p := launch(t, "-c", configured(t, tlsYAML("default", "emqx.pem", "emqx.key",
		", cacertfile: certs/ca.pem, verify: verify_none, fail_if_no_peer_cert: true")))
	if code := p.exit(patience); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
	for _, word := range []string{"wicket.yaml:7", "listeners.tls.default.tls.fail_if_no_peer_cert", "it needs verify: verify_peer"} {
		if !strings.Contains(p.transcript(), word) {
			t.Errorf("no %q in %s", word, p.transcript())
		}
	}
}

// New certificates are used after SIGHUP, and broken ones are not.
func TestCertificatesAreReloaded(t *testing.T) {
	t.Parallel()
	certs := pki(t)
	config := configured(t, tlsYAML("default", "now.pem", "now.key", ""))
	dir := filepath.Join(filepath.Dir(config), "certs")
	if err := os.Remove(dir); err != nil { // the link to what all tests share
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	put := func(cert, key string) {
		must(t, dir, "cp", filepath.Join(certs, cert), "now.pem")
		must(t, dir, "cp", filepath.Join(certs, key), "now.key")
	}
	put("emqx.pem", "emqx.key")
	p := start(t, "-c", config)
	shown := func() string {
		said := handshake(t, p.addr("tls:default"), "-CAfile", filepath.Join(certs, "ca.pem"))
		_, rest, _ := strings.Cut(said, "-----BEGIN CERTIFICATE-----")
		cert, _, _ := strings.Cut(rest, "-----END")
		return cert
	}
	is := func(name string) bool { return strings.Contains(read(t, filepath.Join(certs, name)), shown()) }
	if !is("emqx.pem") {
		t.Fatal("not the certificate of the file")
	}
	put("p256.pem", "p256.key")
	p.hangup("configuration reloaded")
	if !is("p256.pem") {
		t.Fatal("not the new certificate after SIGHUP")
	}
	write(t, filepath.Join(dir, "now.pem"), "half a cert")
	if l := p.hangup("reload failed"); !strings.Contains(l.text("error"), "now.pem") {
		t.Errorf("the log does not name the file: %v", l)
	}
	if !is("p256.pem") {
		t.Fatal("not the old certificate after a bad one")
	}
}
