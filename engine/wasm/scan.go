package wasm

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/wicketmq/wicket/engine/wasm/format"
)

// module is what the scanner reads of a binary before it is compiled: enough
// to refuse what the engine would not bound, and to say clearly what is wrong.
type module struct {
	types     [][]byte // as they are in the section
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

var kindNames = [...]string{"function", "table", "memory", "global", "tag"}

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
	s := newScanner(binary[8:])
	for len(s.B) > 0 && s.Err == nil {
		id := s.Byte()
		size := s.U32()
		body := newScanner(s.Take(size))
		if s.Err != nil {
			break
		}
		m.section(id, body)
		s.Err = body.Err
	}
	if s.Err != nil {
		return nil, s.Err
	}
	return m, nil
}

func (m *module) section(id byte, s *scanner) {
	size := len(s.B)
	switch id {
	case format.SectionType:
		s.vector("types", maxScanTypes, func() {
			before := s.B
			s.function()
			m.types = append(m.types, before[:len(before)-len(s.B)])
		})
	case format.SectionImport:
		s.vector("imports", maxScanImports, func() { m.imports = append(m.imports, s.importEntry()) })
	case format.SectionFunction:
		s.vector("functions", maxScanFunctions, func() { m.functions = append(m.functions, s.U32()) })
	case format.SectionTable:
		s.vector("tables", maxScanTables, func() { m.tables = append(m.tables, s.table()) })
	case format.SectionMemory:
		s.vector("memories", 1, func() { m.memories = append(m.memories, s.limits()) })
	case format.SectionGlobal:
		m.globals = s.U32()
	case format.SectionExport:
		s.vector("exports", maxScanExports, func() { m.export(s) })
	case format.SectionElement:
		m.elements, m.elementBytes = s.U32(), size
	case format.SectionCode:
		m.codes = s.U32()
	case format.SectionData:
		m.data = s.U32()
	}
}

func (m *module) export(s *scanner) {
	name := s.name()
	kind := s.Byte()
	index := s.U32()
	if s.Err != nil {
		return
	}
	if _, ok := m.exports[name]; ok {
		s.Failf("exports %q twice", name)
		return
	}
	m.exports[name] = exportEntry{kind, index}
	m.order = append(m.order, name)
}

// signature returns the type of the function with the given index, imported
// ones first, or "" when there is none.
func (m *module) signature(index uint32) string {
	for i := range m.imports {
		if m.imports[i].kind != format.KindFunction {
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

// typeText returns a type as a signature, such as "(i32, i64) -> i32".
func (m *module) typeText(index uint32) string {
	if uint64(index) >= uint64(len(m.types)) {
		return ""
	}
	return newScanner(m.types[index]).signature()
}

// scanner is a reader that bounds what it reads.
type scanner struct{ format.Reader }

func newScanner(b []byte) *scanner { return &scanner{format.Reader{B: b}} }

// vector reads a count and calls item that many times.
func (s *scanner) vector(what string, limit uint32, item func()) {
	n := s.U32()
	if n > limit {
		s.Failf("has %d %s; the limit is %d", n, what, limit)
	}
	for range n {
		if s.Err != nil {
			return
		}
		item()
	}
}

func (s *scanner) name() string {
	n := s.U32()
	if n > maxScanName {
		s.Failf("has a name of %d bytes; the limit is %d", n, maxScanName)
	}
	t := s.Take(n)
	if !utf8.Valid(t) {
		s.Failf("has a name that is not UTF-8")
		return ""
	}
	return string(t)
}

func (s *scanner) importEntry() importEntry {
	e := importEntry{module: s.name(), name: s.name(), kind: s.Byte()}
	switch e.kind {
	case format.KindFunction:
		e.typ = s.U32()
	case format.KindTable:
		s.table()
	case format.KindMemory:
		s.limits()
	case format.KindGlobal:
		s.valueType()
		s.Byte()
	case format.KindTag:
		s.Byte()
		s.U32()
	default:
		s.Failf("imports %q.%q of unknown kind %d", e.module, e.name, e.kind)
	}
	return e
}

func (s *scanner) table() limits {
	switch c := s.Byte(); c {
	case 0x70, 0x6f: // funcref, externref
	default:
		s.Failf("has a table of unsupported type 0x%02x", c)
	}
	return s.limits()
}

func (s *scanner) limits() limits {
	var l limits
	switch flags := s.Byte(); flags {
	case 0:
		l.min = s.U32()
	case 1:
		l.min, l.max, l.bounded = s.U32(), s.U32(), true
	default: // shared, 64-bit
		s.Failf("uses limits of unsupported form 0x%02x (threads or 64-bit memory)", flags)
	}
	return l
}

func (s *scanner) signature() string {
	params, results := s.function()
	text := "(" + strings.Join(params, ", ") + ") -> "
	if len(results) == 1 {
		return text + results[0]
	}
	return text + "(" + strings.Join(results, ", ") + ")"
}

// function reads a function type.
func (s *scanner) function() (params, results []string) {
	if form := s.Byte(); s.Err == nil && form != 0x60 {
		s.Failf("has a type of unsupported form 0x%02x", form)
	}
	return s.valueTypes(), s.valueTypes()
}

func (s *scanner) valueTypes() (list []string) {
	s.vector("parameters", maxScanParams, func() { list = append(list, s.valueType()) })
	return list
}

func (s *scanner) valueType() string {
	switch c := s.Byte(); c {
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
		s.Failf("uses unsupported value type 0x%02x", c)
		return "?"
	}
}
