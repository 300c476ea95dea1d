package scaffold

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// lang is a language with an SDK.
type lang struct {
	name    string
	sdk     string   // where its SDK goes, below that of all
	marks   []string // patterns of files, one of which a plugin in it has; two at most
	sources []string // patterns of names that a rebuild depends on
	tool    string   // program that builds; one in node_modules of the plugin goes before that of the system
	install string   // what to do when it is not there
	build   func(j *job) (args, env []string, err error)
	made    string // pattern of the module that it makes, when it cannot be told where to
}

// job is one run of a toolchain.
type job struct {
	lang *lang
	dir  string // of the plugin, where the toolchain runs
	out  string // the module to write, an absolute path
	temp string // directory that ends with the job
}

// sdk is the directory below which the SDK is: the plugin's own, or else the one
// that is in this program.
func (j *job) sdk() (string, error) {
	if own := j.lang.sdkIn(j.dir); own != "" {
		return own, nil
	}
	return j.temp, j.lang.lend(j.temp)
}

var languages = []*lang{
	{
		name: "go", sdk: "sdk/go", marks: []string{"go.mod", "*.go"}, sources: []string{"*.go", "go.mod", "go.sum"},
		tool: "go", install: "install Go 1.24 or newer: https://go.dev/dl or apt-get install golang-go", build: buildGo,
	},
	{
		name: "c", sdk: "sdk/c", marks: []string{"*.c"}, sources: []string{"*.c", "*.h"},
		tool: "clang", install: "install clang and wasm-ld: apt-get install clang lld", build: buildC,
	},
	{
		name: "rust", sdk: "sdk/rust", marks: []string{"Cargo.toml"}, sources: []string{"*.rs", "Cargo.toml", "Cargo.lock"},
		tool: "cargo", install: "install Rust and its target wasm32-unknown-unknown: apt-get install rustc cargo libstd-rust-dev-wasm32, " +
			"or https://rustup.rs and rustup target add wasm32-unknown-unknown",
		build: buildRust, made: "target/wasm32-unknown-unknown/release/*.wasm",
	},
	{
		name: "assemblyscript", sdk: "@wicketmq/plugin", marks: []string{"assembly/index.ts"},
		sources: []string{"*.ts", "package.json"}, tool: "asc",
		install: "install the compiler: npm install in the directory of the plugin; Node.js and npm: apt-get install npm", build: buildAssemblyScript,
	},
}

// buildGo calls the stock toolchain: the same source gives the same bytes in
// any directory, whatever the environment says. A directory that belongs to no Go
// module is built as if New had made it.
func buildGo(j *job) (args, env []string, err error) {
	args = []string{"build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w -buildid=", "-buildmode=c-shared", "-o", j.out}
	if module(j.dir) == "" {
		overlay, err := j.lang.overlay(j.dir, j.temp)
		if err != nil {
			return nil, nil, err
		}
		args = append(args, "-overlay", overlay)
	}
	return append(args, "."), []string{"GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=", "GOWASM=", "GOEXPERIMENT=", "GOWORK=off"}, nil
}

// buildC compiles all files of the directory without a C library. An overflow
// of the stack is a trap, not a change of data; a handler that ends without a
// code is refused, for what it would return is anything, ALLOW too.
func buildC(j *job) (args, env []string, err error) {
	files, err := filepath.Glob(filepath.Join(j.dir, "*.c"))
	if err != nil {
		return nil, nil, err
	}
	sdk, err := j.sdk()
	if err != nil {
		return nil, nil, err
	}
	args = []string{"--target=wasm32", "-std=c11", "-O2", "-Wall", "-Werror=return-type", "-mbulk-memory", "-nostdlib",
		"-Wl,--no-entry,--stack-first,--strip-debug,-z,stack-size=65536", "-I" + sdk + "/sdk/c", "-I.", "-o", j.out}
	for _, f := range files {
		args = append(args, filepath.Base(f))
	}
	return args, nil, nil
}

// buildRust calls cargo, which needs no network for a plugin whose only
// dependency is the SDK.
func buildRust(*job) (args, env []string, err error) {
	return []string{"build", "--release", "--quiet", "--target", "wasm32-unknown-unknown"}, []string{"CARGO_TARGET_DIR=target"}, nil
}

// buildAssemblyScript calls the compiler, which finds the SDK as a package
// beside the plugin: npm has only the compiler itself to fetch.
func buildAssemblyScript(j *job) (args, env []string, err error) {
	sdk, err := j.sdk()
	return []string{"assembly/index.ts", "--path", sdk, "--config", sdk + "/@wicketmq/plugin/asconfig.json", "--outFile", j.out}, nil, err
}

