package cert

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
)

// usageNames are the extended key usages that verify_peer_ext_key_usage knows
// by name (RFC 5280 section 4.2.1.12).
var usageNames = map[string]x509.ExtKeyUsage{
	"serverAuth":      x509.ExtKeyUsageServerAuth,
	"clientAuth":      x509.ExtKeyUsageClientAuth,
	"codeSigning":     x509.ExtKeyUsageCodeSigning,
	"emailProtection": x509.ExtKeyUsageEmailProtection,
	"timeStamping":    x509.ExtKeyUsageTimeStamping,
	"ocspSigning":     x509.ExtKeyUsageOCSPSigning,
}

// parseUsages reads the option verify_peer_ext_key_usage: names, or
// OID:1.2.3; an entry may hold several with commas between.
func parseUsages(list []string) ([]x509.OID, error) {
	var out []x509.OID
	for _, name := range split(list, ",") {
		if u, ok := usageNames[name]; ok {
			out = append(out, u.OID())
			continue
		}
		dotted, ok := strings.CutPrefix(name, "OID:")
		if !ok {
			return nil, fmt.Errorf("%q is not known; the names are clientAuth, serverAuth, codeSigning, emailProtection, timeStamping, ocspSigning, and any other is written OID:1.2.3", name)
		}
		oid, err := x509.ParseOID(dotted)
		if err != nil {
			return nil, fmt.Errorf("%q is not an object identifier; write it OID:1.2.3", name)
		}
		out = append(out, oid)
	}
	return out, nil
}

// CheckExtKeyUsage says what is wrong with the option
// verify_peer_ext_key_usage.
func CheckExtKeyUsage(list []string) error {
	_, err := parseUsages(list)
	return err
}

// split cuts the entries of a list at separators and trims them; empty ones are
// dropped.
func split(list []string, separators string) []string {
	var out []string
	for _, entry := range list {
		for part := range strings.FieldsFuncSeq(entry, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

// checkUsage wants every usage of the option in the leaf (TLS-19);
// anyExtendedKeyUsage stands for none but itself.
func (t *trust) checkUsage(leaf *x509.Certificate) error {
	for _, want := range t.usages {
		if !hasUsage(leaf, want) {
			return refuse(ReasonBadUsage, leaf, "tls: the client's certificate is not for %s, which verify_peer_ext_key_usage asks for", usageName(want))
		}
	}
	return nil
}

func hasUsage(leaf *x509.Certificate, want x509.OID) bool {
	for _, u := range leaf.ExtKeyUsage {
		if u.OID().Equal(want) {
			return true
		}
	}
	return slices.ContainsFunc(leaf.UnknownExtKeyUsage, want.EqualASN1OID)
}

func usageName(oid x509.OID) string {
	for name, u := range usageNames {
		if u.OID().Equal(oid) {
			return name
		}
	}
	return "OID:" + oid.String()
}
