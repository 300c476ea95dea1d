package broker

import (
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/session"
)

// What CONNACK says, and what is too much for a CONNECT.
func TestConnect(t *testing.T) {
	tests := []struct {
		name    string
		options Options
		connect *mqtt.Connect
		want    string
		reason  string // "" = let in
	}{
		{"3.1", Options{}, connect("a", v31), "CONNACK 0x0", ""},
		{"3.1.1", Options{}, connect("a", v311), "CONNACK 0x0", ""},
		{"5.0", Options{}, connect("a"), "CONNACK 0x0", ""},
		{"no id, 3.1", Options{}, connect("", v31), "CONNACK 0x85", "CONNECT refused"},
		{"no id, 3.1.1 clean [MQTT-3.1.3-7]", Options{}, connect("", v311), "CONNACK 0x0", ""},
		{"no id, 3.1.1 not clean [MQTT-3.1.3-8]", Options{}, connect("", v311, resumes), "CONNACK 0x85", "CONNECT refused"},
		{"no id, 5.0 [MQTT-3.1.3-6] [MQTT-3.2.2-16]", Options{}, connect(""), "CONNACK 0x0 assigned", ""},
		{"no id, 5.0, not clean", Options{}, connect("", resumes), "CONNACK 0x0 assigned", ""},
		{"keep-alive capped [MQTT-3.2.2-21]", Options{MaxKeepAlive: 60}, connect("a", keepAlive(600)), "CONNACK 0x0 keepalive=60", ""},
		{"keep-alive off capped", Options{MaxKeepAlive: 60}, connect("a"), "CONNACK 0x0 keepalive=60", ""},
		{"keep-alive below the cap", Options{MaxKeepAlive: 60}, connect("a", keepAlive(30)), "CONNACK 0x0", ""},
		{"session expiry capped §3.2.2.3.2", Options{MaxSessionExpiry: 100}, connect("a", expiry(101)), "CONNACK 0x0 expiry=100", ""},
		{"session expiry below the cap", Options{MaxSessionExpiry: 100}, connect("a", expiry(99)), "CONNACK 0x0", ""},
		{"enhanced authentication [MQTT-4.12.0-1]", Options{}, connect("a", func(p *mqtt.Connect) {
			p.Properties.AuthMethod, p.Properties.HasAuthMethod = []byte("SCRAM"), true
		}), "CONNACK 0x8c", "denied"},
		{"will to $SYS", Options{}, connect("a", withWill("$SYS/x", "w")), "CONNACK 0x90", "CONNECT refused"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.options)
			a := w.dial(0)
			a.send(tt.connect)
			if tt.reason == "" {
				a.expect(tt.want)
				a.send(pingPacket{})
				a.expect("PINGRESP")
				return
			}
			lines := a.said()
			// MQTT 3.x has return codes of its own [MQTT-3.2.2-4].
			if len(lines) != 1 || tt.connect.Version == mqtt.V50 && lines[0] != tt.want || strings.HasPrefix(lines[0], "CONNACK 0x0") {
				t.Errorf("got %q, want %q", lines, tt.want)
			}
			if a.reason != tt.reason {
				t.Errorf("closed with %q, want %q", a.reason, tt.reason)
			}
			if n := w.b.Stats(); n.Sessions != 0 || n.Refused != 1 {
				t.Errorf("left behind: %+v", n)
			}
		})
	}
}

