package e2e

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// Journey J5: revocation lists that clients' certificates name, from the
// commands of "openssl ca" to the client that stays out (CRL-01 to CRL-11,
// CERT-12, C4).

// Steps 1, 2 and 8: the list may be DER or PEM, with an issuing distribution
// point or without, and is fetched once for many connections.
func TestRevocationList(t *testing.T) {
	t.Parallel()
	w, a := newWeb(t), newAuthority(t, "Root")
	for _, name := range []string{"der", "pem", "point", "point-der", "elsewhere"} {
		a.client(name, w.URL+"/"+name)
	}
	w.put("/pem", a.list())
	w.put("/der", a.der())
	a.point = w.URL + "/point"
	w.put("/point", a.list("-crlexts point"))
	a.point = w.URL + "/point-der"
	a.list("-crlexts point")
	w.put("/point-der", a.der())
	w.put("/elsewhere", a.list("-crlexts point")) // it says that it is the list of /point-der
	p := a.broker("", listenerYAML("default", checked))
	addr := p.addr("tls:default")

	for _, name := range []string{"der", "pem", "point", "point-der"} {
		chat(t, addr, a.identity(name)...)
		for range 20 {
			welcomes(t, addr, a.trusting(name))
		}
		if n := w.times("/" + name); n != 1 {
			t.Errorf("the list /%s was fetched %d times for 22 connections", name, n)
		}
	}
	shut(t, addr, a.identity("elsewhere")...)
	if l := p.refusal("tls:default", "revocation_unknown"); !strings.Contains(l.text("error"), "issuing distribution point") || l.text("serial") != a.serial("elsewhere") {
		t.Errorf("the log does not say what is wrong with the list: %v", l)
	}
	if n := w.times("/elsewhere"); n != 1 {
		t.Errorf("the list that does not cover its certificate was fetched %d times", n)
	}
}

// Steps 3 and 9: alice is revoked. She gets in no more, on either of two
// listeners that share one list; what becomes of her connections is for the
// listener to say. Bob notices nothing.
func TestRevokedClient(t *testing.T) {
	t.Parallel()
	w, a := newWeb(t), newAuthority(t, "Root")
	a.client("alice", w.URL+"/ca.crl")
	a.client("bob", w.URL+"/ca.crl")
	w.put("/ca.crl", a.list())
	p := a.broker("", listenerYAML("keep", checked), listenerYAML("strict", checked+", on_revoked: disconnect"))
	keep, strict := p.addr("tls:keep"), p.addr("tls:strict")
	subscribe := func(addr, name, version string) *sub {
		host, port := hostPort(t, addr)
		s := startSub(t, append([]string{"-h", host, "-p", port, "-t", "t/1", "-V", version}, a.identity(name)...)...)
		s.hear("received SUBACK")
		return s
	}
	aliceStays, bob := subscribe(keep, "alice", "mqttv5"), subscribe(strict, "bob", "mqttv5")
	aliceGoes, aliceGoesSilently := subscribe(strict, "alice", "mqttv5"), stay(t, strict, a.trusting("alice"))
	if n := w.times("/ca.crl"); n != 1 {
		t.Errorf("two listeners and two clients: %d fetches, want one", n)
	}

	a.revoke("alice")
	w.put("/ca.crl", a.list())
	chat(t, keep, a.identity("alice")...) // nobody has looked yet
	a.ctl("crl", "refresh")

	aliceGoes.gone(0x87)
	if err := aliceGoesSilently.ping(); !errors.Is(err, io.EOF) {
		t.Errorf("MQTT 3.1.1 has no reason to give; its connection ends with %v, want EOF", err)
	}
	p.waitFor("client disconnected for its certificate", patience, func(l line) bool {
		return l.text("listener") == "tls:strict" && l.text("reason") == "revoked" && l.text("serial") == a.serial("alice")
	})
	for _, listener := range []string{"tls:keep", "tls:strict"} {
		shut(t, p.addr(listener), a.identity("alice")...)
		for _, version := range []string{"-tls1_2", "-tls1_3"} {
			// bad_certificate: crypto/tls lets nobody choose certificate_revoked (44).
			if said := handshake(t, p.addr(listener), append(a.presents("alice"), version)...); !strings.Contains(said, "alert number 42") {
				t.Errorf("%s: no alert number 42 in\n%s", version, said)
			}
		}
		l := p.refusal(listener, "revoked")
		for _, part := range []string{a.serial("alice"), "was revoked at 2", "keyCompromise", w.URL + "/ca.crl"} {
			if !strings.Contains(l.text("error"), part) {
				t.Errorf("no %q in the log's sentence %q", part, l.text("error"))
			}
		}
		if l.text("serial") != a.serial("alice") || l.text("subject") != "CN=alice" {
			t.Errorf("the log does not say whose certificate it is: %v", l)
		}
	}
	host, port := hostPort(t, strict)
	must(t, "", "mosquitto_pub", append([]string{"-h", host, "-p", port, "-t", "t/1", "-m", "hello"}, a.identity("bob")...)...)
	for _, s := range []*sub{bob, aliceStays} {
		s.expect(message{Topic: "t/1", Payload: "hello"})
	}
	if n := w.times("/ca.crl"); n != 2 {
		t.Errorf("%d fetches, want one and the one that was asked for", n)
	}

	// Forgetting the list has it fetched when the next client comes.
	a.revoke("bob")
	w.put("/ca.crl", a.list())
	a.ctl("crl", "clear")
	shut(t, keep, a.identity("bob")...)
	bob.gone(0x87)
}

