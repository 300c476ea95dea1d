package json

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func parse(t *testing.T, text string) Value {
	t.Helper()
	v, err := Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func TestParse(t *testing.T) {
	v := parse(t, ` {"s":"a\u00e4\ud83d\ude00\n", "plain":"x", "t":true, "f":false, "n":-12, "big":9223372036854775808, "x":1.5,
		"list":[1,"",null], "none":null, "o":{"k":"v"}, "e":{}} `)
	s, ok := v.Get("s").Text()
	plain, _ := v.Get("plain").Text()
	yes, ok1 := v.Get("t").Bool()
	no, ok2 := v.Get("f").Bool()
	n, ok3 := v.Get("n").Int()
	inner, _ := v.Get("o").Get("k").Text()
	if s != "aä😀\n" || !ok || plain != "x" || !yes || !ok1 || no || !ok2 || n != -12 || !ok3 || inner != "v" {
		t.Errorf("%q %q %v %v %d %q", s, plain, yes, no, n, inner)
	}
	for _, key := range []string{"big", "x", "s", "t", "list", "none", "o", "missing"} {
		if n, ok := v.Get(key).Int(); ok {
			t.Errorf("%s is the whole number %d", key, n)
		}
	}
	if _, ok := v.Get("n").Text(); ok {
		t.Error("a number is text")
	}
	if _, ok := v.Get("s").Bool(); ok {
		t.Error("text is a bool")
	}
	if v.Get("big").Literal() != "9223372036854775808" || v.Get("t").Literal() != "true" || v.Get("s").Literal() != "" {
		t.Error("literals")
	}
	if len(v.Get("list").List()) != 3 || len(v.Members()) != 11 || v.Members()[9].Key != "o" {
		t.Errorf("%+v", v)
	}
	for key, want := range map[string]Kind{"missing": Absent, "none": Null, "t": Bool, "n": Number, "s": String, "list": Array, "e": Object} {
		if got := v.Get(key); got.Kind() != want || got.Present() != (want > Null) || want.String() == "" {
			t.Errorf("%s: %v", key, got.Kind())
		}
	}
}

func TestMalformed(t *testing.T) {
	many := func(n int, last string) string {
		var b strings.Builder
		b.WriteString("{")
		for i := range n {
			fmt.Fprintf(&b, `"%d":1,`, i)
		}
		return b.String() + last + "}"
	}
	for _, text := range []string{
		"", "{", "}", "[", `{"a"}`, `{"a":}`, `{"a":1`, `{"a":1,}`, `{,}`, `{"a" 1}`, `{a:1}`, `{"a":tru}`, `{"a":1}x`, `{"a":1 "b":2}`, `[1,]`,
		`"`, `"\`, `"\x"`, `"\u12"`, `"\u+123"`, `"\ud800"`, `"\ud800\u0041"`, "\"\n\"", "\"a\\n\n\"", "\"\xff\"", `"a\n`,
		"-", "1e", "01", "1.", ".5", "+1", "1e+", "nul", `{"a":1,"a":2}`, many(100, `"7":2`), many(17, `"16":2`), many(fewMembers, `"0":2`),
		strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65), strings.Repeat("[", 1<<20),
	} {
		if v, err := Parse(text); err == nil || v.Kind() != Absent {
			t.Errorf("%.40q: %+v", text, v)
		}
	}
	parse(t, many(1000, `"x":1`))
	parse(t, strings.Repeat("[", 64)+strings.Repeat("]", 64))
}

// FuzzParse: what is read means the same to encoding/json, which takes more:
// bytes that are no UTF-8, halves of surrogate pairs, keys given twice.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"a":"\u00e4\ud83d\ude00","b":[1,-2.5e3,true,null],"c":{"d":{}}}`, `[[[]]]`, ` "x" `, "{", `{"a":1,"a":2}`, `01`, `-0e-0`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, mine := Parse(text)
		var want any
		err := json.Unmarshal([]byte(text), &want)
		switch {
		case mine == nil && err == nil:
			if got := plain(v); !reflect.DeepEqual(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		case err == nil && utf8.ValidString(text) && !strings.Contains(mine.Error(), "twice") &&
			!strings.Contains(mine.Error(), "surrogate") && !strings.Contains(mine.Error(), "levels"):
			t.Errorf("%v", mine)
		case mine == nil && !strings.Contains(err.Error(), "cannot unmarshal number"):
			t.Errorf("accepts what is no JSON: %v", err)
		}
	})
}

func plain(v Value) any {
	switch v.Kind() {
	case Bool:
		b, _ := v.Bool()
		return b
	case Number:
		var n float64
		_ = json.Unmarshal([]byte(v.Literal()), &n)
		return n
	case String:
		s, _ := v.Text()
		return s
	case Array:
		list := []any{}
		for _, e := range v.List() {
			list = append(list, plain(e))
		}
		return list
	case Object:
		m := map[string]any{}
		for _, e := range v.Members() {
			m[e.Key] = plain(e.Value)
		}
		return m
	}
	return nil
}

// FuzzAppend: what is written is read back by both readers.
func FuzzAppend(f *testing.F) {
	for _, s := range []string{"", "alice", "\r\n\x00\x1f\x7f", `"\/${x}`, "\u2028ä😀", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := AppendString(nil, s)
		var theirs string
		err := json.Unmarshal(text, &theirs)
		v, mine := Parse(string(text))
		got, _ := v.Text()
		if utf8.ValidString(s) && (err != nil || mine != nil || theirs != s || got != s) {
			t.Errorf("%s: %q %v, %q %v", text, got, mine, theirs, err)
		}
	})
}

// Eight bytes at a time and one at a time give the same: every byte in every
// place of a text.
func TestOrdinary(t *testing.T) {
	for c := range 256 {
		for at := range 8 {
			text := []byte("abcdefgh")
			text[at] = byte(c)
			if want := c >= ' ' && c != '"' && c != '\\'; !want && ordinary(string(text)) {
				t.Errorf("%q", text)
			}
		}
	}
	if !ordinary("devices/") || !ordinary("äöü!#") {
		t.Error("plain text is looked at byte by byte")
	}
}
