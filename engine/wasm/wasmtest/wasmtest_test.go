package wasmtest

import (
	"os"
	"path/filepath"
	"testing"
	"time"
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

// What is old goes, what is new and what the cache did not make stays.
func TestForget(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	for name, age := range map[string]time.Duration{"wazero-1/old": time.Hour, "wazero-1/new": 0, "else/old": time.Hour} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, now, now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	forget(dir, now.Add(-time.Minute))
	for name, want := range map[string]bool{"wazero-1/old": false, "wazero-1/new": true, "else/old": true} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s: there is %t, want %t", name, err == nil, want)
		}
	}
}
