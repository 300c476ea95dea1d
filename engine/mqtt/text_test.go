package mqtt

import (
	"bytes"
	"testing"
	"unicode/utf8"
)

// slowCheck says what checkString (name false) and checkName must answer, in
// the plainest way.
func slowCheck(s []byte, name bool) error {
	switch {
	case !utf8.Valid(s):
		return errUTF8
	case bytes.ContainsRune(s, 0):
		return errNUL
	case name && bytes.ContainsAny(s, "+#"):
		return errWildcard
	}
	return nil
}

// Every byte value at every place of strings around the eight-byte step.
func TestCheckStringEveryByteEveryPlace(t *testing.T) {
	for size := range 26 {
		for at := range size {
			for c := range 256 {
				s := bytes.Repeat([]byte{'a'}, size)
				s[at] = byte(c)
				agree(t, s)
			}
		}
	}
}

func agree(t *testing.T, s []byte) {
	t.Helper()
	if got, want := checkString(s), slowCheck(s, false); got != want {
		t.Fatalf("checkString(%q) = %v, want %v", s, got, want)
	}
	if got, want := checkName(s), slowCheck(s, true); got != want {
		t.Fatalf("checkName(%q) = %v, want %v", s, got, want)
	}
}

func FuzzCheckString(f *testing.F) {
	for _, s := range []string{"", "a/b/c", "größe/世界/🚪", "\xed\xa0\x80", "\xc0\x80", "a\x00b", "+/#", "abcdefgh#", "\ufeffa"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, s []byte) { agree(t, s) })
}
