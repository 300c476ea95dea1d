package tck

import (
	"strings"
	"testing"

	"github.com/wicketmq/wicket/sdk/go/wire"
	"github.com/wicketmq/wicket/sdk/tck/harness"
)

// The features that an SDK may leave out, by the names of their grants; see also
// AuthContinue and ClientHello. A guest without one is to say so: see Run.
const (
	KV         = "kv"
	Metrics    = "metrics"
	Timers     = "timers"
	Events     = "events"
	Disconnect = "disconnect"
)

// Features are all that checks are selected by.
var Features = []string{KV, Metrics, Timers, Events, Disconnect, JWT, AuthContinue, ClientHello}

// featureChecks are the rules of ABI 1.3 for guests.
var featureChecks = []Check{
	{"KV-01", "values are set, got, added to and deleted", keysAndValues, KV},
	{"KV-02", "what has no room is an error of the call, and no more", noRoom, KV},
	{"KV-03", "a value is as long as it has to be", longValue, KV},
	{"METRIC-01", "metrics of each kind are named and counted", metrics, Metrics},
	{"METRIC-02", "a metric that the host refuses counts nothing, and the plugin goes on", refusedMetrics, Metrics},
	{"TIMER-01", "a timer fires once", oneTimer, Timers},
	{"TIMER-02", "a timer repeats until it is stopped", repeatingTimer, Timers},
	{"TIMER-03", "a timer may ask an upstream, on behalf of no request", askingTimer, Timers},
	{"TIMER-04", "a timer that cannot be set is an error of the call", refusedTimer, Timers},
	{"TIMER-05", "a timer that nobody has set is ignored", strayTimer, Timers},
	{"TIMER-06", "memory does not grow with the number of timers", flatTimers, Timers},
	{"EVENT-01", "every field of an Event is read, and what is unknown is skipped", goldenEvents, Events},
	{"EVENT-02", "an event that cannot be read is logged, and the plugin goes on", badEvents, Events},
	{"EVENT-03", "the guest says that it hears events", hearsEvents, Events},
	{"EVENT-04", "memory does not grow with the number of events", flatEvents, Events},
	{"KICK-01", "every field of a Disconnect can be set", disconnects, Disconnect},
	{"KICK-02", "one that the host refuses is an error of the call", refusedDisconnect, Disconnect},
}

// command has the guest do what a user name says, and expects an answer.
func command(t *testing.T, g *harness.Guest, user string, want *harness.Answer, logs ...string) {
	t.Helper()
	c := Case{Answer: want, Logs: append([]string{}, logs...)}
	g.Logs = nil
	delete(g.Answers, 1)
	c.judge(t, g, 1, g.Authenticate(1, Connect(user, "sensor 1/ä?")))
}

func keysAndValues(t *testing.T, g *harness.Guest) {
	g.Store["counter"] = "\x28\x00\x00\x00\x00\x00\x00\x00"
	command(t, g, "kv", answer(wire.Allow, attributes("got", "sensor 1/ä?", "sum", "42", "new", "-7", "gone", "1")))
	equal(t, "store", g.Store, map[string]string{
		"counter": "\x2a\x00\x00\x00\x00\x00\x00\x00", "other": "\xf9\xff\xff\xff\xff\xff\xff\xff", "kept": "sensor 1/ä?",
	})
	equal(t, "lives", g.Lives, map[string]int64{"kept": 5000, "other": 60000, "brief": 0})
}

func noRoom(t *testing.T, g *harness.Guest) {
	g.Full = true
	command(t, g, "kv", unavailable, "3 there is no room for the value")
	g.Full = false
	g.Store["counter"] = "no counter"
	command(t, g, "kv", unavailable, "3 there is no room for the value")
}

func longValue(t *testing.T, g *harness.Guest) {
	g.Store["long"] = strings.Repeat("x", 60000)
	command(t, g, "kv-long", answer(wire.Allow, attributes("long", strings.Repeat("x", 60000))))
}

func metrics(t *testing.T, g *harness.Guest) {
	command(t, g, "metrics", answer(wire.Allow, wire.Decision{}))
	equal(t, "metrics", g.Metrics, []harness.Metric{
		{Metric: wire.Metric{Name: "tck_total", Help: "Help.", Labels: []wire.Property{{Key: "by", Value: "sensor 1/ä?"}}}, Value: 4},
		{Metric: wire.Metric{Name: "tck_gauge", Help: "Help.", Kind: wire.MetricGauge}, Value: -2},
		{Metric: wire.Metric{Name: "tck_sizes", Help: "Help.", Kind: wire.MetricHistogram, Buckets: []uint64{1, 10, 100}}, Seen: []int64{7}},
	})
}

func refusedMetrics(t *testing.T, g *harness.Guest) {
	g.Refuse = -3
	command(t, g, "metrics", answer(wire.Allow, wire.Decision{}))
	if len(g.Metrics) != 0 {
		t.Errorf("%+v", g.Metrics)
	}
}

