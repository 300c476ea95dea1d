package wasm

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// module is what the scanner reads of a binary before it is compiled: enough
// to refuse what the engine would not bound, and to say clearly what is wrong.
type module struct {
	types     []string // signatures, such as "(i32, i64) -> i32"
	imports   []importEntry
	functions []uint32 // type of each function the module defines
	tables    []limits
	memories  []limits
	exports   map[string]exportEntry
	order     []string // export names as they come

	globals, elements, codes, data uint32 // counts
	elementBytes                   int    // size of the element section
}

type importEntry struct {
	module, name string
	kind         byte
	typ          uint32 // functions only
}

type exportEntry struct {
	kind  byte
	index uint32
}

// limits of a table or memory, in entries or pages.
type limits struct {
	min, max uint32
	bounded  bool // max is given
}

// External kinds (WebAssembly 2.0 §5.5.5).
const (
	kindFunction = iota
	kindTable
	kindMemory
	kindGlobal
	kindTag
)

var kindNames = [...]string{"function", "table", "memory", "global", "tag"}

// Section ids (WebAssembly 2.0 §5.5.2).
const (
	sectionCustom = iota
	sectionType
	sectionImport
	sectionFunction
	sectionTable
	sectionMemory
	sectionGlobal
	sectionExport
	sectionStart
	sectionElement
	sectionCode
	sectionData
	sectionDataCount
)

// Caps of the scanner itself. They are far above what compilers emit and keep
// the scanner's own memory proportional to the file.
const (
	maxScanTypes     = 1 << 12
	maxScanImports   = 1 << 10
	maxScanExports   = 1 << 12
	maxScanTables    = 16
	maxScanFunctions = 1 << 17
	maxScanParams    = 1 << 10
	maxScanName      = 1 << 10
)

var (
	errTruncated = errors.New("ends in the middle of a section")
	errVarint    = errors.New("has a malformed number")
)

// scan reads the sections of a binary module. It does not validate code: the
// engine does that. The errors complete the sentence "the module …".
func scan(binary []byte) (*module, error) {
	if len(binary) < 8 || string(binary[:4]) != "\x00asm" {
		return nil, errors.New("is not a WebAssembly binary")
	}
	if string(binary[4:8]) != "\x01\x00\x00\x00" {
		if binary[6] == 1 { // layer 1 of the component model
			return nil, errors.New("is a component; build a core module (wasm32-wasip1 reactor)")
		}
		return nil, errors.New("has an unknown WebAssembly version")
	}
	m := &module{exports: map[string]exportEntry{}}
	s := scanner{b: binary[8:]}
	for len(s.b) > 0 && s.err == nil {
		id := s.byte()
		size := s.u32()
		body := scanner{b: s.take(size)}
		if s.err != nil {
			break
		}
		m.section(id, &body)
		s.err = body.err
	}
	if s.err != nil {
		return nil, s.err
	}
	return m, nil
}

func (m *module) section(id byte, s *scanner) {
	size := len(s.b)
	switch id {
	case sectionType:
		s.vector("types", maxScanTypes, func() { m.types = append(m.types, s.signature()) })
	case sectionImport:
		s.vector("imports", maxScanImports, func() { m.imports = append(m.imports, s.importEntry()) })
	case sectionFunction:
		s.vector("functions", maxScanFunctions, func() { m.functions = append(m.functions, s.u32()) })
	case sectionTable:
		s.vector("tables", maxScanTables, func() { m.tables = append(m.tables, s.table()) })
	case sectionMemory:
		s.vector("memories", 1, func() { m.memories = append(m.memories, s.limits()) })
	case sectionGlobal:
		m.globals = s.u32()
	case sectionExport:
		s.vector("exports", maxScanExports, func() { m.export(s) })
	case sectionElement:
		m.elements, m.elementBytes = s.u32(), size
	case sectionCode:
		m.codes = s.u32()
	case sectionData:
		m.data = s.u32()
	}
}

func (m *module) export(s *scanner) {
	name := s.name()
	kind := s.byte()
	index := s.u32()
	if s.err != nil {
		return
	}
	if _, ok := m.exports[name]; ok {
		s.fail("exports %q twice", name)
		return
	}
	m.exports[name] = exportEntry{kind, index}
	m.order = append(m.order, name)
}

