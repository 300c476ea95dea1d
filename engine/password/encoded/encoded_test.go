package encoded

import (
	"errors"
	"strings"
	"testing"
)

const (
	salt22 = "AWYJ8p68vOu8F4QFYBXJ5u"
	salt24 = "W22ZaJ0SNY7soEsUEjb6gQ=="
	scram  = "SCRAM-SHA-256$4096:" + salt24 + "$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	key31  = "zDMMdDKTpSueI7H3.gtsmgtVrr6.9NS"
	hex64  = "0123456789abcdef0123456789abcdef0123456789ABCDEF0123456789ABCDEF"
	key64  = "kRSxGk1zFYwdaiQE623ZdNOaN2xp+MG5FEzKY/bEWOhujxXJJcbsHq8RxwUU8vP9XOOvF9nJIP4FyQcH14wpCg=="
)

func TestParse(t *testing.T) {
	argon := "$c29tZXNhbHQxMjM0$uDG7ZtIgYNv8EfB5XpzgVuThKWaN31mXCx7mpP4Bnb4"
	pb := "$8PHy8/T19vf4.fr7/P3./w$JwgcbJZlHBoE0uPBMy9SZsCsIJXsYLx/8XwH97PVwMU"
	for _, test := range []struct {
		text string
		want error
	}{
		{"$argon2id$v=19$m=19456,t=2,p=1" + argon, nil},
		{"$argon2id$v=19$m=262144,t=4,p=16" + argon, nil},
		{"$argon2id$v=19$m=262145,t=1,p=1" + argon, ErrCost},
		{"$argon2id$v=19$m=262144,t=5,p=1" + argon, ErrCost},
		{"$argon2id$v=19$m=8,t=17,p=1" + argon, ErrCost},
		{"$argon2id$v=19$m=4096,t=2,p=17" + argon, ErrCost},
		{"$argon2id$v=19$m=999999999,t=999999999,p=1" + argon, ErrCost},
		{"$argon2id$v=19$m=4294967296,t=1,p=1" + argon, ErrFormat},
		{"$argon2id$v=19$m=7,t=1,p=1" + argon, ErrFormat},
		{"$argon2id$v=19$m=4096,t=0,p=1" + argon, ErrFormat},
		{"$argon2id$v=19$m=4096,t=2,p=0" + argon, ErrFormat},
		{"$argon2id$v=19$m=04096,t=2,p=1" + argon, ErrFormat},
		{"$argon2id$v=19$t=2,m=4096,p=1" + argon, ErrFormat},
		{"$argon2id$v=19$m=4096,t=2,p=1,data=x" + argon, ErrFormat},
		{"$argon2id$v=16$m=4096,t=2,p=1" + argon, ErrFormat},
		{"$argon2id$m=4096,t=2,p=1" + argon, ErrFormat},
		{"$argon2id$v=19$m=4096,t=2,p=1$c2FsdA$uDG7ZtIgYNv8EfB5XpzgVuThKWaN31mXCx7mpP4Bnb4", ErrFormat}, // 4 bytes of salt
		{"$argon2id$v=19$m=4096,t=2,p=1$c29tZXNhbHQxMjM0$uDG7", ErrFormat},
		{"$argon2id$v=19$m=4096,t=2,p=1$c29tZXNhbHQxMjM0$", ErrFormat},
		{"$argon2id$v=19$m=4096,t=2,p=1$c29tZXNhbHQxMjM0", ErrFormat},
		{"$argon2id$v=19$m=4096,t=2,p=1" + argon + "=", ErrFormat},
		{"$argon2id$v=19$m=4096,t=2,p=1" + argon + "\n", ErrFormat},
		{"$argon2i$v=19$m=4096,t=2,p=1" + argon, ErrUnsupported},

		{"$2y$05$" + salt22 + key31, nil},
		{"$2a$16$" + salt22 + key31, nil},
		{"$2b$17$" + salt22 + key31, ErrCost},
		{"$2b$31$" + salt22 + key31, ErrCost},
		{"$2b$32$" + salt22 + key31, ErrFormat},
		{"$2b$03$" + salt22 + key31, ErrFormat},
		{"$2b$5$" + salt22 + key31, ErrFormat},
		{"$2b$+5$" + salt22 + key31, ErrFormat},
		{"$2b$05$" + salt22 + key31[1:], ErrFormat},
		{"$2b$05$" + salt22 + key31 + "x", ErrFormat},
		{"$2b$05$" + salt22 + "$" + key31[1:], ErrFormat},
		{"$2x$05$" + salt22 + key31, ErrUnsupported},

		{scram, nil},
		{"SCRAM-SHA-512$4096:" + salt24 + "$" + key64 + ":" + key64, nil},
		{strings.Replace(scram, "256", "1", 1), ErrUnsupported},
		{strings.Replace(scram, "$4096", "$4000001", 1), ErrCost},
		{strings.Replace(scram, "$4096", "$0", 1), ErrFormat},
		{strings.Replace(scram, "$4096", "", 1), ErrUnsupported},
		{strings.Replace(scram, "256", "512", 1), ErrFormat},
		{strings.Replace(scram, salt24, "", 1), ErrFormat},
		{strings.Replace(scram, salt24, salt24[:23], 1), ErrFormat},
		{scram[:len(scram)-5], ErrFormat},
		{scram + "\n", ErrFormat},
		{"SCRAM-SHA-256", ErrFormat},

		{"$pbkdf2-sha256$29000" + pb, nil},
		{"$pbkdf2-sha256$i=4000000" + pb, nil},
		{"$pbkdf2-sha256$i=4000001" + pb, ErrCost},
		{"$pbkdf2-sha256$i=9999999999" + pb, ErrFormat},
		{"$pbkdf2-sha256$i=1,l=32" + pb, nil},
		{"$pbkdf2-sha256$i=1,l=31" + pb, ErrFormat},
		{"$pbkdf2-sha256$1,l=32" + pb, ErrFormat},
		{"$pbkdf2-sha256$0" + pb, ErrFormat},
		{"$pbkdf2-sha256$-1" + pb, ErrFormat},
		{"$pbkdf2-sha256$" + pb, ErrFormat},
		{"$pbkdf2-sha1$1000" + pb, ErrUnsupported},

		{"$6$dYI1sCpOtD6OSN7g$" + key64, nil},
		{"$6$dYI1sCpOtD6OSN7g$" + key64[4:], ErrFormat},
		{"$6$$" + key64, ErrFormat},
		{"$6$saltstring$" + strings.Repeat("s", 86), ErrCrypt},
		{"$6$rounds=5000$saltstring$" + strings.Repeat("s", 86), ErrCrypt},
		{"$7$101$H+C5K34+8ylzLbgN$" + key64, nil},
		{"$7$i=101$H+C5K34+8ylzLbgN$" + key64, ErrFormat},
		{"$7$101$H+C5K34+8ylzLbgN$", ErrFormat},
		{"$7$4000001$H+C5K34+8ylzLbgN$" + key64, ErrCost},
		{"$7$101$" + key64, ErrFormat},

		{"$emqx-sha256-suffix$s$" + hex64, nil},
		{"$emqx-sha256-prefix$s$" + hex64, nil},
		{"$emqx-sha256-disable$$" + hex64, nil},
		{"$emqx-md5-suffix$s$" + hex64[32:], nil},
		{"$emqx-sha256-suffix$$" + hex64, ErrFormat},
		{"$emqx-sha256-disable$s$" + hex64, ErrFormat},
		{"$emqx-sha256-suffix$s$" + hex64[2:], ErrFormat},
		{"$emqx-sha256-suffix$s$" + hex64[1:], ErrFormat},
		{"$emqx-sha256-suffix$s$" + hex64 + "\n", ErrFormat},
		{"$emqx-sha256-suffix$s t$" + hex64, ErrFormat},
		{"$emqx-sha256-suffix$" + strings.Repeat("s", 65) + "$" + hex64, ErrFormat},
		{"$emqx-sha256-suffix$" + hex64, ErrFormat},
		{"$emqx-sha256-middle$s$" + hex64, ErrUnsupported},
		{"$emqx-sha256$s$" + hex64, ErrUnsupported},
		{"$emqx-plain$$" + hex64, ErrUnsupported},
		{"$emqx-pbkdf2-sha256$4096$s$" + hex64, nil},
		{"$emqx-pbkdf2-sha256$4000001$s$" + hex64, ErrCost},
		{"$emqx-pbkdf2-sha256$0$s$" + hex64, ErrFormat},
		{"$emqx-pbkdf2-sha256$s$" + hex64, ErrFormat},
		{"$emqx-pbkdf2-sha256$4096$$" + hex64, ErrFormat},
		{"$emqx-pbkdf2-sha256$4096$s$" + hex64[34:], ErrFormat},
		{"$emqx-pbkdf2-sha$4096$s$" + hex64, ErrUnsupported},

		{"", ErrUnsupported},
		{"$", ErrUnsupported},
		{"$$", ErrUnsupported},
		{"plain", ErrUnsupported},
		{"$5$salt$hash", ErrUnsupported},
		{"$6$" + strings.Repeat("A", 600), ErrFormat},
	} {
		h, err := Parse(test.text)
		if !errors.Is(err, test.want) {
			t.Errorf("Parse(%q) = %v, want %v", test.text, err, test.want)
		}
		if err != nil && h.Text != "" {
			t.Errorf("Parse(%q) returned a hash beside its error", test.text)
		}
	}
}

