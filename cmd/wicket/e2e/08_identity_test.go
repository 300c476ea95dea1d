package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// Certificates as identities (spec 1.3): clients of mosquitto show theirs to
// the broker with the plugin certmap, and come in under the names in them.

// mapped starts a broker with one TLS listener, which asks for certificates and
// does without, and auth and plugins as given.
func (a *authority) mapped(auth string) *process {
	a.t.Helper()
	return start(a.t, "-c", a.mapping(auth))
}

// mapping writes the configuration of mapped and returns its path.
func (a *authority) mapping(auth string) string {
	a.t.Helper()
	return write(a.t, a.path("wicket.yaml"), "data_dir: data\nlisteners:\n  tls:\n"+
		listenerYAML("default", ", cacertfile: ca.pem, verify: verify_peer, session_tickets: stateless")+
		listenerYAML("other", ", cacertfile: ca.pem, verify: verify_peer")+auth)
}

// acceptYAML is certmap alone: who has a certificate comes in under its common
// name, and may use the topics of that name.
func acceptYAML(config string) string {
	return fmt.Sprintf(`
plugins:
  certmap:
    file: "builtin:certmap"
    config:
      %s
      accept: true
      rules: [ "allow all of/${username}", "allow all by/${clientid}" ]
      default: deny
auth: { chain: [certmap] }
`, config)
}

// granted says what the SUBACK tells of a topic: that of an MQTT 3.1.1 client.
func granted(t *testing.T, addr, topic string, more ...string) bool {
	t.Helper()
	host, port := hostPort(t, addr)
	r := tool(t, "", "", "mosquitto_sub", append([]string{"-h", host, "-p", port, "-d", "-E", "-t", topic}, more...)...)
	switch said := r.out + r.errOut; {
	case strings.Contains(said, "Subscribed (mid: 1): 0"):
		return true
	case strings.Contains(said, "Subscribed (mid: 1): 128"):
		return false
	default:
		t.Fatalf("no SUBACK:\n%s", said)
		return false
	}
}

// MAP-01, MAP-04, MAP-11: the user name is the common name, whatever the client
// says, and the certificate is enough.
func TestCommonNameIsUsername(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "Root")
	a.issue("dev-1", "client")
	a.issue("dev-2", "client")
	p := a.mapped(acceptYAML("username: cn"))
	addr := p.addr("tls:default")
	for name, other := range map[string]string{"dev-1": "dev-2", "dev-2": "dev-1"} {
		client := append(a.identity(name), "-u", other, "-P", "whatever")
		if !granted(t, addr, "of/"+name, client...) || granted(t, addr, "of/"+other, client...) {
			t.Errorf("%s is not known by its common name", name)
		}
	}
	host, port := hostPort(t, addr)
	to := append([]string{"-h", host, "-p", port, "-t", "of/dev-1"}, a.identity("dev-1")...)
	s := startSub(t, append(to, "-V", "mqttv5")...)
	s.hear("received SUBACK")
	must(t, "", "mosquitto_pub", append(to, "-m", "hello")...)
	s.expect(message{Topic: "of/dev-1", Payload: "hello"})
	s.kill()
	if said := shut(t, addr, "--cafile", a.path("ca.pem"), "-u", "dev-1", "-P", "whatever"); !strings.Contains(said, "not authori") {
		t.Errorf("a client without a certificate hears:\n%s", said)
	}
}

// MAP-09, U-17, U-20: the plugin after certmap decides about the client under
// its new name.
func TestPasswordOfCommonName(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "Root")
	a.issue("dev-1", "client")
	users := a.path("users")
	if r := tool(t, a.dir, "secret\n", binary, "passwd", users, "dev-1", "--password-stdin"); r.code != 0 {
		t.Fatalf("wicket passwd: %s", r.errOut)
	}
	write(t, users, read(t, users)+"  allow all of/${username}/${client_attrs.tag}\n")
	p := a.mapped(`
plugins:
  certmap: { file: "builtin:certmap", config: { username: cn, attributes: { tag: "x-${cn|upper}" } } }
  password: { file: "builtin:password", config: { users_file: users } }
auth: { chain: [certmap, password] }
`)
	addr := p.addr("tls:default")
	client := a.identity("dev-1")
	if !granted(t, addr, "of/dev-1/x-DEV-1", append(client, "-u", "somebody", "-P", "secret")...) {
		t.Error("the password is not that of the common name, or the attribute is missing")
	}
	shut(t, addr, append(client, "-u", "somebody", "-P", "wrong")...)
	shut(t, addr, client...)
	if granted(t, addr, "of/dev-1/x-DEV-1", "--cafile", a.path("ca.pem"), "-u", "dev-1", "-P", "secret") {
		t.Error("an attribute of a certificate that is not there")
	}
}

