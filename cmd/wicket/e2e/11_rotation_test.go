package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/cert"
)

// Journey J3: certificates, keys and authorities are replaced under a broker
// that goes on; what becomes of clients that are in, of new ones, and of those
// that resume a session (CERT-04 to CERT-07, CERT-09, CERT-10, C5).

// renewal is a broker whose certificate files belong to one test. The listener
// "default" has plain files; those of "mounted" are links, as Kubernetes makes
// them of a secret: tls.crt -> ..data/tls.crt, ..data -> ..VERSION.
type renewal struct {
	*process
	certs, dir string
	sub        *sub // a client that stays
}

func newRenewal(t *testing.T) *renewal {
	t.Helper()
	r := &renewal{certs: pki(t), dir: t.TempDir()}
	r.put(t, "ca.pem", "trusted.pem")
	r.put(t, "emqx.pem", "now.pem")
	r.put(t, "emqx.key", "now.key")
	r.mount(t, "emqx.pem", "emqx.key")
	must(t, r.dir, "sh", "-e", "-c", "ln -s ..data/tls.crt mounted/tls.crt; ln -s ..data/tls.key mounted/tls.key")
	r.process = start(t, "-c", write(t, filepath.Join(r.dir, "wicket.yaml"), `
data_dir: data
auth: { anonymous: allow }
listeners:
  tls:
    default: { bind: "127.0.0.1:0", tls: { certfile: now.pem, keyfile: now.key, cacertfile: trusted.pem, verify: verify_peer, fail_if_no_peer_cert: true } }
    mounted: { bind: "127.0.0.1:0", tls: { certfile: mounted/tls.crt, keyfile: mounted/tls.key } }
`))
	r.sub = startSub(t, r.client("tls:default")...)
	r.sub.hear("received SUBACK")
	return r
}

// client is flags for mosquitto's clients.
func (r *renewal) client(listener string) []string {
	host, port := hostPort(r.t, r.addr(listener))
	return append([]string{"-h", host, "-p", port, "-t", "t/1", "--cafile", filepath.Join(r.certs, "ca.pem")}, identity(r.certs, "client.pem", "client.key")...)
}

// put overwrites a file of the broker in place.
func (r *renewal) put(t *testing.T, from, to string) {
	t.Helper()
	write(t, filepath.Join(r.dir, to), read(t, filepath.Join(r.certs, from)))
}

// move puts a file in place of another by renaming.
func (r *renewal) move(t *testing.T, from, to string) {
	t.Helper()
	r.put(t, from, to+".new")
	if err := os.Rename(filepath.Join(r.dir, to+".new"), filepath.Join(r.dir, to)); err != nil {
		t.Fatal(err)
	}
}

// mount swaps the directory that the links of the mounted secret go through.
func (r *renewal) mount(t *testing.T, cert, key string) {
	t.Helper()
	must(t, r.dir, "sh", "-e", "-c", fmt.Sprintf(`
mkdir -p mounted/%[1]s
cp %[2]s/%[3]s mounted/%[1]s/tls.crt
cp %[2]s/%[4]s mounted/%[1]s/tls.key
ln -s %[1]s mounted/..data_tmp
mv -T mounted/..data_tmp mounted/..data
`, unique("..version"), r.certs, cert, key))
}

// serial is the serial number of a certificate as openssl prints it.
func serial(t *testing.T, file string) string {
	t.Helper()
	return must(t, "", "openssl", "x509", "-noout", "-serial", "-in", file).out
}

// shown is the serial number of the certificate that a new client is shown.
func shown(t *testing.T, addr string, args ...string) string {
	t.Helper()
	said := handshake(t, addr, args...)
	r := tool(t, "", said, "openssl", "x509", "-noout", "-serial")
	if r.code != 0 {
		t.Fatalf("no certificate in\n%s", said)
	}
	return r.out
}

// becomes waits until new clients are shown a certificate; the client that
// stays still has its messages.
func (r *renewal) becomes(t *testing.T, listener, file string) {
	t.Helper()
	want := serial(t, filepath.Join(r.certs, file))
	eventually(t, listener+" shows "+file, patience, func() bool { return shown(t, r.addr(listener)) == want })
	r.remains(t, listener, file)
}

