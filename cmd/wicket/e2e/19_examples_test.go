package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each folder of examples is in their table and has a README whose commands do
// what they say: a copy of the folder, beside the SDKs of this checkout, is built
// and passes its cases, and the lines of configuration are good. Those that cargo
// and npm build are left to package sdk/tck, which has the time.
func TestExamples(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds plugins")
	}
	need(t, "clang")
	root := checkout(t)
	folders, err := filepath.Glob(filepath.Join(root, "examples", "*", "README.md"))
	if err != nil || len(folders) < 7 {
		t.Fatal(folders, err)
	}
	table := read(t, filepath.Join(root, "examples", "README.md"))
	for _, page := range folders {
		dir := filepath.Dir(page)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(table, "| ["+filepath.Base(dir)+"]("+filepath.Base(dir)+") |") {
				t.Error("examples/README.md does not have it")
			}
			commands, config := onPage(t, page)
			write(t, filepath.Join(dir, "wicket.yaml"), config+"\nlisteners: { tcp: { default: { bind: \"127.0.0.1:0\" } } }\n")
			if strings.Contains(commands, "cargo ") || strings.Contains(commands, "npm ") {
				return
			}
			// Without the directory in it the module is the same each time, and its
			// compiled form is cached.
			must(t, dir, "sh", "-e", "-c", "export GOFLAGS=-trimpath PATH="+filepath.Dir(binary)+":$PATH\n"+commands)
			write(t, filepath.Join(dir, "users"), aliceLine)
			must(t, dir, binary, "config", "check", "-c", "wicket.yaml")
		})
	}
}

// aliceLine is a users file.
const aliceLine = "alice:$7$101$H+C5K34+8ylzLbgN$Ywq/4sxW0JCbSsHNLIWDpwHGIT45HwBc+SOg7jNNNzHp/zr/SjtYJrjlegKMaQo/WS4YWP0tgEV/gWvdvfcvQw==\n"

// checkout is a copy of the examples, with links to what they are built from.
func checkout(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.CopyFS(filepath.Join(root, "examples"), os.DirFS("../../../examples")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go.mod", "go.sum", "sdk"} {
		from, err := filepath.Abs("../../../" + name)
		if err == nil {
			err = os.Symlink(from, filepath.Join(root, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// onPage are the commands and the configuration of a page, one block each.
func onPage(t *testing.T, page string) (commands, config string) {
	t.Helper()
	for _, m := range codeBlock.FindAllStringSubmatch(read(t, page), -1) {
		switch {
		case m[1] == "sh" && commands == "":
			commands = m[2]
		case m[1] == "yaml" && config == "":
			config = m[2]
		default:
			t.Errorf("nobody tests the block\n%s", m[2])
		}
	}
	if commands == "" || config == "" {
		t.Errorf("commands %q, configuration %q", commands, config)
	}
	return commands, config
}
