package broker

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
)

// What a name stands for (AUTHZ-12).
func TestUndelay(t *testing.T) {
	const bad = "?"
	for name, want := range map[string]string{
		"a":                     "0 a",
		"$delayed":              "0 $delayed",
		"$delayedx/5/a":         "0 $delayedx/5/a",
		"$Delayed/5/a":          "0 $Delayed/5/a",
		"/$delayed/5/a":         "0 /$delayed/5/a",
		"$delayed/5/a":          "5 a",
		"$delayed/5/a/b":        "5 a/b",
		"$delayed/5//a":         "5 /a",
		"$delayed/5//":          "5 /",
		"$delayed/0/a":          "0 a",
		"$delayed/007/a":        "7 a",
		"$delayed/4294967/a":    "4294967 a",
		"$delayed/5/$SYS/a":     "5 $SYS/a",
		"$delayed/5/$delayed":   "5 $delayed",
		"$delayed/4294968/a":    bad,
		"$delayed/4294967295/a": bad,
		"$delayed/4294967296/a": bad, // 0 in 32 bits
		"$delayed/42949672960/": bad,
		"$delayed/" + strings.Repeat("9", 60_000) + "/a": bad,
		"$delayed/":               bad,
		"$delayed/5":              bad,
		"$delayed/5/":             bad,
		"$delayed//a":             bad,
		"$delayed/x/t":            bad,
		"$delayed/5x/a":           bad,
		"$delayed/+5/a":           bad,
		"$delayed/-5/a":           bad,
		"$delayed/ 5/a":           bad,
		"$delayed/5.0/a":          bad,
		"$delayed/0x5/a":          bad,
		"$delayed/٥/a":            bad,
		"$delayed/5/$delayed/5/a": bad,
		"$delayed/5/$delayed/":    bad,
	} {
		topic, seconds, ok := new(Options).undelay([]byte(name))
		got := fmt.Sprintf("%d %s", seconds, topic)
		if !ok {
			got = bad
		}
		if got != want {
			t.Errorf("%.60s: %s, want %s", name, got, want)
		}
		if _, _, ok := (&Options{NoDelayed: true}).undelay([]byte(name)); ok == strings.HasPrefix(name, "$delayed/") {
			t.Errorf("%.60s while nothing is delayed: %t", name, ok)
		}
	}
}

// A message comes after its seconds, not before, as one to its topic: with its QoS,
// its properties and, for who subscribes later, its retain flag. Those of one client
// keep their order [MQTT-4.6.0-5].
func TestDelayed(t *testing.T) {
	for _, shards := range []int{1, 2} {
		w := newWorld(t, Options{Shards: shards})
		a := w.joined(0, "a").subscribed("t/#", 1).subscribed("$delayed/#", 1).subscribed("#", 0)
		p := w.joined(shards-1, "p")
		p.send(publish("$delayed/3/t/1", "1", qos(1, 7)), publish("$delayed/3/t/2", "2", qos(2, 8)), publish("$delayed/1/t/3", "3"))
		p.expect("PUBACK 7", "PUBREC 8")
		p.send(publish("$delayed/3/t/2", "2", qos(2, 8), dup), pubrel(8))
		p.expect("PUBREC 8", "PUBCOMP 8")
		if s := w.b.Stats(); s.Delayed != 3 || s.DelayedBytes < 3*heldSize {
			t.Errorf("waiting: %d of %d bytes", s.Delayed, s.DelayedBytes)
		}
		w.pass(1)
		a.silent()
		w.pass(0.2)
		a.expect(`PUBLISH t/3 "3"`)
		w.pass(1.8)
		a.silent()
		w.pass(0.2)
		a.expect(`PUBLISH t/1 "1" q1 #1`, `PUBLISH t/2 "2" q1 #2`)
		if s := w.b.Stats(); s.Delayed != 0 || s.DelayedBytes != 0 || s.Retained != 0 {
			t.Errorf("left: %d of %d bytes, %d retained", s.Delayed, s.DelayedBytes, s.Retained)
		}
		p.send(publish("$delayed/0/t/4", "4", qos(1, 9))) // at once
		p.expect("PUBACK 9")
		a.expect(`PUBLISH t/4 "4" q1 #3`)

		p.send(publish("$delayed/2/t/5", "5", retain, qos(1, 10), func(p *mqtt.Publish) { p.Properties.ContentType = []byte("text") }))
		b := w.joined(0, "b").subscribed("t/5", 1)
		w.pass(1)
		b.silent()
		w.pass(1.2)
		b.expect(`PUBLISH t/5 "5" q1 #1 type=text`)
		c := w.joined(0, "c")
		c.send(subscribe(1, "+/5", 1))
		c.expect("SUBACK 1 [0x1]", `PUBLISH t/5 "5" q1 #1 retain type=text`)
		p.send(publish("$delayed/2/t/5", "", retain))
		w.pass(2.2)
		if s := w.b.Stats(); s.Retained != 0 {
			t.Error("an empty message does not clear what is retained")
		}
	}
}

