package emqx

import (
	"encoding/json"
	"strings"
)

// scanner reads one text. The position moves forward only, and the line with
// it; after an error there is nothing more to read.
type scanner struct {
	*reader
	text  []byte
	pos   int
	line  int
	depth int // of sections and lists
}

func (s *scanner) place() Place { return Place{s.file, s.line} }

func (s *scanner) end() bool { return s.dead() || s.pos >= len(s.text) }

// peek returns the next byte, or 0 at the end.
func (s *scanner) peek() byte {
	if s.end() {
		return 0
	}
	return s.text[s.pos]
}

// sees reports whether the text goes on with a word.
func (s *scanner) sees(word string) bool {
	return !s.end() && strings.HasPrefix(string(s.text[s.pos:min(s.pos+len(word), len(s.text))]), word)
}

func (s *scanner) next() byte {
	c := s.peek()
	if s.pos < len(s.text) {
		s.pos++
	}
	if c == '\n' {
		s.line++
	}
	return c
}

// take moves over a word that is there.
func (s *scanner) take(word string) bool {
	if !s.sees(word) {
		return false
	}
	for range len(word) {
		s.next()
	}
	return true
}

// blanks moves over spaces within a line.
func (s *scanner) blanks() {
	for c := s.peek(); c == ' ' || c == '\t' || c == '\r'; c = s.peek() {
		s.next()
	}
}

func (s *scanner) skipLine() {
	for !s.end() && s.next() != '\n' {
	}
}

// restOfLine takes what is left of a line, without its end.
func (s *scanner) restOfLine() string {
	start := s.pos
	for !s.end() && s.peek() != '\n' {
		s.next()
	}
	return strings.TrimRight(string(s.text[start:s.pos]), " \t\r")
}

// comment moves over a comment that begins here.
func (s *scanner) comment() bool {
	if s.peek() != '#' && !s.sees("//") {
		return false
	}
	for !s.end() && s.peek() != '\n' {
		s.next()
	}
	return true
}

// gap moves over everything between two members.
func (s *scanner) gap() {
	for !s.end() {
		s.blanks()
		switch c := s.peek(); {
		case c == '\n' || c == ',':
			s.next()
		case !s.comment():
			return
		}
	}
}

// document reads a whole file of HOCON; the braces round it may be left out.
func (s *scanner) document(root *value) {
	s.gap()
	if !s.take("{") {
		s.members(root, 0)
		return
	}
	s.members(root, '}')
	s.gap()
	if !s.end() {
		s.fail(s.line, "", "there is more text behind the last }")
	}
}

// members reads keys and values up to a closing brace, or to the end of the
// file when closing is 0.
func (s *scanner) members(into *value, closing byte) {
	opened := s.line
	for {
		s.gap()
		switch c := s.peek(); {
		case s.dead():
			return
		case c == 0 && closing == 0:
			return
		case c == 0:
			s.fail(opened, "", "the { of this line is never closed")
			return
		case c == '}' && closing != 0:
			s.next()
			return
		case c == '}' || c == ']':
			s.fail(s.line, "", "there is no opening brace for this %c", c)
			return
		case s.includes(into):
		default:
			s.member(into)
		}
	}
}

// includes reads an include, if one stands here.
func (s *scanner) includes(into *value) bool {
	rest := s.text[s.pos:]
	const word = "include"
	if !s.sees(word) || len(rest) == len(word) || !strings.ContainsRune(" \t\"", rune(rest[len(word)])) {
		return false
	}
	after := strings.TrimLeft(string(rest[len(word):min(len(rest), len(word)+64)]), " \t")
	if after == "" || strings.ContainsRune("=:{+", rune(after[0])) {
		return false // a key of that name
	}
	line := s.line
	s.take(word)
	s.blanks()
	parens := 0
	for s.take("required(") || s.take("file(") {
		parens++
		s.blanks()
	}
	if s.peek() != '"' {
		s.fail(line, "include", "write include \"FILE\"; url() and classpath() are not read by an import")
		return true
	}
	name := s.quoted()
	for range parens {
		s.blanks()
		if !s.take(")") {
			s.fail(line, "include", "a ) is missing")
		}
	}
	if !s.dead() {
		s.include(line, name, into)
	}
	return true
}

// member reads one key and its value.
func (s *scanner) member(into *value) {
	if s.take("...") {
		s.fail(s.line, "", "three dots stand for settings that an example leaves out; write them, or remove the line")
		return
	}
	at := s.place()
	path := s.path()
	if s.dead() {
		return
	}
	key := strings.Join(path, ".")
	s.blanks()
	add := false
	switch {
	case s.peek() == '{':
	case s.take("+="):
		add = true
	case s.take("=") || s.take(":"):
	default:
		s.fail(at.Line, shorten(key), "a value is missing: write %s = VALUE", shorten(key))
		return
	}
	s.blanks()
	if c := s.peek(); c == '\n' || c == '#' || s.sees("//") {
		s.toBracket(at, key)
	}
	v := s.value(at, key)
	if s.dead() {
		return
	}
	v.at = at
	parent := s.section(into, path[:len(path)-1])
	name := path[len(path)-1]
	if add {
		v = s.append(parent.fields.get(name), v, key)
	}
	s.put(parent, name, v, path[0] == "listener")
}