// A protocol level we do not speak is refused in a version the client may
// understand [MQTT-3.1.2-2].
func TestConnectUnknownVersion(t *testing.T) {
	for _, tt := range []struct {
		level byte
		want  string
	}{
		{2, "20020001"},
		{6, "2003008400"},
	} {
		w := newWorld(t, Options{})
		a := w.dial(0)
		a.raw([]byte{0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', tt.level, 2, 0, 0, 0, 1, 'a'})
		if got := hexOf(a.out); got != tt.want {
			t.Errorf("level %d: sent %s, want %s", tt.level, got, tt.want)
		}
		if a.reason != "protocol error" {
			t.Errorf("level %d: closed with %q", tt.level, a.reason)
		}
	}
}

// The first packet is CONNECT [MQTT-3.1.0-1], and there is only one
// [MQTT-3.1.0-2].
func TestConnectFirstAndOnce(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.dial(0)
	a.raw([]byte{0xC0})
	a.ended("protocol error")

	b := w.joined(0, "b")
	b.send(connect("b"))
	b.ended("protocol error", "DISCONNECT 0x82")

	c := w.joined(0, "c", v311)
	c.send(connect("c", v311))
	c.ended("protocol error")
}

func TestConnectTooLarge(t *testing.T) {
	w := newWorld(t, Options{ConnectMaxSize: 100})
	a := w.dial(0)
	a.raw([]byte{0x10, 0xE8, 0x07}) // the header is enough to know
	a.ended("protocol error")
}

// What comes behind CONNECT in the same window is handled after it.
func TestConnectWithMoreBehind(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.dial(0)
	b := connect("a").Append(nil, mqtt.V50)
	b = subscribe(1, "t", 0).Append(b, mqtt.V50)
	b = publish("t", "x").Append(b, mqtt.V50)
	a.raw(b)
	a.expect("CONNACK 0x0", "SUBACK 1 [0x0]", `PUBLISH t "x"`)
}

func TestSessionPresent(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.joined(0, "a", persistent)
	a.subscribed("t", 1)
	a.lose()

	a = w.dial(0)
	a.send(connect("a", persistent))
	a.expect("CONNACK 0x0 present") // [MQTT-3.2.2-2]
	b := w.joined(0, "b")
	b.send(publish("t", "x"))
	a.expect(`PUBLISH t "x"`) // the subscription is still there
	a.send(disconnect())

	a = w.dial(0)
	a.send(connect("a", expiry(10)))
	a.expect("CONNACK 0x0") // Clean Start [MQTT-3.1.2-4]
	b.send(publish("t", "x"))
	a.silent()
}

// A session without a client ends when its expiry interval has passed
// [MQTT-3.1.2-23].
func TestSessionExpiry(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.joined(0, "a", resumes, expiry(10))
	a.subscribed("t", 1)
	a.lose()
	w.pass(9)
	a = w.dial(0)
	a.send(connect("a", resumes, expiry(10)))
	a.expect("CONNACK 0x0 present")
	a.lose()
	w.pass(11)
	if n := w.b.registry.len(); n != 0 {
		t.Errorf("%d sessions after the expiry", n)
	}
	a = w.dial(0)
	a.send(connect("a", resumes, expiry(10)))
	a.expect("CONNACK 0x0")
}

// DISCONNECT may change the expiry, but not from zero [MQTT-3.14.2-2].
func TestDisconnectChangesExpiry(t *testing.T) {
	expiresIn := func(n uint32) func(*mqtt.Disconnect) {
		return func(p *mqtt.Disconnect) { p.SessionExpiry, p.HasSessionExpiry = n, true }
	}
	w := newWorld(t, Options{})
	a := w.joined(0, "a", expiry(100))
	a.send(disconnect(expiresIn(0)))
	a.ended("disconnect")
	if n := w.b.registry.len(); n != 0 {
		t.Errorf("%d sessions, want none", n)
	}
	b := w.joined(0, "b")
	b.send(disconnect(expiresIn(5)))
	b.ended("protocol error", "DISCONNECT 0x82")
	c := w.joined(0, "c", expiry(100))
	c.send(disconnect(expiresIn(session.NeverExpires)))
	w.pass(1000)
	if n := w.b.registry.len(); n != 1 {
		t.Errorf("%d sessions, want 1", n)
	}
}

// 3.1.1: Clean Session 1 ends with the connection, 0 stays.
func TestCleanSession(t *testing.T) {
	w := newWorld(t, Options{})
	w.joined(0, "a", v311).lose()
	w.joined(0, "b", v311, resumes).lose()
	if n := w.b.registry.len(); n != 1 {
		t.Errorf("%d sessions, want 1", n)
	}
	b := w.dial(0)
	b.send(connect("b", v311, resumes))
	b.expect("CONNACK 0x0 present")
}

func TestKeepAlive(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.joined(0, "a", keepAlive(10))
	b := w.joined(0, "b", v311, keepAlive(10))
	c := w.joined(0, "c") // off
	w.pass(14)
	a.send(pingPacket{})
	a.expect("PINGRESP")
	w.pass(2)
	a.silent()
	b.ended("keep-alive timeout") // [MQTT-3.1.2-22]
	w.pass(13.5)
	a.ended("keep-alive timeout", "DISCONNECT 0x8d")
	c.silent()
	if n := w.b.Stats().KeepAlive; n != 2 {
		t.Errorf("counted %d timeouts, want 2", n)
	}
}

func TestShutdown(t *testing.T) {
	w := newWorld(t, Options{})
	a, b, c := w.joined(0, "a"), w.joined(0, "b", v311), w.dial(0)
	a.Shutdown()
	a.ended("server stops", "DISCONNECT 0x8b")
	b.Shutdown()
	b.ended("server stops")
	c.Shutdown()
	c.ended("server stops")

	l := new(later)
	w.gate = (&decider{authenticate: l.authenticate}).gate(t)
	d := w.dial(0)
	d.send(connect("d"))
	d.Shutdown()
	d.ended("server stops", "CONNACK 0x88")
	l.answer(w, auth.Verdict{Decision: auth.Allow})
	d.Shutdown() // nothing more to say
	d.expect()
}

// Grants end: the client is told and the verdict's caps hold.
func TestVerdict(t *testing.T) {
	w := newWorld(t, Options{})
	d := &decider{authenticate: func(r *auth.Request, done func(auth.Verdict)) {
		done(auth.Verdict{
			Decision: auth.Allow, Default: auth.Allow,
			Username:       "boss",
			UserProperties: []auth.Property{{Key: "room", Value: "1"}},
			Limits:         auth.Limits{MaxPacketSize: 50, MaxSubscriptions: 1},
		})
	}}
	w.gate = d.gate(t)
	a := w.dial(0)
	a.send(connect("a"))
	a.expect("CONNACK 0x0 room=1")
	a.send(subscribe(1, "x", 0, and("y", 0)))
	a.expect("SUBACK 1 [0x0 0x97]")
	a.send(publish("x", strings.Repeat("y", 60)))
	a.ended("protocol error", "DISCONNECT 0x95") // [MQTT-3.2.2-15]

	b := w.dial(0)
	b.send(connect("b", func(p *mqtt.Connect) { p.Properties.MaximumPacketSize = 22 }))
	b.expect("CONNACK 0x0") // no room for user properties [MQTT-3.2.2-20]
}
