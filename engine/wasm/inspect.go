package wasm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wicketmq/wicket/engine/wasm/format"
)

// Info is what can be told of a module without a configuration for it.
type Info struct {
	Size      int        `json:"size"`   // bytes
	SHA256    string     `json:"sha256"` // in hexadecimal, as plugins are listed
	ABI       string     `json:"abi"`    // lowest version it can work with, such as "1.2"; empty when it does not start
	Language  string     `json:"language,omitempty"`
	Producers []string   `json:"producers,omitempty"` // tools that made it, as it says itself
	Hooks     []string   `json:"hooks"`               // optional exports of the ABI, by name
	Exports   []Function `json:"exports"`
	Imports   []Function `json:"imports"`
	Grants    []string   `json:"grants"` // capabilities without which it is refused
	Memory    Extent     `json:"memory"` // in pages of 64 KiB
	Tables    []Extent   `json:"tables"` // in entries
	Functions int        `json:"functions"`
	Globals   int        `json:"globals"`

	// Of an instance, before it is given a configuration. They are zero when it
	// does not start.
	StartMemory uint32        `json:"start_memory"` // bytes
	Start       time.Duration `json:"start_ns"`

	Problems []string `json:"problems"` // why it would be refused; empty when it would not
}

// Function is a function that a module imports or exports.
type Function struct {
	Module    string `json:"module,omitempty"` // of an import
	Name      string `json:"name"`
	Signature string `json:"signature"` // "(i64, i32) -> i32"
	Grant     string `json:"grant,omitempty"`
}

// Extent is the size of a memory or table.
type Extent struct {
	Min uint32 `json:"min"`
	Max uint32 `json:"max,omitempty"` // 0: not given
}

// events are the exports that the host calls with something that has happened.
var events = []string{
	exportHello, exportAuthenticate, exportContinue, exportAuthorize, exportPSK, exportEvent, exportTimer,
	exportCompleted, exportUnload,
}

// Inspect looks at a module, and starts one instance of it if it would not be
// refused: _initialize and wicket_abi_v1 run, wicket_load does not. The error
// is about bytes that are no module; what is wrong with one is in Problems.
func (h *Host) Inspect(ctx context.Context, binary []byte) (*Info, error) {
	m, err := scan(binary)
	if err != nil {
		return nil, fmt.Errorf("the file %w", err)
	}
	sum := sha256.Sum256(binary)
	info := &Info{
		Size: len(binary), SHA256: hex.EncodeToString(sum[:]),
		Functions: len(m.functions), Globals: int(m.globals),
		Hooks: []string{}, Exports: []Function{}, Imports: []Function{}, Grants: []string{}, Tables: []Extent{}, Problems: []string{},
	}
	info.Producers = producers(binary)
	info.Language = language(m, info.Producers)
	m.describe(info)
	if err := h.try(ctx, m, binary, info); err != nil {
		info.Problems = problems(err)
	}
	return info, nil
}

// describe fills in what the sections tell.
func (m *module) describe(info *Info) {
	for i := range m.imports {
		e := &m.imports[i]
		f := Function{Module: e.module, Name: e.name, Signature: m.typeText(e.typ)}
		if e.kind != format.KindFunction {
			f.Signature = kindNames[min(int(e.kind), len(kindNames)-1)]
		}
		if e.module == moduleWicket {
			f.Grant = imports[e.name].grant
		}
		if f.Grant != "" && !slices.Contains(info.Grants, f.Grant) {
			info.Grants = append(info.Grants, f.Grant)
		}
		info.Imports = append(info.Imports, f)
	}
	slices.Sort(info.Grants)
	for _, name := range m.order {
		if e := m.exports[name]; e.kind == format.KindFunction {
			info.Exports = append(info.Exports, Function{Name: name, Signature: m.signature(e.index)})
		}
	}
	for _, name := range events {
		if _, ok := m.exports[name]; ok {
			info.Hooks = append(info.Hooks, name)
		}
	}
	for _, l := range m.memories {
		info.Memory = Extent{l.min, l.max}
	}
	for _, l := range m.tables {
		info.Tables = append(info.Tables, Extent{l.min, l.max})
	}
}

// try loads a module as far as that goes without a configuration.
func (h *Host) try(ctx context.Context, m *module, binary []byte, info *Info) (err error) {
	p, err := h.newPlugin(&Options{Name: "NAME", Grants: sortedKeys(grants), Workers: 1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close(ctx)) }()
	if _, err := readModule("", binary, p.limits.ModuleSize); err != nil {
		return err
	}
	if err := p.compile(ctx, m, binary); err != nil {
		return err
	}
	i := newInstance(newWorker(p, 0))
	defer i.close()
	begin := time.Now()
	if err := i.instantiate(); err != nil {
		return fmt.Errorf("an instance does not start: %w", err)
	}
	info.Start, info.StartMemory = time.Since(begin), i.mem.Size()
	if err := i.agree(); err != nil {
		return fmt.Errorf("an instance does not start: %w", err)
	}
	info.ABI = p.ABI()
	return nil
}

// problems takes joined errors apart.
func problems(err error) (list []string) {
	if e, ok := err.(refusal); ok {
		err = e.error
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			list = append(list, problems(e)...)
		}
		return list
	}
	return []string{err.Error()}
}

// producers reads the custom section of that name: what toolchains say of
// themselves. Whatever is wrong with it is left out.
func producers(binary []byte) (list []string) {
	s := newScanner(binary[8:])
	for len(s.B) > 0 && s.Err == nil {
		id := s.Byte()
		body := newScanner(s.Take(s.U32()))
		if s.Err != nil || id != format.SectionCustom || body.name() != "producers" {
			continue
		}
		body.vector("fields", 16, func() {
			field := body.name()
			body.vector("values", 64, func() {
				text := strings.TrimSpace(body.name() + " " + body.name())
				if body.Err == nil {
					list = append(list, field+": "+text)
				}
			})
		})
	}
	return list
}

// languages are told by the producers section.
var languages = []struct{ has, name string }{
	{"language: Go", "Go"}, {"Go cmd/compile", "Go"}, {"TinyGo", "Go (TinyGo)"}, {"language: Rust", "Rust"},
	{"AssemblyScript", "AssemblyScript"}, {"language: C++", "C++"}, {"language: C", "C"}, {"clang", "C"},
}

// language guesses what a module was written in; empty when nothing tells.
func language(m *module, producers []string) string {
	said := strings.Join(producers, "\n")
	for _, l := range languages {
		if strings.Contains(said, l.has) {
			return l.name
		}
	}
	for i := range m.imports {
		if m.imports[i].module == "env" && m.imports[i].name == "abort" {
			return "AssemblyScript"
		}
	}
	return ""
}
