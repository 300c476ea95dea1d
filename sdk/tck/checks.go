package tck

import (
	"slices"
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/wicketmq/wicket/sdk/go/wire"
	"github.com/wicketmq/wicket/sdk/tck/harness"
)

// Check is a rule that takes more than one event to see.
type Check struct {
	ID      string
	Rule    string
	Do      func(t *testing.T, g *harness.Guest)
	Feature string // one that an SDK may leave out, or empty
}

// Checks are put to a guest that is loaded.
var Checks = slices.Concat(basicChecks, textChecks, featureChecks, tokenChecks, exchangeChecks, helloChecks)

var basicChecks = []Check{
	{"MANY-01", "a thousand requests wait at once and end in any order, each with its own state", manyPending, ""},
	{"MANY-02", "a completion that nobody waits for is ignored", strayCompletion, ""},
	{"READ-01", "an event that ends early is an error or the shorter event, never something else", cutEvents, ""},
	{"READ-02", "any byte may be changed", changedEvents, ""},
	{"MEM-01", "memory does not grow with the number of events", flatMemory, ""},
	{"MEM-02", "a buffer that cannot be had is refused", largeBuffers, ""},
	{"HOST-01", "clock, random numbers and features are the host's", hostValues, ""},
	{"LOAD-04", "the plugin is told of its end", unload, ""},
}

func manyPending(t *testing.T, g *harness.Guest) {
	const n = 1000
	for i := range n {
		user := [...]string{"verify", "chain", "ask"}[i%3]
		if code := g.Authenticate(int64(i+1), Connect(user, "client-"+strconv.Itoa(i))); code != wire.Pending {
			t.Fatalf("request %d returned %d", i, code)
		}
	}
	calls := g.Calls
	for i := range calls { // 617 and the number of calls have no common factor
		g.Complete(calls[(i*617)%len(calls)].ID, wire.OK, "")
	}
	requests := g.Requests
	if len(requests) != 666 {
		t.Fatalf("%d requests", len(requests))
	}
	for i := range requests {
		g.Respond(requests[(i*617)%len(requests)].ID, &wire.HTTPResponse{Status: 200})
	}
	for i := range n {
		a, ok := g.Answers[int64(i+1)]
		if want := "client-" + strconv.Itoa(i); !ok || a.Code != wire.Allow || len(a.Attributes) == 0 || a.Attributes[0].Value != want {
			t.Fatalf("request %d: answered %v %+v, want %s", i, ok, a, want)
		}
	}
}

func strayCompletion(t *testing.T, g *harness.Guest) {
	for _, id := range []int64{1, 12345, 1 << 62, 0, -1} {
		g.Complete(id, wire.OK, "nobody asked")
	}
	g.Authenticate(1, Connect("verify", "c"))
	id := g.Calls[0].ID
	g.Complete(id, wire.Mismatch, "")
	g.Complete(id, wire.OK, "")
	if a := g.Answers[1]; a.Code != wire.Deny {
		t.Errorf("a second completion: %+v", a)
	}
}

// agree puts an event to the guest and compares what it does with what the
// reader of the Go SDK says.
func agree(t *testing.T, g *harness.Guest, req int64, kind string, event []byte) {
	t.Helper()
	c := Case{Export: "wicket_" + kind}
	var err error
	if kind == "authorize" {
		m := new(wire.Authorize)
		err = m.Decode(event)
		c.expect(m)
	} else {
		m := new(wire.Authenticate)
		err = m.Decode(event)
		c.expect(m)
	}
	if err == nil && !utf8.ValidString(c.Answer.Attributes[0].Value) {
		return // a host sends no such text; SDKs may refuse it
	}
	if err != nil {
		c.Answer, c.Logs = nil, nil
	}
	g.Logs = nil
	c.judge(t, g, req, g.Event(c.Export, req, event))
	if t.Failed() {
		t.Fatalf("%s %x", kind, event)
	}
	delete(g.Answers, req)
}

var events = map[string][]string{
	"authenticate": {"authenticate-full", "authenticate-full-unknown", "authenticate-plain"},
	"authorize":    {"authorize-subscribe", "authorize-publish-unknown"},
}

// eachEvent calls f with golden events; f may change them.
func eachEvent(t *testing.T, f func(kind string, event []byte)) {
	for kind, names := range events {
		for _, name := range names {
			b, err := Golden.ReadFile("golden/" + name + ".bin")
			if err != nil {
				t.Fatal(err)
			}
			f(kind, b)
		}
	}
}

func cutEvents(t *testing.T, g *harness.Guest) {
	eachEvent(t, func(kind string, event []byte) {
		for n := range event {
			agree(t, g, 1, kind, event[:n])
		}
	})
}

func changedEvents(t *testing.T, g *harness.Guest) {
	eachEvent(t, func(kind string, event []byte) {
		for i, was := range event {
			for _, mask := range []byte{0x80, 0x01, 0x08, 0x07, 0xff} {
				event[i] = was ^ mask
				agree(t, g, 1, kind, event)
			}
			event[i] = was
		}
	})
}

func flatMemory(t *testing.T, g *harness.Guest) {
	full, err := Golden.ReadFile("golden/authenticate-full.bin")
	if err != nil {
		t.Fatal(err)
	}
	flat(t, g, 5000, func(i int) {
		g.Event("wicket_authenticate", 1, full)
		if _, ok := g.Answers[1]; !ok {
			t.Fatal("not answered")
		}
		delete(g.Answers, 1)
		if i%10 > 0 {
			return
		}
		g.Authenticate(2, Connect("chain", "c"))
		g.Complete(g.Calls[0].ID, wire.OK, "")
		g.Respond(g.Requests[0].ID, &wire.HTTPResponse{Status: 200, Body: make([]byte, 2000)})
		delete(g.Answers, 2)
		g.Calls, g.Requests = nil, nil
	})
}

// flat does something n times, and n times more, of which memory may not grow.
func flat(t *testing.T, g *harness.Guest, n int, do func(i int)) {
	t.Helper()
	round := func() uint32 {
		for i := range n {
			do(i)
		}
		return g.Memory()
	}
	// A garbage collector may still find its pace, but 5,000 lost events are 3 MB.
	if before, after := round(), round(); after > before+max(before/4, 64<<10) {
		t.Errorf("memory went from %d to %d KiB", before>>10, after>>10)
	}
}

func largeBuffers(t *testing.T, g *harness.Guest) {
	for _, size := range []uint32{1 << 31, 1<<32 - 1, 65 << 20} {
		if ptr := g.TryBuffer(size); ptr != 0 {
			t.Errorf("a buffer of %d bytes at %#x", size, ptr)
		}
	}
	g.Buffer(100)
	if code := g.Authenticate(1, Connect("allow", "c")); code != wire.Allow {
		t.Errorf("then returned %d", code)
	}
}

func hostValues(t *testing.T, g *harness.Guest) {
	seen := map[string]bool{}
	for req := int64(1); req <= 3; req++ {
		g.Authenticate(req, Connect("host", "c"))
		a := g.Answers[req].Attributes
		if len(a) != 3 || a[0].Value != "1700000000000" || a[1].Value != "3" || len(a[2].Value) != len("1=;")+64 || seen[a[2].Value] {
			t.Fatalf("%+v", a)
		}
		seen[a[2].Value] = true
	}
}

func unload(t *testing.T, g *harness.Guest) {
	g.Unload()
	equal(t, "log", g.Logs, []string{"1 bye"})
}