// FuzzParse: what parses is within the bounds, and so is its decoy.
func FuzzParse(f *testing.F) {
	f.Add("$argon2id$v=19$m=4096,t=2,p=2$c29tZXNhbHQxMjM0$uDG7ZtIgYNv8EfB5XpzgVuThKWaN31mXCx7mpP4Bnb4")
	f.Add("$2y$05$" + salt22 + key31)
	f.Add("$pbkdf2-sha256$i=1000,l=32$8PHy8/T19vf4+fr7/P3+/w$JwgcbJZlHBoE0uPBMy9SZsCsIJXsYLx/8XwH97PVwMU")
	f.Add("$6$dYI1sCpOtD6OSN7g$" + key64)
	f.Add("$7$101$H+C5K34+8ylzLbgN$" + key64)
	f.Add("$emqx-sha256-suffix$s$" + hex64)
	f.Add("$emqx-pbkdf2-sha512$4096$s$" + hex64)
	f.Fuzz(func(t *testing.T, text string) {
		h, err := Parse(text)
		if err != nil {
			return
		}
		if h.Memory > MaxMemory || h.Time > MaxTime || int(h.Memory)*int(h.Time) > MaxWork || h.Threads > MaxThreads ||
			h.Cost > MaxCost || h.Iterations > MaxIterations || len(h.Key) > maxKey || len(h.Salt) > maxSalt {
			t.Fatalf("%+v is past the bounds", h)
		}
		d, err := Parse(h.Decoy())
		if err != nil {
			t.Fatalf("decoy of %q: %v", text, err)
		}
		if d.Memory != h.Memory || d.Time != h.Time || d.Threads != h.Threads || d.Cost != h.Cost ||
			d.Iterations != h.Iterations || len(d.Key) != len(h.Key) || string(d.Salt) != string(h.Salt) {
			t.Fatalf("decoy of %+v costs %+v", h, d)
		}
	})
}
