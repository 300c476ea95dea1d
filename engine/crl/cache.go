package crl

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wicketmq/wicket/engine/cert"
	"github.com/wicketmq/wicket/engine/fetch"
)

// The values of [Options] that are zero, and the least RefreshInterval.
const (
	DefaultCapacity        = 100
	DefaultRefreshInterval = 15 * time.Minute
	DefaultHTTPTimeout     = 15 * time.Second
	DefaultMaxSize         = 64 << 20
	DefaultPollInterval    = 10 * time.Second
	MinRefreshInterval     = time.Minute
)

// Options are those of a [Cache]; the zero value is useful.
type Options struct {
	Capacity        int           // most lists from URLs; DefaultCapacity
	RefreshInterval time.Duration // between two fetches of a list; DefaultRefreshInterval
	HTTPTimeout     time.Duration // of a fetch; DefaultHTTPTimeout
	MaxSize         int64         // most bytes of a list that is read; DefaultMaxSize
	AllowedHosts    []string      // see fetch.Options
	UserAgent       string        // see fetch.Options
	PollInterval    time.Duration // between two looks at local files; DefaultPollInterval

	// OnChange is called after a list revokes what it did not revoke before:
	// the time to ask [Checker.Known] about those who are connected. A list of
	// its first fetch counts too. It must not call Cache.Close.
	OnChange func()

	// OnState is called when the Health of a list has changed, once for each
	// change and for one list at a time. The package logs nothing itself.
	// It must not call methods of the Cache other than State.
	OnState func(State)
}

func (o *Options) setDefaults() {
	o.Capacity = cmp.Or(o.Capacity, DefaultCapacity)
	o.RefreshInterval = max(cmp.Or(o.RefreshInterval, DefaultRefreshInterval), MinRefreshInterval)
	o.HTTPTimeout = cmp.Or(o.HTTPTimeout, DefaultHTTPTimeout)
	o.MaxSize = cmp.Or(o.MaxSize, DefaultMaxSize)
	o.PollInterval = cmp.Or(o.PollInterval, DefaultPollInterval)
	if o.OnChange == nil {
		o.OnChange = func() {}
	}
	if o.OnState == nil {
		o.OnState = func(State) {}
	}
}

// fetcher is the part of fetch.Client that is used.
type fetcher interface {
	GetIf(ctx context.Context, url, etag, lastModified string) (fetch.Response, error)
}

// Cache holds the lists of all listeners.
type Cache struct {
	options Options
	fetcher fetcher
	gate    *gate
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	work    sync.WaitGroup

	telling sync.Mutex // one OnState at a time, in order

	mu      sync.Mutex
	closed  bool
	entries map[key]*entry
	order   uint64 // of the last insertion
	flights int
	told    []*entry // whose health may have changed: see tell
	locals  map[string]*localSource
	polling bool

	fetches, evictions atomic.Uint64
}

// Stats counts what a [Cache] did.
type Stats struct {
	Fetches   uint64 // begun
	Evictions uint64 // of lists, for lack of capacity
}

// key names a list: who answers at a URL depends on whose list is asked for,
// so that one authority cannot spoil another's.
type key struct {
	url    string
	issuer issuerID
}

