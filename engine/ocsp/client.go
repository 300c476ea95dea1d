package ocsp

import (
	"container/list"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wicketmq/wicket/engine/cert"
)

// The bounds of a [Client] whose [ClientOptions] name none.
const (
	DefaultTimeout  = 10 * time.Second
	DefaultRefresh  = 15 * time.Minute
	DefaultCapacity = 10_000
	DefaultParallel = 16
)

const (
	// negative is how long a question without an answer is not asked again.
	negative = 5 * time.Second

	// maxFlights bounds the questions that are on their way or wait for their
	// turn.
	maxFlights = 4096
)

// ClientOptions bound what a [Client] does. Fetch alone is required.
type ClientOptions struct {
	Fetch    Fetcher       // bounds the hosts that are asked
	Timeout  time.Duration // of a question to one responder
	Refresh  time.Duration // an answer is asked for again after that, if sooner than its nextUpdate
	Capacity int           // most answers kept; the one used least recently goes first
	Parallel int           // most questions to one responder at a time
}

// Client asks the responders that client certificates name (OCSP-10), and
// keeps the answers for all listeners.
type Client struct {
	o      ClientOptions
	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup

	asked, failed, cached atomic.Uint64

	mu      sync.Mutex
	entries map[identity]*list.Element // of *entry
	order   *list.List                 // used most recently first
	flights map[identity]*flight
	turns   map[string]*turn // by responder
}

// entry is the outcome of a question.
type entry struct {
	key    identity
	answer *Answer   // the last one; nil if there never was one
	err    error     // of the last question, which gave none
	due    time.Time // when it is asked again
}

// usable returns what the entry says at a time: an answer or the reason why
// there is none. What is revoked stays so for want of a newer answer, as by a
// list that is out of date: it must not come in by keeping the responder silent.
func (e *entry) usable(now time.Time) (*Answer, error) {
	if e.answer != nil && (e.answer.Status == Revoked || now.Before(e.answer.until)) {
		return e.answer, nil
	}
	if e.err == nil {
		return nil, errors.New("the answer is out of date")
	}
	return nil, e.err
}

// flight is a question on its way, for all who wait for its answer.
type flight struct {
	done   chan struct{}
	answer *Answer // when done
	err    error
}

// turn makes questions to one responder wait for each other.
type turn struct {
	slots chan struct{}
	users int       // who hold or want a slot
	quiet time.Time // it did not answer; it is left alone until then
}

// NewClient returns a client that has asked nobody yet.
func NewClient(o ClientOptions) *Client {
	orDefault(&o.Timeout, DefaultTimeout)
	orDefault(&o.Refresh, DefaultRefresh)
	orDefault(&o.Capacity, DefaultCapacity)
	orDefault(&o.Parallel, DefaultParallel)
	c := &Client{
		o: o, entries: map[identity]*list.Element{}, order: list.New(),
		flights: map[identity]*flight{}, turns: map[string]*turn{},
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

func orDefault[T ~int | ~int64](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Close ends the questions that are on their way, without answers.
func (c *Client) Close() {
	c.mu.Lock()
	c.cancel()
	c.mu.Unlock()
	c.group.Wait()
}

// Stats counts what a [Client] has done.
type Stats struct {
	Asked   uint64 `json:"asked"`   // questions
	Failed  uint64 `json:"failed"`  // of them without a usable answer
	Cached  uint64 `json:"cached"`  // checks answered without a question
	Entries int    `json:"entries"` // kept now
}

// Stats returns the counters.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	n := c.order.Len()
	c.mu.Unlock()
	return Stats{Asked: c.asked.Load(), Failed: c.failed.Load(), Cached: c.cached.Load(), Entries: n}
}

// Clear forgets all answers.
func (c *Client) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.entries)
	c.order.Init()
}

var errNoPath = errors.New("the certificate is its own issuer, which no responder answers for")

// lookup returns the answer about a certificate, from the cache or the
// responder. An error says why there is none.
func (c *Client) lookup(ctx context.Context, path []*x509.Certificate) (*Answer, error) {
	if len(path) < 2 {
		return nil, errNoPath
	}
	e, f := c.join(path[0], path[1])
	if f == nil {
		c.cached.Add(1)
		return e.usable(time.Now())
	}
	cert.Wait(ctx, func() {
		select {
		case <-f.done:
		case <-ctx.Done():
		}
	})
	select {
	case <-f.done:
		return f.answer, f.err
	default:
	}
	if a, err := e.usable(time.Now()); err == nil {
		return a, nil // it is due but in time, and better than none
	}
	return nil, context.Cause(ctx)
}

