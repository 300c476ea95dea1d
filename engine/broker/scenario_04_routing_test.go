package broker

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// A session gets a message once, with the highest QoS and all identifiers of
// the subscriptions it comes by [MQTT-3.3.4-2] to [MQTT-3.3.4-5].
func TestOverlapping(t *testing.T) {
	for _, from := range []int{0, 1} {
		w := newWorld(t, Options{Shards: 2})
		a := w.joined(0, "a")
		a.subscribed("x/+", 1, subID(5)).subscribed("x/#", 2, subID(7)).subscribed("x/y", 0)
		b := w.joined(0, "b").subscribed("x/y", 0, subID(268435455))
		c := w.joined(0, "c", v311).subscribed("x/y", 1).subscribed("#", 0)
		p := w.joined(from, "p")
		p.send(publish("x/y", "m", qos(2, 1)))
		got := a.said()
		if want := []string{`PUBLISH x/y "m" q2 #1 ids=[5 7]`, `PUBLISH x/y "m" q2 #1 ids=[7 5]`}; len(got) != 1 || !slices.Contains(want, got[0]) {
			t.Errorf("got %q, want one of %q", got, want)
		}
		b.expect(`PUBLISH x/y "m" ids=[268435455]`)
		c.expect(`PUBLISH x/y "m" q1 #1`)
	}
}

// A SUBSCRIBE for a filter there is replaces its options and identifier
// [MQTT-3.8.4-3].
func TestResubscribe(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.joined(0, "a").subscribed("t", 2, subID(1)).subscribed("t", 0, subID(2))
	w.joined(0, "p").send(publish("t", "x", qos(1, 1)))
	a.expect(`PUBLISH t "x" ids=[2]`)
	a.send(unsubscribe(1, "t", "t", "#/x"))
	a.expect("UNSUBACK 1 [0x0 0x11 0x8f]")
}

// No Local keeps a client's own messages from it [MQTT-3.8.3-3], by that
// subscription only.
func TestNoLocal(t *testing.T) {
	w := newWorld(t, Options{Shards: 2})
	a := w.joined(0, "a").subscribed("t", 0, noLocal)
	b := w.joined(1, "b").subscribed("t", 0, noLocal)
	a.send(publish("t", "x"))
	a.silent()
	b.expect(`PUBLISH t "x"`)
	a.subscribed("+", 0, subID(3))
	a.send(publish("t", "y"))
	a.expect(`PUBLISH t "y" ids=[3]`)
	b.send(subscribe(1, "$share/g/t", 0, noLocal)) // [MQTT-3.8.3-4]
	b.ended("protocol error", `PUBLISH t "y"`, "DISCONNECT 0x82")
}

// The retain flag of a live message is kept for those who want it
// [MQTT-3.3.1-12] [MQTT-3.3.1-13].
func TestRetainAsPublished(t *testing.T) {
	w := newWorld(t, Options{Shards: 2})
	a := w.joined(0, "a").subscribed("t", 1, asPublished)
	b := w.joined(0, "b").subscribed("t", 1)
	c := w.joined(1, "c").subscribed("t", 1, asPublished, subID(1))
	w.joined(0, "p").send(publish("t", "x", retain), publish("t", "y", retain, qos(1, 1)), publish("t", "z"))
	a.expect(`PUBLISH t "x" retain`, `PUBLISH t "y" q1 #1 retain`, `PUBLISH t "z"`)
	b.expect(`PUBLISH t "x"`, `PUBLISH t "y" q1 #1`, `PUBLISH t "z"`)
	c.expect(`PUBLISH t "x" retain ids=[1]`, `PUBLISH t "y" q1 #1 retain ids=[1]`, `PUBLISH t "z" ids=[1]`)
}

// Wildcards do not match names that start with $ [MQTT-4.7.2-1], and clients
// do not publish to $SYS.
func TestDollarTopics(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.joined(0, "a").subscribed("#", 0)
	b := w.joined(0, "b").subscribed("$x/#", 0)
	p := w.joined(0, "p")
	p.send(publish("$x/y", "1", qos(1, 1)), publish("$SYS/y", "2", qos(1, 2)), publish("$SYS/y", "3"))
	p.expect("PUBACK 1", "PUBACK 2 0x90")
	a.silent()
	b.expect(`PUBLISH $x/y "1"`)
}

// A topic alias stands for a topic from then on [MQTT-3.3.2-7], within the
// maximum [MQTT-3.3.2-9], on its connection.
func TestTopicAlias(t *testing.T) {
	w := newWorld(t, Options{TopicAliasMaximum: 2})
	a := w.joined(0, "a").subscribed("#", 0)
	p := w.joined(0, "p", persistent)
	p.send(publish("x", "1", alias(2)), publish("", "2", alias(2)), publish("y", "3", alias(2)), publish("", "4", alias(2)))
	a.expect(`PUBLISH x "1"`, `PUBLISH x "2"`, `PUBLISH y "3"`, `PUBLISH y "4"`)
	p.send(publish("x", "5", alias(3)))
	p.ended("protocol error", "DISCONNECT 0x94")
	p = w.joined(0, "p", persistent)
	p.send(publish("", "6", alias(2)))
	p.ended("protocol error", "DISCONNECT 0x82")
	p = w.joined(0, "p", v311)
	p.send(&mqtt.Publish{})
	p.ended("protocol error")
	a.silent()
}

