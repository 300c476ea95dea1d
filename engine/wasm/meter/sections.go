package meter

import (
	"errors"
	"fmt"

	"github.com/wicketmq/wicket/engine/wasm/format"
)

var sectionNames = [format.Sections]string{"custom", "type", "import", "function", "table", "memory",
	"global", "export", "start", "element", "code", "data", "data count"}

// sectionOrder is the order in which sections come in a module.
var sectionOrder = [...]byte{format.SectionType, format.SectionImport, format.SectionFunction, format.SectionTable, format.SectionMemory, format.SectionGlobal,
	format.SectionExport, format.SectionStart, format.SectionElement, format.SectionDataCount, format.SectionCode, format.SectionData}

// Value types.
const (
	typeI32       = 0x7f
	typeFuncref   = 0x70
	typeExternref = 0x6f
	typeFunction  = 0x60 // form of a function type
)

// module is an original while it is rewritten: its sections, and what was
// found in those that have been rewritten already.
type module struct {
	sections [format.Sections][]byte // nil when absent
	customs  [][]byte

	params  []int    // number of parameters, by type
	results []int    // number of results, by type
	imports []uint32 // types of imported functions
	defined []uint32 // types of the functions that it defines
	globals int      // imported ones included
	locals  uint64   // of the functions so far
	weight  int64    // of them
}

// split reads the sections of a binary. The order is checked here, so that
// nothing is seen twice or before what it refers to.
func split(binary []byte) (*module, error) {
	if len(binary) < 8 || string(binary[:8]) != "\x00asm\x01\x00\x00\x00" {
		return nil, errMagic
	}
	m := &module{}
	r := newReader(binary[8:])
	next := 0 // what may come, in sectionOrder
	for r.More() {
		id := r.Byte()
		body := r.Take(r.U32())
		if r.Err != nil {
			break
		}
		if id == format.SectionCustom {
			m.customs = append(m.customs, body)
			continue
		}
		for next < len(sectionOrder) && sectionOrder[next] != id {
			next++
		}
		if next == len(sectionOrder) {
			return nil, fmt.Errorf("has an unknown section %d, or one out of order", id)
		}
		next++
		m.sections[id] = body[:len(body):len(body)]
	}
	return m, r.Err
}

func appendSection(b []byte, id byte, body []byte) []byte {
	b = append(b, id)
	b = appendU32(b, uint32(len(body)))
	return append(b, body...)
}

// rewrite returns the new body of a section, nil for none. It is called in the
// order of sectionOrder.
func (m *module) rewrite(id byte) ([]byte, error) {
	r := newReader(m.sections[id])
	out := make([]byte, 0, len(r.B)+len(r.B)/2+64)
	switch present := m.sections[id] != nil; id {
	case format.SectionType:
		out = m.rewriteTypes(r, out, present)
	case format.SectionImport:
		out = m.rewriteImports(r, out, present)
	case format.SectionFunction:
		out = m.rewriteFunctions(r, out, present)
	case format.SectionGlobal:
		out = m.rewriteGlobals(r, out, present)
	case format.SectionCode:
		out = m.rewriteCode(r, out, present)
	default:
		if !present {
			return nil, nil
		}
		out = m.rewriteRest(id, r, out)
	}
	return out, r.Done()
}

func (m *module) rewriteRest(id byte, r *reader, out []byte) []byte {
	switch id {
	case format.SectionTable:
		return copyVector(r, out, func(out []byte) []byte { return verbatim(r, out, r.tableType) })
	case format.SectionMemory:
		return copyVector(r, out, func(out []byte) []byte { return verbatim(r, out, r.limits) })
	case format.SectionExport:
		return copyVector(r, out, func(out []byte) []byte { return m.export(r, out) })
	case format.SectionStart:
		return m.function(r, out)
	case format.SectionElement:
		return copyVector(r, out, func(out []byte) []byte { return m.element(r, out) })
	case format.SectionData:
		return copyVector(r, out, func(out []byte) []byte { return m.data(r, out) })
	default: // data count
		return appendU32(out, r.U32())
	}
}

// copyVector reads a vector and writes it again. item reads an entry and
// appends what becomes of it.
func copyVector(r *reader, out []byte, item func([]byte) []byte) []byte {
	n := r.U32()
	out = appendU32(out, n)
	for ; n > 0 && r.Err == nil; n-- {
		out = item(out)
	}
	return out
}

