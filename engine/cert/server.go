package cert

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options say how a listener ends TLS.
type Options struct {
	Files
	SNI []SNI // further certificates, by server name

	VerifyPeer   bool     // ask clients for a certificate and verify it (verify_peer)
	RequirePeer  bool     // refuse clients without one (fail_if_no_peer_cert)
	Depth        int      // most intermediates between a client's certificate and its anchor; 0 is none
	PartialChain int      // anchors are the last so many certificates of cacertfile; 0: its self-signed ones
	ExtKeyUsage  []string // usages that a client's certificate must list (verify_peer_ext_key_usage)

	Versions []string // "tlsv1.3", "tlsv1.2", "tlsv1.1", "tlsv1"; none means the first two
	Ciphers  []string // OpenSSL or IANA names; none means Go's choice
	Curves   []string // groups of the key exchange; none means Go's choice
	ALPN     []string // application protocols (RFC 7301); none ignores what clients ask for
	Tickets  bool     // resume sessions by tickets, with keys that this process makes

	Revocation Revocation // asked about each client certificate; may be nil

	// Await makes certfile one that somebody is about to write: while it cannot be
	// used, what is in use stays, and where there is nothing clients are refused.
	Await     bool
	Challenge func(serverName string) *tls.Certificate // answers of tls-alpn-01 (RFC 8737); may be nil

	// Signer makes the key that handshakes sign with of one that was loaded, for
	// the same public key; nil leaves it as it is.
	Signer func(crypto.Signer) crypto.Signer

	Now func() time.Time // nil means time.Now

	serving func(chain []*x509.Certificate) bool // in a reload: whether a chain is in use already
	inUse   *served                              // in a reload: the certificate for all
}

// Bundle is the material of one listener in use. Connections get the
// configuration of the moment of their ClientHello, and are judged by the rules
// of the moment in which their handshake ends.
type Bundle struct {
	current atomic.Pointer[loaded]
	tickets ticketKeys

	mu      sync.Mutex        // held by who stores current
	staples map[string][]byte // OCSP responses by the leaf's DER
}

// loaded is what a bundle serves; it does not change.
type loaded struct {
	config     *tls.Config
	served     []served // never empty
	trust      *trust   // nil when clients are not asked for certificates
	required   bool
	revocation Revocation
	challenge  func(serverName string) *tls.Certificate
	now        func() time.Time
	warnings   []string
	options    Options // that it was loaded by
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
	l, err := load(o)
	if err != nil {
		return nil, nil, err
	}
	b := &Bundle{}
	b.publish(l)
	outer := b.current.Load().config.Clone()
	outer.SessionTicketsDisabled = false // the configuration for the client decides
	outer.GetConfigForClient = b.configFor
	b.tickets.config, b.tickets.now = outer, l.now
	return outer, b, nil
}

// nameTaker is a connection that wants to hear which server name is asked for as
// soon as that is known. crypto/tls tells only of handshakes that come far
// enough. Package tlsio's is one.
type nameTaker interface{ AskedFor(serverName string) }

// configFor is the outer configuration's GetConfigForClient. Only a listener
// that asks about revocation needs a configuration for each handshake: it
// carries the context to [loaded.ask].
func (b *Bundle) configFor(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	if c, ok := hello.Conn.(nameTaker); ok {
		c.AskedFor(hello.ServerName)
	}
	l := b.current.Load()
	if answer := l.challenged(hello); answer != nil {
		return answer, nil
	}
	if !l.config.SessionTicketsDisabled {
		b.tickets.rotate()
	}
	if l.revocation == nil {
		return l.config, nil
	}
	ctx := hello.Context()
	config := l.config.Clone()
	config.VerifyConnection = func(s tls.ConnectionState) error {
		l := b.current.Load()
		return l.verify(s, func(path []*x509.Certificate) error { return l.ask(ctx, path) })
	}
	return config, nil
}