// remains is becomes without waiting.
func (r *renewal) remains(t *testing.T, listener, file string) {
	t.Helper()
	got, want := shown(t, r.addr(listener), "-CAfile", filepath.Join(r.certs, "ca.pem")), serial(t, filepath.Join(r.certs, file))
	if got != want {
		t.Errorf("%s shows %s, want that of %s, %s", listener, got, file, want)
	}
	text := unique("still")
	must(t, "", "mosquitto_pub", append(r.client("tls:default"), "-m", text)...)
	r.sub.t = t
	r.sub.expect(message{Topic: "t/1", Payload: text})
}

// rejects makes a change that cannot be used, and waits for an error with all
// the words.
func (r *renewal) rejects(t *testing.T, change func(), words ...string) {
	t.Helper()
	before, _ := r.find("reload failed")
	change()
	eventually(t, "an error with "+strings.Join(words, ", "), patience, func() bool {
		now, _ := r.find("reload failed")
		return slices.ContainsFunc(now[len(before):], func(l line) bool {
			return l.text("level") == "ERROR" && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(l.text("error"), w) })
		})
	})
}

// figures fails the test unless the broker tells whether the last reload was
// applied, and when the certificate of the default listener expires.
func (r *renewal) figures(t *testing.T, applied float64, file string) {
	t.Helper()
	certs, err := cert.Certificates(filepath.Join(r.certs, file))
	if err != nil {
		t.Fatal(err)
	}
	want, got := float64(certs[0].NotAfter.Unix()), map[string]float64{}
	eventually(t, "the reload is accounted for", patience, func() bool {
		got = figures(t, r.dir)
		return got["wicket_config_reload_success"] == applied
	})
	if at := got[`wicket_cert_expiry_timestamp_seconds{listener="tls:default"}`]; at != want {
		t.Errorf("the figures say that the certificate expires at %.0f, want %.0f", at, want)
	}
}

// visitors come one after the other, whatever happens to the files, and all of
// them have to get in.
type visitors struct {
	seen   []string // serial numbers that they are shown, each for as long as it is
	number int
	err    error
}

// visit lets visitors come until the function that it returns is called.
func (r *renewal) visit(t *testing.T) (end func() visitors) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(r.certs, "client.pem"), filepath.Join(r.certs, "client.key"))
	if err != nil {
		t.Fatal(err)
	}
	a := authority{t: t, dir: r.certs}
	config := a.trusting("")
	config.ServerName, config.Certificates = "127.0.0.1", []tls.Certificate{pair}
	var v visitors
	addr, stop, done := r.addr("tls:default"), make(chan struct{}), make(chan struct{})
	one := func() error {
		guest, err := approach(addr, config)
		if err != nil {
			return err
		}
		defer guest.Close()
		if s := cert.Serial(guest.ConnectionState().PeerCertificates[0]); len(v.seen) == 0 || v.seen[len(v.seen)-1] != s {
			v.seen = append(v.seen, s)
		}
		return guest.enter()
	}
	go func() {
		defer close(done)
		for v.err == nil {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
				v.err = one()
				v.number++
			}
		}
	}()
	return func() visitors { close(stop); <-done; return v }
}

