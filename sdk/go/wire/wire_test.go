package wire

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestDecodeFaults(t *testing.T) {
	for name, b := range map[string]string{
		"key without value":         "\x0a",
		"length past the end":       "\x0a\x05abc",
		"huge length":               "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"unfinished varint":         "\x20\x80",
		"varint of eleven bytes":    "\x20\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
		"varint past 64 bits":       "\x20\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02",
		"number past 32 bits":       "\x20\x80\x80\x80\x80\x10",
		"field number 0":            "\x00\x00",
		"field number past 2^29-1":  "\x80\x80\x80\x80\x10\x00",
		"group":                     "\x0b\x0c",
		"wire type 7":               "\x0f",
		"string where a number is":  "\x22\x01a",
		"number where a string is":  "\x08\x01",
		"fixed where a string is":   "\x0d\x01\x02\x03\x04",
		"short fixed32":             "\xa5\x1f\x00",
		"short fixed64":             "\xa1\x1f\x00\x00\x00\x00\x00\x00\x00",
		"fault in embedded message": "\x62\x01\x0a",
	} {
		if err := new(Authenticate).Decode([]byte(b)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestDecodeSkipsUnknownFields(t *testing.T) {
	// Field 500 as varint, fixed64, length-delimited and fixed32, around a client id.
	b := []byte("\xa0\x1f\x96\x01" + "\xa1\x1f12345678" + "\x0a\x02id" + "\xa2\x1f\x03abc" + "\xa5\x1f1234")
	var m Authenticate
	if err := m.Decode(b); err != nil || m.ClientID != "id" {
		t.Errorf("client id %q, error %v", m.ClientID, err)
	}
}

func TestDecodeForgetsOldFields(t *testing.T) {
	m := Authenticate{Username: "old", HasPassword: true, Password: []byte("old")}
	if err := m.Decode(nil); err != nil || !reflect.DeepEqual(m, Authenticate{}) {
		t.Errorf("got %+v, error %v", m, err)
	}
}

func TestCodesPackedAndNot(t *testing.T) {
	for _, b := range []string{"\x78\x01\x78\x00\x78\x02", "\x7a\x03\x01\x00\x02", "\x78\x01\x7a\x02\x00\x02"} {
		var m Decision
		if err := m.Decode([]byte(b)); err != nil || !reflect.DeepEqual(m.Codes, []uint32{1, 0, 2}) {
			t.Errorf("%x: codes %v, error %v", b, m.Codes, err)
		}
	}
	for _, b := range []string{"\x7a\x01\x80", "\x7a\x05\x80\x80\x80\x80\x10", "\x7d1234"} {
		if err := new(Decision).Decode([]byte(b)); err == nil {
			t.Errorf("%x: no error", b)
		}
	}
}

// An embedded message of 128 bytes and more moves to make room for its length.
func TestAppendLongEmbeddedMessage(t *testing.T) {
	for _, size := range []int{0, 1, 121, 122, 123, 124, 16380, 16384, 1 << 21} {
		in := Load{Plugin: "p", Files: []File{{Key: "k", Content: bytes.Repeat([]byte{7}, size)}, {Key: "after"}}}
		var out Load
		if err := out.Decode(in.Append([]byte("prefix"))[6:]); err != nil {
			t.Fatalf("size %d: %v", size, err)
		}
		if len(out.Files) != 2 || len(out.Files[0].Content) != size || out.Files[1].Key != "after" {
			t.Errorf("size %d: %d files, %d bytes", size, len(out.Files), len(out.Files[0].Content))
		}
	}
}

func TestWindowsDoNotOverlap(t *testing.T) {
	in := Authenticate{Password: []byte("secret"), Listener: "tcp:default"}
	var out Authenticate
	if err := out.Decode(in.Append(nil)); err != nil {
		t.Fatal(err)
	}
	out.Password = append(out.Password, "XXXXXXXXXX"...)
	clear(out.Password)
	if out.Listener != "tcp:default" {
		t.Errorf("writing to the password changed the listener to %q", out.Listener)
	}
}

func TestDecodeAllocations(t *testing.T) {
	b := (&Authenticate{ClientID: "c", Username: "u", Password: []byte("p"), Listener: "l", Protocol: 5}).Append(nil)
	var m Authenticate
	if n := testing.AllocsPerRun(100, func() {
		if m.Decode(b) != nil {
			t.Fatal("malformed")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	buf := make([]byte, 0, 1024)
	d := Decision{Rules: []Rule{{Permit: true, Filter: "a/#"}}, Limits: &Limits{MaxInflight: 3}}
	if n := testing.AllocsPerRun(100, func() { buf = d.Append(buf[:0]) }); n != 0 {
		t.Errorf("Append: %v allocations", n)
	}
}

type message interface {
	Decode([]byte) error
	Append([]byte) []byte
}

var messages = []func() message{
	func() message { return new(Load) },
	func() message { return new(Authenticate) },
	func() message { return new(Authorize) },
	func() message { return new(Decision) },
	func() message { return new(PasswordVerify) },
	func() message { return new(HTTPRequest) },
	func() message { return new(HTTPResponse) },
}

// FuzzDecode: whatever decodes is written again as the same message.
func FuzzDecode(f *testing.F) {
	f.Add(0, (&Load{Plugin: "p", Config: "{}", Files: []File{{Key: "users_file"}}, Features: 1}).Append(nil))
	f.Add(1, (&Authenticate{ClientID: "c", TLS: &TLS{SAN: []string{"dns:a", ""}}, Will: &Will{}, UserProperties: []Property{{}}}).Append(nil))
	f.Add(2, (&Authorize{Action: Subscribe, Topics: []Topic{{Topic: "t/#", QoS: 2}}}).Append(nil))
	f.Add(3, (&Decision{TTL: -1, Rules: []Rule{{Exact: true}}, Codes: []uint32{1, 0}}).Append(nil))
	f.Add(4, (&PasswordVerify{Hash: "$7$1$a$b", Password: []byte("p")}).Append(nil))
	f.Add(5, (&HTTPRequest{Upstream: "auth", Path: "/p", Headers: []Property{{}}, Timeout: 1}).Append(nil))
	f.Add(6, (&HTTPResponse{Status: 200, Headers: []Property{{Key: "k"}}, Body: []byte("b")}).Append(nil))
	f.Fuzz(func(t *testing.T, kind int, b []byte) {
		in := messages[uint(kind)%uint(len(messages))]()
		if in.Decode(b) != nil {
			return
		}
		out := messages[uint(kind)%uint(len(messages))]()
		again := in.Append(nil)
		if err := out.Decode(again); err != nil {
			t.Fatalf("cannot read %x, written for %+v: %v", again, in, err)
		}
		if !bytes.Equal(out.Append(nil), again) {
			t.Fatalf("%+v was written as %+v", in, out)
		}
	})
}

// Properties have the same form whichever way they are written, and say the same
// whichever way they are read.
func TestProperties(t *testing.T) {
	for _, k := range []int{0, 1, 60, 61, 122, 123, 127, 128} {
		for _, v := range []int{0, 1, 60, 63, 64, 122, 127, 128, 300} {
			p := Property{Key: strings.Repeat("k", k), Value: strings.Repeat("v", v)}
			for _, num := range []uint64{2, 17} {
				b := appendProperties(nil, num, []Property{p})
				if want := appendMessage(nil, num, &p); !bytes.Equal(b, want) {
					t.Errorf("%d, %d: %x, want %x", k, v, b, want)
				}
				r := reader{b: b}
				if r.next(); len(r.property(nil)) != 1 || r.property(nil)[0] != p || r.err() != nil {
					t.Errorf("%d, %d: %v, %v", k, v, r.property(nil), r.err())
				}
			}
		}
	}
	for _, b := range []string{"\x0a\x01k\x12\x02v", "\x0a\x05k\x12\x01v", "\x0a\x01k\x12\x81\x00v", "\x12\x01v\x0a\x01k"} {
		var p Property
		if p.short([]byte(b)) || p != (Property{}) {
			t.Errorf("%q is not of the usual form: %v", b, p)
		}
	}
}
