package cert

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Identity is what a client certificate says of its holder.
type Identity struct {
	Subject     string   // RFC 4514 text, see [Subject]
	CommonNames []string // all of them, in the order of the certificate
	DNS         []string // subject alternative names
	URIs        []string
	Emails      []string
	IPs         []string
	Serial      string // lower-case hexadecimal, see [Serial]
	SHA256      string // fingerprint of the certificate, lower-case hexadecimal
}

// IdentityOf extracts the identity of a leaf certificate.
func IdentityOf(leaf *x509.Certificate) Identity {
	sum := sha256.Sum256(leaf.Raw)
	id := Identity{
		Subject:     Subject(leaf.RawSubject),
		CommonNames: CommonNames(leaf.RawSubject),
		DNS:         leaf.DNSNames,
		Emails:      leaf.EmailAddresses,
		Serial:      Serial(leaf),
		SHA256:      hex.EncodeToString(sum[:]),
	}
	for _, u := range leaf.URIs {
		id.URIs = append(id.URIs, u.String())
	}
	for _, ip := range leaf.IPAddresses {
		id.IPs = append(id.IPs, ip.String())
	}
	return id
}

// Serial returns the serial number in lower-case hexadecimal with an even
// number of digits, as it is encoded.
func Serial(c *x509.Certificate) string {
	if c.SerialNumber == nil {
		return ""
	}
	s := c.SerialNumber.Text(16)
	if len(s)%2 == 1 && s[0] != '-' {
		s = "0" + s
	}
	return s
}

// attribute is one type and value of a distinguished name.
type attribute struct {
	oid   string // dotted
	joins bool   // belongs to the same RDN as the one before it
	value string // decoded to UTF-8; for a type that is no string, its DER
	raw   bool   // value is DER
}

