package tlsio

import (
	"bytes"
	"crypto/tls"
	"reflect"
	"unsafe"
)

// crypto/tls keeps two input buffers for the life of a connection, as large as
// they ever had to be: the raw one holds the record that is being decrypted,
// the other handshake messages. Nothing is in them between two records, and
// together they are a third of an idle connection, so here they are taken away
// when they are empty, and the raw one is lent for the time of a Read.
//
// They are found by their names and type. A Go release in which they are not
// what they were keeps its buffers: that costs memory and nothing else.
// TestBuffersFound tells when it happens.
var (
	rawInput = bufferIn("rawInput")
	hand     = bufferIn("hand")
)

// bufferIn is the offset of a bytes.Buffer in a tls.Conn, 0 when there is none
// of this name.
func bufferIn(name string) uintptr {
	f, ok := reflect.TypeFor[tls.Conn]().FieldByName(name)
	if !ok || f.Type != reflect.TypeFor[bytes.Buffer]() {
		return 0
	}
	return f.Offset
}

// buffer returns the buffer at an offset that bufferIn has found, or nil.
func buffer(c *tls.Conn, offset uintptr) *bytes.Buffer {
	if offset == 0 {
		return nil
	}
	return (*bytes.Buffer)(unsafe.Add(unsafe.Pointer(c), offset))
}

// letGo takes an empty buffer's memory away.
func letGo(b *bytes.Buffer) {
	if b != nil && b.Len() == 0 {
		*b = bytes.Buffer{}
	}
}

// Scratch is the memory in which the connections of one loop decrypt, one
// after the other. The zero value is ready for use.
type Scratch struct{ raw []byte }

// scratchSize holds the largest record and what bytes.Buffer wants to read
// into behind it.
const scratchSize = maxRecordLength + 2*bytes.MinRead

// lend gives the memory to a connection whose raw buffer is free. One that
// still holds decrypted bytes has a buffer already.
func (s *Scratch) lend(raw *bytes.Buffer) {
	if raw == nil || raw.Cap() > 0 {
		return
	}
	if s.raw == nil {
		s.raw = make([]byte, 0, scratchSize)
	}
	*raw = *bytes.NewBuffer(s.raw)
	s.raw = nil // lent
}

// takeBack ends the loan. busy says that decrypted bytes which did not fit
// into the caller's buffer still lie in the memory: then the connection keeps
// it, until a later Read has taken them.
func (s *Scratch) takeBack(raw *bytes.Buffer, busy bool) {
	if raw == nil || busy || raw.Len() > 0 {
		return
	}
	raw.Reset()
	if memory := raw.AvailableBuffer(); s.raw == nil && cap(memory) <= 2*scratchSize {
		s.raw = memory
	}
	*raw = bytes.Buffer{}
}
