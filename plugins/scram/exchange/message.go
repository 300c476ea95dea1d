// Package exchange is the logic of the scram plugin: the server's side of SCRAM
// (RFC 5802, 7677) and the two places that it knows its users from. It runs inside
// the guest, where a handler is a goroutine that waits for its client; the tests
// run it on the host.
//
// The server computes no PBKDF2: an exchange costs it some HMACs. It never learns
// the password, and what it keeps is not enough to log in with.
package exchange

import (
	"encoding/base64"
	"errors"
	"strings"
	"unicode/utf8"
)

// maxMessage bounds what a client may send, in bytes.
const maxMessage = 4096

// maxName bounds a user name: that of MQTT (§1.5.4) and what a plugin is willing
// to look up.
const maxName = 1024

var (
	errMessage = errors.New("a message that is not one of SCRAM")
	errBinding = errors.New("channel binding is not offered")
	errNames   = errors.New("to act as somebody else is not offered")
)

// first is the message that a client begins with.
type first struct {
	header string // GS2: "n,," or "y,,", with the authorization identity
	bare   string
	name   string
	nonce  string
}

// parseFirst reads "n,,n=NAME,r=NONCE" (RFC 5802 section 7).
func parseFirst(data []byte) (m first, err error) {
	text := string(data)
	if len(text) > maxMessage || !utf8.ValidString(text) {
		return m, errMessage
	}
	flag, rest, ok1 := strings.Cut(text, ",")
	authzid, bare, ok2 := strings.Cut(rest, ",")
	switch {
	case !ok1 || !ok2:
		return m, errMessage
	case strings.HasPrefix(flag, "p="):
		return m, errBinding
	case flag != "n" && flag != "y": // y: the client could, and believes that we cannot
		return m, errMessage
	}
	m.header, m.bare = text[:len(text)-len(bare)], bare
	name, rest, ok := strings.Cut(bare, ",")
	if !ok || !strings.HasPrefix(name, "n=") { // m= asks for what nobody has defined
		return m, errMessage
	}
	if m.name, ok = unescape(name[2:]); !ok || !validName(m.name) {
		return m, errMessage
	}
	nonce, _, _ := strings.Cut(rest, ",") // extensions may follow, and mean nothing
	if m.nonce, ok = strings.CutPrefix(nonce, "r="); !ok || !printable(m.nonce) {
		return m, errMessage
	}
	if authzid != "" {
		as, ok := strings.CutPrefix(authzid, "a=")
		if as, ok2 = unescape(as); !ok || !ok2 {
			return m, errMessage
		}
		if as != m.name {
			return m, errNames
		}
	}
	return m, nil
}

// unescape reads a saslname: =2C is a comma and =3D an equals sign, which do not
// stand there otherwise.
func unescape(s string) (string, bool) {
	if strings.IndexByte(s, '=') < 0 {
		return s, true
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '=' {
			b.WriteByte(s[i])
			continue
		}
		switch {
		case strings.HasPrefix(s[i:], "=2C"):
			b.WriteByte(',')
		case strings.HasPrefix(s[i:], "=3D"):
			b.WriteByte('=')
		default:
			return "", false
		}
		i += 2
	}
	return b.String(), true
}

// validName refuses what SASLprep would (RFC 4013 section 2.3) and a session
// could not be called. Names are compared as they are; those of a users file are
// best written in the form NFKC, which SASLprep gives them.
func validName(name string) bool {
	for _, r := range name {
		if r < 0x20 || r >= 0x7F && r < 0xA0 {
			return false
		}
	}
	return name != "" && len(name) <= maxName
}

// printable says whether s may be a nonce: ASCII that is seen, without commas.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7E || s[i] == ',' {
			return false
		}
	}
	return s != ""
}

// final is the message that a client ends with.
type final struct {
	bare  string // without the proof
	proof []byte
}

// parseFinal reads "c=HEADER,r=NONCE,p=PROOF", whose header and nonce have to be
// those of the exchange.
func parseFinal(data []byte, header, nonce string) (m final, err error) {
	text := string(data)
	if len(text) > maxMessage {
		return m, errMessage
	}
	at := strings.LastIndex(text, ",p=")
	if at < 0 {
		return m, errMessage
	}
	m.bare = text[:at]
	want := "c=" + base64.StdEncoding.EncodeToString([]byte(header)) + ",r=" + nonce
	if rest, ok := strings.CutPrefix(m.bare, want); !ok || rest != "" && rest[0] != ',' {
		return m, errMessage
	}
	if m.proof, err = strict.DecodeString(text[at+3:]); err != nil {
		return m, errMessage
	}
	return m, nil
}

var strict = base64.StdEncoding.Strict()
