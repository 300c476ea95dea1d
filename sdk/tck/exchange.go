package tck

import (
	"math"
	"slices"
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/wicketmq/wicket/sdk/go/wire"
	"github.com/wicketmq/wicket/sdk/tck/harness"
)

// What takes part in enhanced authentication, and what is asked before the TLS
// handshake, by the names of their exports.
const (
	AuthContinue = "auth_continue"
	ClientHello  = "client_hello"
)

// exchangeChecks are the rules of ABI 1.3 for guests that authenticate in several
// steps.
var exchangeChecks = []Check{
	{"AUTH-01", "every field of an AuthContinue is read, and the ALLOW has data for the client", goldenContinues, AuthContinue},
	{"AUTH-02", "an exchange has as many rounds as the guest likes, each a request of its own", manyRounds, AuthContinue},
	{"AUTH-03", "exchanges go on side by side, each with its own state", manyExchanges, AuthContinue},
	{"AUTH-04", "a round may wait for the host, and another may come after it", verifyingRound, AuthContinue},
	{"AUTH-05", "an exchange that has ended is forgotten", endedExchange, AuthContinue},
	{"AUTH-06", "an exchange that nobody has begun is denied", strayExchange, AuthContinue},
	{"AUTH-07", "a client that is gone when it is asked for more is forgotten", goneClient, AuthContinue},
	{"AUTH-08", "an AuthContinue that cannot be read is an error, and the plugin goes on", badContinues, AuthContinue},
	{"AUTH-09", "a client that authenticates again is told from one that wants in", againExchange, AuthContinue},
	{"AUTH-10", "memory does not grow with the number of exchanges", flatExchanges, AuthContinue},
}

// begin has a client begin an exchange, and finds it asked for more.
func begin(t *testing.T, g *harness.Guest, req int64, client string) {
	t.Helper()
	c := Connect("exchange", client)
	c.AuthMethod, c.AuthData = "TCK", []byte("a\x00\xff")
	asked(t, g, req, g.Authenticate(req, c), "1:a\x00\xff")
}

// asked finds a request answered by a CONTINUE with this data.
func asked(t *testing.T, g *harness.Guest, req int64, code int32, data string) {
	t.Helper()
	settled(t, g, req, code, answer(wire.Continue, wire.Decision{AuthData: []byte(data)}))
}

func settled(t *testing.T, g *harness.Guest, req int64, code int32, want *harness.Answer) {
	t.Helper()
	c := Case{Answer: want}
	c.judge(t, g, req, code)
	if t.Failed() {
		t.FailNow()
	}
	delete(g.Answers, req)
}

func says(g *harness.Guest, req, exchange int64, data string) int32 {
	return g.Continue(req, &wire.AuthContinue{Exchange: uint64(exchange), AuthMethod: "TCK", AuthData: []byte(data)})
}

// proof is what a client is let in with.
func proof(client, rounds, data string) *harness.Answer {
	d := attributes("client", client, "rounds", rounds)
	d.AuthData = []byte(data)
	return answer(wire.Allow, d)
}

func goldenContinues(t *testing.T, g *harness.Guest) {
	for i, name := range []string{"auth_continue-answer", "auth_continue-answer-unknown"} {
		m := new(wire.AuthContinue)
		readTwin(name, m)
		begin(t, g, int64(m.Exchange), "c1")
		req := int64(i + 1)
		settled(t, g, req, g.Event("wicket_auth_continue", req, read("golden/"+name+".bin")), proof("c1", "1", string(m.AuthData)))
	}
	for _, name := range []string{"auth_continue-ended", "auth_continue-ended-unknown"} {
		begin(t, g, math.MaxInt64, "c2")
		g.Logs = nil
		g.Event("wicket_auth_continue", 3, read("golden/"+name+".bin"))
		equal(t, "log", g.Logs, []string{"1 ended c2"})
		g.Logs = nil
	}
}

func manyRounds(t *testing.T, g *harness.Guest) {
	begin(t, g, 1, "c1")
	for round := int64(2); round < 16; round++ {
		asked(t, g, round, says(g, round, 1, "more"), strconv.Itoa(int(round))+":more")
	}
	settled(t, g, 16, says(g, 16, 1, ""), proof("c1", "15", ""))
	begin(t, g, 20, "c2")
	settled(t, g, 21, says(g, 21, 20, "deny"), answer(wire.Deny, wire.Decision{Reason: 0x86}))
}