// verify is VerifyConnection where nobody is asked about revocation; what is
// known counts when a listener begins to ask in the middle of a handshake.
func (b *Bundle) verify(s tls.ConnectionState) error {
	l := b.current.Load()
	return l.verify(s, l.known)
}

// Prepare loads the files that the options name. When they are in order it
// returns a function that makes handshakes from then on use them; otherwise
// the error says why, and what is in use stays. A reload of several listeners
// prepares all before it swaps any. A certificate that has expired in use may
// stay, with a warning (CERT-11); one that is new must not have.
func (b *Bundle) Prepare(o Options) (swap func(), err error) {
	before := b.current.Load()
	o.serving, o.inUse = before.sends, &before.served[0]
	l, err := load(o)
	if err != nil {
		return nil, err
	}
	return func() { b.publish(l) }, nil
}

// Chain is the chain in use for clients that ask for no server name of SNI's,
// leaf first; nil while it is awaited.
func (b *Bundle) Chain() []*x509.Certificate { return b.current.Load().served[0].chain }

// NotAfter is the earliest expiry of all that is served (CERT-10).
func (b *Bundle) NotAfter() time.Time {
	var earliest time.Time
	for _, s := range b.current.Load().served {
		for _, c := range s.chain {
			if earliest.IsZero() || c.NotAfter.Before(earliest) {
				earliest = c.NotAfter
			}
		}
	}
	return earliest
}

// Warnings are sentences about what was accepted but deserves a look.
func (b *Bundle) Warnings() []string { return b.current.Load().warnings }

func load(o Options) (*loaded, error) {
	l := &loaded{now: time.Now, required: o.RequirePeer, revocation: o.Revocation, challenge: o.Challenge, options: o}
	l.options.serving, l.options.inUse = nil, nil // not a chain of all that ever was
	if o.Now != nil {
		l.now = o.Now
	}
	now := l.now()
	if o.RequirePeer && !o.VerifyPeer {
		return nil, errors.New("fail_if_no_peer_cert = true needs verify = verify_peer: nobody is asked for a certificate without it")
	}
	lowest, highest, err := Versions(o.Versions)
	if err != nil {
		return nil, err
	}
	if l.served, l.warnings, err = loadServed(o, now); err != nil {
		return nil, err
	}
	l.config = &tls.Config{
		MinVersion:                  lowest,
		MaxVersion:                  highest,
		SessionTicketsDisabled:      !o.Tickets,
		DynamicRecordSizingDisabled: true, // a turn's packets in one record
		Time:                        l.now,
	}
	if err := errors.Join(l.chooseSuites(o.Ciphers), l.chooseGroups(o.Curves), l.chooseProtocols(o.ALPN)); err != nil {
		return nil, err
	}
	if !o.VerifyPeer {
		return l, nil
	}
	return l, l.askClients(o, now)
}

// askClients makes the configuration ask for certificates (TLS-02 to TLS-04).
func (l *loaded) askClients(o Options, now time.Time) error {
	if o.CACertfile == "" {
		return errors.New("verify = verify_peer needs cacertfile: without it no client certificate could be accepted")
	}
	t, warnings, err := loadTrust(o, now)
	if err != nil {
		return err
	}
	l.trust, l.warnings = t, append(l.warnings, warnings...)
	l.config.ClientCAs = t.pool
	l.config.ClientAuth = tls.VerifyClientCertIfGiven
	if o.RequirePeer {
		l.config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return nil
}

// certificate is what handshakes use of a pair.
func (o *Options) certificate(p *pair) *tls.Certificate {
	c := p.certificate()
	if o.Signer != nil {
		c.PrivateKey = o.Signer(p.key)
	}
	return c
}

func (p *pair) certificate() *tls.Certificate {
	c := &tls.Certificate{PrivateKey: p.key, Leaf: p.chain[0]}
	for _, x := range p.chain {
		c.Certificate = append(c.Certificate, x.Raw)
	}
	return c
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
