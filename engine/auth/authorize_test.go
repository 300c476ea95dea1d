package auth

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// perTopic is an authorizer that decides by the first word of a topic, for
// each item, and records what it was asked.
type perTopic struct {
	decider
	asked [][]Item
}

func newPerTopic(name string, words map[string]Decision) *perTopic {
	p := &perTopic{}
	p.decider = decider{name: name, authorize: func(acc *Access, done func(Verdict)) {
		p.asked = append(p.asked, slices.Clone(acc.Items))
		v := Verdict{Decision: Next}
		for _, it := range acc.Items {
			word, _, _ := strings.Cut(it.Topic, "/")
			d, ok := words[word]
			if !ok {
				d = Next
			}
			v.Items = append(v.Items, d)
		}
		done(v)
	}}
	return p
}

// session is a grant that asks the chain about everything but "own/#".
func session(t testing.TB, o Options) (*Gate, *Grant) {
	t.Helper()
	v := Verdict{Decision: Allow, Default: Next, Rules: []Rule{allow("own/#"), deny("never/#")}}
	o.Chain = append([]Decider{says("login", v)}, o.Chain...)
	g := mustGate(t, o)
	return g, enter(t, g, alice()).Grant
}

func decisions(allowed ...bool) []Decision {
	var out []Decision
	for _, a := range allowed {
		if a {
			out = append(out, Allow)
		} else {
			out = append(out, Deny)
		}
	}
	return out
}

// Spec AUTHZ-01, AUTHZ-05: each item goes down the chain by itself, and only
// as far as it must.
func TestAuthorizeItems(t *testing.T) {
	first := newPerTopic("first", map[string]Decision{"a": Allow, "b": Deny})
	second := newPerTopic("second", map[string]Decision{"a": Deny, "c": Allow})
	g, grant := session(t, Options{Chain: []Decider{first, says("deaf", Verdict{}), second}})
	got := authorize(t, g, grant, Subscribe,
		Item{Topic: "own/x"}, Item{Topic: "a/1"}, Item{Topic: "never/x"},
		Item{Topic: "b/1"}, Item{Topic: "c/1"}, Item{Topic: "d/1"})
	if want := decisions(true, true, false, false, true, false); !slices.Equal(got.Decisions, want) {
		t.Errorf("got %v, want %v", got.Decisions, want)
	}
	if got.Decider != "second" || got.Err != nil {
		t.Errorf("by %q, %v", got.Decider, got.Err)
	}
	if len(first.asked) != 1 || len(first.asked[0]) != 4 || len(second.asked) != 1 || len(second.asked[0]) != 2 {
		t.Errorf("asked %v and %v", first.asked, second.asked)
	}
	if got := authorize(t, g, grant, Subscribe, Item{Topic: "own/y"}); got.Decisions[0] != Allow || len(first.asked) != 1 {
		t.Error("asked about what the rules answer")
	}
	if got := authorize(t, g, nil, Publish, Item{Topic: "a/1"}); got.Decisions[0] != Deny || len(first.asked) != 1 {
		t.Error("a nil grant is not denied outright")
	}
	if got := authorize(t, g, grant, Subscribe); len(got.Decisions) != 0 {
		t.Error("no items")
	}
}

// Spec AUTHZ-02, AUTHZ-05 and anchors of failure: everything that is not a
// clear Allow denies.
func TestAuthorizeVerdicts(t *testing.T) {
	panics := &decider{name: "p", authorize: func(*Access, func(Verdict)) { panic("secret") }}
	cases := []struct {
		name  string
		d     Decider
		match Decision
		want  []Decision
		fault bool
	}{
		{"allow all", answers("z", Verdict{Decision: Allow}), Deny, decisions(true, true), false},
		{"deny all", answers("z", Verdict{Decision: Deny}), Allow, decisions(false, false), false},
		{"next, deny", answers("z", Verdict{Decision: Next}), Deny, decisions(false, false), false},
		{"next, allow", answers("z", Verdict{Decision: Next}), Allow, decisions(true, true), false},
		{"items win", answers("z", Verdict{Decision: Allow, Items: []Decision{Deny, Next}}), Allow, decisions(false, true), false},
		{"unknown decision", answers("z", Verdict{Decision: 3}), Allow, decisions(false, false), false},
		{"unknown in items", answers("z", Verdict{Items: []Decision{Allow, 4}}), Allow, decisions(true, false), false},
		{"too few items", answers("z", Verdict{Items: []Decision{Allow}}), Allow, decisions(false, false), true},
		{"too many items", answers("z", Verdict{Items: []Decision{Allow, Allow, Allow}}), Allow, decisions(false, false), true},
		{"panic", panics, Allow, decisions(false, false), true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			g, grant := session(t, Options{Chain: []Decider{c.d}, NoMatch: c.match})
			got := authorize(t, g, grant, Publish, Item{Topic: "a"}, Item{Topic: "b"})
			if !slices.Equal(got.Decisions, c.want) || (got.Err != nil) != c.fault {
				t.Errorf("got %v, %v; want %v", got.Decisions, got.Err, c.want)
			}
			grant.Remember(got)
			if c.fault && grant.cache != nil {
				t.Error("a fault is remembered")
			}
		})
	}
}