func manyExchanges(t *testing.T, g *harness.Guest) {
	const n = 500
	for i := range int64(n) {
		begin(t, g, i+1, "client-"+strconv.Itoa(int(i)))
	}
	for i := range int64(n) {
		who, req := i*617%n, n+i+1
		if who%2 == 0 {
			asked(t, g, req, says(g, req, who+1, "more"), "2:more")
		} else {
			settled(t, g, req, says(g, req, who+1, "x"), proof("client-"+strconv.Itoa(int(who)), "1", "x"))
		}
	}
	for i := int64(0); i < n; i += 2 {
		req := 2*n + i + 1
		settled(t, g, req, says(g, req, i+1, "y"), proof("client-"+strconv.Itoa(int(i)), "2", "y"))
	}
}

func verifyingRound(t *testing.T, g *harness.Guest) {
	for i, status := range []wire.Status{wire.OK, wire.Mismatch, wire.Timeout} {
		begin(t, g, int64(100*i+1), "c1")
		req := int64(100*i + 2)
		if code := says(g, req, int64(100*i+1), "verify"); code != wire.Pending || len(g.Calls) != 1 || g.Calls[0].Req != req {
			t.Fatalf("returned %d, calls %+v", code, g.Calls)
		}
		id := g.Calls[0].ID
		equal(t, "password_verify", &g.Calls[0].PasswordVerify, &wire.PasswordVerify{Hash: Hash, Password: []byte("verify")})
		g.Calls = nil
		g.Complete(id, status, "")
		switch status {
		case wire.OK:
			asked(t, g, req, wire.Pending, "2:verify")
			settled(t, g, req+1, says(g, req+1, int64(100*i+1), "z"), proof("c1", "2", "z"))
		case wire.Mismatch:
			settled(t, g, req, wire.Pending, answer(wire.Deny, wire.Decision{Reason: 0x86}))
		default:
			equal(t, "log", g.Logs, []string{timedOut})
			g.Logs = nil
			settled(t, g, req, wire.Pending, unavailable)
		}
	}
}

// forgotten finds that nobody waits for the client any more.
func forgotten(t *testing.T, g *harness.Guest, exchange int64) {
	t.Helper()
	g.Logs = nil
	settled(t, g, 999, says(g, 999, exchange, "more"), answer(wire.Deny, wire.Decision{}))
}

func endedExchange(t *testing.T, g *harness.Guest) {
	begin(t, g, 1, "c1")
	begin(t, g, 2, "c2")
	g.Continue(3, &wire.AuthContinue{Exchange: 1, Ended: true})
	equal(t, "log", g.Logs, []string{"1 ended c1"})
	forgotten(t, g, 1)
	g.Continue(3, &wire.AuthContinue{Exchange: 1, Ended: true})
	settled(t, g, 4, says(g, 4, 2, "x"), proof("c2", "1", "x"))
	forgotten(t, g, 2)
}

func strayExchange(t *testing.T, g *harness.Guest) {
	g.Authenticate(1, Connect("verify", "c1"))
	call := g.Calls[0].ID
	g.Calls = nil
	for _, exchange := range []int64{0, 1, call, -call, math.MaxInt64, math.MinInt64, -1} {
		forgotten(t, g, exchange)
	}
	g.Complete(call, wire.OK, "")
	settled(t, g, 1, wire.Pending, answer(wire.Allow, attributes("client", "c1")))
}

func goneClient(t *testing.T, g *harness.Guest) {
	c := Connect("exchange", "c1")
	c.AuthMethod = "TCK"
	g.Late = true
	if code := g.Authenticate(1, c); code != wire.Pending {
		t.Errorf("returned %d", code)
	}
	g.Late = false
	forgotten(t, g, 1)
	begin(t, g, 2, "c2")
	g.Late = true
	if code := says(g, 3, 2, "more"); code != wire.Pending {
		t.Errorf("returned %d", code)
	}
	g.Late = false
	forgotten(t, g, 2)
}

func badContinues(t *testing.T, g *harness.Guest) {
	bad := Case{}
	bad.judge(t, g, 1, g.Event("wicket_auth_continue", 1, read("golden/auth_continue-bad-data.bin")))
	g.Logs = nil
	mangle(read("golden/auth_continue-answer.bin"), func(event []byte) { g.Event("wicket_auth_continue", 1, event) })
	delete(g.Answers, 1)
	g.Logs = nil
	begin(t, g, 2, "c1")
	settled(t, g, 3, says(g, 3, 2, "x"), proof("c1", "1", "x"))
}

func againExchange(t *testing.T, g *harness.Guest) {
	c := Connect("exchange", "c1")
	c.AuthMethod, c.Reauthenticate = "TCK", true
	asked(t, g, 1, g.Authenticate(1, c), "1:")
	want := proof("c1", "1", "x")
	want.Attributes = append(want.Attributes, wire.Property{Key: "again", Value: "1"})
	settled(t, g, 2, says(g, 2, 1, "x"), want)
	begin(t, g, 3, "c1")
	settled(t, g, 4, says(g, 4, 3, "x"), proof("c1", "1", "x"))
}

