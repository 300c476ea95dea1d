package auth

import (
	"slices"
	"testing"
	"time"
)

// ruling is an authorizer that answers with rules and counts how often it is
// asked.
func ruling(name string, asked *int, v *Verdict) *decider {
	return &decider{name: name, authorize: func(_ *Access, done func(Verdict)) {
		*asked++
		done(*v)
	}}
}

// The rules of an answer decide what was asked, and answer later questions.
func TestRulesOfAnAnswer(t *testing.T) {
	var asked, second int
	c := newClock()
	v := Verdict{Decision: Next, Default: Next, TTL: time.Hour, Rules: []Rule{
		deny("${username}/secret/#"), allow("${username}/#"), allow("cn/${cert_common_name}"), allow("own/#"),
	}}
	g, grant := session(t, Options{Clock: c.time, Chain: []Decider{
		ruling("acl", &asked, &v), newCounted("other", &second, Allow),
	}})
	put := func(items ...Item) Authorized {
		acc := &Access{ClientID: "c1", Username: "alice", CommonName: "x", Action: Subscribe, Items: items}
		var got Authorized
		g.Authorize(grant, acc, func(a Authorized) { got = a })
		grant.Remember(got)
		return got
	}
	got := put(Item{Topic: "alice/a"}, Item{Topic: "alice/secret/x"}, Item{Topic: "cn/x"}, Item{Topic: "elsewhere"}, Item{Topic: "never/x"})
	if want := decisions(true, false, true, true, false); !slices.Equal(got.Decisions, want) || got.Err != nil || asked != 1 || second != 1 {
		t.Fatalf("%v, %v, asked %d and %d", got.Decisions, got.Err, asked, second)
	}
	for topic, want := range map[string]Answer{
		"alice/b": Allowed, "alice/#": Allowed, "alice/secret/y": Denied, "cn/x": Allowed, "cn/y": Ask, "elsewhere": Allowed, "bob/x": Ask, "never/y": Denied,
	} {
		if got := grant.Check(Subscribe, []byte(topic), 0, false); got != want {
			t.Errorf("%s: %v, want %v", topic, got, want)
		}
	}
	// A permission for a wide filter does not reach over what is forbidden
	// in it, whoever has said so, and however long ago.
	forbidden := func() {
		t.Helper()
		if grant.MayReceive([]byte("alice/secret/y"), 0) || !grant.MayReceive([]byte("alice/y"), 0) || !grant.MayReceive([]byte("own/y"), 0) {
			t.Error("what the rules of an answer forbid is received")
		}
	}
	forbidden()
	c.advance(time.Hour)
	forbidden()
	if grant.Check(Subscribe, []byte("alice/b"), 0, false) != Ask {
		t.Error("rules outlive their time")
	}
	put(Item{Topic: "alice/b"})
	if grant.Check(Subscribe, []byte("alice/c"), 0, false) != Allowed || asked != 2 {
		t.Error("rules are not renewed")
	}
	grant.Forget()
	forbidden()
	if grant.Check(Subscribe, []byte("alice/b"), 0, false) != Ask {
		t.Error("forgotten rules answer")
	}
	v = Verdict{Decision: Next} // it has no rules any more
	put(Item{Topic: "alice/b"})
	if !grant.MayReceive([]byte("alice/secret/y"), 0) {
		t.Error("rules that were taken back forbid")
	}
}

func newCounted(name string, n *int, d Decision) *decider {
	return ruling(name, n, &Verdict{Decision: d})
}

// Rules of a decider that is not the first to be asked never stand in for it,
// and a default of its own ends the search.
func TestRulesOfALaterDecider(t *testing.T) {
	var first, second int
	v := Verdict{Decision: Next, Rules: []Rule{deny("a/x"), allow("a/#")}}
	g, grant := session(t, Options{NoMatch: Allow, CacheSize: -1, Chain: []Decider{
		newCounted("first", &first, Next), ruling("acl", &second, &v),
	}})
	got := authorize(t, g, grant, Subscribe, Item{Topic: "a/#"}, Item{Topic: "b"})
	grant.Remember(got)
	if !slices.Equal(got.Decisions, decisions(true, false)) {
		t.Errorf("%v", got.Decisions)
	}
	if grant.Check(Subscribe, []byte("a/y"), 0, false) != Ask || grant.MayReceive([]byte("a/x"), 0) {
		t.Error("its rules answer, or do not forbid")
	}
}

