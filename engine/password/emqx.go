package password

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"

	"github.com/wicketmq/wicket/engine/password/encoded"
)

// emqxDigest computes one of EMQX's digests (spec ADB-01). They are here so that its
// users keep their passwords; nothing makes new ones.
func emqxDigest(h *encoded.Hash, password []byte) ([]byte, error) {
	var d hash.Hash
	switch h.Algorithm {
	case encoded.DigestMD5:
		d = md5.New()
	case encoded.DigestSHA1:
		d = sha1.New()
	case encoded.DigestSHA256:
		d = sha256.New()
	case encoded.DigestSHA512:
		d = sha512.New()
	default:
		return nil, encoded.ErrUnsupported
	}
	first, last := password, h.Salt
	if h.SaltFirst {
		first, last = h.Salt, password
	}
	d.Write(first)
	d.Write(last)
	return d.Sum(nil), nil
}