// MAP-02: who shows the same certificate is the same client, and takes over;
// MAP-03: but not where the listener says otherwise.
func TestCommonNameIsClientID(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "Root")
	a.issue("dev-1", "client")
	p := a.mapped(acceptYAML(`peer_cert_as_clientid: cn
      listeners: { "tls:other": { peer_cert_as_clientid: disabled, username: cn } }`))
	join := func(listener, id string) *sub {
		host, port := hostPort(t, p.addr(listener))
		s := startSub(t, append([]string{"-h", host, "-p", port, "-V", "mqttv5", "-i", id, "-t", "by/" + id, "-t", "by/dev-1"}, a.identity("dev-1")...)...)
		s.hear("received SUBACK")
		return s
	}
	first := join("tls:default", "one")
	first.hear("Subscribed (mid: 1): 135, 0")
	second := join("tls:default", "two")
	first.gone(0x8e)
	other := join("tls:other", "dev-1") // is the same client by its own words
	second.gone(0x8e)
	third := join("tls:other", "three")
	third.hear("Subscribed (mid: 1): 0, 135")
	other.kill()
	third.kill()
}

// Spec 1.3: no certificate, no entry; MQTT 5.0 clients hear why.
func TestRequiredIdentity(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "Root")
	a.issue("dev-1", "client")
	p := a.mapped(acceptYAML("username: cn\n      client_id: \"${cn}-${clientid}\"\n      required: true"))
	addr := p.addr("tls:default")
	none := []string{"--cafile", a.path("ca.pem"), "-u", "dev-1", "-P", "x"}
	shut(t, addr, none...)
	host, port := hostPort(t, addr)
	s := startSub(t, append(none, "-h", host, "-p", port, "-V", "mqttv5", "-t", "t")...)
	s.hear("received CONNACK (135)")
	s.kill()
	if !granted(t, addr, "by/dev-1-mine", append(a.identity("dev-1"), "-i", "mine")...) {
		t.Error("the client id is not made of both")
	}
	w := dial(t, addr, a.path("ca.pem"))
	w.says(`10 10 00 04 "MQTT" 05 02 00 00 00 00 03 "any"`)
	if got := string(w.packet()); !strings.Contains(got, "a verified client certificate is required") {
		t.Errorf("the CONNACK is % x", got)
	}
}

// MAP-12: what a certificate says lets a client in, with the rules, or keeps it
// out; without one nothing matches.
func TestIdentityChecks(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "Root")
	for _, name := range []string{"dev-1", "dev-2", "pump"} {
		a.issue(name, "client")
	}
	p := a.mapped(`
plugins:
  certmap:
    file: "builtin:certmap"
    config:
      username: cn
      attributes: { role: "cn|part(\"-\", 1)" }
      checks:
        - { match: { cn: dev-2, issuer: "*Root*" }, result: deny }
        - { match: [ { attributes.role: dev }, { sha256: "*", listener: "tls:*", peerhost: "127.*" } ], result: allow }
        - { match: { username: dev-1 }, result: allow }
      rules: [ "allow all of/${username}" ]
      default: deny
auth: { chain: [certmap] }
`)
	addr := p.addr("tls:default")
	host, port := hostPort(t, addr)
	if !granted(t, addr, "of/dev-1", a.identity("dev-1")...) || granted(t, addr, "of/other", a.identity("dev-1")...) {
		t.Error("a check that allows does not let dev-1 in with its rules")
	}
	s := startSub(t, append([]string{"-h", host, "-p", port, "-V", "mqttv5", "-t", "t"}, a.identity("dev-2")...)...)
	s.hear("received CONNACK (135)")
	s.kill()
	shut(t, addr, a.identity("pump")...) // nobody decides about it
	shut(t, addr, "--cafile", a.path("ca.pem"), "-u", "dev-1", "-P", "x")
}

