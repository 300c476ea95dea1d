package auth

import (
	"testing"
	"time"
)

// allow and deny make rules for both actions.
func allow(filter string) Rule {
	return Rule{Permit: true, Actions: Publish | Subscribe, Filter: filter}
}
func deny(filter string) Rule { return Rule{Actions: Publish | Subscribe, Filter: filter} }

// padded adds rules that match nothing, so that the rules are indexed.
func padded(rules []Rule) []Rule {
	out := append([]Rule(nil), rules...)
	for range indexFrom {
		out = append(out, allow("none/of/these"))
	}
	return out
}

// Spec AUTHZ-06, AUTHZ-09, §2.8: the rules of a verdict.
func TestCheckRules(t *testing.T) {
	publish := func(r Rule) Rule { r.Actions = Publish; return r }
	subscribe := func(r Rule) Rule { r.Actions = Subscribe; return r }
	exact := func(r Rule) Rule { r.Exact = true; return r }
	qos := func(q uint8, r Rule) Rule { r.QoS = q; return r }
	retain := func(m Retain, r Rule) Rule { r.Retain = m; return r }
	cases := []struct {
		name   string
		rules  []Rule
		action Action
		topic  string
		qos    byte
		retain bool
		want   Answer
	}{
		{"exact topic", []Rule{allow("a/b")}, Publish, "a/b", 0, false, Allowed},
		{"no match denies", []Rule{allow("a/b")}, Publish, "a/c", 0, false, Denied},
		{"first match: deny", []Rule{deny("a/#"), allow("a/b")}, Publish, "a/b", 0, false, Denied},
		{"first match: allow", []Rule{allow("a/b"), deny("a/#")}, Publish, "a/b", 0, false, Allowed},
		{"first match: wildcards", []Rule{allow("a/+/c"), deny("a/#")}, Publish, "a/b/c", 0, false, Allowed},
		{"first match: leading", []Rule{deny("+/b"), allow("a/b")}, Publish, "a/b", 0, false, Denied},
		{"action skips", []Rule{subscribe(deny("a")), allow("a")}, Publish, "a", 0, false, Allowed},
		{"action differs", []Rule{publish(allow("a"))}, Subscribe, "a", 0, false, Denied},
		{"no action", []Rule{allow("a")}, 0, "a", 0, false, Denied},
		{"two actions", []Rule{allow("a")}, Publish | Subscribe, "a", 0, false, Denied},
		{"QoS in set", []Rule{qos(0b110, allow("a"))}, Publish, "a", 2, false, Allowed},
		{"QoS not in set", []Rule{qos(0b110, allow("a"))}, Publish, "a", 0, false, Denied},
		{"QoS of subscribe", []Rule{qos(0b001, allow("a"))}, Subscribe, "a", 1, false, Denied},
		{"no such QoS", []Rule{allow("#")}, Publish, "a", 3, false, Denied},
		{"retain only", []Rule{retain(RetainOnly, allow("a"))}, Publish, "a", 1, false, Denied},
		{"retain only, is", []Rule{retain(RetainOnly, allow("a"))}, Publish, "a", 1, true, Allowed},
		{"retain never", []Rule{retain(RetainNever, allow("a"))}, Publish, "a", 1, true, Denied},
		{"retain never, is not", []Rule{retain(RetainNever, allow("a"))}, Publish, "a", 1, false, Allowed},
		{"retain is for publish", []Rule{retain(RetainOnly, allow("a"))}, Subscribe, "a", 1, false, Allowed},
		{"retain of subscribe", []Rule{retain(RetainNever, allow("a"))}, Subscribe, "a", 1, true, Allowed},
		{"parent of #", []Rule{allow("a/#")}, Publish, "a", 0, false, Allowed},
		{"not a prefix of text", []Rule{allow("a/#")}, Publish, "ab", 0, false, Denied},
		{"# and $", []Rule{allow("#")}, Publish, "$SYS/x", 0, false, Denied},
		{"+ and $", []Rule{allow("+/x")}, Publish, "$SYS/x", 0, false, Denied},
		{"$SYS/#", []Rule{allow("$SYS/#")}, Publish, "$SYS/x", 0, false, Allowed},
		{"empty levels", []Rule{allow("/+")}, Publish, "/a", 0, false, Allowed},
		{"empty topic", []Rule{allow("#")}, Publish, "", 0, false, Denied},
		{"cover: + in #", []Rule{allow("t/#")}, Subscribe, "t/1/+", 0, false, Allowed},
		{"cover: # in +", []Rule{allow("t/+")}, Subscribe, "t/#", 0, false, Denied},
		{"cover: + in +", []Rule{allow("t/+")}, Subscribe, "t/+", 0, false, Allowed},
		{"cover: + in literal", []Rule{allow("t/a")}, Subscribe, "t/+", 0, false, Denied},
		{"cover: # in +/#", []Rule{allow("+/#")}, Subscribe, "#", 0, false, Allowed},
		{"cover: $SYS in #", []Rule{allow("#")}, Subscribe, "$SYS/#", 0, false, Denied},
		{"eq filter", []Rule{exact(deny("#")), allow("#")}, Subscribe, "#", 0, false, Denied},
		{"eq is not a filter", []Rule{exact(deny("#")), allow("#")}, Subscribe, "a/#", 0, false, Allowed},
		{"eq topic", []Rule{exact(allow("a/b"))}, Publish, "a/b", 0, false, Allowed},
		{"eq has no placeholder", []Rule{exact(allow("a/%c"))}, Publish, "a/c1", 0, false, Denied},
		{"shared: inner filter", []Rule{allow("t/#")}, Subscribe, "$share/g/t/1", 0, false, Allowed},
		{"shared: inner denied", []Rule{deny("t/1"), allow("#")}, Subscribe, "$share/g/t/1", 0, false, Denied},
		{"shared: publish is plain", []Rule{allow("t/#")}, Publish, "$share/g/t/1", 0, false, Denied},
		{"placeholder", []Rule{allow("d/${clientid}/#")}, Publish, "d/c1/x", 0, false, Allowed},
		{"placeholder, other", []Rule{allow("d/${clientid}/#")}, Publish, "d/c2/x", 0, false, Denied},
		{"missing value, deny", []Rule{deny("d/${client_attrs.x}"), allow("#")}, Publish, "d/any", 0, false, Denied},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, rules := range [][]Rule{c.rules, padded(c.rules)} {
				g := admitted(t, Options{NoMatch: Allow}, Verdict{Rules: rules}, alice())
				if got := g.Check(c.action, []byte(c.topic), c.qos, c.retain); got != c.want {
					t.Errorf("%d rules: %d, want %d", len(rules), got, c.want)
				}
			}
		})
	}
}

