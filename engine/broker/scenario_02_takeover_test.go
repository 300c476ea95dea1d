package broker

import "testing"

// The client comes again: the old connection is told and closed
// [MQTT-3.1.4-3], on the same loop and on another one.
func TestTakeover(t *testing.T) {
	for _, to := range []int{0, 1} {
		w := newWorld(t, Options{Shards: 2})
		a := w.joined(0, "a", persistent)
		a.subscribed("t", 1)
		b := w.dial(to)
		b.send(connect("a", persistent))
		b.expect("CONNACK 0x0 present")
		a.ended("taken over", "DISCONNECT 0x8e")

		p := w.joined(0, "p")
		p.send(publish("t", "x", qos(1, 1)))
		p.expect("PUBACK 1")
		b.expect(`PUBLISH t "x" q1 #1`)
		p.send(disconnect())

		c := w.dial(0)
		c.send(connect("a", v311))
		c.expect("CONNACK 0x0")
		b.ended("taken over", "DISCONNECT 0x8e")
		c.send(disconnect())
		w.empty()
	}
}

// empty checks that nothing is left of the sessions there were.
func (w *world) empty() {
	w.t.Helper()
	w.settle()
	n := w.b.Stats()
	if n.Sessions != 0 || n.Connections != 0 || n.Panics != 0 {
		w.t.Errorf("left behind: %+v", n)
	}
	for i, s := range w.shards {
		if len(s.leaving) != 0 {
			w.t.Errorf("shard %d: %d sessions are still leaving", i, len(s.leaving))
		}
	}
	for _, name := range []string{"t", "a", "b", "c", "x/y"} {
		w.b.index.Match([]byte(name), &w.shards[0].matches)
		if m := &w.shards[0].matches; m.Shards != 0 || len(m.Groups) != 0 {
			w.t.Errorf("%q still has subscribers on shards %b", name, m.Shards)
		}
	}
}

// Unacknowledged messages follow the session to another loop.
func TestTakeoverCarriesMessages(t *testing.T) {
	w := newWorld(t, Options{Shards: 3})
	a := w.joined(0, "a", persistent)
	a.subscribed("t", 2)
	p := w.joined(2, "p")
	p.send(publish("t", "1", qos(1, 1)), publish("t", "2", qos(2, 2)))
	p.said()
	a.expect(`PUBLISH t "1" q1 #1`, `PUBLISH t "2" q2 #2`)
	a.lose()
	p.send(publish("t", "3", qos(1, 3)), publish("t", "0"))
	p.said()
	b := w.dial(1)
	b.send(connect("a", persistent))
	b.expect("CONNACK 0x0 present",
		`PUBLISH t "1" q1 #1 dup`, // [MQTT-4.4.0-1], in order [MQTT-4.6.0-1]
		`PUBLISH t "2" q2 #2 dup`,
		`PUBLISH t "3" q1 #3`)
}

// The client leaves while its session is on its way: the session stays with
// the new loop, offline.
func TestTakeoverLostMidway(t *testing.T) {
	w := newWorld(t, Options{Shards: 2})
	w.joined(0, "a", resumes, expiry(10)).subscribed("t", 1).lose()
	w.manual = true
	b := w.dial(1)
	b.send(connect("a", resumes, expiry(10)))
	b.feed()
	b.lose()
	w.manual = false
	w.settle()
	b.expect()
	p := w.joined(0, "p")
	p.send(publish("t", "x", qos(1, 1)))
	p.expect("PUBACK 1")
	c := w.dial(0)
	c.send(connect("a", resumes, expiry(10)))
	c.expect("CONNACK 0x0 present", `PUBLISH t "x" q1 #1`)
	c.lose()
	p.lose()
	w.pass(11)
	w.empty()
}

// Two loops want the session at once; the last one gets it.
func TestTakeoverPingPong(t *testing.T) {
	w := newWorld(t, Options{Shards: 3})
	w.joined(0, "a", persistent).subscribed("t", 1).lose()
	w.manual = true
	b, c, d := w.dial(1), w.dial(2), w.dial(1)
	for _, p := range []*peer{b, c, d} {
		p.send(connect("a", persistent))
		p.feed()
	}
	w.manual = false
	w.settle()
	alive := 0
	for _, p := range []*peer{b, c, d} {
		if p.reason == "" {
			alive++
		} else if p.reason != "taken over" {
			t.Errorf("closed with %q", p.reason)
		}
	}
	if alive != 1 {
		t.Errorf("%d connections are alive, want 1", alive)
	}
}

// A message is posted to the old loop and the new one; between the two posts
// the old one delivers it and gives the session up. The new one must not
// deliver it again.
func TestTakeoverBetweenPosts(t *testing.T) {
	w := newWorld(t, Options{Shards: 3})
	a := w.joined(0, "a", persistent).subscribed("t", 2)
	other := w.joined(1, "other").subscribed("t", 0)
	p := w.joined(2, "p")
	b := w.dial(1)
	w.manual = true
	w.onWake = func(shard int) {
		if shard != 0 {
			return
		}
		w.onWake = nil
		w.drain(0)
		b.send(connect("a", persistent))
		b.feed()
		w.drain(0)
	}
	p.send(publish("t", "x", qos(2, 1)))
	p.feed()
	w.manual = false
	w.settle()
	a.ended("taken over", `PUBLISH t "x" q2 #1`, "DISCONNECT 0x8e")
	b.expect("CONNACK 0x0 present", `PUBLISH t "x" q2 #1 dup`)
	other.expect(`PUBLISH t "x"`)
	p.send(publish("t", "y", qos(2, 2)))
	b.expect(`PUBLISH t "y" q2 #2`)
}

// A loop is in the middle of routing while the session moves: what it matched
// before the move still reaches the session by the old loop.
func TestTakeoverGracePeriod(t *testing.T) {
	w := newWorld(t, Options{Shards: 3})
	w.joined(0, "a", persistent).subscribed("t", 2).lose()
	b := w.dial(1)
	w.shards[2].enter() // loop 2 has matched "t" and not posted yet
	b.send(connect("a", persistent))
	b.feed()
	w.manual = true
	for range 10 {
		w.step()
	}
	b.expect("CONNACK 0x0 present")
	var m = &w.shards[0].matches
	w.b.index.Match([]byte("t"), m)
	if m.Shards != 0b011 {
		t.Fatalf("the session is on shards %b, want both", m.Shards)
	}
	w.shards[2].exit()
	w.manual = false
	w.pass(0.2)
	w.b.index.Match([]byte("t"), m)
	if m.Shards != 0b010 {
		t.Fatalf("the session is on shards %b, want the new one", m.Shards)
	}
}
