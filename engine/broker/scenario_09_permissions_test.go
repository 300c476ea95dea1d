package broker

import (
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/auth"
)

// listed is a decider that lets everybody in and gives the rules of a list.
func listed(list *[]auth.Rule) *decider {
	return &decider{
		authenticate: func(_ *auth.Request, done func(auth.Verdict)) {
			done(auth.Verdict{Decision: auth.Allow, Default: auth.Next})
		},
		authorize: func(_ *auth.Access, done func(auth.Verdict)) {
			done(auth.Verdict{Decision: auth.Next, Rules: *list})
		},
	}
}

// remembering makes a gate that remembers what d answers.
func (d *decider) remembering(t tester) *auth.Gate {
	t.Helper()
	g, err := auth.NewGate(auth.Options{Chain: []auth.Decider{d}})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func permit(a auth.Action, filter string) auth.Rule {
	return auth.Rule{Permit: true, Actions: a, Filter: filter}
}

const both = auth.Publish | auth.Subscribe

// Spec AUTHZ-03: a client that is denied may be disconnected instead.
func TestDenyDisconnects(t *testing.T) {
	w := newWorld(t, Options{})
	watcher := w.joined(0, "watcher").subscribed("#", 0)
	gate := func() {
		g, err := auth.NewGate(auth.Options{Anonymous: auth.AnonymousAllow, DenyDisconnects: true, Rules: []auth.Rule{forbid(both, "no")}})
		if err != nil {
			t.Fatal(err)
		}
		w.gate = g
	}
	gate()
	for _, q := range []byte{0, 1, 2} {
		a := w.joined(0, "a")
		a.send(publish("no", "x", qos(q, 1)))
		a.ended("publish denied", "DISCONNECT 0x87")
	}
	a := w.joined(0, "a", v311)
	a.send(publish("no", "x", qos(1, 1)))
	a.ended("publish denied")
	a = w.joined(0, "a", persistent)
	a.send(subscribe(1, "yes", 0, and("no", 0)))
	a.ended("subscribe denied", "DISCONNECT 0x87")
	if n := w.b.registry.find("a").Subs.Len(); n != 0 {
		t.Errorf("%d subscriptions are made", n)
	}
	a = w.joined(0, "a", resumes)
	a.send(publish("yes", "x", qos(1, 1)))
	a.expect("PUBACK 1")
	watcher.expect(`PUBLISH yes "x"`)
}

// Spec AUTHZ-13, U-48: when permissions have changed, subscriptions that are not
// permitted any more end, and the client hears of it.
func TestRejudge(t *testing.T) {
	w := newWorld(t, Options{Shards: 2})
	list := []auth.Rule{permit(both, "#")}
	w.gate = listed(&list).remembering(t)
	p := w.joined(0, "p")
	a := w.joined(1, "a", persistent).subscribed("secret/#", 1).subscribed("open/#", 1)
	b := w.joined(0, "b").subscribed("open/#", 0)
	away := w.joined(1, "away", persistent).subscribed("secret/#", 1).subscribed("open/#", 1)
	away.lose()
	p.send(publish("secret/1", "x", qos(1, 1)), publish("open/1", "x", qos(1, 2)))
	a.expect(`PUBLISH secret/1 "x" q1 #1`, `PUBLISH open/1 "x" q1 #2`)
	b.expect(`PUBLISH open/1 "x"`)

	list = []auth.Rule{permit(both, "open/#")}
	p.send(publish("secret/2", "x", qos(1, 3))) // by rules that are remembered
	a.expect(`PUBLISH secret/2 "x" q1 #3`)
	if !w.b.Rejudge("") {
		t.Error("nobody is judged")
	}
	w.settle()
	a.ended("subscription not permitted any more", "DISCONNECT 0x87")
	b.silent()
	p.expect("PUBACK 1", "PUBACK 2", "PUBACK 3")
	p.send(publish("secret/3", "x", qos(1, 4)), publish("open/3", "x", qos(1, 5)))
	p.expect("PUBACK 4 0x87", "PUBACK 5")
	b.expect(`PUBLISH open/3 "x"`)

	// What waits for the sessions came by subscriptions that are gone, or not.
	for name, want := range map[string][]string{
		"a":    {`PUBLISH open/1 "x" q1 #2 dup`, `PUBLISH open/3 "x" q1 #4`},
		"away": {`PUBLISH open/1 "x" q1 #2`, `PUBLISH open/3 "x" q1 #4`},
	} {
		again := w.dial(1)
		again.send(connect(name, persistent))
		again.expect(append([]string{"CONNACK 0x0 present"}, want...)...)
		if sub := again.Client.sub; sub.Subs.Len() != 1 {
			t.Errorf("%s keeps %d subscriptions", name, sub.Subs.Len())
		}
		again.send(subscribe(9, "secret/#", 1))
		again.expect("SUBACK 9 [0x87]")
	}
	if w.b.Rejudge("nobody") || !w.b.Rejudge("p") {
		t.Error("the wrong client is judged")
	}
	w.settle()
	p.silent()
}

// A client that comes back under other rights, or as another user, gets nothing
// that it may not have, however long the chain takes to say so.
func TestResumedUnderOtherRights(t *testing.T) {
	w := newWorld(t, Options{})
	p := w.joined(0, "p")
	a := w.joined(0, "a", persistent).subscribed("secret", 1).subscribed("open", 1).subscribed("$share/g/secret", 1)
	a.lose()
	p.send(publish("secret", "1", qos(1, 1)), publish("open", "1", qos(1, 2)))
	l := new(later)
	w.gate = (&decider{authorize: l.authorize, authenticate: func(_ *auth.Request, done func(auth.Verdict)) {
		done(auth.Verdict{Decision: auth.Allow, Default: auth.Next})
	}}).gate(t)
	a = w.dial(0)
	a.send(connect("a", persistent), pingPacket{})
	a.expect("CONNACK 0x0 present", "PINGRESP")
	w.shards[0].publish(publish("secret", "2", qos(1, 3)), nil, nil)
	w.shards[0].publish(publish("open", "2"), nil, nil)
	w.settle()
	a.silent()
	l.answer(w, auth.Verdict{Decision: auth.Next, Rules: []auth.Rule{permit(both, "open")}})
	a.expect(`PUBLISH open "1" q1 #3`)
	w.shards[0].publish(publish("open", "3", qos(1, 4)), nil, nil)
	a.expect(`PUBLISH open "3" q1 #6`)

	// Lost while it is judged, and back before the answer: it is judged again.
	a.lose()
	w.shards[0].publish(publish("open", "4", qos(1, 5)), nil, nil)
	a = w.dial(0)
	a.send(connect("a", persistent))
	a.lose()
	b := w.dial(0)
	b.send(connect("a", persistent))
	l.answer(w, auth.Verdict{Decision: auth.Allow}) // to the one that is lost
	l.answer(w, auth.Verdict{Decision: auth.Deny})
	b.expect("CONNACK 0x0 present")
	if n := b.Client.sub.Subs.Len(); n != 0 {
		t.Errorf("%d subscriptions are left", n)
	}
}

// Forgotten decisions are asked for again; the client notices nothing.
func TestForget(t *testing.T) {
	w := newWorld(t, Options{})
	list := []auth.Rule{permit(both, "#")}
	w.gate = listed(&list).remembering(t)
	a := w.joined(0, "a").subscribed("t", 0)
	list = []auth.Rule{permit(auth.Subscribe, "#")}
	a.send(publish("t", "1", qos(1, 1)))
	a.expect(`PUBLISH t "1"`, "PUBACK 1")
	if !w.b.Forget("a") || w.b.Forget("b") {
		t.Error("the wrong session forgets")
	}
	w.settle()
	a.send(publish("t", "2", qos(1, 2)))
	a.expect("PUBACK 2 0x87")
}

// A will is judged by what is permitted when it is sent.
func TestWillAfterReload(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.joined(0, "s").subscribed("t", 0)
	list := []auth.Rule{permit(both, "#")}
	w.gate = listed(&list).remembering(t)
	a := w.joined(0, "a", withWill("t", "w"))
	b := w.joined(0, "b", withWill("t", "w"))
	a.lose()
	s.expect(`PUBLISH t "w"`)
	list = []auth.Rule{permit(auth.Subscribe, "#")}
	w.gate = listed(&list).remembering(t)
	b.lose()
	s.silent()
	if n := w.b.Stats(); n.Wills != 1 {
		t.Errorf("%d wills", n.Wills)
	}
}

// Many subscriptions are judged by one question when its answer has rules, and
// by as many as are needed when it has none.
func TestJudgeManySubscriptions(t *testing.T) {
	for _, rules := range []bool{true, false} {
		w := newWorld(t, Options{})
		a := w.joined(0, "a", persistent)
		for i := range 2*judgeStep + 1 {
			a.subscribed("t/"+strings.Repeat("x", i+1), 0)
		}
		asked := 0
		w.gate = (&decider{authorize: func(acc *auth.Access, done func(auth.Verdict)) {
			asked++
			v := auth.Verdict{Decision: auth.Next, Rules: []auth.Rule{permit(both, "t/#")}}
			if !rules {
				v = auth.Verdict{Decision: auth.Allow}
			}
			done(v)
		}, authenticate: func(_ *auth.Request, done func(auth.Verdict)) {
			done(auth.Verdict{Decision: auth.Allow, Default: auth.Next})
		}}).remembering(t)
		a.lose()
		a = w.dial(0)
		a.send(connect("a", persistent))
		a.expect("CONNACK 0x0 present")
		if want := map[bool]int{true: 1, false: 3}[rules]; asked != want || a.Client.sub.Subs.Len() != 2*judgeStep+1 {
			t.Errorf("rules %v: asked %d times, want %d; %d subscriptions are left", rules, asked, want, a.Client.sub.Subs.Len())
		}
	}
}

// A SUBSCRIBE that the chain is still asked about when permissions change is
// judged by the new ones, or clients with a question always open would keep what
// they are to lose.
func TestRejudgeWhileAsking(t *testing.T) {
	for name, change := range map[string]func(w *world, s *speaker, a *peer){
		"rejudge": func(w *world, _ *speaker, _ *peer) { w.b.Rejudge("") },
		"reload": func(w *world, s *speaker, _ *peer) {
			w.gate = s.decider.gate(w.t)
			w.b.Rejudge("")
		},
		"re-authentication": func(w *world, s *speaker, _ *peer) {
			s.answer(w, auth.Verdict{Decision: auth.Allow, Default: auth.Next, Attributes: map[string]string{"role": "guest"}})
		},
		"re-authentication, nothing of its own": func(w *world, s *speaker, _ *peer) {
			s.answer(w, auth.Verdict{Decision: auth.Allow, Default: auth.Deny})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Options{})
			s, asked := newSpeaker(t, w), new(later)
			s.decider.authorize = asked.authorize
			w.gate = s.decider.gate(t)
			a := w.dial(0)
			a.send(connect("a", method("M", "c1")))
			s.answer(w, auth.Verdict{Decision: auth.Allow, Default: auth.Next})
			a.said()
			a.send(again4(""), subscribe(1, "secret/#", 1))
			change(w, s, a)
			w.settle()
			asked.answer(w, auth.Verdict{Decision: auth.Allow}) // as it was before
			if len(asked.dones) > 0 {
				asked.answer(w, auth.Verdict{Decision: auth.Deny})
			}
			if sub := w.b.registry.find("a"); sub != nil && sub.Subs.Len() != 0 {
				t.Error("the subscription stays")
			}
			if a.reason != "subscription not permitted any more" {
				t.Errorf("the connection ends with %q", a.reason)
			}
		})
	}
}
