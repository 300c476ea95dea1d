// Package plugintest runs a plugin's cases in go test: the module in the broker's
// own host, with stand-ins for its upstreams and for the clock. It is wicket
// plugin test for those who have other tests in Go as well.
//
//	func TestPlugin(t *testing.T) { plugintest.Run(t, "cases.yaml", "door.wasm") }
package plugintest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/sdk/plugintest/cases"
)

// Run runs each case of a file, or of the files in a directory, as a subtest.
// Read [cases.Suite] for what a file holds.
func Run(t *testing.T, where, module string) {
	t.Helper()
	suites, err := cases.Read(where)
	if err != nil {
		t.Fatal(err)
	}
	RunSuites(t, module, suites...)
}

// RunSuites runs cases that a program has made, or parsed.
func RunSuites(t *testing.T, module string, suites ...*cases.Suite) {
	t.Helper()
	binary, err := os.ReadFile(module)
	if err != nil {
		t.Fatal(err)
	}
	RunModule(t, filepath.Base(module), binary, suites...)
}

// RunModule runs cases of a module that is no file, under a name for messages.
func RunModule(t *testing.T, name string, module []byte, suites ...*cases.Suite) {
	t.Helper()
	r, err := cases.NewRunner(module, name, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	RunWith(t, r, suites...)
}

// RunWith runs cases of a module that is prepared already; the runner stays open.
func RunWith(t *testing.T, r *cases.Runner, suites ...*cases.Suite) {
	t.Helper()
	for _, s := range suites {
		for _, c := range s.Cases {
			t.Run(c.Name, func(t *testing.T) {
				if res := r.Run(t.Context(), s, c); !res.Pass {
					t.Error(explain(res))
				}
			})
		}
	}
}

// explain says why a case does not pass.
func explain(r *cases.Result) string {
	var b strings.Builder
	b.WriteString("\n")
	for _, s := range r.Steps {
		if s.Diff != "" {
			b.WriteString("- expected, + answered\n" + s.Diff)
		}
	}
	for _, n := range r.Notes {
		b.WriteString(n + "\n")
	}
	return b.String()
}
