package emqx

import (
	"strings"
	"sync"
)

// pattern is a key of a rule, in words.
type pattern struct {
	words []string
	rest  bool // a * stood at the end
	rule  *rule
}

// patterns are those of all rules, in their order.
var patterns = sync.OnceValue(func() (out []pattern) {
	for i := range rules {
		for _, key := range []string{rules[i].v4, rules[i].v5} {
			if key == "" {
				continue
			}
			key, rest := strings.CutSuffix(key, ".*")
			out = append(out, pattern{strings.Split(key, "."), rest, &rules[i]})
		}
	}
	return out
})

// captures are the words that stood where a pattern has NAME and TYPE.
type captures struct{ name, transport string }

// match finds the pattern of a key, and what its NAME and TYPE stand for; nil
// when no rule knows the key. A section is looked for as a whole.
func match(path []string, whole bool) (*pattern, captures) {
	all := patterns()
	for i := range all {
		if n, ok := all[i].captures(path, whole); ok {
			return &all[i], n
		}
	}
	return nil, captures{}
}

// captures compares a path with a pattern. Below a * goes anything, and a
// section that stands right at it.
func (p *pattern) captures(path []string, whole bool) (captures, bool) {
	if p.rest {
		if len(path) < len(p.words) || len(path) == len(p.words) && !whole {
			return captures{}, false
		}
		path = path[:len(p.words)]
	}
	if len(path) != len(p.words) {
		return captures{}, false
	}
	return begins(p.words, path)
}

// begins compares as many words as the path has.
func begins(words, path []string) (c captures, ok bool) {
	for i, w := range path {
		switch {
		case words[i] == "NAME":
			c.name = w
		case words[i] == "TYPE" && (w == "tcp" || w == "ssl"), words[i] == "ssl" && w == "ssl":
			c.transport = w
		case words[i] != w:
			return c, false
		}
	}
	return c, true
}

// inside reports whether a rule looks at keys below a path.
func inside(path []string) bool {
	for _, p := range patterns() {
		if len(p.words) <= len(path) {
			continue
		}
		if _, ok := begins(p.words, path); ok {
			return true
		}
	}
	return false
}

// fill writes the names into the key that a rule leads to.
func (c captures) fill(to string) []string {
	path := strings.Split(to, ".")
	for i, w := range path {
		switch w {
		case "NAME":
			if path[i] = c.name; path[0] == "plugins" {
				path[i] = c.transportHere() + ":" + c.name
			}
		case "TYPE":
			path[i] = c.transportHere()
		}
	}
	return path
}

// transportHere is the transport's name here.
func (c captures) transportHere() string {
	if c.transport == "ssl" {
		return "tls"
	}
	return c.transport
}
