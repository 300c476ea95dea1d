package config

import (
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// validName is what listeners and plugins may be called.
var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// decoder fills the structs from the merged tree and collects what does not
// fit. A value that does not fit leaves the default in its place.
type decoder struct {
	origins  map[string]Origin
	problems []Problem
	dir      string // where default paths start
	dataDir  string // set first: DataDir is the first field of Config
}

func (d *decoder) config(tree map[string]any) *Config {
	cfg := new(Config)
	d.section(reflect.ValueOf(cfg).Elem(), schema(), tree, nil)
	return cfg
}

// origin is where a key came from, or else the nearest section above it.
func (d *decoder) origin(path []string) Origin { return originOf(d.origins, path) }

func originOf(origins map[string]Origin, path []string) Origin {
	for n := len(path); n > 0; n-- {
		if o, ok := origins[pathKey(path[:n])]; ok {
			return o
		}
	}
	return Origin{}
}

func (d *decoder) fail(path []string, format string, args ...any) {
	d.problems = append(d.problems, Problem{d.origin(path), JoinKey(path...), fmt.Sprintf(format, args...)})
}

// section decodes a struct: each key that is there, the default of each that
// is not, and a complaint for each that should not be.
func (d *decoder) section(v reflect.Value, f *field, tree map[string]any, path []string) {
	misspelt := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		if f.child(key) == nil {
			meant, hint := d.hint(key, f)
			misspelt[meant] = true
			d.fail(below(path, key), "unknown key%s", hint)
		}
	}
	for _, c := range f.children {
		raw, present := tree[c.key]
		if c.required && !present && !misspelt[c.key] && !d.unread(below(path, c.key)) {
			d.fail(below(path, c.key), "missing: %s", c.doc)
		}
		d.field(v.FieldByIndex(c.index), c, raw, present, below(path, c.key))
	}
	if v.Type() == reflect.TypeFor[Plugin]() {
		v.FieldByName("Dir").SetString(d.base(path))
	}
}

// unread reports whether a key, or its section, was there but unreadable.
func (d *decoder) unread(path []string) bool {
	key, above := JoinKey(path...), JoinKey(path[:len(path)-1]...)
	return slices.ContainsFunc(d.problems, func(p Problem) bool { return p.Key == key || p.Key == above })
}

// hint proposes a key of the same section, which it returns as well, or says
// where the key belongs.
func (d *decoder) hint(key string, f *field) (meant, text string) {
	for _, c := range f.children {
		if slices.Contains(strings.Split(c.aka, ","), key) {
			return c.key, fmt.Sprintf("; here it is called %q", c.key)
		}
	}
	if n, ok := nearest(key, f.keys()); ok {
		return n, fmt.Sprintf("; did you mean %q?", n)
	}
	var places []string
	schema().walk(nil, func(*field) string { return "NAME" }, func(p []string, c *field) {
		if c.key == key {
			places = append(places, JoinKey(p...))
		}
	})
	if len(places) > 0 {
		return "", "; did you mean " + strings.Join(places, " or ") + "?"
	}
	return "", didYouMean(key, f.keys())
}

func (d *decoder) field(v reflect.Value, f *field, raw any, present bool, path []string) {
	switch f.kind {
	case section:
		tree, ok := raw.(map[string]any)
		if present && !ok {
			d.fail(path, "%s is not a section; below it go %s", show(raw), strings.Join(f.keys(), ", "))
		}
		d.section(v, f, tree, path)
	case named:
		d.named(v, f, raw, present, path)
	default:
		d.value(v, f, raw, present, path)
	}
}

// named decodes a map from names to sections.
func (d *decoder) named(v reflect.Value, f *field, raw any, present bool, path []string) {
	tree, ok := raw.(map[string]any)
	if present && !ok {
		d.fail(path, "%s is not a section; below it go names, and below each of these %s", show(raw), strings.Join(f.elem.keys(), ", "))
	}
	v.Set(reflect.MakeMap(f.typ))
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		p := below(path, name)
		if !validName.MatchString(name) {
			d.fail(p, "a name is up to 64 letters, digits, dots, hyphens and underscores, and starts with a letter or digit")
			continue
		}
		entry, ok := tree[name].(map[string]any)
		if !ok {
			d.fail(p, "%s is not a section; below it go %s", show(tree[name]), strings.Join(f.elem.keys(), ", "))
			continue
		}
		e := reflect.New(f.elem.typ).Elem()
		d.section(e, f.elem, entry, p)
		v.SetMapIndex(reflect.ValueOf(name), e)
	}
}