func flatExchanges(t *testing.T, g *harness.Guest) {
	flat(t, g, 3000, func(i int) {
		begin(t, g, 1, "c1")
		if i%2 == 0 {
			settled(t, g, 2, says(g, 2, 1, "x"), proof("c1", "1", "x"))
			return
		}
		g.Continue(2, &wire.AuthContinue{Exchange: 1, Ended: true})
		g.Logs = nil
	})
}

// mangle calls f with event cut at every byte, and with every byte changed.
func mangle(event []byte, f func([]byte)) {
	for n := range event {
		f(event[:n])
	}
	for i := range event {
		for _, mask := range []byte{0x80, 0x01, 0x07, 0xff} {
			changed := slices.Clone(event)
			changed[i] ^= mask
			f(changed)
		}
	}
}

// helloChecks are the rules of ABI 1.3 for guests that are asked before the TLS
// handshake.
var helloChecks = []Check{
	{"HELLO-01", "every field of a ClientHello is read, and what is unknown is skipped", goldenHellos, ClientHello},
	{"HELLO-02", "a ClientHello that cannot be read is an error, and the plugin goes on", badHellos, ClientHello},
	{"HELLO-03", "a handshake is let come or ended, and the log may say why", judgedHellos, ClientHello},
	{"HELLO-04", "a handshake may wait for an upstream", askingHello, ClientHello},
	{"HELLO-05", "the guest says that it wants to be asked", hearsHellos, ClientHello},
}

func goldenHellos(t *testing.T, g *harness.Guest) {
	for _, name := range []string{"client_hello-empty", "client_hello-empty-unknown", "client_hello-full", "client_hello-full-unknown"} {
		h := new(wire.ClientHello)
		readTwin(name, h)
		c := Case{Answer: answer(wire.Next, wire.Decision{}), Logs: []string{"1 " + Text(h)}}
		g.Logs = nil
		c.judge(t, g, 1, g.Event("wicket_client_hello", 1, read("golden/"+name+".bin")))
	}
}

func badHellos(t *testing.T, g *harness.Guest) {
	bad := Case{}
	bad.judge(t, g, 1, g.Event("wicket_client_hello", 1, read("golden/client_hello-bad-number.bin")))
	mangle(read("golden/client_hello-full.bin"), func(event []byte) {
		h := new(wire.ClientHello)
		code := g.Event("wicket_client_hello", 1, event)
		err := h.Decode(event)
		if err == nil && !utf8.ValidString(Text(h)) {
			return // a host sends no such text; SDKs may refuse it
		}
		if (err != nil) != (code < 0) {
			t.Fatalf("returned %d for %x, which is %v", code, event, err)
		}
	})
	g.Logs = nil
	command(t, g, "allow", answer(wire.Allow, wire.Decision{}))
}

func judgedHellos(t *testing.T, g *harness.Guest) {
	for name, want := range map[string]*harness.Answer{
		"allow":  answer(wire.Allow, wire.Decision{}),
		"deny":   answer(wire.Deny, wire.Decision{}),
		"next":   answer(wire.Next, wire.Decision{}),
		"banned": answer(wire.Deny, wire.Decision{ReasonText: "who is 192.0.2.7:51234"}),
	} {
		settled(t, g, 1, g.ClientHello(1, &wire.ClientHello{ServerName: name, Peer: "192.0.2.7:51234"}), want)
	}
}

func askingHello(t *testing.T, g *harness.Guest) {
	for i, tc := range []struct{ status, code int32 }{{200, wire.Next}, {403, wire.Deny}} {
		req := int64(i + 1)
		if code := g.ClientHello(req, &wire.ClientHello{ServerName: "ask"}); code != wire.Pending || len(g.Requests) != 1 {
			t.Fatalf("returned %d, requests %+v", code, g.Requests)
		}
		asked := g.Requests[0]
		equal(t, "http_send", &asked.HTTPRequest, &wire.HTTPRequest{Upstream: "auth", Path: "/hello"})
		g.Requests = nil
		g.Respond(asked.ID, &wire.HTTPResponse{Status: uint32(tc.status)})
		settled(t, g, req, wire.Pending, answer(tc.code, wire.Decision{}))
	}
}

func hearsHellos(t *testing.T, g *harness.Guest) {
	if g.Hears&4 == 0 {
		t.Errorf("it hears %b", g.Hears)
	}
}
