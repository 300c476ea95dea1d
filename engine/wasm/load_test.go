package wasm

import (
	"context"
	"encoding/binary"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/wasm/format"
)

// builder assembles modules that no compiler would emit.
type builder struct{ sections [16][]byte }

func (b *builder) add(id int, items ...[]byte) *builder {
	body := binary.AppendUvarint(nil, uint64(len(items)))
	for _, item := range items {
		body = append(body, item...)
	}
	b.sections[id] = body
	return b
}

func (b *builder) bytes() []byte {
	m := []byte("\x00asm\x01\x00\x00\x00")
	for id, body := range b.sections {
		if body != nil {
			m = append(m, byte(id))
			m = binary.AppendUvarint(m, uint64(len(body)))
			m = append(m, body...)
		}
	}
	return m
}

func text(s string) []byte { return append(binary.AppendUvarint(nil, uint64(len(s))), s...) }

func cat(parts ...[]byte) (b []byte) {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func uv(n uint64) []byte { return binary.AppendUvarint(nil, n) }

// pluginModule starts with what a valid plugin has: types 0..3 are those of
// wicket_abi_v1, wicket_buffer, wicket_load and () -> ().
func pluginModule() *builder {
	b := &builder{}
	b.add(format.SectionType,
		[]byte{0x60, 0, 1, 0x7f},
		[]byte{0x60, 1, 0x7f, 1, 0x7f},
		[]byte{0x60, 2, 0x7f, 0x7f, 1, 0x7f},
		[]byte{0x60, 0, 0})
	b.add(format.SectionFunction, uv(0), uv(1), uv(2))
	b.add(format.SectionMemory, []byte{0, 1})
	b.add(format.SectionExport,
		cat(text("memory"), []byte{format.KindMemory, 0}),
		cat(text(exportABI), []byte{format.KindFunction, 0}),
		cat(text(exportBuffer), []byte{format.KindFunction, 1}),
		cat(text(exportLoad), []byte{format.KindFunction, 2}))
	zero := []byte{4, 0, 0x41, 0, 0x0b}
	b.add(format.SectionCode, zero, []byte{5, 0, 0x41, 0x80, 0x08, 0x0b}, zero)
	return b
}

func importFunc(module, name string, typ byte) []byte {
	return cat(text(module), text(name), []byte{format.KindFunction, typ})
}

// imports adds imported functions, which shift the indexes of the exports.
func (b *builder) imports(items ...[]byte) *builder {
	n := byte(len(items))
	return b.add(format.SectionImport, items...).add(format.SectionExport,
		cat(text("memory"), []byte{format.KindMemory, 0}),
		cat(text(exportABI), []byte{format.KindFunction, n}),
		cat(text(exportBuffer), []byte{format.KindFunction, n + 1}),
		cat(text(exportLoad), []byte{format.KindFunction, n + 2}))
}

func TestRefused(t *testing.T) {
	h := newHost(t, HostOptions{})
	many := func(n int, item []byte) [][]byte {
		list := make([][]byte, n)
		for i := range list {
			list[i] = item
		}
		return list
	}
	for _, tc := range []struct {
		name   string
		module []byte
		want   []string // parts of the error
	}{
		{"empty", []byte{}, []string{"not a WebAssembly binary"}},
		{"text", []byte("(module)"), []string{"not a WebAssembly binary"}},
		{"component", []byte("\x00asm\x0d\x00\x01\x00"), []string{"is a component", "core module"}},
		{"version", []byte("\x00asm\x02\x00\x00\x00"), []string{"unknown WebAssembly version"}},
		{"too large", make([]byte, 16<<20+1), []string{"larger than 16777216 bytes"}},
		{"nothing", (&builder{}).bytes(), []string{"does not export wicket_abi_v1", "exports nothing", "memory", "wicket_buffer(i32) -> i32", "wicket_load"}},
		{"other ABI", pluginModule().add(format.SectionExport, cat(text("proxy_abi_version_0_2_1"), []byte{format.KindFunction, 0})).bytes(),
			[]string{"does not export wicket_abi_v1", "it exports proxy_abi_version_0_2_1"}},
		{"command", pluginModule().add(format.SectionExport, cat(text("_start"), []byte{format.KindFunction, 0})).bytes(),
			[]string{"_start", "-buildmode=c-shared", "reactor"}},
		{"wrong signature", pluginModule().add(format.SectionFunction, uv(0), uv(0), uv(2)).bytes(),
			[]string{"wicket_buffer as () -> i32", "wants (i32) -> i32"}},
		{"not a function", pluginModule().add(format.SectionExport, cat(text("wicket_unload"), []byte{format.KindMemory, 0})).bytes(),
			[]string{"wicket_unload, but not as a function"}},
		{"unknown module", pluginModule().imports(importFunc("env", "abort", 3)).bytes(),
			[]string{`"abort" from the unknown module "env"`, `"wicket"`}},
		{"unknown import", pluginModule().imports(importFunc("wicket", "open_file", 3)).bytes(),
			[]string{"unknown function wicket.open_file", "password_verify"}},
		{"unknown WASI", pluginModule().imports(importFunc(moduleWASI, "fork", 3)).bytes(),
			[]string{"unknown function wasi_snapshot_preview1.fork"}},
		{"unknown imports", pluginModule().imports(many(100, importFunc("wicket", "open_file", 3))...).bytes(),
			[]string{"unknown function wicket.open_file", "and 80 more"}},
		{"import signature", pluginModule().imports(importFunc("wicket", "features", 0)).bytes(),
			[]string{"wicket.features as () -> i32", "expected () -> i64"}},
		{"WASI signature", pluginModule().imports(importFunc(moduleWASI, "proc_exit", 3)).bytes(),
			[]string{"proc_exit as () -> ()", "expected (i32) -> ()"}},
		{"no completion", pluginModule().imports(importFunc("wicket", "features", 0)).add(format.SectionImport, importFunc("wicket", "password_verify", 0)).bytes(),
			[]string{"does not export wicket_completed(i64, i32, i32, i32) -> ()"}},
		{"imported memory", pluginModule().add(format.SectionImport, cat(text("wicket"), text("memory"), []byte{format.KindMemory, 0, 1})).bytes(),
			[]string{"imports the memory"}},
		{"imported table", pluginModule().add(format.SectionImport, cat(text("env"), text("t"), []byte{format.KindTable, 0x70, 0, 1})).bytes(),
			[]string{"imports the table"}},
		{"huge table", pluginModule().add(format.SectionTable, cat([]byte{0x70, 0}, uv(1<<27))).bytes(),
			[]string{"134217728 entries", "65536"}},
		{"growing table", pluginModule().add(format.SectionTable, cat([]byte{0x70, 1, 0}, uv(1<<27))).bytes(),
			[]string{"134217728 entries"}},
		{"many tables", pluginModule().add(format.SectionTable, many(4, cat([]byte{0x70, 0}, uv(1<<15)))...).bytes(),
			[]string{"131072 entries"}},
		{"too many tables", pluginModule().add(format.SectionTable, many(17, []byte{0x70, 0, 0})...).bytes(),
			[]string{"17 tables"}},
		{"huge memory", pluginModule().add(format.SectionMemory, cat([]byte{0}, uv(2000))).bytes(),
			[]string{"128000 KiB", "plugins.p.memory"}},
		{"shared memory", pluginModule().add(format.SectionMemory, []byte{3, 1, 1}).bytes(), []string{"threads"}},
		{"two memories", pluginModule().add(format.SectionMemory, []byte{0, 1}, []byte{0, 1}).bytes(), []string{"2 memories"}},
		{"globals", pluginModule().add(format.SectionGlobal, many(10_000, []byte{0x7f, 0, 0x41, 0, 0x0b})...).bytes(),
			[]string{"10000 globals"}},
		{"functions", pluginModule().add(format.SectionFunction, many(100_000, uv(3))...).bytes(), []string{"100000 functions"}},
		{"data count", append(pluginModule().bytes(), cat([]byte{format.SectionData}, uv(5), uv(1<<32-1))...), []string{"4294967295 data segments"}},
		{"elements", append(pluginModule().bytes(), cat([]byte{format.SectionElement}, uv(2<<20), make([]byte, 2<<20))...), []string{"element segments"}},
		{"truncated", pluginModule().bytes()[:20], []string{"ends too early"}},
		{"bad code", pluginModule().add(format.SectionCode, []byte{2, 0, 0x0b}, []byte{2, 0, 0x0b}, []byte{2, 0, 0x0b}).bytes(), []string{"cannot compile"}},
		{"table.grow", tableGrow(), []string{"cannot compile", "reference-types"}},
		{"minor version", guest(t, "abi_minor"), []string{"needs ABI v1.7", "v1.3"}},
		{"load", guest(t, "refuses_load"), []string{"refused its configuration: users_file: line 3: no colon"}},
		{"exit", guest(t, "exit_initialize"), []string{"exited while it started"}},
		{"null buffer", guest(t, "buffer_null"), []string{"no room for it"}},
		{"buffer outside", guest(t, "buffer_end"), []string{"outside its memory"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := h.Open(context.Background(), Options{Name: "p", Module: tc.module})
			if err == nil {
				t.Fatal("it was loaded")
			}
			for _, part := range append(tc.want, `plugin "p"`) {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v\nlacks %q", err, part)
				}
			}
		})
	}
}

