package meter

import (
	"encoding/binary"

	"github.com/wicketmq/wicket/engine/wasm/format"
)

// reader is a reader with what only a rewriter reads.
type reader struct{ format.Reader }

func newReader(b []byte) *reader { return &reader{format.Reader{B: b}} }

// skipSigned passes over a signed LEB128 number of at most size bytes. Its
// value is not needed: whether it fits is for the engine to say.
func (r *reader) skipSigned(size int) {
	for range size {
		if r.Byte() < 0x80 {
			return
		}
	}
	r.Fail(format.ErrNumber)
}

// index reads an index and refuses it unless it is below n.
func (r *reader) index(what string, n int) uint32 {
	i := r.U32()
	if r.Err == nil && uint64(i) >= uint64(n) {
		r.Failf("refers to %s %d of %d", what, i, n)
		return 0
	}
	return i
}

// vector reads a count and calls item that many times, until the first error.
func (r *reader) vector(item func()) {
	for n := r.U32(); n > 0 && r.Err == nil; n-- {
		item()
	}
}

func (r *reader) name() []byte { return r.Take(r.U32()) }

// zero reads a byte that must be zero: the index of the only memory.
func (r *reader) zero() {
	if c := r.Byte(); c != 0 {
		r.Failf("uses several memories, which this host does not have")
	}
}

func appendU32(b []byte, v uint32) []byte { return binary.AppendUvarint(b, uint64(v)) }

// appendFixed appends a number below 2^27 as a signed LEB128 number of four
// bytes, so that it can be set later.
func appendFixed(b []byte) []byte { return append(b, 0x80, 0x80, 0x80, 0) }

// maxFixed is the largest number that setFixed can write.
const maxFixed = 1<<27 - 1

func setFixed(b []byte, v int) {
	for i := range 3 {
		b[i] = 0x80 | byte(v>>(7*i))&0x7f
	}
	b[3] = byte(v >> 21)
}
