package wasm

import (
	"sync/atomic"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
)

// counters are a plugin's figures; any goroutine adds to them.
type counters struct {
	requests, allowed, denied, next          atomic.Uint64
	continued                                atomic.Uint64
	calls                                    atomic.Uint64
	callTime                                 atomic.Int64
	failed, expired, busy, rejected, ignored atomic.Uint64
	oversized, sent                          atomic.Uint64
	restarts, recycled, logDropped           atomic.Uint64
	events, kvFull, kicks                    atomic.Uint64
	faults                                   [faultKinds]atomic.Uint64
}

func (c *counters) verdict(d auth.Decision) {
	switch d {
	case auth.Allow:
		c.allowed.Add(1)
	case auth.Next:
		c.next.Add(1)
	case auth.Continue:
		c.continued.Add(1)
	default:
		c.denied.Add(1)
	}
}

// Stats are the figures of a plugin since it was opened. They are read one
// after the other, so sums need not match to the last request.
type Stats struct {
	Requests uint64 // questions asked of the plugin
	Allowed  uint64 // answers
	Denied   uint64
	Next     uint64

	Continued  uint64 // answers that asked a client for more
	Exchanging int    // exchanges that are not over

	Sent    uint64 // requests handed to upstreams
	Sending int    // of those, not yet answered

	Events        uint64 // events that waited for the guest, or do
	EventsWaiting int
	EventsDropped uint64 // events lost because too many waited, or an instance failed
	Disconnects   uint64 // clients that the plugin had disconnected

	KVKeys  int    // keys that it keeps
	KVBytes int64  // accounted for them, overhead included
	KVFull  uint64 // values that there was no room for

	Calls    uint64        // calls into guests
	CallTime time.Duration // time spent in them

	Failed   uint64 // requests answered by OnError because the guest failed
	Rejected uint64 // requests answered by OnError because the breaker was open
	Expired  uint64 // requests answered by OnError at the wall deadline
	Busy     uint64 // requests denied because a queue was full
	TooLarge uint64 // requests denied because they have too many parts
	Ignored  uint64 // resolves and host calls for requests that are over or foreign

	Faults     map[FaultKind]uint64 // instances thrown away, by reason
	Restarts   uint64               // replacements of failed instances
	Recycled   uint64               // replacements of instances that had grown
	LogDropped uint64               // lines beyond the log rate

	InFlight int          // unanswered requests now
	Queued   int          // of those, not yet given to a guest
	Workers  int          // instances wanted
	Up       int          // instances there are
	Breaker  BreakerState // now
}

// Stats returns the plugin's figures.
func (p *Plugin) Stats() Stats {
	c := &p.stats
	s := Stats{
		Requests: c.requests.Load(), Allowed: c.allowed.Load(), Denied: c.denied.Load(), Next: c.next.Load(),
		Continued: c.continued.Load(), Exchanging: p.exchanging.Taken(),
		Calls: c.calls.Load(), CallTime: time.Duration(c.callTime.Load()),
		Failed: c.failed.Load(), Rejected: c.rejected.Load(), Expired: c.expired.Load(),
		Busy: c.busy.Load(), TooLarge: c.oversized.Load(), Ignored: c.ignored.Load(),
		Sent: c.sent.Load(), Sending: int(p.sending.Load()),
		Faults:   map[FaultKind]uint64{},
		Restarts: c.restarts.Load(), Recycled: c.recycled.Load(), LogDropped: c.logDropped.Load(),
		Events: c.events.Load(), Disconnects: c.kicks.Load(), KVFull: c.kvFull.Load(),
		InFlight: int(p.inFlight.Load()),
		Workers:  len(p.workers), Breaker: p.breaker.current(),
	}
	s.EventsWaiting, s.EventsDropped = p.queue.stats()
	s.KVKeys, s.KVBytes = p.kv.size()
	for k := range faultKinds {
		if n := c.faults[k].Load(); n > 0 {
			s.Faults[k] = n
		}
	}
	for _, w := range p.workers {
		s.Queued += int(w.backlog.Load())
		if w.up.Load() {
			s.Up++
		}
	}
	return s
}
