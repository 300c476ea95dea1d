package config

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write generated and golden files instead of comparing with them")

// TestGenerated compares the files made from the structs with those in the
// repository; go generate writes them.
func TestGenerated(t *testing.T) {
	for name, text := range map[string]string{
		"conf/wicket.yaml":        Sample(),
		"conf/wicket.schema.json": JSONSchema(),
		"docs/configuration.md":   Reference(),
	} {
		path := filepath.Join("..", "..", filepath.FromSlash(name))
		if *update {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		have, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(have) != text {
			t.Errorf("%s is stale: run go generate ./engine/config", name)
		}
	}
}
