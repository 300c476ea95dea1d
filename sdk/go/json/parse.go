package json

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// maxDepth is how deep lists and objects may stand in each other.
const maxDepth = 64

// maxText is the longest text that is read.
const maxText = 1 << 30

// document is a text and the values in it, each before those that it holds. One
// list without pointers costs a guest a tenth of a tree of values.
type document struct {
	text  string
	nodes []node
	texts []string // strings that had escapes
	few   [fewNodes]node
}

// fewNodes is how many values and keys a short answer has: those stand in the
// document itself.
const fewNodes = 24

// node is a value, or the key that stands before one.
type node struct {
	from, to uint32 // its text; of an Array and an Object, to is how many it holds
	next     uint32 // the node behind it and what it holds
	kind     Kind
	escaped  bool // from is an index of texts
}

// string returns the text of a String, or of a key.
func (d *document) string(i uint32) string {
	n := &d.nodes[i]
	if n.escaped {
		return d.texts[n.from]
	}
	return d.text[n.from:n.to]
}

// parser reads JSON (RFC 8259). After a fault it stays where it is with err set.
type parser struct {
	d     *document
	at    int
	depth int
	err   error
}

// document reads a value and the end of the text.
func (p *parser) document() {
	p.value()
	if p.space(); p.at < len(p.d.text) {
		p.fail("text after the end")
	}
}

func (p *parser) fail(what string) {
	if p.err == nil {
		p.err = errors.New(what + " at byte " + strconv.Itoa(p.at))
	}
}

// space passes over white space and returns the byte after it, 0 at the end
// and after a fault.
func (p *parser) space() byte {
	if p.err != nil {
		return 0
	}
	text, at := p.d.text, p.at
	for at < len(text) {
		c := text[at]
		if c > ' ' || c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			p.at = at
			return c
		}
		at++
	}
	p.at = at
	return 0
}

// add adds a node whose text begins at from and ends here.
func (p *parser) add(kind Kind, from int) {
	p.d.nodes = append(p.d.nodes, node{from: uint32(from), to: uint32(p.at), next: uint32(len(p.d.nodes) + 1), kind: kind})
}

func (p *parser) value() {
	switch c := p.space(); c {
	case '"':
		p.string()
	case '{':
		p.collection(Object, '}')
	case '[':
		p.collection(Array, ']')
	case 't', 'f', 'n':
		start := p.at
		switch {
		case p.word("true"), p.word("false"):
			p.add(Bool, start)
		case p.word("null"):
			p.add(Null, start)
		default:
			p.fail("want a value")
		}
	default:
		if c != '-' && (c < '0' || c > '9') {
			p.fail("want a value")
			return
		}
		p.number()
	}
}

func (p *parser) word(w string) bool {
	if p.err != nil || !strings.HasPrefix(p.d.text[p.at:], w) {
		return false
	}
	p.at += len(w)
	return true
}

// collection reads what stands between two brackets.
func (p *parser) collection(kind Kind, end byte) {
	if p.depth++; p.depth > maxDepth {
		p.fail("more than " + strconv.Itoa(maxDepth) + " levels")
	}
	self, count := len(p.d.nodes), uint32(0)
	p.add(kind, p.at)
	var seen map[string]bool
	p.at++
	for p.err == nil {
		c := p.space()
		if c == end {
			p.at++
			break
		}
		if count > 0 {
			if c != ',' {
				p.fail("want a comma")
				break
			}
			p.at++
		}
		if kind == Object {
			seen = p.key(uint32(self), count, seen)
		}
		p.value()
		count++
	}
	p.depth--
	n := &p.d.nodes[self]
	n.to, n.next = count, uint32(len(p.d.nodes))
}

// fewMembers is the size of an object up to which a look at all members finds
// a key that comes twice; beyond it a map does.
const fewMembers = 16

