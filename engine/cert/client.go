package cert

import (
	"crypto/tls"
	"crypto/x509"
	"time"
)

// ClientPair reads what the broker shows to servers that ask for a
// certificate: certfile, leaf first, keyfile, and its password.
func ClientPair(f Files, now time.Time) (*tls.Certificate, error) {
	p, err := loadPair(f, now)
	if err != nil {
		return nil, err
	}
	return p.certificate(), nil
}

// Authorities reads cacertfile, the authorities that the certificate of a
// server must lead to.
func Authorities(path string) ([]*x509.Certificate, error) {
	data, err := readFile("cacertfile", path)
	if err != nil {
		return nil, err
	}
	return parseCertificates("cacertfile", path, data)
}
