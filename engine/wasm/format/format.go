// Package format reads the binary format of WebAssembly modules: its numbers
// and names, and what sections and external kinds are called. What a module
// means is for those who read it: package wasm refuses what the host cannot
// bound, package meter rewrites the rest.
//
// The package is pure. A Reader belongs to one goroutine and refers to the bytes
// that it was given.
package format

// The sections of a module, by id (WebAssembly 2.0 §5.5.2).
const (
	SectionCustom = iota
	SectionType
	SectionImport
	SectionFunction
	SectionTable
	SectionMemory
	SectionGlobal
	SectionExport
	SectionStart
	SectionElement
	SectionCode
	SectionData
	SectionDataCount
	Sections // their number
)

// The kinds of what a module imports and exports (WebAssembly 2.0 §5.5.5).
const (
	KindFunction = iota
	KindTable
	KindMemory
	KindGlobal
	KindTag // of the exception handling proposal
)
