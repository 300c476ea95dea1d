package password

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/wicketmq/wicket/engine/password/encoded"
)

// scramIterations is what RFC 7677 section 4 asks for at least, and what EMQX
// has. Each login costs the client that much and the broker nothing, so that a
// small device decides.
const scramIterations = 4096

// scramHash makes what a server keeps for SCRAM (RFC 5802 section 3) in the form
// of RFC 5803. The password cannot be computed from it, but who has it can
// pretend to be the server.
func scramHash[H hash.Hash](f func() H, mechanism string, password, salt []byte) (string, error) {
	prepared, err := saslPrep(password)
	if err != nil {
		return "", fmt.Errorf("cannot hash with %s: %w", mechanism, err)
	}
	salted, err := pbkdf2.Key(f, prepared, salt, scramIterations, f().Size())
	if err != nil {
		return "", fmt.Errorf("cannot hash with %s: %w", mechanism, err)
	}
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%s$%d:%s$%s:%s", mechanism, scramIterations, b64(salt),
		b64(digest(f, keyed(f, salted, "Client Key"))), b64(keyed(f, salted, "Server Key"))), nil
}

// scramStoredKey is the StoredKey that a password has under the parameters of h.
// One that SASLprep refuses has none, for nothing was made of it.
func scramStoredKey[H hash.Hash](f func() H, h *encoded.Hash, password []byte) ([]byte, error) {
	prepared, err := saslPrep(password)
	if err != nil {
		prepared = "" // as long as any other
	}
	salted, err2 := pbkdf2.Key(f, prepared, h.Salt, h.Iterations, f().Size())
	if err != nil || err2 != nil {
		return nil, err2
	}
	return digest(f, keyed(f, salted, "Client Key")), nil
}

func keyed[H hash.Hash](f func() H, key []byte, text string) []byte {
	m := hmac.New(func() hash.Hash { return f() }, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

func digest[H hash.Hash](f func() H, data []byte) []byte {
	d := f()
	d.Write(data)
	return d.Sum(nil)
}

var errPrepare = errors.New("the password is no UTF-8, or has control characters or others in it that SASLprep (RFC 4013) forbids")

// saslPrep prepares a password as clients of SCRAM do (RFC 4013): other blanks
// become a blank, what is not seen goes, and the rest gets one form. ASCII stays
// as it is. Text that mixes directions of writing is let pass.
func saslPrep(password []byte) (string, error) {
	text := string(password)
	if !utf8.ValidString(text) {
		return "", errPrepare
	}
	text = norm.NFKC.String(strings.Map(func(r rune) rune {
		switch {
		case r > 0x7F && unicode.Is(unicode.Zs, r), r == 0x200B: // RFC 3454 table C.1.2
			return ' '
		case unseen(r):
			return -1
		}
		return r
	}, text))
	for _, r := range text {
		if unicode.In(r, unicode.Cc, unicode.Co, unicode.Cs, unicode.Noncharacter_Code_Point) ||
			r >= 0xFFF9 && r <= 0xFFFD || r >= 0x2FF0 && r <= 0x2FFB || // tables C.6 and C.7
			r == 0x0340 || r == 0x0341 || unicode.Is(unicode.Cf, r) { // C.8, C.9, C.2.2
			return "", errPrepare
		}
	}
	if text == "" {
		return "", errPrepare
	}
	return text, nil
}

// unseen are the characters commonly mapped to nothing (RFC 3454 table B.1).
func unseen(r rune) bool {
	switch r {
	case 0x00AD, 0x034F, 0x1806, 0x200C, 0x200D, 0x2060, 0xFEFF:
		return true
	}
	return r >= 0x180B && r <= 0x180D || r >= 0xFE00 && r <= 0xFE0F
}
