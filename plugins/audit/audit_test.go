package main

import (
	"slices"
	"testing"

	"github.com/wicketmq/wicket/plugins"
	"github.com/wicketmq/wicket/sdk/plugintest"
	"github.com/wicketmq/wicket/sdk/plugintest/cases"
)

// The module itself, on the broker's own host; what it imports is what the broker
// grants it.
func TestCases(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a large module")
	}
	module, _ := plugins.Builtin("audit")
	r, err := cases.NewRunner(module, "audit.wasm", "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if want := plugins.Grants("audit"); !slices.Equal(r.Info.Grants, want) || r.Info.ABI != "1.3" {
		t.Errorf("it imports %q of ABI %s, and is granted %q", r.Info.Grants, r.Info.ABI, want)
	}
	suites, err := cases.Read("cases.yaml")
	if err != nil {
		t.Fatal(err)
	}
	plugintest.RunWith(t, r, suites...)
}
