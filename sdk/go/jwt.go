package wicket

import (
	"errors"

	"github.com/wicketmq/wicket/sdk/go/wire"
)

// JWTKeys are the keys that tokens are verified with: a JSON Web Key Set, PEM text,
// a secret, or several of them, and the algorithms to accept, such as "RS256" or
// "EdDSA". A key verifies only the algorithms of its own type.
type JWTKeys = wire.JWTKeys

// MaxJWTSlot is the highest slot of SetJWTKeys.
const MaxJWTSlot = 15

// SetJWTKeys puts keys into a slot of this instance, in place of what was there.
// It may be called at any time, from OnLoad too, and needs the grant "jwt". An
// error that is ErrKeys says what is wrong with them; then the slot keeps what it
// had.
func SetJWTKeys(slot int, keys JWTKeys) error {
	if slot < 0 || slot > MaxJWTSlot {
		return ErrMalformed
	}
	return setJWTKeys(slot, &keys)
}

// VerifyJWT has the broker verify the signature of a token, a JWS in compact form
// (RFC 7515 section 3.1), with the keys of a slot, and returns its header and its
// claims, both JSON objects: package json reads them. What the claims say, and
// until when, is for the handler to judge. It waits, for some tens of microseconds
// as a rule, and needs the grant "jwt".
//
// The error is ErrNotSigned when no key of the slot has signed the token, which is
// ErrUnknownKey as well when a newer set of keys might have it, and ErrMalformed
// when the text is no such token.
func (c *Context) VerifyJWT(slot int, token string) (header, claims []byte, err error) {
	if c.fake != nil {
		if h, ok := c.fake.(JWTHost); ok {
			return h.VerifyJWT(slot, token)
		}
		return nil, nil, ErrNotGranted
	}
	if c.instant {
		return nil, nil, ErrCannotWait
	}
	return c.verifyJWT(slot, token)
}

// The errors of tokens and their keys.
var (
	ErrKeys       = errors.New("the keys cannot be used")
	ErrNotSigned  = errors.New("no key has signed the token")
	ErrUnknownKey = error(unknownKey{})
)

// unknownKey is the type of ErrUnknownKey.
type unknownKey struct{}

func (unknownKey) Error() string        { return "the token names a key that is not there" }
func (unknownKey) Is(target error) bool { return target == ErrNotSigned }

// JWTHost is a Host that verifies tokens.
type JWTHost interface {
	VerifyJWT(slot int, token string) (header, claims []byte, err error)
}
