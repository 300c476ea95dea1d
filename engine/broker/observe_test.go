package broker

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
)

// witness notes what it observes, a line for each event.
type witness struct {
	wants []auth.EventKind // nil: all
	lines []string
}

func (o *witness) Observes(k auth.EventKind) bool {
	return o.wants == nil || slices.Contains(o.wants, k)
}

func (o *witness) Observe(e *auth.Event) {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %s", e.Kind, e.ClientID)
	for _, field := range []struct{ name, value string }{
		{"user", e.Username}, {"by", e.Decider}, {"because", e.ReasonText}, {"site", e.Attributes["site"]},
	} {
		if field.value != "" {
			fmt.Fprintf(&b, " %s=%s", field.name, field.value)
		}
	}
	if e.Reason != 0 || e.Kind == auth.EventDisconnected {
		fmt.Fprintf(&b, " %#x", byte(e.Reason))
	}
	if e.Action != 0 {
		fmt.Fprintf(&b, " action=%d", e.Action)
	}
	for _, it := range e.Items {
		fmt.Fprintf(&b, " [%s %d%s %v]", it.Topic, it.QoS, it.Share, it.Retain)
	}
	if e.Time.IsZero() || e.Listener == "" || !e.Peer.IsValid() {
		b.WriteString(" INCOMPLETE")
	}
	o.lines = append(o.lines, b.String())
}

func (o *witness) expect(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(o.lines, want) {
		t.Errorf("events\n\t%s\nwant\n\t%s", strings.Join(o.lines, "\n\t"), strings.Join(want, "\n\t"))
	}
	o.lines = nil
}

