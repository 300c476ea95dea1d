package reactor

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/cert/certtest"
)

// authority issues the client certificates of a test.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	key := certtest.NewKey(t)
	return &authority{t, certtest.Issue(t, "Test CA", key, nil, nil, certtest.CA), key}
}

func (a *authority) issue(name string, notAfter time.Time) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key := certtest.NewKey(a.t)
	ends := func(c *x509.Certificate) { c.NotAfter = notAfter }
	return certtest.Issue(a.t, name, key, a.cert, a.key, ends), key
}

// client is the configuration of a device with a certificate.
func (a *authority) client(name string, notAfter time.Time) *tls.Config {
	c, key := a.issue(name, notAfter)
	return &tls.Config{
		InsecureSkipVerify: true,
		Certificates:       []tls.Certificate{{Certificate: [][]byte{c.Raw}, PrivateKey: key, Leaf: c}},
	}
}

// demand makes a listener ask for certificates of the authority.
func (a *authority) demand(l *Listener) {
	cfg := l.TLS.Clone()
	cfg.GetConfigForClient = nil
	cfg.ClientAuth, cfg.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	cfg.ClientCAs.AddCert(a.cert)
	l.TLS = cfg
}

// certificateOf is the certificate that a listener serves.
func certificateOf(t testing.TB, cfg *tls.Config) tls.Certificate {
	t.Helper()
	if len(cfg.Certificates) == 0 && cfg.GetConfigForClient != nil {
		inner, err := cfg.GetConfigForClient(&tls.ClientHelloInfo{})
		if err != nil {
			t.Fatal(err)
		}
		cfg = inner
	}
	return cfg.Certificates[0]
}

func keyPEM(t testing.TB, c tls.Certificate) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
