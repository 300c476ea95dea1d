package exchange

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"strconv"

	"github.com/wicketmq/wicket/engine/password/encoded"
	wicket "github.com/wicketmq/wicket/sdk/go"
)

// Mechanism is one of the two that there are.
type Mechanism struct {
	Name      string // the Authentication Method
	algorithm encoded.Algorithm
	hash      func() hash.Hash
}

// The mechanisms of RFC 7677, and its sibling.
var (
	sha256Mechanism = &Mechanism{"SCRAM-SHA-256", encoded.SCRAMSHA256, sha256.New}
	sha512Mechanism = &Mechanism{"SCRAM-SHA-512", encoded.SCRAMSHA512, sha512.New}
)

// credential is what is kept of a user (RFC 5802 section 3).
type credential struct {
	salt       []byte
	iterations int
	storedKey  []byte
	serverKey  []byte
	mark       uint64 // of a user in a file: see [file.like]
}

// nonceSize is the number of random bytes in the server's nonce.
const nonceSize = 18

// newNonce returns the server's part of a nonce; tests have a fixed one.
var newNonce = func() string {
	var b [nonceSize]byte
	wicket.Random(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

// challenge is the server's first message.
func challenge(nonce string, c *credential) string {
	return "r=" + nonce + ",s=" + base64.StdEncoding.EncodeToString(c.salt) + ",i=" + strconv.Itoa(c.iterations)
}

// prove looks at the proof of a client, in a time that does not depend on it, and
// returns the server's own.
func (m *Mechanism) prove(c *credential, message string, proof []byte) (signature []byte, ok bool) {
	key := m.keyed(c.storedKey, message)
	if len(proof) != len(key) {
		return nil, false
	}
	subtle.XORBytes(key, key, proof) // the client's key
	d := m.hash()
	d.Write(key)
	ok = subtle.ConstantTimeCompare(d.Sum(nil), c.storedKey) == 1
	return m.keyed(c.serverKey, message), ok
}

// keyed is HMAC (RFC 2104) for keys that are no longer than a block, which ours
// never are. Package crypto/hmac would make the module half a megabyte larger.
func (m *Mechanism) keyed(key []byte, text string) []byte {
	h := m.hash()
	var inner, outer [sha512.BlockSize]byte
	size := h.BlockSize()
	copy(inner[:size], key)
	copy(outer[:size], key)
	for i := range size {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	h.Write(inner[:size])
	h.Write([]byte(text))
	sum := h.Sum(nil)
	h.Reset()
	h.Write(outer[:size])
	h.Write(sum)
	return h.Sum(sum[:0])
}

// fake is the credential of a user who is not there. It is the same each time, as
// that of anybody else is, and no password fits it. Without a secret it is made of
// the credential that it resembles, of which nobody knows the key either.
func (m *Mechanism) fake(secret []byte, name string, like *credential) *credential {
	if secret == nil {
		secret = m.keyed(like.storedKey, "somebody who is not there")
	}
	salt := m.keyed(secret, "salt "+m.Name+" "+name)
	for len(salt) < len(like.salt) {
		salt = append(salt, m.keyed(secret, string(salt))...)
	}
	return &credential{
		salt: salt[:len(like.salt)], iterations: like.iterations,
		storedKey: m.keyed(secret, "stored "+name), serverKey: m.keyed(secret, "server "+name),
	}
}

// refused is the answer to everybody who is not let in, whatever the reason.
var refused = wicket.Deny().Reason(wicket.NotAuthorized)

// Authenticate goes through an exchange with a client that has chosen one of the
// server's mechanisms. All others are somebody else's.
func (s *Server) Authenticate(ctx *wicket.Context, c *wicket.Connect) wicket.Verdict {
	m := s.mechanism(c.AuthMethod)
	if m == nil {
		return wicket.Next()
	}
	hello, err := parseFirst(c.AuthData)
	if err != nil {
		return refused.Text(err.Error())
	}
	user, err := s.users.find(ctx, c, m, hello.name)
	if err != nil {
		return s.users.failed(err)
	}
	like := s.users.like(m, hello.name)
	known := user != nil
	shown := m.fake(s.secret, hello.name, like)
	if known {
		shown = &user.credential
	}
	nonce := hello.nonce + newNonce()
	first := challenge(nonce, shown)
	data, err := ctx.Continue([]byte(first))
	if err != nil {
		return wicket.Deny()
	}
	last, err := parseFinal(data, hello.header, nonce)
	if err != nil {
		return refused.Text(err.Error())
	}
	signature, ok := m.prove(shown, hello.bare+","+first+","+last.bare, last.proof)
	if !ok || !known {
		return refused
	}
	v, err := user.admit(ctx)
	if err != nil {
		wicket.Warn("user " + quote(hello.name) + " is refused: " + err.Error())
		return wicket.Deny().Reason(wicket.BadUsernameOrPassword)
	}
	return v.Username(hello.name).AuthData([]byte("v=" + base64.StdEncoding.EncodeToString(signature)))
}

// mechanism is the one that a client has named, if it is offered.
func (s *Server) mechanism(name string) *Mechanism {
	for _, m := range s.mechanisms {
		if m.Name == name {
			return m
		}
	}
	return nil
}
