package upstream

import (
	"sync/atomic"
	"time"
)

// Health is whether an upstream can be reached (AHTTP-11).
type Health string

// The states of an upstream.
const (
	Connecting   Health = "connecting" // not known: it was not tried yet, or can be reached and has not answered since it failed
	Connected    Health = "connected"
	Disconnected Health = "disconnected"
)

// State is an upstream at one moment, and its counters since the start.
type State struct {
	Name        string
	URL         string
	Health      Health
	Breaker     Phase
	LastError   string // the last failure, however long ago; empty if there was none
	FailedAt    time.Time
	Connections int
	HTTP2       bool // what the last connection speaks
	Queued      int
	OnWire      int
	Answered    uint64 // requests with a Response, whatever its status
	Failed      map[Kind]uint64
	Latency     Latency
}

// Latency is a histogram of the time on the wire, from the connection to the
// end of the answer or the failure.
type Latency struct {
	Counts [len(Bounds) + 1]uint64 // by bucket, the last one without a bound
	Sum    time.Duration
}

// Bounds are the upper bounds of the buckets of [Latency].
var Bounds = [...]time.Duration{
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second,
}

// counters are for any goroutine.
type counters struct {
	outcomes [Canceled + 1]atomic.Uint64 // by kind; 0 is a Response
	latency  histogram
}

func (c *counters) count(err error) {
	if e, ok := err.(*Error); ok {
		c.outcomes[e.Kind].Add(1)
		return
	}
	c.outcomes[0].Add(1)
}

type histogram struct {
	counts [len(Bounds) + 1]atomic.Uint64
	sum    atomic.Int64
}

func (h *histogram) add(d time.Duration) {
	i := 0
	for i < len(Bounds) && d > Bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

// State returns a snapshot. It may be called from any goroutine.
func (u *Upstream) State() State {
	u.mu.Lock()
	out := State{
		Name: u.name, URL: u.s.shown, Health: u.health, Breaker: u.breaker.phase, FailedAt: u.failedAt,
		Connections: len(u.conns), HTTP2: u.http2, Queued: u.queue.n, OnWire: u.onWire,
	}
	if u.lastErr != nil {
		out.LastError = u.lastErr.Err.Error()
	}
	u.mu.Unlock()
	out.Answered, out.Failed = u.outcomes[0].Load(), make(map[Kind]uint64, len(Kinds))
	for _, k := range Kinds {
		out.Failed[k] = u.outcomes[k].Load()
	}
	for i := range out.Latency.Counts {
		out.Latency.Counts[i] = u.latency.counts[i].Load()
	}
	out.Latency.Sum = time.Duration(u.latency.sum.Load())
	return out
}

// setHealth notes what is known of the server, and has it told when it is new.
// The mutex is held.
func (u *Upstream) setHealth(h Health) {
	if u.health == h || u.leaving {
		return
	}
	u.health = h
	if u.set.onState != nil {
		u.set.running.Go(u.tell)
	}
}

// tell tells of changes, one at a time and the latest state only.
func (u *Upstream) tell() {
	u.told.Lock()
	defer u.told.Unlock()
	if s := u.State(); s.Health != u.said {
		u.said = s.Health
		u.set.onState(s)
	}
}
