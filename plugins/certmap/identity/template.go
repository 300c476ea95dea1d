package identity

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// template makes a name of fields: "cn", "device-${cn|lower}".
type template struct {
	key   string // of the configuration, for faults
	parts []part
}

// part is fixed text, or a field when expr is not nil.
type part struct {
	text string
	expr *expression
}

// expression is a field and what is done to its value.
type expression struct {
	field field
	index int // which of several values; -1 = the first that all functions take
	funcs []function
}

// function turns a value into another one; "" is none.
type function func(string) string

// maxValues bounds the values of a field that are looked at.
const maxValues = 64

// maxTemplate bounds the text of a template.
const maxTemplate = 4096

// parseTemplate reads a template. Without a "${" the whole text is one
// expression; with one, "${$}" stands for a dollar sign.
func parseTemplate(source string) (*template, error) {
	t := &template{}
	if len(source) > maxTemplate {
		return nil, errors.New("longer than " + strconv.Itoa(maxTemplate) + " bytes")
	}
	if err := clean(source); err != nil {
		return nil, err
	}
	if !strings.Contains(source, "${") {
		e, rest, err := parseExpression(source)
		if err == nil && rest != "" {
			err = errors.New("cannot read " + strconv.Quote(rest))
		}
		t.parts = []part{{expr: e}}
		return t, err
	}
	named := false
	for rest := source; rest != ""; {
		text, after, more := strings.Cut(rest, "${")
		if text != "" {
			t.parts = append(t.parts, part{text: text})
		}
		if rest = after; !more {
			break
		}
		if tail, ok := strings.CutPrefix(rest, "$}"); ok {
			t.parts, rest = append(t.parts, part{text: "$"}), tail
			continue
		}
		e, tail, err := parseExpression(rest)
		if err != nil {
			return nil, err
		}
		if tail, more = strings.CutPrefix(tail, "}"); !more {
			return nil, errors.New("want } after ${" + rest[:len(rest)-len(tail)])
		}
		t.parts, rest, named = append(t.parts, part{expr: e}), tail, true
	}
	if !named {
		return nil, errors.New("no field in it: everybody would have the same name")
	}
	return t, nil
}

// parseExpression reads a field and its functions, up to what it does not know.
func parseExpression(text string) (*expression, string, error) {
	end := strings.IndexAny(text, "|}[ ")
	if end < 0 {
		end = len(text)
	}
	name, rest := text[:end], text[end:]
	f, ok := fieldNamed(name)
	if !ok {
		return nil, "", errors.New("no such field " + strconv.Quote(name) + "; there are " + fieldNames())
	}
	e := &expression{field: f, index: -1}
	if inner, ok := strings.CutPrefix(rest, "["); ok {
		digits, after, closed := strings.Cut(inner, "]")
		n, err := strconv.Atoi(digits)
		if !f.many {
			return nil, "", errors.New(name + " has one value, not " + name + "[N]")
		}
		if !closed || err != nil || n < 0 || n >= maxValues {
			return nil, "", errors.New("want " + name + "[N] with N from 0 to " + strconv.Itoa(maxValues-1))
		}
		e.index, rest = n, after
	}
	for {
		rest = spaces(rest)
		call, more := strings.CutPrefix(rest, "|")
		if !more {
			return e, rest, nil
		}
		fn, after, err := parseFunction(spaces(call))
		if err != nil {
			return nil, "", err
		}
		e.funcs, rest = append(e.funcs, fn), after
	}
}

// spaces cuts the spaces off the start of a text.
func spaces(text string) string { return strings.TrimLeft(text, " ") }

const functions = `lower, upper, prefix("TEXT"), suffix("TEXT"), part("SEPARATOR", N)`

// parseFunction reads NAME or NAME(ARGUMENTS).
func parseFunction(text string) (function, string, error) {
	end := strings.IndexAny(text, "(|} ")
	if end < 0 {
		end = len(text)
	}
	name, rest := text[:end], text[end:]
	a := arguments{rest: rest}
	var fn function
	switch name {
	case "lower":
		fn = strings.ToLower
	case "upper":
		fn = strings.ToUpper
	case "prefix":
		p := a.open().text()
		fn = func(v string) string { return cut(strings.CutPrefix(v, p)) }
		a.close()
	case "suffix":
		s := a.open().text()
		fn = func(v string) string { return cut(strings.CutSuffix(v, s)) }
		a.close()
	case "part":
		separator, n := a.open().text(), a.comma().number()
		fn = func(v string) string { return nthPart(v, separator, n) }
		a.close()
	default:
		return nil, "", errors.New("no such function " + strconv.Quote(name) + "; there are " + functions)
	}
	if a.bad {
		return nil, "", errors.New("cannot read the arguments of " + name + "; the functions are " + functions)
	}
	return fn, a.rest, nil
}

