package meter

import (
	"encoding/binary"
	"fmt"
)

// reader reads from the front of b. After the first error it returns zeros.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.b = nil
}

func (r *reader) failf(format string, args ...any) { r.fail(fmt.Errorf(format, args...)) }

// more reports whether there is something left to read.
func (r *reader) more() bool { return r.err == nil && len(r.b) > 0 }

// done returns the first error; bytes that were not read are one.
func (r *reader) done() error {
	if r.err == nil && len(r.b) > 0 {
		r.err = errTrailing
	}
	return r.err
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail(errTruncated)
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) take(n uint32) []byte {
	if uint64(n) > uint64(len(r.b)) {
		r.fail(errTruncated)
		return nil
	}
	t := r.b[:n]
	r.b = r.b[n:]
	return t
}

// u32 reads an unsigned LEB128 number of at most 32 bits (WebAssembly 2.0
// §5.2.2): at most five bytes, and no bits beyond the 32.
func (r *reader) u32() uint32 {
	if len(r.b) > 0 && r.b[0] < 0x80 { // nearly always
		c := r.b[0]
		r.b = r.b[1:]
		return uint32(c)
	}
	var v uint32
	for shift := 0; shift < 35; shift += 7 {
		c := r.byte()
		if shift == 28 && c > 0x0f {
			break
		}
		v |= uint32(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
	r.fail(errNumber)
	return 0
}

// skipSigned passes over a signed LEB128 number of at most size bytes. Its
// value is not needed: whether it fits is for the engine to say.
func (r *reader) skipSigned(size int) {
	for range size {
		if r.byte() < 0x80 {
			return
		}
	}
	r.fail(errNumber)
}

// index reads an index and refuses it unless it is below n.
func (r *reader) index(what string, n int) uint32 {
	i := r.u32()
	if r.err == nil && uint64(i) >= uint64(n) {
		r.failf("refers to %s %d of %d", what, i, n)
		return 0
	}
	return i
}

// vector reads a count and calls item that many times, until the first error.
func (r *reader) vector(item func()) {
	for n := r.u32(); n > 0 && r.err == nil; n-- {
		item()
	}
}

func (r *reader) name() []byte { return r.take(r.u32()) }

// zero reads a byte that must be zero: the index of the only memory.
func (r *reader) zero() {
	if c := r.byte(); c != 0 {
		r.failf("uses several memories, which this host does not have")
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