// Steps 1, 2 and 5: however files are replaced, in whatever order, new clients
// are shown a whole pair, the old one or the new one; what cannot be used is
// named and left; and who is in notices nothing.
func TestRotation(t *testing.T) {
	t.Parallel()
	r := newRenewal(t)
	end := r.visit(t)
	r.remains(t, "tls:default", "emqx.pem")

	t.Run("certificate before key, in place", func(t *testing.T) {
		r.rejects(t, func() { r.put(t, "p256.pem", "now.pem") },
			`listener "tls:default"`, "now.pem", "now.key", "does not belong to certfile", "give the key that its request was made with")
		r.remains(t, "tls:default", "emqx.pem")
		r.figures(t, 0, "emqx.pem")
		r.put(t, "p256.key", "now.key")
		r.becomes(t, "tls:default", "p256.pem")
		r.figures(t, 1, "p256.pem")
	})
	t.Run("key before certificate, by renaming", func(t *testing.T) {
		r.rejects(t, func() { r.move(t, "ed25519.key", "now.key") }, "now.pem", "now.key", "does not belong to certfile")
		r.remains(t, "tls:default", "p256.pem")
		r.move(t, "ed25519.pem", "now.pem")
		r.becomes(t, "tls:default", "ed25519.pem")
	})
	t.Run("both at once, by a link", func(t *testing.T) {
		before, _ := r.find("reload failed")
		r.mount(t, "p256.pem", "p256.key")
		r.becomes(t, "tls:mounted", "p256.pem")
		if after, _ := r.find("reload failed"); len(after) != len(before) {
			t.Errorf("it is no whole pair at some time:\n%s", r.transcript())
		}
	})
	t.Run("what is no pair", func(t *testing.T) {
		now := filepath.Join(r.dir, "now.pem")
		whole := read(t, now)
		for _, bad := range []struct {
			name  string
			spoil func()
			words []string
		}{
			{"garbage", func() { write(t, now, "\x00garbage\xff") }, []string{"now.pem", "it is not PEM"}},
			{"nothing", func() { write(t, now, "") }, []string{"now.pem", "is empty"}},
			{"half", func() { write(t, now, whole[:len(whole)/2]) }, []string{"now.pem", "damaged or cut off; copy the file again"}},
			{"no file", func() { _ = os.Remove(now) }, []string{"now.pem", "no such file", "create it or correct the path"}},
			{"the key of another", func() { write(t, now, whole); r.put(t, "p256.key", "now.key") }, []string{"now.key", "does not belong"}},
			{"expired", func() { r.put(t, "expired.pem", "now.pem"); r.put(t, "client.key", "now.key") }, []string{"now.pem", "expired at", "renew it"}},
		} {
			r.rejects(t, bad.spoil, bad.words...)
			if t.Failed() {
				t.Fatalf("%s is not dealt with:\n%s", bad.name, r.transcript())
			}
		}
		r.remains(t, "tls:default", "ed25519.pem")
		r.figures(t, 0, "ed25519.pem")
		r.put(t, "emqx.pem", "now.pem")
		r.put(t, "emqx.key", "now.key")
		r.becomes(t, "tls:default", "emqx.pem")
		r.figures(t, 1, "emqx.pem")
	})

	v := end()
	if v.err != nil {
		t.Errorf("visitor %d does not get in: %v", v.number, v.err)
	}
	var want []string
	for _, file := range []string{"emqx.pem", "p256.pem", "ed25519.pem", "emqx.pem"} {
		certs, err := cert.Certificates(filepath.Join(r.certs, file))
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, cert.Serial(certs[0]))
	}
	if !slices.Equal(v.seen, want) {
		t.Errorf("%d visitors have seen the certificates %q, want %q", v.number, v.seen, want)
	}
	r.sub.stayed(t)
}

// stayed fails the test when the client has connected more than once since
// its SUBACK.
func (s *sub) stayed(t *testing.T) {
	t.Helper()
	s.kill()
	close(s.debug)
	for text := range s.debug {
		if strings.Contains(text, "CONNECT") {
			t.Errorf("the client that stays says %q", text)
		}
	}
}

// accepted is the CONNACK of MQTT 3.1.1 for who is let in.
const accepted = "\x20\x02\x00\x00"

// enters is openssl s_client that says CONNECT and DISCONNECT; what it says
// is returned, with what the broker says between.
func enters(t *testing.T, addr string, args ...string) string {
	t.Helper()
	says := string(bytesOf(t, `10 0d 00 04 "MQTT" 04 02 00 3c 00 01 "c" e0 00`))
	r := tool(t, "", says, "openssl", append([]string{"s_client", "-connect", addr, "-nocommands", "-ign_eof"}, args...)...)
	return r.out + r.errOut
}

// holder is somebody with session tickets of one client.
type holder struct {
	t    *testing.T
	a    *authority
	name string // of the certificate; empty without one
	addr string
}

// at is the holder before another door.
func (h holder) at(addr string) holder { h.addr = addr; return h }

// presents is flags for s_client.
func (h holder) presents() []string {
	if h.name == "" {
		return nil
	}
	return h.a.presents(h.name)
}

// tls12And13 are the flags of s_client for the versions that have tickets.
var tls12And13 = []string{"-tls1_2", "-tls1_3"}

// collect gets a ticket of each version.
func (h holder) collect() {
	h.t.Helper()
	for _, version := range tls12And13 {
		said := enters(h.t, h.addr, append(h.presents(), version, "-sess_out", h.a.path("session"+version))...)
		if !strings.Contains(said, "New, TLSv1") || !strings.Contains(said, accepted) {
			h.t.Fatalf("%s: the client does not get in:\n%s", version, said)
		}
	}
}

