package broker

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/mqtt/mqtttest"
)

// Every packet of the golden table, fed to a server as it is: an invalid one
// closes the connection, none is a bug.
func TestGolden(t *testing.T) {
	for _, tt := range mqtttest.Cases {
		for _, v := range tt.Versions {
			t.Run(fmt.Sprintf("%s/%d", tt.Name, v), func(t *testing.T) { golden(t, tt, v) })
		}
	}
}

func golden(t *testing.T, tt mqtttest.Case, v mqtt.Version) {
	w := newWorld(t, Options{MaxTopicLevels: 1 << 17, MaxPacketSize: 1 << 28, ConnectMaxSize: 1 << 28})
	p := w.dial(0)
	p.version = v
	b := tt.Bytes()
	isConnect := mqtt.Type(b[0]>>4) == mqtt.TypeConnect
	if !isConnect {
		p.send(connect("golden", func(c *mqtt.Connect) { c.Version = v }))
		p.said()
	}
	p.raw(b)
	if n := w.b.Stats().Panics; n != 0 {
		t.Fatalf("%d panics", n)
	}
	switch {
	case !tt.Valid(), !tt.ToServer(), tt.Refuse != mqtt.Success && isConnect:
		if p.reason == "" {
			t.Errorf("the connection is still open")
		}
	case isConnect:
		if c := tt.Packet.(*mqtt.Connect); p.reason != "" && !c.Properties.HasAuthMethod {
			t.Errorf("closed: %s, sent %x", p.reason, p.out)
		}
	}
	if !tt.Valid() && v == mqtt.V50 && !isConnect && tt.ToServer() && tt.Type() != mqtt.TypeAuth {
		wantFarewell(t, p, tt)
	}
}

// wantFarewell checks that a v5 client is told why [MQTT-4.13.1-1].
func wantFarewell(t *testing.T, p *peer, tt mqtttest.Case) {
	t.Helper()
	said := p.said()
	if want := fmt.Sprintf("DISCONNECT %#x", byte(tt.Reason)); len(said) == 0 || said[len(said)-1] != want {
		t.Errorf("said %q, want %q (%s)", said, want, tt.Rule)
	}
}

// What each packet does to a connection in each state: nothing but the right
// ones keep it open, and none is a bug.
func TestStates(t *testing.T) {
	packets := map[string]string{ // the closing word in state "live"; "" = stays open
		"10 <\"MQTT\" 05 02 0000 <> \"x\">": "protocol error",
		"20 <00 00 <>>":                     "protocol error",
		"30 <\"t\" <>>":                     "",
		"32 <\"t\" 0001 <>>":                "",
		"34 <\"t\" 0001 <>>":                "",
		"40 <0001>":                         "",
		"50 <0001>":                         "",
		"62 <0001>":                         "",
		"70 <0001>":                         "",
		"82 <0001 <> \"t\" 00>":             "",
		"90 <0001 <> 00>":                   "protocol error",
		"a2 <0001 <> \"t\">":                "",
		"b0 <0001 <> 00>":                   "protocol error",
		"c0 <>":                             "",
		"d0 <>":                             "protocol error",
		"e0 <>":                             "disconnect",
		"f0 <>":                             "protocol error",
	}
	for text, want := range packets {
		b, _ := mqtttest.Parse(text)
		isConnect := b[0] == 0x10
		t.Run(fmt.Sprintf("%#x", b[0]), func(t *testing.T) {
			w := newWorld(t, Options{})
			p := w.dial(0)
			p.raw(b)
			if open := p.reason == ""; open != isConnect {
				t.Errorf("before CONNECT: closed with %q", p.reason)
			}
			p = w.joined(0, "a")
			p.raw(b)
			if p.reason != want {
				t.Errorf("live: closed with %q, want %q", p.reason, want)
			}

			l := new(later)
			w.gate = (&decider{authenticate: l.authenticate}).gate(t)
			p = w.dial(0)
			p.send(connect("waits"))
			p.raw(b)
			if p.reason != "" || len(p.out) > 0 {
				t.Errorf("while the verdict is awaited: closed with %q, sent %x", p.reason, p.out)
			}
			l.answer(w, auth.Verdict{Decision: auth.Allow, Default: auth.Allow})
			if p.reason != want {
				t.Errorf("after the verdict: closed with %q, want %q", p.reason, want)
			}

			p.raw(b) // whatever comes after the end is nobody's
			if n := p.Feed(b); p.reason != "" && n != len(b) {
				t.Errorf("closed: consumed %d of %d", n, len(b))
			}
			if n := w.b.Stats().Panics; n != 0 {
				t.Errorf("%d panics", n)
			}
		})
	}
}