// C5: after a reload with another mapping a client that reconnects has its new
// name, on a resumed TLS session too: names are looked up at each CONNECT.
func TestMappingChanges(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "Root")
	a.issue("dev-1", "client")
	p := a.mapped(acceptYAML("username: cn"))
	addr := p.addr("tls:default")
	// CONNECT, SUBSCRIBE to the topics of both names, DISCONNECT.
	says := string(bytesOf(t, `10 10 00 04 "MQTT" 04 02 00 3c 00 04 "mine" 82 1a 00 01 00 08 "of/dev-1" 00 00 0a "of/new-dev"  00 e0 00`))
	session := a.path("session")
	visit := func(flags ...string) string {
		args := append([]string{"s_client", "-connect", addr, "-nocommands", "-ign_eof"}, a.presents("dev-1")...)
		r := tool(t, "", says, "openssl", append(args, flags...)...)
		return r.out + r.errOut
	}
	const suback = "\x90\x04\x00\x01"
	for _, version := range []string{"-tls1_3", "-tls1_2"} {
		a.mapping(acceptYAML("username: cn"))
		p.hangup("configuration reloaded")
		if said := visit(version, "-sess_out", session); !strings.Contains(said, suback+"\x00\x80") || !strings.Contains(said, "New, TLSv1") {
			t.Fatalf("%s, at first: %q", version, said)
		}
		if said := visit(version, "-sess_in", session); !strings.Contains(said, suback+"\x00\x80") || !strings.Contains(said, "Reused, TLSv1") {
			t.Errorf("%s, the same mapping, resumed: %q", version, said)
		}
		a.mapping(acceptYAML(`username: 'cn|part("-",1)'`))
		p.hangup("configuration reloaded")
		if said := visit(version, "-sess_in", session); !strings.Contains(said, suback+"\x80\x80") || !strings.Contains(said, "Reused, TLSv1") {
			t.Errorf("%s, a mapping to dev, resumed: %q", version, said)
		}
		a.mapping(acceptYAML(`username: 'new-${cn|part("-",1)}'`))
		p.hangup("configuration reloaded")
		if said := visit(version, "-sess_in", session); !strings.Contains(said, suback+"\x80\x00") || !strings.Contains(said, "Reused, TLSv1") {
			t.Errorf("%s, a mapping to new-dev, resumed: %q", version, said)
		}
	}
}

// A mapping with a fault does not start a broker, and does not replace the one
// that holds.
func TestFaultyMapping(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "Root")
	a.issue("dev-1", "client")
	p := a.mapped(acceptYAML("username: cn"))
	a.mapping(acceptYAML("username: cm\n      client_id: crt"))
	l := p.hangup("reload failed")
	for _, word := range []string{`plugin "certmap"`, `username: no such field "cm"`, `client_id: crt is the certificate in DER`} {
		if !strings.Contains(l.text("error"), word) {
			t.Errorf("the log does not say %q: %v", word, l)
		}
	}
	if !granted(t, p.addr("tls:default"), "of/dev-1", a.identity("dev-1")...) {
		t.Error("the old mapping does not hold")
	}
	q := launch(t, "-c", filepath.Join(a.dir, "wicket.yaml"), "--data", t.TempDir())
	if q.exit(patience) == 0 {
		t.Error("a broker with a faulty mapping ended without an error")
	}
	if !strings.Contains(q.transcript(), `no such field \"cm\"`) {
		t.Errorf("no reason in %s", q.transcript())
	}
}

// MAP-01, MAP-11: a file of EMQX that takes the user name from the certificate,
// and names nobody to ask, lets in who has one.
func TestImportedMapping(t *testing.T) {
	t.Parallel()
	certs := pki(t)
	dir := installation(t, `listeners.ssl.default {
  bind = "127.0.0.1:0"
  ssl_options { keyfile = "etc/certs/emqx.key", certfile = "etc/certs/emqx.pem", cacertfile = "etc/certs/ca.pem", verify = verify_peer }
}
mqtt { peer_cert_as_username = dn, peer_cert_as_clientid = cn }
`)
	p := start(t, "-c", filepath.Join(dir, "etc", "emqx.conf"), "--data", t.TempDir(), "--log-level", "debug")
	addr := p.addr("tls:default")
	ca := []string{"--cafile", filepath.Join(certs, "ca.pem")}
	host, port := hostPort(t, addr)
	must(t, "", "mosquitto_pub", append(append([]string{"-h", host, "-p", port, "-t", "t/1", "-m", "hello", "-u", "somebody"}, ca...), identity(certs, "client.pem", "client.key")...)...)
	if l := p.wait("client connected", patience); l.text("client_id") != "client" || l.text("username") != "CN=client,O=EMQX,L=Hangzhou,ST=Zhejiang,C=CN" {
		t.Errorf("the client is known as %v", l)
	}
	shut(t, addr, append(ca, "-u", "CN=client,O=EMQX,L=Hangzhou,ST=Zhejiang,C=CN", "-i", "client")...)
}