// Step 3 with a file: a list that is put in place of another is seen without a
// signal, and one that is no list leaves the old one in force.
func TestRevocationListFile(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "Root")
	a.client("alice", "")
	a.client("bob", "")
	write(t, a.path("revoked.crl"), a.list())
	p := a.broker("", listenerYAML("default", checked+", crl_file: revoked.crl, on_revoked: disconnect"))
	addr := p.addr("tls:default")
	alice := stay(t, addr, a.trusting("alice"))
	bob := stay(t, addr, a.trusting("bob"))

	a.revoke("alice")
	must(t, a.dir, "sh", "-e", "-c", "printf 'half a list' > next.crl && mv next.crl revoked.crl")
	p.waitFor("alarm raised", patience, func(l line) bool {
		return l.text("alarm") == "crl" && strings.HasSuffix(l.text("object"), "revoked.crl")
	})
	welcomes(t, addr, a.trusting("alice"))
	a.list()
	write(t, a.path("next.crl"), a.der())
	must(t, a.dir, "mv", "next.crl", "revoked.crl")
	p.waitFor("client disconnected for its certificate", patience, func(l line) bool { return l.text("serial") == a.serial("alice") })
	if err := alice.ping(); err == nil {
		t.Error("alice is still in")
	}
	turnsAway(t, addr, a.trusting("alice"))
	if err := bob.ping(); err != nil {
		t.Errorf("bob is out: %v", err)
	}
	welcomes(t, addr, a.trusting("bob"))
}

// Steps 4 to 7: who stays out because nobody can tell whether the certificate
// is revoked, and why (CRL-02, CRL-05, CRL-09).
func TestRevocationUnknown(t *testing.T) {
	t.Parallel()
	w, a, other := newWeb(t), newAuthority(t, "Root"), newAuthority(t, "Root")
	w.put("/other.crl", other.list())
	w.put("/old.crl", a.list("-crl_lastupdate 20200101000000Z -crl_nextupdate 20200108000000Z"))
	w.put("/half.crl", a.list()[:200])
	p := a.broker("", listenerYAML("default", checked), listenerYAML("lenient", checked+", crl_stale: allow"), listenerYAML("open", checked+", crl_unavailable: allow"))
	for _, one := range []struct{ name, point, says string }{
		{"no-point", "", "names no distribution point"},
		{"ldap", "ldap://127.0.0.1/cn=Root", "none of its distribution points is an http or https URL"},
		{"other", w.URL + "/other.crl", "/other.crl"},
		{"old", w.URL + "/old.crl", "is out of date since 2020-01-08"},
		{"half", w.URL + "/half.crl", "/half.crl"},
		{"absent", w.URL + "/absent.crl", "404"},
	} {
		a.client(one.name, one.point)
		shut(t, p.addr("tls:default"), a.identity(one.name)...)
		l := p.waitFor("TLS handshake refused", patience, func(l line) bool { return l.text("serial") == a.serial(one.name) })
		if l.text("reason") != "revocation_unknown" || !strings.Contains(l.text("error"), one.says) {
			t.Errorf("%s: the log says %v, want %q", one.name, l, one.says)
		}
		if one.name != "old" { // that is crl_stale's to say
			welcomes(t, p.addr("tls:open"), a.trusting(one.name))
		}
		if one.point != "" && one.name != "ldap" {
			p.waitFor("alarm raised", patience, func(l line) bool {
				return l.text("alarm") == "crl" && l.text("object") == one.point && l.text("alarm_level") == "critical"
			})
		}
	}
	welcomes(t, p.addr("tls:lenient"), a.trusting("old"))
	turnsAway(t, p.addr("tls:open"), a.trusting("old"))
	if alarms := a.ctl("alarms"); !strings.Contains(alarms, w.URL+"/old.crl") || !strings.Contains(alarms, "is out of date since 2020-01-08") {
		t.Errorf("the alarm is not among those that can be asked for: %s", alarms)
	}
	chat(t, p.addr("tls:lenient"), a.identity("old")...)
}