// Spec AUTHZ-04: how long decisions are remembered.
func TestCacheTimes(t *testing.T) {
	cases := []struct {
		name string
		v    Verdict
		o    Options
		want time.Duration // 0 = not remembered
	}{
		{"allow, default", Verdict{Decision: Allow}, Options{}, time.Minute},
		{"deny, default", Verdict{Decision: Deny}, Options{}, 5 * time.Second},
		{"allow, verdict", Verdict{Decision: Allow, TTL: time.Second}, Options{}, time.Second},
		{"allow, long verdict", Verdict{Decision: Allow, TTL: time.Hour}, Options{}, time.Hour},
		{"allow, absurd verdict", Verdict{Decision: Allow, TTL: 1<<63 - 1}, Options{}, maxTTL},
		{"deny, long verdict", Verdict{Decision: Deny, TTL: time.Hour}, Options{}, 5 * time.Second},
		{"deny, short verdict", Verdict{Decision: Deny, TTL: time.Second}, Options{}, time.Second},
		{"allow, not at all", Verdict{Decision: Allow, TTL: -1}, Options{}, 0},
		{"deny, not at all", Verdict{Decision: Deny, TTL: -1}, Options{}, 0},
		{"allow, configured", Verdict{Decision: Allow}, Options{CacheTTL: 7 * time.Second}, 7 * time.Second},
		{"deny, configured", Verdict{Decision: Deny}, Options{NegativeTTL: 7 * time.Second}, 7 * time.Second},
		{"deny, configured off", Verdict{Decision: Deny, TTL: time.Hour}, Options{NegativeTTL: -1}, 0},
		{"allow, configured off", Verdict{Decision: Allow}, Options{CacheTTL: -1}, 0},
		{"no cache", Verdict{Decision: Allow}, Options{CacheSize: -1}, 0},
		{"no_match deny", Verdict{Decision: Next}, Options{}, 5 * time.Second},
		{"no_match allow", Verdict{Decision: Next}, Options{NoMatch: Allow}, time.Minute},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			now := newClock()
			c.o.Clock = now.time
			c.o.Chain = []Decider{answers("z", c.v)}
			g, grant := session(t, c.o)
			got := authorize(t, g, grant, Publish, Item{Topic: "a", QoS: 1})
			grant.Remember(got)
			check := func() Answer { return grant.Check(Publish, []byte("a"), 1, false) }
			if c.want == 0 {
				if check() != Ask || grant.cache != nil {
					t.Error("remembered")
				}
				return
			}
			now.advance(c.want - time.Millisecond)
			if check() != Answer(got.Decisions[0]) {
				t.Error("forgotten too early")
			}
			now.advance(time.Millisecond)
			if check() != Ask {
				t.Error("remembered too long")
			}
		})
	}
}

// A decision holds for the same action, topic, QoS, retain flag and share.
func TestCacheKey(t *testing.T) {
	g, grant := session(t, Options{Chain: []Decider{answers("z", Verdict{Decision: Allow})}})
	if grant.cache != nil {
		t.Fatal("an idle session has a cache")
	}
	grant.Remember(authorize(t, g, grant, Publish, Item{Topic: "a", QoS: 1}))
	grant.Remember(authorize(t, g, grant, Subscribe, Item{Topic: "s/#", QoS: 1, Share: "g"}))
	cases := []struct {
		action Action
		topic  string
		qos    byte
		retain bool
		want   Answer
	}{
		{Publish, "a", 1, false, Allowed},
		{Publish, "a", 0, false, Ask},
		{Publish, "a", 1, true, Ask},
		{Publish, "a/b", 1, false, Ask},
		{Subscribe, "a", 1, false, Ask},
		{Subscribe, "$share/g/s/#", 1, false, Allowed},
		{Subscribe, "$share/g/s/#", 1, true, Allowed}, // retain means nothing here
		{Subscribe, "$share/h/s/#", 1, false, Ask},
		{Subscribe, "s/#", 1, false, Ask},
	}
	for _, c := range cases {
		if got := grant.Check(c.action, []byte(c.topic), c.qos, c.retain); got != c.want {
			t.Errorf("%d %q %d %v: %d, want %d", c.action, c.topic, c.qos, c.retain, got, c.want)
		}
	}
}

