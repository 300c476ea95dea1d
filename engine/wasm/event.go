package wasm

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
)

// Bounds of the events that wait for a plugin. The second is about names, and about
// filters: one SUBSCRIBE may have a megabyte of them.
const (
	maxEvents     = 1024
	maxEventBytes = 4 << 20
)

// eventQueue holds the events that no instance has been told of yet. Event
// loops add to it; what does not fit is counted and gone.
type eventQueue struct {
	mu      sync.Mutex
	ring    []*auth.Event // nil until the first
	first   int
	n       int
	bytes   int
	lost    uint64 // since the last one that was taken
	dropped uint64 // ever
}

func (q *eventQueue) add(e *auth.Event) bool {
	size := eventSize(e)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == maxEvents || q.bytes+size > maxEventBytes {
		q.lost++
		q.dropped++
		return false
	}
	if q.ring == nil {
		q.ring = make([]*auth.Event, maxEvents)
	}
	q.ring[(q.first+q.n)%maxEvents] = e
	q.n++
	q.bytes += size
	return true
}

// take returns the oldest event and how many were lost before it, or nil.
func (q *eventQueue) take() (e *auth.Event, lost uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == 0 {
		return nil, 0
	}
	e, lost = q.ring[q.first], q.lost
	q.ring[q.first] = nil
	q.first = (q.first + 1) % maxEvents
	q.n--
	q.bytes -= eventSize(e)
	q.lost = 0
	return e, lost
}

// untold says that an event that was taken has not reached the guest, nor has
// what it would have been told of others.
func (q *eventQueue) untold(lost uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lost += lost + 1
	q.dropped++
}

func (q *eventQueue) stats() (waiting int, dropped uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.n, q.dropped
}

// eventSize is about what an event keeps in memory.
func eventSize(e *auth.Event) int {
	n := 512 + len(e.ClientID) + len(e.Username) + len(e.ReasonText)
	for name, value := range e.Attributes {
		n += 64 + len(name) + len(value)
	}
	for i := range e.Items {
		n += 64 + len(e.Items[i].Topic) + len(e.Items[i].Share)
	}
	return n
}

var _ auth.Observer = (*Plugin)(nil)

// Observes implements auth.Observer: the events that the operator has named, if
// the guest hears any.
func (p *Plugin) Observes(k auth.EventKind) bool { return p.events&(1<<k) != 0 }

// Observe implements auth.Observer. The event waits for the instance that is
// told of all of them, so that it hears of a client's in their order, or is
// dropped when too many wait.
func (p *Plugin) Observe(e *auth.Event) {
	if p.Observes(e.Kind) && p.queue.add(e) {
		p.stats.events.Add(1)
		p.nudgeListener()
	}
}

// listener is the worker whose instance is told of events: the first that has
// one.
func (p *Plugin) listener() *worker {
	for _, w := range p.workers {
		if w.up.Load() {
			return w
		}
	}
	return nil
}

func (p *Plugin) nudgeListener() {
	if w := p.listener(); w != nil {
		w.nudge()
	}
}

// tellRest waits until the guest has been told of the events that wait, or for
// half a second.
func (p *Plugin) tellRest(ctx context.Context) {
	if n, _ := p.queue.stats(); n == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	_ = p.Settle(ctx)
}

// tell gives the guest the next event; false says that there is none.
func (w *worker) tell() bool {
	p, i := w.p, w.cur
	if p.events == 0 || i == nil || p.listener() != w {
		return false
	}
	e, lost := p.queue.take()
	if e == nil {
		return false
	}
	switch err := i.tell(&occurrence{e, lost}); {
	case err == nil:
		p.breaker.success()
	case errors.Is(err, errNoBuffer):
		p.queue.untold(lost)
	default:
		p.queue.untold(lost)
		w.fault(i, faultOf(err, ""))
	}
	return true
}

func (i *instance) tell(m message) error {
	slice := i.p.limits.AuthenticateSlice
	n, err := i.put(m, slice)
	if err != nil {
		return err
	}
	if err := i.call(&i.event, slice, uint64(i.buf), uint64(n)); err != nil {
		return err
	}
	i.wipe(n)
	i.shrink()
	return i.fate()
}

// occurrence is an event as the guest is told of it.
type occurrence struct {
	*auth.Event
	lost uint64
}

func (o *occurrence) encode(b []byte) []byte {
	b = appendUint(b, 1, uint64(o.Kind))
	b = appendUint(b, 2, uint64(max(o.Time.UnixMilli(), 0)))
	b = appendText(b, 3, o.ClientID)
	b = appendText(b, 4, o.Username)
	b = appendText(b, 5, o.Listener)
	b = appendPeer(b, 6, o.Peer)
	b = appendUint(b, 7, uint64(o.Reason))
	b = appendText(b, 8, o.ReasonText)
	for i := range o.Items {
		b = appendTopic(b, 9, &o.Items[i])
	}
	b = appendUint(b, 10, o.lost)
	b = appendText(b, 11, o.Decider)
	b = appendAttributes(b, 12, o.Attributes)
	return appendUint(b, 13, uint64(o.Action))
}
