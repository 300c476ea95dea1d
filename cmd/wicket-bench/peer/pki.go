package peer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// KeyType is the kind of a server's key.
type KeyType string

// The kinds of keys that are compared.
const (
	ECDSA KeyType = "ecdsa" // P-256
	RSA   KeyType = "rsa"   // 2048 bits
)

// PKI is a certificate authority made for one measurement and a server
// certificate from it, as files in a directory of their own.
type PKI struct {
	dir string
	Key KeyType
}

// NewPKI makes the files in dir.
func NewPKI(dir string, key KeyType) (*PKI, error) {
	p := &PKI{dir, key}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "wicket-bench CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	if err := p.issue("ca", ca, ca, caKey, caKey); err != nil {
		return nil, err
	}
	var own crypto.Signer
	if key == RSA {
		own, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		own, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return nil, err
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	return p, p.issue("server", server, ca, own, caKey)
}

// File returns the path of one of ca.pem, ca.key, server.pem and server.key.
func (p *PKI) File(name string) string { return filepath.Join(p.dir, name) }

func (p *PKI) issue(name string, template, parent *x509.Certificate, key, parentKey crypto.Signer) error {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		return fmt.Errorf("cannot issue certificate %q: %w", name, err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := p.write(name+".pem", "CERTIFICATE", der); err != nil {
		return err
	}
	return p.write(name+".key", "PRIVATE KEY", private)
}

func (p *PKI) write(name, kind string, der []byte) error {
	return os.WriteFile(p.File(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
