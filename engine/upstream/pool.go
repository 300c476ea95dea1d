package upstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Upstream is one server that may be asked. It stays the same through reloads
// for as long as the configuration names it.
//
// Its mutex is held for moments only and never across I/O, a call of net/http
// that may run a hook, a log line or done. net/http's own mutexes come after
// it.
type Upstream struct {
	name string
	set  *Set

	mu        sync.Mutex
	s         *settings
	life      context.Context // until nothing of it may go on
	end       context.CancelFunc
	dialLife  context.Context // of the dials under way, until their settings or the breaker change
	dialEnd   context.CancelFunc
	leaving   bool // no longer configured: it takes no further call
	queue     queue
	wired     queue // calls on connections
	watches   map[<-chan struct{}]*watch
	deadlines deadlines     // of those
	clock     *time.Timer   // for the deadlines: see arm
	rings     time.Time     // when the clock does; zero: it does not
	bytes     int           // of all calls in flight
	typical   time.Duration // that an answer takes, a moving average
	onWire    int
	conns     []*conn
	spare     []*conn            // of those, such as may have room
	lost      time.Time          // when the last one ended
	leavers   map[*conn]struct{} // retired ones with something under way
	dialing   int
	http2     bool // what the last connection spoke
	known     bool // http2 is known
	breaker   breaker
	look      *time.Timer // the next look: see again
	health    Health
	doubted   bool   // when it was last reached, it did not answer
	lastErr   *Error // the last failure
	failedAt  time.Time

	counters
	told sync.Mutex // held while somebody is told of a change
	said Health     // what was told last
}

// Name is the upstream's name.
func (u *Upstream) Name() string { return u.name }

// capacity is how many requests the connections can carry at best.
func (u *Upstream) capacity() int {
	if u.http2 {
		return u.s.PoolSize * MaxStreams
	}
	return u.s.PoolSize
}

// Send asks the upstream and returns at once: it may write the request, as far
// as the socket takes it without waiting. done is called exactly once, never by
// Send itself, with a Response or with an [*Error]; it must not block.
func (u *Upstream) Send(ctx context.Context, req Request, done func(Response, error)) {
	c := &call{up: u, req: req, ctx: ctx, done: done, began: time.Now()}
	if err := check(&req); err != nil {
		go u.finish(c, Response{}, u.fail(BadRequest, err))
		return
	}
	u.mu.Lock()
	if err := u.refuse(c); err != nil {
		u.mu.Unlock()
		go u.finish(c, Response{}, err)
		return
	}
	timeout := u.s.RequestTimeout
	if req.Timeout > 0 {
		timeout = min(timeout, req.Timeout)
	}
	u.bytes += c.size()
	c.until = c.began.Add(timeout)
	u.queue.push(c)
	u.deadlines.push(c)
	u.arm()
	u.watch(ctx)
	u.pumpBut(c)
	l := c.line
	if l != nil { // it is on the wire, and nobody else writes it
		u.set.running.Add(1)
	}
	u.mu.Unlock()
	if l != nil {
		l.offer(c)
		u.set.running.Done()
	}
}

// refuse says why a call cannot even wait.
func (u *Upstream) refuse(c *call) error {
	switch inFlight := u.queue.n + u.onWire; {
	case u.leaving:
		return u.fail(Canceled, errClosed)
	case c.ctx.Err() != nil:
		return u.fail(Canceled, context.Cause(c.ctx))
	case u.breaker.phase == Opened:
		return u.open()
	case inFlight >= u.s.MaxInFlight:
		return u.fail(Busy, fmt.Errorf("%d requests are in flight (max_in_flight)", inFlight))
	case u.bytes+c.size() > maxWaiting:
		return u.fail(Busy, fmt.Errorf("the requests in flight take %d MB", maxWaiting>>20))
	}
	return nil
}

// open is the error of what the breaker refuses.
func (u *Upstream) open() error {
	if u.lastErr == nil {
		return u.fail(Open, errors.New("the breaker is open"))
	}
	return u.fail(Open, fmt.Errorf("the breaker is open: %w", u.lastErr.Err))
}

// pump puts waiting calls on connections, and asks for more of these when
// there are too few. The mutex is held.
func (u *Upstream) pump() { u.pumpBut(nil) }

// pumpBut does the same, but leaves it to the caller to write one of the calls,
// should that be put on a connection of HTTP/1.1.
func (u *Upstream) pumpBut(mine *call) {
	for u.due() {
		c := u.roomy()
		if c == nil {
			u.dialMore()
			return
		}
		one, ctx := u.wire(c, u.queue.pop())
		switch {
		case c.http2:
			u.set.running.Go(func() { u.work(c, one, ctx) })
		case one != mine:
			u.set.running.Go(func() { c.line.write(one) })
		}
	}
}

