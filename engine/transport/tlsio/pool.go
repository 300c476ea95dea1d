package tlsio

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/wicketmq/wicket/engine/cert"
)

// ErrBusy says that as many handshakes are in progress as the pool allows.
var ErrBusy = errors.New("tls: too many handshakes in progress")

// DefaultHandshakes is the default bound of handshakes in progress.
const DefaultHandshakes = 4096

// Pool runs handshakes with two bounds: how many are in progress, which bounds
// memory, and how many compute at once, which bounds the processors taken from
// the event loops. A handshake that waits for its peer, or inside [cert.Wait]
// for whoever knows of revocation, counts only for the first, so slow ones
// cannot keep others out.
//
// Nor can one source that fills the first bound with handshakes which it does not
// go on with: when there is no place for a newcomer, the source with the most
// gives one of them up, which then ends with [ErrGaveWay].
//
// All methods are safe for use by any goroutine.
type Pool struct {
	crowd   crowd
	slots   slots
	context context.Context // of every handshake; lets callbacks wait outside the slots
	active  atomic.Int64
	refused atomic.Uint64
	gaveWay atomic.Uint64
	panics  atomic.Uint64
}

// Stats are the figures of a [Pool].
type Stats struct {
	Active    int    // handshakes in progress
	Computing int    // of these, those that are not waiting for their peer
	Refused   uint64 // handshakes refused with ErrBusy
	GaveWay   uint64 // handshakes ended with ErrGaveWay
	Panics    uint64 // handshakes ended by a panic, recovered
}

// NewPool makes a pool of at most inProgress handshakes of which at most
// running compute at once; zero or less means [DefaultHandshakes] and the
// number of processors.
func NewPool(inProgress, running int) *Pool {
	if inProgress <= 0 {
		inProgress = DefaultHandshakes
	}
	if running <= 0 {
		running = runtime.GOMAXPROCS(0)
	}
	p := &Pool{crowd: crowd{limit: inProgress, sources: map[netip.Prefix]*source{}}}
	p.slots = slots{tokens: make(chan struct{}, running)}
	p.context = cert.WithWaiter(context.Background(), p.slots.without)
	return p
}

// Start runs c's handshake on a goroutine of its own and calls done there with
// the result; done posts to the loop, which then may Open c. Above the bound,
// when nobody has to make room, it returns [ErrBusy] at once and done is not
// called. deadline is for the whole handshake; the zero time means none.
func (p *Pool) Start(c *Conn, deadline time.Time, done func(error)) error {
	s := c.shake
	gone, ok := p.crowd.enter(s)
	if !ok {
		p.refused.Add(1)
		return ErrBusy
	}
	if gone != nil {
		p.gaveWay.Add(1)
		gone.abort(ErrGaveWay)
	}
	s.slots = &p.slots
	p.active.Add(1)
	go func() {
		err := p.run(c, deadline)
		p.active.Add(-1)
		p.crowd.leave(s)
		done(err)
	}()
	return nil
}

func (p *Pool) run(c *Conn, deadline time.Time) (err error) {
	ctx := p.context
	if !deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	p.slots.acquire()
	defer p.slots.release()
	defer func() {
		if v := recover(); v != nil {
			p.panics.Add(1)
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return c.Handshake(ctx)
}

// Running is how many handshakes compute at once.
func (p *Pool) Running() int { return cap(p.slots.tokens) }

// Crowded reports whether a handshake waits until it may compute, or one has
// waited in the last second.
func (p *Pool) Crowded() bool { return p.slots.crowded() }

// Stats returns the figures of this moment.
func (p *Pool) Stats() Stats {
	return Stats{
		Active:    int(p.active.Load()),
		Computing: len(p.slots.tokens),
		Refused:   p.refused.Load(),
		GaveWay:   p.gaveWay.Load(),
		Panics:    p.panics.Load(),
	}
}

// PanicError is the result of a handshake that panicked: a defect here or in
// what it calls, which has cost this connection only.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("tls: handshake panicked: %v", e.Value) }

// HandshakeReason makes [cert.Classify] know it.
func (*PanicError) HandshakeReason() cert.Reason { return cert.ReasonInternal }

// slots counts those who compute: one token each. A nil *slots is without
// bound. Waiters are served in the order of their arrival.
type slots struct {
	tokens  chan struct{}
	waiting atomic.Int32
	waited  atomic.Int64 // when somebody last began to wait: nanoseconds since epoch
}

// epoch is what times are counted from.
var epoch = time.Now()

func (s *slots) acquire() {
	if s == nil {
		return
	}
	select {
	case s.tokens <- struct{}{}:
		return
	default:
	}
	s.waited.Store(int64(time.Since(epoch)))
	s.waiting.Add(1)
	s.tokens <- struct{}{}
	s.waiting.Add(-1)
}

func (s *slots) release() {
	if s != nil {
		<-s.tokens
	}
}

// crowded reports whether somebody waits or has begun to in the last second.
func (s *slots) crowded() bool {
	if s.waiting.Load() > 0 {
		return true
	}
	at := s.waited.Load()
	return at != 0 && time.Since(epoch)-time.Duration(at) < time.Second
}

// without runs f, which may block, on a goroutine that holds a slot, while
// somebody else has the slot.
func (s *slots) without(f func()) {
	s.release()
	defer s.acquire()
	f()
}