// Who publishes need not stay, and topic aliases mean what they did.
func TestDelayedOutlivesItsClient(t *testing.T) {
	w := newWorld(t, Options{Shards: 2})
	a := w.joined(0, "a").subscribed("t", 0)
	p := w.joined(1, "p")
	p.send(publish("$delayed/5/t", "1", alias(1)), publish("", "2", alias(1)))
	p.send(disconnect())
	w.pass(5.2)
	a.expect(`PUBLISH t "1"`, `PUBLISH t "2"`)
}

// No Local is about the client id, whoever has it by then [MQTT-3.8.3-3].
func TestDelayedNoLocal(t *testing.T) {
	w := newWorld(t, Options{Shards: 2})
	w.joined(0, "a").subscribed("t", 0, noLocal).send(publish("$delayed/5/t", "1"))
	a := w.joined(1, "a").subscribed("t", 0, noLocal)
	b := w.joined(0, "b").subscribed("t", 0, noLocal)
	w.pass(5.2)
	a.silent()
	b.expect(`PUBLISH t "1"`)
}

// The expiry interval runs while the message waits [MQTT-3.3.2-5] [MQTT-3.3.2-6].
func TestDelayedExpiry(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.joined(0, "a").subscribed("t", 0)
	p := w.joined(0, "p")
	p.send(publish("$delayed/5/t", "gone", expires(4)), publish("$delayed/5/t", "there", expires(60)))
	w.pass(5.2)
	a.expect(`PUBLISH t "there" expiry=55`)
	if n := w.b.Stats().Expired; n != 1 {
		t.Errorf("%d expired", n)
	}
}

// A name that stands for no topic is refused, and who denies by disconnecting does.
func TestDelayedMalformed(t *testing.T) {
	for _, name := range []string{"$delayed/x/t", "$delayed/5", "$delayed/5/", "$delayed/4294968/t", "$delayed/5/$delayed/5/t", "$delayed/5/$SYS/t"} {
		w := newWorld(t, Options{})
		a := w.joined(0, "a").subscribed("#", 0).subscribed("$delayed/#", 0).subscribed("$SYS/#", 0)
		p := w.joined(0, "p")
		p.send(publish(name, "x", qos(1, 7)), publish(name, "x", qos(2, 8)), publish(name, "x"))
		p.expect("PUBACK 7 0x90", "PUBREC 8 0x90")
		old := w.joined(0, "old", v311)
		old.send(publish(name, "x", qos(1, 7))) // cannot be told
		old.expect("PUBACK 7")
		w.pass(10)
		a.silent()
		if s := w.b.Stats(); s.Denied != 4 || s.Delayed != 0 {
			t.Errorf("%s: %d denied, %d delayed", name, s.Denied, s.Delayed)
		}
	}
	w := newWorld(t, Options{})
	var err error
	if w.gate, err = auth.NewGate(auth.Options{Anonymous: auth.AnonymousAllow, DenyDisconnects: true}); err != nil {
		t.Fatal(err)
	}
	p := w.joined(0, "p")
	p.send(publish("$delayed/x/t", "x", qos(1, 7)))
	p.ended("publish denied", "DISCONNECT 0x90")
	old := w.joined(0, "old", v311)
	old.send(publish("$delayed/x/t", "x", qos(1, 7)))
	old.ended("publish denied")

	w = newWorld(t, Options{NoDelayed: true})
	p = w.joined(0, "p")
	p.send(publish("$delayed/5/t", "x", qos(1, 7)))
	p.expect("PUBACK 7 0x90")
	w = newWorld(t, Options{MaxTopicLevels: 2})
	p = w.joined(0, "p")
	p.send(publish("$delayed/5/a/b", "x", qos(1, 7)), publish("$delayed/5/a/b/c", "x", qos(1, 8)))
	p.expect("PUBACK 7", "PUBACK 8 0x90")
}

