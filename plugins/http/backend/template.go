package backend

import (
	"errors"
	"strings"
	"unicode/utf8"

	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/json"
)

// position is where in a request a value ends up, which says how it is escaped.
type position uint8

const (
	inPath   position = iota // a segment of the path
	inQuery                  // a name or value of a query or a form
	inJSON                   // inside of a JSON string
	inHeader                 // a header value
)

// part is a piece of a template: text that goes out as it is, or a field.
type part struct {
	text  string
	field *field
	pos   position
}

// template is text with placeholders, ready to be filled in.
type template []part

// The reasons for which a request is not sent: a value that cannot stand in its
// position without changing what the request says.
var (
	errNotUTF8 = errors.New("a value that is no UTF-8 cannot stand in a JSON body")
	errControl = errors.New("a header would have a control character, or bytes that are no UTF-8, in it")
	errBlank   = errors.New("a header would begin or end with a blank, which servers cut off")
	errSteps   = errors.New(`a segment of the path would be "." or ".."`)
)

// appendTo fills in the template.
func (t template) appendTo(dst []byte, s *subject) ([]byte, error) {
	for i := range t {
		p := &t[i]
		if p.field == nil {
			dst = append(dst, p.text...)
			continue
		}
		v := p.field.get(s, p.text)
		switch p.pos {
		case inPath, inQuery:
			dst = wicket.AppendEscaped(dst, v)
		case inJSON:
			if !utf8.ValidString(v) {
				return dst, errNotUTF8
			}
			dst = json.AppendText(dst, v)
		default: // looked at as a whole
			dst = append(dst, v...)
		}
	}
	return dst, nil
}

// uses reports whether a field occurs in the template.
func (t template) uses(name string) bool {
	for i := range t {
		if t[i].field != nil && t[i].field.name == name {
			return true
		}
	}
	return false
}

// constant returns the text of a template without fields.
func (t template) constant() (text string, ok bool) {
	switch {
	case len(t) == 0:
		return "", true
	case len(t) == 1 && t[0].field == nil:
		return t[0].text, true
	}
	return "", false
}

// size is roughly how long the text will be.
func (t template) size() (n int) {
	for i := range t {
		if n += 24; t[i].field == nil {
			n += len(t[i].text)
		}
	}
	return n
}

// literal appends text that stands in the template itself.
func (t template) literal(text string) template {
	switch n := len(t); {
	case text == "":
		return t
	case n > 0 && t[n-1].field == nil:
		t[n-1].text += text
		return t
	}
	return append(t, part{text: text})
}

// checkHeader refuses a header value that would be read as something else.
func checkHeader(v []byte) error {
	for _, c := range v {
		if c < ' ' && c != '\t' || c == 0x7f {
			return errControl
		}
	}
	if !utf8.Valid(v) {
		return errControl
	}
	if n := len(v); n > 0 && (blank(v[0]) || blank(v[n-1])) {
		return errBlank
	}
	return nil
}

func blank(c byte) bool { return c == ' ' || c == '\t' }

// checkPath refuses dot segments: no encoding keeps a server from taking them
// for steps (RFC 3986 section 5.2.4).
func checkPath(path []byte) error {
	start := 0
	for i := 0; ; i++ {
		if i < len(path) && path[i] != '/' && path[i] != '?' {
			continue
		}
		if segment := path[start:i]; len(segment) == 1 && segment[0] == '.' || len(segment) == 2 && segment[0] == '.' && segment[1] == '.' {
			return errSteps
		}
		if i == len(path) || path[i] == '?' {
			return nil
		}
		start = i + 1
	}
}

// reader turns the operator's text into templates, and collects what is odd
// about it.
type reader struct {
	asks  asks // the question that the templates belong to
	v4    bool // %u and its like are placeholders too
	notes *[]string
}

// read parses text whose placeholders are at pos; plain encodes the text
// between them.
func (r *reader) read(t template, text string, pos position, plain func(string) string) template {
	for text != "" {
		i := strings.IndexAny(text, "$%")
		if i < 0 {
			break
		}
		t = t.literal(plain(text[:i]))
		text = text[i:]
		f, argument, size := r.placeholder(text)
		switch {
		case f != nil:
			t = append(t, part{text: argument, field: f, pos: pos})
		case strings.HasPrefix(text, "${$}"): // ${$}{x} is the text ${x}
			size = 4
			t = t.literal(plain("$"))
		default:
			size = max(size, 1)
			t = t.literal(plain(text[:size]))
		}
		text = text[size:]
	}
	return t.literal(plain(text))
}

// placeholder finds the one that text begins with, and its size. An unknown
// one is noted, and has a size but no field.
func (r *reader) placeholder(text string) (f *field, argument string, size int) {
	if text[0] == '%' {
		if !r.v4 || len(text) < 2 {
			return nil, "", 0
		}
		for i := range oldFields {
			if o := &oldFields[i]; o.letter == text[1] && o.asks&r.asks != 0 {
				return o.field, "", 2
			}
		}
		return nil, "", 0
	}
	end := strings.IndexByte(text, '}')
	if !strings.HasPrefix(text, "${") || end < 0 {
		return nil, "", 0
	}
	name := text[2:end]
	if name == "$" {
		return nil, "", 0
	}
	if f, argument = fieldNamed(name, r.asks); f == nil {
		r.note("${" + name + "} is no placeholder here and is sent as it stands; there are " + fieldNames(r.asks))
	}
	return f, argument, end + 1
}

func (r *reader) note(text string) { *r.notes = append(*r.notes, r.asks.section()+text) }

// asIs is for positions whose text needs no encoding.
func asIs(s string) string { return s }

// jsonText encodes text that stands in a JSON string.
func jsonText(s string) string { return string(json.AppendText(nil, s)) }

// formText encodes text that stands in a query or a form as a value.
func formText(s string) string { return wicket.EscapeQuery(s) }

// uriText encodes what cannot stand in a URI, and leaves the rest to the
// operator, escapes included (RFC 3986 section 2).
func uriText(s string) string {
	const allowed = "-._~:/?[]@!$&'()*+,;=%"
	var out []byte
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(allowed, c) >= 0 {
			out = append(out, c)
			continue
		}
		out = wicket.AppendEscaped(out, s[i:i+1])
	}
	return string(out)
}
