package crl

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/url"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// The extensions of a list (RFC 5280 section 5.2) and the one of certificates
// that this package reads.
var (
	oidCRLNumber          = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidDeltaIndicator     = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidIssuingPoint       = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidDistributionPoints = asn1.ObjectIdentifier{2, 5, 29, 31}
	oidAuthorityKeyID     = asn1.ObjectIdentifier{2, 5, 29, 35}
)

// primitive and constructed return the tags [n] of fields.
func primitive(n uint8) der.Tag   { return der.Tag(n).ContextSpecific() }
func constructed(n uint8) der.Tag { return primitive(n).Constructed() }

// scope is what an issuing distribution point (RFC 5280 section 5.2.5) says of
// the certificates that its list covers. The zero value covers all of the
// issuer's.
type scope struct {
	raw         []byte   // the extension's value
	named       bool     // it has a distribution point name
	names       [][]byte // GeneralNames in DER
	onlyUsers   bool
	onlyCAs     bool
	someReasons bool
}

// readScope reads a list's extensions and refuses those lists that cannot be
// used whatever the certificate.
func readScope(extensions []pkix.Extension) (s scope, err error) {
	for _, e := range extensions {
		switch {
		case e.Id.Equal(oidDeltaIndicator):
			return s, errors.New("it is a delta list, which is of no use without the complete one")
		case e.Id.Equal(oidIssuingPoint):
			if s.raw != nil {
				return s, errors.New("it has two issuing distribution points")
			}
			if s, err = readIssuingPoint(e.Value); err != nil {
				return s, err
			}
		case e.Critical && !e.Id.Equal(oidCRLNumber) && !e.Id.Equal(oidAuthorityKeyID):
			return s, fmt.Errorf("it has an unknown critical extension (%v)", e.Id)
		}
	}
	return s, nil
}

var errIssuingPoint = errors.New("its issuing distribution point is malformed")

func readIssuingPoint(value []byte) (s scope, err error) {
	s.raw = bytes.Clone(value)
	if s.raw == nil {
		return s, errIssuingPoint
	}
	in := cryptobyte.String(s.raw)
	var body, point, reasons cryptobyte.String
	var attributes, indirect bool
	if !in.ReadASN1(&body, der.SEQUENCE) || !in.Empty() ||
		!body.ReadOptionalASN1(&point, &s.named, constructed(0)) ||
		!readFlag(&body, &s.onlyUsers, 1) ||
		!readFlag(&body, &s.onlyCAs, 2) ||
		!body.ReadOptionalASN1(&reasons, &s.someReasons, primitive(3)) ||
		!readFlag(&body, &indirect, 4) ||
		!readFlag(&body, &attributes, 5) ||
		!body.Empty() {
		return s, errIssuingPoint
	}
	switch {
	case indirect:
		return s, errors.New("it is an indirect list, which is not supported")
	case attributes:
		return s, errors.New("it is for attribute certificates only")
	case s.named:
		if s.names, err = readPointName(point); err != nil {
			return s, errIssuingPoint
		}
	}
	return s, nil
}

// readFlag reads [n] IMPLICIT BOOLEAN DEFAULT FALSE. Not all encoders leave
// out a FALSE as DER wants.
func readFlag(s *cryptobyte.String, out *bool, n uint8) bool {
	var value cryptobyte.String
	var present bool
	if !s.ReadOptionalASN1(&value, &present, primitive(n)) {
		return false
	}
	if !present {
		return true
	}
	*out = len(value) == 1 && value[0] == 0xff
	return len(value) == 1 && (value[0] == 0 || value[0] == 0xff)
}

// readPointName reads a DistributionPointName (RFC 5280 section 4.2.1.13). One
// relative to the issuer gives no names: it matches nothing.
func readPointName(point cryptobyte.String) (names [][]byte, err error) {
	var full cryptobyte.String
	var present bool
	if !point.ReadOptionalASN1(&full, &present, constructed(0)) {
		return nil, errIssuingPoint
	}
	for !full.Empty() {
		var name cryptobyte.String
		var tag der.Tag
		if !full.ReadAnyASN1Element(&name, &tag) {
			return nil, errIssuingPoint
		}
		names = append(names, name)
	}
	return names, nil
}

