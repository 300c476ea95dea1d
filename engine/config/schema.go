package config

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"
)

// field describes one key. The tree of fields is derived from the struct
// tags of [Config]:
//
//	key:"name"         the key; "-" for a field that is not one
//	default:"text"     the value without one, written as in the environment
//	doc:"sentence"     what the key means
//	min, max:"text"    bounds of a number, duration or size
//	infinity:"0"       "infinity" is accepted and stored as 0
//	required:"true"    there is no default
//	path:"file"        a relative path starts at the directory of its file;
//	                   any: same, or a directory; dir: made by the broker;
//	                   plugin: or builtin:NAME
//	reload:"restart"   a change needs a restart; inherited, default "live"
//	example:"default"  the name used in documents for an entry of a map
//	aka:"ssl"          what people who come from elsewhere may call it
type field struct {
	key      string
	index    []int // of the Go field in its struct, through embedded ones
	typ      reflect.Type
	kind     kind
	doc      string
	def      string
	min, max string
	infinity string
	path     string
	example  string
	aka      string
	required bool
	restart  bool
	children []*field // of a section
	elem     *field   // of a named map: the section of each entry
}

type kind uint8

const (
	section kind = iota // a struct
	named               // a map from a name to a struct
	list                // a slice of leaves
	leaf                // a value
	free                // a tree that belongs to somebody else
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	sizeType     = reflect.TypeFor[ByteSize]()
	bindType     = reflect.TypeFor[Bind]()
	rateType     = reflect.TypeFor[Rate]()
	secretType   = reflect.TypeFor[Secret]()
	freeType     = reflect.TypeFor[map[string]any]()
)

// enum is a string type with a closed set of values.
type enum interface{ values() []string }

// schema is the tree of all keys, derived once.
var schema = sync.OnceValue(func() *field {
	root := &field{kind: section, typ: reflect.TypeFor[Config]()}
	root.children = fieldsOf(root.typ, nil, false)
	return root
})

func fieldsOf(t reflect.Type, prefix []int, restart bool) []*field {
	var out []*field
	for i := range t.NumField() {
		sf := t.Field(i)
		index := append(append([]int(nil), prefix...), i)
		if sf.Anonymous {
			out = append(out, fieldsOf(sf.Type, index, restart)...)
			continue
		}
		if sf.Tag.Get("key") == "-" {
			continue
		}
		out = append(out, fieldOf(sf, index, restart))
	}
	return out
}

func fieldOf(sf reflect.StructField, index []int, restart bool) *field {
	tag := sf.Tag
	f := &field{
		key: tag.Get("key"), index: index, typ: sf.Type, doc: tag.Get("doc"), def: tag.Get("default"),
		min: tag.Get("min"), max: tag.Get("max"), infinity: tag.Get("infinity"), path: tag.Get("path"),
		example: tag.Get("example"), aka: tag.Get("aka"), required: tag.Get("required") == "true", restart: restart,
	}
	if r := tag.Get("reload"); r != "" {
		f.restart = r == "restart"
	}
	switch t := sf.Type; {
	case t == freeType:
		f.kind = free
	case t == bindType || t == rateType || t == secretType:
		f.kind = leaf
	case t.Kind() == reflect.Struct:
		f.kind, f.children = section, fieldsOf(t, nil, f.restart)
	case t.Kind() == reflect.Map:
		f.kind = named
		f.elem = &field{kind: section, typ: t.Elem(), children: fieldsOf(t.Elem(), nil, f.restart), restart: f.restart}
	case t.Kind() == reflect.Slice:
		f.kind = list
	default:
		f.kind = leaf
	}
	return f
}

// child returns the field with the key, or nil. Entries of a named map all
// share one field.
func (f *field) child(key string) *field {
	if f.kind == named {
		return f.elem
	}
	for _, c := range f.children {
		if c.key == key {
			return c
		}
	}
	return nil
}

// keys lists the children's keys.
func (f *field) keys() []string {
	out := make([]string, len(f.children))
	for i, c := range f.children {
		out[i] = c.key
	}
	return out
}

// enumValues lists the values of an enum or of a list of one.
func (f *field) enumValues() []string {
	t := f.typ
	if f.kind == list {
		t = t.Elem()
	}
	if e, ok := reflect.Zero(t).Interface().(enum); ok {
		return e.values()
	}
	return nil
}

// typeName is the type as documents call it.
func (f *field) typeName() string {
	switch {
	case f.kind == section || f.kind == named:
		return "section"
	case f.kind == free:
		return "any tree"
	case f.kind == list:
		return "list of " + strings.Join(orText(f.enumValues()), ", ")
	case f.enumValues() != nil:
		return strings.Join(f.enumValues(), " | ")
	case f.typ == durationType:
		return "duration"
	case f.typ == sizeType:
		return "size"
	case f.typ == bindType:
		return "address"
	case f.typ == rateType:
		return "rate"
	case f.typ == secretType:
		return "secret"
	case f.typ.Kind() == reflect.Bool:
		return "true | false"
	case f.typ.Kind() == reflect.Int:
		return "whole number"
	case f.path != "":
		return "path"
	}
	return "text"
}

func orText(values []string) []string {
	if values == nil {
		return []string{"texts"}
	}
	return values
}

// walk calls visit for every field below f, in order, with its path; entries
// of named maps appear once, under the name that entry gives them.
func (f *field) walk(path []string, entry func(*field) string, visit func(path []string, f *field)) {
	for _, c := range f.children {
		p := append(path[:len(path):len(path)], c.key)
		visit(p, c)
		switch c.kind {
		case section:
			c.walk(p, entry, visit)
		case named:
			c.elem.walk(append(p, entry(c)), entry, visit)
		}
	}
}

// pathKey is the form in which paths are map keys; no key can hold a NUL.
func pathKey(path []string) string { return strings.Join(path, "\x00") }

// JoinKey writes a path as a dotted key, with quotes round a name that has a
// dot of its own.
func JoinKey(path ...string) string {
	var b strings.Builder
	for i, p := range path {
		if i > 0 {
			b.WriteByte('.')
		}
		if p == "" || strings.ContainsAny(p, ".\"") {
			fmt.Fprintf(&b, "%q", p)
		} else {
			b.WriteString(p)
		}
	}
	return b.String()
}

// SplitKey reads what [JoinKey] writes.
func SplitKey(key string) ([]string, error) {
	var path []string
	for rest := key; ; {
		var part string
		if strings.HasPrefix(rest, `"`) {
			end := strings.IndexByte(rest[1:], '"')
			if end < 0 {
				return nil, fmt.Errorf("key %q has a quote that is not closed", key)
			}
			part, rest = rest[1:1+end], rest[end+2:]
		} else {
			end := strings.IndexByte(rest, '.')
			if end < 0 {
				end = len(rest)
			}
			part, rest = rest[:end], rest[end:]
		}
		if part == "" {
			return nil, fmt.Errorf("key %q has an empty part", key)
		}
		path = append(path, part)
		if rest == "" {
			return path, nil
		}
		if rest[0] != '.' {
			return nil, fmt.Errorf("key %q has text after a quoted part", key)
		}
		rest = rest[1:]
	}
}