// value decodes a leaf, a list or a free tree.
func (d *decoder) value(v reflect.Value, f *field, raw any, present bool, path []string) {
	switch f.kind { // absent and empty are the same
	case list:
		v.Set(reflect.MakeSlice(f.typ, 0, 0))
	case free:
		v.Set(reflect.MakeMap(f.typ))
	}
	if f.def != "" && !present || f.def != "" && raw == nil {
		def, err := f.parse(fromText(f, f.def))
		if err != nil {
			panic(fmt.Sprintf("BUG: default of %s: %v", JoinKey(path...), err))
		}
		v.Set(def)
	}
	switch {
	case present && raw == nil && f.kind != free:
		d.fail(path, "the key has no value; give it one or remove the line")
	case present && f.kind == list:
		d.list(v, f, raw, path)
	case present && raw != nil:
		x, err := f.parse(raw)
		if err != nil {
			d.fail(path, "%v", err)
			return
		}
		v.Set(x)
	}
	d.resolve(v, f, path)
}

// list decodes each element, so that each wrong one is reported.
func (d *decoder) list(v reflect.Value, f *field, raw any, path []string) {
	items, ok := raw.([]any)
	if !ok {
		d.fail(path, "%s is not a list; write [%s]", show(raw), plain(raw))
		return
	}
	out := reflect.MakeSlice(f.typ, 0, len(items))
	for i, item := range items {
		x, err := parseText(f.typ.Elem(), f.enumValues(), item)
		if err != nil {
			p := element(path, i)
			d.problems = append(d.problems, Problem{d.origin(p), JoinKey(path...), err.Error()})
			continue
		}
		out = reflect.Append(out, x)
	}
	v.Set(out)
}

// resolve makes a relative path start at the directory of its source.
func (d *decoder) resolve(v reflect.Value, f *field, path []string) {
	if f.path == "" {
		return
	}
	name := v.String()
	if name != "" && !filepath.IsAbs(name) && !(f.path == "plugin" && strings.HasPrefix(name, BuiltinPrefix)) {
		v.SetString(filepath.Join(d.base(path), name))
	}
	if f.path == "dir" {
		d.dataDir = v.String()
	}
}

// base is the directory that relative paths under a key start from.
func (d *decoder) base(path []string) string {
	switch o := d.origin(path); {
	case o.File != "":
		return filepath.Dir(o.File)
	case o.Base:
		return d.dataDir
	case o.Env != "" || o.Flag != "":
		return "."
	}
	return d.dir
}

// parse turns a value from a file into the Go value of a leaf or free tree,
// or says what is wrong with it and what to write instead.
func (f *field) parse(raw any) (reflect.Value, error) {
	if f.kind == list {
		items, _ := raw.([]any)
		out := reflect.MakeSlice(f.typ, 0, len(items))
		for _, item := range items {
			x, err := parseText(f.typ.Elem(), f.enumValues(), item)
			if err != nil {
				return x, err
			}
			out = reflect.Append(out, x)
		}
		return out, nil
	}
	switch {
	case f.kind == free:
		tree, ok := raw.(map[string]any)
		if !ok {
			return reflect.Value{}, fmt.Errorf("%s is not a section", show(raw))
		}
		return reflect.ValueOf(tree), nil
	case f.typ == durationType || f.typ == sizeType || f.typ.Kind() == reflect.Int:
		return f.parseNumber(raw)
	case f.typ == bindType:
		b, err := ParseBind(plain(raw))
		return reflect.ValueOf(b), err
	case f.typ == rateType:
		r, err := ParseRate(plain(raw))
		return reflect.ValueOf(r), err
	case f.typ == secretType:
		return parseSecret(raw)
	case f.typ.Kind() == reflect.Bool:
		b, ok := raw.(bool)
		if !ok {
			return reflect.Value{}, fmt.Errorf("%s is neither true nor false", show(raw))
		}
		return reflect.ValueOf(b), nil
	}
	return parseText(f.typ, f.enumValues(), raw)
}

