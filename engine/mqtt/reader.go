package mqtt

import "encoding/binary"

// reader takes fields off the front of a body. The first failure sticks: all
// later reads give zero values, and err says what was wrong.
type reader struct {
	rest []byte
	err  error
}

// fail records the first error and stops the reader.
func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.rest = nil
}

func (r *reader) byte() byte {
	if len(r.rest) < 1 {
		r.fail(errTruncated)
		return 0
	}
	c := r.rest[0]
	r.rest = r.rest[1:]
	return c
}

func (r *reader) uint16() uint16 {
	if len(r.rest) < 2 {
		r.fail(errTruncated)
		return 0
	}
	n := binary.BigEndian.Uint16(r.rest)
	r.rest = r.rest[2:]
	return n
}

func (r *reader) uint32() uint32 {
	if len(r.rest) < 4 {
		r.fail(errTruncated)
		return 0
	}
	n := binary.BigEndian.Uint32(r.rest)
	r.rest = r.rest[4:]
	return n
}

func (r *reader) varint() int {
	n, size, err := parseVarint(r.rest)
	switch err {
	case nil:
		r.rest = r.rest[size:]
	case ErrShort:
		r.fail(errTruncated)
	default:
		r.fail(err)
	}
	return n
}

// binary reads Binary Data (§1.5.6): never nil unless it fails.
func (r *reader) binary() []byte {
	if len(r.rest) >= 2 {
		end := 2 + int(binary.BigEndian.Uint16(r.rest))
		if end <= len(r.rest) {
			b := r.rest[2:end:end]
			r.rest = r.rest[end:]
			return b
		}
	}
	r.fail(errTruncated)
	return nil
}

// string reads a UTF-8 Encoded String (§1.5.4).
func (r *reader) string() []byte {
	s := r.binary()
	if err := checkString(s); err != nil {
		r.fail(err)
	}
	return s
}

// name reads a topic name; it may be empty.
func (r *reader) name() []byte {
	s := r.binary()
	if err := checkName(s); err != nil {
		r.fail(err)
	}
	return s
}

// packetID reads a packet identifier, which is never 0 [MQTT-2.2.1-3].
func (r *reader) packetID() uint16 {
	id := r.uint16()
	if id == 0 {
		r.fail(errPacketID)
	}
	return id
}

// properties reads a property block with its length (§2.2.2).
func (r *reader) properties(in typeSet) propReader {
	n := r.varint()
	if n > len(r.rest) {
		r.fail(errTruncated)
	}
	if r.err != nil {
		return propReader{}
	}
	block := r.rest[:n:n]
	r.rest = r.rest[n:]
	return propReader{reader: reader{rest: block}, block: block, in: in}
}

// join takes over the error of a property block that was read in r's place.
func (r *reader) join(props *propReader) {
	if props.err != nil {
		r.fail(props.err)
	}
}

// end fails when bytes are left, and returns the first error.
func (r *reader) end() error {
	if len(r.rest) > 0 {
		r.fail(errTrailing)
	}
	return r.err
}

// appendString appends a length-prefixed string or binary field.
func appendString(dst, s []byte) []byte {
	dst = append(dst, byte(len(s)>>8), byte(len(s)))
	return append(dst, s...)
}
