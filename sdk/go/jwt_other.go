//go:build !wasip1

package wicket

import "sync"

// On the host there is no broker: keys are kept for tests, and what waits works
// through TestContext only.

var testKeys struct {
	sync.Mutex
	slots [MaxJWTSlot + 1]JWTKeys
}

func setJWTKeys(slot int, keys *JWTKeys) error {
	testKeys.Lock()
	defer testKeys.Unlock()
	testKeys.slots[slot] = *keys
	return nil
}

// TestJWTKeys returns what SetJWTKeys has put into a slot, for tests of handlers
// and of OnLoad.
func TestJWTKeys(slot int) JWTKeys {
	testKeys.Lock()
	defer testKeys.Unlock()
	return testKeys.slots[slot]
}

func (c *Context) verifyJWT(int, string) (header, claims []byte, err error) {
	return nil, nil, ErrNotGranted
}

// Background runs f on behalf of no request, in a goroutine of its own: what
// several requests need, such as keys from a server. Its calls that wait have the
// time that a request has. It may be called from OnLoad and from handlers, and f
// begins when they wait or return. Certificate has nothing to tell there, and
// VerifyPassword and VerifyJWT fail: they are for requests.
func Background(f func(*Context)) { go f(&Context{}) }

// Tokens stands in for the broker in tests of handlers that verify tokens: the
// claims of each token that is signed, as JSON.
//
//	ctx := wicket.TestContext(wicket.Tokens{"good": `{"sub":"sensor-1"}`})
type Tokens map[string]string

// VerifyJWT implements JWTHost. Nobody has signed a token that is not there.
func (t Tokens) VerifyJWT(_ int, token string) (header, claims []byte, err error) {
	text, ok := t[token]
	if !ok {
		return nil, nil, ErrNotSigned
	}
	return []byte("{}"), []byte(text), nil
}

// VerifyPassword implements Host: it is not granted.
func (t Tokens) VerifyPassword(string, []byte) (bool, error) { return false, ErrNotGranted }

// Certificate implements Host: the client has none.
func (t Tokens) Certificate(CertField, int) (string, bool) { return "", false }

var _ interface {
	Host
	JWTHost
} = Tokens{}
