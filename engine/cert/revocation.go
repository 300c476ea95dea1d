package cert

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// Revocation judges client certificates whose path has been verified. The
// revocation lists and the OCSP client implement it; any number of goroutines
// call it at once.
type Revocation interface {
	// Check judges a path, leaf first and trust anchor last. It may ask the
	// network, until ctx ends. nil admits; a *RevokedError or an
	// *UndeterminedError refuses.
	Check(ctx context.Context, path []*x509.Certificate) error

	// Known judges by what is at hand, without asking anybody: a
	// *RevokedError, or nil. It is for clients that are connected already.
	Known(path []*x509.Certificate) error
}

// RevokedError says that a certificate of the path is revoked.
type RevokedError struct {
	Serial string    // lower-case hexadecimal
	Reason int       // CRLReason (RFC 5280 section 5.3.1)
	At     time.Time // of the revocation
	Source string    // the list or responder that says so: a URL or a path
}

func (e *RevokedError) Error() string {
	return fmt.Sprintf("tls: certificate %s was revoked at %s (%s), says %s",
		e.Serial, e.At.UTC().Format(time.RFC3339), revocationReason(e.Reason), e.Source)
}

// HandshakeReason makes [Classify] know it.
func (*RevokedError) HandshakeReason() Reason { return ReasonRevoked }

// UndeterminedError says that nobody could tell whether a certificate is
// revoked, and that such clients are refused.
type UndeterminedError struct{ Err error }

func (e *UndeterminedError) Error() string {
	return "tls: revocation of the client's certificate cannot be determined: " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *UndeterminedError) Unwrap() error { return e.Err }

// HandshakeReason makes [Classify] know it.
func (*UndeterminedError) HandshakeReason() Reason { return ReasonUndetermined }

// revocationReasons are the words of RFC 5280 section 5.3.1 by their codes.
var revocationReasons = map[int]string{
	0: "unspecified", 1: "keyCompromise", 2: "cACompromise", 3: "affiliationChanged", 4: "superseded",
	5: "cessationOfOperation", 6: "certificateHold", 8: "removeFromCRL", 9: "privilegeWithdrawn", 10: "aACompromise",
}

func revocationReason(code int) string {
	if word := revocationReasons[code]; word != "" {
		return word
	}
	return fmt.Sprintf("reason %d", code)
}

// Revocations asks several in turn. The first that says revoked decides;
// otherwise one that knows the certificate is enough.
type Revocations []Revocation

// Check implements [Revocation].
func (r Revocations) Check(ctx context.Context, path []*x509.Certificate) error {
	var unknown error
	known := false
	for _, one := range r {
		err := one.Check(ctx, path)
		if _, revoked := errors.AsType[*RevokedError](err); revoked {
			return err
		}
		known = known || err == nil
		unknown = errors.Join(unknown, err)
	}
	if known {
		return nil
	}
	return unknown
}

// Known implements [Revocation].
func (r Revocations) Known(path []*x509.Certificate) error {
	for _, one := range r {
		if err := one.Known(path); err != nil {
			return err
		}
	}
	return nil
}

// waiter is what a handshake goroutine computes under: see [WithWaiter].
type waiter struct{}

// WithWaiter makes [Wait] use a function that runs another with the caller's
// share of the processors given back. Package tlsio calls it for the context
// of a handshake.
func WithWaiter(ctx context.Context, wait func(func())) context.Context {
	return context.WithValue(ctx, waiter{}, wait)
}

// Wait runs f, which may block, in a handshake whose context ctx is, so that
// no other handshake waits behind it.
func Wait(ctx context.Context, f func()) {
	if wait, ok := ctx.Value(waiter{}).(func(func())); ok {
		wait(f)
		return
	}
	f()
}

// withoutWaiter is ctx for what runs inside [Wait], which must not give back
// the same share again.
func withoutWaiter(ctx context.Context) context.Context {
	return context.WithValue(ctx, waiter{}, nil)
}
