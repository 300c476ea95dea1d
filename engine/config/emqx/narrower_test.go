package emqx

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/topic"
	wicket "github.com/wicketmq/wicket/sdk/go"
)

// What an imported acl.conf permits, EMQX permits too, whatever the file says and
// however EMQX reads what cannot be said here: zones, and placeholders that are not
// whole levels or not known.
func TestImportedRulesPermitNoMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{
			user: pick(t, "user", "", "ab", "a1", "x"), client: pick(t, "client", "c1", "ab"), role: pick(t, "role", "", "ops"),
			host: netip.MustParseAddr(pick(t, "host", "10.0.0.1", "192.0.2.1")), zone: pick(t, "zone", "z", "b"),
			expands: rapid.Bool().Draw(t, "expands"),
		}
		var text strings.Builder
		for range rapid.IntRange(1, 5).Draw(t, "rules") {
			text.WriteString(genRule(t) + ".\n")
		}
		list, err := terms([]byte(text.String()))
		if err != nil {
			t.Fatalf("%s: %v", &text, err)
		}
		f, err := aclRules("acl.conf", []byte(text.String()), false)
		if err != nil {
			t.Fatalf("%s: %v", &text, err)
		}
		name, qos := pick(t, "topic", "a/b", "a/c1", "x/b", "$SYS/b", "prec1", "z/b"), byte(rapid.IntRange(0, 2).Draw(t, "qos"))
		ours, theirs := w.permitsHere(t, f, name, qos), w.permits(list, name, qos)
		if ours && !theirs {
			t.Fatalf("%+v may publish %s at QoS %d, and not by\n%sThe rules are %+v, else %s", w, name, qos, &text, f.rules, f.rest)
		}
	})
}

func pick(t *rapid.T, label string, from ...string) string {
	return rapid.SampledFrom(from).Draw(t, label)
}

func genRule(t *rapid.T) string {
	verb := pick(t, "verb", "allow", "deny")
	if rapid.IntRange(0, 9).Draw(t, "all") == 0 {
		return "{" + verb + ", all}"
	}
	var topics []string
	for range rapid.IntRange(1, 2).Draw(t, "topics") {
		topics = append(topics, pick(t, "filter", `"a/#"`, `"+/b"`, `"#"`, `"$SYS/#"`, `"a/${clientid}"`, `"${username}/b"`, `"pre${clientid}"`, `"${zone}/b"`, `{eq, "a/b"}`, `"%c/b"`))
	}
	return fmt.Sprintf("{%s, %s, %s, [%s]}", verb, genWho(t, 2),
		pick(t, "action", "publish", "all", "subscribe", "{publish, [{qos, 1}]}", "{all, [{qos, [0, 2]}, {retain, false}]}"), strings.Join(topics, ", "))
}

func genWho(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 5+2*min(depth, 1)).Draw(t, "kind")
	text := func() string {
		return pick(t, "name", `"ab"`, `"c1"`, `{re, "^a"}`, `{re, "b$"}`, `{re, "^(a|x)"}`, `{re, "[0-9]"}`, `{re, "^a.*1$"}`, `{re, "1"}`, `{re, ".*"}`)
	}
	switch kind {
	case 0:
		return "all"
	case 1:
		return "{username, " + text() + "}"
	case 2:
		return "{clientid, " + text() + "}"
	case 3:
		return `{ipaddr, "10.0.0.0/8"}`
	case 4:
		return `{client_attr, "role", ` + text() + "}"
	case 5:
		return `{zone, "z"}`
	}
	var parts []string
	for range rapid.IntRange(1, 3).Draw(t, "parts") {
		parts = append(parts, genWho(t, depth-1))
	}
	return "{'" + map[int]string{6: "and", 7: "or"}[kind] + "', [" + strings.Join(parts, ", ") + "]}"
}

// world is a client, and EMQX around it.
type world struct {
	user, client, role, zone string
	host                     netip.Addr
	expands                  bool // placeholders within a level
}

