package emqx

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds of a file of terms.
const (
	maxTerms     = 100_000
	maxTermDepth = 16
)

// term is an Erlang term, as far as files of rules have them.
type term struct {
	kind  termKind
	text  string // of an atom, a text, a number
	items []term // of a tuple, a list
	line  int
}

type termKind uint8

const (
	atom   termKind = iota
	quote           // "text" or <<"text">>
	digits          // a whole number
	tuple
	sequence
)

// lineError is a fault in a file of terms.
type lineError struct {
	line int
	err  error
}

func (e lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }
func (e lineError) Unwrap() error { return e.err }

// is reports whether a term is an atom of that name.
func (t *term) is(name string) bool { return t.kind == atom && t.text == name }

// String shows a term in messages, cut when it is long.
func (t *term) String() string {
	var b strings.Builder
	t.show(&b)
	return shorten(oneLine(b.String()))
}

func (t *term) show(b *strings.Builder) {
	if b.Len() > 200 { // more than a message shows
		return
	}
	opening, closing := "{", "}"
	switch t.kind {
	case quote:
		b.WriteString(strconv.Quote(t.text))
		return
	case atom, digits:
		b.WriteString(t.text)
		return
	case sequence:
		opening, closing = "[", "]"
	}
	b.WriteString(opening)
	for i := range t.items {
		if i > 0 {
			b.WriteString(", ")
		}
		t.items[i].show(b)
	}
	b.WriteString(closing)
}

// terms reads a file of Erlang terms, each of which ends with a full stop: atoms,
// texts, binaries, whole numbers, tuples and lists, with comments from % on. What
// else Erlang has is an error, with its line.
func terms(data []byte) ([]term, error) {
	if !utf8.Valid(data) {
		return nil, lineError{0, errors.New("the file is no UTF-8")}
	}
	s := &termScanner{text: string(data), line: 1}
	var out []term
	for s.next() {
		t, err := s.term(0)
		if err == nil && !s.take('.') {
			err = fmt.Errorf("want a full stop behind the term")
		}
		if err != nil {
			return nil, lineError{s.line, err}
		}
		out = append(out, t)
	}
	return out, nil
}

// termScanner walks through the text.
type termScanner struct {
	text  string
	at    int
	line  int
	count int
}

// next skips blanks and comments, and reports whether something follows.
func (s *termScanner) next() bool {
	for ; s.at < len(s.text); s.at++ {
		switch s.text[s.at] {
		case '\n':
			s.line++
		case ' ', '\t', '\r', '\f':
		case '%':
			end := strings.IndexByte(s.text[s.at:], '\n')
			if end < 0 {
				s.at = len(s.text)
				return false
			}
			s.at += end - 1
		default:
			return true
		}
	}
	return false
}

// take skips blanks, and then c if it is there.
func (s *termScanner) take(c byte) bool {
	if !s.next() || s.text[s.at] != c {
		return false
	}
	s.at++
	return true
}

func (s *termScanner) term(depth int) (term, error) {
	if !s.next() {
		return term{}, fmt.Errorf("a term is missing at the end")
	}
	if s.count++; s.count > maxTerms || depth > maxTermDepth {
		return term{}, fmt.Errorf("more than %d terms, or nested more than %d deep", maxTerms, maxTermDepth)
	}
	t := term{line: s.line}
	var err error
	switch c := s.text[s.at]; {
	case c == '{':
		t.kind = tuple
		t.items, err = s.items(depth, '}')
	case c == '[':
		t.kind = sequence
		t.items, err = s.items(depth, ']')
	case c == '"':
		t.kind = quote
		t.text, err = s.quoted('"')
	case c == '\'':
		t.text, err = s.quoted('\'')
	case strings.HasPrefix(s.text[s.at:], "<<"):
		t.kind = quote
		t.text, err = s.binary()
	case c >= 'a' && c <= 'z':
		t.text = s.word()
	case c >= '0' && c <= '9':
		t.kind, t.text = digits, s.word()
		if strings.Trim(t.text, "0123456789") != "" {
			err = fmt.Errorf("%q is no whole number", shorten(t.text))
		}
	default:
		err = fmt.Errorf("nothing of a rule begins with %q", c)
	}
	return t, err
}

// items reads what stands between brackets.
func (s *termScanner) items(depth int, closing byte) ([]term, error) {
	s.at++
	if s.take(closing) {
		return nil, nil
	}
	var out []term
	for {
		t, err := s.term(depth + 1)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
		switch {
		case s.take(closing):
			return out, nil
		case !s.take(','):
			return nil, fmt.Errorf("want a comma or %q behind %s", closing, &out[len(out)-1])
		}
	}
}

// word reads letters, digits, _ and @.
func (s *termScanner) word() string {
	start := s.at
	for s.at < len(s.text) {
		c := s.text[s.at]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '@' {
			break
		}
		s.at++
	}
	return s.text[start:s.at]
}

// binary reads <<"text">>, also with /utf8 behind the text.
func (s *termScanner) binary() (string, error) {
	s.at += len("<<")
	if s.closes() {
		return "", nil
	}
	if !s.next() || s.text[s.at] != '"' {
		return "", fmt.Errorf("want a text in <<…>>")
	}
	text, err := s.quoted('"')
	if err != nil {
		return "", err
	}
	s.at += len(s.text[s.at:]) - len(strings.TrimPrefix(s.text[s.at:], "/utf8"))
	if !s.closes() {
		return "", fmt.Errorf("want >> behind the text")
	}
	return text, nil
}

// closes skips blanks, and >> if it is there.
func (s *termScanner) closes() bool {
	found := s.next() && strings.HasPrefix(s.text[s.at:], ">>")
	if found {
		s.at += len(">>")
	}
	return found
}

// escapes are those that mean one character.
var escapes = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', 's': ' ', '\\': '\\', '"': '"', '\'': '\''}

// quoted reads a text, or an atom in quotes. Characters beyond ASCII are refused:
// which bytes EMQX makes of them depends on how they are written.
func (s *termScanner) quoted(end byte) (string, error) {
	var b strings.Builder
	for s.at++; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == end:
			s.at++
			return b.String(), nil
		case c == '\n':
			return "", errors.New("the text has no end in its line")
		case c < ' ' && c != '\t' || c > '~':
			return "", fmt.Errorf("a text may have printable ASCII characters only")
		case c != '\\':
			b.WriteByte(c)
		case s.at+1 == len(s.text) || escapes[s.text[s.at+1]] == 0:
			// \d is just d to Erlang, which nobody means who writes it
			return "", fmt.Errorf("a backslash stands before n, t, r, s, a quote or a backslash; in a regular expression it is written twice")
		default:
			s.at++
			b.WriteByte(escapes[s.text[s.at]])
		}
	}
	return "", fmt.Errorf("the text has no end")
}
