package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// What people bring along from EMQX: the configurations of its tutorials, in
// the spelling of 4.x and of 5.x, by "wicket import" and as they are.

// tutorials are configurations for mutual TLS, with an address that a test can
// take. A further snippet is a further line, with what its import loses.
var tutorials = []struct {
	name     string
	listener string
	conf     string
	lost     []string // what the report says; none is exit code 0
}{
	{name: "4.x", listener: "tls:external", conf: `## Mutual TLS
listener.ssl.external = 127.0.0.1:0
listener.ssl.external.keyfile = etc/certs/emqx.key
listener.ssl.external.certfile = etc/certs/emqx.pem
listener.ssl.external.cacertfile = etc/certs/ca.pem
listener.ssl.external.verify = verify_peer
listener.ssl.external.fail_if_no_peer_cert = true
`},
	{name: "5.x", listener: "tls:default", conf: `listeners.ssl.default {
  bind = "127.0.0.1:0"
  ssl_options {
    keyfile = "etc/certs/emqx.key"
    certfile = "etc/certs/emqx.pem"
    cacertfile = "${EMQX_ETC_DIR}/certs/ca.pem"
    verify = verify_peer
    fail_if_no_peer_cert = true
  }
}
`},
	{name: "5.x with what is not here", listener: "tls:default", conf: `node { name = "emqx@127.0.0.1", cookie = "do not tell" }
listeners.ssl.default.bind = "127.0.0.1:0"
listeners.ssl.default.ssl_options {
  keyfile = "etc/certs/emqx.key", certfile = "etc/certs/emqx.pem", cacertfile = "etc/certs/ca.pem"
  verify = verify_peer, fail_if_no_peer_cert = true
  dhfile = "etc/certs/dh.pem"
}
`, lost: []string{"etc/emqx.conf:1: node: not carried over: ", "etc/emqx.conf:6: listeners.ssl.default.ssl_options.dhfile: not carried over: "}},
}

// installation is a directory with etc/emqx.conf and the certificates.
func installation(t *testing.T, conf string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "etc"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(pki(t), filepath.Join(dir, "etc", "certs")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "etc", "emqx.conf"), conf)
	return dir
}

// mutualTLS checks that a listener lets in those with a certificate of the
// tutorial, and nobody else.
func mutualTLS(t *testing.T, p *process, listener string) {
	t.Helper()
	certs, addr := pki(t), p.addr(listener)
	ca := []string{"--cafile", filepath.Join(certs, "ca.pem")}
	chat(t, addr, append(ca, identity(certs, "client.pem", "client.key")...)...)
	shut(t, addr, ca...)
	p.refusal(listener, "no_cert")
	shut(t, addr, append(ca, identity(certs, "foreign.pem", "client.key")...)...)
	p.refusal(listener, "unknown_ca")
}

func TestImportedTutorials(t *testing.T) {
	t.Parallel()
	for _, s := range tutorials {
		t.Run(s.name+" by wicket import", func(t *testing.T) {
			t.Parallel()
			dir := installation(t, s.conf)
			code := 0
			if len(s.lost) > 0 {
				code = 4
			}
			r := tool(t, dir, "", binary, "import", "etc/emqx.conf", "-o", "wicket.yaml", "--check")
			if r.code != code || r.out != "" {
				t.Errorf("exit code %d, want %d\n%s%s", r.code, code, r.out, r.errOut)
			}
			for _, line := range s.lost {
				if !strings.Contains(r.errOut, line) {
					t.Errorf("no %q in\n%s", line, r.errOut)
				}
			}
			if text := r.errOut + read(t, filepath.Join(dir, "wicket.yaml")); strings.Contains(text, "do not tell") {
				t.Errorf("a secret is told:\n%s", text)
			}
			p := launchIn(t, dir, "-c", "wicket.yaml")
			p.wait("listening", patience)
			mutualTLS(t, p, s.listener)
		})
		t.Run(s.name+" by wicket run", func(t *testing.T) {
			t.Parallel()
			p := launchIn(t, installation(t, s.conf), "-c", "etc/emqx.conf")
			l := p.wait("configuration imported from EMQX", patience)
			lost, _ := l["not_carried_over"].(float64)
			if (lost > 0) != (len(s.lost) > 0) || l.text("report") != "wicket import etc/emqx.conf" {
				t.Errorf("the log says %v", l)
			}
			p.wait("listening", patience)
			mutualTLS(t, p, s.listener)
		})
	}
}