// Output is the file that Build makes of a directory: it is called like it.
func Output(dir string) (string, error) {
	called, err := nameOf(dir)
	return filepath.Join(dir, called+".wasm"), err
}

// Build compiles the plugin in a directory to a file, which is replaced in one
// step: a broker that watches it never sees half of it. The error has what the
// compiler says.
func Build(ctx context.Context, dir, out string) error {
	l, err := languageOf(dir)
	if err != nil {
		return err
	}
	tool, err := l.look(dir)
	if err != nil {
		return fmt.Errorf("cannot build %q: there is no %s: %s", dir, l.tool, l.install)
	}
	if out, err = filepath.Abs(out); err != nil {
		return err
	}
	next := out + ".new"
	defer os.Remove(next)
	temp, err := os.MkdirTemp("", "wicket-sdk-")
	if err != nil {
		return fmt.Errorf("cannot build %q: %w", dir, err)
	}
	defer os.RemoveAll(temp)
	args, env, err := l.build(&job{lang: l, dir: dir, out: next, temp: temp})
	if err != nil {
		return fmt.Errorf("cannot build %q: %w", dir, err)
	}
	c := exec.CommandContext(ctx, tool, args...)
	var said bytes.Buffer
	c.Dir, c.Stdout, c.Stderr, c.Env = dir, &said, &said, append(os.Environ(), env...)
	if err := c.Run(); err != nil {
		return fmt.Errorf("cannot build %q: %s: %w\n%s", dir, l.tool, err, strings.TrimSpace(said.String()))
	}
	if l.made != "" {
		if err := fetch(filepath.Join(dir, l.made), next); err != nil {
			return fmt.Errorf("cannot build %q: %w", dir, err)
		}
	}
	if err := os.Rename(next, out); err != nil {
		return fmt.Errorf("cannot build %q: %w", dir, err)
	}
	return nil
}

// look finds the program that builds.
func (l *lang) look(dir string) (string, error) {
	if own, err := filepath.Abs(filepath.Join(dir, "node_modules", ".bin", l.tool)); err == nil {
		if tool, err := exec.LookPath(own); err == nil {
			return tool, nil
		}
	}
	return exec.LookPath(l.tool)
}

// fetch copies the one file that a pattern finds.
func fetch(pattern, to string) error {
	found, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return fmt.Errorf("the toolchain has made %d modules of the form %q, and one is wanted", len(found), pattern)
	}
	content, err := os.ReadFile(found[0])
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o644)
}

func languageOf(dir string) (*lang, error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("cannot build: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("cannot build %q: name the directory of the plugin", dir)
	}
	var marks []string
	for i := range 2 { // what marks a language best goes before what may be there by chance
		for _, l := range languages {
			if i >= len(l.marks) {
				continue
			}
			if found, err := filepath.Glob(filepath.Join(dir, l.marks[i])); err == nil && len(found) > 0 {
				return l, nil
			}
			marks = append(marks, l.marks[i])
		}
	}
	return nil, fmt.Errorf("cannot build %q: it is not the directory of a plugin: there is no %s", dir, strings.Join(marks, ", "))
}

// Stale names a source of a plugin that is newer than what was built of it;
// empty when there is none, or dir holds no plugin.
func Stale(dir, module string) string {
	built, err := os.Stat(module)
	if err != nil {
		return ""
	}
	newer := ""
	_ = Sources(dir, func(file string, info os.FileInfo) {
		if info.ModTime().After(built.ModTime()) {
			newer = file
		}
	})
	return newer
}

// Sources calls f for each file that a plugin is built from.
func Sources(dir string, f func(file string, info os.FileInfo)) error {
	l, err := languageOf(dir)
	if err != nil {
		return err
	}
	return filepath.Walk(dir, func(file string, info os.FileInfo, err error) error {
		if err != nil {
			if errors.Is(err, os.ErrNotExist) {
				return nil
			}
			return err
		}
		if info.IsDir() && file != dir && (strings.HasPrefix(info.Name(), ".") || info.Name() == "target" || info.Name() == "node_modules") {
			return filepath.SkipDir
		}
		for _, pattern := range l.sources {
			if ok, _ := filepath.Match(pattern, info.Name()); ok && !info.IsDir() {
				f(file, info)
				break
			}
		}
		return nil
	})
}
