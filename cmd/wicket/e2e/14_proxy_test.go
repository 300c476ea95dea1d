package e2e

import (
	"crypto/tls"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// Journey J9: a load balancer in front of the broker, with and without the TLS
// of the clients (spec 1.8, PROXY-01 to PROXY-09, MAP-07, U-18, U-22). Clients
// are told apart by their address on the loopback network.

// balancerConf is HAProxy with a frontend for each way to hand a client on. It
// inherits the sockets that it listens on. The checks send LOCAL headers.
const balancerConf = `
defaults
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
frontend verified
    bind fd@3 ssl crt front.pem ca-file ca.pem verify required
    default_backend named
frontend unverified
    bind fd@4 ssl crt front.pem ca-file ca.pem verify optional crt-ignore-err all ca-ignore-err all
    default_backend named
frontend unverified-lax
    bind fd@5 ssl crt front.pem ca-file ca.pem verify optional crt-ignore-err all ca-ignore-err all
    default_backend named-lax
frontend nameless
    bind fd@6 ssl crt front.pem ca-file ca.pem verify required
    default_backend addressed
frontend nameless-lax
    bind fd@7 ssl crt front.pem ca-file ca.pem verify required
    default_backend addressed-lax
frontend through
    bind fd@8
    default_backend inner
backend named
    server b %[1]s send-proxy-v2-ssl-cn proxy-v2-options authority,crc32c,ssl-cipher check check-send-proxy inter 50ms
backend named-lax
    server b %[2]s send-proxy-v2-ssl-cn
backend addressed
    server b %[1]s send-proxy-v2
backend addressed-lax
    server b %[2]s send-proxy-v2
backend inner
    server b %[3]s send-proxy-v2
`

var balancerFronts = []string{"verified", "unverified", "unverified-lax", "nameless", "nameless-lax", "through"}

// balancedConf is the broker behind it. On the strict listener a client needs a
// name, on the lax one its own will do, with a password.
const balancedConf = `
data_dir: data
log: { level: debug }
listeners:
  tcp:
    strict: { bind: "127.0.0.1:0", proxy_protocol: true, proxy_trusted_cidrs: [127.0.0.1] }
    lax: { bind: "127.0.0.1:0", proxy_protocol: true, proxy_trusted_cidrs: [127.0.0.1] }
    guarded: { bind: "127.0.0.1:0", proxy_protocol: true, proxy_trusted_cidrs: [127.0.0.1] }
  tls:
    inner:
      bind: "127.0.0.1:0"
      proxy_protocol: true
      proxy_trusted_cidrs: [127.0.0.1]
      tls: { certfile: server.pem, keyfile: key.pem, cacertfile: ca.pem, verify: verify_peer, fail_if_no_peer_cert: true, session_tickets: stateless }
plugins:
  certmap:
    file: "builtin:certmap"
    config:
      username: cn
      required: true
      accept: true
      attributes: { at: peerhost, sni: sni }
      rules: [ "allow all of/${username}", "allow all at/${client_attrs.at}", "allow all sni/${client_attrs.sni}" ]
      default: deny
      listeners: { "tcp:lax": { required: false } }
  password: { file: "builtin:password", config: { users_file: users } }
auth: { chain: [certmap, password] }
`

// balance starts HAProxy with the listening sockets that its configuration
// knows as fd@3, fd@4 and so on, and returns their addresses by name.
func balance(t *testing.T, dir, conf string, names []string) map[string]string {
	t.Helper()
	write(t, filepath.Join(dir, "haproxy.cfg"), conf)
	c := exec.Command("haproxy", "-db", "-f", "haproxy.cfg")
	var said output
	c.Dir, c.Stdout, c.Stderr = dir, &said, &said
	fronts := map[string]string{}
	for _, name := range names {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		socket, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		defer socket.Close()
		c.ExtraFiles = append(c.ExtraFiles, socket)
		fronts[name] = l.Addr().String()
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		if t.Failed() {
			t.Logf("HAProxy:\n%s", said.String())
		}
	})
	return fronts
}

