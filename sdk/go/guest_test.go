package wicket_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/sdk/go/wire"
	"github.com/wicketmq/wicket/sdk/tck/harness"
)

var guest []byte

// open starts an instance of testdata/guest; the module is built once.
func open(tb testing.TB) *harness.Guest {
	tb.Helper()
	if guest == nil {
		guest = harness.Build(tb, "testdata/guest")
	}
	g := harness.Open(tb, guest)
	if code := g.Load(&wire.Load{Plugin: "test"}); code != 0 {
		tb.Fatalf("wicket_load = %d, logs %q", code, g.Logs)
	}
	return g
}

func connect(name string) *wire.Authenticate {
	return &wire.Authenticate{ClientID: "c-" + name, Username: name, HasUsername: true, Password: []byte("pass-" + name), HasPassword: true, Protocol: 5}
}

func TestDecisionWithoutWaiting(t *testing.T) {
	g := open(t)
	for i, test := range []struct {
		user   string
		code   int32 // returned
		answer string
		log    string
	}{
		{user: "allow", code: wire.Allow},
		{user: "next", code: wire.Next},
		{user: "nobody", code: wire.Pending, answer: "0 138 who is nobody"},
		{user: "panic", code: wire.Pending, answer: "0 131 ", log: "3 panic in a handler: oh no"},
		{user: "index", code: wire.Pending, answer: "0 131 ", log: "3 panic in a handler: runtime error: index out of range [107] with length 10"},
		{user: "goexit", code: wire.Pending, answer: "0 131 ", log: "3 a handler called runtime.Goexit"},
		{user: "cert", code: wire.Pending, answer: "0 0 no certificate"},
		{user: "allow", code: wire.Allow}, // and it still serves
	} {
		g.Logs = nil
		req := int64(i + 1)
		if code := g.Authenticate(req, connect(test.user)); code != test.code {
			t.Errorf("%s: returned %d, want %d", test.user, code, test.code)
		}
		got := ""
		if a, ok := g.Answers[req]; ok {
			got = strconv.Itoa(int(a.Code)) + " " + strconv.Itoa(int(a.Reason)) + " " + a.ReasonText
		}
		if got != test.answer {
			t.Errorf("%s: resolved %q, want %q", test.user, got, test.answer)
		}
		if log := strings.Join(g.Logs, "\n"); log != test.log {
			t.Errorf("%s: logged %q, want %q", test.user, log, test.log)
		}
	}
}

// Handlers that never wait decide the same way, without a goroutine.
func TestNow(t *testing.T) {
	g := open(t)
	if code := g.Load(&wire.Load{Plugin: "now"}); code != 0 {
		t.Fatal(code)
	}
	for i, test := range []struct {
		user string
		code int32 // returned
		want int32 // resolved
		log  string
	}{
		{"allow", wire.Allow, -1, ""},
		{"rules", wire.Pending, wire.Allow, ""},
		{"panic", wire.Pending, wire.Deny, "3 panic in a handler: oh no"},
		{"verify", wire.Pending, wire.Deny, "3 a handler registered as Now cannot wait"},
		{"nobody", wire.Pending, wire.Deny, ""},
		{"next", wire.Next, -1, ""},
	} {
		g.Logs = nil
		req := int64(i + 1)
		code := g.Authenticate(req, connect(test.user))
		a, resolved := g.Answers[req]
		if code != test.code || resolved != (test.want >= 0) || resolved && a.Code != test.want {
			t.Errorf("%s: returned %d, resolved %v %+v", test.user, code, resolved, a)
		}
		if log := strings.Join(g.Logs, "\n"); log != test.log {
			t.Errorf("%s: logged %q", test.user, log)
		}
	}
}

func TestRules(t *testing.T) {
	g := open(t)
	g.Authenticate(1, connect("rules"))
	a := g.Answers[1]
	want := []wire.Rule{{Permit: true, Actions: wire.Publish, Filter: "devices/${clientid}/#"}, {Filter: "#"}}
	if a.Code != wire.Allow || len(a.Rules) != 2 || a.Rules[0] != want[0] || a.Rules[1] != want[1] {
		t.Errorf("resolved %+v", a)
	}
}

