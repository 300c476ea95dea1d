package json

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep lists and objects may stand in each other.
const maxDepth = 64

// parser reads JSON (RFC 8259). After a fault it stays where it is with err set.
type parser struct {
	text  string
	at    int
	depth int
	err   error
}

// document reads a value and the end of the text.
func (p *parser) document() Value {
	v := p.value()
	if p.space(); p.at < len(p.text) {
		p.fail("text after the end")
	}
	return v
}

func (p *parser) fail(what string) {
	if p.err == nil {
		p.err = errors.New(what + " at byte " + strconv.Itoa(p.at))
	}
}

// space passes over white space and returns the byte after it, 0 at the end
// and after a fault.
func (p *parser) space() byte {
	for p.err == nil && p.at < len(p.text) {
		switch c := p.text[p.at]; c {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return c
		}
	}
	return 0
}

func (p *parser) value() Value {
	switch c := p.space(); {
	case c == '{':
		return Value{kind: Object, members: p.object()}
	case c == '[':
		return Value{kind: Array, list: p.list()}
	case c == '"':
		return Value{kind: String, text: p.string()}
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	case p.word("true"):
		return Value{kind: Bool, text: "true"}
	case p.word("false"):
		return Value{kind: Bool, text: "false"}
	case p.word("null"):
		return Value{kind: Null}
	}
	p.fail("want a value")
	return Value{}
}

func (p *parser) word(w string) bool {
	if p.err != nil || !strings.HasPrefix(p.text[p.at:], w) {
		return false
	}
	p.at += len(w)
	return true
}

// items reads the members between two brackets.
func (p *parser) items(end byte, item func()) {
	if p.depth++; p.depth > maxDepth {
		p.fail("more than " + strconv.Itoa(maxDepth) + " levels")
	}
	p.at++
	for first := true; p.err == nil; first = false {
		c := p.space()
		if c == end {
			p.at++
			break
		}
		if !first {
			if c != ',' {
				p.fail("want a comma")
				break
			}
			p.at++
		}
		item()
	}
	p.depth--
}

func (p *parser) list() (list []Value) {
	p.items(']', func() { list = append(list, p.value()) })
	return list
}

// fewMembers is the size of an object up to which a look at all members finds
// a key that comes twice; beyond it a map does.
const fewMembers = 16

func (p *parser) object() (members []Member) {
	var seen map[string]bool
	p.items('}', func() {
		if p.space() != '"' {
			p.fail("want a key")
			return
		}
		key := p.string()
		twice := seen[key]
		if len(members) <= fewMembers {
			twice = find(members, key) >= 0
		} else if seen == nil {
			seen = make(map[string]bool, 4*fewMembers)
			for i := range members {
				seen[members[i].Key] = true
			}
			twice = seen[key]
		}
		if seen != nil {
			seen[key] = true
		}
		if twice {
			p.fail("key " + strconv.Quote(key) + " is there twice")
		}
		if p.space() != ':' {
			p.fail("want a colon")
			return
		}
		p.at++
		if members == nil {
			members = make([]Member, 0, 4)
		}
		members = append(members, Member{key, p.value()})
	})
	return members
}

// number reads a number (RFC 8259 section 6).
func (p *parser) number() Value {
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
	return Value{kind: Number, text: p.text[start:p.at]}
}

// digits passes over one digit or more.
func (p *parser) digits() {
	start := p.at
	for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		p.at++
	}
	if p.at == start {
		p.fail("want a number")
	}
}

// string reads a string. One without escapes is a part of the text.
func (p *parser) string() string {
	start := p.at
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			return p.text[start+1 : p.at-1]
		case c == '\\':
			return p.unescape(p.text[start+1 : p.at])
		case c < ' ':
			p.fail("control character in text")
			return ""
		}
	}
	p.fail("text without an end")
	return ""
}

// unescape reads the rest of a string whose first escape is next.
func (p *parser) unescape(head string) string {
	var b strings.Builder
	b.WriteString(head)
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
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
	if p.at == len(p.text) {
		p.fail("text without an end")
		return
	}
	c := p.text[p.at]
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
	if p.at+4 <= len(p.text) {
		if v, err := strconv.ParseUint(p.text[p.at:p.at+4], 16, 16); err == nil {
			p.at += 4
			return rune(v)
		}
	}
	p.fail("want four hexadecimal digits")
	return utf8.RuneError
}
