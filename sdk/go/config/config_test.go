package config

import (
	"reflect"
	"strings"
	"testing"
)

func read(t *testing.T, text string) *Object {
	t.Helper()
	o, err := Read(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return o
}

func TestRead(t *testing.T) {
	o := read(t, `{"text":"a\u00e4\ud83d\ude00\n\"", "yes":true, "no":false, "n":-12, "list":["a",""], "empty":[], "none":null,
		"block":{"inner":{"k":"v"}}, "names":{"b":"1","a":"2","c":null}}`)
	text, _ := o.Text("text")
	yes, okYes := o.Bool("yes")
	no, okNo := o.Bool("no")
	n, _ := o.Int("n")
	list, _ := o.Texts("list")
	empty, okEmpty := o.Texts("empty")
	block, _ := o.Object("block")
	inner, _ := block.Object("inner")
	v, _ := inner.Text("k")
	names, _ := o.Object("names")
	keys := names.Keys()
	names.Text("a")
	names.Text("b")
	names.Text("c")
	if text != "aä😀\n\"" || !yes || !okYes || no || !okNo || n != -12 || !reflect.DeepEqual(list, []string{"a", ""}) ||
		len(empty) != 0 || !okEmpty || v != "v" || !reflect.DeepEqual(keys, []string{"b", "a"}) {
		t.Errorf("%q %v %v %d %q %q %q %q", text, yes, no, n, list, empty, v, keys)
	}
	for _, absent := range []string{"none", "nothing"} {
		_, ok1 := o.Text(absent)
		_, ok2 := o.Bool(absent)
		_, ok3 := o.Int(absent)
		_, ok4 := o.Texts(absent)
		_, ok5 := o.Object(absent)
		if ok1 || ok2 || ok3 || ok4 || ok5 || o.Has(absent) {
			t.Errorf("%s is there", absent)
		}
	}
	if !o.Has("yes") || !o.Has("no") {
		t.Error("a key is not there")
	}
	if err := o.Err(); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"", "null", "{}", " {\n} "} {
		if err := read(t, text).Err(); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`{"text":1}`, "text: want text, not a number"},
		{`{"yes":"true"}`, "yes: want true or false, not text"},
		{`{"n":1.5}`, "n: want a whole number, not 1.5"},
		{`{"n":true}`, "n: want a whole number, not true or false"},
		{`{"list":"a"}`, "list: want a list of texts, not text"},
		{`{"list":["a",{}]}`, "list[1]: want text, not keys with values"},
		{`{"list":[null]}`, "list[0]: want text, not nothing"},
		{`{"block":[]}`, "block: want keys with values, not a list"},
		{`{"block":{"txet":1}}`, "block.txet: no such key; there are text"},
		{`{"extra":1,"text":"bad"}`, "text: is bad; all is bad; extra: no such key; there are text, yes, n, list, block"},
		{`{"block":{"text":"bad"}}`, "block.text: is bad; block: all is bad"},
	} {
		o := read(t, c.text)
		check := func(o *Object) {
			if text, _ := o.Text("text"); text == "bad" {
				o.Fault("text", "is bad")
				o.Fault("", "all is bad")
			}
		}
		check(o)
		o.Bool("yes")
		o.Int("n")
		o.Texts("list")
		if b, ok := o.Object("block"); ok {
			check(b)
		}
		if err := o.Err(); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.text, err, c.want)
		}
	}
	many := read(t, `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1}`)
	if err := many.Err(); err == nil || !strings.HasSuffix(err.Error(), "; and 2 more") {
		t.Error(err)
	}
}

func TestMalformed(t *testing.T) {
	for _, text := range []string{
		"{", "}", "[", `{"a"}`, `{"a":}`, `{"a":1`, `{"a":1,}`, `{,}`, `{"a" 1}`, `{a:1}`, `{"a":tru}`, `{"a":1}x`, `{"a":1 "b":2}`,
		`{"a":"`, `{"a":"\`, `{"a":"\x"}`, `{"a":"\u12"}`, `{"a":"\u+123"}`, `{"a":"\ud800"}`, `{"a":"\ud800\u0041"}`, "{\"a\":\"\n\"}", "{\"a\":\"\xff\"}",
		`{"a":-}`, `{"a":1e}`, `{"a":1,"a":2}`, strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65), strings.Repeat("[", 1<<20),
	} {
		if _, err := Read(text); err == nil || !strings.HasPrefix(err.Error(), "the plugin's config is no JSON: ") {
			t.Errorf("%.40q: %v", text, err)
		}
	}
	for _, text := range []string{"1", `"a"`, "[]", "true"} {
		if _, err := Read(text); err == nil || !strings.Contains(err.Error(), "not keys with values") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestObjects(t *testing.T) {
	o := read(t, `{"limits":[{"by":"peer","n":1},{"by":"user"}],"none":[]}`)
	list, ok := o.Objects("limits")
	if !ok || len(list) != 2 {
		t.Fatal(len(list), ok)
	}
	by, _ := list[0].Text("by")
	n, _ := list[0].Int("n")
	other, _ := list[1].Text("by")
	if none, ok := o.Objects("none"); !ok || len(none) != 0 || by != "peer" || n != 1 || other != "user" {
		t.Errorf("%q %d %q", by, n, other)
	}
	if _, ok := o.Objects("absent"); ok || o.Err() != nil {
		t.Error(ok, o.Err())
	}
	for text, want := range map[string]string{
		`{"limits":{}}`:           "limits: want a list of keys with values, not keys with values",
		`{"limits":[1]}`:          "limits[0]: want keys with values, not a number",
		`{"limits":[{},{"x":1}]}`: "limits[1].x: no such key; there are by",
		`{"limits":[{"by":1}]}`:   "limits[0].by: want text, not a number",
	} {
		o := read(t, text)
		list, _ := o.Objects("limits")
		for _, one := range list {
			one.Text("by")
		}
		if err := o.Err(); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