func TestCertificate(t *testing.T) {
	g := open(t)
	long := strings.Repeat("x", 1000) // longer than the first buffer
	g.Fields[[2]int32{1, 0}] = long
	g.Authenticate(1, connect("cert"))
	if a := g.Answers[1]; a.Code != wire.Allow || a.Username != long {
		t.Errorf("resolved %d with %d bytes of name", a.Code, len(a.Username))
	}
}

func TestAuthorizePerTopic(t *testing.T) {
	g := open(t)
	e := &wire.Authorize{Action: wire.Subscribe, Topics: []wire.Topic{{Topic: "a"}, {Topic: "secret"}, {Topic: "b"}}}
	if code := g.Authorize(1, e); code != wire.Pending {
		t.Errorf("returned %d", code)
	}
	if a := g.Answers[1]; a.Code != wire.Allow || a.TTL != 5000 || len(a.Codes) != 3 || a.Codes[0] != 1 || a.Codes[1] != 0 || a.Codes[2] != 1 {
		t.Errorf("resolved %+v", a)
	}
	e.Topics = e.Topics[:1]
	if code := g.Authorize(2, e); code != wire.Next {
		t.Errorf("one topic: returned %d, want Next", code)
	}
}

func TestVerifyPassword(t *testing.T) {
	for _, test := range []struct {
		name    string
		refuse  int64
		status  wire.Status
		payload string
		code    int32
		reason  uint32
		log     string
	}{
		{name: "match", status: wire.OK, code: wire.Allow},
		{name: "mismatch", status: wire.Mismatch, reason: 0x86},
		{name: "timeout", status: wire.Timeout, reason: 0x88, log: "3 the call took too long"},
		{name: "refused", status: wire.Refused, reason: 0x88, log: "3 too many calls in flight"},
		{name: "malformed", status: wire.Malformed, reason: 0x88, log: "3 the broker could not read the request"},
		{name: "failed", status: wire.Failed, payload: "no luck", reason: 0x88, log: "3 the call failed: no luck"},
		{name: "unknown status", status: 99, reason: 0x88, log: "3 the call failed"},
		{name: "not granted", refuse: -1, reason: 0x88, log: "3 the operator has not granted this to the plugin"},
		{name: "busy", refuse: -2, reason: 0x88, log: "3 too many calls in flight"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := open(t)
			g.Refuse = test.refuse
			if code := g.Authenticate(7, connect("verify")); code != wire.Pending {
				t.Fatalf("returned %d, want Pending", code)
			}
			if test.refuse == 0 {
				if len(g.Calls) != 1 || g.Calls[0].Req != 7 || string(g.Calls[0].Password) != "pass-verify" {
					t.Fatalf("calls %+v", g.Calls)
				}
				if _, early := g.Answers[7]; early {
					t.Fatal("resolved before the call completed")
				}
				g.Complete(g.Calls[0].ID, test.status, test.payload)
			}
			if a := g.Answers[7]; a.Code != test.code || a.Reason != test.reason {
				t.Errorf("resolved %+v", a)
			}
			if log := strings.Join(g.Logs, "\n"); log != test.log {
				t.Errorf("logged %q, want %q", log, test.log)
			}
		})
	}
}

// A thousand requests wait on one instance and end in reverse order, each with
// its own event.
func TestManyPending(t *testing.T) {
	const n = 1000
	g := open(t)
	for i := range n {
		e := connect("keep")
		e.ClientID = "client-" + strconv.Itoa(i)
		if code := g.Authenticate(int64(i+1), e); code != wire.Pending {
			t.Fatalf("request %d returned %d", i, code)
		}
	}
	for i := n - 1; i >= 0; i-- {
		g.Complete(g.Calls[i].ID, wire.OK, "")
		a, ok := g.Answers[int64(i+1)]
		if !ok || a.Code != wire.Allow || len(a.Attributes) != 2 {
			t.Fatalf("request %d: %+v", i, a)
		}
		if got := a.Attributes[1].Value; got != "client-"+strconv.Itoa(i) {
			t.Fatalf("request %d has the client id %q", i, got)
		}
		if got := a.Attributes[0].Value; got != "client-0" {
			t.Fatalf("the kept string has become %q", got)
		}
	}
	t.Logf("memory after %d pending requests: %d KiB", n, g.Memory()>>10)
}