// due reports whether the first call may go on the wire. Calls that have too
// little time left for an answer are ended before: with them on the wire, an
// upstream that gets more than it can do would answer everybody too late, and
// lose a connection each time.
func (u *Upstream) due() bool {
	if u.onWire >= u.breaker.allows(u.capacity()) {
		return false
	}
	var late queue
	for c := u.queue.first; c != nil && c.left() < min(u.typical*5/4, c.timeout()/2); c = u.queue.first {
		u.leave(u.queue.pop())
		late.push(c)
	}
	if late.n > 0 {
		err := u.tooLate()
		u.set.running.Go(func() { u.finishAll(late.first, err) })
	}
	return u.queue.n > 0
}

// learn notes how long an answer took, or a request that got none in time.
func (u *Upstream) learn(took time.Duration) {
	if u.typical == 0 {
		u.typical = took
		return
	}
	u.typical += (took - u.typical) / 8
}

// wire marks a call as being on a connection.
func (u *Upstream) wire(c *conn, one *call) (*call, context.Context) {
	var ctx context.Context
	u.wired.push(one)
	if one.state = wired; c.http2 {
		ctx, one.cancel = context.WithCancelCause(context.Background())
	} else {
		one.line, c.line.one = c.line, one
	}
	u.onWire++
	c.active++
	if !c.room() {
		u.unspare(c)
	}
	return one, ctx
}

// roomy returns a connection that takes a request now, the one used last
// first, or nil.
func (u *Upstream) roomy() *conn {
	for len(u.spare) > 0 {
		c := u.spare[len(u.spare)-1]
		if c.room() {
			return c
		}
		u.unspare(c)
		u.tidy(c)
	}
	return nil
}

// tidy takes a connection out of use that will not have room again.
func (u *Upstream) tidy(c *conn) {
	if c.cc.Err() != nil || c.active == 0 && c.cc.Available() == 0 && c.cc.InFlight() == 0 {
		u.drop(c)
	}
}

func (u *Upstream) unspare(c *conn) {
	switch last := len(u.spare) - 1; {
	case !c.spare:
	case u.spare[last] == c:
		c.spare = false
		u.spare = u.spare[:last]
	default:
		c.spare = false
		u.spare = slices.DeleteFunc(u.spare, func(o *conn) bool { return o == c })
	}
}

// drop retires a connection, and closes it once nothing is under way on it.
func (u *Upstream) drop(c *conn) {
	if !c.retired {
		c.retired = true
		u.unspare(c)
		u.conns = slices.DeleteFunc(u.conns, func(o *conn) bool { return o == c })
		if len(u.conns) == 0 {
			u.lost = time.Now()
		}
	}
	if c.active > 0 {
		u.leavers[c] = struct{}{}
		return
	}
	delete(u.leavers, c)
	go c.cc.Close() // it calls our hook
}

// work carries out a call, and then others that wait, on one connection of
// HTTP/2.
func (u *Upstream) work(c *conn, one *call, ctx context.Context) {
	for one != nil {
		began := time.Now()
		out, err := c.exchange(ctx, &one.req)
		took := time.Since(began)
		if err != nil && err != errUnsent {
			err = u.exchangeError(context.Cause(ctx), c, err)
		}
		one, ctx = u.worked(c, one, out, err, took)
	}
}

// worked takes in how an exchange went, ends its call, and returns the next
// one for the connection, if there is any.
func (u *Upstream) worked(c *conn, one *call, out Response, err error, took time.Duration) (next *call, ctx context.Context) {
	u.mu.Lock()
	if one.cancel != nil {
		one.cancel(nil)
		one.cancel = nil
	} else {
		one.line, c.line.one = nil, nil
	}
	u.wired.remove(one)
	u.onWire--
	c.active--
	c.used = time.Now()
	again := err == errUnsent && u.resend(one)
	if err == errUnsent && !again {
		err = u.exchangeError(context.Cause(one.ctx), c, errGone)
	}
	if !again {
		u.leave(one)
	}
	if e, _ := err.(*Error); err == nil || e != nil && e.Kind == Timeout {
		u.learn(took)
	}
	rest := u.settle(c, err)
	if !c.retired && c.room() && u.due() {
		next, ctx = u.wire(c, u.queue.pop())
	}
	u.pump()
	why := u.open()
	u.mu.Unlock()
	if !again {
		u.latency.add(took)
		u.finish(one, out, err)
	}
	u.finishAll(rest, why)
	return next, ctx
}

// resend puts back a call that met a connection which had gone: nobody has
// seen it, so that this is no retry.
func (u *Upstream) resend(one *call) bool {
	if one.again == maxAgain || one.late || one.ctx.Err() != nil || u.life.Err() != nil || u.breaker.phase == Opened {
		return false
	}
	one.state = waiting
	one.again++
	u.queue.pushFront(one)
	return true
}

