package wasm

import (
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"net/netip"
	"strconv"

	"github.com/wicketmq/wicket/engine/auth"
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
)

var (
	oidCommonName         = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidOrganization       = asn1.ObjectIdentifier{2, 5, 4, 10}
	oidOrganizationalUnit = asn1.ObjectIdentifier{2, 5, 4, 11}
)

// certValue returns one field of the client's certificate. Of a certificate
// that was not verified only the DER and the hashes are given: they name a key
// the client has proved to hold, while the names in it are its own claim.
func certValue(t *auth.TLS, field certField, index int32) (string, bool) {
	if t == nil || len(t.Chain) == 0 || index < 0 {
		return "", false
	}
	i := int(index)
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

func verifiedValue(c *x509.Certificate, field certField, i int) (string, bool) {
	switch field {
	case certSubject:
		return single(i, distinguishedName(c.RawSubject))
	case certIssuer:
		return single(i, distinguishedName(c.RawIssuer))
	case certCommonName:
		return commonName(c, i)
	case certOrganization:
		return attribute(c, oidOrganization, i)
	case certOrganizationalUnit:
		return attribute(c, oidOrganizationalUnit, i)
	case certSerial:
		return single(i, serialNumber(c))
	case certNotBefore:
		return single(i, strconv.FormatInt(c.NotBefore.Unix(), 10))
	case certNotAfter:
		return single(i, strconv.FormatInt(c.NotAfter.Unix(), 10))
	}
	return alternativeName(c, field, i)
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

// commonName returns the n-th CN of the subject, in the order of the
// certificate.
func commonName(c *x509.Certificate, n int) (string, bool) {
	return attribute(c, oidCommonName, n)
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

// distinguishedName writes a DER name as text (RFC 4514), most specific first.
func distinguishedName(raw []byte) string {
	var name pkix.RDNSequence
	if rest, err := asn1.Unmarshal(raw, &name); err != nil || len(rest) > 0 {
		return ""
	}
	return name.String()
}

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

func serialNumber(c *x509.Certificate) string {
	if c.SerialNumber == nil {
		return ""
	}
	return c.SerialNumber.Text(16)
}

// appendPeer appends an address without making a string of it.
func appendPeer(b []byte, field int, peer netip.AddrPort) []byte {
	if !peer.IsValid() {
		return b
	}
	var text [64]byte
	return appendText(b, field, peer.AppendTo(text[:0]))
}
