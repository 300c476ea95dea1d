package cert

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// Lifetimes of issued certificates, from now. Some clients refuse server
// certificates that are valid for longer than 825 days, from notBefore on and
// with both ends included (RFC 5280 section 4.1.2.5).
const (
	backdated         = time.Hour // clocks differ
	authorityLifetime = 10 * 365 * 24 * time.Hour
	leafLifetime      = 825*24*time.Hour - backdated - time.Second
)

// Authority issues certificates, all on ECDSA P-256.
type Authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	now  func() time.Time
}

// Issued is a new certificate and its key, in PEM.
type Issued struct {
	Cert, Key []byte
}

// NewAuthority makes a self-signed authority. It may issue for the host names
// and addresses given only, and nothing at all below another authority; with
// none given it may issue for any.
func NewAuthority(name string, hosts []string, now func() time.Time) (*Authority, Issued, error) {
	template := &x509.Certificate{
		Subject:                     pkix.Name{CommonName: name},
		NotAfter:                    now().Add(authorityLifetime),
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid:       true,
		IsCA:                        true,
		MaxPathLenZero:              true,
		PermittedDNSDomainsCritical: len(hosts) > 0,
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			bits := 8 * len(shortest(ip))
			template.PermittedIPRanges = append(template.PermittedIPRanges, &net.IPNet{IP: shortest(ip), Mask: net.CIDRMask(bits, bits)})
		} else {
			template.PermittedDNSDomains = append(template.PermittedDNSDomains, host)
		}
	}
	a := &Authority{now: now}
	issued, err := a.issue(template)
	if err != nil {
		return nil, Issued{}, fmt.Errorf("cannot make authority %q: %w", name, err)
	}
	return a, issued, nil
}

func shortest(ip net.IP) net.IP {
	if v4 := ip.To4(); v4 != nil {
		return v4
	}
	return ip
}

// LoadAuthority reads an authority from its files.
func LoadAuthority(certfile, keyfile string, now func() time.Time) (*Authority, error) {
	p, err := loadPair(Files{Certfile: certfile, Keyfile: keyfile}, now())
	if err != nil {
		return nil, err
	}
	if !p.chain[0].IsCA {
		return nil, fmt.Errorf("certfile %q is not an authority", certfile)
	}
	return &Authority{cert: p.chain[0], key: p.key, now: now}, nil
}

// Server issues a server's certificate for host names and addresses, at least
// one; the first is its common name too.
func (a *Authority) Server(hosts []string) (Issued, error) {
	if len(hosts) == 0 {
		return Issued{}, errors.New("a server certificate needs a host name or an address")
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: hosts[0]},
		NotAfter:    a.now().Add(leafLifetime),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return a.issueLeaf(template)
}

// Client issues a client's certificate with the common name given.
func (a *Authority) Client(name string) (Issued, error) {
	if name == "" || hasControl(name) {
		return Issued{}, fmt.Errorf("a client certificate needs a name without control characters, not %q", name)
	}
	return a.issueLeaf(&x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		NotAfter:    a.now().Add(leafLifetime),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

func (a *Authority) issueLeaf(template *x509.Certificate) (Issued, error) {
	if template.NotAfter.After(a.cert.NotAfter) {
		template.NotAfter = a.cert.NotAfter
	}
	issued, err := a.issue(template)
	if err != nil {
		return Issued{}, fmt.Errorf("cannot issue a certificate for %q: %w", template.Subject.CommonName, err)
	}
	return issued, nil
}

// issue signs template with a new key; by that key itself, which becomes the
// authority's, while there is none.
func (a *Authority) issue(template *x509.Certificate) (Issued, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Issued{}, err
	}
	if template.SerialNumber, err = serialNumber(); err != nil {
		return Issued{}, err
	}
	template.NotBefore = a.now().Add(-backdated)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return Issued{}, err
	}
	if a.cert == nil {
		if a.cert, err = x509.ParseCertificate(der); err != nil {
			return Issued{}, err
		}
		a.key = key
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Issued{}, err
	}
	return Issued{
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
	}, nil
}

// serialNumber is random, positive and of 16 bytes (RFC 5280 section 4.1.2.2
// allows 20).
func serialNumber() (*big.Int, error) {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		return nil, err
	}
	b[0] = b[0]&0x3F | 0x40
	return new(big.Int).SetBytes(b), nil
}

// Write writes the certificate and then the key, readable by their owner only,
// and overwrites nothing.
func (i Issued) Write(certfile, keyfile string) error {
	for _, path := range []string{certfile, keyfile} {
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("cannot write %q: it exists, and nothing is overwritten", path)
		}
	}
	if err := writeNew(certfile, i.Cert, 0o644); err != nil {
		return err
	}
	return writeNew(keyfile, i.Key, 0o600)
}

func writeNew(path string, data []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("cannot write %q: %w", path, err)
	}
	_, err = f.Write(bytes.TrimLeft(data, "\n"))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("cannot write %q: %w", path, err)
	}
	return nil
}
