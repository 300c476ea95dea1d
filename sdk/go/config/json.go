package config

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
func (p *parser) document() any {
	v := p.value()
	if p.space(); p.at < len(p.text) {
		p.fail("text after the end")
	}
	return v
}

func (p *parser) fail(what string) {
	if p.err == nil {
		p.err = errors.New("the plugin's config is no JSON: " + what + " at byte " + strconv.Itoa(p.at))
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

func (p *parser) value() any {
	switch c := p.space(); {
	case c == '{':
		return p.object()
	case c == '[':
		return p.list()
	case c == '"':
		return p.string()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	case p.word("true"):
		return true
	case p.word("false"):
		return false
	case p.word("null"):
		return nil
	}
	p.fail("want a value")
	return nil
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

func (p *parser) list() []any {
	list := []any{}
	p.items(']', func() { list = append(list, p.value()) })
	return list
}

func (p *parser) object() *Object {
	o := &Object{}
	p.items('}', func() {
		if p.space() != '"' {
			p.fail("want a key")
			return
		}
		key := p.string()
		if o.Has(key) {
			p.fail("key " + strconv.Quote(key) + " is there twice")
		}
		if p.space() != ':' {
			p.fail("want a colon")
			return
		}
		p.at++
		o.entries = append(o.entries, entry{key: key, value: p.value()})
	})
	return o
}

// number reads a number; it is checked when it is used.
func (p *parser) number() number {
	start := p.at
	for p.at < len(p.text) && strings.IndexByte("+-.eE0123456789", p.text[p.at]) >= 0 {
		p.at++
	}
	if _, err := strconv.ParseFloat(p.text[start:p.at], 64); err != nil {
		p.at = start
		p.fail("want a number")
	}
	return number(p.text[start:p.at])
}

func (p *parser) string() string {
	start := p.at
	var b strings.Builder
	for p.at++; p.at < len(p.text); {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			if !utf8.ValidString(b.String()) {
				p.at = start
				p.fail("text that is no UTF-8")
			}
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
