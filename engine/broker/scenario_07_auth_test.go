package broker

import (
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
)

// What is denied is denied on every path, and told where the version can.
func TestDenied(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.joined(0, "a").subscribed("#", 2)
	w.gate = rules(forbid(auth.Publish, "no"), forbid(auth.Subscribe, "hidden/#")).gate(t)
	old := w.joined(0, "old", v311)
	old.send(publish("no", "0"), publish("no", "1", qos(1, 1)), publish("no", "2", qos(2, 2)), pubrel(2),
		publish("yes", "3", qos(1, 3)), subscribe(4, "hidden/x", 1, and("open", 1)))
	old.expect("PUBACK 1", "PUBREC 2", "PUBCOMP 2", "PUBACK 3", "SUBACK 4 [0x80 0x1]")
	a.expect(`PUBLISH yes "3" q1 #1`)

	p := w.joined(0, "p")
	p.send(publish("no", "0", retain), publish("no", "1", qos(1, 1), retain), publish("no", "2", qos(2, 2)),
		subscribe(4, "hidden/x", 1, and("$share/g/hidden/x", 0), and("open", 1)))
	p.expect("PUBACK 1 0x87", "PUBREC 2 0x87", "SUBACK 4 [0x87 0x87 0x1]")
	p.send(pubrel(2)) // the exchange has ended with PUBREC
	p.expect("PUBCOMP 2 0x92")
	a.silent()
	if n := w.b.Stats(); n.Denied != 9 || n.Retained != 0 {
		t.Errorf("denied %d, retained %d", n.Denied, n.Retained)
	}

	q := w.dial(0)
	q.send(connect("q", withWill("no", "w")))
	q.ended("will not permitted", `CONNACK 0x87 "will message not permitted"`)
	a.silent()
}

// A permission for a wide filter does not reach over a rule that forbids a
// part of it: not live, not from the queue, not retained.
func TestDeniedDelivery(t *testing.T) {
	w := newWorld(t, Options{})
	p := w.joined(0, "p")
	p.send(publish("hidden", "r", retain), publish("shown", "r", retain))
	w.gate = rules(forbid(auth.Subscribe, "hidden")).gate(t)
	p = w.joined(0, "p")
	a := w.joined(0, "a", persistent)
	a.send(subscribe(1, "+", 1))
	a.expect("SUBACK 1 [0x1]", `PUBLISH shown "r" retain`)
	p.send(publish("hidden", "x", qos(1, 1)), publish("shown", "x"))
	a.expect(`PUBLISH shown "x"`)
	a.lose()
	p.send(publish("hidden", "x", qos(1, 1)), publish("shown", "y", qos(1, 2)))
	a = w.dial(0)
	a.send(connect("a", persistent))
	a.expect("CONNACK 0x0 present", `PUBLISH shown "y" q1 #2`)
	if n := a.Client.sub.Inflight(); n != 1 {
		t.Errorf("%d messages in flight, want 1", n)
	}
}

// A gate that takes its time: reading stops, nothing is lost, order is kept.
func TestLateVerdict(t *testing.T) {
	w := newWorld(t, Options{})
	l := new(later)
	w.gate = (&decider{authenticate: l.authenticate, authorize: l.authorize}).gate(t)
	allow := auth.Verdict{Decision: auth.Allow, Default: auth.Next}
	a := w.dial(0)
	a.send(connect("a"))
	a.send(subscribe(1, "t", 1))
	a.silent()
	if !a.paused {
		t.Error("reading goes on while the verdict is awaited")
	}
	l.answer(w, allow)
	a.expect("CONNACK 0x0")
	l.answer(w, allow)
	a.expect("SUBACK 1 [0x1]")

	a.send(publish("t", "1", qos(1, 1)), publish("t", "2", qos(2, 2)), pingPacket{})
	a.silent()
	l.answer(w, allow)
	a.expect(`PUBLISH t "1" q1 #1`, "PUBACK 1")
	l.answer(w, auth.Verdict{Decision: auth.Deny})
	a.expect("PUBREC 2 0x87", "PINGRESP")

	a.send(subscribe(2, "x", 0, and("y", 1), and("#/", 0)))
	l.answer(w, auth.Verdict{Items: []auth.Decision{auth.Deny, auth.Allow}})
	a.expect("SUBACK 2 [0x87 0x1 0x8f]")
}

func TestLateRefusal(t *testing.T) {
	w := newWorld(t, Options{})
	l := new(later)
	w.gate = (&decider{authenticate: l.authenticate}).gate(t)
	a := w.dial(0)
	a.send(connect("a"))
	l.answer(w, auth.Verdict{Decision: auth.Deny, Reason: mqtt.Banned, ReasonText: "go away"})
	a.ended("denied", `CONNACK 0x8a "go away"`)
	b := w.dial(0)
	b.send(connect("b", v311))
	l.answer(w, auth.Verdict{Decision: auth.Deny, Reason: mqtt.BadUsernameOrPassword})
	if got := hexOf(b.out); got != "20020004" {
		t.Errorf("sent %s", got)
	}
}

// A connection that is lost while it waits takes its question with it.
func TestLostWhileAsking(t *testing.T) {
	w := newWorld(t, Options{Shards: 2})
	l := new(later)
	w.gate = (&decider{authenticate: l.authenticate, authorize: l.authorize}).gate(t)
	allow := auth.Verdict{Decision: auth.Allow, Default: auth.Next}
	a := w.dial(0)
	a.send(connect("a"))
	a.lose()
	l.answer(w, allow)
	a.expect()
	b := w.dial(0)
	b.send(connect("b"))
	l.answer(w, allow)
	b.expect("CONNACK 0x0")
	b.send(publish("t", "x"))
	b.lose()
	l.answer(w, allow)
	w.empty()
}

