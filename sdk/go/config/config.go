// Package config reads what the operator wrote below plugins.NAME.config, for
// plugins that check their settings as the broker checks its own: every key is
// known, has the right kind of value, and whatever is wrong is said at once with
// the path of the key.
//
//	o, err := config.Read(l.Config)
//	if err != nil {
//		return err
//	}
//	s.limit, _ = o.Int("limit")
//	s.name, _ = o.Text("name")
//	return o.Err()
//
// It takes the place of encoding/json, which would make a module 1.4 MB larger.
package config

import (
	"errors"
	"strconv"
	"strings"
)

// Object is one block of settings. Its methods return ok when the key is there
// with the right kind of value; a null counts as absent. Values of another kind
// are faults that Err returns. An Object is not safe for concurrent use.
type Object struct {
	path    string // of its keys: "" or "listeners."
	entries []entry
	faults  *[]string
}

type entry struct {
	key   string
	value any // nil, bool, number, string, []any or *Object
	known bool
}

// number is a JSON number as written.
type number string

// Read parses the config of a LoadInfo. The zero text is an empty object.
func Read(text string) (*Object, error) {
	o, faults := &Object{}, &[]string{}
	if text != "" {
		p := parser{text: text}
		v := p.document()
		if p.err != nil {
			return nil, p.err
		}
		var ok bool
		if o, ok = v.(*Object); !ok && v != nil {
			return nil, errors.New("the plugin's config is " + kind(v) + ", not keys with values")
		}
		if v == nil {
			o = &Object{}
		}
	}
	o.adopt("", faults)
	return o, nil
}

// adopt tells the object and those inside of it where they are.
func (o *Object) adopt(path string, faults *[]string) {
	o.path, o.faults = path, faults
	for i := range o.entries {
		if inner, ok := o.entries[i].value.(*Object); ok {
			inner.adopt(path+o.entries[i].key+".", faults)
		}
	}
}

// get returns the value of a key that the plugin knows.
func (o *Object) get(key string) any {
	for i := range o.entries {
		if o.entries[i].key == key {
			o.entries[i].known = true
			return o.entries[i].value
		}
	}
	o.entries = append(o.entries, entry{key: key, known: true}) // for Err to list
	return nil
}

// as returns the value of a key if it is a T, which a message calls want.
func as[T any](o *Object, key, want string) (v T, ok bool) {
	any := o.get(key)
	if any == nil {
		return v, false
	}
	if v, ok = any.(T); !ok {
		o.Fault(key, "want "+want+", not "+kind(any))
	}
	return v, ok
}

// Has reports whether the key is there. Another method reads it.
func (o *Object) Has(key string) bool {
	for i := range o.entries {
		if o.entries[i].key == key {
			return o.entries[i].value != nil
		}
	}
	return false
}

// Keys returns the keys in their order, for blocks whose keys are names.
func (o *Object) Keys() []string {
	var keys []string
	for i := range o.entries {
		if o.entries[i].value != nil {
			keys = append(keys, o.entries[i].key)
		}
	}
	return keys
}

// Text returns a value that is text.
func (o *Object) Text(key string) (string, bool) { return as[string](o, key, "text") }

// Bool returns a value that is true or false.
func (o *Object) Bool(key string) (value, ok bool) { return as[bool](o, key, "true or false") }

// Int returns a value that is a whole number.
func (o *Object) Int(key string) (int64, bool) {
	n, ok := as[number](o, key, "a whole number")
	if !ok {
		return 0, false
	}
	v, err := strconv.ParseInt(string(n), 10, 64)
	if err != nil {
		o.Fault(key, "want a whole number, not "+string(n))
	}
	return v, err == nil
}

// Texts returns a value that is a list of texts.
func (o *Object) Texts(key string) ([]string, bool) {
	list, ok := as[[]any](o, key, "a list of texts")
	texts := make([]string, 0, len(list))
	for i, v := range list {
		text, is := v.(string)
		if !is {
			o.Fault(key+"["+strconv.Itoa(i)+"]", "want text, not "+kind(v))
			ok = false
		}
		texts = append(texts, text)
	}
	return texts, ok
}

// Object returns a value that is a block of settings itself.
func (o *Object) Object(key string) (*Object, bool) {
	return as[*Object](o, key, "keys with values")
}

// Fault adds something that is wrong with a key, or with the block when key is
// empty, to what Err returns.
func (o *Object) Fault(key, text string) {
	path := strings.TrimSuffix(o.path+key, ".")
	if path != "" {
		path += ": "
	}
	*o.faults = append(*o.faults, path+text)
}

// maxFaults is how many faults an error names.
const maxFaults = 12

// Err returns everything that is wrong with the object and those that were read
// from it, keys that nobody has asked for included, or nil. It is called last.
func (o *Object) Err() error {
	o.strangers()
	faults := *o.faults
	if len(faults) == 0 {
		return nil
	}
	if len(faults) > maxFaults {
		faults = append(faults[:maxFaults:maxFaults], "and "+strconv.Itoa(len(faults)-maxFaults)+" more")
	}
	return errors.New(strings.Join(faults, "; "))
}

// strangers finds the keys that the plugin does not know.
func (o *Object) strangers() {
	var known []string
	for i := range o.entries {
		if o.entries[i].known {
			known = append(known, o.entries[i].key)
		}
	}
	for i := range o.entries {
		e := &o.entries[i]
		if !e.known {
			o.Fault(e.key, "no such key; there are "+strings.Join(known, ", "))
			continue
		}
		if inner, ok := e.value.(*Object); ok {
			inner.strangers()
		}
	}
}

// kind names a value for an error.
func kind(v any) string {
	switch v.(type) {
	case bool:
		return "true or false"
	case number:
		return "a number"
	case string:
		return "text"
	case []any:
		return "a list"
	case *Object:
		return "keys with values"
	}
	return "nothing"
}
