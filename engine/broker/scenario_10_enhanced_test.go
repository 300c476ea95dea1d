package broker

import (
	"strings"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
)

// speaker is a chain link with which the test speaks the words of a method.
type speaker struct {
	later
	decider
	said  []string // by the client
	ended int
}

func newSpeaker(t tester, w *world) *speaker {
	s := new(speaker)
	s.decider = decider{authenticate: func(r *auth.Request, done func(auth.Verdict)) {
		word := string(r.AuthData)
		if r.Reauthenticate {
			word = "again " + r.ClientID + "/" + r.Username + " " + word
			if r.HasPassword { // an empty one is what some servers let in
				word += " with a password"
			}
		}
		s.said = append(s.said, word)
		s.later.authenticate(r, done)
	}}
	w.gate = s.decider.gate(t)
	return s
}

func (s *speaker) Continue(data []byte, done func(auth.Verdict)) {
	s.said = append(s.said, string(data))
	s.later.authenticate(nil, done)
}

func (s *speaker) End() { s.ended++ }

// asks answers the oldest question by one for the client.
func (s *speaker) asks(w *world, data string) {
	w.t.Helper()
	s.answer(w, auth.Verdict{Decision: auth.Continue, AuthData: []byte(data), Dialog: s})
}

// heard compares what the client has said in all.
func (s *speaker) heard(t *testing.T, want ...string) {
	t.Helper()
	if strings.Join(s.said, ", ") != strings.Join(want, ", ") {
		t.Errorf("heard %q, want %q", s.said, want)
	}
	s.said = nil
}

// settled expects that the gate has nothing open and whether the decider was
// told of an end.
func (s *speaker) settled(t *testing.T, w *world, ended int) {
	t.Helper()
	if asked, answered := w.gate.Questions(); asked != answered {
		t.Errorf("%d questions, %d answered", asked, answered)
	}
	if s.ended != ended {
		t.Errorf("told of %d ends, want %d", s.ended, ended)
	}
}

func method(name, data string) func(*mqtt.Connect) {
	return func(p *mqtt.Connect) {
		pr := &p.Properties
		pr.AuthMethod, pr.HasAuthMethod = []byte(name), true
		pr.AuthData, pr.HasAuthData = []byte(data), true
	}
}

func authPacket(reason mqtt.Reason, name, data string) packet {
	return &mqtt.Auth{Reason: reason, Method: []byte(name), Data: []byte(data)}
}

func answer(data string) packet { return authPacket(mqtt.ContinueAuthentication, "M", data) }
func again4(data string) packet { return authPacket(mqtt.Reauthenticate, "M", data) }

var allowAll = auth.Verdict{Decision: auth.Allow, Default: auth.Allow, AuthData: []byte("welcome")}

// 10.1 An exchange of two rounds, its method and data in every packet
// [MQTT-4.12.0-2] [MQTT-4.12.0-3] [MQTT-4.12.0-5].
func TestEnhanced(t *testing.T) {
	w := newWorld(t, Options{})
	s := newSpeaker(t, w)
	a := w.dial(0)
	a.send(connect("a", method("M", "c1")))
	a.silent()
	if !a.paused {
		t.Error("the client is heard while the gate has the word")
	}
	s.asks(w, "s1")
	a.expect(`AUTH 0x18 M "s1"`)
	if a.paused {
		t.Error("the client is not heard when it has the word")
	}
	a.send(answer("c2"))
	s.asks(w, "s2")
	a.expect(`AUTH 0x18 M "s2"`)
	a.send(answer("c3"))
	s.answer(w, allowAll)
	a.expect(`CONNACK 0x0 M "welcome"`)
	a.send(publish("t", "x", qos(1, 1)))
	a.expect("PUBACK 1 0x10")
	s.heard(t, "c1", "c2", "c3")
	a.lose()
	s.settled(t, w, 0)
	w.empty()
	if len(w.shards[0].enhanced) != 0 {
		t.Error("something is kept of a client that is gone")
	}
}

// 10.2 Deciders that answer at once need no letters.
func TestEnhancedAtOnce(t *testing.T) {
	w := newWorld(t, Options{})
	d := &prompt{}
	d.decider = decider{authenticate: func(_ *auth.Request, done func(auth.Verdict)) { d.Continue(nil, done) }}
	w.gate = d.decider.gate(t)
	a := w.dial(0)
	a.send(connect("a", method("M", "")))
	a.send(answer("1"), answer("2"))
	a.expect(`AUTH 0x18 M "?"`, `AUTH 0x18 M "?"`, `CONNACK 0x0 M "welcome"`)
	d.rounds = 0
	a.send(again4(""), publish("t", "x", qos(1, 1)), answer("1"), answer("2"))
	a.expect(`AUTH 0x18 M "?"`, "PUBACK 1 0x10", `AUTH 0x18 M "?"`, `AUTH 0x0 M "welcome"`)
}

