package cert

import (
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// opensslNames are OpenSSL's names of the suites that crypto/tls has; IANA's
// are crypto/tls's own. TLS 1.3 has one name for both.
var opensslNames = map[string]uint16{
	"ECDHE-ECDSA-AES128-GCM-SHA256": tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-ECDSA-AES256-GCM-SHA384": tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-ECDSA-CHACHA20-POLY1305": tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	"ECDHE-ECDSA-AES128-SHA":        tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
	"ECDHE-ECDSA-AES256-SHA":        tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
	"ECDHE-ECDSA-AES128-SHA256":     tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
	"ECDHE-ECDSA-RC4-SHA":           tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA,
	"ECDHE-RSA-AES128-GCM-SHA256":   tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-RSA-AES256-GCM-SHA384":   tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-RSA-CHACHA20-POLY1305":   tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	"ECDHE-RSA-AES128-SHA":          tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	"ECDHE-RSA-AES256-SHA":          tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
	"ECDHE-RSA-AES128-SHA256":       tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
	"ECDHE-RSA-DES-CBC3-SHA":        tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA,
	"ECDHE-RSA-RC4-SHA":             tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA,
	"AES128-GCM-SHA256":             tls.TLS_RSA_WITH_AES_128_GCM_SHA256,
	"AES256-GCM-SHA384":             tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
	"AES128-SHA":                    tls.TLS_RSA_WITH_AES_128_CBC_SHA,
	"AES256-SHA":                    tls.TLS_RSA_WITH_AES_256_CBC_SHA,
	"AES128-SHA256":                 tls.TLS_RSA_WITH_AES_128_CBC_SHA256,
	"DES-CBC3-SHA":                  tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA,
	"RC4-SHA":                       tls.TLS_RSA_WITH_RC4_128_SHA,
}

// suite is one that crypto/tls has.
type suite struct {
	*tls.CipherSuite
	name string // as it was written
}

func (s suite) tls13() bool { return slices.Contains(s.SupportedVersions, tls.VersionTLS13) }

// forwardSecret: a stolen server key opens no recorded session (TLS-12).
func (s suite) forwardSecret() bool { return s.tls13() || strings.HasPrefix(s.Name, "TLS_ECDHE_") }

// fits reports whether the suite can authenticate a server with a key.
func (s suite) fits(key crypto.PublicKey) bool {
	_, isRSA := key.(*rsa.PublicKey)
	return s.tls13() || isRSA != strings.HasPrefix(s.Name, "TLS_ECDHE_ECDSA_")
}

// parseSuites reads the option ciphers (TLS-11): names by OpenSSL or IANA, one
// in each entry or several with commas or colons between. Whatever cannot be
// used is in the error; nothing is dropped.
func parseSuites(list []string) ([]suite, error) {
	var out []suite
	var bad []string
	for _, name := range split(list, ",:") {
		if s := findSuite(name); s != nil {
			out = append(out, suite{s, name})
		} else {
			bad = append(bad, fmt.Sprintf("%q (%s)", name, whyNot(name)))
		}
	}
	if len(bad) > 0 {
		return nil, fmt.Errorf("%d of %d cannot be used: %s", len(bad), len(bad)+len(out), strings.Join(bad, ", "))
	}
	return out, nil
}

// CheckCiphers says what is wrong with the option ciphers, whatever versions
// and keys it is for.
func CheckCiphers(list []string) error {
	_, err := parseSuites(list)
	return err
}

func findSuite(name string) *tls.CipherSuite {
	upper := strings.ToUpper(name)
	id := opensslNames[upper]
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if s.ID == id || s.Name == upper {
			return s
		}
	}
	return nil
}

