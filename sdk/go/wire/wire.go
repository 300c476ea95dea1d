// Package wire reads and writes the messages of sdk/wicket.proto in the
// protobuf wire format, by hand: no reflection, no generated code, one
// allocation at most per repeated field.
//
// Decode keeps no copy: the strings and byte slices of a message point into
// the bytes it was decoded from. Whoever calls Decode gives those bytes away
// for as long as the message, or any string out of it, is in use. Append
// writes to the caller's buffer and keeps nothing. Nothing here is safe for
// concurrent use on one message.
package wire

import (
	"errors"
	"unsafe"
)

// ErrMalformed says that bytes are not a message of the kind asked for: a
// broken varint, a length past the end, a known field of the wrong wire type,
// or a number that does not fit its field.
var ErrMalformed = errors.New("malformed message")

// The wire types of protobuf that occur.
const (
	typeVarint = 0
	typeI64    = 1
	typeBytes  = 2
	typeI32    = 5
)

// reader walks over the fields of one message: next reads a whole field, and
// the accessors convert its value. After a fault it stays at the end with bad
// set, so that callers check once. Calls are dear in WebAssembly, hence one per
// field that does not fit the inliner, and few that do.
type reader struct {
	b    []byte
	i    int    // where the next field starts
	num  uint32 // field number
	typ  byte
	n    uint64 // value of a varint
	data []byte // value of a length-delimited field
	bad  bool
}

// next reads a field; it is false at the end and after a fault.
func (r *reader) next() bool {
	b, i := r.b, r.i
	if i+2 > len(b) {
		if i < len(b) {
			r.fail()
		}
		return false
	}
	if key, n := b[i], b[i+1]; key < 0x80 && n < 0x80 && key >= 8 { // most are like that
		i += 2
		r.num, r.typ = uint32(key>>3), key&7
		switch r.typ {
		case typeVarint:
			r.n, r.i = uint64(n), i
			return true
		case typeBytes:
			if end := i + int(n); end <= len(b) {
				r.data, r.i = b[i:end:end], end // the capacity ends with the field
				return true
			}
		}
	}
	return r.long()
}

// long reads a field of any form.
func (r *reader) long() bool {
	b := r.b
	key, i := varint(b, r.i)
	if i < 0 || key < 8 || key >= 1<<32 {
		return r.fail() // field number 0, or one past 2^29-1
	}
	r.num, r.typ = uint32(key>>3), byte(key&7)
	if r.typ == typeI64 || r.typ == typeI32 {
		return r.fixed(i)
	}
	if r.typ > typeBytes {
		return r.fail()
	}
	n, i := varint(b, i)
	if i < 0 {
		return r.fail()
	}
	if r.typ == typeVarint {
		r.n, r.i = n, i
		return true
	}
	if n > uint64(len(b)-i) {
		return r.fail()
	}
	r.i = i + int(n)
	r.data = b[i:r.i:r.i]
	return true
}

// fixed passes over a fixed-size value; only unknown fields have one.
func (r *reader) fixed(i int) bool {
	size := 4
	if r.typ == typeI64 {
		size = 8
	}
	if size > len(r.b)-i {
		return r.fail()
	}
	r.i = i + size
	return true
}

func (r *reader) fail() bool {
	r.bad = true
	r.i = len(r.b)
	return false
}

func (r *reader) err() error {
	if r.bad {
		return ErrMalformed
	}
	return nil
}

// varint reads up to ten bytes at b[i:], of which the tenth may only be 0 or 1,
// and returns where it ends, or -1.
func varint(b []byte, i int) (v uint64, end int) {
	for shift := uint(0); shift < 70 && i < len(b); shift += 7 {
		c := b[i]
		i++
		if shift == 63 && c > 1 {
			break
		}
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return v, i
		}
	}
	return 0, -1
}

func (r *reader) u64() uint64 {
	if r.typ != typeVarint {
		r.fail()
	}
	return r.n
}

func (r *reader) u32() uint32 {
	if r.typ != typeVarint || r.n > 1<<32-1 {
		r.fail()
	}
	return uint32(r.n)
}

func (r *reader) bool() bool {
	if r.typ != typeVarint {
		r.fail()
	}
	return r.n != 0
}

func (r *reader) bytes() []byte {
	if r.typ != typeBytes {
		r.fail()
	}
	return r.data
}

func (r *reader) string() string {
	if r.typ != typeBytes {
		r.fail()
	}
	return unsafe.String(unsafe.SliceData(r.data), len(r.data))
}

// embedded takes the outcome of decoding an embedded message.
func (r *reader) embedded(err error) {
	if err != nil {
		r.fail()
	}
}

func appendVarint(dst []byte, v uint64) []byte {
	for v >= 0x80 {
		dst = append(dst, byte(v)|0x80)
		v >>= 7
	}
	return append(dst, byte(v))
}

func appendKey(dst []byte, num uint64, typ byte) []byte {
	return appendVarint(dst, num<<3|uint64(typ))
}

// appendUint writes nothing for zero, which is what absence means. Most fields
// are absent, so that this, and the likes of it, are to be inlined.
func appendUint(dst []byte, num, v uint64) []byte {
	if v == 0 {
		return dst
	}
	return appendNumber(dst, num, v)
}

//go:noinline
func appendNumber(dst []byte, num, v uint64) []byte {
	return appendVarint(appendKey(dst, num, typeVarint), v)
}

func appendBool(dst []byte, num uint64, v bool) []byte {
	if !v {
		return dst
	}
	return append(appendKey(dst, num, typeVarint), 1)
}

func appendBytes[T string | []byte](dst []byte, num uint64, v T) []byte {
	if len(v) == 0 {
		return dst
	}
	return appendElement(dst, num, v)
}

// appendElement writes an element of a repeated field, which counts even when
// it is empty.
//
//go:noinline
func appendElement[T string | []byte](dst []byte, num uint64, v T) []byte {
	if n := len(v); n < 0x80 && num < 16 { // most are like that
		dst = append(dst, byte(num<<3|typeBytes), byte(n))
	} else {
		dst = appendVarint(appendKey(dst, num, typeBytes), uint64(n))
	}
	return append(dst, v...)
}

// appendMessage writes an embedded message: one byte is kept for the length,
// and the content moves only when it needs more.
func appendMessage(dst []byte, num uint64, m interface{ Append([]byte) []byte }) []byte {
	dst = append(appendKey(dst, num, typeBytes), 0)
	start := len(dst)
	dst = m.Append(dst)
	size := len(dst) - start
	if size < 0x80 {
		dst[start-1] = byte(size)
		return dst
	}
	var head [10]byte
	length := appendVarint(head[:0], uint64(size))
	dst = append(dst, length[1:]...) // room: the content moves up by as much
	copy(dst[start+len(length)-1:], dst[start:start+size])
	copy(dst[start-1:], length)
	return dst
}
