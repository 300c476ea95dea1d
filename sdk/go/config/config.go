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

	"github.com/wicketmq/wicket/sdk/go/json"
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
	value json.Value
	inner *Object   // of a value that is an object
	list  []*Object // of one that is a list of objects
	known bool
}

// Read parses the config of a LoadInfo. The zero text is an empty object.
func Read(text string) (*Object, error) {
	var v json.Value
	if text != "" {
		var err error
		if v, err = json.Parse(text); err != nil {
			return nil, errors.New("the plugin's config is no JSON: " + err.Error())
		}
	}
	if v.Present() && v.Kind() != json.Object {
		return nil, errors.New("the plugin's config is " + kind(v) + ", not keys with values")
	}
	return object(v, "", &[]string{}), nil
}

// object makes the block of settings at a path.
func object(v json.Value, path string, faults *[]string) *Object {
	o := &Object{path: path, faults: faults}
	for _, m := range v.Members() {
		e := entry{key: m.Key, value: m.Value}
		if m.Value.Kind() == json.Object {
			e.inner = object(m.Value, path+m.Key+".", faults)
		}
		o.entries = append(o.entries, e)
	}
	return o
}

// get returns the entry of a key that the plugin knows.
func (o *Object) get(key string) *entry {
	for i := range o.entries {
		if o.entries[i].key == key {
			o.entries[i].known = true
			return &o.entries[i]
		}
	}
	o.entries = append(o.entries, entry{key: key, known: true}) // for Err to list
	return &o.entries[len(o.entries)-1]
}

// is returns the value of a key if it is of a kind, which a message calls want.
func (o *Object) is(key string, k json.Kind, want string) (v json.Value, ok bool) {
	v = o.get(key).value
	if v.Present() && v.Kind() != k {
		o.Fault(key, "want "+want+", not "+kind(v))
	}
	return v, v.Kind() == k
}

// Has reports whether the key is there. Another method reads it.
func (o *Object) Has(key string) bool {
	for i := range o.entries {
		if o.entries[i].key == key {
			return o.entries[i].value.Present()
		}
	}
	return false
}

// Keys returns the keys in their order, for blocks whose keys are names.
func (o *Object) Keys() []string {
	var keys []string
	for i := range o.entries {
		if o.entries[i].value.Present() {
			keys = append(keys, o.entries[i].key)
		}
	}
	return keys
}

// Text returns a value that is text.
func (o *Object) Text(key string) (string, bool) {
	v, _ := o.is(key, json.String, "text")
	return v.Text()
}

// Bool returns a value that is true or false.
func (o *Object) Bool(key string) (value, ok bool) {
	v, _ := o.is(key, json.Bool, "true or false")
	return v.Bool()
}

// Int returns a value that is a whole number.
func (o *Object) Int(key string) (int64, bool) {
	v, ok := o.is(key, json.Number, "a whole number")
	if !ok {
		return 0, false
	}
	n, ok := v.Int()
	if !ok {
		o.Fault(key, "want a whole number, not "+v.Literal())
	}
	return n, ok
}

// Texts returns a value that is a list of texts.
func (o *Object) Texts(key string) ([]string, bool) {
	list, ok := o.is(key, json.Array, "a list of texts")
	texts := make([]string, 0, len(list.List()))
	for i, v := range list.List() {
		text, is := v.Text()
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
	_, ok := o.is(key, json.Object, "keys with values")
	return o.get(key).inner, ok
}

// Objects returns a value that is a list of blocks of settings.
func (o *Object) Objects(key string) ([]*Object, bool) {
	list, ok := o.is(key, json.Array, "a list of keys with values")
	e := o.get(key)
	e.list = nil
	for i, v := range list.List() {
		at := key + "[" + strconv.Itoa(i) + "]"
		if v.Kind() != json.Object {
			o.Fault(at, "want keys with values, not "+kind(v))
			ok = false
			continue
		}
		e.list = append(e.list, object(v, o.path+at+".", o.faults))
	}
	return e.list, ok
}

// Value returns a value of any kind as it is; whatever is inside of it counts
// as known.
func (o *Object) Value(key string) json.Value {
	e := o.get(key)
	e.inner = nil
	return e.value
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
		if e.inner != nil {
			e.inner.strangers()
		}
		for _, one := range e.list {
			one.strangers()
		}
	}
}

// kind names a value for an error, in the words of a configuration.
func kind(v json.Value) string {
	switch v.Kind() {
	case json.Object:
		return "keys with values"
	case json.Null:
		return "nothing"
	}
	return v.Kind().String()
}
