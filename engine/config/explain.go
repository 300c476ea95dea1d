package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Explanation is all that is known about one key.
type Explanation struct {
	Key     string
	Type    string
	Doc     string
	Default string // empty when there is none
	Env     string
	Restart bool // a change needs a restart
	Below   []string
	Value   string // of the configuration given; secrets are hidden
	Origin  Origin
	Set     bool // Value and Origin hold something
}

// Explain describes a key. The configuration and its report may be nil; the
// names of listeners and plugins need not exist in it.
func Explain(key string, cfg *Config, report *Report) (Explanation, error) {
	path, err := SplitKey(key)
	if err != nil {
		return Explanation{}, err
	}
	f, known := schema().find(path)
	if known < len(path) {
		where := "at the top"
		if known > 0 {
			where = "in " + JoinKey(path[:known]...)
		}
		return Explanation{}, fmt.Errorf("there is no key %q %s%s", path[known], where, didYouMean(path[known], f.keys()))
	}
	x := Explanation{
		Key: JoinKey(path...), Type: f.typeName(), Doc: f.doc, Default: f.def,
		Env: EnvName(path...), Restart: f.restart, Below: f.keys(),
	}
	if f.kind == named {
		x.Below = []string{"NAME"}
	}
	if f.kind == section || f.kind == named {
		x.Env = ""
		return x, nil
	}
	if cfg == nil {
		return x, nil
	}
	if v, err := lookup(reflect.ValueOf(cfg).Elem(), schema(), path); err == nil {
		x.Value, x.Set = f.format(v), true
		x.Origin = originOf(report.origins, path)
		if _, own := report.origins[pathKey(path)]; !own && f.kind != free {
			x.Origin = Origin{}
		}
	}
	return x, nil
}

var errNoEntry = errors.New("no such entry")

// lookup follows a path of keys through the structs.
func lookup(v reflect.Value, f *field, path []string) (reflect.Value, error) {
	for _, name := range path {
		c := f.child(name)
		switch {
		case f.kind == free:
			return v, nil
		case c == nil:
			return v, errNoEntry
		case f.kind == named:
			if v = v.MapIndex(reflect.ValueOf(name)); !v.IsValid() {
				return v, errNoEntry
			}
		default:
			v = v.FieldByIndex(c.index)
		}
		f = c
	}
	return v, nil
}

// format writes a value as it stands in a file. Settings of plugins are not
// shown: nobody but the plugin knows which of them are secret.
func (f *field) format(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case fmt.Stringer:
		if f.typ == durationType {
			break
		}
		return x.String()
	case map[string]any:
		if len(x) == 0 {
			return "{}"
		}
		return "(not shown: may hold secrets)"
	}
	switch {
	case f.infinity != "" && v.IsZero():
		return "infinity"
	case f.typ == durationType:
		return FormatDuration(time.Duration(v.Int()))
	case f.kind == list:
		items := make([]string, v.Len())
		for i := range items {
			items[i] = v.Index(i).String()
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return fmt.Sprint(v.Interface())
}