// An authenticator that is lost lets nobody in, with a verified certificate
// either, and the report and the log say so.
func TestImportLosesAnAuthenticator(t *testing.T) {
	t.Parallel()
	conf := tutorials[1].conf + `
authentication {
  mechanism = password_based
  backend = "redis"
  server = "127.0.0.1:6379"
}
`
	dir := installation(t, conf)
	r := tool(t, dir, "", binary, "import", "etc/emqx.conf")
	if r.code != 4 || !strings.Contains(r.errOut, "shut: etc/emqx.conf:12: authentication: nobody is let in") || !strings.Contains(r.out, "chain: [closed]") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.errOut)
	}
	p := launchIn(t, dir, "-c", "etc/emqx.conf")
	p.wait("listening", patience)
	p.waitFor("etc/emqx.conf:12: authentication: nobody is let in", patience, isWarning)
	certs, addr := pki(t), p.addr("tls:default")
	with := append([]string{"--cafile", filepath.Join(certs, "ca.pem")}, identity(certs, "client.pem", "client.key")...)
	for _, more := range [][]string{nil, {"-u", "alice", "-P", "secret"}} {
		if said := shut(t, addr, append(with, more...)...); !strings.Contains(strings.ToLower(said), "not authori") {
			t.Errorf("the client says %q", said)
		}
	}
}

// outside is the guide's example of an external resource over TLS, complete, and
// rules in a file and from the same server (J7.1, AUTHN-10, AUTHZ-10). The server
// wants the broker's certificate.
const outside = `listeners.tcp.default.bind = "127.0.0.1:0"
log.console.level = debug
tls { enable = true, cacertfile = "ca.pem", certfile = "broker.pem", keyfile = "broker.key", verify = verify_peer }
authentication %s {
  url = "https://localhost:%s/auth?id=${clientid}"
  backend = "http", mechanism = password_based, method = post
  body { username = "${username}", password = "${password}" }
  ssl = ${tls}
} %s
authorization {
  no_match = deny
  sources = [
    { type = file, path = "${EMQX_ETC_DIR}/acl.conf" }
    { type = http, method = get, url = "https://localhost:%[2]s/acl?topic=${topic}&action=${action}", ssl = ${tls} }
  ]
}
`

const outsideRules = `% rules
{allow, {'and', [{username, {re, "^all"}}, {clientid, "c1"}]}, publish, ["mine/${clientid}"]}.
{deny, all, publish, ["ok/secret/#"]}.
`

// Seed B, as it is and by wicket import, alone and in a list.
func TestImportedHTTPAuthentication(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		brackets [2]string
		imported bool
	}{{"one, as it is", [2]string{}, false}, {"a list, by wicket import", [2]string{"= [", "]"}, true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir, _, s := backendFixture(t)
			if err := os.Mkdir(filepath.Join(dir, "etc"), 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "etc", "acl.conf"), outsideRules)
			write(t, filepath.Join(dir, "etc", "emqx.conf"), fmt.Sprintf(outside, c.brackets[0], s.port(), c.brackets[1]))
			file := filepath.Join("etc", "emqx.conf")
			if c.imported {
				file = "wicket.yaml"
				r := tool(t, dir, "", binary, "import", "etc/emqx.conf", "-o", file, "--check")
				if r.code != 4 || !strings.Contains(r.errOut, "emqx.conf:3: tls: not carried over") { // no key of EMQX; others stand for it
					t.Fatalf("exit code %d\n%s", r.code, r.errOut)
				}
			}
			p := launchIn(t, dir, "-c", file)
			p.wait("listening", patience)
			if !strings.Contains(p.transcript(), "auth.profile: on_error is next for http, http-authz") {
				t.Errorf("the profile goes without a word:\n%s", p.transcript())
			}
			askedOutside(t, p.addr("tcp:default"), s)
		})
	}
}

