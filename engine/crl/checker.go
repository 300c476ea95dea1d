package crl

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wicketmq/wicket/engine/cert"
)

// CheckerOptions are a listener's.
type CheckerOptions struct {
	Path       string // a file with lists, or a directory of such files; or none
	CheckChain bool   // also look up the intermediate authorities (CRL-03)

	// AllowStale admits clients by a list that is past nextUpdate (CRL-09).
	AllowStale bool
	// AllowUnavailable admits clients about whom nothing can be learned: there
	// is no list, or none that covers the certificate (CRL-13). It does not
	// admit by a stale list.
	AllowUnavailable bool
}

// CheckerStats counts what a [Checker] said, by certificates looked up in
// Check.
type CheckerStats struct {
	Good         uint64 // a list covers the certificate and does not name it
	Revoked      uint64
	Stale        uint64 // admitted by a stale list
	FailOpen     uint64 // admitted although nothing could be learned
	Undetermined uint64 // refused
}

// Checker judges the clients of a listener. Lists of local files go first;
// distribution points are asked only when those do not cover a certificate.
type Checker struct {
	cache   *Cache
	options CheckerOptions
	local   *localSource
	close   sync.Once

	good, revoked, stale, failOpen, undetermined atomic.Uint64
}

var _ cert.Revocation = (*Checker)(nil)

// NewChecker returns a checker, or an error if Path cannot be read or is a file
// without lists. Close gives it back.
func (c *Cache) NewChecker(o CheckerOptions) (*Checker, error) {
	k := &Checker{cache: c, options: o}
	if o.Path != "" {
		var err error
		if k.local, err = c.open(o.Path); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// Close lets go of the local files. The checker goes on to answer from what it
// has.
func (k *Checker) Close() {
	k.close.Do(func() {
		if k.local != nil {
			k.cache.release(k.local)
		}
	})
}

// Stats returns the counters.
func (k *Checker) Stats() CheckerStats {
	return CheckerStats{
		Good: k.good.Load(), Revoked: k.revoked.Load(), Stale: k.stale.Load(),
		FailOpen: k.failOpen.Load(), Undetermined: k.undetermined.Load(),
	}
}

// Check implements [cert.Revocation]. It looks up the leaf or, with CheckChain,
// each certificate of the path but its trust anchor; one that is revoked
// decides over another about which nothing is known.
func (k *Checker) Check(ctx context.Context, path []*x509.Certificate) error {
	if len(path) < 2 {
		return k.unknown(errors.New("its certificate is a trust anchor itself, which no list covers"))
	}
	var undetermined error
	for i := range k.subjects(path) {
		err := k.count(k.judge(ctx, path[i], path[i+1]))
		if _, revoked := errors.AsType[*cert.RevokedError](err); revoked {
			return err
		}
		if undetermined == nil {
			undetermined = err
		}
	}
	return undetermined
}

// Known implements [cert.Revocation]. A list that has become stale or does not
// cover the certificate still revokes what it names.
func (k *Checker) Known(path []*x509.Certificate) error {
	if len(path) < 2 {
		return nil
	}
	for i := range k.subjects(path) {
		q, err := k.question(path[i], path[i+1])
		if err != nil {
			continue
		}
		k.atHand(&q)
		if q.revoked != nil {
			return q.revoked
		}
	}
	return nil
}

// subjects is how many certificates of a path are looked up.
func (k *Checker) subjects(path []*x509.Certificate) int {
	if k.options.CheckChain {
		return len(path) - 1
	}
	return 1
}

// verdict is the outcome of a question.
type verdict int

const (
	good verdict = iota
	revoked
	onlyStale
	unknown
)

// judge answers about one certificate.
func (k *Checker) judge(ctx context.Context, c, issuer *x509.Certificate) (verdict, error) {
	q, err := k.question(c, issuer)
	if err != nil {
		return unknown, err
	}
	k.atHand(&q)
	if !q.decided() {
		var cancel context.CancelFunc
		ctx, cancel = k.patience(ctx)
		defer cancel()
	}
	for _, a := range q.addresses {
		if q.decided() {
			break
		}
		l, err := k.cache.get(ctx, a, issuer, q.id, k.manner())
		q.now = time.Now() // the list may have been made while we waited
		if l != nil {
			q.ask(l, a.url, a.someReasons)
		}
		if err != nil {
			q.doubt(err)
		}
	}
	return q.verdict()
}

// manner is how long the listener's clients wait for what would refuse them.
func (k *Checker) manner() manner {
	return manner{takeStale: k.options.AllowStale, takeNothing: k.options.AllowUnavailable}
}

// patience bounds the wait, so that time for the handshake is left: half of it
// to one who will be admitted in any case, a quarter to one who is to hear that
// he is refused. Otherwise a server that says nothing would look like a client
// that does.
func (k *Checker) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	left := time.Until(end)
	if k.options.AllowUnavailable {
		return context.WithTimeout(ctx, left/2)
	}
	return context.WithTimeout(ctx, left*3/4)
}

func (k *Checker) question(c, issuer *x509.Certificate) (question, error) {
	ps, err := points(c)
	if err != nil {
		return question{}, err
	}
	return question{cert: c, issuer: issuer, id: idOf(issuer), points: ps, addresses: addresses(ps), now: time.Now()}, nil
}

// atHand asks the lists of local files and those in the cache.
func (k *Checker) atHand(q *question) {
	for _, l := range k.local.of(q.issuer) {
		if err := l.check(q.issuer, q.id); err != nil {
			q.doubt(fmt.Errorf("revocation list %q cannot be used: %w", l.path, err))
			continue
		}
		q.ask(l.list, l.path, false)
	}
	for _, a := range q.addresses {
		if l := k.cache.peek(a.url, q.id); l != nil {
			q.ask(l, a.url, a.someReasons)
		}
	}
}

// count counts a verdict and applies the listener's policy to it.
func (k *Checker) count(v verdict, err error) error {
	switch {
	case v == good:
		k.good.Add(1)
		return nil
	case v == revoked:
		k.revoked.Add(1)
		return err
	case v == onlyStale && k.options.AllowStale:
		k.stale.Add(1)
		return nil
	case v == onlyStale:
		k.undetermined.Add(1)
		return &cert.UndeterminedError{Err: err}
	}
	return k.unknown(err)
}

func (k *Checker) unknown(err error) error {
	if k.options.AllowUnavailable {
		k.failOpen.Add(1)
		return nil
	}
	k.undetermined.Add(1)
	return &cert.UndeterminedError{Err: err}
}
