package auth

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/topic"
	"pgregory.net/rapid"
)

// naive is what rules mean, said as plainly as possible.
type naive struct {
	rules []Rule
	who   Identity
}

// first returns the first rule that covers the access.
func (n naive) first(action Action, name string, qos byte, retain bool) (found, permit bool) {
	for _, r := range n.rules {
		switch {
		case r.Actions&action == 0:
		case r.QoS != 0 && r.QoS&(1<<qos) == 0:
		case action == Publish && r.Retain == RetainOnly && !retain:
		case action == Publish && r.Retain == RetainNever && retain:
		case n.covers(r, name):
			return true, r.Permit
		}
	}
	return false, false
}

func (n naive) covers(r Rule, name string) bool {
	if r.Exact {
		return r.Filter == name
	}
	levels := strings.Split(r.Filter, "/")
	for i, l := range levels {
		var value string
		switch l {
		case "${clientid}", "%c":
			value = n.who.ClientID
		case "${username}", "%u":
			value = n.who.Username
		case "${cert_common_name}":
			value = n.who.CommonName
		case "${client_attrs.role}":
			value = n.who.Attributes["role"]
		case "${$}":
			levels[i] = "$"
			continue
		default:
			continue
		}
		if value == "" || strings.ContainsAny(value, "+#/") || i == 0 && strings.HasPrefix(value, "$") {
			if r.Permit {
				return false
			}
			value = "+"
		}
		levels[i] = value
	}
	if strings.HasPrefix(name, "$") && (levels[0] == "+" || levels[0] == "#") {
		return false
	}
	switch name { // no topic name is empty
	case "#":
		name = "+/#"
	case "/#":
		name = "/+/#"
	}
	return coversAll(levels, strings.Split(name, "/"))
}

func coversAll(filter, name []string) bool {
	switch {
	case len(filter) == 1 && filter[0] == "#":
		return true
	case len(filter) == 0 || len(name) == 0:
		return len(filter) == len(name)
	case name[0] == "#":
		return false
	case filter[0] == "+" || filter[0] == name[0]:
		return coversAll(filter[1:], name[1:])
	}
	return false
}

var (
	drawLevel = rapid.SampledFrom([]string{"a", "b", "c1", "", "$SYS", "$", "é"})
	drawWild  = rapid.SampledFrom([]string{"a", "b", "c1", "", "$SYS", "+", "+", "é", "${clientid}", "%c",
		"${username}", "%u", "${client_attrs.role}", "${cert_common_name}", "${$}"})
	drawValue = rapid.SampledFrom([]string{"a", "b", "c1", "", "$SYS", "+", "#", "a/b", "é"})
)

// drawText draws levels, with "#" for the last one now and then.
func drawText(t *rapid.T, level *rapid.Generator[string], hash bool, label string) string {
	levels := rapid.SliceOfN(level, 1, 4).Draw(t, label)
	if hash && rapid.Bool().Draw(t, label+" ends in #") {
		levels[len(levels)-1] = "#"
	}
	s := strings.Join(levels, "/")
	if s == "" {
		return "a"
	}
	return s
}

func drawRule(t *rapid.T) Rule {
	return Rule{
		Permit:  rapid.Bool().Draw(t, "permit"),
		Actions: Action(rapid.IntRange(1, 3).Draw(t, "actions")),
		Filter:  drawText(t, drawWild, true, "filter"),
		Exact:   rapid.IntRange(0, 4).Draw(t, "exact") == 0,
		QoS:     rapid.SampledFrom([]uint8{0, 0, 1, 2, 4, 6, 7}).Draw(t, "qos"),
		Retain:  rapid.SampledFrom([]Retain{RetainAny, RetainAny, RetainOnly, RetainNever}).Draw(t, "retain"),
	}
}

// Compiled rules say what the plain reading of the rules says, with and
// without an index.
func TestRulesMeanWhatTheySay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := naive{
			rules: rapid.SliceOfN(rapid.Custom(drawRule), 1, 3*indexFrom).Draw(t, "rules"),
			who: Identity{
				ClientID:   drawValue.Draw(t, "client id"),
				Username:   drawValue.Draw(t, "user name"),
				CommonName: drawValue.Draw(t, "common name"),
				Attributes: map[string]string{"role": drawValue.Draw(t, "role")},
			},
		}
		a, err := compile(n.rules, &n.who)
		if err != nil {
			t.Fatal(err)
		}
		g := mustGate(t, Options{})
		grant := &Grant{gate: g, acl: a, rest: Denied}
		for range 20 {
			action := rapid.SampledFrom([]Action{Publish, Subscribe}).Draw(t, "action")
			level := drawLevel
			if action == Subscribe {
				level = rapid.OneOf(drawLevel, rapid.Just("+"))
			}
			name := drawText(t, level, action == Subscribe, "name")
			qos := rapid.ByteRange(0, 2).Draw(t, "qos")
			retain := rapid.Bool().Draw(t, "retain")

			found, permit := n.first(action, name, qos, retain)
			gotFound, gotPermit := a.match(kindOf(action, qos, retain), []byte(name))
			if gotFound != found || gotPermit != permit {
				t.Fatalf("%d %q qos %d retain %v: found %v permit %v, want %v %v",
					action, name, qos, retain, gotFound, gotPermit, found, permit)
			}
			if action == Subscribe && !topic.HasWildcard(name) {
				if got := grant.MayReceive([]byte(name), qos); got != (!found || permit) {
					t.Fatalf("MayReceive(%q, %d) = %v; found %v permit %v", name, qos, got, found, permit)
				}
			}
		}
	})
}

// A subscription that permitting rules allow never reaches a topic that they
// do not.
func TestContainmentIsSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Rule {
			return Rule{Permit: true, Actions: Subscribe, Filter: drawText(t, rapid.OneOf(drawLevel, rapid.Just("+")), true, "filter")}
		}), 1, 2*indexFrom).Draw(t, "rules")
		a, err := compile(rules, &Identity{})
		if err != nil {
			t.Fatal(err)
		}
		k := kindOf(Subscribe, 0, false)
		filter := drawText(t, rapid.OneOf(drawLevel, rapid.Just("+")), true, "subscription")
		if _, permit := a.match(k, []byte(filter)); !permit {
			return
		}
		for range 50 {
			name := drawText(t, drawLevel, false, "name")
			if !topic.Match(filter, name) {
				continue
			}
			if _, permit := a.match(k, []byte(name)); !permit {
				t.Fatalf("subscription %q reaches %q", filter, name)
			}
		}
	})
}

// Prefixes deeper than the table holds are still found.
func TestDeepTopics(t *testing.T) {
	for _, depth := range []int{1, 2, 62, 63, 64, 65, 66, 200, 30_000} {
		deep := strings.Repeat("a/", depth)
		rules := make([]Rule, 0, indexFrom+2)
		for i := range indexFrom {
			rules = append(rules, Rule{Permit: true, Actions: Publish, Filter: fmt.Sprint("x/", i)})
		}
		rules = append(rules,
			Rule{Permit: true, Actions: Publish, Filter: deep + "b"},
			Rule{Permit: true, Actions: Publish, Filter: deep + "c/#"})
		a, err := compile(rules, &Identity{})
		if err != nil {
			t.Fatal(err)
		}
		for end, want := range map[string]bool{"b": true, "c": true, "c/d/e": true, "d": false, "b/": false, "": false} {
			if _, got := a.match(kindOf(Publish, 0, false), []byte(deep+end)); got != want {
				t.Errorf("depth %d, end %q: %v, want %v", depth, end, got, want)
			}
		}
	}
}