// words are all that names of suites are made of, so that a suite which exists
// elsewhere is told from a slip of the pen.
const words = " TLS SSL WITH ANON EXP EXPORT EXPORT1024 OLD" +
	" RSA DSS ECDSA ECDHE ECDH DHE EDH DH ADH AECDH PSK SRP KRB5 GOST2001 GOST2012 GOST94 GOST89 IANA" +
	" AES AES128 AES192 AES256 CAMELLIA CAMELLIA128 CAMELLIA256 ARIA ARIA128 ARIA256 CHACHA20 POLY1305" +
	" SEED IDEA DES CBC3 3DES EDE RC2 RC4 SM4 NULL 40 56 64 112 128 192 256 8" +
	" CBC GCM CCM CCM8 CNT SHA SHA1 SHA256 SHA384 MD5 SM3 "

// reasons say by a word of the name why crypto/tls does not have a suite, in
// the order in which they are looked for.
var reasons = []struct{ words, why string }{
	{"PSK", "pre-shared keys are not supported: use certificates"},
	{"SRP KRB5 GOST2001 GOST2012 GOST94 GOST89 SM4 SM3", "it is not in Go: use a suite with ECDHE"},
	{"ADH AECDH ANON", "without authentication anybody could be the broker: use a suite with ECDHE"},
	{"NULL EXP EXPORT EXPORT1024", "it does not protect: use a suite with ECDHE"},
	{"CCM CCM8", "CCM is not in Go: use GCM"},
	{"DHE EDH DH", "finite-field Diffie-Hellman is not in Go: use ECDHE"},
	{"ECDH", "static ECDH is not in Go and has no forward secrecy: use ECDHE"},
	{"CAMELLIA CAMELLIA128 CAMELLIA256 ARIA ARIA128 ARIA256 SEED IDEA DES RC2", "this cipher is not in Go: use AES-GCM or CHACHA20-POLY1305"},
	{"SHA384 SHA256", cbc},
}

const cbc = "CBC with this hash is not in Go: use GCM"

// whyNot says why a name stands for no usable suite.
func whyNot(name string) string {
	parts := strings.FieldsFunc(strings.ToUpper(name), func(r rune) bool { return r == '-' || r == '_' })
	known := len(parts) > 1
	for _, part := range parts {
		known = known && strings.Contains(words, " "+part+" ")
	}
	switch {
	case strings.ContainsAny(name, "!@+=") || slices.Contains(selectors, strings.ToUpper(name)):
		return "a rule for OpenSSL to choose by: write the names of suites"
	case !known:
		return "no such suite is known"
	}
	for _, r := range reasons {
		if r.why == cbc && (slices.Contains(parts, "GCM") || slices.Contains(parts, "POLY1305")) {
			continue
		}
		if slices.ContainsFunc(parts, func(p string) bool { return slices.Contains(strings.Fields(r.words), p) }) {
			return r.why
		}
	}
	return "it is not in Go: use a suite with ECDHE and GCM"
}

// SuiteProblem says why a cipher suite, by its OpenSSL or IANA name, cannot be
// used, or nothing when it can.
func SuiteProblem(name string) string {
	if findSuite(name) != nil {
		return ""
	}
	return whyNot(name)
}

// selectors are the commonest of OpenSSL's words for sets of suites.
var selectors = []string{"HIGH", "MEDIUM", "LOW", "ALL", "DEFAULT", "COMPLEMENTOFALL", "COMPLEMENTOFDEFAULT", "ECDHE", "ECDSA", "AESGCM", "CHACHA20", "TLSV1.2"}

// chooseSuites puts the option ciphers into the configuration and says what is
// odd about it.
func (l *loaded) chooseSuites(list []string) error {
	all, err := parseSuites(list)
	if err != nil {
		return fmt.Errorf("ciphers: %w", err)
	}
	if len(all) == 0 {
		return nil // Go chooses
	}
	lowest, highest := l.config.MinVersion, l.config.MaxVersion
	l.config.CipherSuites = []uint16{}
	for _, s := range all {
		if !s.tls13() {
			l.config.CipherSuites = append(l.config.CipherSuites, s.ID)
		}
	}
	for v := lowest; v <= min(highest, tls.VersionTLS12); v++ {
		if err := l.suitesFor(all, v); err != nil {
			return err
		}
	}
	l.warnings = append(l.warnings, oddSuites(all, lowest, highest)...)
	return nil
}