// askedOutside checks who gets in, and what they may do.
func askedOutside(t *testing.T, addr string, s *authServer) {
	t.Helper()
	for user, want := range map[string]byte{"deny": 0x87, "ignore": 0x87, "500": 0x87, "204": 0} {
		if got := come(t, addr, mqtt.V50, "c1", user, "do-not-tell").reason(); got != want {
			t.Errorf("%s: %#x, want %#x", user, got, want)
		}
	}
	c := come(t, addr, mqtt.V50, "c1", "allow", "do-not-tell")
	if c.reason() != 0 {
		t.Fatalf("refused: %#x", c.reason())
	}
	for topic, denied := range map[string]bool{"mine/c1": false, "ok/x": false, "mine/c2": true, "ok/secret/x": true, "no/x": true} {
		if got := c.publishes(topic); (got == 0x87) != denied || got > 0x10 && got != 0x87 {
			t.Errorf("%s: %#x, denied should be %v", topic, got, denied)
		}
	}
	for _, q := range s.asked() {
		if topic := q.query.Get("topic"); topic == "mine/c1" || topic == "ok/secret/x" {
			t.Errorf("the server is asked about %s, which the file of rules decides", topic)
		}
	}
}

// A JWT authenticator comes along with its claims and rules (AJWT-01, AUTHZ-07).
func TestImportedJWT(t *testing.T) {
	t.Parallel()
	const secret = "a secret of at least thirty-two bytes"
	dir := installation(t, `listeners.tcp.default.bind = "127.0.0.1:0"
authentication { mechanism = jwt, use_jwks = false, algorithm = hmac-based, from = password, secret = "`+secret+`", verify_claims { sub = "${clientid}" }, acl_claim_name = rights }
authorization { no_match = deny, sources = [] }
`)
	p := launchIn(t, dir, "-c", "etc/emqx.conf")
	p.wait("listening", patience)
	addr := p.addr("tcp:default")
	token := signed(secret, `{"sub":"c1","rights":{"pub":["up/${clientid}"]}}`)
	c := come(t, addr, mqtt.V50, "c1", "alice", token)
	if c.reason() != 0 {
		t.Fatalf("refused: %#x", c.reason())
	}
	if up, down := c.publishes("up/c1"), c.publishes("down"); up != 0x10 || down != 0x87 {
		t.Errorf("up/c1: %#x, down: %#x", up, down)
	}
	for _, bad := range []struct{ id, token string }{{"c2", token}, {"c1", signed("another", `{"sub":"c1"}`)}, {"c1", "no token"}} {
		if got := come(t, addr, mqtt.V50, bad.id, "alice", bad.token).reason(); got < 0x86 {
			t.Errorf("%+v: %#x", bad, got)
		}
	}
	if strings.Contains(p.transcript(), secret) || strings.Contains(p.transcript(), token) {
		t.Error("the log tells a secret")
	}
}

// signed is a token by HS256 (RFC 7515).
func signed(secret, claims string) string {
	text := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	token := text([]byte(`{"alg":"HS256"}`)) + "." + text([]byte(claims))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(token))
	return token + "." + text(mac.Sum(nil))
}

// The acl.conf that EMQX takes without being told is taken here, and again when it
// changes; one with a fault changes nothing (AUTHZ-10).
func TestImportedRules(t *testing.T) {
	t.Parallel()
	dir := installation(t, "listeners.tcp.default.bind = \"127.0.0.1:0\"\nauthentication = []\n")
	rules := write(t, filepath.Join(dir, "etc", "acl.conf"), "{deny, all, publish, [\"a/#\"]}.\n{allow, all}.\n")
	p := launchIn(t, dir, "-c", "etc/emqx.conf")
	p.wait("listening", patience)
	c := come(t, p.addr("tcp:default"), mqtt.V50, "c", "alice", "x")
	check := func(a, b byte) {
		t.Helper()
		if gotA, gotB := c.publishes("a/x"), c.publishes("b/x"); gotA != a || gotB != b {
			t.Errorf("a/x: %#x, want %#x; b/x: %#x, want %#x", gotA, a, gotB, b)
		}
	}
	check(0x87, 0x10)
	write(t, rules, "{deny, all, publish, [\"a/#\"]}.\n{allow, all\n")
	if l := p.wait("reload failed", patience); !strings.Contains(l.text("error"), "etc/acl.conf:3: authorization.sources: want a comma") {
		t.Errorf("the log says %v", l)
	}
	check(0x87, 0x10)
	write(t, rules, "{deny, all, publish, [\"b/#\"]}.\n{allow, all}.\n")
	p.wait("configuration reloaded", patience)
	check(0x10, 0x87)
}

