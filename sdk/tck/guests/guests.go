// Package guests builds plugins with each SDK, in tests: the guest of the
// conformance kit, examples, and what the manuals show.
package guests

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/sdk/tck/harness"
)

// Languages are those that there is an SDK for; each is a folder here with the
// guest of the kit.
var Languages = []string{"go", "c", "rust", "assemblyscript"}

// Lacks are the features of the ABI that an SDK does not have yet, or whose guest
// does not show them: tck.Run skips the checks of these, and of nothing else.
var Lacks = map[string][]string{}

// builder is the toolchain of a language. A command sees the root of the
// repository as $ROOT, a copy of the plugin's folder as its working directory,
// and writes $OUT.
type builder struct {
	sdk     string   // its folder, where that is not the language
	tools   []string // what has to be there
	version string   // prints what a module also depends on
	command string
}

var builders = map[string]builder{
	"c": {
		tools:   []string{"clang", "wasm-ld"},
		version: "clang --version",
		command: `clang --target=wasm32 -std=c11 -Wall -Wextra -Werror -O2 -mbulk-memory -nostdlib ` +
			`-Wl,--no-entry,--stack-first,-z,stack-size=65536 -I$ROOT/sdk/c -o $OUT *.c`,
	},
	"rust": {
		tools:   []string{"/usr/bin/rustc", "/usr/lib/rustlib/wasm32-unknown-unknown"},
		version: "/usr/bin/rustc --version",
		command: `/usr/bin/rustc --edition 2021 --target wasm32-unknown-unknown -O -C target-feature=+bulk-memory -C panic=abort -D warnings --crate-type rlib --crate-name wicket $ROOT/sdk/rust/src/lib.rs -o libwicket.rlib && ` +
			`/usr/bin/rustc --edition 2021 --target wasm32-unknown-unknown -O -C target-feature=+bulk-memory -C panic=abort -C lto -C strip=symbols -D warnings --crate-type cdylib --extern wicket=libwicket.rlib -o $OUT src/lib.rs`,
	},
	"rust-tests": { // what the SDK's own tests are, for this machine
		sdk:     "rust",
		tools:   []string{"/usr/bin/rustc"},
		version: "/usr/bin/rustc --version",
		command: `/usr/bin/rustc --edition 2021 -D warnings --crate-type rlib --crate-name wicket src/lib.rs -o libwicket.rlib && ` +
			`/usr/bin/rustc --edition 2021 -D warnings --test --extern wicket=libwicket.rlib -o $OUT tests/handlers.rs`,
	},
	"assemblyscript": {
		tools:   []string{"node", "$ROOT/sdk/assemblyscript/node_modules/assemblyscript"},
		version: "node --version",
		command: `mkdir -p node_modules/@wicketmq && ln -s $ROOT/sdk/assemblyscript node_modules/@wicketmq/plugin && ` +
			`node $ROOT/sdk/assemblyscript/node_modules/assemblyscript/bin/asc.js assembly/index.ts --config node_modules/@wicketmq/plugin/asconfig.json -o $OUT`,
	},
}

// Kit builds the guest of the conformance kit.
func Kit(tb testing.TB, language string) []byte {
	tb.Helper()
	return Build(tb, language, filepath.Join(root(tb), "sdk", "tck", "guests", language))
}

// Build builds the plugin in dir. It skips the test when the toolchain is not
// there, unless CI is set. What has been built before is taken from bin/guests.
func Build(tb testing.TB, language, dir string) []byte {
	tb.Helper()
	if language == "go" {
		return harness.Build(tb, dir)
	}
	b := builders[language]
	for _, tool := range b.tools {
		if !present(os.Expand(tool, func(string) string { return root(tb) })) {
			if os.Getenv("CI") != "" {
				tb.Fatalf("no %s", tool)
			}
			tb.Skipf("no %s", tool)
		}
	}
	version, err := exec.Command("sh", "-c", b.version).Output()
	if err != nil {
		tb.Fatal(err)
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n%s\n", version, b.command)
	hashTree(tb, sum, filepath.Join(root(tb), "sdk", cmp.Or(b.sdk, language)))
	hashTree(tb, sum, dir)
	cached := filepath.Join(root(tb), "bin", "guests", hex.EncodeToString(sum.Sum(nil)[:16])+".wasm")
	if module, err := os.ReadFile(cached); err == nil {
		return module
	}
	module := b.build(tb, dir)
	if err := store(cached, module); err != nil {
		tb.Logf("cannot keep the module: %v", err)
	}
	return module
}

func present(tool string) bool {
	if filepath.IsAbs(tool) {
		_, err := os.Stat(tool)
		return err == nil
	}
	_, err := exec.LookPath(tool)
	return err == nil
}

// build runs the toolchain on a copy of dir.
func (b *builder) build(tb testing.TB, dir string) []byte {
	tb.Helper()
	work := tb.TempDir()
	if err := os.CopyFS(work, os.DirFS(dir)); err != nil {
		tb.Fatal(err)
	}
	out := filepath.Join(work, "out.wasm")
	cmd := exec.Command("sh", "-c", b.command)
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "ROOT="+root(tb), "OUT="+out)
	if text, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("cannot build %s: %v\n%s", dir, err, text)
	}
	module, err := os.ReadFile(out)
	if err != nil {
		tb.Fatal(err)
	}
	return module
}

// store writes a file that others may be reading or writing.
func store(file string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), "new")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

// hashTree adds the names and contents of the files below dir.
func hashTree(tb testing.TB, w io.Writer, dir string) {
	tb.Helper()
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && e.Name() == "node_modules":
			return filepath.SkipDir
		case !e.Type().IsRegular():
			return nil
		}
		content, err := os.ReadFile(name)
		fmt.Fprintf(w, "%s %d\n%s", strings.TrimPrefix(name, dir), len(content), content)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// root returns the folder of go.mod.
func root(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			tb.Fatal("no go.mod above the test")
		}
		dir = parent
	}
}
