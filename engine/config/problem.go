package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Origin says where a value came from. The zero Origin is a default.
type Origin struct {
	File string // configuration file, or empty
	Line int    // in File, from 1; 0 when it is not known
	Env  string // environment variable, or empty
	Flag string // command-line flag, or empty
	Base bool   // the configuration built into the program
	rank int    // order of the layers
}

// String writes the origin as the first part of an error line.
func (o Origin) String() string {
	switch {
	case o.File != "" && o.Line > 0:
		return fmt.Sprintf("%s:%d", o.File, o.Line)
	case o.File != "":
		return o.File
	case o.Env != "":
		return "environment " + o.Env
	case o.Flag != "":
		return "flag " + o.Flag
	case o.Base:
		return "built-in configuration"
	}
	return "default"
}

// Problem is one thing that is wrong, or, among the warnings of a [Report],
// one that is allowed and probably not meant.
type Problem struct {
	Origin Origin
	Key    string // as [JoinKey] writes it; empty when a whole file is meant
	Text   string // what is wrong with which value, and what to write instead
}

// String is the problem in one line: origin, key, text.
func (p Problem) String() string {
	parts := make([]string, 0, 3)
	if p.Origin != (Origin{rank: p.Origin.rank}) || p.Key == "" {
		parts = append(parts, p.Origin.String())
	}
	if p.Key != "" {
		parts = append(parts, p.Key)
	}
	return visible(strings.Join(append(parts, p.Text), ": "))
}

// visible escapes what a terminal would act on: a file that is not text can
// bring anything into a message.
func visible(text string) string {
	if !strings.ContainsFunc(text, unicode.IsControl) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unicode.IsControl(r) {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Errors is everything that keeps a configuration from being used, in the
// order of the sources and their lines. [Load] returns no other error.
type Errors []Problem

// Error puts each problem on a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, p := range e {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// sortProblems puts problems in reading order; those that have no place, as
// they are about something missing, come last.
func sortProblems(list []Problem) {
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(uint(a.Origin.rank-1), uint(b.Origin.rank-1)),
			cmp.Compare(a.Origin.Line, b.Origin.Line),
		)
	})
}

// nearest returns the candidate that word was probably meant to be.
func nearest(word string, candidates []string) (string, bool) {
	best, limit := "", (len(word)+2)/3+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d < limit {
			best, limit = c, d
		}
	}
	if best != "" {
		return best, true
	}
	for _, c := range candidates {
		if len(word) >= 3 && strings.HasPrefix(c, word) {
			return c, true
		}
	}
	return "", false
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (optimal string alignment).
func distance(a, b string) int {
	if len(a) > 256 || len(b) > 256 {
		return len(a) + len(b)
	}
	before, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(b)]
}

// didYouMean is the end of an error about a word that is not known.
func didYouMean(word string, candidates []string) string {
	if n, ok := nearest(word, candidates); ok {
		return fmt.Sprintf("; did you mean %q?", n)
	}
	if len(candidates) == 0 {
		return ""
	}
	return "; known here: " + strings.Join(candidates, ", ")
}
