package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestLoad runs the dialogues of testdata/load. Each archive starts with
// directives, one a line:
//
//	load FILE...     load these files, in this order; without it, Development
//	env NAME=VALUE   with this variable
//	set KEY=VALUE    with this override
//	files            check the files that the configuration names, too
//	show KEY         print a value and where it came from
//
// and ends with a file "want" that holds what is said.
func TestLoad(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("testdata", "load", "*.txtar"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no dialogues: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			name, err := filepath.Abs(name)
			if err != nil {
				t.Fatal(err)
			}
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := dialogue(t, archive)
			last := &archive.Files[len(archive.Files)-1]
			if *update {
				last.Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if string(last.Data) != got {
				t.Errorf("got:\n%s\nwant:\n%s", got, last.Data)
			}
		})
	}
}

// dialogue does what an archive asks for, in a directory of its own.
func dialogue(t *testing.T, archive *txtar.Archive) string {
	t.Chdir(t.TempDir())
	last := len(archive.Files) - 1
	if last < 0 || archive.Files[last].Name != "want" {
		t.Fatal("the last file must be called want")
	}
	for _, f := range archive.Files[:last] {
		if err := os.MkdirAll(filepath.Dir(f.Name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.Name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var src Sources
	var show []string
	files := false
	for _, line := range strings.Split(string(archive.Comment), "\n") {
		verb, rest, _ := strings.Cut(line, " ")
		switch verb {
		case "load":
			src.Files = strings.Fields(rest)
		case "env":
			src.Env = append(src.Env, rest)
		case "set":
			key, value, _ := strings.Cut(rest, "=")
			src.Overrides = append(src.Overrides, Override{key, value, "--set"})
		case "show":
			show = append(show, rest)
		case "files":
			files = true
		case "", "#":
		default:
			t.Fatalf("unknown directive %q", line)
		}
	}
	if src.Files == nil {
		src.Base = Development
	}
	return said(t, src, show, files)
}

// said is what loading has to say: errors, or else warnings and values.
func said(t *testing.T, src Sources, show []string, files bool) string {
	var b strings.Builder
	cfg, report, err := Load(src)
	for _, w := range report.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	if err != nil {
		if cfg != nil {
			t.Error("there is a configuration beside the error")
		}
		fmt.Fprintln(&b, err)
		return b.String()
	}
	if files {
		for _, p := range CheckFiles(cfg, report) {
			fmt.Fprintln(&b, p)
		}
	}
	for _, key := range show {
		x, err := Explain(key, cfg, report)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(&b, "%s = %s (%s)\n", x.Key, x.Value, x.Origin)
	}
	if b.Len() == 0 {
		return "good\n"
	}
	return b.String()
}