// key reads a key of an object that has count members, and the colon.
func (p *parser) key(object, count uint32, seen map[string]bool) map[string]bool {
	if p.space() != '"' {
		p.fail("want a key")
		return seen
	}
	i := uint32(len(p.d.nodes))
	if p.string(); p.err != nil {
		return seen
	}
	key, twice := p.d.string(i), false
	if seen == nil {
		for k := object + 1; k < i && !twice; k = p.d.nodes[k+1].next {
			twice = p.d.string(k) == key
		}
		if count == fewMembers {
			seen = make(map[string]bool, 4*fewMembers)
			for k := object + 1; k < i; k = p.d.nodes[k+1].next {
				seen[p.d.string(k)] = true
			}
			seen[key] = true
		}
	} else {
		twice = seen[key]
		seen[key] = true
	}
	if twice {
		p.fail("key " + strconv.Quote(key) + " is there twice")
	}
	if p.space() != ':' {
		p.fail("want a colon")
		return seen
	}
	p.at++
	return seen
}

// number reads a number (RFC 8259 section 6).
func (p *parser) number() {
	start := p.at
	p.word("-")
	if !p.word("0") {
		p.digits()
	}
	if p.word(".") {
		p.digits()
	}
	if p.word("e") || p.word("E") {
		if !p.word("+") {
			p.word("-")
		}
		p.digits()
	}
	p.add(Number, start)
}

// digits passes over one digit or more.
func (p *parser) digits() {
	text, start := p.d.text, p.at
	for p.at < len(text) && text[p.at] >= '0' && text[p.at] <= '9' {
		p.at++
	}
	if p.at == start {
		p.fail("want a number")
	}
}

// string reads a string. One without escapes is a part of the text.
func (p *parser) string() {
	text, start := p.d.text, p.at+1
	for at := start; at < len(text); at++ {
		c := text[at]
		if c > '"' && c != '\\' {
			if at+8 <= len(text) && ordinary(text[at:at+8]) {
				at += 7
			}
			continue
		}
		switch {
		case c == '"':
			p.at = at
			p.add(String, start)
			p.at++
			return
		case c == '\\':
			p.at = at
			s := p.unescape(text[start:at])
			p.add(String, len(p.d.texts))
			p.d.nodes[len(p.d.nodes)-1].escaped = true
			p.d.texts = append(p.d.texts, s)
			return
		case c < ' ':
			p.at = at
			p.fail("control character in text")
			return
		}
	}
	p.at = len(text)
	p.fail("text without an end")
}

// ordinary reports whether none of eight bytes is a quote, a backslash or a
// control character; where it says no, there need not be one. Turns of a loop are
// dear in WebAssembly.
func ordinary(s string) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	v := *(*uint64)(unsafe.Pointer(unsafe.StringData(s)))
	quote, escape := v^ones*'"', v^ones*'\\'
	return ((v-ones*' ')&^v|(quote-ones)&^quote|(escape-ones)&^escape)&high == 0
}

// unescape reads the rest of a string whose first escape is next.
func (p *parser) unescape(head string) string {
	var b strings.Builder
	b.WriteString(head)
	for p.at < len(p.d.text) {
		switch c := p.d.text[p.at]; {
		case c == '"':
			p.at++
			return b.String()
		case c == '\\':
			p.escape(&b)
			if p.err != nil {
				return ""
			}
		case c < ' ':
			p.fail("control character in text")
			return ""
		default:
			b.WriteByte(c)
			p.at++
		}
	}
	p.fail("text without an end")
	return ""
}

// escape reads what begins with a backslash.
func (p *parser) escape(b *strings.Builder) {
	p.at++
	if p.at == len(p.d.text) {
		p.fail("text without an end")
		return
	}
	c := p.d.text[p.at]
	p.at++
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		b.WriteByte("\"\\/\b\f\n\r\t"[i])
		return
	}
	if c != 'u' {
		p.fail("unknown escape")
		return
	}
	r := p.unit()
	if utf16.IsSurrogate(r) {
		low := rune(-1)
		if p.word(`\u`) {
			low = p.unit()
		}
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			p.fail("half a surrogate pair")
		}
	}
	b.WriteRune(r)
}

// unit reads the four digits of a \u escape.
func (p *parser) unit() rune {
	if p.at+4 <= len(p.d.text) {
		if v, err := strconv.ParseUint(p.d.text[p.at:p.at+4], 16, 16); err == nil {
			p.at += 4
			return rune(v)
		}
	}
	p.fail("want four hexadecimal digits")
	return utf8.RuneError
}