// It is the topic that is asked about, by rules and by the chain, whatever rules say
// of names below $delayed/ (AUTHZ-12).
func TestDelayedIsAuthorizedAsItsTopic(t *testing.T) {
	w := newWorld(t, Options{})
	w.gate = rules(forbid(auth.Publish, "secret/#"), forbid(auth.Publish, "$delayed/#")).gate(t)
	a := w.joined(0, "a").subscribed("#", 0)
	p := w.joined(0, "p")
	p.send(publish("$delayed/5/secret/x", "1", qos(1, 7)), publish("$delayed/5/open", "2", qos(1, 8)))
	p.expect("PUBACK 7 0x87", "PUBACK 8")
	w.pass(5.2)
	a.expect(`PUBLISH open "2"`)

	var l later
	var asked []string
	d := &decider{authorize: func(x *auth.Access, done func(auth.Verdict)) {
		asked = append(asked, x.Items[0].Topic)
		l.authorize(x, done)
	}}
	w = newWorld(t, Options{})
	w.gate = d.gate(t)
	p = w.joined(0, "p")
	p.send(publish("$delayed/5/x", "1", qos(1, 7)))
	w.pass(2)
	p.silent()
	l.answer(w, auth.Verdict{Decision: auth.Allow})
	p.expect("PUBACK 7")
	p.send(publish("$delayed/5/y", "2", qos(1, 8)))
	l.answer(w, auth.Verdict{Decision: auth.Deny})
	p.expect("PUBACK 8 0x87")
	if got := strings.Join(asked, " "); got != "x y" || w.b.Stats().Delayed != 1 {
		t.Errorf("asked about %q", got)
	}
}

// banned bans a client id.
type bannedID string

func (b *bannedID) Screen(id, _ string, _ netip.Addr) bool { return id == string(*b) }
func (b *bannedID) Banned(id, _ string, _ netip.Addr) bool { return id == string(*b) }

// Whoever is banned meanwhile has nothing published any more, as in EMQX.
func TestDelayedOfBannedClient(t *testing.T) {
	w := newWorld(t, Options{})
	var bans bannedID
	var err error
	if w.gate, err = auth.NewGate(auth.Options{Anonymous: auth.AnonymousAllow, Bans: &bans}); err != nil {
		t.Fatal(err)
	}
	a := w.joined(0, "a").subscribed("t", 0)
	for _, id := range []string{"bad", "good"} {
		w.joined(0, id).send(publish("$delayed/5/t", "of "+id))
	}
	bans = "bad"
	w.pass(5.2)
	a.expect(`PUBLISH t "of good"`)
	if s := w.b.Stats(); s.Denied != 1 || s.Delayed != 0 || s.DelayedBytes != 0 {
		t.Errorf("%d denied, %d left", s.Denied, s.Delayed)
	}
}

