package broker

import (
	"fmt"
	"testing"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
)

// A loop that is behind loses QoS 0 messages of other loops, and makes those
// wait who send it more; nothing else is lost.
func TestLoopBehind(t *testing.T) {
	w := newWorld(t, Options{Shards: 2, MailboxHighWater: 3, MaxInflight: 100})
	a := w.joined(1, "a").subscribed("t", 1)
	p := w.joined(0, "p", keepAlive(1))
	w.manual = true
	for i := uint16(1); i <= 3; i++ {
		p.send(publish("t", fmt.Sprint(i), qos(1, i)))
		p.feed()
	}
	p.send(publish("t", "lost"))
	p.feed()
	p.expect("PUBACK 1", "PUBACK 2", "PUBACK 3")
	p.send(publish("t", "4", qos(1, 4)), publish("t", "5", qos(1, 5)))
	p.feed()
	p.expect("PUBACK 4")
	if !p.paused {
		t.Error("the publisher goes on")
	}
	w.wheels[0].Advance(w.wheels[0].Now() + 100) // far beyond its keep-alive
	p.feed()
	p.expect("PUBACK 5")
	w.manual = false
	w.settle()
	a.expect(`PUBLISH t "1" q1 #1`, `PUBLISH t "2" q1 #2`, `PUBLISH t "3" q1 #3`, `PUBLISH t "4" q1 #4`, `PUBLISH t "5" q1 #5`)
	if n := w.b.Stats().DroppedMailbox; n != 1 {
		t.Errorf("%d dropped, want 1", n)
	}
	p.lose()
	w.pass(1)
	if n := w.b.Stats(); n.Connections != 1 || n.Panics != 0 {
		t.Errorf("%+v", n)
	}
}

// An operator sends a client away, wherever it is.
func TestKick(t *testing.T) {
	w := newWorld(t, Options{Shards: 2})
	s := w.joined(0, "s").subscribed("t", 0)
	a := w.joined(1, "a", persistent, withWill("t", "gone"))
	if w.b.Kick("nobody", mqtt.AdministrativeAction) {
		t.Error("kicked nobody")
	}
	if !w.b.Kick("a", mqtt.AdministrativeAction) {
		t.Error("not kicked")
	}
	w.settle()
	a.ended("kicked", "DISCONNECT 0x98")
	s.expect(`PUBLISH t "gone"`)
	if !w.b.Kick("a", mqtt.AdministrativeAction) { // the session is still there
		t.Error("no session")
	}
	w.settle()
}

// A reload reaches those who only listen, too.
func TestReloadReachesSubscribers(t *testing.T) {
	w := newWorld(t, Options{Shards: 2})
	a, b := w.joined(0, "a").subscribed("+", 0), w.joined(1, "b").subscribed("+", 0)
	p := w.joined(0, "p")
	g, err := auth.NewGate(auth.Options{
		Anonymous: auth.AnonymousAllow,
		Rules:     []auth.Rule{{Actions: auth.Subscribe, Filter: "for/${clientid}"}, {Actions: auth.Subscribe, Filter: "t"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.send(publish("t", "1"))
	w.gate = g
	p.send(publish("t", "2"), publish("u", "3"))
	a.expect(`PUBLISH t "1"`, `PUBLISH u "3"`)
	b.expect(`PUBLISH t "1"`, `PUBLISH u "3"`)
}
