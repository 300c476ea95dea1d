package encoded

import (
	"strconv"
	"strings"
)

// EMQX stores a password as one digest of it and a salt, or with PBKDF2, in
// hexadecimal, and beside it the salt as a text, whose bytes count as they are. The
// name of the algorithm and the place of the salt are in its configuration. Here a
// stored hash has all of it:
//
//	$emqx-sha256-suffix$SALT$KEY          digest of password and salt
//	$emqx-sha256-prefix$SALT$KEY          digest of salt and password
//	$emqx-sha256-disable$$KEY             digest of the password
//	$emqx-pbkdf2-sha256$4096$SALT$KEY     PBKDF2; -sha512 too
//
// with md5, sha, sha256 or sha512 for a digest. Whoever gets hold of digests tries
// billions of passwords a second: [Hash.Weak].

// The digests of EMQX, from the weakest on.
const (
	DigestMD5 Algorithm = iota + 64
	DigestSHA1
	DigestSHA256
	DigestSHA512
)

// digests are the sizes of the keys.
var digests = map[string]struct {
	algorithm Algorithm
	size      int
}{"md5": {DigestMD5, 16}, "sha": {DigestSHA1, 20}, "sha256": {DigestSHA256, 32}, "sha512": {DigestSHA512, 64}}

// emqx reads what follows "$emqx-".
func (h *Hash) emqx(kind, rest string) error {
	if mac, ok := strings.CutPrefix(kind, "pbkdf2-"); ok {
		return h.emqxPBKDF2(mac, rest)
	}
	name, position, _ := strings.Cut(kind, "-")
	d, ok := digests[name]
	if !ok || position != "prefix" && position != "suffix" && position != "disable" {
		return ErrUnsupported
	}
	h.Algorithm, h.SaltFirst = d.algorithm, position == "prefix"
	if err := h.textAndHex(rest); err != nil {
		return err
	}
	if len(h.Key) != d.size || (len(h.Salt) == 0) != (position == "disable") {
		return ErrFormat
	}
	return nil
}

func (h *Hash) emqxPBKDF2(mac, rest string) error {
	switch mac {
	case "sha256":
		h.Algorithm = PBKDF2SHA256
	case "sha512":
		h.Algorithm = PBKDF2SHA512
	default:
		return ErrUnsupported
	}
	n, rest, ok := number(rest, "")
	rest, cut := strings.CutPrefix(rest, "$")
	switch {
	case !ok || !cut || n < 1:
		return ErrFormat
	case n > MaxIterations:
		return ErrCost
	}
	h.Iterations = n
	if err := h.textAndHex(rest); err != nil {
		return err
	}
	if len(h.Key) < 16 || len(h.Key) > maxKey || len(h.Salt) == 0 {
		return ErrFormat
	}
	return nil
}

// textAndHex reads "SALT$KEY".
func (h *Hash) textAndHex(text string) error {
	salt, key, ok := strings.Cut(text, "$")
	var digits bool
	h.Salt = []byte(salt)
	h.Key, digits = Hex(key)
	if !ok || !digits || len(salt) > maxSalt || strings.ContainsAny(salt, " \t\r\n") {
		return ErrFormat
	}
	return nil
}

// Hex reads pairs of hexadecimal digits. Package encoding/hex brings package fmt
// along, which makes a guest module four hundred kilobytes larger.
func Hex(text string) ([]byte, bool) {
	out := make([]byte, 0, len(text)/2)
	for ; len(text) >= 2; text = text[2:] {
		v, err := strconv.ParseUint(text[:2], 16, 8)
		if err != nil {
			return nil, false
		}
		out = append(out, byte(v))
	}
	return out, text == ""
}

// Weak reports whether a password can be found from its hash as fast as a digest is
// computed.
func (h *Hash) Weak() bool {
	switch h.Algorithm {
	case DigestMD5, DigestSHA1, DigestSHA256, DigestSHA512, MosquittoSHA512:
		return true
	}
	return false
}
