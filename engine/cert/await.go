package cert

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// ChallengeProtocol is the application protocol of ACME's challenge tls-alpn-01
// (RFC 8737 section 6.2). A connection with it has shown no certificate and
// is at its end with the handshake: whoever serves TLS closes it.
const ChallengeProtocol = "acme-tls/1"

// challenged is the configuration for an ACME authority that wants to see
// whether this is the server of a name, or nil for everybody else. The
// authority offers this protocol and no other (RFC 8737 section 3).
func (l *loaded) challenged(hello *tls.ClientHelloInfo) *tls.Config {
	if l.challenge == nil || len(hello.SupportedProtos) != 1 || hello.SupportedProtos[0] != ChallengeProtocol {
		return nil
	}
	answer := l.challenge(hello.ServerName)
	if answer == nil {
		return nil
	}
	return &tls.Config{
		Certificates:           []tls.Certificate{*answer},
		NextProtos:             []string{ChallengeProtocol},
		MinVersion:             tls.VersionTLS12,
		SessionTicketsDisabled: true,
		Time:                   l.now,
	}
}

// forAll loads the certificate for all names that have none of their own.
func (o *Options) forAll(now time.Time) (served, []string, error) {
	p, err := o.pair(o.Files, now)
	switch {
	case err == nil:
		return served{files: o.Files, chain: p.chain, cert: o.certificate(p)}, p.warnings, nil
	case !o.Await:
		return served{}, nil, err
	}
	if _, missing := os.Stat(o.Certfile); errors.Is(missing, fs.ErrNotExist) {
		err = errors.New("there is none yet")
	}
	if o.inUse != nil && o.inUse.cert != nil {
		return *o.inUse, []string{fmt.Sprintf("the certificate in use stays until the ACME authority has issued another: %v", err)}, nil
	}
	return served{}, []string{fmt.Sprintf("clients are refused until the ACME authority has issued a certificate: %v", err)}, nil
}

// pickOrRefuse is pick where the certificate for all is awaited.
func (n byName) pickOrRefuse(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c, _ := n.pick(hello); c != nil {
		return c, nil
	}
	return nil, &HandshakeError{Reason: ReasonNoServerCert, Err: errors.New("tls: the certificate has not been issued yet")}
}

// Renew reads the files again by the options in use, for handshakes from now
// on. It must not run beside what [Bundle.Prepare] has prepared.
func (b *Bundle) Renew() error {
	swap, err := b.Prepare(b.current.Load().options)
	if err != nil {
		return err
	}
	swap()
	return nil
}
