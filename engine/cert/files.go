package cert

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// Files are the paths of a listener's material, in the names of the
// configuration.
type Files struct {
	Certfile   string // PEM, the server's chain, leaf first
	Keyfile    string // PEM, the leaf's private key
	CACertfile string // PEM, the authorities of client certificates
	Password   string // of an encrypted private key
}

// maxFile is the most that is read of a file: a bundle of thousands of
// authorities fits.
const maxFile = 4 << 20

// readFile reads the file that an option names.
func readFile(option, path string) ([]byte, error) {
	if path == "" {
		return nil, fmt.Errorf("%s is not set", option)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(option, path, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, unreadable(option, path, err)
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("%s %q is larger than %d MB; is it the right file?", option, path, maxFile>>20)
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, fmt.Errorf("%s %q is empty", option, path)
	}
	return b, nil
}

func unreadable(option, path string, err error) error {
	var remedy string
	switch {
	case errors.Is(err, fs.ErrNotExist):
		remedy = "; create it or correct the path"
	case errors.Is(err, fs.ErrPermission):
		remedy = "; let the broker's user read it"
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err // the path is in our own sentence
	}
	return fmt.Errorf("cannot read %s %q: %w%s", option, path, err, remedy)
}

// Certificates returns the certificates of a PEM file, in its order.
func Certificates(path string) ([]*x509.Certificate, error) {
	data, err := readFile("file", path)
	if err != nil {
		return nil, err
	}
	return parseCertificates("file", path, data)
}

// parseCertificates returns the certificates of a PEM file, in its order.
// Text between the blocks and other blocks, such as a key, are passed over; a
// block that is cut off or damaged is not.
func parseCertificates(option, path string, data []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	found := make(map[string]bool)
	blocks, rest := 0, data
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		blocks++
		found[block.Type] = true
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s %q: certificate %d cannot be parsed: %w", option, path, len(out)+1, err)
		}
		out = append(out, c)
	}
	if begins := bytes.Count(data, []byte("-----BEGIN ")); begins != blocks {
		return nil, fmt.Errorf("%s %q: %d of its %d PEM blocks are damaged or cut off; copy the file again", option, path, max(begins-blocks, 1), begins)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s %q holds no certificate%s", option, path, insteadOf(data, found))
	}
	return out, nil
}

// insteadOf says what a file holds that holds no certificate.
func insteadOf(data []byte, found map[string]bool) string {
	switch {
	case data[0] == 0x30:
		return "; it looks like DER: convert it with openssl x509 -inform der -in FILE -out FILE.pem"
	case found["PRIVATE KEY"] || found["RSA PRIVATE KEY"] || found["EC PRIVATE KEY"] || found["ENCRYPTED PRIVATE KEY"]:
		return " but a private key; are certfile and keyfile exchanged?"
	case found["CERTIFICATE REQUEST"] || found["NEW CERTIFICATE REQUEST"]:
		return " but a request for one; have it signed first"
	case found["TRUSTED CERTIFICATE"]:
		return " but OpenSSL's TRUSTED CERTIFICATE; convert it with openssl x509 -in FILE -out FILE.pem"
	case len(found) == 0:
		return "; it is not PEM (no -----BEGIN CERTIFICATE----- line)"
	}
	return ""
}

// pair is a server's chain with the key of its first certificate.
type pair struct {
	chain    []*x509.Certificate
	key      crypto.Signer
	warnings []string
}

// loadPair reads and checks certfile and keyfile: TLS-07, TLS-08.
func loadPair(f Files, now time.Time) (*pair, error) {
	p, err := readPair(f)
	if err != nil {
		return nil, err
	}
	if err := p.checkTime(f, now); err != nil {
		return nil, err
	}
	return p, nil
}

// readPair is loadPair at any time.
func readPair(f Files) (*pair, error) {
	certs, err := readFile("certfile", f.Certfile)
	if err != nil {
		return nil, err
	}
	keys, err := readFile("keyfile", f.Keyfile)
	if err != nil {
		return nil, err
	}
	p := new(pair)
	if p.chain, err = parseCertificates("certfile", f.Certfile, certs); err != nil {
		return nil, err
	}
	var encrypted bool
	if p.key, encrypted, err = parseKey(f.Keyfile, keys, f.Password); err != nil {
		return nil, err
	}
	if f.Password != "" && !encrypted {
		p.warnings = append(p.warnings, fmt.Sprintf("keyfile %q is not encrypted, so that its password is not used", f.Keyfile))
	}
	if err := p.checkOrder(f); err != nil {
		return nil, err
	}
	p.warn(f)
	return p, nil
}