// dialFrom opens a connection from an address of this machine, with TLS unless
// config is nil.
func dialFrom(t *testing.T, source, addr string, config *tls.Config) *wire {
	t.Helper()
	d := net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	if config != nil {
		conn = tls.Client(conn, config)
	}
	t.Cleanup(func() { conn.Close() })
	return &wire{t, conn}
}

// connectOf is a CONNECT of MQTT 3.1.1; without a user name there is none.
func connectOf(id, user, password string) []byte {
	p := mqtt.Connect{
		Version: mqtt.V311, CleanStart: true, ClientID: []byte(id),
		HasUsername: user != "", Username: []byte(user), HasPassword: password != "", Password: []byte(password),
	}
	return p.Append(nil, mqtt.V311)
}

// enters says CONNECT and returns the code of the CONNACK: 0 for a client that
// is let in, 5 for one that is not.
func (w *wire) enters(id, user, password string) byte {
	w.t.Helper()
	if _, err := w.Write(connectOf(id, user, password)); err != nil {
		w.t.Fatalf("cannot send CONNECT: %v", err)
	}
	return w.packet()[3]
}

// may subscribes and returns the codes of the SUBACK: 0 for a topic that is
// granted, 0x80 for one that is not.
func (w *wire) may(topics ...string) []byte {
	w.t.Helper()
	body := []byte{0, 1}
	for _, topic := range topics {
		body = append(append(append(body, 0, byte(len(topic))), topic...), 0)
	}
	if _, err := w.Write(append([]byte{0x82, byte(len(body))}, body...)); err != nil {
		w.t.Fatalf("cannot send SUBSCRIBE: %v", err)
	}
	return w.packet()[4:]
}

// about waits for the line about a client of MQTT.
func (p *process) about(msg, id string) line {
	p.t.Helper()
	return p.waitFor(msg, patience, func(l line) bool { return l.text("client_id") == id })
}

// from reports whether the line is about a client from that address.
func (l line) from(source string) bool { return strings.HasPrefix(l.text("peer"), source+":") }

func TestLoadBalancer(t *testing.T) {
	t.Parallel()
	need(t, "haproxy")
	a, stranger := newAuthority(t, "Root"), newAuthority(t, "Stranger")
	a.issue("pump-1", "client")
	a.issue("pump-2", "client")
	stranger.issue("pump-1", "client")
	write(t, a.path("front.pem"), read(t, a.path("server.pem"))+read(t, a.path("key.pem")))
	if r := tool(t, a.dir, "secret\n", binary, "passwd", "users", "walker", "--password-stdin"); r.code != 0 {
		t.Fatalf("wicket passwd: %s", r.errOut)
	}
	write(t, a.path("users"), read(t, a.path("users"))+"  allow all of/${username}\n  allow all at/${client_attrs.at}\n")
	p := start(t, "-c", write(t, a.path("wicket.yaml"), balancedConf))
	fronts := balance(t, a.dir, fmt.Sprintf(balancerConf, p.addr("tcp:strict"), p.addr("tcp:lax"), p.addr("tls:inner")), balancerFronts)

	t.Run("mosquitto's clients", func(t *testing.T) { throughBalancer(t, p, a, fronts) })
	forger := func() *tls.Config {
		c := a.trusting("")
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { // also where nobody asks for one of that authority
			return &stranger.trusting("pump-1").Certificates[0], nil
		}
		return c
	}
	again := func(c *tls.Config) *tls.Config { c.ClientSessionCache = tls.NewLRUClientSessionCache(1); return c }
	known, unknown, inside := again(a.trusting("pump-1")), again(forger()), again(a.trusting("pump-2"))
	t.Run("names", func(t *testing.T) {
		for i, c := range []struct {
			name, front    string
			config         *tls.Config
			user, password string
			username       string // that the broker knows; empty = refused
		}{
			{"verified", "verified", known, "admin", "", "pump-1"},
			{"verified in the session resumed", "verified", known, "", "", "pump-1"},
			{"verified where that is not required", "unverified", a.trusting("pump-2"), "", "", "pump-2"},
			{"not verified", "unverified", unknown, "pump-1", "", ""},
			{"not verified in the session resumed", "unverified", unknown, "pump-1", "", ""},
			{"not verified, with a password", "unverified", a.trusting(""), "walker", "secret", ""},
			{"not verified, no name needed", "unverified-lax", forger(), "pump-1", "", ""},
			{"not verified, no name needed, with a password", "unverified-lax", forger(), "walker", "secret", "walker"},
			{"no certificate", "unverified", a.trusting(""), "pump-1", "", ""},
			{"verified, but the name is not handed on", "nameless", a.trusting("pump-1"), "pump-1", "", ""},
			{"the same, no name needed", "nameless-lax", a.trusting("pump-1"), "pump-1", "", ""},
			{"the same, no name needed, with a password", "nameless-lax", a.trusting("pump-1"), "walker", "secret", "walker"},
			{"TLS passed through", "through", inside, "admin", "", "pump-2"},
			{"TLS passed through, in the session resumed", "through", inside, "admin", "", "pump-2"},
		} {
			t.Run(c.name, func(t *testing.T) {
				source := fmt.Sprintf("127.0.0.%d", 20+i)
				w := dialFrom(t, source, fronts[c.front], c.config)
				w.named(p, source, c.user, c.password, c.username)
				if resumed := w.Conn.(*tls.Conn).ConnectionState().DidResume; resumed != strings.Contains(c.name, "resumed") {
					t.Errorf("resumed: %t", resumed)
				}
			})
		}
	})
	t.Run("TLS passed through", func(t *testing.T) { innerHandshakes(t, p, a, forger(), fronts["through"]) })
	t.Run("forged headers", func(t *testing.T) { forgedHeaders(t, p, a.path("data")) })
	t.Run("health checks", func(t *testing.T) {
		eventually(t, "some have come", patience, func() bool { return listenerOf(t, statusOf(t, a.path("data")), "tcp:strict").Accepted > 20 })
		for _, name := range []string{"tcp:strict", "tcp:lax", "tls:inner"} {
			if l := listenerOf(t, statusOf(t, a.path("data")), name); len(l.Shed) != 0 || !l.ProxyProtocol {
				t.Errorf("%s has turned away %v", name, l.Shed)
			}
		}
		if strings.Contains(p.transcript(), "PROXY header refused") {
			t.Errorf("the log tells of refused headers:\n%s", p.transcript())
		}
	})
}

