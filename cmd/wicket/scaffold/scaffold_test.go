package scaffold

import (
	"os"
	"path/filepath"
	"testing"
)

// A file in Go makes a plugin in Go of a directory that is not one in another language.
func TestLanguageOf(t *testing.T) {
	for want, files := range map[string][][]string{
		"go":             {{"go.mod"}, {"main.go"}, {"go.mod", "main.go", "notes.c"}},
		"c":              {{"hello.c"}, {"hello.c", "check_test.go"}},
		"rust":           {{"Cargo.toml"}, {"Cargo.toml", "check_test.go"}},
		"assemblyscript": {{"assembly/index.ts"}, {"assembly/index.ts", "check_test.go"}},
	} {
		for _, list := range files {
			dir := t.TempDir()
			for _, name := range list {
				if err := write(filepath.Join(dir, filepath.FromSlash(name)), nil); err != nil {
					t.Fatal(err)
				}
			}
			if l, err := languageOf(dir); err != nil || l.name != want {
				t.Errorf("%q: %+v, %v", list, l, err)
			}
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "README.md"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := languageOf(dir); err == nil {
		t.Errorf("a directory without a plugin is one in %s", l.name)
	}
}