// join returns the entry about a leaf, and unless that is fresh the flight that
// fetches it anew, which all who ask the same meanwhile wait for.
func (c *Client) join(leaf, issuer *x509.Certificate) (e entry, f *flight) {
	key, now := identify(leaf, issuer), time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if x := c.entries[key]; x != nil {
		c.order.MoveToFront(x)
		if e = *x.Value.(*entry); now.Before(e.due) {
			return e, nil
		}
	}
	if f = c.flights[key]; f != nil {
		return e, f
	}
	switch {
	case c.ctx.Err() != nil:
		e.err = errors.New("the broker stops")
		return e, nil
	case len(c.flights) >= maxFlights:
		e.err = fmt.Errorf("%d questions wait for answers already", maxFlights)
		return e, nil
	}
	f = &flight{done: make(chan struct{})}
	c.flights[key] = f
	c.group.Go(func() { c.fly(f, key, leaf, issuer) })
	return e, f
}

// fly asks and keeps what comes of it.
func (c *Client) fly(f *flight, key identity, leaf, issuer *x509.Certificate) {
	a, err := c.ask(leaf, issuer)
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	f.answer, f.err = c.keep(key, a, err, now).usable(now)
	delete(c.flights, key)
	close(f.done)
}

// keep stores the outcome of a question; c.mu is held. An answer that is in
// time still stays when there was no new one, or an older one.
func (c *Client) keep(key identity, a *Answer, err error, now time.Time) *entry {
	x := c.entries[key]
	if x == nil {
		x = c.order.PushFront(&entry{key: key})
		c.entries[key] = x
	}
	e := x.Value.(*entry)
	e.err = err
	if err != nil {
		e.due = now.Add(negative)
	} else {
		if e.answer == nil || !a.ThisUpdate.Before(e.answer.ThisUpdate) || e.answer.Status != Revoked && !now.Before(e.answer.until) {
			e.answer = a
		}
		wait := min(c.o.Refresh, e.answer.until.Sub(now))
		if wait <= 0 { // an older answer than the one that says revoked
			wait = negative
		}
		e.due = now.Add(wait)
	}
	for c.order.Len() > c.o.Capacity {
		last := c.order.Back()
		delete(c.entries, c.order.Remove(last).(*entry).key)
	}
	return e
}

// ask puts a question to the responders of its certificate in turn.
func (c *Client) ask(leaf, issuer *x509.Certificate) (*Answer, error) {
	c.asked.Add(1)
	q, err := newQuestion(leaf, issuer)
	var list []string
	if err == nil {
		list, err = responders(leaf)
	}
	for _, responder := range list {
		var a *Answer
		if a, err = c.askOne(q, responder); err == nil {
			a.Raw = nil // nobody is shown it
			return a, nil
		}
	}
	c.failed.Add(1)
	return nil, err
}

func (c *Client) askOne(q *question, responder string) (a *Answer, err error) {
	t, err := c.take(responder)
	if err != nil {
		return nil, err
	}
	defer func() { c.leave(responder, t, err) }()
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	case <-time.After(c.o.Timeout):
		return nil, fmt.Errorf("%q is asked about too many certificates at once", responder)
	case <-c.ctx.Done():
		return nil, context.Cause(c.ctx)
	}
	a, err = q.ask(c.ctx, c.o.Fetch, responder, c.o.Timeout)
	if err == nil && a.Status == Unknown {
		err = fmt.Errorf("%q does not know the certificate", responder)
	}
	return a, err
}

// take returns the turn of a responder, unless it did not answer lately.
func (c *Client) take(responder string) (*turn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.turns[responder]
	if t == nil {
		t = &turn{slots: make(chan struct{}, c.o.Parallel)}
		c.turns[responder] = t
	}
	if time.Now().Before(t.quiet) {
		return nil, fmt.Errorf("%w: %q was slow a moment ago", errTimeout, responder)
	}
	t.users++
	return t, nil
}

// leave gives a turn back and forgets those that nobody needs.
func (c *Client) leave(responder string, t *turn, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if t.users--; errors.Is(err, errTimeout) {
		t.quiet = now.Add(negative)
	} else if err == nil {
		t.quiet = time.Time{}
	}
	for other, t := range c.turns {
		if t.users == 0 && !now.Before(t.quiet) {
			delete(c.turns, other)
		}
	}
}
