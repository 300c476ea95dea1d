package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// toolchain is a language of plugins, with what builds them, the file that a new
// one is written in, and what such a module is said to be written in.
type toolchain struct{ language, program, source, said string }

var toolchains = []toolchain{
	{"go", "go", "main.go", "Go"},
	{"c", "clang", "main.c", "C"},
	{"rust", "cargo", "src/lib.rs", "Rust"},
	{"assemblyscript", "asc", "assembly/index.ts", ""}, // its compiler leaves no name in the module
}

// What the commands say on an author's second day: the plugin is not built yet,
// or no longer what its source says, or does not do what its cases want.
func TestPluginAuthor(t *testing.T) {
	t.Parallel()
	need(t, "clang")
	dir := t.TempDir()
	must(t, dir, binary, "plugin", "new", "door", "--lang", "c")
	dir = filepath.Join(dir, "door")
	source := filepath.Join(dir, "main.c")
	if r := tool(t, dir, "", binary, "plugin", "test"); r.code != 1 || !strings.Contains(r.errOut, "run wicket plugin build") {
		t.Errorf("test before build: %+v", r)
	}
	builds(t, dir, 0)
	write(t, source, strings.ReplaceAll(read(t, source), "204", "404"))
	if r := tool(t, dir, "", binary, "plugin", "test"); !strings.Contains(r.errOut, "run wicket plugin build") {
		t.Errorf("nobody says that the module is old: %+v", r)
	}
	builds(t, dir, 0)
	r := tool(t, dir, "", binary, "plugin", "test")
	if r.code != 1 || !strings.Contains(r.out, "- decision: allow") || !strings.Contains(r.out, "+ decision: deny") || strings.Contains(r.out, "4 of 4") {
		t.Errorf("a case that does not pass: %+v", r)
	}
	must(t, dir, binary, "plugin", "test", "--update")
	if out := must(t, dir, binary, "plugin", "test").out; !strings.Contains(out, "4 of 4 cases pass") {
		t.Errorf("after the update: %s", out)
	}
}

// needed ends the test where a plugin cannot be built.
func (c toolchain) needed(t *testing.T) {
	t.Helper()
	switch c.language {
	case "rust":
		rust(t)
	case "assemblyscript":
		assemblyScript(t)
	default:
		need(t, c.program)
	}
}

// npmPrograms is where npm ci has put the compiler of AssemblyScript.
var npmPrograms, _ = filepath.Abs("../../../sdk/assemblyscript/node_modules/.bin")

func assemblyScript(t *testing.T) {
	t.Helper()
	need(t, "node")
	if !exists(filepath.Join(npmPrograms, "asc")) {
		absent(t, "the compiler asc: npm ci in sdk/assemblyscript")
	}
}

// rust makes sure that Debian's Rust can compile plugins.
func rust(t *testing.T) {
	t.Helper()
	need(t, "cargo")
	if _, err := os.Stat("/usr/lib/rustlib/wasm32-unknown-unknown"); err != nil {
		absent(t, "libstd-rust-dev-wasm32")
	}
}

// buildPath is a PATH that has all toolchains. For Rust those of the system go
// before those of the user, which may lack its target.
func buildPath(rust bool) string {
	path := npmPrograms + ":" + os.Getenv("PATH")
	if rust {
		return "/usr/bin:" + path
	}
	return path
}

// builds runs wicket plugin build.
func builds(t *testing.T, dir string, code int) result {
	t.Helper()
	r := tool(t, dir, "", "env", "PATH="+buildPath(exists(filepath.Join(dir, "Cargo.toml"))), binary, "plugin", "build")
	if r.code != code {
		t.Fatalf("wicket plugin build: %+v", r)
	}
	return r
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// looksRight inspects a new plugin.
func looksRight(t *testing.T, dir, language string) {
	t.Helper()
	var info struct {
		Language, ABI           string
		Hooks, Grants, Problems []string
	}
	out := must(t, dir, binary, "plugin", "inspect", "door.wasm", "-o", "json").out
	if err := json.Unmarshal([]byte(out), &info); err != nil {
		t.Fatal(err)
	}
	if info.Language != language || strings.Join(info.Grants, " ") != "http" || len(info.Problems) > 0 {
		t.Errorf("%s", out)
	}
	if text := must(t, dir, binary, "plugin", "inspect", "door.wasm").out; !strings.Contains(text, "grants: [http]") {
		t.Errorf("the lines to write are not shown:\n%s", text)
	}
}

// brokenSource puts a fault into a plugin's source: what the compiler says is
// shown, and the module that was there stays.
func brokenSource(t *testing.T, dir, source string) {
	t.Helper()
	file := filepath.Join(dir, source)
	module := read(t, filepath.Join(dir, "door.wasm"))
	write(t, file, read(t, file)+"\n???\n")
	if r := builds(t, dir, 1); !strings.Contains(r.errOut, source) {
		t.Errorf("a source with a fault: %+v", r)
	}
	if read(t, filepath.Join(dir, "door.wasm")) != module {
		t.Error("a build that failed has touched the module")
	}
}

// Without its toolchain, a plugin's author is told what to install.
func TestBuildWithoutToolchain(t *testing.T) {
	t.Parallel()
	for _, c := range toolchains {
		dir := t.TempDir()
		must(t, dir, binary, "plugin", "new", "door", "--lang", c.language)
		build := exec.Command(binary, "plugin", "build", "door")
		build.Dir, build.Env = dir, append(os.Environ(), "PATH="+dir)
		out, err := build.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "there is no "+c.program) || !strings.Contains(string(out), "install") {
			t.Errorf("%s: %v %s", c.language, err, out)
		}
	}
}

