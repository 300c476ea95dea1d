package emqx

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// writer is the configuration that comes out, in the order of the file.
type writer struct{ top *entry }

// entry is a section, or a value with where it came from.
type entry struct {
	name    string
	value   any // nil for a section
	at      Place
	key     string // of the source
	comment string
	below   []*entry
	byName  map[string]*entry
}

func newWriter() *writer { return &writer{top: &entry{byName: map[string]*entry{}}} }

// sections is the order of the top level.
var sections = []string{"listeners", "upstreams", "plugins", "auth", "authz", "bans", "flapping_detect", "mqtt", "crl_cache", "log"}

// grow returns the entry of a name below, made if it is not there.
func (e *entry) grow(name string, at Place) *entry {
	b := e.byName[name]
	if b == nil {
		b = &entry{name: name, at: at, byName: map[string]*entry{}}
		e.below, e.byName[name] = append(e.below, b), b
	}
	return b
}

// get returns the entry of a key, or nil.
func (w *writer) get(path []string) *entry {
	e := w.top
	for _, name := range path {
		if e = e.byName[name]; e == nil {
			return nil
		}
	}
	return e
}

// text is the value of a key as a text, or nothing.
func (w *writer) text(path []string) string {
	if e := w.get(path); e != nil {
		return fmt.Sprint(e.value)
	}
	return ""
}

// set adds a key. One that is there already stays as it is and is returned.
func (w *writer) set(path []string, v any, at Place, key, comment string) (first *entry, taken bool) {
	e := w.top
	for _, name := range path {
		e = e.grow(name, at)
	}
	if e.value != nil {
		return e, true
	}
	e.value, e.at, e.key, e.comment = v, at, key, comment
	return e, false
}

// force sets a key whatever it was.
func (w *writer) force(path []string, v any, at Place, comment string) {
	if e := w.get(path); e != nil {
		e.value, e.comment = v, comment
		return
	}
	w.set(path, v, at, "", comment)
}

// header is the comment at the top.
func header(r *Result, name string) []string {
	return []string{
		fmt.Sprintf("# Made by \"wicket import\" from %s (%s).", filepath.Base(name), r.Grammar),
		"# \"wicket config check -c FILE\" finds mistakes, and \"wicket config explain KEY\" says",
		"# what a key means.",
	}
}

// write renders the YAML; lost keys are listed at its end. Each line has the
// place that it came from.
func (w *writer) write(head []string, lost []Finding) ([]byte, []Place) {
	slices.SortStableFunc(w.top.below, func(a, b *entry) int {
		return slices.Index(sections, a.name) - slices.Index(sections, b.name)
	})
	p := &printer{}
	for _, line := range head {
		p.line(line, Place{})
	}
	for _, e := range w.top.below {
		p.line("", Place{})
		p.entry(e, 0)
	}
	if len(lost) > 0 {
		p.line("", Place{})
		p.line("# Not carried over:", Place{})
		for _, f := range lost {
			p.line("#   "+oneLine(f.Key+", "+filepath.Base(f.Place.String())), Place{})
		}
	}
	return []byte(p.text.String()), p.places
}

// printer collects lines and where they came from.
type printer struct {
	text   strings.Builder
	places []Place
}

func (p *printer) line(text string, at Place) {
	p.text.WriteString(text)
	p.text.WriteByte('\n')
	p.places = append(p.places, at)
}

func (p *printer) entry(e *entry, depth int) {
	text := strings.Repeat("  ", depth) + scalarText(e.name) + ":"
	items, many := e.value.([]item)
	if e.value != nil && !many {
		text += " " + yamlValue(e.value)
	}
	if e.comment != "" {
		text += "  # " + oneLine(e.comment)
	}
	p.line(text, e.at)
	for _, i := range items {
		p.line(strings.Repeat("  ", depth+1)+"- "+scalarText(i.text), i.at)
	}
	for _, b := range e.below {
		p.entry(b, depth+1)
	}
}

// flow is a value that is written as it stands: JSON, which is YAML too.
type flow string

// item is an element of a list that has a line for each.
type item struct {
	text string
	at   Place
}

// yamlValue writes a value in one line.
func yamlValue(v any) string {
	switch v := v.(type) {
	case []string:
		items := make([]string, len(v))
		for i, s := range v {
			items[i] = scalarText(s)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case string:
		return scalarText(v)
	case bool:
		return strconv.FormatBool(v)
	}
	return fmt.Sprint(v)
}

// bareText matches texts that YAML takes for nothing else.
var bareText = regexp.MustCompile(`^(/|[A-Za-z])[A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*$`)

// scalarText writes a text, in quotes where YAML could misread it. A double
// quoted YAML text is a JSON text.
func scalarText(s string) string {
	if bareText.MatchString(s) && !slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}, strings.ToLower(s)) {
		return s
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a text always can be
	return strings.TrimSuffix(b.String(), "\n")
}

// oneLine keeps a comment a comment.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, s)
}
