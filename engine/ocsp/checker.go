package ocsp

import (
	"context"
	"crypto/x509"
	"sync/atomic"
	"time"

	"github.com/wicketmq/wicket/engine/cert"
)

// Checker is a listener's use of a [Client]. It implements [cert.Revocation].
type Checker struct {
	client  *Client
	allow   bool
	allowed atomic.Uint64
}

var _ cert.Revocation = (*Checker)(nil)

// Checker returns a listener's use of the client. With allow, certificates
// that nobody can tell about are admitted and counted (crl_unavailable).
func (c *Client) Checker(allow bool) *Checker { return &Checker{client: c, allow: allow} }

// Allowed is how many handshakes were admitted although nobody could tell.
func (k *Checker) Allowed() uint64 { return k.allowed.Load() }

// Check implements [cert.Revocation]. Of the path only the leaf is asked
// about.
func (k *Checker) Check(ctx context.Context, path []*x509.Certificate) error {
	wait, cancel := within(ctx)
	defer cancel()
	a, err := k.client.lookup(wait, path)
	switch {
	case err == nil:
		return verdict(a, path)
	case k.allow && ctx.Err() == nil:
		k.allowed.Add(1)
		return nil
	}
	return &cert.UndeterminedError{Err: err}
}

// within leaves a quarter of the handshake's time for what comes after the
// check: otherwise a slow responder would cost those a timeout whom crl_unavailable admits.
func within(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	return context.WithDeadlineCause(ctx, end.Add(-time.Until(end)/4), errTimeout)
}

// Known implements [cert.Revocation].
func (k *Checker) Known(path []*x509.Certificate) error {
	if len(path) < 2 {
		return nil
	}
	key := identify(path[0], path[1])
	k.client.mu.Lock()
	defer k.client.mu.Unlock()
	x := k.client.entries[key]
	if x == nil {
		return nil
	}
	a, err := x.Value.(*entry).usable(time.Now())
	if err != nil {
		return nil
	}
	return verdict(a, path)
}

// verdict is nil for a good certificate.
func verdict(a *Answer, path []*x509.Certificate) error {
	if a.Status == Good {
		return nil
	}
	return &cert.RevokedError{Serial: cert.Serial(path[0]), Reason: a.Reason, At: a.RevokedAt, Source: a.Source}
}