// extend writes a vector again with more entries behind it.
func extend(r *reader, out []byte, present bool, item func([]byte) []byte, more ...[]byte) []byte {
	var n uint32
	if present {
		n = r.U32()
	}
	if n > 1<<32-1-uint32(len(more)) {
		r.Fail(format.ErrNumber)
	}
	out = appendU32(out, n+uint32(len(more)))
	for ; n > 0 && r.Err == nil; n-- {
		out = item(out)
	}
	for _, entry := range more {
		out = append(out, entry...)
	}
	return out
}

// verbatim copies what read passes over.
func verbatim(r *reader, out []byte, read func()) []byte {
	before := r.B
	read()
	return append(out, before[:len(before)-len(r.B)]...)
}

// newIndex is the index of a function after rewriting. In front of the
// functions that the module defines there is one more import, and imports are
// called through functions at the end.
func (m *module) newIndex(i uint32) uint32 {
	if i < uint32(len(m.imports)) {
		return uint32(len(m.imports)+1+len(m.defined)) + i
	}
	return i + 1
}

// index reads the index of a function.
func (m *module) index(r *reader) uint32 {
	return r.index("function", len(m.imports)+len(m.defined))
}

// function reads the index of a function and appends the new one.
func (m *module) function(r *reader, out []byte) []byte {
	return appendU32(out, m.newIndex(m.index(r)))
}

// typeOf returns the type of a function by its index before rewriting.
func (m *module) typeOf(i uint32) uint32 {
	if i < uint32(len(m.imports)) {
		return m.imports[i]
	}
	if i -= uint32(len(m.imports)); int(i) < len(m.defined) {
		return m.defined[i]
	}
	return 0
}

// maxParams is the most parameters or results of a function. It is above what
// browsers allow, and bounds the code that is added for each import.
const maxParams = 1 << 10

// refillType is the type of Refill; it is appended to the others.
func (m *module) refillType() uint32 { return uint32(len(m.params)) }

func (m *module) rewriteTypes(r *reader, out []byte, present bool) []byte {
	return extend(r, out, present, func(out []byte) []byte {
		return verbatim(r, out, func() {
			if form := r.Byte(); form != typeFunction {
				r.Failf("has a type of unsupported form 0x%02x", form)
			}
			m.params = append(m.params, r.valueTypes("parameters"))
			m.results = append(m.results, r.valueTypes("results"))
		})
	}, []byte{typeFunction, 0, 1, typeI32})
}

func (m *module) rewriteImports(r *reader, out []byte, present bool) []byte {
	entry := appendName(nil, Module)
	entry = appendName(entry, Refill)
	entry = append(entry, format.KindFunction)
	entry = appendU32(entry, m.refillType())
	return extend(r, out, present, func(out []byte) []byte {
		return verbatim(r, out, func() { m.importEntry(r) })
	}, entry)
}

func (m *module) importEntry(r *reader) {
	from := r.name()
	r.name()
	if string(from) == Module {
		r.Failf("imports from %q, which is the host's own", Module)
	}
	switch kind := r.Byte(); kind {
	case format.KindFunction:
		m.imports = append(m.imports, r.index("type", len(m.params)))
	case format.KindTable:
		r.tableType()
	case format.KindMemory:
		r.limits()
	case format.KindGlobal:
		r.valueType()
		r.Byte()
		m.globals++
	default:
		r.Failf("imports something of unknown kind %d", kind)
	}
}

func (m *module) rewriteFunctions(r *reader, out []byte, present bool) []byte {
	var calls [][]byte // types of the functions that call an import
	for _, t := range m.imports {
		calls = append(calls, appendU32(nil, t))
	}
	return extend(r, out, present, func(out []byte) []byte {
		t := r.index("type", len(m.params))
		m.defined = append(m.defined, t)
		return appendU32(out, t)
	}, calls...)
}

// rewriteGlobals adds the fuel, which is empty at first, and the length of the
// operation that is being paid for.
func (m *module) rewriteGlobals(r *reader, out []byte, present bool) []byte {
	zero := []byte{typeI32, 1, opI32Const, 0, opEnd}
	return extend(r, out, present, func(out []byte) []byte {
		out = verbatim(r, out, func() {
			r.valueType()
			r.Byte()
		})
		// A constant may refer to globals before its own.
		out = m.constant(r, out)
		m.globals++
		return out
	}, zero, zero)
}

// The globals that Rewrite adds.
func (m *module) fuel() uint32   { return uint32(m.globals) }
func (m *module) length() uint32 { return uint32(m.globals) + 1 }

func (m *module) export(r *reader, out []byte) []byte {
	var kind byte
	out = verbatim(r, out, func() {
		r.name()
		kind = r.Byte()
	})
	switch kind {
	case format.KindFunction:
		return m.function(r, out)
	case format.KindGlobal:
		return appendU32(out, r.index("global", m.globals))
	default:
		return appendU32(out, r.U32())
	}
}

