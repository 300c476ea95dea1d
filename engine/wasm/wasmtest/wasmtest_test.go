package wasmtest

import (
	"os"
	"path/filepath"
	"testing"
)

// The cache is one for the whole checkout, and nobody else's.
func TestCache(t *testing.T) {
	want, err := filepath.Abs("../../../bin/compiled")
	if err != nil {
		t.Fatal(err)
	}
	if dir := Cache(); dir != want {
		t.Errorf("%s, want %s", dir, want)
	}
	if info, err := os.Stat(want); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
}