// settle notes how an exchange went, and what becomes of its connection. It
// returns calls that must be refused.
func (u *Upstream) settle(c *conn, err error) (refused *call) {
	e, _ := err.(*Error)
	failure := e != nil && e.Kind <= Broken
	switch {
	case err == nil:
		u.breaker.succeeded(u.capacity())
		u.doubted = false
		u.setHealth(Connected)
	case failure && !(e.Kind == Broken && c.retired): // a connection breaks once for all that is on it
		refused = u.failed(e)
	}
	switch {
	case failure, err == errUnsent, c.retired, c.s != u.s, !c.http2 && !c.room():
		u.drop(c) // U-44: what it would bring now belongs to nobody
	case !c.spare && c.room():
		c.spare = true
		u.spare = append(u.spare, c)
	default:
		u.tidy(c)
	}
	return refused
}

// failed notes a failure. When the breaker opens, all that wait are refused:
// they are returned.
func (u *Upstream) failed(e *Error) (refused *call) {
	u.lastErr, u.failedAt = e, time.Now()
	if u.breaker.failed() {
		return u.giveUp()
	}
	if len(u.conns) == 0 || e.Kind == TLS {
		u.setHealth(Disconnected)
	}
	return nil
}

// giveUp opens the breaker and returns the calls that waited.
func (u *Upstream) giveUp() (refused *call) {
	u.newDials()
	u.doubted = u.breaker.phase == HalfOpen
	u.look.Reset(u.breaker.open())
	u.setHealth(Disconnected)
	return u.takeAll()
}

// newDials ends the dials that are under way.
func (u *Upstream) newDials() {
	u.dialEnd()
	u.dialLife, u.dialEnd = context.WithCancel(u.life)
}

// takeAll takes all calls out of the queue.
func (u *Upstream) takeAll() *call {
	first := u.queue.first
	u.queue = queue{}
	for c := first; c != nil; c = c.next {
		u.leave(c)
	}
	return first
}

// leave marks a call as ended; whoever does that calls finish.
func (u *Upstream) leave(c *call) {
	c.state = finished
	u.bytes -= c.size()
	u.deadlines.remove(c)
	u.unwatch(c.ctx)
}

// finishAll ends calls that takeAll has returned. No mutex is held.
func (u *Upstream) finishAll(c *call, err error) {
	for c != nil {
		next := c.next
		c.next, c.prev = nil, nil
		u.finish(c, Response{}, err)
		c = next
	}
}

// finish ends a call. No mutex is held.
func (u *Upstream) finish(c *call, out Response, err error) {
	u.count(err)
	c.done(out, err)
}

// abort ends the exchange of a call that is on the wire. The mutex is held.
func (c *call) abort(why error) {
	switch {
	case c.state != wired:
	case c.cancel != nil:
		c.cancel(why)
	default:
		c.line.abort(why)
	}
}

func (u *Upstream) tooLate() *Error {
	if len(u.conns) == 0 {
		return u.fail(Timeout, fmt.Errorf("no connection to %s in time", u.s.address))
	}
	return u.fail(Timeout, fmt.Errorf("not sent in time: %d requests are on the wire and %d wait", u.onWire, u.queue.n))
}

// watch is what calls in flight with the same context have in common: of those
// that a plugin asks there are thousands.
type watch struct {
	calls int
	stop  func() bool
}

// watch has the calls of a context, one more now, end with it.
func (u *Upstream) watch(ctx context.Context) {
	done := ctx.Done()
	if done == nil {
		return
	}
	w := u.watches[done]
	if w == nil {
		w = &watch{stop: context.AfterFunc(ctx, func() { u.canceled(ctx) })}
		u.watches[done] = w
	}
	w.calls++
}

// unwatch says that a call of the context has ended.
func (u *Upstream) unwatch(ctx context.Context) {
	done := ctx.Done()
	if done == nil {
		return
	}
	w := u.watches[done]
	if w.calls--; w.calls == 0 {
		w.stop()
		delete(u.watches, done)
	}
}

// canceled is called when a context has ended. Calls that come with it from now
// on are refused.
func (u *Upstream) canceled(ctx context.Context) {
	var gone queue
	done, why := ctx.Done(), context.Cause(ctx)
	u.mu.Lock()
	for c := u.wired.first; c != nil; c = c.next {
		if c.ctx.Done() == done {
			c.abort(why)
		}
	}
	for c, next := u.queue.first, (*call)(nil); c != nil; c = next {
		if next = c.next; c.ctx.Done() == done {
			u.queue.remove(c)
			u.leave(c)
			gone.push(c)
		}
	}
	u.mu.Unlock()
	u.finishAll(gone.first, u.fail(Canceled, why))
}