// There is room for so many and no more. Who can be told is told, and the packet id
// of QoS 2 is free again (§4.3.3).
func TestDelayedIsBounded(t *testing.T) {
	for _, o := range []Options{
		{Shards: 2, DelayedMaxMessages: 2},
		{Shards: 2, DelayedMaxBytes: 2*(80+heldSize+len64("t", "1", "p")) + 5},
	} {
		w := newWorld(t, o)
		a := w.joined(0, "a").subscribed("t", 0)
		p := w.joined(0, "p", receives(1))
		q := w.joined(1, "q")
		p.from, q.from = netip.AddrPort{}, netip.AddrPort{} // of nobody's share
		p.send(publish("$delayed/5/t", "1"))
		q.send(publish("$delayed/9/t", "2", qos(1, 7)))
		q.expect("PUBACK 7")
		for range 40 { // more than the Receive Maximum
			p.send(publish("$delayed/5/t", "3", qos(1, 7)), publish("$delayed/5/t", "4", qos(2, 8)), publish("$delayed/5/t", "5"))
			p.expect("PUBACK 7 0x97", "PUBREC 8 0x97")
		}
		old := w.joined(0, "old", v311)
		old.send(publish("$delayed/5/t", "6", qos(1, 7))) // cannot be told
		old.expect("PUBACK 7")
		p.send(publish("t", "now", qos(1, 9)))
		p.expect("PUBACK 9")
		a.expect(`PUBLISH t "now"`)
		if s := w.b.Stats(); s.Delayed != 2 || s.DelayedRefused != 121 || s.Denied != 0 {
			t.Errorf("%d wait, %d refused, %d denied", s.Delayed, s.DelayedRefused, s.Denied)
		}
		w.pass(5.2)
		a.expect(`PUBLISH t "1"`)
		p.send(publish("$delayed/5/t", "7", qos(2, 8))) // there is room again
		p.expect("PUBREC 8")
		w.pass(5.2)
		a.expect(`PUBLISH t "2"`, `PUBLISH t "7"`)
		if s := w.b.Stats(); s.Delayed != 0 || s.DelayedBytes != 0 {
			t.Errorf("%d of %d bytes left", s.Delayed, s.DelayedBytes)
		}
	}
}

// One source of clients has a third of the room at most, in messages and in bytes,
// whatever client ids it uses, and so have its wills. With the messages goes what they
// have taken, whichever way: delivered, expired, of somebody who is banned.
func TestDelayedShares(t *testing.T) {
	const each = 80 + heldSize + len("t") + len("payload") + len("a1")
	for name, o := range map[string]Options{
		"messages": {Shards: 2, DelayedMaxMessages: 100},
		"bytes":    {Shards: 2, DelayedMaxBytes: 100 * int64(each)},
	} {
		w := newWorld(t, o)
		var bans bannedID
		var err error
		if w.gate, err = auth.NewGate(auth.Options{Anonymous: auth.AnonymousAllow, Bans: &bans}); err != nil {
			t.Fatal(err)
		}
		from := func(shard int, id, addr string, with ...func(*mqtt.Connect)) *peer {
			p := w.joined(shard, id, with...)
			p.from = netip.AddrPortFrom(netip.MustParseAddr(addr), 40000)
			return p
		}
		fill := func(ps ...*peer) (taken int) {
			for i := range 200 {
				p := ps[i%len(ps)]
				p.send(publish("$delayed/5/t", "payload", qos(1, 7), expires(uint32(1+i%10))))
				if got := p.said(); len(got) != 1 || got[0] != "PUBACK 7" && got[0] != "PUBACK 7 0x97" {
					t.Fatalf("%s: %q", name, got)
				} else if got[0] == "PUBACK 7" {
					taken++
				}
			}
			return taken
		}
		greedy := []*peer{from(0, "a1", "2001:db8::1"), from(1, "a2", "2001:db8::2"), from(0, "a3", "2001:db8::3")}
		if n := fill(greedy...); n < 15 || n > 34 {
			t.Errorf("%s: one source has %d of 100", name, n)
		}
		w.joined(0, "w", withWill("$delayed/5/t", "payload")).lose()
		if n := fill(from(1, "b", "192.0.2.7")); n < 10 {
			t.Errorf("%s: another has %d left", name, n)
		}
		before := w.b.Stats().Delayed
		bans = "a2"
		w.pass(6)
		if s := w.b.Stats(); before < 25 || s.Delayed != 0 || s.DelayedBytes != 0 || s.Denied == 0 || s.Expired == 0 {
			t.Errorf("%s: %d waited, %d of %d bytes left, %d denied, %d expired", name, before, s.Delayed, s.DelayedBytes, s.Denied, s.Expired)
		}
		if n := fill(greedy...); n < 15 {
			t.Errorf("%s: later one source has %d", name, n)
		}
	}
}

func len64(parts ...string) (n int64) {
	for _, p := range parts {
		n += int64(len(p))
	}
	return n
}

