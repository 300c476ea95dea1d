package wasm

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero/api"

	"github.com/wicketmq/wicket/engine/wasm/format"
)

// Caps on a module that no operator needs to change. Compilers stay far below
// them: a Go guest has about ten globals and a few thousand functions.
const (
	maxGlobals      = 4096
	maxFunctions    = 1 << 16
	maxDataSegments = 1 << 16
	maxElementBytes = 1 << 20
)

// check refuses a module that the host cannot bound or cannot call. All that
// is wrong is reported at once. wasi holds the signatures of the WASI
// functions the host has.
func (m *module) check(plugin string, lim Limits, granted uint64, wasi map[string]string) error {
	var errs []error
	add := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	add(m.checkForm())
	errs = append(errs, m.checkExports()...)
	for i := range m.imports {
		add(m.checkImport(&m.imports[i], plugin, granted, wasi))
	}
	add(m.checkTables(lim.TableMax))
	add(m.checkMemory(plugin, lim.MemoryPages))
	add(atMost("globals", m.globals, maxGlobals))
	add(atMost("functions", max(m.codes, uint32(len(m.functions))), maxFunctions))
	add(atMost("data segments", m.data, maxDataSegments))
	add(atMost("bytes of element segments", uint32(m.elementBytes), maxElementBytes))
	if more := len(errs) - maxProblems; more > 0 {
		errs = append(errs[:maxProblems], fmt.Errorf("and %d more", more))
	}
	return errors.Join(errs...)
}

// maxProblems is how much that is wrong with a module is reported. Somebody has
// to read it.
const maxProblems = 20

func atMost(what string, n, limit uint32) error {
	if n > limit {
		return fmt.Errorf("the module has %d %s; the limit is %d", n, what, limit)
	}
	return nil
}

// checkForm refuses commands: their _start runs once and exits, which leaves
// nothing to call.
func (m *module) checkForm() error {
	_, start := m.exports[exportStart]
	_, initialize := m.exports[exportInitialize]
	if start && !initialize {
		return errors.New("the module is a command (it exports _start): build a reactor instead " +
			"(Go: -buildmode=c-shared; C: -mexec-model=reactor; Rust: crate-type cdylib)")
	}
	return nil
}

func (m *module) checkExports() (errs []error) {
	if _, ok := m.exports[exportABI]; !ok {
		errs = append(errs, fmt.Errorf("the module does not export %s, so it is not a Wicket plugin of ABI v%d; it exports %s",
			exportABI, abiMajor, m.exportList()))
	}
	if e, ok := m.exports[exportMemory]; !ok || e.kind != format.KindMemory {
		errs = append(errs, errors.New("the module does not export its memory as \"memory\""))
	}
	for _, name := range sortedKeys(exports) {
		want := exports[name]
		have, ok := m.exports[name]
		switch {
		case !ok && want.required && name != exportABI:
			errs = append(errs, fmt.Errorf("the module does not export %s%s", name, want.signature))
		case !ok:
		case have.kind != format.KindFunction:
			errs = append(errs, fmt.Errorf("the module exports %s, but not as a function", name))
		case m.signature(have.index) != want.signature:
			errs = append(errs, fmt.Errorf("the module exports %s as %s; ABI v%d wants %s",
				name, m.signature(have.index), abiMajor, want.signature))
		}
	}
	for i := range m.imports {
		e := &m.imports[i]
		outcome := imports[e.name].calls
		if _, ok := m.exports[outcome]; e.module == moduleWicket && outcome != "" && !ok {
			errs = append(errs, fmt.Errorf("the module imports %s.%s but does not export %s%s, which its outcome is given to",
				e.module, e.name, outcome, exports[outcome].signature))
		}
	}
	return errs
}

// exportList names what the module exports, for an error message.
func (m *module) exportList() string {
	if len(m.order) == 0 {
		return "nothing"
	}
	const most = 12
	list := strings.Join(m.order[:min(len(m.order), most)], ", ")
	if len(m.order) > most {
		list += fmt.Sprintf(" and %d more", len(m.order)-most)
	}
	return list
}

func (m *module) checkImport(e *importEntry, plugin string, granted uint64, wasi map[string]string) error {
	if e.kind != format.KindFunction {
		return fmt.Errorf("the module imports the %s %q.%q; only functions can be imported", kindNames[e.kind], e.module, e.name)
	}
	var want, grant string
	switch e.module {
	case moduleWicket:
		i, ok := imports[e.name]
		if !ok {
			return fmt.Errorf("the module imports the unknown function %s.%s; this host offers %s",
				e.module, e.name, strings.Join(sortedKeys(imports), ", "))
		}
		want, grant = i.signature, i.grant
	case moduleWASI:
		sig, ok := wasi[e.name]
		if !ok {
			return fmt.Errorf("the module imports the unknown function %s.%s", e.module, e.name)
		}
		want = sig
	default:
		return fmt.Errorf("the module imports %q from the unknown module %q; expected %q or %q",
			e.name, e.module, moduleWicket, moduleWASI)
	}
	if have := m.typeText(e.typ); have != want {
		return fmt.Errorf("the module imports %s.%s as %s; expected %s", e.module, e.name, have, want)
	}
	if grant != "" && granted&grants[grant] == 0 {
		return fmt.Errorf("the module imports %s.%s, which is not granted; add `plugins.%s.grants: [%s]`",
			e.module, e.name, plugin, grant)
	}
	return nil
}

func (m *module) checkTables(limit uint32) error {
	var total uint64
	for _, t := range m.tables {
		total += uint64(max(t.min, t.max))
	}
	if total > uint64(limit) {
		return fmt.Errorf("the module's tables may hold %d entries; the limit is %d", total, limit)
	}
	return nil
}

func (m *module) checkMemory(plugin string, pages uint32) error {
	for _, mem := range m.memories {
		if mem.min > pages {
			return fmt.Errorf("the module wants %d KiB of memory to start; the limit is %d KiB (`plugins.%s.memory`)",
				uint64(mem.min)*64, uint64(pages)*64, plugin)
		}
	}
	return nil
}

// features returns the WebAssembly features to enable. A table without a
// maximum could be grown without end by table.grow, which belongs to the
// reference types: such a module must do without them. Go's linker emits such
// tables and does not use the feature; LLVM's uses it and bounds its tables.
func (m *module) features() api.CoreFeatures {
	unbounded := func(t limits) bool { return !t.bounded }
	if slices.ContainsFunc(m.tables, unbounded) {
		return api.CoreFeaturesV2 &^ api.CoreFeatureReferenceTypes
	}
	return api.CoreFeaturesV2
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