// However the stream is cut into windows, the answers are the same.
func TestSplit(t *testing.T) {
	stream := connect("a", keepAlive(10)).Append(nil, mqtt.V50)
	for _, x := range []packet{
		subscribe(1, "t/+", 2, subID(3)), publish("t/1", "one"), publish("t/2", "two", qos(1, 1)), publish("t/3", "three", qos(2, 2)),
		pubrel(2), puback(1), pubrec(2), pubcomp(2), publish("t/4", strings.Repeat("x", 300), alias(1)), publish("", "y", alias(1)),
		pingPacket{}, unsubscribe(4, "t/+"), publish("t/5", "", qos(1, 5)), subscribe(6, "x/#", 0, and("+/#/", 1)), disconnect(),
	} {
		stream = x.Append(stream, mqtt.V50)
	}
	answer := func(cuts []int) string {
		w := newWorld(t, Options{})
		p := w.dial(0)
		at := 0
		for _, cut := range cuts {
			p.raw(stream[at:cut])
			at = cut
		}
		p.raw(stream[at:])
		if p.reason != "disconnect" {
			t.Fatalf("closed with %q", p.reason)
		}
		return hexOf(p.out)
	}
	want := answer(nil)
	every := make([]int, len(stream))
	for i := range every {
		every[i] = i
	}
	if got := answer(every); got != want {
		t.Fatalf("byte by byte: got %s, want %s", got, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		cuts := rapid.SliceOfN(rapid.IntRange(0, len(stream)), 0, 12).Draw(t, "cuts")
		slices.Sort(cuts)
		if got := answer(cuts); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	})
}

// No bytes are a bug.
func FuzzFeed(f *testing.F) {
	hello := connect("a").Append(nil, mqtt.V50)
	old := connect("a", v311).Append(nil, mqtt.V311)
	for _, tt := range mqtttest.Cases {
		if b := tt.Bytes(); len(b) < 1000 {
			f.Add(b)
			f.Add(append(slices.Clone(hello), b...))
			f.Add(append(slices.Clone(old), b...))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		w := newWorld(t, Options{})
		p := w.dial(0)
		p.raw(b)
		w.pass(1)
		p.lose()
		n := w.b.Stats()
		if n.Panics != 0 || n.Connections != 0 {
			t.Fatalf("%+v", n)
		}
	})
}

// A bug in the broker costs the client that ran into it, nobody else.
func TestBugIsContained(t *testing.T) {
	w := newWorld(t, Options{})
	a, b := w.joined(0, "a"), w.joined(0, "b").subscribed("t", 0)
	a.Client.sub.grant, a.Client.sub.gate = nil, nil // what only a bug could do
	w.b.opt.Gate = func() *auth.Gate { panic("bug") }
	a.send(publish("t", "x"))
	a.ended("bug")
	w.b.opt.Gate = func() *auth.Gate { return w.gate }
	b.send(publish("t", "y"))
	b.expect(`PUBLISH t "y"`)
	if n := w.b.Stats(); n.Panics != 2 || n.Sessions != 1 { // the second is asking who wants to hear of the end
		t.Errorf("%+v", n)
	}
}

// A bug in the middle of a fan-out leaves nothing of the message behind.
func TestBugWhileDelivering(t *testing.T) {
	w := newWorld(t, Options{Shards: 2})
	subs := []*peer{w.joined(0, "1").subscribed("t", 0), w.joined(0, "2").subscribed("t", 0), w.joined(0, "3").subscribed("t", 0)}
	subs[1].broken = true
	w.joined(0, "a").send(publish("t", "x"))
	w.joined(1, "b").send(publish("t", "y"))
	subs[1].broken = false
	for _, p := range subs {
		p.said()
	}
	w.joined(0, "c").send(publish("t", "z"))
	for _, p := range subs {
		p.expect(`PUBLISH t "z"`)
	}
	if n := w.b.Stats().Panics; n != 2 {
		t.Errorf("%d panics, want 2", n)
	}
}