// What is wrong is said in words, and nothing is overwritten.
func TestPluginToolErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "text.wasm"), "no module")
	write(t, filepath.Join(dir, "empty.wasm"), "\x00asm\x01\x00\x00\x00")
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"new", 2, "want the name"},
		{"new Door", 1, `"Door" cannot be the name of a plugin`},
		{"new .", 1, ""},
		{"new x --lang cobol", 1, "there is one for go"},
		{"build", 1, "not the directory of a plugin"},
		{"build nowhere", 1, "nowhere"},
		{"test", 1, "there are no cases"},
		{"inspect", 2, "want the module"},
		{"inspect text.wasm", 1, "not a WebAssembly binary"},
		{"inspect empty.wasm", 1, "does not export wicket_abi_v1"},
		{"inspect builtin:nobody", 1, "no built-in plugin"},
		{"inspect empty.wasm -o xml", 2, "--output"},
	} {
		r := tool(t, dir, "", binary, append([]string{"plugin"}, strings.Fields(c.args)...)...)
		if r.code != c.code || !strings.Contains(r.out+r.errOut, c.want) {
			t.Errorf("plugin %s: %+v", c.args, r)
		}
	}
}

// Who saves a source sees the running broker take the new plugin, and keep the
// old one while the new one does not pass its cases.
func TestPluginDev(t *testing.T) {
	if testing.Short() {
		t.Skip("builds plugins")
	}
	t.Parallel()
	dir := t.TempDir()
	must(t, dir, binary, "plugin", "new", "door")
	builds(t, filepath.Join(dir, "door"), 0)
	write(t, filepath.Join(dir, "wicket.yaml"), `
listeners: { tcp: { default: { bind: "127.0.0.1:0" } } }
upstreams: { backend: { url: "http://127.0.0.1:9" } }
plugins: { door: { file: door/door.wasm, grants: [http], upstreams: [backend] } }
auth: { chain: [door] }
`)
	launchIn(t, dir, "--config", "wicket.yaml", "--data", "data")
	said := follow(t, dir, "plugin", "dev", "door", "--broker-socket", filepath.Join(dir, "data", "control.sock"))
	sees := func(want string, times int) {
		t.Helper()
		eventually(t, want, 2*patience, func() bool { return strings.Count(said.String(), want) >= times })
	}
	sees(`4 cases pass; live as "door"`, 1)
	file := filepath.Join(dir, "door", "main.go")
	whole := read(t, file)
	write(t, file, strings.Replace(whole, "204", "404", 1))
	sees("the old module stays", 1)
	write(t, file, whole+"???")
	sees("main.go:", 1)
	write(t, file, strings.Replace(whole, "return wicket.Allow()", "wicket.Info(\"known\")\n\t\treturn wicket.Allow()", 1))
	sees(`4 cases pass; live as "door"`, 2)
}

// follow starts wicket and returns what it says, as it says it.
func follow(t *testing.T, dir string, args ...string) *output {
	t.Helper()
	c := exec.Command(binary, args...)
	said := new(output)
	c.Dir, c.Stdout, c.Stderr = dir, said, said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(os.Interrupt)
		if err := c.Wait(); err != nil || t.Failed() {
			t.Logf("wicket %s: %v\n%s", strings.Join(args, " "), err, said.String())
		}
	})
	return said
}

// Figures of a plugin come for each case that asks something.
func TestPluginBench(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "users"), "")
	write(t, filepath.Join(dir, "cases.yaml"), "config: {users_file: users}\ncases: [{name: nobody, authenticate: {}}]\n")
	var f struct {
		Events, Faults uint64
		P50            int64 `json:"p50_ns"`
		P99            int64 `json:"p99_ns"`
		Guest          int64 `json:"guest_ns_per_event"`
		Memory         int64 `json:"start_memory"`
	}
	out := must(t, dir, binary, "plugin", "bench", "builtin:password", "--time", "200ms", "-o", "json").out
	if err := json.Unmarshal([]byte(out), &f); err != nil {
		t.Fatal(err)
	}
	if f.Events == 0 || f.Faults > 0 || f.P50 <= 0 || f.P99 < f.P50 || f.Guest <= 0 || f.Memory <= 0 {
		t.Errorf("%s", out)
	}
	if r := tool(t, dir, "", binary, "plugin", "bench", "builtin:password", "--run", "somebody"); r.code != 1 {
		t.Errorf("%+v", r)
	}
}
