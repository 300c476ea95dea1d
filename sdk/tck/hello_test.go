package tck_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/wicketmq/wicket/sdk/go/wire"
	"github.com/wicketmq/wicket/sdk/tck"
	"github.com/wicketmq/wicket/sdk/tck/guests"
	"github.com/wicketmq/wicket/sdk/tck/harness"
)

// hellos are the first plugins of the manuals, and how many lines they may have.
var hellos = map[string]struct {
	source string
	lines  int
}{
	"go":             {"main.go", 12},
	"c":              {"hello.c", 25},
	"rust":           {"src/lib.rs", 25},
	"assemblyscript": {"assembly/index.ts", 25},
}

// TestHello builds and runs the example that asks an HTTP server, which the
// manual of each SDK shows.
func TestHello(t *testing.T) {
	for _, language := range guests.Languages {
		t.Run(language, func(t *testing.T) {
			hello := hellos[language]
			dir := filepath.Join("../../examples", language+"-hello")
			source := read(t, filepath.Join(dir, hello.source))
			if lines := code(source); lines > hello.lines {
				t.Errorf("%d lines of code, more than %d", lines, hello.lines)
			}
			if language != "go" && !strings.Contains(read(t, filepath.Join("..", language, "README.md")), "\n"+source+"```\n") {
				t.Errorf("sdk/%s/README.md does not show %s", language, filepath.Join(dir, hello.source))
			}
			module := guests.Build(t, language, dir)
			sayHello(t, module)
			if language != "go" { // which imports all that it may ask for
				sparing(t, module)
			}
		})
	}
}

// sparing finds that a module imports what it uses: an import that is not granted
// refuses the plugin.
func sparing(t *testing.T, module []byte) {
	t.Helper()
	rt := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter())
	defer rt.Close(t.Context())
	m, err := rt.CompileModule(t.Context(), module)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range m.ImportedFunctions() {
		_, name, _ := f.Import()
		if !slices.Contains([]string{"log", "resolve", "hears", "http_send"}, name) {
			t.Errorf("it imports %s", name)
		}
	}
}

// code counts the lines that are neither empty nor comments.
func code(source string) (n int) {
	for line := range strings.Lines(source) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			n++
		}
	}
	return n
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func sayHello(t *testing.T, module []byte) {
	for _, test := range []struct {
		status wire.Status
		http   uint32
		code   int32
	}{
		{wire.OK, 200, wire.Allow},
		{wire.OK, 403, wire.Deny},
		{wire.Timeout, 0, wire.Deny},
	} {
		g := harness.Open(t, module)
		if code := g.Load(&tck.Load); code != 0 {
			t.Fatalf("wicket_load = %d, logs %q", code, g.Logs)
		}
		if code := g.Authenticate(1, tck.Connect("", "a b")); code != wire.Pending || len(g.Requests) != 1 {
			t.Fatalf("returned %d, requests %+v, logs %q", code, g.Requests, g.Logs)
		}
		if r := g.Requests[0]; r.Upstream != "auth" || r.Path != "/check?client=a%20b" {
			t.Errorf("asked %+v", r)
		}
		g.Complete(g.Requests[0].ID, test.status, string((&wire.HTTPResponse{Status: test.http}).Append(nil)))
		a, ok := g.Answers[1]
		if !ok || a.Code != test.code || len(a.Rules) != int(test.code) {
			t.Errorf("%v %d: %v %+v", test.status, test.http, ok, a)
		}
		for _, r := range a.Rules {
			if !r.Permit || r.Filter != "devices/${clientid}/#" || r.Actions != 0 && r.Actions != wire.Publish|wire.Subscribe {
				t.Errorf("%+v", r)
			}
		}
	}
}
