// Package builtintest prepares plugins that come with the broker for their tests.
package builtintest

import (
	"slices"
	"testing"

	"github.com/wicketmq/wicket/engine/wasm/wasmtest"
	"github.com/wicketmq/wicket/plugins"
	"github.com/wicketmq/wicket/sdk/plugintest"
	"github.com/wicketmq/wicket/sdk/plugintest/cases"
)

// Runner is the module that the broker has built in, on the broker's own host. What
// it imports has to be what the broker grants it, and needs that version of the ABI.
// Short tests are skipped: to compile a module takes a second and a half.
func Runner(t *testing.T, name, abi string) *cases.Runner {
	t.Helper()
	if testing.Short() {
		t.Skip("compiles a large module")
	}
	module, ok := plugins.Builtin(name)
	if !ok {
		t.Fatalf("there is no plugin %q", name)
	}
	r, err := cases.NewRunner(module, name+".wasm", wasmtest.Cache())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	if want := plugins.Grants(name); !slices.Equal(r.Info.Grants, want) || r.Info.ABI != abi {
		t.Errorf("it imports %q of ABI %s, want %q of %s", r.Info.Grants, r.Info.ABI, want, abi)
	}
	return r
}

// Run runs the cases in cases.yaml, or in the files of a directory.
func Run(t *testing.T, name, abi, where string) {
	t.Helper()
	r := Runner(t, name, abi)
	suites, err := cases.Read(where)
	if err != nil {
		t.Fatal(err)
	}
	plugintest.RunWith(t, r, suites...)
}
