package plugins

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/sdk/tck/harness"
)

func TestBuiltin(t *testing.T) {
	for _, name := range Names {
		module, ok := Builtin(name)
		if !ok || !bytes.HasPrefix(module, []byte("\x00asm\x01\x00\x00\x00")) {
			t.Errorf("%s: not a module", name)
		}
	}
	if _, ok := Builtin("nothing"); ok {
		t.Error("a plugin of no name")
	}
	if g := Grants("password"); len(g) != 1 || g[0] != "password" || Grants("certmap") != nil || Grants("nothing") != nil {
		t.Errorf("grants: %q, %q, %q", g, Grants("certmap"), Grants("nothing"))
	}
}

// The committed modules are what their sources give. The bytes depend on the
// version of the toolchain, which the module names.
func TestModulesAreFresh(t *testing.T) {
	if testing.Short() {
		t.Skip("builds every plugin")
	}
	version, _, _ := strings.Cut(runtime.Version(), " ")
	for _, name := range Names {
		module, _ := Builtin(name)
		if !bytes.Contains(module, []byte(version)) {
			t.Skipf("%s.wasm was built with another toolchain than %s", name, version)
		}
		if !bytes.Equal(harness.Build(t, name), module) {
			t.Errorf("%s.wasm is stale: run go generate ./plugins", name)
		}
	}
}
