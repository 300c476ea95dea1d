// Package json reads and writes JSON (RFC 8259) for plugins: settings, and the answers of
// HTTP servers. It takes the place of encoding/json, which makes a module 1.4 MB
// larger and a short answer cost some 80 µs in a guest; this takes a few.
//
//	v, err := json.Parse(string(res.Body))
//	if err != nil {
//		return wicket.Fail(err)
//	}
//	if result, _ := v.Get("result").Text(); result != "allow" {
//		return wicket.Deny()
//	}
//
// It is stricter than many readers, so that what two of them would understand
// differently is refused: bytes that are not UTF-8, halves of surrogate pairs,
// a key that comes twice, and more than 64 levels.
package json

import (
	"errors"
	"strconv"
	"unicode/utf8"
	"unsafe"
)

// Kind says what a Value is.
type Kind uint8

// The kinds. Absent is the kind of the zero Value.
const (
	Absent Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// String names a kind for an error: "a number".
func (k Kind) String() string {
	return [...]string{"nothing", "null", "true or false", "a number", "text", "a list", "an object"}[k]
}

// Value is a JSON value: a place in the text that it was read from, which is
// kept for as long as any of its values.
type Value struct {
	d *document
	i uint32 // of its node
}

// Member is a key of an object with its value.
type Member struct {
	Key   string
	Value Value
}

// ParseBytes reads a text that is one value. It must not be changed for as long as
// the value, or any text out of it, is in use.
func ParseBytes(text []byte) (Value, error) {
	return Parse(unsafe.String(unsafe.SliceData(text), len(text)))
}

// Parse reads a text that is one value.
func Parse(text string) (Value, error) {
	if !utf8.ValidString(text) {
		return Value{}, errors.New("text that is no UTF-8")
	}
	if len(text) > maxText {
		return Value{}, errors.New("text that is longer than 1 GiB")
	}
	p := parser{d: &document{text: text}}
	if n := len(text)/8 + 4; n <= fewNodes {
		p.d.nodes = p.d.few[:0]
	} else {
		p.d.nodes = make([]node, 0, min(n, 1024))
	}
	p.document()
	if p.err != nil {
		return Value{}, p.err
	}
	return Value{d: p.d}, nil
}

// Kind returns what the value is.
func (v Value) Kind() Kind {
	if v.d == nil {
		return Absent
	}
	return v.d.nodes[v.i].kind
}

// Present reports whether there is a value other than null.
func (v Value) Present() bool { return v.Kind() > Null }

// Get returns the member of an object with that key; it is Absent when there is
// none, or when the value is no object.
func (v Value) Get(key string) Value {
	if v.Kind() != Object {
		return Value{}
	}
	nodes := v.d.nodes
	for i := v.i + 1; i < nodes[v.i].next; i = nodes[i+1].next {
		if v.d.string(i) == key {
			return Value{v.d, i + 1}
		}
	}
	return Value{}
}

// Text returns the text of a String.
func (v Value) Text() (text string, ok bool) {
	if v.Kind() != String {
		return "", false
	}
	return v.d.string(v.i), true
}

// Bool returns the value of a Bool.
func (v Value) Bool() (value, ok bool) {
	if v.Kind() != Bool {
		return false, false
	}
	return v.Literal() == "true", true
}

// Int returns a Number that is a whole one, written without fraction and
// exponent, within 64 bits.
func (v Value) Int() (n int64, ok bool) {
	if v.Kind() != Number {
		return 0, false
	}
	n, err := strconv.ParseInt(v.Literal(), 10, 64)
	return n, err == nil
}

// Literal returns a Bool or a Number as it was written.
func (v Value) Literal() string {
	if k := v.Kind(); k != Bool && k != Number {
		return ""
	}
	n := v.d.nodes[v.i]
	return v.d.text[n.from:n.to]
}

// Len returns how many elements or members an Array or an Object has.
func (v Value) Len() int {
	if k := v.Kind(); k != Array && k != Object {
		return 0
	}
	return int(v.d.nodes[v.i].to)
}

// Elements runs through an Array: for e := range v.Elements.
func (v Value) Elements(yield func(Value) bool) {
	if v.Kind() != Array {
		return
	}
	nodes := v.d.nodes
	for i := v.i + 1; i < nodes[v.i].next; i = nodes[i].next {
		if !yield(Value{v.d, i}) {
			return
		}
	}
}

// Fields runs through an Object in its order: for key, v := range v.Fields.
func (v Value) Fields(yield func(string, Value) bool) {
	if v.Kind() != Object {
		return
	}
	nodes := v.d.nodes
	for i := v.i + 1; i < nodes[v.i].next; i = nodes[i+1].next {
		if !yield(v.d.string(i), Value{v.d, i + 1}) {
			return
		}
	}
}

// List returns the elements of an Array.
func (v Value) List() []Value {
	if v.Len() == 0 {
		return nil
	}
	list := make([]Value, 0, v.Len())
	for e := range v.Elements {
		list = append(list, e)
	}
	return list
}

// Members returns the members of an Object in their order.
func (v Value) Members() []Member {
	if v.Len() == 0 {
		return nil
	}
	list := make([]Member, 0, v.Len())
	for key, m := range v.Fields {
		list = append(list, Member{key, m})
	}
	return list
}

const hexDigits = "0123456789abcdef"

// AppendString appends a text as a JSON string. The text must be UTF-8.
func AppendString[T string | []byte](dst []byte, s T) []byte {
	return append(AppendText(append(dst, '"'), s), '"')
}

// AppendText appends what stands between the quotes of a JSON string.
func AppendText[T string | []byte](dst []byte, s T) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ' || c == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