// permits says what EMQX does with a message, where what no rule covers is denied.
func (w *world) permits(list []term, name string, qos byte) bool {
	for i := range list {
		items := list[i].items
		if len(items) == 2 || w.is(&items[1]) && w.does(&items[2], qos) && w.covers(&items[3], name) {
			return items[0].is("allow")
		}
	}
	return false
}

func (w *world) is(t *term) bool {
	if t.is("all") {
		return true
	}
	last := &t.items[len(t.items)-1]
	named := func(value string) bool {
		switch {
		case value == "": // there is none
			return false
		case last.kind == quote:
			return value == last.text
		}
		return regexp.MustCompile(last.items[1].text).MatchString(value)
	}
	switch kind := t.items[0].text; kind {
	case "username":
		return named(w.user)
	case "clientid":
		return named(w.client)
	case "client_attr":
		return named(w.role)
	case "ipaddr":
		return netip.MustParsePrefix(last.text).Contains(w.host)
	case "zone":
		return last.text == w.zone
	default:
		for i := range last.items {
			if w.is(&last.items[i]) == (kind == "or") {
				return kind == "or"
			}
		}
		return kind == "and"
	}
}

func (w *world) does(t *term, qos byte) bool {
	if t.kind != tuple {
		return !t.is("subscribe")
	}
	return strings.Contains(t.items[1].String(), fmt.Sprint(qos))
}

func (w *world) covers(t *term, name string) bool {
	for i := range t.items {
		one := &t.items[i]
		if one.kind == tuple {
			if one.items[1].text == name {
				return true
			}
			continue
		}
		levels := strings.Split(one.text, "/")
		missing := false
		for i, level := range levels {
			whole := strings.HasPrefix(level, "${")
			if !whole && !w.expands {
				continue
			}
			missing = missing || whole && level == "${username}" && w.user == ""
			levels[i] = strings.NewReplacer("${clientid}", w.client, "${username}", w.user, "${zone}", w.zone, "%c", w.client).Replace(level)
		}
		if !missing && topic.Match(strings.Join(levels, "/"), []byte(name)) {
			return true
		}
	}
	return false
}

// permitsHere says what comes of the rules here.
func (w *world) permitsHere(t *rapid.T, f *ruleFile, name string, qos byte) bool {
	list, err := guest(f)
	if err != nil {
		t.Fatalf("%+v: %v", f.rules, err)
	}
	access := &wicket.Access{Username: w.user, ClientID: w.client, Peer: netip.AddrPortFrom(w.host, 1).String()}
	if w.role != "" {
		access.Attributes = []wicket.Property{{Key: "role", Value: w.role}}
	}
	v := auth.Verdict{Decision: auth.Allow, Default: auth.Deny}
	if f.rest == "allow" {
		v.Default = auth.Allow
	}
	for _, r := range list.Authorize(access).Detail().Rules {
		v.Rules = append(v.Rules, auth.Rule{Permit: r.Permit, Actions: auth.Action(r.Actions), Filter: r.Filter,
			Exact: r.Exact, QoS: uint8(r.QoS), Retain: auth.Retain(r.Retain)})
	}
	gate, err := auth.NewGate(auth.Options{Chain: []auth.Decider{given(v)}})
	if err != nil {
		t.Fatal(err)
	}
	var out auth.Outcome
	gate.Authenticate(&auth.Request{ClientID: w.client, Username: w.user, HasUsername: w.user != ""}, func(o auth.Outcome) { out = o })
	if out.Grant == nil {
		t.Fatalf("%+v: %v", v.Rules, out.Err)
	}
	return out.Grant.Check(auth.Publish, []byte(name), qos, false) == auth.Allowed
}

// given is a decider with one answer.
type given auth.Verdict

func (given) Name() string               { return "given" }
func (given) Hears(q auth.Question) bool { return q == auth.Authentication }

func (g given) Authenticate(_ *auth.Request, done func(auth.Verdict)) { done(auth.Verdict(g)) }
func (g given) Authorize(_ *auth.Access, done func(auth.Verdict))     { done(auth.Verdict{}) }
