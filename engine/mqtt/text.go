package mqtt

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// Eight bytes at a time: in a 64-bit word, zeroIn(w) has the high bit of some
// byte set if and only if a byte of w is 0.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
	plus  = '+' * ones
	hash  = '#' * ones
)

func zeroIn(w uint64) uint64 { return (w - ones) &^ w & highs }

// checkString accepts well-formed UTF-8 without U+0000 ([MQTT-1.5.4-1],
// [MQTT-1.5.4-2]; 3.1.1 [MQTT-1.5.3-1], [MQTT-1.5.3-2]). A byte order mark is
// a character like others [MQTT-1.5.4-3]. Control characters and
// non-characters pass: §1.5.4 leaves them to the receiver.
func checkString(s []byte) error {
	if plainASCII(s) {
		return nil
	}
	return checkUnicode(s)
}

// checkName is checkString for a topic name, which has no wildcards either
// [MQTT-3.3.2-2].
func checkName(s []byte) error {
	if plainName(s) {
		return nil
	}
	if err := checkUnicode(s); err != nil {
		return err
	}
	if hasWildcard(s) {
		return errWildcard
	}
	return nil
}

func checkUnicode(s []byte) error {
	if !utf8.Valid(s) { // rejects surrogates and overlong forms, too
		return errUTF8
	}
	if bytes.IndexByte(s, 0) >= 0 {
		return errNUL
	}
	return nil
}

func hasWildcard(s []byte) bool {
	return bytes.IndexByte(s, '+') >= 0 || bytes.IndexByte(s, '#') >= 0
}

// plainASCII reports whether all bytes are 0x01 to 0x7F.
func plainASCII(s []byte) bool {
	if len(s) < 8 {
		for _, c := range s {
			if c-1 >= 0x7F {
				return false
			}
		}
		return true
	}
	last := binary.LittleEndian.Uint64(s[len(s)-8:])
	bad := last&highs | zeroIn(last)
	for ; len(s) > 8; s = s[8:] {
		w := binary.LittleEndian.Uint64(s)
		bad |= w&highs | zeroIn(w)
	}
	return bad == 0
}

// plainName is plainASCII without '+' and '#'.
func plainName(s []byte) bool {
	if len(s) < 8 {
		for _, c := range s {
			if c-1 >= 0x7F || c == '+' || c == '#' {
				return false
			}
		}
		return true
	}
	last := binary.LittleEndian.Uint64(s[len(s)-8:])
	bad := last&highs | zeroIn(last) | zeroIn(last^plus) | zeroIn(last^hash)
	for ; len(s) > 8; s = s[8:] {
		w := binary.LittleEndian.Uint64(s)
		bad |= w&highs | zeroIn(w) | zeroIn(w^plus) | zeroIn(w^hash)
	}
	return bad == 0
}