// toBracket finds the brace or bracket that may stand on a later line than its
// key; every other value stands on the same line, so that a key without one
// does not swallow the next.
func (s *scanner) toBracket(at Place, key string) {
	for !s.end() && (s.peek() == '\n' || s.comment()) {
		if s.peek() == '\n' {
			s.next()
		}
		s.blanks()
	}
	if c := s.peek(); c != '{' && c != '[' {
		s.fail(at.Line, shorten(key), "the key has no value; give it one or remove the line")
	}
}

// append is +=.
func (s *scanner) append(old, element *value, key string) *value {
	switch {
	case old == nil:
		return &value{kind: list, list: []*value{element}, at: element.at}
	case old.kind != list:
		s.fail(element.at.Line, shorten(key), "+= adds to a list, and this is none")
		return element
	}
	return &value{kind: list, list: append(old.list[:len(old.list):len(old.list)], element), at: element.at}
}

// path reads a key: words between dots, in quotes or not.
func (s *scanner) path() []string {
	var path []string
	for {
		if s.peek() == '"' {
			path = append(path, s.quoted())
		} else {
			start := s.pos
			for c := s.peek(); keyByte(c); c = s.peek() {
				s.next()
			}
			path = append(path, string(s.text[start:s.pos]))
		}
		if s.dead() {
			return nil
		}
		if !s.take(".") {
			break
		}
	}
	if !s.validPath(path) {
		return nil
	}
	return path
}

// keyByte reports whether a key may hold a byte outside of quotes.
func keyByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= 0x80 ||
		c != 0 && strings.IndexByte("_-$%/", c) >= 0
}

// validPath refuses keys that are empty or nested too deep.
func (s *scanner) validPath(path []string) bool {
	for _, word := range path {
		if word == "" {
			s.fail(s.line, shorten(strings.Join(path, ".")), "a key stands here that is empty or not a word")
			return false
		}
	}
	if len(path)+s.depth > maxDepth {
		s.fail(s.line, "", "sections are nested more than %d deep", maxDepth)
		return false
	}
	return true
}

// section walks down to a section and makes it where it is not there.
func (s *scanner) section(v *value, path []string) *value {
	for i, word := range path {
		below := v.fields.get(word)
		switch {
		case below == nil:
			below = sectionAt(s.place())
			v.fields.set(word, below)
		case below.kind == text && (path[0] == "listener" || s.grammar == grammar4):
			below = &value{kind: section, fields: newObject(), at: below.at, own: below}
			v.fields.set(word, below)
		case below.kind == concat || below.kind == reference:
			below = &value{kind: concat, list: []*value{below, sectionAt(s.place())}, at: s.place()}
			v.fields.set(word, below)
			return s.section(below.list[1], path[i+1:])
		case below.kind != section:
			below = sectionAt(s.place())
			v.fields.set(word, below)
		}
		v = below
	}
	return v
}

// put sets a key. Sections are merged; everything else replaces, except that a
// listener of 4.x (flat) has an address beside the keys below it.
func (s *scanner) put(into *value, key string, v *value, flat bool) {
	old := into.fields.get(key)
	switch {
	case old == nil:
	case old.kind == section && v.kind == section:
		merge(old, v)
		return
	case old.kind == section && v.kind == text && flat:
		old.own = v
		return
	case (old.kind == concat || old.kind == reference) && v.kind == section:
		v = &value{kind: concat, list: []*value{old, v}, at: v.at}
	}
	into.fields.set(key, v)
}

// merge adds the keys of a section to another.
func merge(into, from *value) {
	for _, k := range from.fields.keys {
		v := from.fields.byID[k]
		if old := into.fields.get(k); old != nil && old.kind == section && v.kind == section {
			merge(old, v)
			continue
		} else if old != nil && (old.kind == concat || old.kind == reference) && v.kind == section {
			v = &value{kind: concat, list: []*value{old, v}, at: v.at}
		}
		into.fields.set(k, v)
	}
}