// A gate whose deciders may take longer has the time that they say.
func TestPatience(t *testing.T) {
	w := newWorld(t, Options{})
	l := new(later)
	var err error
	if w.gate, err = auth.NewGate(auth.Options{Chain: []auth.Decider{patient{&decider{authenticate: l.authenticate}}}}); err != nil {
		t.Fatal(err)
	}
	a := w.dial(0)
	a.send(connect("a"))
	w.pass(119)
	l.answer(w, auth.Verdict{Decision: auth.Allow})
	a.expect("CONNACK 0x0")
}

type patient struct{ *decider }

func (patient) Patience() time.Duration { return 2 * time.Minute }

// A gate that never answers does not keep a connection for ever.
func TestNoVerdict(t *testing.T) {
	w := newWorld(t, Options{})
	l := new(later)
	w.gate = (&decider{authenticate: l.authenticate, authorize: l.authorize}).gate(t)
	a := w.dial(0)
	a.send(connect("a"))
	w.pass(10.2)
	a.ended("no verdict in time", "CONNACK 0x88")
	l.answer(w, auth.Verdict{Decision: auth.Allow})

	b := w.dial(0)
	b.send(connect("b", keepAlive(4)))
	l.answer(w, auth.Verdict{Decision: auth.Allow, Default: auth.Next})
	b.expect("CONNACK 0x0")
	b.send(publish("t", "x"))
	w.pass(9)
	b.silent() // it cannot be heard: keep-alive waits
	l.answer(w, auth.Verdict{Decision: auth.Allow})
	w.pass(5)
	b.silent()
	w.pass(2)
	b.ended("keep-alive timeout", "DISCONNECT 0x8d")

	c := w.dial(0)
	c.send(connect("c"))
	l.answer(w, auth.Verdict{Decision: auth.Allow, Default: auth.Next})
	c.send(publish("t", "x"))
	w.pass(10.2)
	c.ended("no answer in time", "CONNACK 0x0", "DISCONNECT 0x89")
}

// The chain is asked about a will when the client comes and when it is lost.
func TestAskWill(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.joined(0, "s").subscribed("t", 0)
	l := new(later)
	w.gate = (&decider{authenticate: l.authenticate, authorize: l.authorize}).gate(t)
	allow := auth.Verdict{Decision: auth.Allow, Default: auth.Next}
	for _, v := range []auth.Verdict{allow, {Decision: auth.Deny}} {
		a := w.dial(0)
		a.send(connect("a", withWill("t", "w")))
		l.answer(w, allow)
		a.silent()
		l.answer(w, allow)
		a.expect("CONNACK 0x0")
		a.lose()
		l.answer(w, v)
		if v.Decision == auth.Allow {
			s.expect(`PUBLISH t "w"`)
		}
	}
	a := w.dial(0)
	a.send(connect("a", withWill("t", "w")))
	l.answer(w, allow)
	l.answer(w, auth.Verdict{Decision: auth.Deny})
	a.ended("will not permitted", `CONNACK 0x87 "will message not permitted"`)
	s.silent()
}

// A reload of the gate reaches live sessions with their next packet.
func TestReload(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.joined(0, "a")
	a.send(publish("t", "x", qos(1, 1)))
	a.expect("PUBACK 1 0x10")
	g, err := auth.NewGate(auth.Options{
		Anonymous: auth.AnonymousAllow,
		Rules:     []auth.Rule{{Actions: auth.Publish, Filter: "${clientid}"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.gate = g
	a.send(publish("a", "x", qos(1, 2)))
	a.expect("PUBACK 2 0x87")
}

// A grant that ends takes the connection with it.
func TestGrantExpires(t *testing.T) {
	w := newWorld(t, Options{})
	w.gate = (&decider{authenticate: func(_ *auth.Request, done func(auth.Verdict)) {
		done(auth.Verdict{Decision: auth.Allow, Default: auth.Allow, ExpireAt: time.Now().Add(time.Minute)})
	}}).gate(t)
	a := w.joined(0, "a", keepAlive(10))
	for range 11 {
		w.pass(5)
		a.send(pingPacket{})
		a.expect("PINGRESP")
	}
	w.pass(7)
	a.ended("grant expired", "DISCONNECT 0x87")
}

// The verdict may rename the client, and its certificate counts in rules.
func TestVerdictRenames(t *testing.T) {
	w := newWorld(t, Options{})
	w.gate = (&decider{authenticate: func(_ *auth.Request, done func(auth.Verdict)) {
		done(auth.Verdict{Decision: auth.Allow, Default: auth.Allow, ClientID: "renamed", Username: "boss"})
	}}).gate(t)
	a := w.joined(0, "a")
	if id, user := a.Client.sub.ClientID, a.Client.sub.who.user(); id != "renamed" || user != "boss" {
		t.Errorf("it is %q of user %q", id, user)
	}
	b := w.joined(0, "b")
	a.ended("taken over", "DISCONNECT 0x8e")
	b.silent()
}

// A will is judged again when it is sent: the grant may have ended by then.
func TestWillJudgedAgain(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.joined(0, "s").subscribed("t", 0)
	a := w.joined(0, "a", withWill("t", "w"))
	a.Client.sub.will.grant = nil // as one that has ended
	a.lose()
	s.silent()
	if n := w.b.Stats(); n.Denied != 1 || n.Wills != 0 {
		t.Errorf("%+v", n)
	}
}