// Subject returns a DER-encoded distinguished name in the text form of RFC
// 4514: the RDNs in reverse, most specific first; the values of one RDN joined
// by "+"; the short names below where there is one, dotted OIDs elsewhere. As
// the RFC asks, `" + , ; < > \`, a leading space or "#" and a trailing space
// are escaped by a backslash; so that the text is safe in logs and rules, all
// bytes outside 0x20..0x7D are escaped as two hexadecimal digits too, as the
// RFC allows. What cannot be parsed is "" (an empty name also is).
func Subject(der []byte) string {
	attributes := parseName(der)
	var b strings.Builder
	for end := len(attributes); end > 0; {
		start := end - 1
		for attributes[start].joins {
			start--
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		for i, a := range attributes[start:end] {
			if i > 0 {
				b.WriteByte('+')
			}
			a.write(&b)
		}
		end = start
	}
	return b.String()
}

// CommonNames returns the commonName values of a DER-encoded distinguished
// name, in its order.
func CommonNames(der []byte) []string {
	var names []string
	for _, a := range parseName(der) {
		if a.oid == "2.5.4.3" && !a.raw {
			names = append(names, a.value)
		}
	}
	return names
}

// shortNames are the attribute types of RFC 4514 section 3 and those that
// OpenSSL and EMQX name.
var shortNames = map[string]string{
	"2.5.4.3":                    "CN",
	"2.5.4.4":                    "SN",
	"2.5.4.5":                    "SERIALNUMBER",
	"2.5.4.6":                    "C",
	"2.5.4.7":                    "L",
	"2.5.4.8":                    "ST",
	"2.5.4.9":                    "STREET",
	"2.5.4.10":                   "O",
	"2.5.4.11":                   "OU",
	"2.5.4.12":                   "TITLE",
	"2.5.4.42":                   "GIVENNAME",
	"0.9.2342.19200300.100.1.1":  "UID",
	"0.9.2342.19200300.100.1.25": "DC",
	"1.2.840.113549.1.9.1":       "EMAILADDRESS",
}

func (a *attribute) write(b *strings.Builder) {
	name := shortNames[a.oid]
	if name == "" {
		name = a.oid
	}
	b.WriteString(name)
	b.WriteByte('=')
	if a.raw {
		b.WriteByte('#') // RFC 4514 section 2.4
		b.WriteString(hex.EncodeToString([]byte(a.value)))
		return
	}
	for i := range len(a.value) {
		switch c := a.value[i]; {
		case c < 0x20 || c >= 0x7E:
			b.WriteByte('\\')
			b.WriteString(strings.ToUpper(hex.EncodeToString([]byte{c})))
			continue
		case strings.IndexByte(`"+,;<>\`, c) >= 0,
			i == 0 && (c == ' ' || c == '#'),
			i == len(a.value)-1 && c == ' ':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
}

// parseName returns the attributes of a DER-encoded Name (RFC 5280 section
// 4.1.2.4), or nil for anything else.
func parseName(der []byte) []attribute {
	input := cryptobyte.String(der)
	var rdns cryptobyte.String
	if !input.ReadASN1(&rdns, asn1.SEQUENCE) || !input.Empty() {
		return nil
	}
	var attributes []attribute
	for !rdns.Empty() {
		var rdn cryptobyte.String
		if !rdns.ReadASN1(&rdn, asn1.SET) {
			return nil
		}
		for joins := false; !rdn.Empty(); joins = true {
			a := attribute{joins: joins}
			if !a.parse(&rdn) {
				return nil
			}
			attributes = append(attributes, a)
		}
	}
	return attributes
}

func (a *attribute) parse(rdn *cryptobyte.String) bool {
	var pair, oid, value, body cryptobyte.String
	var tag asn1.Tag
	if !rdn.ReadASN1(&pair, asn1.SEQUENCE) || !pair.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
		!pair.ReadAnyASN1Element(&value, &tag) || !pair.Empty() {
		return false
	}
	var id x509.OID
	if id.UnmarshalBinary(oid) != nil {
		return false
	}
	a.oid = id.String()
	element := value
	if !value.ReadAnyASN1(&body, &tag) {
		return false
	}
	text, ok := decodeString(tag, body)
	if !ok {
		a.value, a.raw = string(element), true
		return true
	}
	a.value = text
	return true
}

// String types without a constant in cryptobyte (X.690 section 8.23).
const (
	tagNumericString   = asn1.Tag(18)
	tagUniversalString = asn1.Tag(28)
	tagBMPString       = asn1.Tag(30)
)

// decodeString returns the value of an ASN.1 string in UTF-8.
func decodeString(tag asn1.Tag, b []byte) (string, bool) {
	switch tag {
	case asn1.UTF8String, asn1.PrintableString, asn1.IA5String, tagNumericString:
		return string(b), utf8.Valid(b)
	case asn1.T61String: // in practice Latin-1
		r := make([]rune, len(b))
		for i, c := range b {
			r[i] = rune(c)
		}
		return string(r), true
	case tagBMPString:
		if len(b)%2 != 0 {
			return "", false
		}
		u := make([]uint16, len(b)/2)
		for i := range u {
			u[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
		}
		return string(utf16.Decode(u)), true
	case tagUniversalString:
		if len(b)%4 != 0 {
			return "", false
		}
		r := make([]rune, len(b)/4)
		for i := range r {
			r[i] = rune(uint32(b[4*i])<<24 | uint32(b[4*i+1])<<16 | uint32(b[4*i+2])<<8 | uint32(b[4*i+3]))
		}
		return string(r), true
	}
	return "", false
}

// controlIn returns the first name among the attributes of a distinguished
// name that holds a C0 or C1 control character, which has no place in a name
// and would be an injection elsewhere (in a header, a log, a file).
func controlIn(der []byte) (where string, found bool) {
	for _, a := range parseName(der) {
		if !a.raw && hasControl(a.value) {
			if name := shortNames[a.oid]; name != "" {
				return name, true
			}
			return strconv.Quote(a.oid), true
		}
	}
	return "", false
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r >= 0x7F && r < 0xA0 })
}