// timer is the one timer that the guest has set.
func timer(t *testing.T, g *harness.Guest, delay, repeat int64) int64 {
	t.Helper()
	if len(g.Timers) != 1 || g.Timers[0].Delay != delay || g.Timers[0].Repeat != repeat {
		t.Fatalf("timers %+v", g.Timers)
	}
	return g.Timers[0].ID
}

func oneTimer(t *testing.T, g *harness.Guest) {
	command(t, g, "timer", answer(wire.Allow, wire.Decision{}))
	id := timer(t, g, 1000, 0)
	g.Fire(id)
	equal(t, "log", g.Logs, []string{"1 timer sensor 1/ä?"})
	g.Fire(id) // no host does
	equal(t, "log", g.Logs, []string{"1 timer sensor 1/ä?"})
}

func repeatingTimer(t *testing.T, g *harness.Guest) {
	command(t, g, "every", answer(wire.Allow, wire.Decision{}))
	id := timer(t, g, 500, 500)
	for range 3 {
		g.Fire(id)
	}
	equal(t, "log", g.Logs, []string{"1 tick", "1 tick", "1 tick"})
	if len(g.Timers) != 0 {
		t.Errorf("it was not stopped: %+v", g.Timers)
	}
}

func askingTimer(t *testing.T, g *harness.Guest) {
	command(t, g, "timer-ask", answer(wire.Allow, wire.Decision{}))
	g.Fire(timer(t, g, 10, 0))
	if len(g.Requests) != 1 || g.Requests[0].Req != 0 {
		t.Fatalf("requests %+v", g.Requests)
	}
	asked := g.Requests[0]
	equal(t, "http_send", &asked.HTTPRequest, &wire.HTTPRequest{Upstream: "auth", Path: "/timer"})
	g.Requests = nil
	command(t, g, "allow", answer(wire.Allow, wire.Decision{}))
	g.Respond(asked.ID, &wire.HTTPResponse{Status: 204})
	equal(t, "log", g.Logs, []string{"1 answered 204"})
}

func refusedTimer(t *testing.T, g *harness.Guest) {
	g.Refuse = -2
	command(t, g, "timer", unavailable, busy)
	g.Refuse = -3
	command(t, g, "timer", unavailable, unread)
}

func strayTimer(t *testing.T, g *harness.Guest) {
	for _, id := range []int64{1, 1 << 62, 0, -1} {
		g.Fire(id)
	}
	command(t, g, "allow", answer(wire.Allow, wire.Decision{}))
}

func flatTimers(t *testing.T, g *harness.Guest) {
	flat(t, g, 10000, func(int) {
		g.Authenticate(1, Connect("timer", "c1"))
		g.Fire(g.Timers[0].ID)
		delete(g.Answers, 1)
		g.Logs = nil
	})
}

func goldenEvents(t *testing.T, g *harness.Guest) {
	files, err := Golden.ReadDir("golden")
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, f := range files {
		name, isBin := strings.CutSuffix(f.Name(), ".bin")
		if !isBin || !strings.HasPrefix(name, "event-") || strings.HasPrefix(name, "event-bad") {
			continue
		}
		e := new(wire.Event)
		readTwin(name, e)
		g.Logs = nil
		g.Notify(read("golden/" + f.Name()))
		equal(t, name, g.Logs, []string{"1 " + Text(e)})
		told++
	}
	if told < 6 {
		t.Errorf("%d golden events", told)
	}
	g.Notify(nil) // of no kind
	command(t, g, "allow", answer(wire.Allow, wire.Decision{}))
}

func badEvents(t *testing.T, g *harness.Guest) {
	for _, name := range []string{"event-bad-kind", "event-bad-topic"} {
		g.Logs = nil
		g.Notify(read("golden/" + name + ".bin"))
		if len(g.Logs) != 1 || !strings.HasPrefix(g.Logs[0], "3 ") {
			t.Errorf("%s: logs %q", name, g.Logs)
		}
	}
	mangle(read("golden/event-connected.bin"), g.Notify)
	command(t, g, "allow", answer(wire.Allow, wire.Decision{}))
}

func flatEvents(t *testing.T, g *harness.Guest) {
	full := read("golden/event-connected.bin")
	flat(t, g, 3000, func(int) {
		g.Notify(full)
		g.Logs = nil
	})
}

func hearsEvents(t *testing.T, g *harness.Guest) {
	if g.Hears&8 == 0 {
		t.Errorf("it hears %b", g.Hears)
	}
}

func disconnects(t *testing.T, g *harness.Guest) {
	command(t, g, "kick", answer(wire.Allow, wire.Decision{}))
	want := new(wire.Disconnect)
	readTwin("disconnect-named", want)
	equal(t, "client_disconnect", g.Disconnects, []wire.Disconnect{*want, {ClientID: "sensor 1/ä?"}})
}

func refusedDisconnect(t *testing.T, g *harness.Guest) {
	g.Refuse = -2
	command(t, g, "kick", unavailable, busy)
}

// read reads a golden file.
func read(name string) []byte {
	b, err := Golden.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return b
}
