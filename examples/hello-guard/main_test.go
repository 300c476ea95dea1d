//go:build !wasip1

package main

import (
	"os"
	"path/filepath"
	"testing"

	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/plugintest"
	"github.com/wicketmq/wicket/sdk/tck/harness"
)

// The handler with go test, without a broker and without WebAssembly.
func TestHandler(t *testing.T) {
	var err error
	door, err = read(`{"server_names": ["mqtt.example.com"]}`)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]wicket.Code{"mqtt.example.com": wicket.CodeNext, "example.com": wicket.CodeDeny, "": wicket.CodeDeny} {
		if v := wicket.TestClientHello(nil, &wicket.ClientHello{ServerName: name}); v.Code() != want {
			t.Errorf("%q: %v", name, v.Code())
		}
	}
}

// The cases of cases.yaml, with the module as the broker runs it.
func TestCases(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the plugin")
	}
	module := filepath.Join(t.TempDir(), "hello-guard.wasm")
	if err := os.WriteFile(module, harness.Build(t, "."), 0o600); err != nil {
		t.Fatal(err)
	}
	plugintest.Run(t, "cases.yaml", module)
}
