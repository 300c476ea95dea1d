//go:build unix

package wasm

import (
	"syscall"

	"github.com/tetratelabs/wazero/experimental"
)

// allocate reserves the address space of a whole linear memory outside the Go
// heap: pages cost nothing until the guest touches them, growing never copies,
// the collector's pacing does not see them, and closing the instance gives
// them back to the system at once.
func allocate(_, most uint64) experimental.LinearMemory {
	b, err := syscall.Mmap(-1, 0, int(most), syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil { // an address space limit: do without
		return &heapMemory{limit: most}
	}
	return &mappedMemory{b}
}

// mappedMemory is an anonymous private mapping.
type mappedMemory struct{ b []byte }

// Reallocate implements experimental.LinearMemory.
func (m *mappedMemory) Reallocate(size uint64) []byte {
	if size > uint64(len(m.b)) {
		return nil
	}
	return m.b[:size]
}

// Free implements experimental.LinearMemory.
func (m *mappedMemory) Free() {
	if m.b != nil {
		_ = syscall.Munmap(m.b) // fails only for a slice that Mmap did not return
		m.b = nil
	}
}
