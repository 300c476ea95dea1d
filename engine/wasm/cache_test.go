package wasm

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// What was compiled first goes first, until the rest is small enough; what the
// cache did not make stays.
func TestTrimCache(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	for name, age := range map[string]time.Duration{
		"wazero-1/aa": 3 * time.Hour, "wazero-2/bb": 2 * time.Hour, "wazero-2/cc": time.Hour,
		"wazero-1/notes": 9 * time.Hour, "else/dd": 9 * time.Hour,
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, make([]byte, 100), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, now, now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		limit int64
		gone  []string
	}{
		{300, nil},
		{299, []string{"wazero-1/aa"}},
		{100, []string{"wazero-1/aa", "wazero-2/bb"}},
		{0, []string{"wazero-1/aa", "wazero-2/bb", "wazero-2/cc"}},
	} {
		trimCache(dir, step.limit)
		left := 5 - len(step.gone)
		for _, name := range step.gone {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				t.Errorf("limit %d: %s is there", step.limit, name)
			}
		}
		if files, _ := filepath.Glob(filepath.Join(dir, "*", "*")); len(files) != left {
			t.Errorf("limit %d: there are %q", step.limit, files)
		}
	}
}