// A reload asks anew, and keeps what is forbidden until there is an answer.
func TestRulesOfAnAnswerAfterReload(t *testing.T) {
	var asked int
	v := Verdict{Decision: Next, TTL: time.Hour, Rules: []Rule{deny("a/x"), allow("a/#")}}
	chain := []Decider{ruling("acl", &asked, &v)}
	_, grant := session(t, Options{Chain: chain})
	grant.Remember(authorize(t, grant.gate, grant, Subscribe, Item{Topic: "a/#"}))
	next := mustGate(t, Options{Chain: chain})
	moved := next.Adopt(grant, Identity{})
	if moved.Check(Subscribe, []byte("a/y"), 0, false) != Ask || moved.MayReceive([]byte("a/x"), 0) {
		t.Error("rules of the gate before answer, or do not forbid")
	}
	v.Rules = []Rule{allow("a/#")}
	moved.Remember(authorize(t, next, moved, Subscribe, Item{Topic: "a/#"}))
	if moved.Check(Subscribe, []byte("a/y"), 0, false) != Allowed || !moved.MayReceive([]byte("a/x"), 0) {
		t.Error("the new rules do not count")
	}
	if alone := mustGate(t, Options{}).Adopt(grant, Identity{}); !alone.MayReceive([]byte("a/x"), 0) {
		t.Error("rules outlive the chain that has given them")
	}
}

// What cannot be meant denies and is not remembered.
func TestMalformedRulesOfAnAnswer(t *testing.T) {
	for name, v := range map[string]Verdict{
		"bad filter":  {Decision: Next, Rules: []Rule{allow("a/#/b")}},
		"bad default": {Decision: Next, Default: 7, Rules: []Rule{allow("a")}},
		"and items":   {Decision: Next, Items: []Decision{Allow}, Rules: []Rule{allow("a")}},
		"placeholder": {Decision: Next, Rules: []Rule{allow("x${username}")}},
	} {
		var asked int
		g, grant := session(t, Options{NoMatch: Allow, Chain: []Decider{ruling("acl", &asked, &v)}})
		got := authorize(t, g, grant, Publish, Item{Topic: "a"})
		grant.Remember(got)
		if got.Decisions[0] != Deny || got.Err == nil || grant.given != nil || grant.cache != nil {
			t.Errorf("%s: %v, %v", name, got.Decisions, got.Err)
		}
	}
}

// Spec AUTHZ-04: topics that are excluded are asked about each time.
func TestCacheExcludes(t *testing.T) {
	var asked int
	g, grant := session(t, Options{CacheExcludes: []string{"live/+"}, Chain: []Decider{newCounted("a", &asked, Allow)}})
	grant.Remember(authorize(t, g, grant, Publish, Item{Topic: "live/x"}, Item{Topic: "other/x"}))
	if grant.Check(Publish, []byte("live/x"), 0, false) != Ask || grant.Check(Publish, []byte("other/x"), 0, false) != Allowed {
		t.Error("excluded topics are remembered, or others are not")
	}
	if _, err := NewGate(Options{CacheExcludes: []string{"a/#/b"}}); err == nil {
		t.Error("a filter that is none is taken")
	}
}

// An access that remembered rules answer costs no memory.
func TestGivenRulesAllocateNothing(t *testing.T) {
	var asked int
	v := Verdict{Decision: Next, Default: Next, TTL: time.Hour, Rules: []Rule{deny("a/x"), allow("a/#")}}
	g, grant := session(t, Options{Chain: []Decider{ruling("acl", &asked, &v)}})
	grant.Remember(authorize(t, g, grant, Publish, Item{Topic: "a/1"}))
	name := []byte("a/2")
	if n := testing.AllocsPerRun(100, func() {
		if grant.Check(Publish, name, 1, false) != Allowed || !grant.MayReceive(name, 1) {
			t.Fatal("not permitted")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