// Many that are due at once come in their order, and packets get their turn between.
func TestDelayedBurst(t *testing.T) {
	const n = 5 * delayedStep
	w := newWorld(t, Options{Shards: 2, MaxQueued: n})
	w.manual = true
	a := w.dial(1)
	a.send(connect("a"), subscribe(1, "t", 1))
	p := w.dial(0)
	p.send(connect("p", v311))
	w.settle()
	a.said()
	for i := range n {
		p.send(publish("$delayed/5/t", fmt.Sprint(i)))
	}
	w.settle()
	for range 52 {
		w.now++
		for _, wh := range w.wheels {
			wh.Advance(w.now)
		}
	}
	steps := 0
	for left := int64(n); left > 0; steps++ {
		w.drain(0)
		now := w.b.Stats().Delayed
		if left-now > delayedStep {
			t.Fatalf("%d in one step", left-now)
		}
		left = now
	}
	w.settle()
	got := a.said()
	for i := range n {
		if want := fmt.Sprintf("PUBLISH t %q", fmt.Sprint(i)); i >= len(got) || got[i] != want {
			t.Fatalf("message %d of %d is not %s", i, len(got), want)
		}
	}
	if steps < n/delayedStep {
		t.Errorf("%d steps", steps)
	}
}

// A shard that is behind is waited for, and nothing is lost (QoS 1).
func TestDelayedWaitsForOtherLoops(t *testing.T) {
	const n = 10
	w := newWorld(t, Options{Shards: 2, MailboxHighWater: 2})
	a := w.joined(1, "a").subscribed("t", 1)
	p := w.joined(0, "p")
	for i := range n {
		p.send(publish("$delayed/5/t", fmt.Sprint(i), qos(1, uint16(i+1))))
	}
	p.said()
	w.manual = true
	for range 52 { // loop 1 stands still
		w.now++
		for _, wh := range w.wheels {
			wh.Advance(w.now)
		}
	}
	for range 5 {
		w.drain(0)
	}
	if left := w.b.Stats().Delayed; left != n-3 {
		t.Errorf("%d are left while the other loop is behind", left)
	}
	w.manual = false
	w.pass(5)
	if got := a.said(); len(got) != n || got[n-1] != `PUBLISH t "9" q1 #10` {
		t.Errorf("got %q", got)
	}
}

// A will to such a topic is permitted or not as one to its topic, and is held once it
// is sent.
func TestDelayedWill(t *testing.T) {
	w := newWorld(t, Options{})
	var wanted string
	d := rules(forbid(auth.Publish, "secret"))
	inner := d.authenticate
	d.authenticate = func(r *auth.Request, done func(auth.Verdict)) {
		if r.Will != nil {
			wanted = r.Will.Topic
		}
		inner(r, done)
	}
	w.gate = d.gate(t)
	a := w.joined(0, "a").subscribed("#", 0)
	w.joined(0, "p", withWill("$delayed/5/t", "gone")).lose()
	w.pass(5)
	a.silent()
	w.pass(0.2)
	a.expect(`PUBLISH t "gone"`)
	if wanted != "t" {
		t.Errorf("the chain hears of a will to %q", wanted)
	}
	p := w.joined(0, "p", expiry(100), withWill("$delayed/5/t", "later", delayed(10), func(x *mqtt.Will) {
		x.Properties.MessageExpiry, x.Properties.HasMessageExpiry = 60, true
	}))
	p.lose()
	w.pass(15)
	a.silent()
	w.pass(0.3)
	a.expect(`PUBLISH t "later" expiry=55`)
	for topic, answer := range map[string]string{
		"$delayed/5/secret": "CONNACK 0x87", "$delayed/x/t": "CONNACK 0x90", "$delayed/5": "CONNACK 0x90", "$delayed/5/$SYS/t": "CONNACK 0x90",
	} {
		p := w.dial(0)
		p.send(connect("p", withWill(topic, "x")))
		if got := p.said(); len(got) != 1 || !strings.HasPrefix(got[0], answer) {
			t.Errorf("%s: %q", topic, got)
		}
	}
}

// A panic costs one message, not those behind it.
func TestDelayedAfterPanic(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.joined(0, "a").subscribed("t", 0)
	p := w.joined(0, "p")
	p.send(publish("$delayed/5/t", "1"), publish("$delayed/5/t", "2"))
	w.shards[0].delays.queue[0].msg = nil
	w.pass(6)
	a.expect(`PUBLISH t "2"`)
	if n := w.b.Stats().Panics; n != 1 {
		t.Errorf("%d panics", n)
	}
}
