package wasm

import (
	"runtime/debug"
	"sync/atomic"
	"time"
)

// pageSize is the unit of WebAssembly memory.
const pageSize = 64 << 10

// heapMemory is a linear memory on the Go heap, for systems without mmap.
type heapMemory struct {
	b     []byte
	limit uint64
}

// Reallocate implements experimental.LinearMemory.
func (m *heapMemory) Reallocate(size uint64) []byte {
	if size > m.limit {
		return nil
	}
	if size > uint64(cap(m.b)) {
		b := make([]byte, size, min(m.limit, max(size, 2*uint64(cap(m.b)))))
		copy(b, m.b)
		m.b = b
	}
	m.b = m.b[:size]
	return m.b
}

// Free implements experimental.LinearMemory.
func (m *heapMemory) Free() { m.b = nil }

// reclaimEvery is how often reclaim may run: it costs a whole collection.
const reclaimEvery = time.Minute

var lastReclaim atomic.Int64

// reclaim gives freed heap back to the system after a guest has overflowed
// its stack. The engine keeps that stack on the Go heap and lets it grow to
// some 80 MiB (170 MiB with the copies on the way) before it traps.
func reclaim() {
	now := time.Now().Unix()
	last := lastReclaim.Load()
	if now-last >= int64(reclaimEvery/time.Second) && lastReclaim.CompareAndSwap(last, now) {
		go debug.FreeOSMemory()
	}
}
