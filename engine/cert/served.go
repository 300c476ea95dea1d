package cert

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// SNI is a further certificate of a listener, for clients that ask for a
// server name (RFC 6066 section 3).
type SNI struct {
	Name     string // broker.example.com, or *.example.com for each name one level below
	Certfile string
	Keyfile  string
	Password string
}

// served is one certificate of a listener in use.
type served struct {
	name  string // the SNI pattern in lower case; empty for all others
	files Files
	chain []*x509.Certificate
	cert  *tls.Certificate // never changed: a new staple makes a new one; nil while it is awaited
}

// Leaf is a certificate that a listener serves.
type Leaf struct {
	Cert   *x509.Certificate
	Issuer *x509.Certificate // the next certificate of the file; nil when there is none
	Name   string            // the server name it is for; empty for all others

	Chain    []*x509.Certificate // what is sent, this one first
	Certfile string
}

// loadServed reads every certificate of a listener: the one for all, then those
// by server name.
func loadServed(o Options, now time.Time) ([]served, []string, error) {
	all, warnings, err := o.forAll(now)
	if err != nil {
		return nil, nil, err
	}
	out := []served{all}
	for _, s := range o.SNI {
		name, err := serverName(s.Name)
		if err != nil {
			return nil, nil, fmt.Errorf("sni: %w", err)
		}
		if slices.ContainsFunc(out, func(o served) bool { return o.name == name }) {
			return nil, nil, fmt.Errorf("sni %q has two certificates; keep one", s.Name)
		}
		f := Files{Certfile: s.Certfile, Keyfile: s.Keyfile, Password: s.Password}
		p, err := o.pair(f, now)
		if err != nil {
			return nil, nil, fmt.Errorf("sni %q: %w", s.Name, err)
		}
		if p.chain[0].VerifyHostname(strings.Replace(name, "*", "any", 1)) != nil {
			warnings = append(warnings, fmt.Sprintf("sni %q: certfile %q does not cover that name, so that clients will refuse it", s.Name, s.Certfile))
		}
		out, warnings = append(out, served{name, f, p.chain, o.certificate(p)}), append(warnings, p.warnings...)
	}
	return out, warnings, nil
}

// pair is loadPair, but for a certificate that has expired while it was served:
// a reload is most often about something else, and must not fail for it.
func (o *Options) pair(f Files, now time.Time) (*pair, error) {
	p, err := readPair(f)
	if err != nil {
		return nil, err
	}
	switch err := p.checkTime(f, now); {
	case err == nil:
	case o.serving != nil && o.serving(p.chain):
		p.warnings = append(p.warnings, err.Error())
	default:
		return nil, err
	}
	return p, nil
}

// CheckServerName says what is wrong with the option sni.
func CheckServerName(pattern string) error {
	_, err := serverName(pattern)
	return err
}

// serverName checks a pattern and returns it in lower case.
func serverName(pattern string) (string, error) {
	name := strings.ToLower(pattern)
	labels := strings.Split(strings.TrimPrefix(name, "*."), ".")
	_, err := netip.ParseAddr(name)
	if err == nil || slices.ContainsFunc(labels, func(l string) bool { return !isLabel(l) }) {
		return "", fmt.Errorf("%q is no host name: write broker.example.com or *.example.com, names beyond ASCII in their xn-- form; clients send no addresses (RFC 6066 section 3)", pattern)
	}
	return name, nil
}

func isLabel(s string) bool {
	bad := strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	})
	return len(s) >= 1 && len(s) <= 63 && !bad
}

// byName finds certificates by server name; those for *.example.com are under
// ".example.com".
type byName map[string]*tls.Certificate

func index(all []served) byName {
	names := make(byName, len(all))
	for _, s := range all[1:] {
		names[strings.TrimPrefix(s.name, "*")] = s.cert
	}
	return names
}

// pick is a GetCertificate; nil makes crypto/tls use the certificate for all.
// An exact name goes before a wildcard, which stands for one label.
func (n byName) pick(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.ToLower(hello.ServerName)
	if c := n[name]; c != nil {
		return c, nil
	}
	if dot := strings.IndexByte(name, '.'); dot > 0 {
		return n[name[dot:]], nil
	}
	return nil, nil
}

// serve returns l with its certificates stapled, in a configuration of its own.
func (l *loaded) serve(staples map[string][]byte) *loaded {
	next := *l
	next.served = slices.Clone(l.served)
	next.config = l.config.Clone()
	for i := range next.served {
		s := &next.served[i]
		if s.cert == nil {
			continue // awaited
		}
		c := *s.cert
		c.OCSPStaple = staples[string(s.chain[0].Raw)]
		s.cert = &c
	}
	switch names := index(next.served); {
	case next.served[0].cert == nil:
		next.config.GetCertificate = names.pickOrRefuse
		return &next
	case len(names) > 0:
		next.config.GetCertificate = names.pick
	}
	next.config.Certificates = []tls.Certificate{*next.served[0].cert}
	return &next
}

// publish makes handshakes from now on use l. Staples of certificates that it
// does not serve are dropped.
func (b *Bundle) publish(l *loaded) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for raw := range b.staples {
		if !l.serves([]byte(raw)) {
			delete(b.staples, raw)
		}
	}
	l.config.VerifyConnection = b.verify
	b.current.Store(l.serve(b.staples))
}

func (l *loaded) serves(leaf []byte) bool {
	return slices.ContainsFunc(l.served, func(s served) bool { return s.cert != nil && bytes.Equal(s.chain[0].Raw, leaf) })
}

// sends reports whether a chain is one of those served.
func (l *loaded) sends(chain []*x509.Certificate) bool {
	return slices.ContainsFunc(l.served, func(s served) bool { return slices.EqualFunc(s.chain, chain, (*x509.Certificate).Equal) })
}

// Leaves are the certificates served now: the one for all first, then those by
// server name.
func (b *Bundle) Leaves() []Leaf {
	var out []Leaf
	for _, s := range b.current.Load().served {
		if s.cert == nil {
			continue // awaited
		}
		leaf := Leaf{Cert: s.chain[0], Name: s.name, Chain: s.chain, Certfile: s.files.Certfile}
		if len(s.chain) > 1 {
			leaf.Issuer = s.chain[1]
		}
		out = append(out, leaf)
	}
	return out
}

// Staple makes handshakes from now on send an OCSP response with a leaf; nil
// takes it away. It reports whether the leaf is served: when it was replaced
// meanwhile, nothing happens. A staple stays when certificates are swapped and
// its leaf does not change.
func (b *Bundle) Staple(leaf *x509.Certificate, der []byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.current.Load()
	if !l.serves(leaf.Raw) {
		return false
	}
	if b.staples == nil {
		b.staples = make(map[string][]byte)
	}
	b.staples[string(leaf.Raw)] = bytes.Clone(der)
	b.current.Store(l.serve(b.staples))
	return true
}