// prompt asks twice, and without delay.
type prompt struct {
	decider
	rounds int
}

func (p *prompt) Continue(_ []byte, done func(auth.Verdict)) {
	if p.rounds++; p.rounds == 3 {
		done(allowAll)
		return
	}
	done(auth.Verdict{Decision: auth.Continue, AuthData: []byte("?"), Dialog: p})
}

func (p *prompt) End() {}

// 10.3 How an exchange goes wrong before CONNACK [MQTT-3.1.2-30]
// [MQTT-4.12.0-4] [MQTT-4.12.0-5] [MQTT-4.13.1-1].
func TestEnhancedBroken(t *testing.T) {
	for _, tt := range []struct {
		name   string
		packet packet
		reason string
		says   []string
	}{
		{"publish", publish("t", "x"), "protocol error", []string{"CONNACK 0x82"}},
		{"ping", pingPacket{}, "protocol error", []string{"CONNACK 0x82"}},
		{"second CONNECT", connect("a"), "protocol error", []string{"CONNACK 0x82"}},
		{"another method", authPacket(mqtt.ContinueAuthentication, "N", ""), "protocol error", []string{"CONNACK 0x82"}},
		{"re-authentication", again4(""), "protocol error", []string{"CONNACK 0x82"}},
		{"success", authPacket(mqtt.Success, "M", ""), "protocol error", []string{"CONNACK 0x82"}},
		{"no body", rawPacket{0xF0, 0}, "protocol error", []string{"CONNACK 0x82"}},
		{"reserved flags [MQTT-3.15.1-1]", rawPacket{0xF1, 0}, "protocol error", []string{"CONNACK 0x81"}},
		{"a reason of no AUTH [MQTT-3.15.2-1]", rawPacket{0xF0, 6, 0x87, 4, 0x15, 0, 1, 'M'}, "protocol error", []string{"CONNACK 0x82"}},
		{"too large", answer(strings.Repeat("x", 70_000)[:65535]), "protocol error", []string{"CONNACK 0x95"}},
		{"disconnect", disconnect(), "disconnect", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, Options{ConnectMaxSize: 4096})
			s := newSpeaker(t, w)
			a := w.dial(0)
			a.send(connect("a", method("M", "c1"), withWill("t", "w")))
			s.asks(w, "s1")
			a.expect(`AUTH 0x18 M "s1"`)
			a.send(tt.packet)
			a.ended(tt.reason, tt.says...)
			s.settled(t, w, 1)
			w.empty()
		})
	}
}

type rawPacket []byte

func (r rawPacket) Append(dst []byte, _ mqtt.Version) []byte { return append(dst, r...) }

// 10.4 Refusals, and who has no method or none that somebody knows
// [MQTT-4.12.0-1] [MQTT-4.12.0-6] [MQTT-4.12.0-7].
func TestEnhancedRefused(t *testing.T) {
	w := newWorld(t, Options{})
	s := newSpeaker(t, w)
	a := w.dial(0)
	a.send(connect("a", method("M", "c1")))
	s.asks(w, "s1")
	a.send(answer("c2"))
	s.answer(w, auth.Verdict{Decision: auth.Deny, Reason: mqtt.BadUsernameOrPassword, AuthData: []byte("secret")})
	a.ended("denied", `AUTH 0x18 M "s1"`, "CONNACK 0x86")

	b := w.dial(0)
	b.send(connect("b", method("unknown", "")))
	s.answer(w, auth.Verdict{Decision: auth.Next})
	b.ended("denied", "CONNACK 0x8c")

	c := w.dial(0)
	c.send(connect("c"))
	s.asks(w, "s1")
	c.ended("denied", "CONNACK 0x86")
	s.settled(t, w, 1)

	for _, v := range []mqtt.Version{mqtt.V311, mqtt.V50} {
		d := w.dial(0)
		d.send(connect("d", func(p *mqtt.Connect) { p.Version = v }))
		s.answer(w, allowAll)
		d.said()
		d.send(again4("c1"))
		if d.reason != "protocol error" {
			t.Errorf("version %d: closed with %q", v, d.reason)
		}
	}
	e := w.dial(0)
	e.send(again4("c1"))
	e.ended("protocol error")
}