// cut is a value that had something cut off, or none.
func cut(v string, ok bool) string {
	if !ok {
		return ""
	}
	return v
}

// nthPart returns the n-th part of v, counted from 1, or from the end when n is
// negative.
func nthPart(v, separator string, n int) string {
	parts := strings.Split(v, separator)
	if n < 0 {
		n += len(parts) + 1
	}
	if n < 1 || n > len(parts) {
		return ""
	}
	return parts[n-1]
}

// arguments reads what stands in the parentheses of a function.
type arguments struct {
	rest string
	bad  bool
}

// skip passes over a character and the spaces around it.
func (a *arguments) skip(c string) *arguments {
	rest, ok := strings.CutPrefix(spaces(a.rest), c)
	a.rest, a.bad = spaces(rest), a.bad || !ok
	return a
}

func (a *arguments) open() *arguments  { return a.skip("(") }
func (a *arguments) comma() *arguments { return a.skip(",") }
func (a *arguments) close()            { a.skip(")") }

// text reads a text in double quotes; it has no escapes and is not empty.
func (a *arguments) text() string {
	rest, ok := strings.CutPrefix(a.rest, `"`)
	text, rest, ended := strings.Cut(rest, `"`)
	a.rest, a.bad = rest, a.bad || !ok || !ended || text == ""
	return text
}

// number reads a number that is not 0.
func (a *arguments) number() int {
	end := strings.IndexAny(a.rest, ") ")
	if end < 0 {
		a.bad = true
		return 0
	}
	n, err := strconv.Atoi(a.rest[:end])
	a.rest, a.bad = a.rest[end:], a.bad || err != nil || n == 0
	return n
}

// expand returns the name that a client has by the template, or "" when one of
// its fields has no value: half a name would be everybody's.
func (t *template) expand(r *reading) string {
	if len(t.parts) == 1 {
		return t.parts[0].value(r)
	}
	var b strings.Builder
	for i := range t.parts {
		v := t.parts[i].value(r)
		if v == "" {
			return ""
		}
		b.WriteString(v)
	}
	return b.String()
}

func (p *part) value(r *reading) string {
	if p.expr == nil {
		return p.text
	}
	return p.expr.value(r)
}

func (e *expression) value(r *reading) string {
	if e.index >= 0 {
		return e.apply(e.field.get(r, e.index))
	}
	last := 1
	if e.field.many {
		last = maxValues
	}
	for i := range last {
		v := e.field.get(r, i)
		if v == "" {
			break
		}
		if v = e.apply(v); v != "" {
			return v
		}
	}
	return ""
}

func (e *expression) apply(v string) string {
	for _, fn := range e.funcs {
		if v == "" {
			break
		}
		v = fn(v)
	}
	return v
}

// proven reports whether a name comes from a verified certificate alone.
func (t *template) proven() bool {
	for i := range t.parts {
		if e := t.parts[i].expr; e != nil && !e.field.proven {
			return false
		}
	}
	return true
}

// names reports whether a field occurs in the template.
func (t *template) names(field string) bool {
	for i := range t.parts {
		if e := t.parts[i].expr; e != nil && e.field.name == field {
			return true
		}
	}
	return false
}

// clean refuses what may not stand in a name: control characters, which would
// be an injection elsewhere, and what is no MQTT string [MQTT-1.5.4-1],
// [MQTT-1.5.4-2] (spec MAP-08).
func clean(name string) error {
	for _, c := range name {
		if c < 0x20 || c >= 0x7f && c < 0xa0 {
			return errors.New("has a control character")
		}
	}
	switch {
	case !utf8.ValidString(name):
		return errors.New("is no UTF-8")
	case len(name) > 65535:
		return errors.New("is longer than 65535 bytes")
	}
	return nil
}