// Step 4: a server that is down before the first use keeps its own clients
// out, for no longer than http_timeout, and nobody else. One that takes the
// question and says nothing is the worse case: try it with many at once, and
// with a handshake that may not take longer than the fetch, as by default.
func TestRevocationServerDown(t *testing.T) {
	t.Parallel()
	const timeout = 2 * time.Second
	w, down, a := newWeb(t), newWeb(t), newAuthority(t, "Root")
	for name, point := range map[string]string{"bob": w.URL + "/ca.crl", "down": down.URL + "/ca.crl", "mute": w.URL + "/mute", "hasty": w.URL + "/hasty"} {
		a.client(name, point)
	}
	down.Close()
	w.put("/ca.crl", a.list())
	p := a.broker("crl_cache: { http_timeout: 2s }", listenerYAML("default", checked), listenerYAML("unchecked", mutually), listenerYAML("hasty", checked+", handshake_timeout: 2s"))
	addr := p.addr("tls:default")
	bob := stay(t, addr, a.trusting("bob"))
	before := bob.pulse()
	crowd(t, 200, p.addr("tls:unchecked"), a.trusting("bob"))
	usual := before.p99(t)

	w.hush()
	during := bob.pulse()
	turnsAway(t, addr, a.trusting("down"))
	began := time.Now()
	waiting := append(crowd(t, 200, addr, a.trusting("mute")), crowd(t, 1, p.addr("tls:hasty"), a.trusting("hasty"))...)
	arrived := time.Now()
	welcomes(t, addr, a.trusting("bob")) // whose list is there
	if took := time.Since(arrived); took > timeout/2 {
		t.Errorf("a client whose list is there waited %s for those whose is not", took)
	}
	for _, v := range waiting {
		if v.enter() == nil {
			t.Fatal("let in by a server that says nothing")
		}
	}
	if took := time.Since(began); took < timeout/2 || took > unhurried(2*timeout) {
		t.Errorf("200 clients were turned away after %s, want %s and little more", took, timeout)
	}
	undisturbed(t, during, usual)
	if n := w.times("/mute"); n != 1 {
		t.Errorf("the server that says nothing was asked %d times by 200 clients at once", n)
	}
	for name, says := range map[string]string{"down": "connection refused", "mute": "no complete answer within 2s", "hasty": "did not arrive in time"} {
		p.waitFor("TLS handshake refused", patience, func(l line) bool {
			return l.text("serial") == a.serial(name) && l.text("reason") == "revocation_unknown" && strings.Contains(l.text("error"), says)
		})
	}
}

// undisturbed fails the test when round trips have become slower than usual,
// which is with a crowd that comes in without questions. 50 ms is far more than
// any takes on an idle machine, so that a busy one is compared with itself.
func undisturbed(t *testing.T, during *pulse, usual time.Duration) {
	t.Helper()
	if p99, limit := during.p99(t), max(50*time.Millisecond, 3*usual); p99 > unhurried(limit) {
		t.Errorf("p99 of a client that was in is %s, want less than %s; usually it is %s", p99, limit, usual)
	}
}

// Step 4, second half, and U-37: a list outlives its server until its own
// nextUpdate, which is announced beforehand; then it is for the listener to
// say.
func TestRevocationServerGone(t *testing.T) {
	t.Parallel()
	w, a := newWeb(t), newAuthority(t, "Root")
	a.client("alice", w.URL+"/ca.crl")
	p := a.broker("", listenerYAML("default", checked), listenerYAML("lenient", checked+", crl_stale: allow"))
	alice := a.trusting("alice")
	w.put("/ca.crl", a.list("-crlsec 8"))
	end := time.Now().Add(8 * time.Second)
	welcomes(t, p.addr("tls:default"), alice)
	w.Close()
	welcomes(t, p.addr("tls:default"), alice)

	alarm := func(level, text string) {
		p.waitFor("alarm raised", patience, func(l line) bool {
			return l.text("object") == w.URL+"/ca.crl" && l.text("alarm_level") == level && strings.Contains(l.text("text"), text)
		})
	}
	alarm("warning", "") // it cannot be refreshed, or is soon out of date
	if time.Now().Before(end.Add(-time.Second)) {
		welcomes(t, p.addr("tls:default"), alice)
	}
	alarm("critical", "is out of date since")
	turnsAway(t, p.addr("tls:default"), alice)
	welcomes(t, p.addr("tls:lenient"), alice)
	if l := p.refusal("tls:default", "revocation_unknown"); !strings.Contains(l.text("error"), "is out of date since") {
		t.Errorf("the log does not say that the list is out of date: %v", l)
	}
}

