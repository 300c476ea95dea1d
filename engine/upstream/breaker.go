package upstream

import "time"

// Breaker says when a failing upstream is left alone.
type Breaker struct {
	Failures   int           // failures in a row that open it
	Backoff    time.Duration // until it is tried again, at first; doubled each time
	MaxBackoff time.Duration
}

// Phase is what the breaker lets through.
type Phase uint8

// The phases.
const (
	Closed   Phase = iota // everything
	Opened                // nothing
	HalfOpen              // a window of requests that doubles with each success
)

// String is the phase as logs and metrics call it.
func (p Phase) String() string { return [...]string{"closed", "open", "half-open"}[p] }

// breaker counts failures in a row. It has no clock of its own: whoever opens
// it sets the timer.
type breaker struct {
	Breaker
	jitter   func() float64 // in [0, 1)
	phase    Phase
	failures int
	openings int // in a row
	window   int // most requests on the wire while half-open
}

// failed counts a failure and reports whether the breaker has to open.
func (b *breaker) failed() bool {
	switch b.phase {
	case HalfOpen:
		return true
	case Closed:
		b.failures++
		return b.failures >= b.Failures
	}
	return false // of a request from before
}

// open opens the breaker and returns the time until it is tried again: half to
// one and a half of the backoff, so that many brokers do not come at once.
func (b *breaker) open() time.Duration {
	d := b.MaxBackoff
	if shift := min(b.openings, 30); b.Backoff < b.MaxBackoff>>shift {
		d = b.Backoff << shift
	}
	b.phase, b.window = Opened, 0
	b.openings++
	return d/2 + time.Duration(b.jitter()*float64(d))
}

// reached says that there is a connection again: one request may show whether
// it is of use.
func (b *breaker) reached() {
	if b.phase == Opened {
		b.phase, b.window = HalfOpen, 1
	}
}

// succeeded counts an answer. capacity is how many requests may be on the wire
// at best.
func (b *breaker) succeeded(capacity int) {
	b.failures = 0
	if b.phase != HalfOpen {
		return
	}
	if b.window *= 2; b.window >= capacity {
		b.phase, b.openings, b.window = Closed, 0, 0
	}
}

// allows is how many requests may be on the wire, out of capacity.
func (b *breaker) allows(capacity int) int {
	switch b.phase {
	case Opened:
		return 0
	case HalfOpen:
		return min(b.window, capacity)
	}
	return capacity
}