// 10.5 The whole exchange has the time of the CONNECT, and an AUTH that the
// client could not take is not sent [MQTT-3.1.2-24].
func TestEnhancedLimits(t *testing.T) {
	w := newWorld(t, Options{})
	s := newSpeaker(t, w)
	a := w.dial(0)
	a.send(connect("a", method("M", "c1")))
	w.pass(5)
	s.asks(w, "s1")
	a.expect(`AUTH 0x18 M "s1"`)
	w.pass(4)
	a.send(answer("c2"))
	s.asks(w, "s2")
	a.expect(`AUTH 0x18 M "s2"`)
	w.pass(1.2)
	a.ended("no answer in time", "CONNACK 0x87")
	s.settled(t, w, 1)

	b := w.dial(0)
	b.send(connect("b", method("M", "c1"), func(p *mqtt.Connect) { p.Properties.MaximumPacketSize = 40 }))
	s.asks(w, strings.Repeat("s", 40))
	b.ended("AUTH is larger than the client takes", "CONNACK 0x95")
	s.settled(t, w, 2)

	c := w.dial(0)
	c.send(connect("c", method("M", "c1")))
	s.asks(w, "s1")
	c.expect(`AUTH 0x18 M "s1"`)
	c.send(answer("c2"))
	w.pass(10.2)
	c.ended("no verdict in time", "CONNACK 0x88")
	s.asks(w, "s2") // too late: the decider is told
	s.settled(t, w, 3)
}

// 10.6 Who leaves in the middle: the decider is told, whoever has the word.
func TestEnhancedLost(t *testing.T) {
	w := newWorld(t, Options{})
	s := newSpeaker(t, w)
	a := w.dial(0)
	a.send(connect("a", method("M", "c1")))
	s.asks(w, "s1")
	a.lose()
	s.settled(t, w, 1)

	b := w.dial(0)
	b.send(connect("b", method("M", "c1")))
	b.lose()
	s.asks(w, "s1")
	s.settled(t, w, 2)

	c := w.dial(0)
	c.send(connect("c", method("M", "c1")))
	s.asks(w, "s1")
	c.Shutdown()
	c.ended("server stops", `AUTH 0x18 M "s1"`, "CONNACK 0x88")
	s.settled(t, w, 3)
	w.empty()
}

// enhancedClient is in, as user boss.
func enhancedClient(t *testing.T, w *world, s *speaker, with ...func(*mqtt.Connect)) *peer {
	t.Helper()
	a := w.dial(0)
	a.send(connect("a", append(with, method("M", "c1"))...))
	v := allowAll
	v.Username = "boss"
	s.answer(w, v)
	a.expect(`CONNACK 0x0 M "welcome"`)
	s.said = nil
	return a
}

// 10.7 Re-authentication: all goes on under the old grant until the new one is
// there [MQTT-4.12.1-1].
func TestReauthentication(t *testing.T) {
	w := newWorld(t, Options{})
	s := newSpeaker(t, w)
	password := func(p *mqtt.Connect) { p.HasPassword, p.Password = true, []byte("x") }
	a := enhancedClient(t, w, s, withWill("will", "w"), keepAlive(60), password).subscribed("t", 1)
	a.send(again4("r1"))
	s.heard(t, "again a/boss r1")
	s.asks(w, "s1")
	a.send(publish("t", "1", qos(1, 1)), pingPacket{})
	a.expect(`AUTH 0x18 M "s1"`, `PUBLISH t "1" q1 #1`, "PUBACK 1", "PINGRESP")
	a.send(answer("r2"), publish("t", "2", qos(1, 2)))
	a.expect(`PUBLISH t "2" q1 #2`, "PUBACK 2")
	s.heard(t, "r2")
	s.answer(w, auth.Verdict{Decision: auth.Allow, Default: auth.Allow, AuthData: []byte("done"),
		Rules:      []auth.Rule{forbid(auth.Publish, "t"), forbid(auth.Publish, "will")},
		Attributes: map[string]string{"a": "1"}, Limits: auth.Limits{MaxSubscriptions: 2, MaxInflight: 3},
		ExpireAt: time.Now().Add(30 * time.Second)})
	a.expect(`AUTH 0x0 M "done"`)
	a.send(publish("t", "3", qos(1, 3)))
	a.expect("PUBACK 3 0x87")
	if c := &a.Client; c.sub.grant.Attributes["a"] != "1" || c.sub.will.access.Attributes["a"] != "1" || c.maxSubs != 2 || c.window != 3 {
		t.Errorf("%+v", c)
	}

	// A second time, and the end that the first one has set is another.
	a.send(again4("r3"))
	s.answer(w, allowAll)
	a.expect(`AUTH 0x0 M "welcome"`)
	if c := &a.Client; c.expireAt != 0 || c.window == 3 {
		t.Errorf("%+v", c)
	}
	w.pass(50)
	a.silent()
	a.send(publish("t", "4", qos(1, 4)))
	a.expect(`PUBLISH t "4" q1 #3`, "PUBACK 4")
	a.lose()
	s.settled(t, w, 0)
}

