package cert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
)

// verify is what a handshake runs behind crypto/tls's own verification, full or
// resumed: the steps that crypto/tls does not know, and on resumption those
// again that may have changed since. revoked is asked about the path taken. A
// refusal here has alert 42 in any case; its reason is in the error.
func (l *loaded) verify(s tls.ConnectionState, revoked func([]*x509.Certificate) error) error {
	if hasControl(s.ServerName) {
		return &HandshakeError{Reason: ReasonBadName, Err: errors.New("tls: control characters in the server name asked for")}
	}
	if l.trust == nil {
		return nil
	}
	if len(s.PeerCertificates) == 0 {
		if l.required { // since this handshake began: crypto/tls has asked otherwise
			return &HandshakeError{Reason: ReasonNoCert, Err: errors.New("tls: client didn't provide a certificate")}
		}
		return nil
	}
	path, err := l.trust.admit(s.VerifiedChains, s.PeerCertificates, l.now())
	if err != nil {
		return err
	}
	if err := revoked(path); err != nil {
		return err
	}
	return checkNames(s.PeerCertificates[0])
}

// ask asks about revocation, for as long as the handshake may take. The
// context that the check gets knows no waiter: the share of the processors is
// given back already.
func (l *loaded) ask(ctx context.Context, path []*x509.Certificate) (err error) {
	if l.revocation == nil {
		return nil
	}
	Wait(ctx, func() { err = l.revocation.Check(withoutWaiter(ctx), path) })
	return revocationError(path[0], err)
}

// known asks what is known without asking anybody.
func (l *loaded) known(path []*x509.Certificate) error {
	if l.revocation == nil {
		return nil
	}
	return revocationError(path[0], l.revocation.Known(path))
}

// revocationError gives an answer its reason and the certificate's identity.
func revocationError(leaf *x509.Certificate, err error) error {
	if err == nil {
		return nil
	}
	e := &HandshakeError{Reason: ReasonUndetermined, Err: err}
	if _, ok := errors.AsType[*RevokedError](err); ok {
		e.Reason = ReasonRevoked
	}
	e.identify(leaf)
	return e
}

// checkNames refuses names with control characters before anything else sees
// them (MAP-08).
func checkNames(leaf *x509.Certificate) error {
	where, found := controlIn(leaf.RawSubject)
	if !found {
		where, found = "subject alternative name", slices.ContainsFunc(slices.Concat(leaf.DNSNames, leaf.EmailAddresses), hasControl)
	}
	if found {
		return refuse(ReasonBadName, leaf, "tls: control characters in %s of the client's certificate", where)
	}
	return nil
}

// refuse is a refusal of a client's certificate.
func refuse(reason Reason, leaf *x509.Certificate, format string, args ...any) error {
	e := &HandshakeError{Reason: reason, Err: fmt.Errorf(format, args...)}
	e.identify(leaf)
	return e
}

// Path returns the path by which a client that has completed its handshake was
// let in, leaf first and trust anchor last: what [Bundle.Judge] wants to see
// again. Its authorities are the same objects for all clients as far as they
// are in cacertfile. It is nil for a client without a certificate, and on a
// listener that asks for none. It verifies no signature, so that a loop may
// call it.
func (b *Bundle) Path(s tls.ConnectionState) []*x509.Certificate {
	l := b.current.Load()
	if l.trust == nil || len(s.PeerCertificates) == 0 {
		return nil
	}
	return l.trust.complete(s.VerifiedChains, l.now())
}

// Judge applies the rules in force now to the path of a connected client:
// time, trust anchors, depth, usages, and what is known of revocation. The
// error is a [*HandshakeError] whose reason tells. It asks nobody and blocks
// for nothing; where the path's own anchor is gone, it verifies up to as many
// signatures as a handshake.
func (b *Bundle) Judge(path []*x509.Certificate) error {
	l := b.current.Load()
	if l.trust == nil || len(path) == 0 {
		return nil
	}
	admitted, err := l.trust.admit([][]*x509.Certificate{path}, path, l.now())
	if err != nil {
		return Explain(err)
	}
	return l.known(admitted)
}