// Each message goes to one member of a shared subscription, a connected one
// if there is any [MQTT-4.8.2-5]; each group gets its own.
func TestShared(t *testing.T) {
	w := newWorld(t, Options{Shards: 2})
	a := w.joined(0, "a").subscribed("$share/g/t/+", 1)
	b := w.joined(1, "b").subscribed("$share/g/t/+", 1)
	c := w.joined(1, "c").subscribed("$share/h/t/+", 0)
	w.joined(0, "off", persistent).subscribed("$share/g/t/+", 1).lose()
	p := w.joined(0, "p")
	for i := uint16(1); i <= 12; i++ {
		p.send(publish("t/x", fmt.Sprint(i), qos(1, i)))
		p.expect(fmt.Sprintf("PUBACK %d", i))
	}
	na, nb, nc := len(a.said()), len(b.said()), len(c.said())
	if na+nb != 12 || na < 3 || nb < 3 || nc != 12 {
		t.Errorf("the members got %d and %d of 12, the other group %d", na, nb, nc)
	}
	a.lose()
	b.lose()
	p.send(publish("t/x", "last", qos(1, 13))) // nobody is connected: it waits
	off := w.dial(1)
	off.send(connect("off", persistent))
	off.expect("CONNACK 0x0 present", `PUBLISH t/x "last" q1 #1`)
	off.send(unsubscribe(1, "$share/g/t/+"))
	off.expect("UNSUBACK 1 [0x0]")
	c.send(disconnect())
	p.send(publish("t/x", "none", qos(1, 14)))
	p.expect("PUBACK 13", "PUBACK 14 0x10")
}

// A message for a shared subscription whose member has left in the meantime
// goes to another one.
func TestSharedMemberLeaves(t *testing.T) {
	w := newWorld(t, Options{Shards: 2})
	a := w.joined(1, "a").subscribed("$share/g/t", 1)
	b := w.joined(1, "b").subscribed("$share/g/t", 1)
	p := w.joined(0, "p")
	w.manual = true
	p.send(publish("t", "1", qos(1, 1)), publish("t", "2", qos(1, 2)))
	p.feed()
	a.send(disconnect())
	a.feed()
	w.manual = false
	w.settle()
	if got := b.said(); len(got) != 2 {
		t.Errorf("the member that is left got %q, want both messages", got)
	}
}

// Filters that break a rule are refused one by one.
func TestSubscribeReasons(t *testing.T) {
	w := newWorld(t, Options{MaxSubscriptions: 2, MaxTopicLevels: 4})
	a := w.joined(0, "a")
	a.send(subscribe(1, "a/b", 1, and("a/#/b", 1), and("a+", 0), and("1/2/3/4/5", 0), and("x", 2), and("y", 0), and("a/b", 0)))
	a.expect("SUBACK 1 [0x1 0x8f 0x8f 0x8f 0x2 0x97 0x0]")
	b := w.joined(0, "b", v311)
	b.send(subscribe(1, "a", 1, and("#/b", 1)))
	b.expect("SUBACK 1 [0x1 0x80]") // 3.1.1 §3.9.3
	a.send(publish("1/2/3/4/5", "", qos(1, 1)))
	a.expect("PUBACK 1 0x90")
}

// A SUBSCRIBE of very many filters is answered in full and obeyed in part.
func TestSubscribeVeryMany(t *testing.T) {
	w := newWorld(t, Options{MaxSubscriptions: 1 << 20})
	a := w.joined(0, "a")
	p := subscribe(1, "0", 0)
	for i := 1; i < maxFilters+10; i++ {
		and(fmt.Sprint(i), 0)(p)
	}
	a.send(p)
	line := a.said()[0]
	if n := strings.Count(line, "0x97"); n != 10 {
		t.Errorf("%d filters are over the quota, want 10", n)
	}
	if n := a.Client.sub.Subs.Len(); n != maxFilters {
		t.Errorf("%d subscriptions, want %d", n, maxFilters)
	}
}

// A client that does not read loses QoS 0 messages; the others wait, and go
// out when it reads again.
func TestSlowConsumer(t *testing.T) {
	w := newWorld(t, Options{OutboundHighWater: 100, OutboundMax: 1000})
	a := w.joined(0, "a").subscribed("t", 1)
	p := w.joined(0, "p")
	a.stuck = true
	for i := uint16(1); i <= 10; i++ {
		p.send(publish("t", fmt.Sprintf("%020d", i)), publish("t", fmt.Sprint(i), qos(1, i)))
	}
	n := w.b.Stats()
	if n.DroppedSlow == 0 || n.DroppedFull != 0 {
		t.Errorf("dropped %d and %d", n.DroppedSlow, n.DroppedFull)
	}
	a.stuck = false
	got := a.said()
	w.pass(0.2) // the shard looks after it
	got = append(got, a.said()...)
	acks := 0
	for _, line := range got {
		if line[len(line)-1] != '"' {
			acks++
		}
	}
	if acks != 10 {
		t.Errorf("%d QoS 1 messages came, want 10: %q", acks, got)
	}
	a.stuck = true
	for range 600 {
		a.raw([]byte{0xC0, 0})
	}
	if a.reason != "slow consumer" {
		t.Errorf("closed with %q", a.reason)
	}
}
