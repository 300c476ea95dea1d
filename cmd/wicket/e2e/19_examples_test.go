package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Each folder of examples is in their table and has a README whose commands do
// what they say: a copy of the folder, beside the SDKs of this checkout, is built
// and passes its cases, and the lines of configuration are good. So does a copy that
// stands alone, for which the SDK is the one in the program. The compilers of Rust
// and AssemblyScript take their time: TestSoakExamples.
func TestExamples(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds plugins")
	}
	runExamples(t, "go", "c")
}

func runExamples(t *testing.T, languages ...string) {
	t.Helper()
	root := checkout(t)
	folders, err := filepath.Glob(filepath.Join(root, "examples", "*", "README.md"))
	if err != nil || len(folders) < 7 {
		t.Fatal(folders, err)
	}
	table := read(t, filepath.Join(root, "examples", "README.md"))
	hello := read(t, filepath.Join(root, "examples", "go-hello", "cases.yaml"))
	for _, page := range folders {
		dir := filepath.Dir(page)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			name := filepath.Base(dir)
			if !strings.Contains(table, "| ["+name+"]("+name+") |") {
				t.Error("examples/README.md does not have it")
			}
			if strings.HasSuffix(name, "-hello") && read(t, filepath.Join(dir, "cases.yaml")) != hello {
				t.Error("it has other cases than go-hello")
			}
			with := exampleOf(dir)
			if !slices.Contains(languages, with.language) {
				return
			}
			with.needed(t)
			example(t, page, with)
		})
	}
}

// example does what the README of an example says.
func example(t *testing.T, page string, with toolchain) {
	t.Helper()
	dir, alone := filepath.Dir(page), filepath.Join(t.TempDir(), filepath.Base(filepath.Dir(page)))
	if err := os.CopyFS(alone, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	commands, config := onPage(t, page)
	commands = strings.ReplaceAll(commands, "npm install\n", "") // buildPath has it
	inRust := with.language == "rust"
	run := func(dir string) {
		must(t, dir, "sh", "-e", "-c", "PATH="+filepath.Dir(binary)+":"+buildPath(inRust)+"\n"+commands)
	}
	run(dir)
	write(t, filepath.Join(dir, "users"), aliceLine)
	write(t, filepath.Join(dir, "wicket.yaml"), config+"\nlisteners: { tcp: { default: { bind: \"127.0.0.1:0\" } } }\n")
	must(t, dir, binary, "config", "check", "-c", "wicket.yaml")
	if !inRust { // cargo has to be told where the SDK is
		run(alone)
	}
}

// exampleOf is the language of the plugin in a directory.
func exampleOf(dir string) toolchain {
	for _, c := range toolchains[2:] {
		if exists(filepath.Join(dir, c.source)) {
			return c
		}
	}
	if exists(filepath.Join(dir, "main.go")) {
		return toolchains[0]
	}
	return toolchains[1]
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
