package emqx

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/config"
)

// TestGenerated compares the tables of docs/import.md with the code.
func TestGenerated(t *testing.T) {
	const page = "../../../docs/import.md"
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), "from the table of the code -->\n")
	_, tail, ended := strings.Cut(rest, "<!-- end -->")
	if !ok || !ended {
		t.Fatalf("%s has lost the marks round its table", page)
	}
	want := head + "from the table of the code -->\n\n" + Table() + "\n<!-- end -->" + tail
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(data) {
		t.Errorf("%s is stale: run go test ./engine/config/emqx -update", page)
	}
}

// TestRules: each key leads somewhere or has a reason, and where it leads there
// is a key.
func TestRules(t *testing.T) {
	for i, r := range rules {
		at := r.v4 + "|" + r.v5
		switch {
		case r.v4 == "" && r.v5 == "":
			t.Errorf("rule %d is for no key", i)
		case r.to == "" && r.why == "":
			t.Errorf("%s: no reason", at)
		case r.to != "" && r.as == nil && r.each == nil:
			t.Errorf("%s: no conversion", at)
		case r.when != "" && r.shuts == none:
			t.Errorf("%s: when what?", at)
		}
		if r.to == "" || strings.HasPrefix(r.to, "plugins.") {
			continue
		}
		key := strings.NewReplacer("TYPE", "tls", "NAME", "default").Replace(r.to)
		if _, err := config.Explain(key, nil, nil); err != nil {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// TestRulesAreReached: no rule stands behind one that takes all its keys.
func TestRulesAreReached(t *testing.T) {
	for i := range rules {
		for _, pattern := range []string{rules[i].v4, rules[i].v5} {
			if pattern == "" {
				continue
			}
			path := strings.Split(strings.NewReplacer("TYPE", "ssl", "NAME", "x", "*", "y").Replace(pattern), ".")
			if p, _ := match(path, false); p == nil || p.rule != &rules[i] {
				t.Errorf("%s is taken by %+v", pattern, p)
			}
		}
	}
}

// TestSecretsAreNotTold: values never appear in the report.
func TestSecretsAreNotTold(t *testing.T) {
	const secret = "kept-to-itself"
	for i := range rules {
		for _, pattern := range []string{rules[i].v4, rules[i].v5} {
			if pattern == "" || rules[i].as != nil && !strings.Contains(pattern, "password") || rules[i].to != "" && rules[i].each != nil {
				continue // a value that is no word of EMQX is shown
			}
			key := strings.NewReplacer("TYPE", "ssl", "NAME", "x", "*", "y").Replace(pattern)
			r := Import("emqx.conf", []byte("listeners.tcp.default.bind = 1883\n"+key+" = "+secret+"\n"), Options{})
			if strings.Contains(told(r), secret) {
				t.Errorf("%s: %s", key, told(r))
			}
		}
	}
}

// TestRelativeSecret: a secret in a file of the installation is found there.
func TestRelativeSecret(t *testing.T) {
	r := Import("/opt/emqx/etc/emqx.conf", []byte(`listeners.ssl.default { bind = "127.0.0.1:1", ssl_options.password = "file://etc/p" }`), Options{})
	if len(r.Errors) > 0 || !strings.Contains(string(r.YAML), `password: "file:///opt/emqx/etc/p"`) {
		t.Errorf("%v\n%s", r.Errors, r.YAML)
	}
}

// TestLines: each value of the YAML has the line of its key.
func TestLines(t *testing.T) {
	r := Import("emqx.conf", []byte("# 1\n\nlisteners.tcp.default {\n  bind = 1883\n  max_connections = 5\n}\n"), Options{})
	got := map[string]int{}
	for i, line := range strings.Split(strings.TrimRight(string(r.YAML), "\n"), "\n") {
		key, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		if key == "bind" || key == "max_connections" {
			got[key] = r.Lines[i].Line
		}
	}
	if want := map[string]int{"bind": 4, "max_connections": 5}; !reflect.DeepEqual(got, want) {
		t.Errorf("lines %v, want %v", got, want)
	}
}