// tableGrow uses table.grow on a table without a maximum.
func tableGrow() []byte {
	b := pluginModule().add(format.SectionTable, []byte{0x70, 0, 0})
	grow := []byte{9, 0, 0xd0, 0x70, 0x41, 1, 0xfc, 0x0f, 0, 0x0b}
	return b.add(format.SectionCode, grow, []byte{5, 0, 0x41, 0x80, 0x08, 0x0b}, []byte{4, 0, 0x41, 0, 0x0b}).bytes()
}

func TestOptionsRefused(t *testing.T) {
	h := newHost(t, HostOptions{})
	for name, tc := range map[string]struct {
		o    Options
		want string
	}{
		"name":     {Options{}, "no name"},
		"allow":    {Options{Name: "p", OnError: auth.Allow}, "deny or next"},
		"grant":    {Options{Name: "p", Grants: []string{"root"}}, `unknown grant "root"; there is disconnect, http, `},
		"workers":  {Options{Name: "p", Workers: 2000}, "2000 workers"},
		"file":     {Options{Name: "p", Path: "testdata/absent.wasm"}, "absent.wasm"},
		"no grant": {Options{Name: "door", Path: "testdata/behave.wasm"}, "wicket.password_verify, which is not granted; add `plugins.door.grants: [password]`"},
	} {
		if _, err := h.Open(context.Background(), tc.o); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

// TestValidModule: the builder's module is refused for what a case changes,
// not for something else.
func TestValidModule(t *testing.T) {
	p := open(t, newHost(t, HostOptions{}), Options{Module: pluginModule().bytes()})
	if p.Hears(auth.Authentication) || p.Hears(auth.Authorization) {
		t.Error("it hears what it does not export")
	}
	if v := answer(t, p, "x"); v.Decision != auth.Next {
		t.Errorf("%+v", v)
	}
}

// TestLoadMessage checks the message that the guest "echo" repeats.
func TestLoadMessage(t *testing.T) {
	_, err := newHost(t, HostOptions{}).Open(context.Background(), Options{
		Name: "p", Module: guest(t, "echo"), Config: []byte(`{"a":1}`),
		Files:  []File{{Key: "users_file", Path: "users", Content: []byte("u:h")}},
		Grants: []string{GrantPassword},
	})
	want := "\n\x01p\x12\a{\"a\":1}\x1a\x18\n\nusers_file\x12\x05users\x1a\x03u:h \x01"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%q", err)
	}
}

// TestMemoryMaximum: a module may declare more memory than it gets.
func TestMemoryMaximum(t *testing.T) {
	m := pluginModule().add(format.SectionMemory, cat([]byte{1, 1}, uv(65536))).bytes()
	open(t, newHost(t, HostOptions{}), Options{Module: m, Limits: Limits{MemoryPages: 16}})
}

func TestLogWhileStarting(t *testing.T) {
	open(t, newHost(t, HostOptions{}), Options{Module: guest(t, "log_initialize")})
}

func TestCacheDirectory(t *testing.T) {
	if os.Geteuid() < 0 {
		t.Skip("no owners here")
	}
	base := t.TempDir()
	open1 := func(dir string) error {
		h, err := NewHost(HostOptions{CacheDir: dir, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			return err
		}
		defer h.Close()
		p, err := h.Open(context.Background(), Options{Name: "p", Path: "testdata/minimal.wasm"})
		if err != nil {
			return err
		}
		return p.Close(context.Background())
	}
	dir := filepath.Join(base, "a", "cache")
	if err := open1(dir); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	entries, _ := filepath.Glob(filepath.Join(dir, "wazero-*", "*"))
	if len(entries) != 1 {
		t.Fatalf("cached %q", entries)
	}
	if err := open1(dir); err != nil {
		t.Errorf("from the cache: %v", err)
	}

	for _, junk := range []string{"", "junk", strings.Repeat("WAZEVO", 100)} {
		if err := os.WriteFile(entries[0], []byte(junk), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := open1(dir); err != nil {
			t.Errorf("corrupt cache %.10q: %v", junk, err)
		}
	}
	flipped, err := os.ReadFile(rewrite(t, open1, dir, entries[0]))
	if err != nil {
		t.Fatal(err)
	}
	flipped[len(flipped)/2] ^= 0x40
	if err := os.WriteFile(entries[0], flipped, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open1(dir); err != nil {
		t.Errorf("flipped bit: %v", err)
	}

	for name, spoil := range map[string]func() error{
		"directory": func() error { return os.Chmod(dir, 0o770) },
		"file": func() error {
			rewrite(t, open1, dir, entries[0])
			return os.Chmod(entries[0], 0o666)
		},
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if err := open1(dir); err == nil || !strings.Contains(err.Error(), "writable by others") {
			t.Errorf("%s: %v", name, err)
		}
		_ = os.Chmod(dir, 0o700)
		_ = os.Remove(entries[0])
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, 1, 1); err != nil {
			t.Fatal(err)
		}
		if err := open1(dir); err == nil || !strings.Contains(err.Error(), "belongs to user 1") {
			t.Errorf("owner: %v", err)
		}
	}
}

// rewrite makes a good cache entry again.
func rewrite(t *testing.T, open1 func(string) error, dir, entry string) string {
	t.Helper()
	_ = os.Remove(entry)
	if err := open1(dir); err != nil {
		t.Fatal(err)
	}
	return entry
}

// TestCompileTime: a module that takes too long to compile is refused.
func TestCompileTime(t *testing.T) {
	defer func(d time.Duration) { compileTime = d }(compileTime)
	compileTime = 0
	_, err := newHost(t, HostOptions{CacheDir: filepath.Join(t.TempDir(), "cache")}).Open(context.Background(), Options{Name: "p", Module: guest(t, "behave"), Grants: []string{GrantPassword}})
	if err == nil || !strings.Contains(err.Error(), "cannot compile the module: it takes too long") {
		t.Error(err)
	}
}
