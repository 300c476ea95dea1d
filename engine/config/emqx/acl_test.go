package emqx

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	acl "github.com/wicketmq/wicket/plugins/acl/rules"
	wicket "github.com/wicketmq/wicket/sdk/go"
)

// Terms as EMQX's files of rules have them, and what is not one.
func TestTerms(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "",
		"% nothing\n":                     "",
		"% nothing":                       "",
		"all.":                            "all",
		"'and'.":                          "and",
		"{allow,all}.{deny,all}.":         "{allow, all} {deny, all}",
		" { allow , [ ] } % why\n.":       "{allow, []}",
		`{a,"x\\y\"z\s"}.`:                `{a, "x\\y\"z "}`,
		`[<<"a">>, <<"b"/utf8>>, << >>].`: `["a", "b", ""]`,
		"{qos, [0, 12]}.":                 "{qos, [0, 12]}",
		"{}.":                             "{}",
		strings.Repeat("[", 16) + "1" + strings.Repeat("]", 16) + ".": strings.Repeat("[", 16) + "1" + strings.Repeat("]", 16),
	} {
		list, err := terms([]byte(text))
		var got []string
		for i := range list {
			got = append(got, list[i].String())
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"all":                         "line 1: want a full stop",
		"\n{allow,\nall.":             `line 3: want a comma or '}' behind all`,
		"{allow,":                     "a term is missing",
		"{allow,}.":                   `nothing of a rule begins with '}'`,
		"X.":                          `nothing of a rule begins with 'X'`,
		"#{a => b}.":                  `nothing of a rule begins with '#'`,
		`{a, "b}.`:                    "the text has no end",
		"{a, \"b\nc\"}.":              "no end in its line",
		`{a, "é"}.`:                   "printable ASCII",
		`{a, "\d"}.`:                  "it is written twice",
		`{a, <<1,2>>}.`:               "want a text in <<",
		`{a, <<"b">}.`:                "want >>",
		"{a, 1.5}.":                   "want a comma",
		"{a, 0x1}.":                   "no whole number",
		"{a, \xff}.":                  "no UTF-8",
		strings.Repeat("[", 18) + ".": "nested more than 16 deep",
	} {
		if _, err := terms([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// A regular expression becomes a pattern with "*" only if both match the same.
func TestWildcard(t *testing.T) {
	for expression, want := range map[string]string{
		"^dashboard$": "dashboard", "^ops-": "ops-*", "ops": "*ops*", "end$": "*end", "^a.*b.*$": "a*b*",
		".*": "*", "": "*", "^.*$": "*", `^10\.0\.`: "10.0.*", "^$": "",
		"^(a|b)$": "", "[ab]": "", "a+": "", "ab?": "", "a*": "", `a\.*`: "", "a.b": "", `\d`: "", "a$b": "", "a^": "",
		"^.*?$": "", "a{2}": "", "^a b$": "", `^"a"$`: "", "^a,b$": "", "(?i)a": "",
	} {
		got, ok := wildcard(expression)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q, %v, want %q", expression, got, ok, want)
		}
	}
}

// Rules of EMQX that are none are refused, and so is the file.
func TestRulesRefused(t *testing.T) {
	for text, want := range map[string]string{
		"allow.":                                                                "line 1: want {allow, who",
		"{maybe, all}.":                                                         "want {allow, who",
		"{allow, all, publish}.":                                                "want {allow, who",
		`{allow, all}. {deny, all, put, ["a"]}.`:                                "", // what comes after is not looked at
		`{deny, all, put, ["a"]}.`:                                              "put is no action",
		`{deny, everybody, all, ["a"]}.`:                                        "everybody is nobody",
		`{deny, {username, x}, all, ["a"]}.`:                                    "x is no name",
		`{deny, {username, "x", "y"}, all, []}.`:                                "is nobody",
		`{deny, {ipaddr, "10"}, all, ["a"]}.`:                                   `"10" is neither an address nor a network`,
		`{deny, all, {publish, [{qos, 3}]}, []}.`:                               "3 is no QoS",
		`{deny, all, {publish, [{qos, []}]}, []}.`:                              "the list of QoS is empty",
		`{deny, all, {publish, [{x, 1}]}, []}.`:                                 "{x, 1} is no condition of publish",
		`{deny, all, {subscribe, [{retain, true}]}, []}.`:                       "is no condition of subscribe",
		`{deny, all, {publish, [{retain, maybe}]}, []}.`:                        "maybe is none of true, false, all",
		`{deny, all, publish, "a"}.`:                                            `"a" is no list of topics`,
		`{deny, all, publish, [a]}.`:                                            "a is no topic filter",
		`{deny, all, publish, ["a/#/b"]}.`:                                      "nothing can follow #",
		`{deny, all, publish, ["$share/g/a"]}.`:                                 "$share",
		`{deny, {'and', [` + manyOr(17) + `,` + manyOr(17) + `]}, all, ["a"]}.`: "more than 256 rules",
	} {
		_, err := aclRules("acl.conf", []byte(text), false)
		if want == "" && err == nil {
			continue
		}
		if err == nil || want == "" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func manyOr(n int) string {
	one := make([]string, n)
	for i := range one {
		one[i] = fmt.Sprintf(`{clientid, "%d"}`, i)
	}
	return "{'or', [" + strings.Join(one, ",") + "]}"
}

// guest reads rules as the plugin acl does.
func guest(f *ruleFile) (*acl.List, error) {
	lines := []string{}
	for _, r := range f.rules {
		lines = append(lines, r.text)
	}
	config, _ := json.Marshal(map[string]any{"rules": lines})
	l := &wicket.LoadInfo{}
	l.Config = string(config)
	list, _, err := acl.New(l)
	return list, err
}

// What this package writes, the plugin takes.
func FuzzRules(f *testing.F) {
	for _, s := range []string{
		`{allow, {username, {re, "^dash"}}, subscribe, ["$SYS/#"]}. {allow, all}.`,
		`{deny, {'and', [{clientid, "a\"b"}, {'or', [{ipaddr, "10.0.0.1/8"}, {ipaddrs, ["::1"]}]}]}, {publish, [{qos, [0,2]}, {retain, true}]}, ["a b", {eq, "#"}, <<"x/${clientid}">>]}.`,
		`{deny, {client_attr, "role", {re, "x$"}}, pubsub, ["%c", "${x}/y", "a${b}"]}.`,
		`{allow, {zone, z}, all, ["$SYS/#"]}. {deny, all}. % end`,
		`{deny, {clientid, "for"}, all, ["for", "and", " "]}.`,
	} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, old bool) {
		file, err := aclRules("acl.conf", data, old)
		if err != nil {
			return
		}
		if _, err := guest(file); err != nil {
			t.Fatalf("%q becomes %+v: %v", data, file.rules, err)
		}
	})
}

// A pattern that stands for a regular expression matches what that does.
func FuzzWildcard(f *testing.F) {
	f.Add("^a.*b$", "axb")
	f.Add(`1\.2`, "01.2")
	f.Fuzz(func(t *testing.T, expression, name string) {
		pattern, ok := wildcard(expression)
		if !ok || name == "" || strings.ContainsAny(name+expression, "\n\r\x00") {
			return
		}
		e, err := regexp.Compile(expression)
		if err != nil {
			return
		}
		list, err := guest(&ruleFile{rules: []item{{text: "allow all x for user " + pattern}}})
		if err != nil {
			t.Fatalf("%q becomes %q: %v", expression, pattern, err)
		}
		got := len(list.Authorize(&wicket.Access{Username: name}).Detail().Rules) > 0
		if want := e.MatchString(name); got != want {
			t.Fatalf("%q becomes %q, and %q: %v, want %v", expression, pattern, name, got, want)
		}
	})
}