// resumes fails the test unless the tickets alone are enough to get in: who
// resumes shows no certificate.
func (h holder) resumes() {
	h.t.Helper()
	for _, version := range tls12And13 {
		said := enters(h.t, h.addr, version, "-sess_in", h.a.path("session"+version))
		if !strings.Contains(said, "Reused, TLSv1") || !strings.Contains(said, accepted) {
			h.t.Errorf("%s: the session is not resumed:\n%s", version, said)
		}
	}
}

// isOut fails the test unless the tickets open no door, neither alone nor with
// the certificate. The alert is that for the certificate.
func (h holder) isOut(alert int) {
	h.t.Helper()
	for _, version := range tls12And13 {
		ticket := []string{version, "-sess_in", h.a.path("session" + version)}
		if said := enters(h.t, h.addr, ticket...); !strings.Contains(said, "alert number") || strings.Contains(said, accepted) {
			h.t.Errorf("%s: the ticket alone still opens:\n%s", version, said)
		}
		if h.name == "" {
			continue
		}
		said := enters(h.t, h.addr, append(h.presents(), ticket...)...)
		if !strings.Contains(said, fmt.Sprintf("alert number %d", alert)) || strings.Contains(said, accepted) {
			h.t.Errorf("%s: no alert %d:\n%s", version, alert, said)
		}
	}
}

// Step 3 and C5: a second authority admits its clients; when the first is
// taken away, its clients stay out, with a ticket as well. Those who are in
// stay or go, as the listener says.
func TestAuthorityRotation(t *testing.T) {
	t.Parallel()
	first, second := newAuthority(t, "First"), newAuthority(t, "Second")
	first.issue("alice", "client")
	second.issue("bob", "client")
	const options = ", cacertfile: trusted.pem, verify: verify_peer, fail_if_no_peer_cert: true, session_tickets: stateless"
	trusted := first.path("trusted.pem")
	write(t, trusted, read(t, first.path("ca.pem")))
	p := first.broker("", listenerYAML("default", options), listenerYAML("strict", options+", on_revoked: disconnect"))
	addr := p.addr("tls:default")
	trusts := func(authorities ...*authority) {
		t.Helper()
		var text string
		for _, a := range authorities {
			text += read(t, a.path("ca.pem"))
		}
		before, _ := p.find("configuration reloaded")
		write(t, trusted, text)
		eventually(t, "the new authorities are in use", patience, func() bool {
			now, _ := p.find("configuration reloaded")
			return len(now) > len(before)
		})
	}
	subscribe := func(listener string) *sub {
		host, port := hostPort(t, p.addr(listener))
		s := startSub(t, append([]string{"-h", host, "-p", port, "-t", "t/1", "-V", "mqttv5"}, first.identity("alice")...)...)
		s.hear("received SUBACK")
		return s
	}
	stays, goes := subscribe("tls:default"), subscribe("tls:strict")
	var resumed []visitor
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		resumed = append(resumed, comesBack(t, p.addr("tls:strict"), first.trusting("alice"), version))
	}
	alice := holder{t, first, "alice", addr}
	alice.collect()
	alice.resumes()
	bobs := append([]string{"--cafile", first.path("ca.pem")}, second.identity("bob")[2:]...)
	shut(t, addr, bobs...)
	p.refusal("tls:default", "unknown_ca")

	trusts(first, second)
	chat(t, addr, bobs...)
	alice.resumes()

	trusts(second)
	goes.gone(0x87)
	for _, v := range resumed {
		if last, err := io.ReadAll(v); err != nil || len(last) > 0 {
			t.Errorf("a client of a session that was resumed hears % x (%v), want the end", last, err)
		}
	}
	chat(t, addr, bobs...)
	alice.isOut(48)
	said := shut(t, addr, first.identity("alice")...)
	if !strings.Contains(said, "The connection was lost") && !strings.Contains(said, "A TLS error occurred") {
		t.Errorf("alice hears %q", said)
	}
	p.waitFor("TLS handshake refused", patience, func(l line) bool {
		return l.text("reason") == "unknown_ca" && l.text("serial") == first.serial("alice") && l.text("subject") == "CN=alice"
	})
	p.waitFor("client disconnected for its certificate", patience, func(l line) bool {
		return l.text("listener") == "tls:strict" && l.text("reason") == "unknown_ca" && l.text("serial") == first.serial("alice")
	})
	host, port := hostPort(t, addr)
	must(t, "", "mosquitto_pub", append([]string{"-h", host, "-p", port, "-t", "t/1", "-m", "hello"}, bobs...)...)
	for range 3 { // of bob's chats, and this one
		stays.expect(message{Topic: "t/1", Payload: "hello"})
	}
	stays.stayed(t)

	trusts(first, second) // it was not for the tickets' age
	alice.resumes()
}