// named enters, and compares the name and the address that the broker knows the
// client by, in its log and in rules. An empty name is of one who is refused.
func (w *wire) named(p *process, source, user, password, username string) {
	w.t.Helper()
	id, code, msg := unique("c"), byte(0), "client connected"
	if username == "" {
		code, msg = 5, "client refused"
	}
	if got := w.enters(id, user, password); got != code {
		w.t.Fatalf("CONNACK with %d, want %d", got, code)
	}
	l := p.about(msg, id)
	if !l.from(source) || l.text("username") != username {
		w.t.Errorf("the log says %v, want %q from %s", l, username, source)
	}
	if username == "" {
		if l.text("listener") != "tcp:lax" && l.text("because") != "a verified client certificate is required" {
			w.t.Errorf("the log says %v, want what is missing", l)
		}
		w.closed()
		return
	}
	topics := []string{"of/" + username, "at/" + source, "of/pump-3", "at/127.0.0.1"}
	if got := w.may(topics...); !slices.Equal(got, []byte{0, 0, 0x80, 0x80}) {
		w.t.Errorf("SUBACK with % x for %v, want 00 00 80 80", got, topics)
	}
}

// throughBalancer is two devices whose TLS ends at HAProxy: each has the topics
// of its common name and of its address, and not those of the other.
func throughBalancer(t *testing.T, p *process, a *authority, fronts map[string]string) {
	host, port := hostPort(t, fronts["verified"])
	sources := map[string]string{"pump-1": "127.0.0.11", "pump-2": "127.0.0.12"}
	for name, other := range map[string]string{"pump-1": "pump-2", "pump-2": "pump-1"} {
		args := append(a.identity(name), "-h", host, "-p", port, "-A", sources[name], "-V", "mqttv5", "-q", "1", "-u", other)
		id := unique("device")
		s := startSub(t, append(args, "-i", id, "-t", "of/"+name, "-t", "at/"+sources[name], "-t", "of/"+other, "-t", "at/"+sources[other])...)
		s.hear("Subscribed (mid: 1): 1, 1, 135, 135")
		if l := p.about("client connected", id); l.text("username") != name || !l.from(sources[name]) || l.text("listener") != "tcp:strict" {
			t.Errorf("the log says %v, want %s from %s", l, name, sources[name])
		}
		must(t, "", "mosquitto_pub", append(args, "-t", "of/"+other, "-m", "is lost")...)
		must(t, "", "mosquitto_pub", append(args, "-t", "of/"+name, "-m", "arrives")...)
		s.expect(message{Topic: "of/" + name, Payload: "arrives", QoS: 1})
		eventually(t, "one client on the listener", patience, func() bool {
			return listenerOf(t, statusOf(t, a.path("data")), "tcp:strict").Connected == 1
		})
		s.kill()
		p.about("client disconnected", id)
	}
}

