package wasm

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
)

// notes is a slog.Handler that keeps what guests log.
type notes struct {
	mu    sync.Mutex
	lines []string
}

func (*notes) Enabled(context.Context, slog.Level) bool { return true }
func (n *notes) WithAttrs([]slog.Attr) slog.Handler     { return n }
func (n *notes) WithGroup(string) slog.Handler          { return n }

func (n *notes) Handle(_ context.Context, r slog.Record) error {
	guest := false
	r.Attrs(func(a slog.Attr) bool { guest = guest || a.Key == "from"; return true })
	if guest {
		n.mu.Lock()
		n.lines = append(n.lines, r.Message)
		n.mu.Unlock()
	}
	return nil
}

func (n *notes) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := n.lines
	n.lines = nil
	return out
}

// turned is a clock that a test turns.
type turned struct {
	mu  sync.Mutex
	now time.Time
}

func (c *turned) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *turned) turn(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// keeper is the guest of that name with what a test needs to talk to it.
type keeper struct {
	*Plugin
	t     *testing.T
	host  *Host
	log   *notes
	clock *turned
	gone  []Disconnect
}

var keeperGrants = []string{GrantKV, GrantMetrics, GrantTimers, GrantDisconnect}

func newKeeper(t *testing.T, o Options) *keeper {
	t.Helper()
	k := &keeper{t: t, log: new(notes), clock: &turned{now: noon}}
	k.host = newHost(t, HostOptions{Log: slog.New(k.log), Disconnect: func(d Disconnect) { k.gone = append(k.gone, d) }})
	k.Plugin = k.open(o)
	return k
}

func (k *keeper) open(o Options) *Plugin {
	k.t.Helper()
	o.Module, o.Grants, o.Now = guest(k.t, "keeper"), keeperGrants, k.clock.Now
	o.Workers = max(o.Workers, 1)
	if o.Limits.AuthenticateSlice == 0 { // the machine may be busy
		o.Limits.AuthenticateSlice = 5 * time.Second
	}
	return open(k.t, k.host, o)
}

// do asks and returns the numbers that the guest has told.
func (k *keeper) do(clientID string) (told []int64) {
	k.t.Helper()
	answer(k.t, k.Plugin, clientID)
	for _, line := range k.log.take() {
		if line == "9" { // an instance has been unloaded
			continue
		}
		n, err := strconv.ParseUint(line, 16, 64)
		if err != nil {
			k.t.Fatalf("%s logged %q", clientID, line)
		}
		told = append(told, int64(n))
	}
	return told
}

func (k *keeper) expect(clientID string, want ...int64) {
	k.t.Helper()
	if got := k.do(clientID); !slices.Equal(got, want) {
		k.t.Errorf("%q: %d, want %d", clientID, got, want)
	}
}

// pass turns the clock and returns what the guest has logged then.
func (k *keeper) pass(d time.Duration) []string {
	k.t.Helper()
	k.clock.turn(d)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := k.Settle(ctx); err != nil {
		k.t.Fatal(err)
	}
	return k.log.take()
}

func TestKV(t *testing.T) {
	k := newKeeper(t, Options{Workers: 2})
	k.expect("shello", 0)
	k.expect("ghello", 5) // longer than the room it gave
	k.expect("gnothing", -1)
	k.expect("dhello", 1)
	k.expect("dhello", 0)
	k.expect("kx", callMalformed, callMalformed, callMalformed, callMalformed, noCounter, -1, 0)
	for n := range 5 { // by both instances
		k.expect("acounter", int64(n+1))
	}
	k.clock.turn(time.Minute - 1)
	k.expect("acounter", 6) // the first addition has set the time
	k.clock.turn(1)
	k.expect("acounter", 1)
	k.expect("sx", 0)
	k.expect("ax", noCounter) // no counter
	if s := k.Stats(); s.KVKeys != 2 || s.KVBytes != itemCost(7, 8)+itemCost(1, 1) || s.KVFull != 1 {
		t.Errorf("%+v", s)
	}
}

// TestKVReload: what is kept is that of the name, and ends with it.
func TestKVReload(t *testing.T) {
	k := newKeeper(t, Options{})
	k.expect("shello", 0)
	k.expect("m\x0a\x07x_total", 1)
	k.expect("c1", 0)
	other := &keeper{t: t, host: k.host, log: k.log, clock: k.clock}
	other.Plugin = other.open(Options{Name: "other"})
	other.expect("ghello", -1)
	other.expect("c1", callMalformed)

	old := k.Plugin
	k.Plugin = k.open(Options{})
	if err := old.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	k.expect("ghello", 5)
	k.expect("m\x0a\x07x_total", 1)
	k.expect("c1", 0)
	if m := k.host.Metrics(); len(m) != 1 || m[0].Value != 4 || m[0].Plugin != "test" {
		t.Errorf("%+v", m)
	}
	if err := k.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if m := k.host.Metrics(); len(m) != 0 {
		t.Errorf("the metrics of a plugin that is gone: %+v", m)
	}
	k.Plugin = k.open(Options{})
	k.expect("ghello", -1)
}

// TestKVBomb: a guest that fills its store is told so, keeps serving, and takes
// what it was given and no more.
func TestKVBomb(t *testing.T) {
	const room = 4 << 20
	k := newKeeper(t, Options{Limits: Limits{KVBytes: room, AuthenticateSlice: 10 * time.Second}})
	before := heapInUse()
	small := k.do("B")
	if n := int64(room / itemCost(4, 0)); len(small) != 1 || small[0] != n+1 {
		t.Errorf("%d small keys, want %d", small, n)
	}
	if grown := heapInUse() - before; grown > room*5/4 {
		t.Errorf("%d bytes of memory", grown)
	}
	k.expect("shello", callTooMany)
	k.expect("ahello", noCounter)
	k.expect("ghello", -1)
	if s := k.Stats(); s.KVBytes > room || s.KVFull < 3 || len(s.Faults) > 0 {
		t.Errorf("%+v", s)
	}
	large := newKeeper(t, Options{Limits: Limits{KVBytes: room, AuthenticateSlice: 10 * time.Second}})
	if n := large.do("b"); len(n) != 1 || n[0] != room/itemCost(256, 65536)+1 {
		t.Errorf("%d large values", n)
	}
}

func TestMetrics(t *testing.T) {
	k := newKeeper(t, Options{Workers: 2})
	k.expect("m\x0a\x07x_total\x12\x01h", 1)
	k.expect("m\x0a\x07x_total", 1)
	k.expect("m\x0a\x07x_total\x22\x06\x0a\x01a\x12\x01b\x22\x06\x0a\x01b\x12\x01c", 2)
	k.expect("m\x0a\x07x_total\x22\x06\x0a\x01b\x12\x01c\x22\x06\x0a\x01a\x12\x01b", 2) // in another order
	k.expect("m\x0a\x01g\x18\x01", 3)
	k.expect("m\x0a\x01h\x18\x02\x28\x06\x28\x07", 4)
	for range 3 {
		k.expect("c1", 0)
		k.expect("o4", 0)
		k.expect("c3", 0)
	}
	k.expect("C3", 0)
	k.expect("C1", callMalformed) // a counter does not fall
	k.expect("e1", callMalformed)
	k.expect("o1", callMalformed)
	k.expect("c4", callMalformed)
	k.expect("O4", callMalformed)
	k.expect("c9", callMalformed)
	k.expect("m\x0a\x07x_total\x18\x02", callMalformed) // of another kind
	k.expect("m\x0a\x01h\x18\x02\x28\x06", callMalformed)
	var got []string
	for _, m := range k.host.Metrics() {
		got = append(got, fmt.Sprintf("%s %s %q %v %d %d %v %d", m.Plugin, m.Name, m.Help, m.Labels, m.Kind, m.Value, m.Counts, m.Sum))
	}
	want := []string{
		`test g "" [] 1 4 [] 0`, `test h "" [] 2 0 [0 3 0] 21`,
		`test x_total "h" [] 0 6 [] 0`, `test x_total "h" [{a b} {b c}] 0 0 [] 0`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("metrics\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestMetricNames: what Prometheus would refuse, or take for another's, is refused.
func TestMetricNames(t *testing.T) {
	k := newKeeper(t, Options{})
	label := func(name, value string) string {
		in := "\x0a" + string(rune(len(name))) + name + "\x12" + string(rune(len(value))) + value
		return "\x0a\x01g\x18\x01\x22" + string(rune(len(in))) + in
	}
	for _, bad := range []string{
		"", "\x0a\x01G\x18\x01", "\x0a\x02-a\x18\x01", "\x0a\x021a\x18\x01", "\x0a\x01x", "\x0a\x07g_total\x18\x01",
		"\x0a\x05h_sum\x18\x01", "\x0a\x08h_bucket\x18\x01", "\x0a\x07h_count\x18\x01", "\x0a\x04a\nb \x18\x01", "\x0a\x02\xc3\xa4\x18\x01",
		"\x0a\x01g\x18\x03", "\x0a\x01g\x18\x01\x28\x01", "\x0a\x01h\x18\x02\x28\x02\x28\x02", "\x0a\x41" + strings.Repeat("a", 65) + "\x18\x01",
		label("plugin", "x"), label("le", "x"), label("__name__", "x"), label("a-b", "x"), label("a", "\x00"), label("a", "\xff"),
		label("a", "x") + label("a", "y")[5:], strings.Repeat("\x22\x00", 9) + "\x0a\x01g\x18\x01", "\x0a\x7f",
	} {
		k.expect("m"+bad, callMalformed)
	}
	for n := range maxSeries {
		k.expect("m"+label("a", strconv.Itoa(n)), int64(n+1))
	}
	k.expect("m"+label("a", "one more"), callTooMany)
	k.expect("m"+label("a", "0"), 1)
	// Another plugin has its own, but not under a name of another kind.
	other := &keeper{t: t, host: k.host, log: k.log, clock: k.clock}
	other.Plugin = other.open(Options{Name: "other"})
	other.expect("m\x0a\x01g\x18\x02", callMalformed)
	other.expect("m\x0a\x01g\x18\x01\x12\x01x", 1)
	// The next version has room again, as it uses less.
	old := k.Plugin
	k.Plugin = k.open(Options{})
	k.expect("m"+label("a", "1"), 2)
	k.expect("m"+label("a", "new"), callTooMany) // both are here
	if err := old.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	k.expect("m"+label("a", "new"), maxSeries+1)
	if n := len(k.host.Metrics()); n != maxSeries+1 {
		t.Errorf("%d series", n)
	}
}

func TestTimers(t *testing.T) {
	k := newKeeper(t, Options{})
	k.expect("wx", callMalformed, callMalformed, callMalformed, callMalformed, -1, -1)
	k.do("t")
	k.do("r")
	for _, step := range []struct {
		wait time.Duration
		want []string
	}{
		{999 * time.Millisecond, nil},
		{time.Millisecond, []string{"1", "6"}},
		{499 * time.Millisecond, nil},
		{time.Millisecond, []string{"6"}},
		{5 * time.Second, []string{"6"}}, // calls do not pile up
	} {
		if got := k.pass(step.wait); !slices.Equal(got, step.want) {
			t.Errorf("after %v: %q, want %q", step.wait, got, step.want)
		}
	}
	k.expect("x", 0)
	k.expect("x", -1)
	if got := k.pass(time.Hour); got != nil {
		t.Errorf("cancelled: %q", got)
	}
	k.expect("T", maxTimers)
}

// TestTimersEnd: timers end with their instance, and those of a closed plugin
// never fire.
func TestTimersEnd(t *testing.T) {
	k := newKeeper(t, Options{Limits: Limits{AuthenticateSlice: 50 * time.Millisecond}})
	k.do("r")
	k.do("l") // its handler loops
	if got := k.pass(20 * time.Millisecond); got != nil {
		t.Errorf("%q", got)
	}
	until(t, "a new instance", func() bool { s := k.Stats(); return s.Faults[FaultDeadline] == 1 && s.Up == 1 })
	if got := k.pass(time.Hour); got != nil {
		t.Errorf("the timers of a dropped instance: %q", got)
	}
	k.expect("shello", 0)
}

// TestReplacedIsUnloaded: an instance that has grown too far is replaced, and its
// end is one in good order. What the plugin keeps is there still.
func TestReplacedIsUnloaded(t *testing.T) {
	k := newKeeper(t, Options{Limits: Limits{MemoryPages: 16}})
	k.expect("shello", 0)
	k.do("r")
	answer(t, k.Plugin, "G")
	until(t, "it is replaced", func() bool { return k.Stats().Recycled == 1 })
	if got := k.pass(time.Hour); !slices.Equal(got, []string{"9"}) {
		t.Errorf("%q", got)
	}
	k.expect("ghello", 5)
}

// TestTimerStorm: an instance with all the timers it may have, each as often as
// it may, still serves.
func TestTimerStorm(t *testing.T) {
	k := newKeeper(t, Options{Limits: Limits{AuthenticateSlice: time.Second}})
	k.expect("T", maxTimers)
	for range 50 {
		k.clock.turn(20 * time.Millisecond)
		if v := answer(t, k.Plugin, "-"); v.Decision != auth.Allow {
			t.Fatalf("%+v", v)
		}
	}
	if s := k.Stats(); len(s.Faults) > 0 || s.Calls < 50 {
		t.Errorf("%+v", s)
	}
}

func event(k auth.EventKind, id string) *auth.Event {
	return &auth.Event{Kind: k, Time: noon, ClientID: id, Listener: "tcp:default", Peer: netip.MustParseAddrPort("192.0.2.7:1")}
}

func TestPluginEvents(t *testing.T) {
	k := newKeeper(t, Options{Workers: 3, Events: []string{"connected", "denied"}})
	for _, want := range []struct {
		kind auth.EventKind
		told bool
	}{{auth.EventConnected, true}, {auth.EventDisconnected, false}, {auth.EventRefused, false}, {auth.EventSubscribed, false}, {auth.EventDenied, true}} {
		if k.Observes(want.kind) != want.told {
			t.Errorf("%v is observed: %v", want.kind, !want.told)
		}
	}
	e := event(auth.EventDenied, "a")
	e.Username, e.Reason, e.ReasonText, e.Decider, e.Action = "u", mqtt.ServerBusy, "t", "d", auth.Subscribe
	e.Items = []auth.Item{{Topic: "x", QoS: 1, Share: "g"}, {Topic: "y"}}
	e.Attributes = map[string]string{"k": "v"}
	k.Observe(e)
	k.Observe(event(auth.EventDisconnected, "not wanted"))
	for n := range 40 {
		k.Observe(event(auth.EventConnected, strconv.Itoa(n)))
	}
	got := k.pass(0)
	if want := "\x08\x06\x10\x80\xf0\xa3\xe0\xca3\x1a\x01a\x22\x01u*\x0btcp:default2\x0b192.0.2.7:18\x89\x01B\x01tJ\x08\x0a\x01x\x10\x01\x22\x01gJ\x03\x0a\x01yZ\x01db\x06\x0a\x01k\x12\x01vh\x02"; len(got) == 0 || got[0] != strings.ToValidUTF8(want, "\ufffd") {
		t.Fatalf("%q", got)
	}
	for n := range 40 { // in their order, all by one instance
		if !strings.Contains(got[n+1], fmt.Sprintf("%c%d*", len(strconv.Itoa(n)), n)) {
			t.Fatalf("event %d: %q", n, got[n+1])
		}
	}
	if s := k.Stats(); s.Events != 41 || s.EventsDropped != 0 || s.EventsWaiting != 0 {
		t.Errorf("%+v", s)
	}
}

// TestEventsDropped: what cannot wait is counted, and the guest is told how much
// it was; a handler that loops costs its instance, and nobody else anything.
func TestEventsDropped(t *testing.T) {
	k := newKeeper(t, Options{Events: []string{"connected"}, Limits: Limits{AuthenticateSlice: 50 * time.Millisecond}})
	k.do("L")
	for range maxEvents + 10 {
		k.Observe(event(auth.EventConnected, "a"))
	}
	until(t, "the instance is dropped", func() bool { return k.Stats().Faults[FaultDeadline] == 1 })
	until(t, "another tells on", func() bool { return k.Stats().EventsWaiting == 0 })
	lines := k.pass(0)
	if len(lines) == 0 || !strings.Contains(lines[0], "P") { // field 10
		t.Errorf("the first event after the loss: %q", lines[:min(1, len(lines))])
	}
	if s := k.Stats(); s.EventsDropped == 0 || s.EventsDropped > 11 {
		t.Errorf("%d dropped", s.EventsDropped)
	}
	big := event(auth.EventConnected, "a")
	big.Items = []auth.Item{{Topic: strings.Repeat("x", maxEventBytes)}}
	before := k.Stats().EventsDropped
	k.Observe(big)
	if k.Stats().EventsDropped != before+1 {
		t.Error("an event larger than all that may wait did")
	}
}

// TestEventQueueNames: names count for what waits; those of a CONNECT are 64 KB
// that anybody may send.
func TestEventQueueNames(t *testing.T) {
	long := strings.Repeat("x", 60_000)
	for name, e := range map[string]*auth.Event{
		"client id":  {Kind: auth.EventRefused, ClientID: long},
		"user name":  {Kind: auth.EventRefused, Username: long},
		"attributes": {Kind: auth.EventConnected, Attributes: map[string]string{"a": long}},
	} {
		var q eventQueue
		n := 0
		for q.add(e) {
			n++
		}
		if kept := n * len(long); kept > maxEventBytes {
			t.Errorf("%s: %d events keep %d bytes", name, n, kept)
		}
	}
}

// TestEventQueueLosses: none is lost without being counted, whatever happens.
func TestEventQueueLosses(t *testing.T) {
	var q eventQueue
	for range maxEvents + 3 {
		q.add(event(auth.EventConnected, "a"))
	}
	e, lost := q.take()
	if e == nil || lost != 3 {
		t.Fatal(lost)
	}
	q.untold(lost)
	if _, lost = q.take(); lost != 4 {
		t.Error(lost)
	}
	if _, lost = q.take(); lost != 0 {
		t.Error(lost)
	}
	if n, dropped := q.stats(); n != maxEvents-3 || dropped != 4 {
		t.Error(n, dropped)
	}
}

func TestEventsRefused(t *testing.T) {
	h := newHost(t, HostOptions{})
	if _, err := h.Open(context.Background(), Options{Name: "p", Module: guest(t, "keeper"), Grants: keeperGrants, Events: []string{"conected"}}); err == nil || !strings.Contains(err.Error(), `"conected"`) {
		t.Error(err)
	}
	var out bytes.Buffer
	h = newHost(t, HostOptions{Log: slog.New(slog.NewTextHandler(&out, nil))})
	p := open(t, h, Options{Module: guest(t, "minimal"), Events: []string{"connected"}})
	if p.Observes(auth.EventConnected) || !strings.Contains(out.String(), "plugins.test.events") {
		t.Error(out.String())
	}
}

func TestClientDisconnect(t *testing.T) {
	k := newKeeper(t, Options{})
	k.expect("v", 0)
	k.expect("f\x0a\x01x", 0)
	want := []Disconnect{
		{Plugin: "test", ClientID: "victim", Reason: mqtt.QuotaExceeded, ReasonText: "enough", Username: "bob"},
		{Plugin: "test", ClientID: "x", Reason: mqtt.AdministrativeAction},
	}
	if !slices.Equal(k.gone, want) {
		t.Errorf("%+v", k.gone)
	}
	for _, bad := range []string{"", "\x10\x97\x01", "\x0a\x01x\x10\x04", "\x0a\x01x\x10\x8a\x01", "\x0a\x01x\x10\x80\x02", "\x0a\x01\x00", "\x0a\x09x"} {
		k.expect("f"+bad, callMalformed)
	}
	// A flood is stopped, and goes on at its rate.
	if n := k.do("V"); len(n) != 1 || n[0] != maxDisconnects-2 {
		t.Errorf("%d at once", n)
	}
	k.expect("v", callTooMany)
	k.clock.turn(100 * time.Millisecond)
	if n := k.do("V"); len(n) != 1 || n[0] != maxDisconnects/10 {
		t.Errorf("%d after 100 ms", n)
	}
}

// TestKeeperGrants: each import needs its grant, with the line to add.
func TestKeeperGrants(t *testing.T) {
	h := newHost(t, HostOptions{})
	_, err := h.Open(context.Background(), Options{Name: "door", Module: guest(t, "keeper")})
	for _, want := range []string{
		"wicket.kv_add, which is not granted; add `plugins.door.grants: [kv]`", "grants: [metrics]`", "grants: [timers]`", "grants: [disconnect]`",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	info, err := h.Inspect(context.Background(), guest(t, "keeper"))
	if err != nil || len(info.Problems) > 0 || !slices.Equal(info.Grants, []string{"disconnect", "kv", "metrics", "timers"}) || info.ABI != "1.3" {
		t.Errorf("%+v, %v", info, err)
	}
}