// observing puts a gate in place that lets everybody in but "out", and forbids
// everything below "no".
func observing(t *testing.T, w *world, disconnects bool) *witness {
	t.Helper()
	o := new(witness)
	d := &decider{authenticate: func(r *auth.Request, done func(auth.Verdict)) {
		if r.ClientID == "out" {
			done(auth.Verdict{Reason: mqtt.ServerBusy, ReasonText: "not now"})
			return
		}
		done(auth.Verdict{Decision: auth.Allow, Default: auth.Allow, Rules: []auth.Rule{forbid(auth.Publish|auth.Subscribe, "no/#")}, Attributes: map[string]string{"site": "7"}})
	}}
	var err error
	w.gate, err = auth.NewGate(auth.Options{Chain: []auth.Decider{d}, Observers: []auth.Observer{o}, DenyDisconnects: disconnects})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestEvents(t *testing.T) {
	w := newWorld(t, Options{})
	o := observing(t, w, false)
	a := w.joined(0, "a", func(p *mqtt.Connect) { p.Username, p.HasUsername = []byte("alice"), true })
	o.expect(t, "connected a user=alice by=test site=7")
	a.send(subscribe(1, "x/+", 1, and("no/way", 2), and("$share/g/s", 0)))
	o.expect(t, "subscribed a user=alice [x/+ 1 false] [s 0g false]", "denied a user=alice action=2 [no/way 2 false]")
	a.send(unsubscribe(2, "x/+", "never"))
	o.expect(t, "unsubscribed a user=alice [x/+ 1 false]")
	a.send(publish("no/t", "x", func(p *mqtt.Publish) { p.Retain = true }))
	a.send(publish("yes", "x"))
	o.expect(t, "denied a user=alice action=1 [no/t 0 true]")
	a.send(disconnect(func(p *mqtt.Disconnect) { p.Reason = mqtt.DisconnectWithWill }))
	o.expect(t, "disconnected a user=alice because=disconnect 0x4")

	w.dial(0).send(connect("out"))
	o.expect(t, "refused out by=test because=not now 0x89")
	w.dial(0).send(connect("", v311, func(p *mqtt.Connect) { p.CleanStart = false }))
	o.expect(t, "refused  because=CONNECT refused 0x85")
	w.dial(0).raw([]byte("GET / HTTP/1.1\r\n\r\n"))
	o.expect(t)

	b := w.joined(0, "b")
	w.joined(0, "b")
	o.expect(t, "connected b by=test site=7", "disconnected b because=taken over 0x8e", "connected b by=test site=7")
	b.lose()
	w.joined(0, "c").lose()
	o.expect(t, "connected c by=test site=7", "disconnected c because=eof 0x80")
}

func TestEventsOfDenyDisconnects(t *testing.T) {
	w := newWorld(t, Options{})
	o := observing(t, w, true)
	w.joined(0, "a").send(subscribe(1, "x", 1, and("no/way", 2)))
	o.expect(t, "connected a by=test site=7", "denied a action=2 [no/way 2 false]", "disconnected a because=subscribe denied 0x87")
}

// Subscriptions that a reload takes away are told of.
func TestEventsOfRejudge(t *testing.T) {
	w := newWorld(t, Options{})
	o := observing(t, w, false)
	w.joined(0, "a").subscribed("x", 1).subscribed("y", 0)
	o.lines = nil
	old := w.gate
	g, err := auth.NewGate(auth.Options{Anonymous: auth.AnonymousAllow, Observers: []auth.Observer{o}, Rules: []auth.Rule{forbid(auth.Subscribe, "x")}})
	if err != nil || old == g {
		t.Fatal(err)
	}
	w.gate = g
	w.b.Rejudge("")
	w.settle()
	o.expect(t, "unsubscribed a [x 1 false]", "disconnected a because=subscription not permitted any more 0x87")
}

// Who observes some kinds pays, and is told, nothing of the others.
func TestEventsUnwanted(t *testing.T) {
	w := newWorld(t, Options{})
	o := new(witness)
	o.wants = []auth.EventKind{auth.EventSubscribed}
	g, err := auth.NewGate(auth.Options{Anonymous: auth.AnonymousAllow, Observers: []auth.Observer{o}})
	if err != nil {
		t.Fatal(err)
	}
	w.gate = g
	a := w.joined(0, "a").subscribed("x", 0)
	a.send(unsubscribe(2, "x"), disconnect())
	o.expect(t, "subscribed a [x 0 false]")
}

// Nobody listens, nobody pays: what is denied costs no allocation.
func TestNoEventsNoAllocations(t *testing.T) {
	b := newBench(t, 1, 0, 0, func(*mqtt.Connect) {})
	d := rules(forbid(auth.Publish, "no/#"))
	d.authorize = nil
	b.gate = d.gate(t)
	c := b.client(0, "denied", func(*mqtt.Connect) {})
	window := publish("no/t", payload(100)).Append(nil, mqtt.V50)
	before := b.b.Stats().Denied
	if n := testing.AllocsPerRun(200, func() { c.Feed(window) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if b.b.Stats().Denied < before+200 {
		t.Error("nothing was denied")
	}
}

// A client is disconnected with a reason and a text, if it has the name.
func TestDisconnectNamed(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.joined(0, "a", func(p *mqtt.Connect) { p.Username, p.HasUsername = []byte("alice"), true })
	w.b.Disconnect(Parting{ClientID: "a", Username: "bob", Reason: mqtt.QuotaExceeded})
	w.settle()
	a.silent()
	w.b.Disconnect(Parting{ClientID: "a", Username: "alice", Reason: mqtt.QuotaExceeded, ReasonText: "enough"})
	w.settle()
	a.ended("kicked", `DISCONNECT 0x97 "enough"`)
	if w.b.Disconnect(Parting{ClientID: "nobody", Reason: mqtt.QuotaExceeded}) {
		t.Error("a session that is not there was found")
	}
	quiet := w.joined(0, "q", func(p *mqtt.Connect) { p.Properties.RequestProblemInfo = false })
	w.b.Disconnect(Parting{ClientID: "q", Reason: mqtt.QuotaExceeded, ReasonText: "enough"})
	w.settle()
	quiet.ended("kicked", "DISCONNECT 0x97")
	small := w.joined(0, "s", func(p *mqtt.Connect) { p.Properties.MaximumPacketSize = 20 })
	w.b.Disconnect(Parting{ClientID: "s", Reason: mqtt.QuotaExceeded, ReasonText: "much too long for it"})
	w.settle()
	small.ended("kicked", "DISCONNECT 0x97")
}
