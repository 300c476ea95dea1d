package cert

import (
	"crypto"
	"crypto/rsa"
	"io"
)

// yieldingKey is a server's key whose signatures come between turns of other
// threads. One takes a millisecond, and a kernel that looks for others at its
// tick only, each 4 ms as a rule, lets those who are in wait for several: the
// thread offers its turn before and after, which costs a microsecond when
// nobody takes it.
type yieldingKey struct{ *rsa.PrivateKey }

// Sign implements [crypto.Signer].
func (k yieldingKey) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	offerTurn()
	defer offerTurn()
	return k.PrivateKey.Sign(rand, digest, opts)
}

// signer is the key as handshakes use it.
func (p *pair) signer() crypto.PrivateKey {
	if k, ok := p.key.(*rsa.PrivateKey); ok {
		return yieldingKey{k}
	}
	return p.key
}
