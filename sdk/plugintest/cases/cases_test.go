package cases

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/wasm/wasmtest"
	"github.com/wicketmq/wicket/plugins"
	"github.com/wicketmq/wicket/sdk/tck/harness"
)

func runner(t *testing.T, module []byte) *Runner {
	t.Helper()
	r, err := NewRunner(module, "door.wasm", wasmtest.Cache())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, r := range prepared {
		if err := r.Close(); err != nil {
			code = 1
		}
	}
	os.Exit(code)
}

// prepared are runners of built-in plugins.
var prepared = map[string]*Runner{}

func builtin(t *testing.T, name string) *Runner {
	t.Helper()
	if prepared[name] == nil {
		module, ok := plugins.Builtin(name)
		if !ok {
			t.Fatalf("no plugin %q", name)
		}
		r, err := NewRunner(module, name+".wasm", wasmtest.Cache())
		if err != nil {
			t.Fatal(err)
		}
		prepared[name] = r
	}
	return prepared[name]
}

func run(t *testing.T, r *Runner, s *Suite) (results []*Result) {
	t.Helper()
	for _, c := range s.Cases {
		results = append(results, r.Run(t.Context(), s, c))
	}
	return results
}

// Plugins that come with the broker pass their cases.
func TestBuiltin(t *testing.T) {
	for _, name := range []string{"password", "certmap", "scram"} {
		suites, err := Read(filepath.Join("testdata", name+".cases.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		r := builtin(t, name)
		for _, res := range run(t, r, suites[0]) {
			if !res.Pass {
				t.Errorf("%s, %s: %s %q", name, res.Name, res.Steps[len(res.Steps)-1].Diff, res.Notes)
			}
		}
	}
}

// An exchange is gone through step by step; there has to be one.
func TestExchangeSteps(t *testing.T) {
	for text, want := range map[string]string{
		"cases: [{name: a, continue: x, leave: true}]":                               "a step asks one thing",
		"cases: [{name: a, authenticate: {}, then: [{leave: true, continue: y}]}]":   "a step asks one thing",
		"cases: [{name: a, authenticate: {}, then: [{leave: true}, {leave: true}]}]": "",
	} {
		if _, err := Parse("x", []byte(text)); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	s, err := Parse("testdata/x", []byte("config: {users_file: scram.users}\ncases: [{name: a, continue: x}, {name: b, authenticate: {}, then: [{leave: true}]}]"))
	if err != nil {
		t.Fatal(err)
	}
	for _, res := range run(t, builtin(t, "scram"), s) {
		if res.Pass || !strings.Contains(strings.Join(res.Notes, " "), "no exchange is under way") {
			t.Errorf("%s: %q", res.Name, res.Notes)
		}
	}
}

// Every part of a verdict that differs fails the case, and the difference says
// what; update then writes it, and nothing else of the file changes.
func TestUpdate(t *testing.T) {
	dir := t.TempDir()
	users, err := os.ReadFile("testdata/users")
	if err != nil {
		t.Fatal(err)
	}
	const before = `# a comment that stays
config: {users_file: users}

cases:
  - name: good
    authenticate: {client_id: d1}
    expect: {decision: next}
  - name: good too
    authenticate: {client_id: d1}
    expect: {decision: next}
  - name: wrong
    authenticate: {client_id: d1, username: alice, password: secret}
    expect:   # this one goes
      decision: deny

      superuser: true

  # between
  - name: open
    authenticate: {username: alice, password: wrong}
    then:
      - authenticate: {client_id: d1} # nobody
        wait: 1s

  - name: right
    authenticate: {client_id: d1}
    expect: {decision: next}
`
	const after = `# a comment that stays
config: {users_file: users}

cases:
  - name: good
    authenticate: {client_id: d1}
    expect: {decision: next}
  - name: good too
    authenticate: {client_id: d1}
    expect: {decision: next}
  - name: wrong
    authenticate: {client_id: d1, username: alice, password: secret}
    expect:
      decision: allow
      rules:
        - allow publish devices/${clientid}/# qos 0,1
        - allow subscribe "building 7/#"

  # between
  - name: open
    authenticate: {username: alice, password: wrong}
    then:
      - authenticate: {client_id: d1} # nobody
        wait: 1s
        expect:
          decision: next
    expect:
      decision: deny

  - name: right
    authenticate: {client_id: d1}
    expect: {decision: next}
`
	file := filepath.Join(dir, "cases.yaml")
	for name, text := range map[string]string{file: before, filepath.Join(dir, "users"): string(users)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := builtin(t, "password")
	suites, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	results := run(t, r, suites[0])
	if !results[0].Pass || results[2].Pass || results[3].Pass || !results[4].Pass {
		t.Fatalf("%+v", results)
	}
	if want := "- decision: deny\n- superuser: true\n+ decision: allow\n+ rules:\n"; !strings.HasPrefix(results[2].Steps[0].Diff, want) {
		t.Errorf("%s", results[2].Steps[0].Diff)
	}
	if n, err := Update(results); n != 3 || err != nil {
		t.Error(n, err)
	}
	if text, err := os.ReadFile(file); string(text) != after {
		t.Errorf("%s%v", text, err)
	}
	if suites, err = Read(dir); err != nil {
		t.Fatal(err)
	}
	for _, res := range run(t, r, suites[0]) {
		if !res.Pass {
			t.Errorf("%s does not pass after the update", res.Name)
		}
	}
}

// Stand-ins for upstreams: the first answer that fits, failures, a clock, and
// requests that nobody foresaw.
func TestUpstreams(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a plugin")
	}
	r := runner(t, harness.Build(t, "../../../examples/http-auth"))
	s, err := Parse("cases.yaml", []byte(`
upstreams:
  auth:
    - {path: "/check?user=once", status: 204, times: 1}
    - {method: POST, status: 204}
    - {path: "/check?user=a*", request_header: {x-nobody: sends}, status: 204}
    - {path: "/check?user=a*", status: 204}
    - {path: "/check?user=late", after: 1h}
    - {path: "/check?user=gone", fail: refused}
    - {path: "/check?user=once", json: {known: false}, status: 403}
cases:
  - name: prefix
    authenticate: {username: a&b}
    expect: {decision: allow, rules: ["allow all users/${username}/#"], requests: ["GET auth /check?user=a%26b"]}
  - name: once
    authenticate: {username: once}
    expect: {decision: allow, rules: ["allow all users/${username}/#"]}
    then:
      - authenticate: {username: once}
        expect: {decision: deny}
  - name: late
    authenticate: {username: late}
    expect: {decision: deny, reason: Server unavailable}
  - name: gone
    authenticate: {username: gone}
    expect: {decision: deny, reason: Server unavailable}
  - name: unforeseen
    authenticate: {username: zoe}
    expect: {decision: deny, reason: Server unavailable}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, res := range run(t, r, s) {
		if res.Pass == (res.Name == "unforeseen") {
			t.Errorf("%s: %v %s %q", res.Name, res.Pass, res.Steps[0].Diff, res.Notes)
		}
		if res.Name == "unforeseen" && !strings.Contains(strings.Join(res.Notes, "\n"), `upstream "auth" has no answer for GET auth /check?user=zoe`) {
			t.Errorf("%q", res.Notes)
		}
	}
}

// What cannot be asked is said with its line before anything runs.
func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":            "no list of cases",
		"cases: [{}]": "case 1 has no name",
		"cases:\n- name: x\n  authenticate: {user: x}":                         "field user not found",
		"cases:\n- name: x":                                                    `line 2, case "x": what is asked?`,
		"cases:\n- name: x\n  authenticate: {}\n  authorize: {}":               "two questions",
		"cases:\n- name: x\n  authorize: {action: read, topics: [a]}":          `action "read"`,
		"cases:\n- name: x\n  authenticate: {peer: there}":                     `"there" is no address`,
		"cases:\n- name: x\n  authorize: {action: publish, topics: [{t: x}]}":  "field t not found",
		"cases:\n- name: x\n  authenticate: {version: 6}":                      "version 6",
		"cases:\n- name: x\n  authenticate: {tls: {certificate: {san: [x]}}}":  "has none of the forms dns:",
		"cases:\n- name: x\n  authenticate: {}\n  upstreams: {a: [{fail: x}]}": `fail "x"`,
		"cases:\n- name: x\n  authenticate: {}\n  expect: {permits: [read a]}": `action "read"`,
	} {
		if _, err := Parse("cases.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
