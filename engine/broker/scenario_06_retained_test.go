package broker

import (
	"fmt"
	"slices"
	"testing"
)

// A retained message is kept per topic, replaced, and cleared by an empty one
// [MQTT-3.3.1-5] to [MQTT-3.3.1-8].
func TestRetained(t *testing.T) {
	w := newWorld(t, Options{Shards: 2})
	p := w.joined(0, "p")
	p.send(publish("t", "1", retain), publish("t", "2", retain, qos(1, 1)), publish("t", "3"))
	a := w.joined(1, "a")
	a.send(subscribe(1, "t", 1, subID(4)))
	a.expect("SUBACK 1 [0x1]", `PUBLISH t "2" q1 #1 retain ids=[4]`)
	b := w.joined(1, "b", v311)
	b.send(subscribe(1, "#", 0))
	b.expect("SUBACK 1 [0x0]", `PUBLISH t "2" retain`)
	p.send(publish("t", "", retain))
	b.expect(`PUBLISH t ""`)
	c := w.joined(1, "c")
	c.send(subscribe(1, "t", 1))
	c.expect("SUBACK 1 [0x1]")
	if n := w.b.Stats(); n.Retained != 0 || n.RetainedBytes != 0 {
		t.Errorf("left behind: %+v", n)
	}
}

// Retain Handling: always, if the subscription is new, never [MQTT-3.3.1-9] to
// [MQTT-3.3.1-11]; shared subscriptions get none (§4.8.2).
func TestRetainHandling(t *testing.T) {
	w := newWorld(t, Options{})
	w.joined(0, "p").send(publish("t", "x", retain))
	a := w.joined(0, "a")
	a.send(subscribe(1, "t", 0, handling(2)))
	a.expect("SUBACK 1 [0x0]")
	a.send(subscribe(2, "t", 0, handling(1)))
	a.expect("SUBACK 2 [0x0]")
	a.send(subscribe(3, "t", 0, handling(0)))
	a.expect("SUBACK 3 [0x0]", `PUBLISH t "x" retain`)
	a.send(subscribe(4, "+", 0, handling(1)))
	a.expect("SUBACK 4 [0x0]", `PUBLISH t "x" retain`)
	a.send(subscribe(5, "$share/g/t", 0))
	a.expect("SUBACK 5 [0x0]")
}

func TestRetainedExpiry(t *testing.T) {
	w := newWorld(t, Options{})
	p := w.joined(0, "p")
	p.send(publish("t", "x", retain, expires(10)), publish("u/v", "x", retain, expires(10)), publish("$x", "y", retain, expires(10)))
	w.pass(4)
	a := w.joined(0, "a")
	a.send(subscribe(1, "t", 0))
	a.expect("SUBACK 1 [0x0]", `PUBLISH t "x" retain expiry=6`)
	w.pass(10) // nobody asks, and yet they go
	if n := w.b.Stats(); n.Retained != 0 || n.Expired != 3 {
		t.Errorf("%d are left, %d expired", n.Retained, n.Expired)
	}
}

func TestRetainedQuota(t *testing.T) {
	w := newWorld(t, Options{RetainedMaxMessages: 2})
	p, a := w.joined(0, "p"), w.joined(0, "a").subscribed("#", 0)
	p.send(publish("1", "x", retain), publish("2", "x", retain), publish("3", "x", retain), publish("2", "y", retain))
	a.expect(`PUBLISH 1 "x"`, `PUBLISH 2 "x"`, `PUBLISH 3 "x"`, `PUBLISH 2 "y"`)
	if n := w.b.Stats(); n.Retained != 2 || n.RetainedRefused != 1 {
		t.Errorf("retained %d, refused %d", n.Retained, n.RetainedRefused)
	}
}

// A subscription that matches very many retained messages gets them in steps:
// QoS 0 as the connection takes them, QoS 1 as the window does, and no step
// is long.
func TestRetainedInSteps(t *testing.T) {
	const n = 2000
	w := newWorld(t, Options{OutboundHighWater: 3000, RetainedMaxMessages: n})
	p := w.joined(0, "p")
	for i := range n {
		p.send(publish(fmt.Sprintf("r/%d/%d", i%7, i), "x", retain, qos(1, 1)))
	}
	a := w.joined(0, "a", receives(20))
	w.manual = true
	a.send(subscribe(1, "r/+/#", 0))
	a.feed()
	if got := len(a.said()); got > 1+2*replayStep {
		t.Errorf("the first step sent %d packets", got)
	}
	a.stuck = true
	w.manual = false
	w.settle()
	if len(a.out) > 3100 {
		t.Errorf("%d bytes are queued", len(a.out))
	}
	a.stuck = false
	count := len(a.said())
	for range 20 {
		w.pass(0.1)
		count += len(a.said())
	}
	if count < n-2*replayStep || count > n {
		t.Errorf("%d messages came", count)
	}

	a.subscribed("r/#", 1, handling(2))
	a.send(subscribe(2, "r/#", 1))
	seen := map[string]bool{}
	for {
		lines := a.said()
		if len(lines) == 0 {
			break
		}
		for _, line := range lines {
			var topic string
			var id uint16
			if _, err := fmt.Sscanf(line, `PUBLISH %s "x" q1 #%d retain`, &topic, &id); err != nil {
				continue
			}
			if seen[topic] {
				t.Fatalf("%s came twice", topic)
			}
			seen[topic] = true
			a.send(puback(id))
		}
	}
	if len(seen) != n {
		t.Errorf("%d messages came, want %d", len(seen), n)
	}
}

// Which retained messages a filter gets is what topic matching says.
func TestRetainedMatching(t *testing.T) {
	topics := []string{"a", "a/b", "a/b/c", "a/c", "b", "b/b", "/", "/a", "a/", "a//c", "$x", "$x/b"}
	for _, filter := range []string{"#", "+", "a", "a/#", "a/+", "+/b", "+/+", "+/#", "a/+/c", "$x", "$x/#", "$x/+", "/+", "+/", "/", "a/b/c/#"} {
		w := newWorld(t, Options{})
		p := w.joined(0, "p").subscribed(filter, 0)
		for _, name := range topics {
			p.send(publish(name, "x", retain))
		}
		var want []string
		for _, line := range p.said() {
			want = append(want, line+" retain")
		}
		a := w.joined(0, "a")
		a.send(subscribe(1, filter, 0))
		got := a.said()[1:]
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", filter, got, want)
		}
	}
}
