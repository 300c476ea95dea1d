package ocsp

import "crypto/x509"

// Leaf is a certificate that handshakes are given.
type Leaf struct {
	Cert   *x509.Certificate
	Issuer *x509.Certificate // nil if its file does not have it
	Name   string            // of it among the listener's
}