// element rewrites a segment of functions for tables (§5.5.12). Bit 0 of its
// form: not active; bit 1: with a table, or declarative; bit 2: expressions.
func (m *module) element(r *reader, out []byte) []byte {
	form := r.U32()
	if form > 7 {
		r.Failf("has an element segment of unknown form %d", form)
	}
	out = appendU32(out, form)
	if form&1 == 0 {
		if form&2 != 0 {
			out = appendU32(out, r.U32())
		}
		out = m.constant(r, out)
	}
	if form&3 != 0 {
		out = append(out, r.Byte()) // kind or type
	}
	if form&4 == 0 {
		return copyVector(r, out, func(out []byte) []byte { return m.function(r, out) })
	}
	return copyVector(r, out, func(out []byte) []byte { return m.constant(r, out) })
}

func (m *module) data(r *reader, out []byte) []byte {
	form := r.U32()
	out = appendU32(out, form)
	switch form {
	case 0:
		out = m.constant(r, out)
	case 1:
	case 2:
		r.zero()
		out = m.constant(r, append(out, 0))
	default:
		r.Failf("has a data segment of unknown form %d", form)
	}
	return verbatim(r, out, func() { r.name() })
}

// constant rewrites a constant expression. Which of its instructions are
// allowed, and how many, is for the engine to say.
func (m *module) constant(r *reader, out []byte) []byte {
	for r.Err == nil {
		op := r.Byte()
		out = append(out, op)
		switch op {
		case opEnd:
			return out
		case opGlobalGet:
			out = appendU32(out, r.index("global", m.globals))
		case opRefFunc:
			out = m.function(r, out)
		default:
			out = verbatim(r, out, func() { r.constantImmediate(op) })
		}
	}
	return out
}

func (r *reader) constantImmediate(op byte) {
	switch op {
	case opI32Const:
		r.skipSigned(5)
	case opI64Const:
		r.skipSigned(10)
	case opF32Const:
		r.Take(4)
	case opF64Const:
		r.Take(8)
	case opRefNull:
		r.refType()
	case opVector:
		if sub := r.Byte(); sub != vectorConst {
			r.Failf("has a constant with the vector instruction 0x%02x", sub)
		}
		r.Take(16)
	default:
		r.Failf("has a constant with the instruction 0x%02x", op)
	}
}

// valueTypes reads parameters or results and returns their number.
func (r *reader) valueTypes(what string) (n int) {
	r.vector(func() { r.valueType(); n++ })
	if n > maxParams {
		r.Failf("has a type with %d %s; the limit is %d", n, what, maxParams)
	}
	return n
}

func (r *reader) valueType() {
	switch c := r.Byte(); c {
	case 0x7f, 0x7e, 0x7d, 0x7c, 0x7b, typeFuncref, typeExternref:
	default:
		r.Failf("uses the unsupported value type 0x%02x", c)
	}
}

func (r *reader) refType() {
	if c := r.Byte(); c != typeFuncref && c != typeExternref {
		r.Failf("uses the unsupported reference type 0x%02x", c)
	}
}

func (r *reader) tableType() {
	r.refType()
	r.limits()
}

func (r *reader) limits() {
	switch form := r.Byte(); form {
	case 0:
		r.U32()
	case 1:
		r.U32()
		r.U32()
	default:
		r.Failf("uses limits of unsupported form 0x%02x", form)
	}
}

func appendName(b []byte, s string) []byte {
	b = appendU32(b, uint32(len(s)))
	return append(b, s...)
}

// nameFunctions is the part of the name section that names functions.
const nameFunctions = 1

// custom returns a custom section as it is, unless it is that of names: of it
// the functions' are kept, which the engine prints in a trace, with their new
// indexes.
func (m *module) custom(body []byte) []byte {
	r := newReader(body)
	if string(r.name()) != "name" {
		return body
	}
	out := appendName(make([]byte, 0, len(body)+len(body)/8), "name")
	for r.More() {
		id := r.Byte()
		sub := newReader(r.Take(r.U32()))
		if r.Err != nil || id != nameFunctions {
			continue // nobody reads the others
		}
		if count := *sub; count.U32() > uint32(len(m.imports)+len(m.defined)) {
			continue // the engine makes room for as many
		}
		names := copyVector(sub, nil, func(out []byte) []byte {
			i := sub.U32()
			if i >= uint32(len(m.imports)) {
				i++
			}
			return verbatim(sub, appendU32(out, i), func() { sub.name() })
		})
		if sub.Done() == nil {
			out = appendSection(out, id, names)
		}
	}
	return out
}

var errCounts = errors.New("has not as much code as functions")