// NewCache returns an empty cache.
func NewCache(o Options) *Cache {
	o.setDefaults()
	c := &Cache{
		options: o,
		gate:    newGate(),
		entries: make(map[key]*entry),
		locals:  make(map[string]*localSource),
		fetcher: fetch.New(fetch.Options{
			Timeout: o.HTTPTimeout, MaxBody: o.MaxSize, AllowedHosts: o.AllowedHosts,
			UserAgent: o.UserAgent, UnverifiedTLS: true, // lists are signed
		}),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// Close ends fetches and timers and waits for them. A closed cache answers
// from what it has and fetches nothing.
func (c *Cache) Close() {
	c.mu.Lock()
	c.closed = true
	for _, e := range c.entries {
		e.stop()
	}
	c.mu.Unlock()
	c.cancel()
	c.work.Wait()
}

// Stats returns the counters.
func (c *Cache) Stats() Stats {
	return Stats{Fetches: c.fetches.Load(), Evictions: c.evictions.Load()}
}

// Clear forgets what was fetched, also that fetches failed. Lists are fetched
// again when certificates name them; those of files stay.
func (c *Cache) Clear() {
	c.mu.Lock()
	for _, e := range c.entries {
		c.drop(e)
	}
	c.mu.Unlock()
	c.tell()
}

// Refresh fetches all lists and reads all files now, whether or not they look
// changed. It returns what went wrong, after OnState and OnChange have been
// called for the last of them, or when ctx ends.
func (c *Cache) Refresh(ctx context.Context) error {
	var errs []error
	c.mu.Lock()
	var flights []*flight
	for _, e := range c.entries {
		flights = append(flights, c.anew(e))
	}
	locals := c.sources()
	c.mu.Unlock()
	for _, l := range locals {
		errs = append(errs, c.reload(l, true))
	}
	for _, f := range flights {
		select {
		case <-f.told:
			errs = append(errs, f.err)
		case <-ctx.Done():
			return errors.Join(append(errs, ctx.Err())...)
		}
	}
	return errors.Join(errs...)
}

// peek returns the list at hand, or nil.
func (c *Cache) peek(url string, issuer issuerID) *list {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[key{url, issuer}]; e != nil {
		return e.list
	}
	return nil
}

// manner is what a caller of get can do without.
type manner struct {
	takeStale   bool // no fetch is waited for while there is a list, stale or not
	takeNothing bool // no fetch is waited for after one has failed
}

// get returns the list in force, and fetches it if there is none. It may be
// stale if no newer one can be had. The error is why there is none or no newer
// one.
func (c *Cache) get(ctx context.Context, a address, issuer *x509.Certificate, id issuerID, m manner) (*list, error) {
	f, l, err := c.ask(a, issuer, id, m)
	if f == nil {
		return l, err
	}
	cert.Wait(ctx, func() {
		select {
		case <-f.done:
		case <-ctx.Done():
		}
	})
	select {
	case <-f.done:
		return f.list, f.err
	default:
		return nil, fmt.Errorf("revocation list %q did not arrive in time: %w", a.url, ctx.Err())
	}
}

var (
	errClosed  = errors.New("the cache of revocation lists is closed")
	errTooMany = errors.New("too many revocation lists are being fetched")
)

// ask returns a flight to wait for, or what there is to say without.
func (c *Cache) ask(a address, issuer *x509.Certificate, id issuerID, m manner) (*flight, *list, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, now := key{a.url, id}, time.Now()
	e := c.entries[k]
	switch {
	case e != nil && e.list != nil && (m.takeStale || !e.list.stale(now)):
		return nil, e.list, e.lastErr
	case c.closed:
		return nil, nil, errClosed
	case e != nil && e.flight == nil && now.Before(e.retryAt):
		return nil, e.list, e.lastErr
	case (e == nil || e.flight == nil) && c.flights > c.options.Capacity+spareFlights:
		return nil, nil, errTooMany
	case e == nil:
		e = c.insert(k, a.host, issuer)
	}
	f := c.start(e, false)
	if m.takeNothing && e.failures > 0 {
		return nil, e.list, e.lastErr
	}
	return f, nil, nil
}

// spareFlights is how many fetches may wait for a place beyond the capacity:
// those of lists that were evicted before they arrived.
const spareFlights = 1000

// insert makes an entry, and room for it.
func (c *Cache) insert(k key, host string, issuer *x509.Certificate) *entry {
	for len(c.entries) >= c.options.Capacity {
		c.evictions.Add(1)
		c.drop(c.oldest())
		c.work.Go(c.tell) // a handshake is not to wait for OnState
	}
	c.order++
	e := &entry{key: k, host: host, issuer: issuer, order: c.order, health: Loading}
	c.entries[k] = e
	return e
}

// oldest is what was inserted first, among the entries without a list if
// there are any.
func (c *Cache) oldest() *entry {
	var best *entry
	for _, e := range c.entries {
		if best == nil || (e.list == nil) != (best.list == nil) && e.list == nil || (e.list == nil) == (best.list == nil) && e.order < best.order {
			best = e
		}
	}
	return best
}

// drop takes an entry out. Who waits for its fetch gets the answer.
func (c *Cache) drop(e *entry) {
	e.stop()
	e.gone, e.health = true, Gone
	delete(c.entries, e.key)
	c.told = append(c.told, e)
}

// tell calls OnState for the entries whose health has changed. Nobody holds a
// lock who calls it.
func (c *Cache) tell() {
	c.mu.Lock()
	idle := len(c.told) == 0
	c.mu.Unlock()
	if idle {
		return
	}
	c.telling.Lock()
	defer c.telling.Unlock()
	c.mu.Lock()
	var states []State
	now := time.Now()
	for _, e := range c.told {
		if e.saidHealth != e.health && (e.saidHealth != "" || !e.gone) {
			e.saidHealth = e.health
			states = append(states, e.state(now))
		}
	}
	c.told = nil
	c.mu.Unlock()
	for _, s := range states {
		c.options.OnState(s)
	}
}