// value reads what stands behind a key or in a list: one thing, or several
// that are joined.
func (s *scanner) value(at Place, key string) *value {
	var parts []*value
	for !s.end() {
		start := s.pos
		s.blanks()
		c := s.peek()
		if c == 0 || c == '\n' || c == ',' || c == '}' || c == ']' || c == '#' || s.sees("//") {
			break
		}
		if gap := s.text[start:s.pos]; len(gap) > 0 && len(parts) > 0 && c != '{' && c != '[' {
			parts = append(parts, &value{kind: text, text: string(gap), at: at})
		}
		parts = append(parts, s.part(at, key))
	}
	s.spend(at.Line)
	switch len(parts) {
	case 0:
		s.fail(at.Line, shorten(key), "the key has no value; give it one or remove the line")
		return &value{kind: null, at: at}
	case 1:
		return parts[0].typed()
	}
	return joined(parts, at)
}

// joined joins texts at once and leaves the rest for later.
func joined(parts []*value, at Place) *value {
	var b strings.Builder
	for _, p := range parts {
		if p.kind != text {
			return &value{kind: concat, list: parts, at: at}
		}
		b.WriteString(p.text)
	}
	return &value{kind: text, text: b.String(), at: at}
}

// typed turns the word null into nothing.
func (v *value) typed() *value {
	if v.kind == text && !v.quoted && v.text == "null" {
		v.kind = null
	}
	return v
}

// part reads one piece of a value.
func (s *scanner) part(at Place, key string) *value {
	here := s.place()
	switch {
	case s.peek() == '{' || s.peek() == '[':
		if s.depth++; s.depth > maxDepth {
			s.fail(s.line, shorten(key), "sections are nested more than %d deep", maxDepth)
		}
		defer func() { s.depth-- }()
		if s.next() == '[' {
			return s.list(here, key)
		}
		v := sectionAt(here)
		s.members(v, '}')
		return v
	case s.sees(`"""`):
		return &value{kind: text, text: s.triple(), quoted: true, at: here}
	case s.peek() == '"':
		return &value{kind: text, text: s.quoted(), quoted: true, at: here}
	case s.sees("${"):
		return s.substitution(here)
	}
	return &value{kind: text, text: s.bare(key), at: here}
}

// list reads elements up to the closing bracket.
func (s *scanner) list(at Place, key string) *value {
	v := &value{kind: list, at: at}
	for {
		s.gap()
		switch c := s.peek(); {
		case s.dead():
			return v
		case c == 0:
			s.fail(at.Line, shorten(key), "the [ of this line is never closed")
			return v
		case c == ']':
			s.next()
			return v
		case c == '}':
			s.fail(s.line, shorten(key), "a } stands where the list of line %d needs its ]", at.Line)
			return v
		}
		v.list = append(v.list, s.value(s.place(), key))
	}
}

// bare reads a text without quotes, up to the next space. Addresses and URLs
// may be written so, although other programs want them in quotes.
func (s *scanner) bare(key string) string {
	start := s.pos
	for !s.end() {
		c := s.peek()
		if strings.IndexByte(" \t\r\n,{}[]\"", c) >= 0 || s.sees("${") {
			break
		}
		if strings.IndexByte("=`^\\#", c) >= 0 {
			s.fail(s.line, shorten(key), "%q stands in a text without quotes; put the text in quotes", string(c))
		}
		s.next()
	}
	return string(s.text[start:s.pos])
}

// quoted reads a text in double quotes, with the escapes of JSON.
func (s *scanner) quoted() string {
	line, start := s.line, s.pos
	s.next()
	for !s.end() {
		switch c := s.next(); c {
		case '\\':
			s.next()
		case '\n':
			s.fail(line, "", "a quote is not closed in its line")
		case '"':
			var out string
			if err := json.Unmarshal(s.text[start:s.pos], &out); err != nil {
				s.fail(line, "", "a text in quotes has an escape that is none; write \\\\ for a backslash")
			}
			return out
		}
	}
	s.fail(line, "", "a quote is never closed")
	return ""
}

// triple reads a text between three quotes as it is.
func (s *scanner) triple() string {
	line := s.line
	s.take(`"""`)
	start := s.pos
	for !s.end() {
		if s.sees(`"""`) && !s.sees(`""""`) {
			out := string(s.text[start:s.pos])
			s.take(`"""`)
			return out
		}
		s.next()
	}
	s.fail(line, "", `a text in """ is never closed`)
	return ""
}

// substitution reads ${path} or ${?path}.
func (s *scanner) substitution(at Place) *value {
	s.take("${")
	v := &value{kind: reference, at: at, maybe: s.take("?")}
	start := s.pos
	for c := s.peek(); keyByte(c) || c == '.'; c = s.peek() {
		s.next()
	}
	v.ref = string(s.text[start:s.pos])
	if !s.take("}") || v.ref == "" {
		s.fail(at.Line, "", "a substitution is written ${path.of.a.key}")
	}
	return v
}

// shorten keeps what a file says from filling the screen.
func shorten(text string) string {
	if len(text) > 80 {
		return strings.ToValidUTF8(text[:77], "") + "..."
	}
	return text
}
