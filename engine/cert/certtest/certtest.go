// Package certtest makes certificates for tests. Its functions are called on the
// goroutine of a test, of any number of tests at once.
package certtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"sync/atomic"
	"testing"
	"time"
)

// NewKey returns a key on P-256.
func NewKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var serials atomic.Int64

// Issue makes the certificate of a key: signed by parent, or by itself when that
// is nil. Its serial number is its own, and it is valid for an hour either way,
// unless the changes say otherwise, of which nil ones are skipped.
func Issue(t testing.TB, name string, key crypto.Signer, parent *x509.Certificate, signer crypto.Signer, changes ...func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(0x1000 + serials.Add(1)),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	for _, change := range changes {
		if change != nil {
			change(c)
		}
	}
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return c
}

// CA is a change that makes a certificate an authority's.
func CA(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }
