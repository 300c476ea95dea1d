package crl

import (
	"crypto/x509"
	"fmt"
	"time"

	"github.com/wicketmq/wicket/engine/cert"
	"github.com/wicketmq/wicket/engine/fetch"
)

// The waits after failed fetches: the first, doubled each time up to the last
// (CRL-06). They also bound how often handshakes make the cache ask for a list
// that cannot be had.
const (
	firstRetry = 5 * time.Second
	lastRetry  = time.Minute
)

// entry is a list from a URL, or the attempt to get it. Its fields belong to
// Cache.mu, but for those that never change.
type entry struct {
	key    key
	host   string
	issuer *x509.Certificate
	order  uint64 // of insertion

	list     *list // changed by the flight alone
	etag     string
	modified string
	fetched  time.Time // last success

	flight   *flight
	again    *flight // that begins when the one under way has ended
	failures int
	lastErr  error     // of the last fetch
	retryAt  time.Time // not to be fetched before, after a failure
	next     time.Time // fetch that the timer will begin, of entries with a list
	timer    *time.Timer

	health, saidHealth Health
	gone               bool
}

// flight is a fetch that any number wait for. list and err are set before done
// is closed; told is closed when OnState and OnChange have run, too.
type flight struct {
	done, told chan struct{}

	list *list // in force after it
	err  error
}

func (e *entry) stop() {
	if e.timer != nil {
		e.timer.Stop()
	}
}

func (e *entry) state(now time.Time) State {
	s := State{
		Source: e.key.url, Issuer: cert.Subject(e.issuer.RawSubject), Health: e.health,
		FetchedAt: e.fetched, NextFetch: e.next, ID: string(e.key.issuer[:]),
	}
	if e.lastErr != nil {
		s.LastError = e.lastErr.Error()
	}
	if e.list != nil {
		s.describe(e.list)
		if !e.gone {
			s.Health = healthOf(e.list, e.failures > 0, false, now)
		}
	}
	return s
}

// start begins a fetch, or joins the one under way. In full, it is not for the
// server to say that nothing has changed; no more is it if the list is stale.
func (c *Cache) start(e *entry, full bool) *flight {
	if e.flight != nil {
		return e.flight
	}
	f := newFlight()
	c.launch(e, f, full)
	return f
}

func newFlight() *flight { return &flight{done: make(chan struct{}), told: make(chan struct{})} }

// anew begins a fetch in full; the one under way, whose answer may be older than
// the wish for a new one, is waited for.
func (c *Cache) anew(e *entry) *flight {
	if e.flight == nil {
		return c.start(e, true)
	}
	if e.again == nil {
		e.again = newFlight()
	}
	return e.again
}

func (c *Cache) launch(e *entry, f *flight, full bool) {
	if c.closed {
		f.list, f.err = e.list, errClosed
		close(f.done)
		close(f.told)
		return
	}
	e.flight = f
	c.flights++
	had := fetch.Response{}
	if !full && e.list != nil && !e.list.stale(time.Now()) {
		had.ETag, had.LastModified = e.etag, e.modified
	}
	c.work.Go(func() {
		r, l, err := c.fetch(e, had)
		c.land(e, r, l, err)
	})
}

// fetch asks the server. It returns a verified list, or none if the old one is
// still right.
func (c *Cache) fetch(e *entry, had fetch.Response) (r fetch.Response, l *list, err error) {
	defer func() { // what follows reads foreign bytes
		if p := recover(); p != nil {
			l, err = nil, fmt.Errorf("revocation list %q of %q makes the parser fail: %v", e.key.url, cert.Subject(e.issuer.RawSubject), p)
		}
	}()
	r, err = c.download(e, had)
	if err != nil || r.NotModified {
		return r, nil, err
	}
	l, err = load(r.Body, e.issuer, time.Now())
	r.Body = nil
	if err != nil {
		return r, nil, fmt.Errorf("revocation list %q cannot be used: %w", e.key.url, err)
	}
	return r, l, nil
}

func (c *Cache) download(e *entry, had fetch.Response) (fetch.Response, error) {
	if err := c.gate.enter(c.ctx, e.host); err != nil {
		return fetch.Response{}, errClosed
	}
	defer c.gate.leave(e.host)
	c.fetches.Add(1)
	return c.fetcher.GetIf(c.ctx, e.key.url, had.ETag, had.LastModified)
}

// land takes the outcome of a fetch.
func (c *Cache) land(e *entry, r fetch.Response, fresh *list, err error) {
	old := e.list
	if fresh != nil && old != nil && fresh.thisUpdate.Before(old.thisUpdate) {
		err = fmt.Errorf("revocation list %q cannot be used: its thisUpdate %s is before that of the list in force, %s",
			e.key.url, stamp(fresh.thisUpdate), stamp(old.thisUpdate))
		fresh = nil
	}
	changed := fresh != nil && fresh.adds(old)

	c.mu.Lock()
	now := time.Now()
	if fresh != nil {
		e.list, e.etag, e.modified = fresh, r.ETag, r.LastModified
	}
	if err == nil && e.list.stale(now) {
		err = fmt.Errorf("revocation list %q is out of date since %s, as its server has it", e.key.url, stamp(e.list.nextUpdate))
	}
	e.settle(err, now, c.options.RefreshInterval)
	f := e.flight
	e.flight = nil
	c.flights--
	f.list, f.err = e.list, err
	if again := e.again; again != nil {
		e.again = nil
		c.launch(e, again, true)
	}
	c.watch(e, now)
	c.mu.Unlock()

	close(f.done)
	defer close(f.told)
	c.tell()
	if changed {
		c.options.OnChange()
	}
}

// settle notes an outcome and when to ask again.
func (e *entry) settle(err error, now time.Time, interval time.Duration) {
	e.lastErr = err
	if err == nil {
		e.failures, e.fetched, e.retryAt = 0, now, time.Time{}
		e.next = e.list.refreshAt(now, interval)
		return
	}
	e.retryAt = now.Add(min(firstRetry<<min(e.failures, 10), lastRetry))
	e.failures++
	e.next = time.Time{}
	if e.list != nil {
		e.next = e.retryAt
	}
}

// refreshAt is when to ask for a newer list: after the interval or, when the
// list is out of date before then, again and again at half of the time that is
// left, because the newer one may be published at any moment of it.
func (l *list) refreshAt(now time.Time, interval time.Duration) time.Time {
	if left := l.nextUpdate.Sub(now); !l.nextUpdate.IsZero() && left < interval {
		return now.Add(max(left/2, firstRetry))
	}
	return now.Add(interval)
}

// watch updates the health of an entry and sets its timer to what comes next:
// a fetch, the alarm before nextUpdate, nextUpdate itself.
func (c *Cache) watch(e *entry, now time.Time) {
	if e.gone || c.closed {
		return
	}
	if e.list == nil {
		e.health = Missing
		c.told = append(c.told, e)
		return
	}
	if health := healthOf(e.list, e.failures > 0, false, now); health != e.health {
		e.health = health
		c.told = append(c.told, e)
	}
	var at time.Time
	for _, t := range []time.Time{e.next, e.list.alarmAt(), e.list.nextUpdate.Add(1)} {
		if t.After(now) && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	e.stop()
	if !at.IsZero() {
		e.timer = time.AfterFunc(at.Sub(now), func() { c.wake(e) })
	}
}

// wake runs on a timer's goroutine.
func (c *Cache) wake(e *entry) {
	c.mu.Lock()
	if now := time.Now(); !e.gone && !c.closed {
		if e.flight == nil && !now.Before(e.next) {
			c.start(e, false)
		}
		c.watch(e, now)
	}
	c.mu.Unlock()
	c.tell()
}
