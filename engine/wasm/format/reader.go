package format

import (
	"errors"
	"fmt"
)

// What is wrong with bytes that cannot be read. They complete the sentence "the
// module …".
var (
	ErrTruncated = errors.New("ends too early")
	ErrNumber    = errors.New("has a malformed number")
	ErrTrailing  = errors.New("has bytes behind its end")
)

// Reader reads from the front of B. After the first error, Err, it returns
// zeros.
type Reader struct {
	B   []byte
	Err error
}

// Fail sets the error, unless there is one, and ends the reading.
func (r *Reader) Fail(err error) {
	if r.Err == nil {
		r.Err = err
	}
	r.B = nil
}

// Failf is Fail with a text.
func (r *Reader) Failf(format string, args ...any) { r.Fail(fmt.Errorf(format, args...)) }

// More reports whether there is something left to read.
func (r *Reader) More() bool { return r.Err == nil && len(r.B) > 0 }

// Done returns the first error; bytes that were not read are one.
func (r *Reader) Done() error {
	if r.Err == nil && len(r.B) > 0 {
		r.Err = ErrTrailing
	}
	return r.Err
}

// Byte reads a byte.
func (r *Reader) Byte() byte {
	if len(r.B) == 0 {
		r.Fail(ErrTruncated)
		return 0
	}
	c := r.B[0]
	r.B = r.B[1:]
	return c
}

// Take reads n bytes and returns them where they are.
func (r *Reader) Take(n uint32) []byte {
	if uint64(n) > uint64(len(r.B)) {
		r.Fail(ErrTruncated)
		return nil
	}
	t := r.B[:n]
	r.B = r.B[n:]
	return t
}

// U32 reads an unsigned LEB128 number of at most 32 bits (WebAssembly 2.0
// §5.2.2): at most five bytes, and no bits beyond the 32.
func (r *Reader) U32() uint32 {
	if len(r.B) > 0 && r.B[0] < 0x80 { // nearly always
		c := r.B[0]
		r.B = r.B[1:]
		return uint32(c)
	}
	return r.longU32()
}

func (r *Reader) longU32() uint32 {
	var v uint32
	for shift := 0; shift < 35; shift += 7 {
		c := r.Byte()
		if shift == 28 && c > 0x0f {
			break
		}
		v |= uint32(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
	r.Fail(ErrNumber)
	return 0
}
