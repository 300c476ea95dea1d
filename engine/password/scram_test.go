package password

import (
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/password/encoded"
)

// The examples of RFC 4013 section 3, and others.
func TestSASLPrep(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"I\u00ADX", "IX"},
		{"user", "user"},
		{"USER", "USER"},
		{"\u00AA", "a"},
		{"\u2168", "IX"},
		{"\u0007", ""},
		{"correct horse!~", "correct horse!~"},
		{"a\u00A0b\u3000c\u200B", "a b c "},
		{"p\u0061\u0308ss", "p\u00E4ss"},
		{"\u00AD", ""}, {"", ""}, {"\x7f", ""}, {"\xff", ""}, {"\uE000", ""}, {"\uFFFE", ""}, {"\u202E", ""}, {"\uFFFD", ""},
	} {
		if got, err := saslPrep([]byte(tt.in)); got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q: %q, %v, want %q", tt.in, got, err, tt.want)
		}
	}
}

func TestSCRAMHash(t *testing.T) {
	for _, name := range []string{"scram-sha-256", "scram-sha-512"} {
		text, err := Hash(name, []byte("p\u0061\u0308ss"))
		if err != nil {
			t.Fatal(err)
		}
		h, err := encoded.Parse(text)
		if err != nil || !h.IsSCRAM() || h.Iterations != 4096 || !strings.HasPrefix(text, strings.ToUpper(name)+"$4096:") || h.Kind() != strings.ToUpper(name)+"$4096" {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
		if ok, err := Verify(text, []byte("p\u00E4ss")); !ok || err != nil {
			t.Errorf("%s, another form: %v, %v", name, ok, err)
		}
		if ok, err := Verify(text, []byte("\x00")); ok || err != nil {
			t.Errorf("%s, not prepared: %v, %v", name, ok, err)
		}
		if _, err := Hash(name, []byte("\x00")); err == nil || strings.Contains(err.Error(), "\x00") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
