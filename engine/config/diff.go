package config

import (
	"maps"
	"reflect"
	"slices"
)

// Change is one key whose value differs between two configurations.
type Change struct {
	Key      string
	Old, New string // as in a file, secrets hidden; empty for an entry that is not there
	Restart  bool   // it takes effect at the next start only
}

// Diff lists what changes from one configuration to the next, in the order of
// the reference page. Entries of maps that come or go are one change each.
func Diff(from, to *Config) []Change {
	var out []Change
	diff(&out, schema(), reflect.ValueOf(from).Elem(), reflect.ValueOf(to).Elem(), nil)
	return out
}

func diff(out *[]Change, f *field, from, to reflect.Value, path []string) {
	switch f.kind {
	case section:
		for _, c := range f.children {
			diff(out, c, from.FieldByIndex(c.index), to.FieldByIndex(c.index), below(path, c.key))
		}
	case named:
		diffNamed(out, f, from, to, path)
	default:
		if !reflect.DeepEqual(from.Interface(), to.Interface()) {
			*out = append(*out, Change{JoinKey(path...), f.format(from), f.format(to), f.restart})
		}
	}
}

func diffNamed(out *[]Change, f *field, from, to reflect.Value, path []string) {
	names := map[string]bool{}
	for _, m := range []reflect.Value{from, to} {
		for _, k := range m.MapKeys() {
			names[k.String()] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		a, b := from.MapIndex(reflect.ValueOf(name)), to.MapIndex(reflect.ValueOf(name))
		p := below(path, name)
		switch {
		case !a.IsValid():
			*out = append(*out, Change{Key: JoinKey(p...), New: "present", Restart: f.restart})
		case !b.IsValid():
			*out = append(*out, Change{Key: JoinKey(p...), Old: "present", Restart: f.restart})
		default:
			diff(out, f.elem, a, b, p)
		}
	}
}
