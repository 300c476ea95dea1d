package reactor

import (
	"context"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"

	"github.com/wicketmq/wicket/engine/broker"
	"github.com/wicketmq/wicket/engine/transport/tlsio"
	"github.com/wicketmq/wicket/engine/wheel"
)

// loop is one event loop with what belongs to it alone: its shard of the
// broker, its timers, its connections and its buffers. Except for wake, post
// and tick, only the loop's goroutine calls its methods.
type loop struct {
	r     *Reactor
	el    gnet.EventLoop
	shard *broker.Shard
	wheel *wheel.Wheel
	poll  poll

	conns    []*conn // every open connection; conn.index is its place
	dirty    []*conn // have bytes or a close pending in this turn
	resumed  []*conn // have been resumed in this turn
	planned  bool    // a run of this turn's end is queued
	flushing bool    // dirty is being walked

	free    [][]byte      // write buffers, lent out for a turn
	spare   int           // bytes of the buffers in free
	plain   []byte        // decrypted bytes of the connection being read
	records tlsio.Scratch // in which it is decrypted
	wire    []byte        // TLS records of the connection being flushed

	ticking atomic.Bool // a tick is queued and has not run
}

const (
	writeBuffer    = 4 << 10   // a fresh write buffer
	keepBuffer     = 512 << 10 // a larger one is not kept
	keepSpare      = 4 << 20   // most bytes of spare buffers of a loop
	plaintextChunk = 16 << 10  // the largest TLS record (RFC 8446 §5.1)
)

func newLoop(r *Reactor, index int, el gnet.EventLoop, fd int) *loop {
	l := &loop{r: r, el: el, wheel: wheel.New()}
	l.wheel.Advance(r.now())
	var err error
	if l.poll, err = findPoll(fd); err != nil {
		r.log.Warn("connections that wait for a verdict cannot be left unread: a flood from them is cut instead", "error", err)
	}
	l.shard = r.opts.Broker.Shard(index, l.wheel, l.wake)
	return l
}

// wake makes the loop run soon; any goroutine may call it. The mailbox calls
// it once per batch.
func (l *loop) wake() { _ = l.el.Execute(context.Background(), l) }

// post runs f on the loop; any goroutine may call it. It reports false when
// the loops have ended, and f will not run.
func (l *loop) post(f func()) bool {
	return l.el.Execute(context.Background(), gnet.RunnableFunc(func(context.Context) error {
		l.guarded("posted call", f)
		l.settle()
		return nil
	})) == nil
}

// tick queues a step of the timing wheel, unless the loop is still busy with
// the one before: a late loop must not be buried in ticks.
func (l *loop) tick(now wheel.Tick) {
	if l.ticking.Swap(true) {
		return
	}
	if !l.post(func() { l.ticking.Store(false); l.wheel.Advance(now) }) {
		l.ticking.Store(false)
	}
}

// plan makes sure that Run comes at the end of this turn.
func (l *loop) plan() {
	if !l.planned {
		l.planned = true
		l.wake()
	}
}

// Run ends a turn: messages from other loops, connections that may read
// again, and one write for each connection with something to say. It
// implements gnet.Runnable.
func (l *loop) Run(context.Context) error {
	l.planned = false
	l.guarded("mailbox", l.shard.Drain)
	for i := 0; i < len(l.resumed); i++ {
		l.resumed[i].resume()
	}
	l.resumed = clearConns(l.resumed)
	l.flush(0)
	return nil
}

// quiet is how long ago a connection must have been written to for the next
// write to leave at once, in microseconds. It is far above the time between
// two events of a busy loop, where waiting for the end of the turn joins many
// writes into one, and far below what a person or a device would notice.
const quiet = 100

// settle ends one event of a turn. What there is to write goes out at once to
// connections that have been quiet, which saves a wake-up of the loop by
// itself, and waits for the end of the turn for the others.
func (l *loop) settle() {
	if l.flushing {
		return
	}
	if len(l.dirty) > 0 {
		l.flush(quiet)
	}
	if len(l.dirty)+len(l.resumed) > 0 {
		l.plan()
	}
}

// micros is the reactor's time in microseconds. It wraps after an hour: only
// differences count.
func (l *loop) micros() uint32 { return uint32(time.Since(l.r.start) / time.Microsecond) }

// flush writes to the dirty connections that have not been written to for so
// many microseconds, and keeps the others. A flush can close a connection,
// whose will then makes others dirty.
func (l *loop) flush(pause uint32) {
	l.flushing = true
	now, kept := l.micros(), 0
	for i := 0; i < len(l.dirty); i++ {
		if c := l.dirty[i]; now-c.flushed >= pause {
			c.flushed = now
			c.flush()
			continue
		}
		l.dirty[kept], l.dirty[i] = l.dirty[i], l.dirty[kept]
		kept++
	}
	l.flushing = false
	clear(l.dirty[kept:])
	l.dirty = l.dirty[:kept]
	if kept == 0 && cap(l.dirty) > keepConns {
		l.dirty = nil
	}
}

// keepConns is the largest list of connections whose memory is kept.
const keepConns = 4096

// clearConns empties a list without keeping its connections reachable.
func clearConns(list []*conn) []*conn {
	clear(list)
	if cap(list) > keepConns {
		return nil
	}
	return list[:0]
}

func (l *loop) guarded(what string, f func()) {
	defer l.guard(what)
	f()
}

// guard is deferred around whatever foreign bytes can reach: gnet recovers
// nothing, and a panic on a loop would end the process.
func (l *loop) guard(what string) {
	if p := recover(); p != nil {
		l.r.log.Error("bug: recovered on an event loop", "where", what, "panic", p, "stack", string(debug.Stack()))
	}
}

// shutdown tells every client that the server stops.
func (l *loop) shutdown() {
	for _, c := range append([]*conn(nil), l.conns...) {
		c.shutdown()
	}
}

// lend returns an empty write buffer.
func (l *loop) lend() []byte {
	if n := len(l.free); n > 0 {
		b := l.free[n-1]
		l.free[n-1] = nil
		l.free = l.free[:n-1]
		l.spare -= cap(b)
		return b
	}
	return make([]byte, 0, writeBuffer)
}

// giveBack takes a write buffer back, unless it has grown too large or there
// are enough of them.
func (l *loop) giveBack(b []byte) {
	if cap(b) <= keepBuffer && l.spare+cap(b) <= keepSpare {
		l.free = append(l.free, b[:0])
		l.spare += cap(b)
	}
}

// scratch returns the loop's buffer for decrypted bytes.
func (l *loop) scratch() []byte {
	if l.plain == nil {
		l.plain = make([]byte, plaintextChunk)
	}
	return l.plain
}

func (l *loop) add(c *conn) {
	c.index = uint32(len(l.conns))
	l.conns = append(l.conns, c)
}

func (l *loop) remove(c *conn) {
	last := len(l.conns) - 1
	moved := l.conns[last]
	l.conns[c.index] = moved
	moved.index = c.index
	l.conns[last] = nil
	l.conns = l.conns[:last]
}