func TestChainedAndConcurrentCalls(t *testing.T) {
	g := open(t)
	g.Authenticate(1, connect("twice"))
	g.Complete(g.Calls[0].ID, wire.OK, "")
	if _, early := g.Answers[1]; early || len(g.Calls) != 2 {
		t.Fatalf("after the first of two calls: answers %v, %d calls", g.Answers, len(g.Calls))
	}
	g.Complete(g.Calls[1].ID, wire.Mismatch, "")
	if a := g.Answers[1]; a.Code != wire.Deny || a.Reason != 0x86 {
		t.Errorf("twice: %+v", a)
	}

	g.Calls = nil
	g.Authenticate(2, connect("both"))
	if len(g.Calls) != 2 {
		t.Fatalf("both: %d calls at once", len(g.Calls))
	}
	g.Complete(g.Calls[1].ID, wire.OK, "")
	g.Complete(g.Calls[0].ID, wire.OK, "")
	if a, ok := g.Answers[2]; !ok || a.Code != wire.Allow {
		t.Errorf("both: %+v", a)
	}

	g.Calls, g.Logs = nil, nil
	g.Authenticate(3, connect("latepanic"))
	g.Complete(g.Calls[0].ID, wire.OK, "")
	if a, ok := g.Answers[3]; !ok || a.Code != wire.Deny || a.Reason != 0x83 {
		t.Errorf("latepanic: %+v", a)
	}
}

// A handler may wait for what another request does.
func TestWaitingForAnotherRequest(t *testing.T) {
	g := open(t)
	for req := range int64(100) {
		if code := g.Authenticate(req+1, connect("wait")); code != wire.Pending {
			t.Fatalf("request %d returned %d, want Pending", req+1, code)
		}
	}
	if len(g.Answers) != 0 {
		t.Fatalf("resolved %v", g.Answers)
	}
	g.Authenticate(200, connect("open"))
	for req := range int64(100) {
		if a, ok := g.Answers[req+1]; !ok || a.Code != wire.Allow {
			t.Fatalf("request %d: %v %+v", req+1, ok, a)
		}
	}
}

func TestStrayCompletion(t *testing.T) {
	g := open(t)
	g.Complete(12345, wire.OK, "nobody asked")
	g.Authenticate(1, connect("verify"))
	id := g.Calls[0].ID
	g.Complete(id, wire.Mismatch, "")
	g.Complete(id, wire.OK, "")
	if a := g.Answers[1]; a.Code != wire.Deny {
		t.Errorf("a second completion changed the answer to %+v", a)
	}
	if code := g.Authenticate(2, connect("allow")); code != wire.Allow {
		t.Errorf("then returned %d", code)
	}
}

func TestLoad(t *testing.T) {
	for _, test := range []struct {
		load wire.Load
		code int32
		log  string
	}{
		{wire.Load{Plugin: "broken"}, 1, "3 this plugin is broken"},
		{wire.Load{Plugin: "panics"}, 1, "3 panic in OnLoad: at load"},
		{wire.Load{Files: []wire.File{{Key: "words_file", Content: make([]byte, 3<<20)}}}, 0, "1 words: 3145728"},
	} {
		g := open(t)
		g.Logs = nil
		if code := g.Load(&test.load); code != test.code {
			t.Errorf("%q: wicket_load = %d, want %d", test.load.Plugin, code, test.code)
		}
		if log := strings.Join(g.Logs, "\n"); log != test.log {
			t.Errorf("%q: logged %q", test.load.Plugin, log)
		}
		g.Buffer(100) // a smaller buffer after a large load
		if code := g.Authenticate(1, connect("allow")); code != wire.Allow {
			t.Errorf("%q: then returned %d", test.load.Plugin, code)
		}
	}
}

func TestUnload(t *testing.T) {
	g := open(t)
	g.Unload()
	if len(g.Logs) != 1 || g.Logs[0] != "1 bye" {
		t.Errorf("logged %q", g.Logs)
	}
}

func TestMalformedEvent(t *testing.T) {
	g := open(t)
	for _, export := range []string{"wicket_authenticate", "wicket_authorize"} {
		if code := g.Event(export, 1, []byte{0x0a, 0xff}); code >= 0 {
			t.Errorf("%s of a broken event returned %d, want an error", export, code)
		}
	}
	if code := g.Authenticate(2, connect("allow")); code != wire.Allow {
		t.Errorf("then returned %d", code)
	}
}

