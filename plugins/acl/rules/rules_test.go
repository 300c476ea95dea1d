package rules

import (
	"strings"
	"testing"

	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/wire"
)

func info(config, file string) *wicket.LoadInfo {
	l := &wicket.LoadInfo{}
	l.Config = config
	if file != "" {
		l.Files = []wire.File{{Key: "rules_file", Path: "acl.rules", Content: []byte(file)}}
	}
	return l
}

func fromFile(t testing.TB, file string) *List {
	t.Helper()
	l, notes, err := New(info(`{"rules_file":"acl.rules"}`, file))
	if err != nil || len(notes) != 0 {
		t.Fatal(err, notes)
	}
	return l
}

func alice() *wicket.Access {
	return &wicket.Access{ClientID: "sensor-17", Username: "alice", Peer: "192.0.2.7:51234", Listener: "tls:default",
		Attributes: []wicket.Property{{Key: "role", Value: "pump"}, {Key: "city", Value: "New York"}}}
}

// filters are those of the rules that a client is given.
func filters(v wicket.Verdict) string {
	var out []string
	for _, r := range v.Detail().Rules {
		out = append(out, r.Filter)
	}
	return strings.Join(out, " ")
}

// Spec AUTHZ-10: for whom a rule is.
func TestWho(t *testing.T) {
	for _, tt := range []struct {
		who  string
		want bool
	}{
		{"", true},
		{" for user alice", true},
		{" for user bob", false},
		{" for user bob,alice", true},
		{" for user al*", true},
		{" for user *", true},
		{" for user \"al*\"", false},
		{" for client sensor-*", true},
		{" for client *-17", true},
		{" for client s*s*7", true},
		{" for client s*x*7", false},
		{" for client sensor-17*17", false},
		{" for client sensor", false},
		{" for address 192.0.2.7", true},
		{" for address 192.0.2.0/24", true},
		{" for address ::ffff:192.0.2.0/120", true},
		{" for address 10.0.0.0/8,192.0.2.7", true},
		{" for address 10.0.0.0/8,2001:db8::/32", false},
		{" for listener tls:*", true},
		{" for listener tcp:default", false},
		{" for attribute role=pump", true},
		{" for attribute role=p*,x", true},
		{" for attribute role=x,pump", true},
		{" for attribute missing=*", false},
		{` for attribute city="New York"`, true},
		{` for attribute city="New York",x`, true},
		{" for user alice and client sensor-*", true},
		{" for user alice and client x", false},
		{"\tfor\tuser\talice", true},
	} {
		l := fromFile(t, "allow all a"+tt.who)
		if got := filters(l.Authorize(alice())) == "a"; got != tt.want {
			t.Errorf("%q: %v", tt.who, got)
		}
	}
	nobody := &wicket.Access{Peer: "@"}
	for _, who := range []string{"user *", "client *", "listener *", "attribute x=*", "address 0.0.0.0/0,::/0"} {
		if v := fromFile(t, "allow all a for "+who).Authorize(nobody); filters(v) != "" || v.Code() != wicket.CodeNext {
			t.Errorf("%s is somebody without one", who)
		}
	}
	six := &wicket.Access{Peer: "[2001:db8::7%eth0]:1"}
	if v := fromFile(t, "allow all a for address 2001:db8::/32").Authorize(six); filters(v) != "a" {
		t.Error("an address with a zone is another one")
	}
}