// signature returns the type of the function with the given index, imported
// ones first, or "" when there is none.
func (m *module) signature(index uint32) string {
	for i := range m.imports {
		if m.imports[i].kind != kindFunction {
			continue
		}
		if index == 0 {
			return m.typeText(m.imports[i].typ)
		}
		index--
	}
	if uint64(index) >= uint64(len(m.functions)) {
		return ""
	}
	return m.typeText(m.functions[index])
}

func (m *module) typeText(index uint32) string {
	if uint64(index) >= uint64(len(m.types)) {
		return ""
	}
	return m.types[index]
}

// scanner reads from the front of b. After the first error it returns zeros.
type scanner struct {
	b   []byte
	err error
}

func (s *scanner) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
	s.b = nil
}

func (s *scanner) byte() byte {
	if s.err != nil || len(s.b) == 0 {
		if s.err == nil {
			s.err = errTruncated
		}
		return 0
	}
	c := s.b[0]
	s.b = s.b[1:]
	return c
}

// u32 reads an unsigned LEB128 number of at most 32 bits.
func (s *scanner) u32() uint32 {
	var v uint64
	for shift := 0; shift < 35; shift += 7 {
		c := s.byte()
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if v > 1<<32-1 {
				break
			}
			return uint32(v)
		}
	}
	if s.err == nil {
		s.err = errVarint
	}
	return 0
}

func (s *scanner) take(n uint32) []byte {
	if s.err == nil && uint64(n) > uint64(len(s.b)) {
		s.err = errTruncated
	}
	if s.err != nil {
		return nil
	}
	t := s.b[:n]
	s.b = s.b[n:]
	return t
}

// vector reads a count and calls item that many times.
func (s *scanner) vector(what string, limit uint32, item func()) {
	n := s.u32()
	if n > limit {
		s.fail("has %d %s; the limit is %d", n, what, limit)
	}
	for range n {
		if s.err != nil {
			return
		}
		item()
	}
}

func (s *scanner) name() string {
	n := s.u32()
	if n > maxScanName {
		s.fail("has a name of %d bytes; the limit is %d", n, maxScanName)
	}
	t := s.take(n)
	if !utf8.Valid(t) {
		s.fail("has a name that is not UTF-8")
		return ""
	}
	return string(t)
}

func (s *scanner) importEntry() importEntry {
	e := importEntry{module: s.name(), name: s.name(), kind: s.byte()}
	switch e.kind {
	case kindFunction:
		e.typ = s.u32()
	case kindTable:
		s.table()
	case kindMemory:
		s.limits()
	case kindGlobal:
		s.valueType()
		s.byte()
	case kindTag:
		s.byte()
		s.u32()
	default:
		s.fail("imports %q.%q of unknown kind %d", e.module, e.name, e.kind)
	}
	return e
}

func (s *scanner) table() limits {
	switch c := s.byte(); c {
	case 0x70, 0x6f: // funcref, externref
	default:
		s.fail("has a table of unsupported type 0x%02x", c)
	}
	return s.limits()
}

func (s *scanner) limits() limits {
	var l limits
	switch flags := s.byte(); flags {
	case 0:
		l.min = s.u32()
	case 1:
		l.min, l.max, l.bounded = s.u32(), s.u32(), true
	default: // shared, 64-bit
		s.fail("uses limits of unsupported form 0x%02x (threads or 64-bit memory)", flags)
	}
	return l
}

func (s *scanner) signature() string {
	if form := s.byte(); s.err == nil && form != 0x60 {
		s.fail("has a type of unsupported form 0x%02x", form)
	}
	var b strings.Builder
	b.WriteByte('(')
	s.valueTypes(&b)
	b.WriteString(") -> ")
	var r strings.Builder
	if n := s.valueTypes(&r); n == 1 {
		b.WriteString(r.String())
	} else {
		b.WriteByte('(')
		b.WriteString(r.String())
		b.WriteByte(')')
	}
	return b.String()
}

func (s *scanner) valueTypes(b *strings.Builder) (n int) {
	s.vector("parameters", maxScanParams, func() {
		if n > 0 {
			b.WriteString(", ")
		}
		b.WriteString(s.valueType())
		n++
	})
	return n
}

func (s *scanner) valueType() string {
	switch c := s.byte(); c {
	case 0x7f:
		return "i32"
	case 0x7e:
		return "i64"
	case 0x7d:
		return "f32"
	case 0x7c:
		return "f64"
	case 0x7b:
		return "v128"
	case 0x70:
		return "funcref"
	case 0x6f:
		return "externref"
	default:
		s.fail("uses unsupported value type 0x%02x", c)
		return "?"
	}
}
