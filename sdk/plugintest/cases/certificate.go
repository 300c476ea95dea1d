package cases

import (
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Certificate is a client certificate with these fields, made for the case; the
// same fields give the same certificate, its fingerprint included.
type Certificate struct {
	File               string    `yaml:"file,omitempty"` // or one from a PEM file, leaf first
	CommonName         string    `yaml:"common_name,omitempty"`
	Organization       []string  `yaml:"organization,omitempty"`
	OrganizationalUnit []string  `yaml:"organizational_unit,omitempty"`
	SAN                []string  `yaml:"san,omitempty"`    // "dns:x", "ip:x", "email:x" or "uri:x"
	Serial             string    `yaml:"serial,omitempty"` // hexadecimal
	Issuer             string    `yaml:"issuer,omitempty"` // its common name
	NotBefore          time.Time `yaml:"not_before,omitempty"`
	NotAfter           time.Time `yaml:"not_after,omitempty"`

	dir string // that File starts from
}

func (c *Certificate) chain() ([]*x509.Certificate, error) {
	if c.File != "" {
		file := c.File
		if !filepath.IsAbs(file) {
			file = filepath.Join(c.dir, file)
		}
		return readChain(file)
	}
	serial, ok := new(big.Int).SetString(or(c.Serial, "01"), 16)
	if !ok {
		return nil, fmt.Errorf("serial %q is not hexadecimal", c.Serial)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: c.CommonName, Organization: c.Organization, OrganizationalUnit: c.OrganizationalUnit},
		NotBefore:    or(c.NotBefore, time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)),
		NotAfter:     or(c.NotAfter, time.Date(2035, 1, 1, 0, 0, 0, 0, time.UTC)),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if err := c.names(template); err != nil {
		return nil, err
	}
	// A key that everybody knows: it signs nothing that anybody trusts, and
	// Ed25519 gives the same signature each time.
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: or(c.Issuer, "Test CA")}}
	der, err := x509.CreateCertificate(nil, template, issuer, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("cannot make the certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("cannot make the certificate: %w", err)
	}
	return []*x509.Certificate{leaf}, nil
}

func (c *Certificate) names(t *x509.Certificate) error {
	for _, text := range c.SAN {
		kind, value, _ := strings.Cut(text, ":")
		switch kind {
		case "dns":
			t.DNSNames = append(t.DNSNames, value)
		case "email":
			t.EmailAddresses = append(t.EmailAddresses, value)
		case "ip":
			ip := net.ParseIP(value)
			if ip == nil {
				return fmt.Errorf("san %q is no address", text)
			}
			t.IPAddresses = append(t.IPAddresses, ip)
		case "uri":
			u, err := url.Parse(value)
			if err != nil {
				return fmt.Errorf("san %q: %w", text, err)
			}
			t.URIs = append(t.URIs, u)
		default:
			return fmt.Errorf("san %q has none of the forms dns:x, ip:x, email:x and uri:x", text)
		}
	}
	return nil
}

func readChain(file string) (chain []*x509.Certificate, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		one, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("cannot read certificate %q: %w", file, err)
		}
		chain = append(chain, one)
	}
	if len(chain) == 0 {
		return nil, fmt.Errorf("there is no certificate in %q", file)
	}
	return chain, nil
}