func TestInputIsWiped(t *testing.T) {
	g := open(t)
	g.Authenticate(1, connect("allow"))
	for _, b := range g.Input(64) {
		if b != 0 {
			t.Fatalf("the input buffer still holds %q", g.Input(64))
		}
	}
}

func TestHTTP(t *testing.T) {
	g := open(t)
	for i := range 3 { // all three wait at once
		if code := g.Authenticate(int64(i+1), connect("ask")); code != wire.Pending {
			t.Fatal(code)
		}
	}
	if len(g.Requests) != 3 {
		t.Fatalf("asked %+v", g.Requests)
	}
	r := g.Requests[1]
	if r.Req != 2 || r.Upstream != "auth" || r.Method != "POST" || r.Path != "/c-ask" || string(r.Body) != "pass-ask" || r.Timeout != 1500 ||
		len(r.Headers) != 1 || r.Headers[0].Value != "1700000000000" {
		t.Errorf("%+v", r)
	}
	g.Respond(r.ID, &wire.HTTPResponse{Status: 200, Headers: []wire.Property{{Key: "Content-Type", Value: "text/plain"}}, Body: []byte("hi")})
	if a := g.Answers[2]; a.Code != wire.Allow || len(a.Attributes) != 3 || a.Attributes[1].Value != "hi" || a.Attributes[2].Value != "text/plain" {
		t.Errorf("%+v", a)
	}
	g.Complete(g.Requests[0].ID, wire.Failed, `cannot ask upstream "auth": connection refused`)
	g.Complete(g.Requests[2].ID, wire.OK, "\x0a") // an answer that cannot be read
	for _, req := range []int64{1, 3} {
		if a := g.Answers[req]; a.Code != wire.Deny || a.Reason != 0x88 {
			t.Errorf("%d: %+v", req, a)
		}
	}
	if log := strings.Join(g.Logs, "\n"); log != "3 the call failed: cannot ask upstream \"auth\": connection refused\n3 malformed message" {
		t.Errorf("%q", log)
	}
	g.Refuse = -1
	g.Authenticate(4, connect("ask"))
	if a := g.Answers[4]; a.Code != wire.Deny {
		t.Errorf("%+v", a)
	}
}

// A function takes the answer of an upstream, in a handler that runs now as in
// one that waits.
func TestHTTPThen(t *testing.T) {
	for _, plugin := range []string{"test", "now"} {
		t.Run(plugin, func(t *testing.T) {
			g := open(t)
			g.Load(&wire.Load{Plugin: plugin, Upstreams: []string{"auth"}})
			for i := range 4 {
				if code := g.Authenticate(int64(i+1), connect("then")); code != wire.Pending || len(g.Answers) != 0 {
					t.Fatal(code)
				}
			}
			g.Respond(g.Requests[3].ID, &wire.HTTPResponse{Status: 204})
			g.Respond(g.Requests[1].ID, &wire.HTTPResponse{Status: 200, Body: []byte("a")})
			g.Respond(g.Requests[2].ID, &wire.HTTPResponse{Status: 500})
			g.Complete(g.Requests[0].ID, wire.Timeout, "too late")
			if len(g.Requests) != 5 || g.Requests[4].Path != "/2?a" || g.Requests[4].Req != 2 {
				t.Fatalf("%+v", g.Requests)
			}
			g.Respond(g.Requests[4].ID, &wire.HTTPResponse{Status: 200, Body: []byte("b")})
			if a := g.Answers[2]; a.Code != wire.Allow || len(a.Attributes) != 2 || a.Attributes[0].Value != "ab" || a.Attributes[1].Value != "c-then" {
				t.Errorf("%+v", a)
			}
			for req, want := range map[int64]struct {
				code   int32
				reason uint32
			}{1: {wire.Deny, 0x88}, 3: {wire.Deny, 0x83}, 4: {wire.Allow, 0}} {
				if a := g.Answers[req]; a.Code != want.code || a.Reason != want.reason {
					t.Errorf("%d: %+v", req, a)
				}
			}
			g.Refuse = -2
			code := g.Authenticate(5, connect("then"))
			if a := g.Answers[5]; code != wire.Pending || a.Code != wire.Deny || a.Reason != 0x88 {
				t.Errorf("%d, %+v", code, a)
			}
		})
	}
}