// 10.8 Subscriptions are judged by the new grant.
func TestReauthenticationJudges(t *testing.T) {
	w := newWorld(t, Options{})
	s := newSpeaker(t, w)
	a := enhancedClient(t, w, s).subscribed("t", 1)
	a.send(again4(""))
	s.answer(w, auth.Verdict{Decision: auth.Allow, Default: auth.Allow, Rules: []auth.Rule{forbid(auth.Subscribe, "t")}})
	a.ended("subscription not permitted any more", `AUTH 0x0 M ""`, "DISCONNECT 0x87")
}

// 10.9 How it fails: the client is disconnected and its will is published
// [MQTT-4.12.1-2] [MQTT-4.12.0-5].
func TestReauthenticationFails(t *testing.T) {
	deny := func(r mqtt.Reason) func(*world, *speaker, *peer) {
		return func(w *world, s *speaker, a *peer) {
			a.send(again4(""))
			s.answer(w, auth.Verdict{Decision: auth.Deny, Reason: r})
		}
	}
	for _, tt := range []struct {
		name  string
		do    func(*world, *speaker, *peer)
		word  string
		code  string
		ended int
	}{
		{"denied", deny(0), "not authorized again", "0x87", 0},
		{"denied for a reason of CONNACK", deny(mqtt.BadUsernameOrPassword), "not authorized again", "0x87", 0},
		{"denied for a reason of DISCONNECT", deny(mqtt.ServerBusy), "not authorized again", "0x89", 0},
		{"nobody knows it any more", func(w *world, s *speaker, a *peer) {
			a.send(again4(""))
			s.answer(w, auth.Verdict{Decision: auth.Next})
		}, "not authorized again", "0x8c", 0},
		{"somebody else", func(w *world, s *speaker, a *peer) {
			a.send(again4(""))
			v := allowAll
			v.Username = "bob"
			s.answer(w, v)
		}, "not authorized again", "0x87", 0},
		{"another method", func(w *world, s *speaker, a *peer) {
			a.send(authPacket(mqtt.Reauthenticate, "N", ""))
		}, "protocol error", "0x82", 0},
		{"two at a time", func(w *world, s *speaker, a *peer) {
			a.send(again4(""), again4(""))
			s.answer(w, allowAll)
		}, "protocol error", "0x82", 0},
		{"an answer that nobody waits for", func(w *world, s *speaker, a *peer) {
			a.send(answer(""))
		}, "protocol error", "0x82", 0},
		{"an answer before the question", func(w *world, s *speaker, a *peer) {
			a.send(again4(""), answer(""))
			s.asks(w, "s1")
		}, "protocol error", "0x82", 1},
		{"no answer", func(w *world, s *speaker, a *peer) {
			a.send(again4(""))
			s.asks(w, "s1")
			if got := a.said(); len(got) != 1 {
				t.Errorf("got %q", got)
			}
			w.pass(10.2)
		}, "no answer in time", "0x87", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, Options{})
			s := newSpeaker(t, w)
			o := w.dial(0)
			o.send(connect("o"))
			s.answer(w, allowAll)
			o.said()
			o.subscribed("will", 0)
			a := enhancedClient(t, w, s, withWill("will", "w"))
			tt.do(w, s, a)
			a.ended(tt.word, "DISCONNECT "+tt.code)
			o.expect(`PUBLISH will "w"`)
			s.settled(t, w, tt.ended)
		})
	}
}

// 10.10 A question about a topic and a re-authentication do not get into each
// other's way.
func TestReauthenticationWhileAsking(t *testing.T) {
	w := newWorld(t, Options{})
	s := newSpeaker(t, w)
	asked := new(later)
	s.decider.authorize = asked.authorize
	w.gate = s.decider.gate(t)
	ask := auth.Verdict{Decision: auth.Allow, Default: auth.Next}
	a := w.dial(0)
	a.send(connect("a", method("M", "c1"), keepAlive(4)))
	s.answer(w, ask)
	a.said()
	a.send(again4(""), publish("t", "x", qos(1, 1)))
	w.pass(5)
	s.answer(w, ask) // the timer is the question's
	a.expect(`AUTH 0x0 M ""`)
	w.pass(4)
	a.silent()
	asked.answer(w, auth.Verdict{Decision: auth.Allow})
	a.expect("PUBACK 1 0x10")
	w.pass(6.2)
	a.ended("keep-alive timeout", "DISCONNECT 0x8d")
}
