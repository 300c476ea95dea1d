package upstream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Set holds the upstreams of a broker by name. Its methods are for any number
// of goroutines, except Prepare and Close and those of its Changes, which are
// called by one. A nil Set
// holds none.
type Set struct {
	onState func(State)
	dial    dialer // of tests
	now     atomic.Pointer[map[string]*Upstream]
	running sync.WaitGroup
	retired []*Upstream // no longer configured
}

// NewSet makes an empty set. onState is called, on any goroutine, when the
// Health of an upstream has changed; it may be nil.
func NewSet(onState func(State)) *Set { return &Set{onState: onState} }

func (s *Set) all() map[string]*Upstream {
	if s == nil {
		return nil
	}
	if m := s.now.Load(); m != nil {
		return *m
	}
	return nil
}

// Lookup returns the upstream of that name, or nil.
func (s *Set) Lookup(name string) *Upstream { return s.all()[name] }

// State returns a snapshot of each upstream, by name.
func (s *Set) State() []State {
	m := s.all()
	out := make([]State, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[name].State())
	}
	return out
}

// Change is a set of upstreams that has been checked and is not there yet.
type Change struct {
	set   *Set
	fresh map[string]*settings
	added []string
}

// Prepare checks the upstreams that there shall be; the error names each that
// cannot be used.
func (s *Set) Prepare(wanted map[string]Options) (*Change, error) {
	c, errs := &Change{set: s, fresh: make(map[string]*settings, len(wanted))}, []error(nil)
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		one, err := newSettings(wanted[name], s.dial)
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot use upstream %q: %w", name, err))
			continue
		}
		c.fresh[name] = one
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return c, nil
}

// Add makes the upstreams that are new, so that plugins which are loaded for
// the same change can ask them already. Those that are there stay as they are.
func (c *Change) Add() {
	after := maps.Clone(c.set.all())
	if after == nil {
		after = make(map[string]*Upstream)
	}
	for name, one := range c.fresh {
		if after[name] == nil {
			after[name] = c.set.start(name, one)
			c.added = append(c.added, name)
		}
	}
	c.set.now.Store(&after)
}

// Undo takes back what Add did.
func (c *Change) Undo() {
	after := maps.Clone(c.set.all())
	for _, name := range c.added {
		c.set.remove(after, name)
	}
	c.set.now.Store(&after)
}

// Apply makes all upstreams as they were prepared. One of which nothing changes
// keeps its connections; of one that changes, what is on the wire goes on as
// it is, and what waits is sent as configured from then on. One that is gone
// finishes what it has, and takes nothing more. No server is waited for.
func (c *Change) Apply() {
	c.Add()
	after := maps.Clone(c.set.all())
	for name, u := range c.set.all() {
		if one := c.fresh[name]; one != nil {
			u.adopt(one)
			continue
		}
		c.set.remove(after, name)
	}
	c.set.now.Store(&after)
}

// remove lets an upstream go.
func (s *Set) remove(from map[string]*Upstream, name string) {
	u := from[name]
	delete(from, name)
	u.retire()
	s.retired = slices.DeleteFunc(s.retired, func(u *Upstream) bool { return u.life.Err() != nil })
	s.retired = append(s.retired, u)
}

// start makes an upstream, which begins to connect.
func (s *Set) start(name string, one *settings) *Upstream {
	u := &Upstream{name: name, set: s, s: one, health: Connecting, said: Connecting, leavers: make(map[*conn]struct{}), watches: make(map[<-chan struct{}]*watch)}
	u.life, u.end = context.WithCancel(context.Background())
	u.dialLife, u.dialEnd = context.WithCancel(u.life)
	u.breaker = breaker{Breaker: one.Breaker, jitter: rand.Float64}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.look = time.AfterFunc(soon(), u.again)
	u.clock = time.AfterFunc(time.Hour, u.expire)
	u.clock.Stop()
	u.dial()
	return u
}

// adopt makes an upstream use other settings from now on.
func (u *Upstream) adopt(s *settings) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.s.same(&s.Options) {
		return
	}
	u.s, u.known, u.doubted, u.typical = s, false, false, 0
	u.breaker = breaker{Breaker: s.Breaker, jitter: rand.Float64}
	for _, c := range slices.Clone(u.conns) {
		u.drop(c)
	}
	u.newDials()
	u.setHealth(Connecting)
	u.look.Reset(soon())
	u.dial()
}

// retire lets an upstream finish what it has.
func (u *Upstream) retire() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.leaving = true
	u.look.Reset(u.s.RequestTimeout + time.Second)
}

// Close ends all upstreams. Requests in flight end with an [*Error], and
// nothing runs any more when it returns.
func (s *Set) Close() {
	if s == nil {
		return
	}
	for _, u := range slices.AppendSeq(s.retired, maps.Values(s.all())) {
		u.mu.Lock()
		u.shut()
		u.clock.Stop()
		rest := u.takeAll()
		u.mu.Unlock()
		u.finishAll(rest, u.fail(Canceled, errClosed))
	}
	s.now.Store(nil)
	s.running.Wait()
}