// ClientSuites reads the option ciphers of a client that offers a range of
// versions, as of a server: the suites of TLS 1.2 and older, of which each of
// these versions has one. None are returned for an empty list: Go chooses.
func ClientSuites(list []string, lowest, highest uint16) (ids []uint16, warnings []string, err error) {
	all, err := parseSuites(list)
	if err != nil || len(all) == 0 {
		return nil, nil, err
	}
	ids = []uint16{}
	for _, s := range all {
		if !s.tls13() {
			ids = append(ids, s.ID)
		}
	}
	for v := lowest; v <= min(highest, tls.VersionTLS12); v++ {
		if _, err := forVersion(all, v); err != nil {
			return nil, nil, err
		}
	}
	return ids, oddSuites(all, lowest, highest), nil
}

// forVersion returns the suites that a version has.
func forVersion(all []suite, version uint16) ([]suite, error) {
	some := slices.DeleteFunc(slices.Clone(all), func(s suite) bool { return !slices.Contains(s.SupportedVersions, version) })
	if len(some) == 0 {
		return nil, fmt.Errorf("none is for %s, which versions lists; add one or take that version away", tls.VersionName(version))
	}
	return some, nil
}

// suitesFor makes sure that each certificate has a suite in a version.
func (l *loaded) suitesFor(all []suite, version uint16) error {
	offered, err := forVersion(all, version)
	if err != nil {
		return fmt.Errorf("ciphers: %w", err)
	}
	for _, c := range l.served {
		if c.cert == nil {
			continue // awaited
		}
		leaf := c.chain[0]
		if !slices.ContainsFunc(offered, func(s suite) bool { return s.fits(leaf.PublicKey) }) {
			return fmt.Errorf("ciphers: none for %s works with the %s key of certfile %q; add one whose name has %s",
				tls.VersionName(version), leaf.PublicKeyAlgorithm, c.files.Certfile, suiteWord(leaf.PublicKey))
		}
	}
	return nil
}

func suiteWord(key crypto.PublicKey) string {
	if _, ok := key.(*rsa.PublicKey); ok {
		return "ECDHE-RSA"
	}
	return "ECDHE-ECDSA"
}

// oddSuites are the warnings about a list that can be used.
func oddSuites(all []suite, lowest, highest uint16) (warnings []string) {
	warn := func(format string, args ...any) {
		warnings = append(warnings, fmt.Sprintf("ciphers: "+format, args...))
	}
	var new, old, weak []string
	secret := highest == tls.VersionTLS13
	for _, s := range all {
		if s.tls13() {
			new = append(new, s.Name)
		} else {
			old = append(old, s.name)
		}
		if s.Insecure {
			weak = append(weak, s.name)
		}
		secret = secret || s.forwardSecret()
	}
	if highest < tls.VersionTLS13 && len(new) > 0 {
		warn("%s is for TLS 1.3, which versions does not list", strings.Join(new, ", "))
	}
	if lowest == tls.VersionTLS13 && len(old) > 0 {
		warn("%s is for TLS 1.2 and older, which versions does not list", strings.Join(old, ", "))
	}
	if missing := missing13(new); highest == tls.VersionTLS13 && len(new) > 0 && len(missing) > 0 {
		warn("%s is not listed but on all the same: TLS 1.3 always offers all that Go has", strings.Join(missing, ", "))
	}
	if len(weak) > 0 {
		warn("%s is weak (RC4, 3DES, RSA key exchange, or CBC with SHA-256); list it only for devices that cannot do better", strings.Join(weak, ", "))
	}
	if !secret {
		warn("none has forward secrecy, so that a stolen key opens recorded sessions; add a suite with ECDHE")
	}
	return warnings
}

func missing13(listed []string) (missing []string) {
	for _, s := range tls.CipherSuites() {
		if (suite{s, ""}).tls13() && !slices.Contains(listed, s.Name) {
			missing = append(missing, s.Name)
		}
	}
	return missing
}