// innerHandshakes is TLS that HAProxy passes on behind its header (PROXY-03,
// U-22): the server name that the client asks for is known, and a handshake
// that is refused is told with the client's own address.
func innerHandshakes(t *testing.T, p *process, a *authority, forger *tls.Config, addr string) {
	w := dialFrom(t, "127.0.0.51", addr, a.trusting("pump-1"))
	if code := w.enters(unique("c"), "", ""); code != 0 {
		t.Fatalf("CONNACK with %d", code)
	}
	if got := w.may("sni/localhost", "sni/elsewhere"); !slices.Equal(got, []byte{0, 0x80}) {
		t.Errorf("SUBACK with % x, want 00 80", got)
	}
	for source, c := range map[string]struct {
		config *tls.Config
		reason string
	}{
		"127.0.0.52": {a.trusting(""), "no_cert"},
		"127.0.0.53": {forger, "unknown_ca"},
	} {
		w := dialFrom(t, source, addr, c.config)
		_, _ = w.Write(connectOf("x", "", ""))
		if _, err := w.Read(make([]byte, 1)); err == nil {
			t.Errorf("%s: let in", c.reason)
		}
		if l := p.refusal("tls:inner", c.reason); !l.from(source) || l.text("sni") != "localhost" {
			t.Errorf("the log says %v, want the peer %s and the server name", l, source)
		}
	}
}

// forgedHeaders is step 4: who may not speak for others gets nothing, and who
// may is believed a name only when it says that it has verified it (PROXY-07).
func forgedHeaders(t *testing.T, p *process, data string) {
	const here, elsewhere = "127.0.0.1", "127.0.0.66"
	addr := p.addr("tcp:guarded")
	for _, c := range []struct {
		name           string
		client, verify byte
		username       string
	}{
		{"verified", 7, 0, "pump-1"},
		{"verified in the session resumed", 5, 0, "pump-1"},
		{"not verified", 7, 20, ""},
		{"no certificate", 1, 0, ""},
		{"no TLS", 6, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := dialFrom(t, here, addr, nil)
			w.sends(header2("127.0.0.77", ended(c.client, c.verify, "pump-1")))
			w.named(p, "127.0.0.77", "pump-1", "", c.username)
		})
	}
	before := listenerOf(t, statusOf(t, data), "tcp:guarded")
	w := dialFrom(t, elsewhere, addr, nil)
	w.sends(header2("127.0.0.77", ended(7, 0, "pump-1")) + string(connectOf("forger", "", "")))
	if last := w.closed(); len(last) > 0 {
		t.Errorf("the forger hears % x", last)
	}
	p.waitFor("connection turned away", patience, func(l line) bool {
		return l.text("listener") == "tcp:guarded" && l.from(elsewhere) && l.text("reason") == "untrusted_proxy"
	})
	after := listenerOf(t, statusOf(t, data), "tcp:guarded")
	if len(before.Shed) != 0 || len(after.Shed) != 1 || after.Shed["untrusted_proxy"] != 1 {
		t.Errorf("turned away: %v, then %v; want one untrusted_proxy", before.Shed, after.Shed)
	}
	if r := must(t, "", binary, "status", "--data", data); !strings.Contains(r.out, "1 (untrusted_proxy 1)") {
		t.Errorf("wicket status prints\n%s", r.out)
	}
}