// point is a DistributionPoint of a certificate.
type point struct {
	names       [][]byte // GeneralNames in DER
	someReasons bool
	indirect    bool // cRLIssuer: somebody else's list
}

var errPoints = errors.New("the distribution points of the certificate are malformed")

// points reads the CRL distribution points of a certificate. crypto/x509 has
// only the URLs, and of a point not those behind a name of another kind.
func points(c *x509.Certificate) (out []point, err error) {
	for _, e := range c.Extensions {
		if !e.Id.Equal(oidDistributionPoints) {
			continue
		}
		in := cryptobyte.String(e.Value)
		var all cryptobyte.String
		if !in.ReadASN1(&all, der.SEQUENCE) || !in.Empty() {
			return nil, errPoints
		}
		for !all.Empty() {
			p, ok := readPoint(&all)
			if !ok {
				return nil, errPoints
			}
			out = append(out, p)
		}
	}
	return out, nil
}

func readPoint(all *cryptobyte.String) (p point, ok bool) {
	var body, name, reasons, issuer cryptobyte.String
	var named bool
	if !all.ReadASN1(&body, der.SEQUENCE) ||
		!body.ReadOptionalASN1(&name, &named, constructed(0)) ||
		!body.ReadOptionalASN1(&reasons, &p.someReasons, primitive(1)) ||
		!body.ReadOptionalASN1(&issuer, &p.indirect, constructed(2)) ||
		!body.Empty() {
		return p, false
	}
	if named {
		var err error
		if p.names, err = readPointName(name); err != nil {
			return p, false
		}
	}
	return p, true
}

// covers reports why a list says nothing about a certificate that it does not
// name, or nil (RFC 5280 section 6.3.3 (b) (2)).
func (s *scope) covers(c *x509.Certificate, ps []point) error {
	switch isCA := c.BasicConstraintsValid && c.IsCA; {
	case s.onlyUsers && isCA:
		return errors.New("it is for end entities only (onlyContainsUserCerts)")
	case s.onlyCAs && !isCA:
		return errors.New("it is for authorities only (onlyContainsCACerts)")
	case s.someReasons:
		return errors.New("it is for some reasons of revocation only (onlySomeReasons)")
	case s.named && !s.matches(c, ps):
		return errors.New("its issuing distribution point is none of the certificate's distribution points")
	}
	return nil
}

func (s *scope) matches(c *x509.Certificate, ps []point) bool {
	for _, name := range s.names {
		if isDirectoryName(name, c.RawIssuer) {
			return true // the assumed point of RFC 5280 section 6.3.3, last paragraph
		}
		for _, p := range ps {
			for _, other := range p.names {
				if bytes.Equal(name, other) {
					return true
				}
			}
		}
	}
	return false
}

// isDirectoryName reports whether a GeneralName is a certain directoryName.
func isDirectoryName(general, name []byte) bool {
	in := cryptobyte.String(general)
	var value cryptobyte.String
	return in.ReadASN1(&value, constructed(4)) && bytes.Equal(value, name)
}

// maxURLs is the most URLs of a certificate that are looked at.
const maxURLs = 16

// address is where a list may be had.
type address struct {
	url         string
	host        string // with port
	someReasons bool   // the point covers some reasons of revocation only
}

// addresses returns the http and https URLs of distribution points, in their
// order (CRL-02).
func addresses(ps []point) (out []address) {
	for _, p := range ps {
		if p.indirect {
			continue
		}
		for _, name := range p.names {
			in := cryptobyte.String(name)
			var text cryptobyte.String
			if !in.ReadASN1(&text, primitive(6)) {
				continue
			}
			u, err := url.Parse(string(text))
			if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && len(out) < maxURLs {
				out = append(out, address{string(text), u.Host, p.someReasons})
			}
		}
	}
	return out
}