// Rules come in their order, with what no rule covers behind them.
func TestVerdict(t *testing.T) {
	const file = "# the shipped rules\n\n" +
		"allow subscribe $SYS/# for user dashboard\n" +
		"allow all \"for x/#\" for client sensor-17\r\n" +
		"  deny subscribe # exact\n" +
		"allow publish devices/${cert_common_name}/# qos 0,1 no-retain\n"
	v := fromFile(t, file).Authorize(alice())
	want := []wicket.Rule{
		{Permit: true, Actions: 3, Filter: "for x/#"},
		{Actions: 2, Filter: "#", Exact: true},
		{Permit: true, Actions: 1, Filter: "devices/${cert_common_name}/#", QoS: 3, Retain: wicket.RetainNever},
	}
	d := v.Detail()
	if v.Code() != wicket.CodeNext || d.Default != wire.Next || d.TTL != keep || len(d.Rules) != len(want) {
		t.Fatalf("%v %+v", v.Code(), d)
	}
	for i := range want {
		if d.Rules[i] != want[i] {
			t.Errorf("rule %d: %+v, want %+v", i, d.Rules[i], want[i])
		}
	}
	for text, code := range map[string]wicket.Code{"allow": wicket.CodeAllow, "deny": wicket.CodeDeny, "next": wicket.CodeNext} {
		l, _, err := New(info(`{"rules":["allow all a for user x","deny all b for client sensor-17"],"default":"`+text+`"}`, ""))
		if err != nil {
			t.Fatal(err)
		}
		if v := l.Authorize(alice()); v.Code() != wicket.CodeNext || v.Detail().Default != uint32(code) {
			t.Errorf("%s: %v %+v", text, v.Code(), v.Detail())
		}
		if v := l.Authorize(&wicket.Access{ClientID: "y"}); v.Code() != code {
			t.Errorf("%s: without rules %v", text, v.Code())
		}
	}
}

// A config with a fault is refused whole, and all of it is said.
func TestRefused(t *testing.T) {
	for _, tt := range []struct{ config, file, want string }{
		{``, "", "rules: there are none: give rules or rules_file"},
		{`{"rules":["allow all a"],"rules_file":"acl.rules"}`, "allow all a", "rules_file: the rules are given by rules already; give one of them"},
		{`{"rules":["allow all a"],"default":"maybe"}`, "", "default: want allow, deny or next"},
		{`{"rule":["allow all a"],"rules":[]}`, "", "rule: no such key; there are rules, rules_file, default"},
		{`{"rules":["allow all"]}`, "", "rules[0]: the topic filter is missing"},
		{`{"rules":["allow all a for"]}`, "", "rules[0]: for whom is missing"},
		{`{"rules":["allow all a for everybody"]}`, "", `rules[0]: want user, client, address, listener or attribute after for, not "everybody"`},
		{`{"rules":["allow all a for user"]}`, "", "rules[0]: want a value after user"},
		{`{"rules":["allow all a for user a b"]}`, "", `want and before another condition, not "b"`},
		{`{"rules":["allow all a for user a and"]}`, "", "for whom is missing"},
		{`{"rules":["allow all a for user a,,b"]}`, "", "an empty value is nobody's"},
		{`{"rules":["allow all a for user \"a"]}`, "", "the quotes have no end"},
		{`{"rules":["allow all a for attribute role"]}`, "", `want attribute NAME=VALUE, not "role"`},
		{`{"rules":["allow all a for address nowhere"]}`, "", `"nowhere" is neither an address nor a network`},
		{`{"rules":["allow all a for address 10.1.0.0/8"]}`, "", "the network is 10.0.0.0/8"},
		{`{"rules_file":"acl.rules"}`, "allow all a\n\nallow al b\ndeny nothing\n", `rules_file: "acl.rules", line 3: want publish, subscribe or all after allow, not "al"; rules_file: "acl.rules", line 4:`},
		{`{"rules_file":"acl.rules"}`, "allow all \xff", "is no UTF-8"},
	} {
		if _, _, err := New(info(tt.config, tt.file)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.config, err, tt.want)
		}
	}
	if _, notes, err := New(info(`{"rules":["allow all #","deny all secret/#"]}`, "")); err != nil || len(notes) != 1 ||
		notes[0] != "rule 1 is for everybody and every topic, so those after it count for nothing" {
		t.Errorf("%q, %v", notes, err)
	}
	if _, _, err := New(info(`{"rules_file":"acl.rules"}`, strings.Repeat("allow all a\n", maxRules+1))); err == nil {
		t.Error("no bound of rules")
	}
}

// Text that nobody has checked neither panics nor makes a rule for more clients
// than it names.
func FuzzRule(f *testing.F) {
	for _, s := range []string{
		"allow all a for user x,y*", `deny publish "a b" for attribute k="v, w",z and client *`, "allow all # for address ::1,10.0.0.0/8", `allow all a for user "`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l := new(List)
		if err := l.add(text); err != nil {
			return
		}
		l.prepare()
		if r := &l.rules[0]; len(r.who) == 0 && strings.Contains(text, " for ") && !strings.Contains(text, `"`) {
			t.Fatalf("%q is for everybody", text)
		}
		l.Authorize(alice())
	})
}
