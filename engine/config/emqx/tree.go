package emqx

import (
	"slices"
	"strconv"
	"strings"
)

// value is a node of a file that was read.
type value struct {
	kind   kind
	text   string   // of a text
	quoted bool     // the text stood in quotes
	list   []*value // elements, or the parts of a concatenation
	fields *object
	ref    string // path of a substitution
	maybe  bool   // ${?path}
	at     Place

	// own is the value that a flat key has beside the keys below it:
	// listener.ssl.external = 8883 and listener.ssl.external.keyfile.
	own *value
}

type kind uint8

const (
	text kind = iota
	list
	section
	null
	reference // ${path}
	concat    // parts that are joined once references are known
)

// object keeps the order of its keys.
type object struct {
	keys []string
	byID map[string]*value
}

func newObject() *object { return &object{byID: map[string]*value{}} }

func (o *object) get(key string) *value {
	if o == nil {
		return nil
	}
	return o.byID[key]
}

func (o *object) set(key string, v *value) {
	if _, there := o.byID[key]; !there {
		o.keys = append(o.keys, key)
	}
	o.byID[key] = v
}

func (o *object) remove(key string) {
	delete(o.byID, key)
	o.keys = slices.DeleteFunc(o.keys, func(k string) bool { return k == key })
}

// sectionAt makes an empty section.
func sectionAt(at Place) *value { return &value{kind: section, fields: newObject(), at: at} }

// count is the number of keys in a value; a leaf is one.
func (v *value) count() int {
	switch v.kind {
	case section:
		n := 0
		if v.own != nil {
			n++
		}
		for _, k := range v.fields.keys {
			n += v.fields.byID[k].count()
		}
		return max(n, 1)
	case list:
		n := 0
		for _, e := range v.list {
			n += e.count()
		}
		return max(n, 1)
	}
	return 1
}

// elements reads a value as a list: a list, one thing alone, or, as EMQX
// allows, a section whose keys are numbers.
func (v *value) elements() []*value {
	switch {
	case v.kind == list:
		return v.list
	case v.kind == null:
		return nil
	case v.kind == section && v.numbered():
		keys := slices.Clone(v.fields.keys)
		slices.SortFunc(keys, byNumber)
		out := make([]*value, len(keys))
		for i, k := range keys {
			out[i] = v.fields.byID[k]
		}
		return out
	}
	return []*value{v}
}

func (v *value) numbered() bool {
	for _, k := range v.fields.keys {
		if _, err := strconv.ParseUint(k, 10, 31); err != nil {
			return false
		}
	}
	return len(v.fields.keys) > 0
}

func byNumber(a, b string) int {
	x, _ := strconv.Atoi(a)
	y, _ := strconv.Atoi(b)
	return x - y
}

// word returns the text of a field of a section, in lower case, or nothing.
func (v *value) word(key string) string {
	if v.kind != section {
		return ""
	}
	f := v.fields.get(key)
	if f == nil || f.kind != text {
		return ""
	}
	return strings.ToLower(f.text)
}

// enabled reports whether a section says nothing of being switched off.
func (v *value) enabled() bool {
	return !isFalse(v.word("enable")) && !isFalse(v.word("enabled"))
}

func isFalse(word string) bool { return word == "false" || word == "off" }
func isTrue(word string) bool  { return word == "true" || word == "on" }
