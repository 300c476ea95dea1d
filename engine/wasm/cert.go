package wasm

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/cert"
)

// certField selects a field of the client's certificate in cert_field.
type certField int32

// The selectors of sdk/wicket.proto.
const (
	certSubject certField = iota
	certCommonName
	certSANDNS
	certSANURI
	certSANEmail
	certSANIP
	certSerial
	certIssuer
	certNotBefore
	certNotAfter
	certSHA256
	certSPKISHA256
	certDER
	certOrganization
	certOrganizationalUnit
	certMD5
	certPEM
	certCommonNames
	certExtKeyUsage
)

var (
	oidOrganization       = asn1.ObjectIdentifier{2, 5, 4, 10}
	oidOrganizationalUnit = asn1.ObjectIdentifier{2, 5, 4, 11}
	oidExtKeyUsage        = asn1.ObjectIdentifier{2, 5, 29, 37}
)

// certValue returns one field of the client's certificate. Of a certificate
// that was not verified only the DER and the hashes are given: they name a key
// the client has proved to hold, while the names in it are its own claim. A
// client whose certificate a trusted proxy has verified has a common name and
// nothing else, which is its subject too (spec MAP-07).
func certValue(r *auth.Request, field certField, index int32) (string, bool) {
	if index < 0 {
		return "", false
	}
	i := int(index)
	t := r.Handshake()
	if t == nil || len(t.Chain) == 0 {
		return proxyValue(r.Proxy, field, i)
	}
	leaf := t.Chain[0]
	switch field {
	case certDER:
		if i >= len(t.Chain) {
			return "", false
		}
		return string(t.Chain[i].Raw), true
	case certSHA256:
		return single(i, fingerprint(leaf.Raw))
	case certSPKISHA256:
		return single(i, fingerprint(leaf.RawSubjectPublicKeyInfo))
	}
	if !t.Verified {
		return "", false
	}
	return verifiedValue(leaf, field, i)
}

// proxyValue is certValue of a certificate that only a proxy has seen.
func proxyValue(p *auth.Proxy, field certField, i int) (string, bool) {
	if p == nil {
		return "", false
	}
	switch field {
	case certSubject, certCommonName, certCommonNames:
		return single(i, p.CommonName)
	}
	return "", false
}

func verifiedValue(c *x509.Certificate, field certField, i int) (string, bool) {
	switch field {
	case certSubject:
		return single(i, cert.Subject(c.RawSubject))
	case certIssuer:
		return single(i, cert.Subject(c.RawIssuer))
	case certCommonName:
		return nth(cert.CommonNames(c.RawSubject), i)
	case certCommonNames:
		return single(i, strings.Join(cert.CommonNames(c.RawSubject), ","))
	case certOrganization:
		return attribute(c, oidOrganization, i)
	case certOrganizationalUnit:
		return attribute(c, oidOrganizationalUnit, i)
	case certSerial:
		return single(i, cert.Serial(c))
	case certNotBefore:
		return single(i, strconv.FormatInt(c.NotBefore.Unix(), 10))
	case certNotAfter:
		return single(i, strconv.FormatInt(c.NotAfter.Unix(), 10))
	case certMD5:
		sum := md5.Sum(c.Raw)
		return single(i, hex.EncodeToString(sum[:]))
	case certPEM:
		return single(i, base64.StdEncoding.EncodeToString(c.Raw))
	case certExtKeyUsage:
		return nth(extKeyUsage(c), i)
	}
	return alternativeName(c, field, i)
}

// extKeyUsage returns the key purposes of a certificate as dotted OIDs, in its
// order (RFC 5280 section 4.2.1.12).
func extKeyUsage(c *x509.Certificate) []string {
	var purposes []asn1.ObjectIdentifier
	for _, e := range c.Extensions {
		if e.Id.Equal(oidExtKeyUsage) {
			_, _ = asn1.Unmarshal(e.Value, &purposes) // crypto/x509 has parsed it
		}
	}
	texts := make([]string, len(purposes))
	for i, p := range purposes {
		texts[i] = p.String()
	}
	return texts
}

func alternativeName(c *x509.Certificate, field certField, i int) (string, bool) {
	switch {
	case field == certSANDNS && i < len(c.DNSNames):
		return c.DNSNames[i], true
	case field == certSANURI && i < len(c.URIs):
		return c.URIs[i].String(), true
	case field == certSANEmail && i < len(c.EmailAddresses):
		return c.EmailAddresses[i], true
	case field == certSANIP && i < len(c.IPAddresses):
		return c.IPAddresses[i].String(), true
	}
	return "", false
}

// single answers a field that has one value.
func single(index int, value string) (string, bool) {
	return value, index == 0 && value != ""
}

// nth answers a field that has several values.
func nth(values []string, n int) (string, bool) {
	if n >= len(values) {
		return "", false
	}
	return values[n], true
}

func attribute(c *x509.Certificate, oid asn1.ObjectIdentifier, n int) (string, bool) {
	for _, a := range c.Subject.Names {
		if !a.Type.Equal(oid) {
			continue
		}
		if n == 0 {
			s, ok := a.Value.(string)
			return s, ok
		}
		n--
	}
	return "", false
}

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// appendPeer appends an address without making a string of it.
func appendPeer(b []byte, field int, peer netip.AddrPort) []byte {
	if !peer.IsValid() {
		return b
	}
	var text [64]byte
	return appendText(b, field, peer.AppendTo(text[:0]))
}
