package tck_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/wicketmq/wicket/sdk/tck/guests"
)

// TestRustHandlers runs the Rust SDK's own tests, whose stand-in for the broker
// is that of plugins.
func TestRustHandlers(t *testing.T) {
	program := filepath.Join(t.TempDir(), "handlers")
	if err := os.WriteFile(program, guests.Build(t, "rust-tests", "../rust"), 0o700); err != nil {
		t.Fatal(err)
	}
	if text, err := exec.Command(program).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}
