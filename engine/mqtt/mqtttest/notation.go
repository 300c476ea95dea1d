package mqtttest

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Length is a length field in a packet: Size bytes at Offset.
type Length struct{ Offset, Size int }

// Parse turns the table's notation into bytes, and lists the length fields
// that the notation made. Spaces and line ends separate.
//
//	10 003c     hexadecimal digits: bytes
//	'text'      the bytes of the text
//	"text"      the text after its length in two bytes
//	[ … ]       the contents after their length in two bytes
//	< … >       the contents after their length as a variable byte integer
//	{300 61}    the byte 61, 300 times
//	; comment   up to the end of the line
//
// So `10 < "MQTT" 04 02 003c "id" >` is a CONNECT. Parse panics when the
// notation is wrong: it is part of the source of a test.
func Parse(notation string) (packet []byte, lengths []Length) {
	p := parser{in: notation}
	packet = p.list(0)
	return packet, p.lengths
}

type parser struct {
	in      string
	pos     int
	lengths []Length
}

func (p *parser) list(end byte) (out []byte) {
	for {
		c := p.next()
		switch {
		case c == end:
			return out
		case c == 0:
			p.fail("missing " + string(end))
		case c == '\'':
			out = append(out, p.until('\'')...)
		case c == '"':
			out = p.nest(out, len(out), []byte(p.until('"')), nil, 2)
		case c == '[', c == '<':
			out = p.group(out, c)
		case c == '{':
			out = append(out, p.repeat()...)
		default:
			p.pos--
			out = append(out, p.digits()...)
		}
	}
}

// next skips spaces and comments and takes a character; 0 at the end.
func (p *parser) next() byte {
	for p.pos < len(p.in) {
		c := p.in[p.pos]
		p.pos++
		switch c {
		case ' ', '\t', '\n', '|':
		case ';':
			if i := strings.IndexByte(p.in[p.pos:], '\n'); i >= 0 {
				p.pos += i
			} else {
				p.pos = len(p.in)
			}
		default:
			return c
		}
	}
	return 0
}

func (p *parser) until(quote byte) string {
	i := strings.IndexByte(p.in[p.pos:], quote)
	if i < 0 {
		p.fail("missing " + string(quote))
	}
	s := p.in[p.pos : p.pos+i]
	p.pos += i + 1
	return s
}

func (p *parser) group(out []byte, open byte) []byte {
	inner := parser{in: p.in, pos: p.pos}
	if open == '[' {
		body := inner.list(']')
		p.pos = inner.pos
		return p.nest(out, len(out), body, inner.lengths, 2)
	}
	body := inner.list('>')
	p.pos = inner.pos
	return p.nest(out, len(out), body, inner.lengths, 0)
}

// nest appends body after its length: two bytes, or a variable byte integer
// when size is 0.
func (p *parser) nest(out []byte, at int, body []byte, inner []Length, size int) []byte {
	if size == 2 {
		out = binary.BigEndian.AppendUint16(out, uint16(len(body)))
	} else {
		out = binary.AppendUvarint(out, uint64(len(body)))
		size = len(out) - at
	}
	p.lengths = append(p.lengths, Length{at, size})
	for _, l := range inner {
		p.lengths = append(p.lengths, Length{l.Offset + at + size, l.Size})
	}
	return append(out, body...)
}

func (p *parser) repeat() []byte {
	count, digits, _ := strings.Cut(p.until('}'), " ")
	n, err := strconv.Atoi(count)
	c, hexErr := hex.DecodeString(digits)
	if err != nil || hexErr != nil || len(c) != 1 {
		p.fail("bad repetition")
	}
	return []byte(strings.Repeat(string(c), n))
}

func (p *parser) digits() []byte {
	end := p.pos
	for end < len(p.in) && strings.IndexByte("0123456789abcdefABCDEF", p.in[end]) >= 0 {
		end++
	}
	out, err := hex.DecodeString(p.in[p.pos:end])
	if err != nil || len(out) == 0 {
		p.fail("bad hexadecimal digits")
	}
	p.pos = end
	return out
}

func (p *parser) fail(text string) {
	panic(fmt.Sprintf("mqtttest: %s at %d in %q", text, p.pos, p.in))
}
