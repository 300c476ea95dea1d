package emqx

import "strings"

// flat reads the grammar of 4.x: one key = value a line. The value is the rest
// of the line up to a # behind a space; single quotes keep everything.
func (s *scanner) flat(root *value) {
	for ; !s.end(); s.skipLine() {
		s.blanks()
		if c := s.peek(); c == '#' || c == '\n' || c == '\r' || c == 0 {
			continue
		}
		line := s.restOfLine()
		if name, ok := strings.CutPrefix(line, "include"); ok && strings.TrimLeft(name, " \t") != name {
			s.include(s.line, unquoted(withoutComment(name)), root)
			continue
		}
		key, val, ok := strings.Cut(line, "=")
		if key = strings.TrimSpace(key); !ok || key == "" {
			s.fail(s.line, "", "this line is not key = value")
			return
		}
		val = withoutComment(val)
		if val == "" {
			s.fail(s.line, shorten(key), "the key has no value; give it one or remove the line")
			return
		}
		path := strings.Split(key, ".")
		if !s.validPath(path) {
			return
		}
		s.spend(s.line)
		at := s.section(root, path[:len(path)-1])
		s.put(at, path[len(path)-1], &value{kind: text, text: unquoted(val), at: s.place(), quoted: val[0] == '\''}, true)
	}
}

// withoutComment cuts a comment off a value of 4.x.
func withoutComment(val string) string {
	val = strings.TrimSpace(val)
	if strings.HasPrefix(val, "#") {
		return ""
	}
	if len(val) > 1 && (val[0] == '\'' || val[0] == '"') {
		if end := strings.IndexByte(val[1:], val[0]); end >= 0 {
			if rest := strings.TrimSpace(val[end+2:]); rest == "" || rest[0] == '#' {
				return val[:end+2]
			}
		}
	}
	for i := 1; i < len(val); i++ {
		if val[i] == '#' && (val[i-1] == ' ' || val[i-1] == '\t') {
			return strings.TrimSpace(val[:i])
		}
	}
	return val
}

// unquoted takes one pair of quotes off.
func unquoted(val string) string {
	if n := len(val); n > 1 && (val[0] == '"' || val[0] == '\'') && val[n-1] == val[0] {
		return val[1 : n-1]
	}
	return val
}