// The cache holds its size, and loses what was not used for longest.
func TestCacheBounds(t *testing.T) {
	now := newClock()
	g, grant := session(t, Options{Chain: []Decider{answers("z", Verdict{Decision: Allow})}, CacheSize: 3, Clock: now.time})
	ask := func(name string) { grant.Remember(authorize(t, g, grant, Publish, Item{Topic: name})) }
	has := func(name string) bool { return grant.Check(Publish, []byte(name), 0, false) == Allowed }
	want := func(names string) {
		t.Helper()
		for _, n := range strings.Split("a b c d e f", " ") {
			if has := slices.ContainsFunc(grant.cache.slots, func(s slot) bool { return s.topic == n }); has != strings.Contains(names, n) {
				t.Errorf("%q in the cache: %v, want %q", n, has, names)
			}
		}
	}
	ask("a")
	ask("b")
	ask("c")
	has("a")
	ask("d")
	want("acd")
	now.advance(59 * time.Second)
	ask("a") // still remembered: nothing is asked, nothing renewed
	has("c")
	ask("e")
	want("ace")
	now.advance(2 * time.Second)
	ask("f") // in an expired place, not in that of "e"
	if !has("e") || !has("f") || len(grant.cache.slots) != 3 {
		t.Errorf("slots %+v", grant.cache.slots)
	}
	long := strings.Repeat("x", maxCachedTopic+1)
	ask(long)
	if has(long) {
		t.Error("a long topic is remembered")
	}
}

// What was asked before Forget, or of another gate, is not remembered after.
func TestStaleAnswers(t *testing.T) {
	h := newHold("hold")
	h.authenticate = nil
	g, grant := session(t, Options{Chain: []Decider{h}})
	var got []Authorized
	ask := func() {
		g.Authorize(grant, &Access{Action: Publish, Items: []Item{{Topic: "a"}}}, func(a Authorized) { got = append(got, a) })
	}
	ask()
	grant.Forget()
	h.release(Verdict{Decision: Allow})
	grant.Remember(got[0])
	if got[0].Decisions[0] != Allow || grant.Check(Publish, []byte("a"), 0, false) != Ask {
		t.Error("remembered after Forget")
	}
	ask()
	h.release(Verdict{Decision: Allow})
	grant.Remember(got[1])
	if grant.Check(Publish, []byte("a"), 0, false) != Allowed {
		t.Error("not remembered")
	}
	grant.Forget()
	if grant.Check(Publish, []byte("a"), 0, false) != Ask {
		t.Error("remembered after Forget")
	}
	other := mustGate(t, Options{Chain: []Decider{h}}).Adopt(grant, Identity{})
	other.Remember(got[0])
	if other.Check(Publish, []byte("a"), 0, false) != Ask {
		t.Error("remembered under another gate")
	}
	(*Grant)(nil).Forget()
	(*Grant)(nil).Remember(got[1])
}

// Answers may come from any goroutine, while the loop goes on checking.
func TestLateAuthorize(t *testing.T) {
	late := &decider{name: "late", authorize: func(_ *Access, done func(Verdict)) {
		go done(Verdict{Decision: Next})
		go done(Verdict{Decision: Next})
	}}
	g, grant := session(t, Options{Chain: []Decider{late, late, answers("z", Verdict{Decision: Allow})}})
	mailbox := make(chan Authorized, 200)
	for i := range 100 {
		g.Authorize(grant, &Access{Action: Publish, Items: []Item{{Topic: fmt.Sprint(i)}}}, func(a Authorized) { mailbox <- a })
	}
	for range 100 {
		a := <-mailbox
		grant.Remember(a)
		if a.Decisions[0] != Allow {
			t.Error("denied")
		}
	}
	if len(mailbox) != 0 {
		t.Error("more answers than questions")
	}
	if len(grant.cache.slots) != DefaultCacheSize {
		t.Errorf("%d decisions", len(grant.cache.slots))
	}
}
