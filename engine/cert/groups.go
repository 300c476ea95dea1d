package cert

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// group is a group of the key exchange (RFC 8446 section 4.2.7).
type group struct {
	id     tls.CurveID
	hybrid bool // with ML-KEM, in TLS 1.3 only
	names  []string
}

// groups are those that crypto/tls has, under the names of Go, IANA and
// OpenSSL.
var groups = []group{
	{tls.X25519MLKEM768, true, []string{"X25519MLKEM768"}},
	{tls.SecP256r1MLKEM768, true, []string{"SecP256r1MLKEM768"}},
	{tls.SecP384r1MLKEM1024, true, []string{"SecP384r1MLKEM1024"}},
	{tls.X25519, false, []string{"X25519"}},
	{tls.CurveP256, false, []string{"P-256", "secp256r1", "prime256v1"}},
	{tls.CurveP384, false, []string{"P-384", "secp384r1"}},
	{tls.CurveP521, false, []string{"P-521", "secp521r1"}},
}

// CheckCurves says what is wrong with the option curves.
func CheckCurves(list []string) error {
	_, err := parseGroups(list)
	return err
}

func parseGroups(list []string) (out []*group, err error) {
	for _, name := range split(list, ",:") {
		g := findGroup(name)
		if g == nil {
			return nil, fmt.Errorf("%q is not known; the names are %s", name, groupNames())
		}
		out = append(out, g)
	}
	return out, nil
}

// chooseGroups puts the option curves into the configuration; the order among
// them is Go's.
func (l *loaded) chooseGroups(list []string) error {
	all, err := parseGroups(list)
	if err != nil {
		return fmt.Errorf("curves: %w", err)
	}
	classical := len(all) == 0
	for _, g := range all {
		classical = classical || !g.hybrid
		l.config.CurvePreferences = append(l.config.CurvePreferences, g.id)
	}
	if !classical && l.config.MinVersion < tls.VersionTLS13 {
		return fmt.Errorf("curves: %s is for TLS 1.3 only, but versions lists %s too; add X25519 and P-256",
			strings.Join(list, ", "), tls.VersionName(l.config.MinVersion))
	}
	return nil
}

func findGroup(name string) *group {
	for i, g := range groups {
		if slices.ContainsFunc(g.names, func(n string) bool { return strings.EqualFold(n, name) }) {
			return &groups[i]
		}
	}
	return nil
}

func groupNames() string {
	var names []string
	for _, g := range groups {
		names = append(names, g.names[0])
	}
	return strings.Join(names, ", ")
}

// CheckALPN says what is wrong with the option alpn.
func CheckALPN(list []string) error {
	for _, name := range list {
		if len(name) == 0 || len(name) > 255 || hasControl(name) {
			return fmt.Errorf("%q is no protocol name; it has 1 to 255 characters, like mqtt", name)
		}
	}
	return nil
}

// chooseProtocols puts the option alpn into the configuration. A client that
// asks for none of them gets the alert no_application_protocol (RFC 7301
// section 3.2); one that asks for nothing is let in.
func (l *loaded) chooseProtocols(list []string) error {
	if err := CheckALPN(list); err != nil {
		return fmt.Errorf("alpn: %w", err)
	}
	l.config.NextProtos = slices.Clone(list)
	return nil
}
