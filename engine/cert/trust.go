package cert

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// loadTrust reads the authorities of client certificates (TLS-06, TLS-18).
// crypto/tls takes every member of its pool for an anchor. With partial false,
// an intermediate of the file becomes one only when the file also holds the
// root above it; so what is accepted is what leads to a root of the file, and
// a client may leave out an intermediate that the file has.
func loadTrust(path string, partial bool, now time.Time) (*x509.CertPool, []string, error) {
	data, err := readFile("cacertfile", path)
	if err != nil {
		return nil, nil, err
	}
	certs, err := parseCertificates("cacertfile", path, data)
	if err != nil {
		return nil, nil, err
	}
	var warnings []string
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	for i, c := range certs {
		switch {
		case selfIssued(c):
			roots.AddCert(c)
		case !authority(c):
			return nil, nil, fmt.Errorf("cacertfile %q: certificate %d (%s) is not an authority; the file takes those that issue client certificates, not the clients' own", path, i+1, named(c))
		default:
			others.AddCert(c)
		}
	}
	pool, anchors := x509.NewCertPool(), 0
	for i, c := range certs {
		if !partial && !selfIssued(c) && !leadsTo(c, roots, others) {
			warnings = append(warnings, fmt.Sprintf("cacertfile %q: certificate %d (%s) is not used: the file holds no root above it", path, i+1, named(c)))
			continue
		}
		if err := checkValidity("cacertfile", path, certs[i:i+1], now); err != nil {
			warnings = append(warnings, err.Error())
		} else {
			anchors++
		}
		pool.AddCert(c)
	}
	if anchors == 0 {
		return nil, nil, errors.New(nobody(path, warnings))
	}
	return pool, warnings, nil
}

func nobody(path string, warnings []string) string {
	s := fmt.Sprintf("cacertfile %q holds no usable authority, so that no client could be verified; add the self-signed root and, if it is not, bring it up to date", path)
	for _, w := range warnings {
		s += " (" + w + ")"
	}
	return s
}

func selfIssued(c *x509.Certificate) bool { return bytes.Equal(c.RawIssuer, c.RawSubject) }

// authority reports whether a certificate may issue others; before version 3
// it could not say so.
func authority(c *x509.Certificate) bool {
	return c.IsCA || c.Version < 3
}

// leadsTo reports whether an intermediate has a path to a root, at any time:
// validity is checked where clients are verified.
func leadsTo(c *x509.Certificate, roots, intermediates *x509.CertPool) bool {
	_, err := c.Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: intermediates,
		CurrentTime:   c.NotBefore.Add(c.NotAfter.Sub(c.NotBefore) / 2),
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	return err == nil
}