// comesBack lets a client in that resumes its session.
func comesBack(t *testing.T, addr string, config *tls.Config, version uint16) visitor {
	t.Helper()
	config.ClientSessionCache, config.MaxVersion = tls.NewLRUClientSessionCache(1), version
	welcomes(t, addr, config)
	v := stay(t, addr, config)
	if !v.ConnectionState().DidResume {
		t.Errorf("%s: not resumed", tls.VersionName(version))
	}
	return v
}

// C5: a ticket is worth nothing once the certificate behind it is revoked. The
// list is a file, and SIGHUP has it read.
func TestRevokedTicket(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "Root")
	a.issue("alice", "client")
	a.issue("bob", "client")
	write(t, a.path("revoked.crl"), a.list())
	p := a.broker("", listenerYAML("default", checked+", crl_file: revoked.crl, session_tickets: stateless"))
	alice := holder{t, a, "alice", p.addr("tls:default")}
	alice.collect()
	alice.resumes()

	a.revoke("alice")
	write(t, a.path("revoked.crl"), a.list())
	p.hangup("configuration reloaded")
	alice.isOut(42) // bad_certificate: crypto/tls lets nobody choose certificate_revoked (44)
	l := p.refusal("tls:default", "revoked")
	for _, part := range []string{a.serial("alice"), "keyCompromise", "revoked.crl"} {
		if !strings.Contains(l.text("error"), part) {
			t.Errorf("no %q in the log's sentence %q", part, l.text("error"))
		}
	}
	a.verdict(outcome{listener: "default", does: "alice", reason: "revoked"})
	a.verdict(outcome{listener: "default", does: "bob"})
	bob := holder{t, a, "bob", p.addr("tls:default")}
	bob.collect()
	bob.resumes()
}

// T-18: there are no tickets unless they are asked for. Those of a listener are
// nothing to another, which trusts somebody else, and those of a process end
// with it; then a certificate is needed again.
func TestTicketsAreOptIn(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "Root")
	a.issue("alice", "client")
	write(t, a.path("others.pem"), read(t, newAuthority(t, "Others").path("ca.pem")))
	const tickets = ", session_tickets: stateless"
	p := a.broker("", listenerYAML("default", mutually), listenerYAML("tickets", mutually+tickets),
		listenerYAML("others", ", cacertfile: others.pem, verify: verify_peer, fail_if_no_peer_cert: true"+tickets),
		listenerYAML("changes", tickets))
	for _, version := range tls12And13 {
		said := enters(t, p.addr("tls:default"), append(a.presents("alice"), version)...)
		if !strings.Contains(said, accepted) || strings.Contains(said, "TLS session ticket:") {
			t.Errorf("%s: not let in, or with a ticket that nobody has asked for:\n%s", version, said)
		}
	}
	alice := holder{t, a, "alice", p.addr("tls:tickets")}
	alice.collect()
	alice.resumes()
	alice.at(p.addr("tls:others")).isOut(48)

	// A session of when nobody was asked for a certificate does not stand in for
	// one.
	anybody := holder{t, a, "", p.addr("tls:changes")}
	anybody.collect()
	anybody.resumes()
	a.config("", listenerYAML("default", mutually), listenerYAML("tickets", mutually+tickets), listenerYAML("changes", mutually+tickets))
	p.hangup("configuration reloaded")
	anybody.isOut(0)

	p.end()
	alice.addr = start(t, "-c", a.path("wicket.yaml")).addr("tls:tickets")
	for _, version := range tls12And13 {
		ticket := []string{version, "-sess_in", a.path("session" + version)}
		if said := enters(t, alice.addr, ticket...); !strings.Contains(said, "alert number") || strings.Contains(said, accepted) {
			t.Errorf("%s: a ticket outlives its process:\n%s", version, said)
		}
		if said := enters(t, alice.addr, append(a.presents("alice"), ticket...)...); !strings.Contains(said, "New, TLSv1") || !strings.Contains(said, accepted) {
			t.Errorf("%s: an old ticket keeps its client out:\n%s", version, said)
		}
	}
}