// parseText reads a text or one of a set of words.
func parseText(t reflect.Type, words []string, raw any) (reflect.Value, error) {
	s, ok := raw.(string)
	if b, isBool := raw.(bool); isBool && words != nil { // partial_chain: false
		s, ok = strconv.FormatBool(b), true
	}
	switch {
	case !ok && words == nil:
		return reflect.Value{}, fmt.Errorf("%s is not a text; put it in quotes if it is meant as one", show(raw))
	case words != nil && !slices.Contains(words, s):
		text := fmt.Sprintf("%s is none of %s", show(raw), strings.Join(words, ", "))
		if n, ok := nearest(s, words); ok {
			text += fmt.Sprintf("; did you mean %q?", n)
		}
		return reflect.Value{}, fmt.Errorf("%s", text)
	}
	return reflect.ValueOf(s).Convert(t), nil
}

// parseSecret never repeats the value.
func parseSecret(raw any) (reflect.Value, error) {
	s, ok := raw.(string)
	if !ok {
		return reflect.Value{}, fmt.Errorf("a secret is a text; put it in quotes")
	}
	if path, isFile := strings.CutPrefix(s, "file://"); isFile && !filepath.IsAbs(path) {
		return reflect.Value{}, fmt.Errorf("a secret in a file needs an absolute path: file:///path")
	}
	return reflect.ValueOf(Secret{s}), nil
}

// parseNumber reads a whole number, a size or a duration within its bounds.
func (f *field) parseNumber(raw any) (reflect.Value, error) {
	if s, ok := raw.(string); ok && s == "infinity" && f.infinity != "" {
		return reflect.Zero(f.typ), nil
	}
	n, err := f.number(raw)
	if err != nil {
		return reflect.Value{}, err
	}
	if err := f.inBounds(n); err != nil {
		return reflect.Value{}, fmt.Errorf("%s is %w", plain(raw), err)
	}
	return reflect.ValueOf(n).Convert(f.typ), nil
}

func (f *field) number(raw any) (int64, error) {
	n, isInt := raw.(int64)
	s, isText := raw.(string)
	x, isFloat := raw.(float64)
	switch {
	case f.typ == durationType && isText:
		d, err := ParseDuration(s)
		return int64(d), err
	case f.typ == durationType && isInt && n != 0:
		return 0, fmt.Errorf("%d has no unit: write %ds, %dm or %dms", n, n, n, n)
	case f.typ == sizeType && isText:
		b, err := ParseByteSize(s)
		return int64(b), err
	case isInt:
		return n, nil
	case isFloat && x == math.Trunc(x) && math.Abs(x) < 1<<53: // 1e6
		return int64(x), nil
	case isText && f.infinity != "":
		return 0, fmt.Errorf("%s is neither a whole number nor infinity", show(raw))
	}
	return 0, fmt.Errorf("%s is not a %s", show(raw), f.typeName())
}

// inBounds checks min and max; the error says which was crossed.
func (f *field) inBounds(n int64) error {
	if f.min != "" && n < f.bound(f.min) {
		return fmt.Errorf("less than the least value, %s", f.min)
	}
	if f.max != "" && n > f.bound(f.max) {
		return fmt.Errorf("more than the greatest value, %s", f.max)
	}
	return nil
}

// bound reads a min or max tag.
func (f *field) bound(tag string) int64 {
	n, err := f.number(fromText(f, tag))
	if err != nil {
		panic(fmt.Sprintf("BUG: bound %q of %s: %v", tag, f.key, err))
	}
	return n
}

// show quotes a value for an error text and says what it is.
func show(raw any) string {
	switch v := raw.(type) {
	case nil:
		return "an empty value"
	case string:
		return strconv.Quote(shorten(v))
	case map[string]any:
		return "a section"
	case []any:
		return "a list"
	}
	return plain(raw)
}

// plain writes a value as it stands in a file.
func plain(raw any) string {
	switch v := raw.(type) {
	case string:
		return shorten(v)
	case time.Duration:
		return FormatDuration(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case map[string]any, []any, nil:
		return show(raw)
	}
	return fmt.Sprint(raw)
}

// shorten keeps a value from filling the screen.
func shorten(s string) string {
	if len(s) > 80 {
		return s[:77] + "..."
	}
	return s
}