// Step 10: more lists than the cache holds. The oldest goes, and comes back
// when it is needed; the answers are right all the time.
func TestMoreListsThanTheCacheHolds(t *testing.T) {
	t.Parallel()
	w, a := newWeb(t), newAuthority(t, "Root")
	a.client("revoked", w.URL+"/revoked.crl")
	a.revoke("revoked")
	crl := a.list()
	w.put("/revoked.crl", crl)
	const capacity = 100
	clients := make([]*tls.Config, capacity+1)
	for i := range clients {
		path := fmt.Sprintf("/%d.crl", i)
		w.put(path, crl)
		clients[i] = a.native(w.URL + path)
	}
	p := a.broker("", listenerYAML("default", checked))
	addr := p.addr("tls:default")
	for _, c := range clients {
		welcomes(t, addr, c)
	}
	welcomes(t, addr, clients[capacity]) // is there
	welcomes(t, addr, clients[0])        // was evicted, for the last one
	turnsAway(t, addr, a.trusting("revoked"))
	p.refusal("tls:default", "revoked")
	for i := range clients {
		if n, want := w.times(fmt.Sprintf("/%d.crl", i)), map[bool]int{false: 1, true: 2}[i == 0]; n != want {
			t.Errorf("list %d was fetched %d times, want %d", i, n, want)
		}
	}
	if n := strings.Count(a.ctl("crl", "list", "-o", "json"), `"source"`); n != capacity {
		t.Errorf("%d lists are kept, want %d", n, capacity)
	}
}

// Step 11 and C4: a thousand clients come at once for whom the list is needed
// that nobody has yet, and its server takes its time. It is asked once, and
// who is in notices nothing.
func TestThousandFirstHandshakes(t *testing.T) {
	// Not beside others, whose work its client that is in would notice too.
	const guests = 1000
	w, a := newWeb(t), newAuthority(t, "Root")
	a.client("alice", w.URL+"/ca.crl")
	w.put("/ca.crl", a.list())
	w.hush()
	p := a.broker("crl_cache: { http_timeout: 2m }", // nobody is to run out of time
		listenerYAML("default", checked+", handshake_timeout: 2m"), listenerYAML("unchecked", mutually))
	addr := p.addr("tls:default")
	in := stay(t, p.addr("tls:unchecked"), a.trusting("alice"))

	before := in.pulse()
	crowd(t, guests/4, p.addr("tls:unchecked"), a.trusting("alice"))
	usual := before.p99(t)
	during := in.pulse()
	began := time.Now()
	waiting := crowd(t, guests, addr, a.trusting("alice"))
	t.Logf("%d clients stand before the door after %s", guests, time.Since(began))
	undisturbed(t, during, usual)
	if s := p.snapshot(); s["transport_connections"] != 1.25*guests+1 || s["handshakes"] != 0.25*guests+1 {
		t.Errorf("not all of them wait: %v", s)
	}
	w.speak()
	began = time.Now()
	for _, v := range waiting {
		if err := v.enter(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("all are in %s after the server spoke", time.Since(began))
	if n := w.times("/ca.crl"); n != 1 {
		t.Errorf("%d fetches for %d handshakes, want one", n, guests)
	}
}

// Mistakes are found before anybody connects, with a sentence each (TLS-05).
func TestRevocationMistakes(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "Root")
	for _, one := range []struct {
		options string
		code    int
		says    string
	}{
		{", enable_crl_check: true", 3, "it needs verify: verify_peer"},
		{checked + ", crl_file: none.crl", 1, "none.crl"},
		{checked + ", crl_file: ca.pem", 1, `ca.pem": it holds no revocation list`},
		{stapling("localhost:9877"), 3, "is no http or https URL"},
		{strings.Replace(stapling("http://127.0.0.1:9877"), "ca.pem", "key.pem", 1), 1, "issuer_pem: "},
	} {
		p := launch(t, "-c", a.config("", listenerYAML("default", one.options)))
		if code := p.exit(patience); code != one.code || !strings.Contains(p.transcript(), one.says) {
			t.Errorf("%s: exit code %d, want %d and %q in\n%s", one.options, code, one.code, one.says, p.transcript())
		}
		if alarms, _ := p.find("alarm raised"); len(alarms) > 0 {
			t.Errorf("%s: an alarm besides: %v", one.options, alarms[0])
		}
	}
}