// Spec AUTHZ-01, AUTHZ-02, AUTHZ-08: host rules, superuser, rules, default,
// chain, no_match; expiry before all.
func TestCheckOrder(t *testing.T) {
	authorizer := []Decider{answers("z", Verdict{Decision: Next})}
	past := func(c *clock) { c.advance(2 * time.Hour) }
	cases := []struct {
		name  string
		o     Options
		v     Verdict
		after func(*clock)
		want  Answer
	}{
		{"host before superuser", Options{Rules: []Rule{deny("a/#")}}, Verdict{Superuser: true}, nil, Denied},
		{"host before rules", Options{Rules: []Rule{deny("a/#")}}, Verdict{Rules: []Rule{allow("a/b")}}, nil, Denied},
		{"host before default", Options{Rules: []Rule{deny("a/#")}}, Verdict{Default: Allow}, nil, Denied},
		{"host exemption", Options{Rules: []Rule{allow("a/b"), deny("a/#")}}, Verdict{Superuser: true}, nil, Allowed},
		{"host exemption permits nothing", Options{Rules: []Rule{allow("a/b"), deny("a/#")}}, Verdict{}, nil, Denied},
		{"host rule of this client", Options{Rules: []Rule{deny("a/${client_attrs.part}")}}, Verdict{Superuser: true, Attributes: map[string]string{"part": "b"}}, nil, Denied},
		{"host rule of another client", Options{Rules: []Rule{deny("a/%c")}}, Verdict{Superuser: true}, nil, Allowed},
		{"superuser before rules", Options{}, Verdict{Superuser: true, Rules: []Rule{deny("a/b")}}, nil, Allowed},
		{"rules before default", Options{}, Verdict{Rules: []Rule{deny("a/b")}, Default: Allow}, nil, Denied},
		{"default allow", Options{}, Verdict{Rules: []Rule{deny("a/c")}, Default: Allow}, nil, Allowed},
		{"default deny before no_match", Options{NoMatch: Allow}, Verdict{}, nil, Denied},
		{"default deny before chain", Options{Chain: authorizer}, Verdict{Rules: []Rule{allow("x")}}, nil, Denied},
		{"default next asks", Options{Chain: authorizer, NoMatch: Allow}, Verdict{Default: Next}, nil, Ask},
		{"nobody to ask: no_match deny", Options{}, Verdict{Default: Next}, nil, Denied},
		{"nobody to ask: no_match allow", Options{NoMatch: Allow}, Verdict{Default: Next}, nil, Allowed},
		{"no_match next denies", Options{NoMatch: Next}, Verdict{Default: Next}, nil, Denied},
		{"not yet expired", Options{}, Verdict{Superuser: true, ExpireAt: newClock().now.Add(3 * time.Hour)}, past, Allowed},
		{"expired superuser", Options{}, Verdict{Superuser: true, ExpireAt: newClock().now.Add(2 * time.Hour)}, past, Denied},
		{"expired rules", Options{}, Verdict{Rules: []Rule{allow("#")}, ExpireAt: newClock().now.Add(time.Hour)}, past, Denied},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			now := newClock()
			c.o.Clock = now.time
			g := admitted(t, c.o, c.v, alice())
			if c.after != nil {
				c.after(now)
			}
			if got := g.Check(Publish, []byte("a/b"), 1, false); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
	if got := (*Grant)(nil).Check(Publish, []byte("a"), 0, false); got != Denied {
		t.Errorf("nil grant: %d", got)
	}
}

// The placeholders of a session are the names that the verdict gave it.
func TestRulesUseOverrides(t *testing.T) {
	v := Verdict{Username: "al", ClientID: "c9", Rules: []Rule{allow("%u/%c")}}
	g := admitted(t, Options{}, v, alice())
	if got := g.Check(Publish, []byte("al/c9"), 0, false); got != Allowed {
		t.Error("override not used")
	}
	if got := g.Check(Publish, []byte("alice/c1"), 0, false); got != Denied {
		t.Error("replaced names still count")
	}
}

// NATS 2026-26: a wide subscription does not carry what a rule forbids.
func TestMayReceive(t *testing.T) {
	rules := []Rule{allow("open/secret"), deny("open/+"), {Actions: Publish, Filter: "in/#"}, allow("#")}
	expiring := newClock()
	cases := []struct {
		name  string
		grant *Grant
		topic string
		want  bool
	}{
		{"allowed before", admitted(t, Options{}, Verdict{Rules: rules}, alice()), "open/secret", true},
		{"forbidden", admitted(t, Options{}, Verdict{Rules: rules}, alice()), "open/x", false},
		{"forbidden to publish only", admitted(t, Options{}, Verdict{Rules: rules}, alice()), "in/x", true},
		{"rules say nothing", admitted(t, Options{}, Verdict{Rules: rules[:3]}, alice()), "else", true},
		{"no forbidding rules", admitted(t, Options{}, Verdict{Rules: rules[3:]}, alice()), "$SYS/x", true},
		{"superuser", admitted(t, Options{}, Verdict{Rules: rules, Superuser: true}, alice()), "open/x", true},
		{"superuser, host", admitted(t, Options{Rules: rules}, Verdict{Superuser: true}, alice()), "open/x", false},
		{"empty", admitted(t, Options{}, Verdict{Rules: rules}, alice()), "", false},
		{"nil", nil, "a", false},
		{"expired", admitted(t, Options{Clock: expiring.time}, Verdict{ExpireAt: expiring.now.Add(time.Second)}, alice()), "a", false},
	}
	expiring.advance(time.Second)
	for _, c := range cases {
		if got := c.grant.MayReceive([]byte(c.topic), 1); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if admitted(t, Options{}, Verdict{}, alice()).MayReceive([]byte("a"), 3) {
		t.Error("no such QoS")
	}
}

// Sessions without anything of their own cost nothing.
func TestPlainGrantsAreShared(t *testing.T) {
	same := func(t *testing.T, want bool, o Options) {
		t.Helper()
		g := mustGate(t, o)
		a, b := enter(t, g, nobody()).Grant, enter(t, g, nobody()).Grant
		if a == nil || (a == b) != want {
			t.Errorf("shared %v, want %v", a == b, want)
		}
	}
	same(t, true, Options{Anonymous: AnonymousAllow})
	same(t, true, Options{Anonymous: AnonymousAllow, Rules: []Rule{deny("$SYS/#")}})
	same(t, false, Options{Anonymous: AnonymousAllow, Rules: []Rule{deny("x/%c")}})
	same(t, true, Options{Chain: []Decider{says("a", Verdict{Decision: Allow, Default: Next})}})
	same(t, true, Options{Chain: []Decider{says("a", Verdict{Decision: Allow, Superuser: true})}})
	same(t, false, Options{Chain: []Decider{says("a", Verdict{Decision: Allow, Username: "u"})}})
	same(t, false, Options{Chain: []Decider{
		says("a", Verdict{Decision: Allow, Default: Next}), answers("z", Verdict{})}})
}

// A reload changes what the host says and keeps what the verdict said.
func TestAdopt(t *testing.T) {
	v := Verdict{Decision: Allow, Default: Next, Rules: []Rule{allow("a/b")}, Attributes: map[string]string{"x": "y"}}
	who := Identity{ClientID: "c1", Username: "alice"}
	old := enter(t, mustGate(t, Options{Chain: []Decider{says("a", v)}}), alice()).Grant
	check := func(g *Grant, name string, want Answer) {
		t.Helper()
		if got := g.Check(Publish, []byte(name), 0, false); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
	check(old, "n", Denied)

	next := mustGate(t, Options{NoMatch: Allow, Rules: []Rule{deny("h/${client_attrs.x}")}, Chain: []Decider{says("a", v)}})
	g := next.Adopt(old, who)
	check(g, "n", Allowed)
	check(g, "h/y", Denied)
	check(g, "h/z", Allowed)
	check(old, "h/y", Denied) // no_match of the old gate
	if next.Adopt(g, who) != g {
		t.Error("adopted twice")
	}
	if next.Adopt(nil, who) != nil {
		t.Error("nil became a grant")
	}

	asking := mustGate(t, Options{Chain: []Decider{answers("z", Verdict{})}})
	check(asking.Adopt(old, who), "n", Ask)
	check(asking.Adopt(old, who), "a/b", Allowed)

	// Who came in by an open door does not keep it open.
	openGate := mustGate(t, Options{Anonymous: AnonymousAllow})
	visitor := enter(t, openGate, nobody()).Grant
	check(visitor, "n", Allowed)
	check(mustGate(t, Options{}).Adopt(visitor, who), "n", Denied)
	check(asking.Adopt(visitor, who), "n", Ask)
	check(mustGate(t, Options{Anonymous: AnonymousAllow}).Adopt(visitor, who), "n", Allowed)
}

// When the host rules of a client grow out of bounds, it may do nothing.
func TestAdoptFailsClosed(t *testing.T) {
	var rules []Rule
	for range 2000 {
		rules = append(rules, deny("x/${clientid}"))
	}
	long := make([]byte, maxValue)
	for i := range long {
		long[i] = 'c'
	}
	g := mustGate(t, Options{Rules: rules, Chain: []Decider{says("a", Verdict{Decision: Allow, Default: Allow})}})
	req := alice()
	req.ClientID = string(long)
	if out := enter(t, g, req); out.Grant != nil || out.Err == nil {
		t.Errorf("let in: %+v", out)
	}
	old := admitted(t, Options{}, Verdict{Superuser: true}, alice())
	if got := g.Adopt(old, Identity{ClientID: string(long)}).Check(Publish, []byte("a"), 0, false); got != Denied {
		t.Errorf("adopted: %d", got)
	}
}
