package cert

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Options say how a listener ends TLS.
type Options struct {
	Files
	VerifyPeer   bool     // ask clients for a certificate and verify it (verify_peer)
	RequirePeer  bool     // refuse clients without one (fail_if_no_peer_cert)
	PartialChain bool     // any certificate of cacertfile is an anchor, not only roots and what they lead to
	Versions     []string // "tlsv1.3", "tlsv1.2", "tlsv1.1", "tlsv1"; none means the first two
	Tickets      bool     // resume sessions by tickets, with keys that this process makes

	Now func() time.Time // nil means time.Now
}

// Bundle is the material of one listener in use. Connections get the
// configuration of the moment of their ClientHello.
type Bundle struct {
	current atomic.Pointer[loaded]
}

type loaded struct {
	config   *tls.Config
	chain    []*x509.Certificate
	warnings []string
}

// ServerConfig loads the files and returns the configuration for
// tls.Server, which stays the same across reloads, and the bundle behind it.
// Each error is a sentence that names the file and the remedy.
//
// A client's chain is verified by crypto/tls, for its alerts are then exact:
// certificate_required or handshake_failure without a certificate,
// certificate_expired, unknown_ca, bad_certificate. A certificate with extended
// key usages must have clientAuth among them, as for EMQX; one without any,
// and an X.509 v1 certificate, are accepted (TLS-20). What crypto/tls does not
// check runs in VerifyConnection, for full and resumed handshakes alike.
func ServerConfig(o Options) (*tls.Config, *Bundle, error) {
	b := &Bundle{}
	l, err := load(o)
	if err != nil {
		return nil, nil, err
	}
	b.current.Store(l)
	outer := l.config.Clone()
	outer.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return b.current.Load().config, nil
	}
	return outer, b, nil
}

// Prepare loads the files that the options name. When they are in order it
// returns a function that makes handshakes from then on use them; otherwise
// the error says why, and what is in use stays. A reload of several listeners
// prepares all before it swaps any.
func (b *Bundle) Prepare(o Options) (swap func(), err error) {
	l, err := load(o)
	if err != nil {
		return nil, err
	}
	return func() { b.current.Store(l) }, nil
}

// Chain is the server's chain in use, leaf first.
func (b *Bundle) Chain() []*x509.Certificate { return b.current.Load().chain }

// NotAfter is the earliest expiry of the chain in use.
func (b *Bundle) NotAfter() time.Time {
	return slices.MinFunc(b.Chain(), func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) }).NotAfter
}

// Warnings are sentences about what was accepted but deserves a look.
func (b *Bundle) Warnings() []string { return b.current.Load().warnings }

func load(o Options) (*loaded, error) {
	now := time.Now
	if o.Now != nil {
		now = o.Now
	}
	if o.RequirePeer && !o.VerifyPeer {
		return nil, errors.New("fail_if_no_peer_cert = true needs verify = verify_peer: nobody is asked for a certificate without it")
	}
	lowest, highest, err := Versions(o.Versions)
	if err != nil {
		return nil, err
	}
	p, err := loadPair(o.Files, now())
	if err != nil {
		return nil, err
	}
	l := &loaded{chain: p.chain, warnings: p.warnings}
	l.config = &tls.Config{
		Certificates:                []tls.Certificate{p.certificate()},
		MinVersion:                  lowest,
		MaxVersion:                  highest,
		SessionTicketsDisabled:      !o.Tickets,
		DynamicRecordSizingDisabled: true, // a turn's packets in one record
		VerifyConnection:            verifyConnection,
		Time:                        now,
	}
	if lowest < tls.VersionTLS12 {
		l.warnings = append(l.warnings, "versions: TLS 1.0 and 1.1 are deprecated (RFC 8996); offer them only to clients that cannot do better")
	}
	if !o.VerifyPeer {
		return l, nil
	}
	if o.CACertfile == "" {
		return nil, errors.New("verify = verify_peer needs cacertfile: without it no client certificate could be accepted")
	}
	pool, warnings, err := loadTrust(o.CACertfile, o.PartialChain, now())
	if err != nil {
		return nil, err
	}
	l.warnings = append(l.warnings, warnings...)
	l.config.ClientCAs = pool
	l.config.ClientAuth = tls.VerifyClientCertIfGiven
	if o.RequirePeer {
		l.config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return l, nil
}

func (p *pair) certificate() tls.Certificate {
	c := tls.Certificate{PrivateKey: p.key, Leaf: p.chain[0]}
	for _, x := range p.chain {
		c.Certificate = append(c.Certificate, x.Raw)
	}
	return c
}

// verifyConnection refuses names with control characters before anything else
// sees them (MAP-08).
func verifyConnection(s tls.ConnectionState) error {
	if hasControl(s.ServerName) {
		return &HandshakeError{Reason: ReasonBadName, Err: errors.New("tls: control characters in the server name asked for")}
	}
	if len(s.PeerCertificates) == 0 {
		return nil
	}
	leaf := s.PeerCertificates[0]
	where, found := controlIn(leaf.RawSubject)
	if !found {
		where, found = "subject alternative name", slices.ContainsFunc(slices.Concat(leaf.DNSNames, leaf.EmailAddresses), hasControl)
	}
	if found {
		e := &HandshakeError{Reason: ReasonBadName, Err: fmt.Errorf("tls: control characters in %s of the client's certificate", where)}
		e.identify(leaf)
		return e
	}
	return nil
}

// versionNumbers are the names of the option versions.
var versionNumbers = map[string]uint16{
	"tlsv1":   tls.VersionTLS10,
	"tlsv1.1": tls.VersionTLS11,
	"tlsv1.2": tls.VersionTLS12,
	"tlsv1.3": tls.VersionTLS13,
}

// Versions returns the range that a list of version names stands for; an empty
// list stands for TLS 1.2 and 1.3. A gap is an error, for a client that takes
// the lower version would see an attack on the negotiation in it (RFC 8446
// section 4.1.3).
func Versions(names []string) (lowest, highest uint16, err error) {
	if len(names) == 0 {
		return tls.VersionTLS12, tls.VersionTLS13, nil
	}
	var listed []uint16
	for _, name := range names {
		v := versionNumbers[name]
		if v == 0 {
			return 0, 0, fmt.Errorf("versions: %q is not known; the names are tlsv1.3, tlsv1.2, tlsv1.1, tlsv1", name)
		}
		listed = append(listed, v)
	}
	lowest, highest = slices.Min(listed), slices.Max(listed)
	for v := lowest; v <= highest; v++ {
		if !slices.Contains(listed, v) {
			return 0, 0, fmt.Errorf("versions: %s has a gap at %s; list that too, or only the versions above it",
				strings.Join(names, ", "), tls.VersionName(v))
		}
	}
	return lowest, highest, nil
}