func (p *pair) checkTime(f Files, now time.Time) error {
	for i, c := range p.chain {
		if err := checkValidity("certfile", f.Certfile, i, c, now); err != nil {
			return err
		}
	}
	return nil
}

// checkOrder makes sure that the file is what goes on the wire as it is: the
// leaf first, each further certificate the issuer of the one before it (RFC
// 5246 section 7.4.2, RFC 8446 section 4.4.2).
func (p *pair) checkOrder(f Files) error {
	leaf := p.chain[0]
	if !owns(p.key, leaf) {
		for i, c := range p.chain {
			if owns(p.key, c) {
				return fmt.Errorf("certfile %q is in the wrong order: keyfile %q belongs to its certificate %d (%s), which must come first, then its issuer, and so on upward",
					f.Certfile, f.Keyfile, i+1, named(c))
			}
		}
		return fmt.Errorf("keyfile %q does not belong to certfile %q, whose first certificate is for %s; give the key that its request was made with",
			f.Keyfile, f.Certfile, named(leaf))
	}
	if leaf.IsCA && len(p.chain) > 1 {
		return fmt.Errorf("certfile %q begins with an authority (%s); the server's own certificate must come first, then its issuer, and so on upward",
			f.Certfile, named(leaf))
	}
	for i, c := range p.chain[1:] {
		below := p.chain[i]
		if !bytes.Equal(below.RawIssuer, c.RawSubject) {
			return fmt.Errorf("certfile %q: certificate %d (%s) did not issue the one before it, which names %s as its issuer; order them leaf first and remove what does not belong to the chain",
				f.Certfile, i+2, named(c), nonEmpty(Subject(below.RawIssuer)))
		}
		if err := below.CheckSignatureFrom(c); err != nil {
			return fmt.Errorf("certfile %q: certificate %d (%s) bears the name of the issuer of the one before it but cannot have signed it: %w",
				f.Certfile, i+2, named(c), err)
		}
	}
	return nil
}

func (p *pair) warn(f Files) {
	leaf := p.chain[0]
	if len(leaf.DNSNames)+len(leaf.IPAddresses) == 0 {
		p.warnings = append(p.warnings, fmt.Sprintf("certfile %q has no subject alternative name: clients that check names will refuse it", f.Certfile))
	}
	if bytes.Equal(leaf.RawSubject, leaf.RawIssuer) && leaf.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature) != nil {
		p.warnings = append(p.warnings, fmt.Sprintf("certfile %q: issuer equals subject (%s) although another key has signed it: many clients take it for self-signed and refuse it; give the authority a name of its own", f.Certfile, named(leaf)))
	}
	if k, ok := p.key.(*rsa.PrivateKey); ok && k.N.BitLen() < 2048 {
		p.warnings = append(p.warnings, fmt.Sprintf("keyfile %q is an RSA key of only %d bits", f.Keyfile, k.N.BitLen()))
	}
	if info, err := os.Stat(f.Keyfile); err == nil && info.Mode().Perm()&0o004 != 0 {
		p.warnings = append(p.warnings, fmt.Sprintf("keyfile %q can be read by everybody on this machine; chmod 600 it", f.Keyfile))
	}
}

func owns(key crypto.Signer, c *x509.Certificate) bool {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(c.PublicKey)
}

// checkValidity refuses certificate i of a file outside its time.
func checkValidity(option, path string, i int, c *x509.Certificate, now time.Time) error {
	switch {
	case now.After(c.NotAfter):
		return fmt.Errorf("%s %q: certificate %d (%s) expired at %s; renew it",
			option, path, i+1, named(c), c.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(c.NotBefore):
		return fmt.Errorf("%s %q: certificate %d (%s) is not valid before %s; is this machine's clock right?",
			option, path, i+1, named(c), c.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// named is how messages call a certificate.
func named(c *x509.Certificate) string {
	if s := Subject(c.RawSubject); s != "" {
		return s
	}
	if len(c.DNSNames) > 0 {
		return c.DNSNames[0]
	}
	return "serial " + Serial(c)
}

func nonEmpty(s string) string {
	if s == "" {
		return "nobody"
	}
	return s
}
