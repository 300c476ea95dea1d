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

// Value is a JSON value. It refers to the text that it was read from.
type Value struct {
	kind    Kind
	text    string
	list    []Value
	members []Member
}

// Member is a key of an object with its value.
type Member struct {
	Key   string
	Value Value
}

// Parse reads a text that is one value.
func Parse(text string) (Value, error) {
	if !utf8.ValidString(text) {
		return Value{}, errors.New("text that is no UTF-8")
	}
	p := parser{text: text}
	v := p.document()
	if p.err != nil {
		return Value{}, p.err
	}
	return v, nil
}

// Kind returns what the value is.
func (v Value) Kind() Kind { return v.kind }

// Present reports whether there is a value other than null.
func (v Value) Present() bool { return v.kind > Null }

// Get returns the member of an object with that key; it is Absent when there is
// none, or when the value is no object.
func (v Value) Get(key string) Value {
	if i := find(v.members, key); i >= 0 {
		return v.members[i].Value
	}
	return Value{}
}

func find(members []Member, key string) int {
	for i := range members {
		if members[i].Key == key {
			return i
		}
	}
	return -1
}

// Text returns the text of a String.
func (v Value) Text() (text string, ok bool) {
	if v.kind != String {
		return "", false
	}
	return v.text, true
}

// Bool returns the value of a Bool.
func (v Value) Bool() (value, ok bool) { return v.kind == Bool && v.text == "true", v.kind == Bool }

// Int returns a Number that is a whole one, written without fraction and
// exponent, within 64 bits.
func (v Value) Int() (n int64, ok bool) {
	if v.kind != Number {
		return 0, false
	}
	n, err := strconv.ParseInt(v.text, 10, 64)
	return n, err == nil
}

// Literal returns a Bool or a Number as it was written.
func (v Value) Literal() string {
	if v.kind == Bool || v.kind == Number {
		return v.text
	}
	return ""
}

// List returns the elements of an Array.
func (v Value) List() []Value { return v.list }

// Members returns the members of an Object in their order.
func (v Value) Members() []Member { return v.members }

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
