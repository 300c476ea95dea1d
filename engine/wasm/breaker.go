package wasm

import (
	"sync"
	"sync/atomic"
	"time"
)

// Figures of the breaker.
const (
	breakerFailures = 5                // failures within breakerWindow open it
	breakerWindow   = time.Minute      //
	breakerFirst    = time.Second      // how long it stays open at first
	breakerLongest  = 30 * time.Second // and at most, doubling each time
	breakerProbe    = time.Second      // half open: one request per breakerProbe
)

// BreakerState says whether a plugin's guest is being asked.
type BreakerState uint32

// The states. An open breaker answers by policy without calling the guest; a
// half-open one lets a request through now and then to see if it works again.
const (
	BreakerClosed BreakerState = iota
	BreakerOpen
	BreakerHalfOpen
)

// String returns "closed", "open" or "half-open".
func (s BreakerState) String() string {
	return [...]string{"closed", "open", "half-open"}[s]
}

// breaker stops asking a guest that keeps failing. allow and success are
// called for every request and take no lock while it is closed.
type breaker struct {
	state atomic.Uint32

	mu    sync.Mutex
	fails [breakerFailures]time.Time // ring of the last failures
	next  int                        // index of the oldest
	until time.Time                  // open: try again then; half open: next probe
	wait  time.Duration              // how long the last opening lasted
}

func (b *breaker) current() BreakerState { return BreakerState(b.state.Load()) }

// allow says whether a request may reach the guest.
func (b *breaker) allow(now time.Time) bool {
	if b.current() == BreakerClosed {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.current() == BreakerClosed {
		return true
	}
	if now.Before(b.until) {
		return false
	}
	b.state.Store(uint32(BreakerHalfOpen))
	b.until = now.Add(breakerProbe)
	return true
}

// success notes a guest call that went well. While the breaker is open that
// is a request from before, which proves nothing.
func (b *breaker) success() {
	if b.current() != BreakerHalfOpen {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.current() == BreakerHalfOpen {
		b.fails = [breakerFailures]time.Time{}
		b.wait = 0
		b.state.Store(uint32(BreakerClosed))
	}
}

// failure notes a fault and reports whether the breaker has just opened.
func (b *breaker) failure(now time.Time) (opened bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	oldest := b.fails[(b.next+1)%breakerFailures]
	b.fails[b.next] = now
	b.next = (b.next + 1) % breakerFailures
	switch b.current() {
	case BreakerOpen:
		return false
	case BreakerClosed:
		if oldest.IsZero() || now.Sub(oldest) > breakerWindow {
			return false
		}
	}
	b.wait = min(max(2*b.wait, breakerFirst), breakerLongest)
	b.until = now.Add(b.wait)
	b.state.Store(uint32(BreakerOpen))
	return true
}