// A file of EMQX is watched like any other, and those that it includes.
func TestImportedFileIsReloaded(t *testing.T) {
	t.Parallel()
	dir := installation(t, "include \"more.conf\"\n"+tutorials[1].conf)
	more := write(t, filepath.Join(dir, "etc", "more.conf"), "log.console.level = info\n")
	p := launchIn(t, dir, "-c", "etc/emqx.conf")
	p.wait("listening", patience)
	write(t, more, "log.console.level = shrill\n")
	l := p.wait("reload failed", patience)
	if !strings.Contains(l.text("error"), `etc/more.conf:1: log.console.level: "shrill" is no level`) {
		t.Errorf("the log says %v", l)
	}
	write(t, more, "log.console.level = debug\n")
	p.wait("configuration reloaded", patience)
	mutualTLS(t, p, "tls:default")
}

// What stands in the way of an import.
func TestImportRefuses(t *testing.T) {
	t.Parallel()
	dir := installation(t, tutorials[0].conf)
	write(t, filepath.Join(dir, "broken.conf"), "listeners {\n  ...\n}\n")
	write(t, filepath.Join(dir, "mixed.conf"), "listener.tcp.a = 1883\nlisteners.tcp.a.bind = 1884\n")
	write(t, filepath.Join(dir, "nopeer.conf"), strings.Replace(tutorials[1].conf, "verify_peer", "verify_none", 1))
	write(t, filepath.Join(dir, "missing.conf"), strings.Replace(tutorials[1].conf, "emqx.key", "none.key", 1))
	write(t, filepath.Join(dir, "bounds.conf"), tutorials[1].conf+"mqtt.idle_timeout = 1h\n")
	must(t, dir, binary, "import", "etc/emqx.conf", "-o", "wicket.yaml")
	for _, c := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"a file that is there", []string{"etc/emqx.conf", "-o", "wicket.yaml"}, 1, []string{"wicket.yaml", "--force"}},
		{"a file that is there, by force", []string{"etc/emqx.conf", "-o", "wicket.yaml", "--force"}, 0, nil},
		{"no file", []string{"none.conf"}, 1, []string{"none.conf"}},
		{"no argument", nil, 2, nil},
		{"an example that was cut", []string{"broken.conf"}, 3, []string{"broken.conf:2: three dots"}},
		{"both spellings of a key", []string{"mixed.conf"}, 3, []string{"mixed.conf:2: listeners.tcp.a.bind: this sets listeners.tcp.a.bind, which listener.tcp.a has set already in line 1"}},
		{"verify_none with a demand", []string{"nopeer.conf"}, 3, []string{"nopeer.conf:8: listeners.ssl.default.ssl_options.fail_if_no_peer_cert: it needs verify = verify_peer"}},
		{"a file that is missing", []string{"missing.conf", "--check"}, 3, []string{"missing.conf:4: listeners.tls.default.tls.keyfile: cannot read"}},
		{"a value out of bounds here", []string{"bounds.conf"}, 3, []string{"bounds.conf:11: mqtt.idle_timeout: 1h is more than the greatest value"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := tool(t, dir, "", binary, append([]string{"import"}, c.args...)...)
			if r.code != c.code {
				t.Errorf("exit code %d, want %d", r.code, c.code)
			}
			for _, text := range c.says {
				if !strings.Contains(r.errOut, text) {
					t.Errorf("no %q in\n%s", text, r.errOut)
				}
			}
		})
	}
	info, err := os.Stat(filepath.Join(dir, "wicket.yaml"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("wicket.yaml, which may hold a password: %v, %v", info, err)
	}
}
