// Package pattern matches texts with "*" in them, for the plugins whose rules
// have some. Nothing in it changes after it was made.
package pattern

import "strings"

// Pattern is a text, or one with "*" for any characters: the texts between.
type Pattern []string

// Parse reads a text in which each "*" stands for any characters.
func Parse(text string) Pattern { return strings.Split(text, "*") }

// Literal is a text that stands for itself.
func Literal(text string) Pattern { return Pattern{text} }

// Matches says whether value fits. It takes the shortest run for each "*", which
// finds a match if there is one, and looks at each byte of value once for every
// part, whatever a client sends.
func (p Pattern) Matches(value string) bool {
	if len(p) == 1 {
		return value == p[0]
	}
	rest, ok := strings.CutPrefix(value, p[0])
	if !ok {
		return false
	}
	for _, text := range p[1 : len(p)-1] {
		at := strings.Index(rest, text)
		if at < 0 {
			return false
		}
		rest = rest[at+len(text):]
	}
	return strings.HasSuffix(rest, p[len(p)-1])
}
