// Package jwt verifies the signatures of JSON Web Tokens: JWS in compact form
// (RFC 7515) by keys that the operator has named (RFC 7517, RFC 7518), the way
// RFC 8725 says. It does not judge claims.
//
// An algorithm works only with keys of its own type, and only when it is among
// those that the set of keys is for. Nothing that a token says beside "alg" and
// "kid" has a part in choosing the key. Errors name no key, no token and nothing
// of what is in it.
//
// Verifying takes from some microseconds to a millisecond of processor time: call
// it from a worker, never from an event loop. A *Keys may be used by any number of
// goroutines.
package jwt

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Bounds of a token. A header may have a chain of certificates in it, which
// nobody looks at.
const (
	MaxToken  = 64 << 10
	maxHeader = 16 << 10
)

// MaxTries is how many keys are tried for one token: a client must not be able to
// make the broker compute for milliseconds.
const MaxTries = 16

// The outcomes of Verify beside success.
var (
	// ErrMalformed says that the text is no signed token with claims.
	ErrMalformed = errors.New("malformed token")

	// ErrSignature says that no key has signed the token.
	ErrSignature = errors.New("no key has signed the token")

	// ErrUnknownKey is an ErrSignature: the token names a key that is not in the
	// set. A newer set may have it.
	ErrUnknownKey = fmt.Errorf("%w: its key id is not known", ErrSignature)
)

// Verify checks the signature of a token in compact form (RFC 7515 §5.2). The
// header and the claims that it returns are JSON objects.
func (k *Keys) Verify(token string) (header, claims []byte, err error) {
	header, err = split(token)
	if err != nil {
		return nil, nil, err
	}
	// The algorithms that are not accepted end here, "none" with them (RFC 8725
	// §3.1, §3.2).
	jws, err := jose.ParseSignedCompact(token, k.accepted)
	if err != nil {
		var other *jose.ErrUnexpectedSignatureAlgorithm
		if errors.As(err, &other) {
			return nil, nil, fmt.Errorf("%w: its algorithm is not accepted", ErrSignature)
		}
		return nil, nil, fmt.Errorf("%w: its header cannot be read", ErrMalformed)
	}
	h := &jws.Signatures[0].Protected
	// Extensions that change what is signed, or what it means, and must be
	// understood (RFC 7515 §4.1.11, RFC 7797). None is here.
	if h.ExtraHeaders["crit"] != nil || h.ExtraHeaders["b64"] != nil {
		return nil, nil, fmt.Errorf("%w: it has a critical extension", ErrMalformed)
	}
	if claims, err = k.signed(jws, h.KeyID, h.Algorithm); err != nil {
		return nil, nil, err
	}
	if !object(claims) { // RFC 7519 §7.2
		return nil, nil, fmt.Errorf("%w: its claims are no JSON object", ErrMalformed)
	}
	return header, claims, nil
}

// signed tries the keys that a token can have been signed with and returns what
// is signed. One that names a key is tried with keys of that name, and with those
// that have none, as a PEM file's; any other with all of its type.
func (k *Keys) signed(jws *jose.JSONWebSignature, id, algorithm string) ([]byte, error) {
	tries, known := 0, false
	for i := range k.keys {
		key := &k.keys[i]
		if id != "" && key.id != "" && key.id != id {
			continue
		}
		known = true
		if !slices.Contains(key.algorithms, algorithm) {
			continue
		}
		if tries++; tries > MaxTries {
			break
		}
		if payload, err := jws.Verify(key.material); err == nil {
			return payload, nil
		}
	}
	if !known {
		return nil, ErrUnknownKey
	}
	return nil, ErrSignature
}

var encoding = base64.RawURLEncoding.Strict()

// split checks the outer form of a token (RFC 7515 §7.1) more strictly than its
// reader, so that a token has one spelling only, and decodes its header.
func split(token string) (header []byte, err error) {
	head, rest, ok1 := strings.Cut(token, ".")
	body, signature, ok2 := strings.Cut(rest, ".")
	switch {
	case len(token) > MaxToken:
		return nil, fmt.Errorf("%w: it has %d bytes; at most %d are read", ErrMalformed, len(token), MaxToken)
	case !ok1 || !ok2 || strings.Contains(signature, "."):
		return nil, fmt.Errorf("%w: it has not three parts", ErrMalformed)
	case len(head) > maxHeader:
		return nil, fmt.Errorf("%w: its header has %d bytes; at most %d are read", ErrMalformed, len(head), maxHeader)
	case strings.ContainsAny(token, "\r\n"): // which decoders pass over
		return nil, fmt.Errorf("%w: it has line breaks", ErrMalformed)
	}
	parts := [3][]byte{}
	for i, text := range []string{head, body, signature} {
		if parts[i], err = encoding.DecodeString(text); err != nil {
			return nil, fmt.Errorf("%w: it is no base64url", ErrMalformed)
		}
	}
	return parts[0], nil
}

// object reports whether a text is a JSON object.
func object(text []byte) bool {
	for _, c := range text {
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		}
		return c == '{' && json.Valid(text)
	}
	return false
}
