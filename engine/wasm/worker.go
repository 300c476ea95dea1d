package wasm

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/upstream"
)

// workerBits is where the worker's index starts in request and call ids, so
// that they are unique within a plugin.
const workerBits = 48

// maxWorkers is the most workers a plugin may have.
const maxWorkers = 1024

// worker owns one instance of a plugin and all requests given to it. While a
// grown instance is being replaced it owns two: the old one finishes what it
// was asked.
type worker struct {
	p     *Plugin
	index int

	// Shared with other goroutines.
	ids     atomic.Int64 // of requests and calls; an instance that starts takes some too
	up      atomic.Bool  // has an instance
	backlog atomic.Int32 // requests not yet given to the guest
	wake    chan struct{}
	inbox   inbox

	// Owned by run.
	cur, old    *instance
	ready       []*request // to be asked, oldest first
	completions []completion
	early       []completion      // while a replacement starts: its, or those of an instance that is gone
	ended       []*exchange       // their guests are to be told
	visits      []chan<- struct{} // of those who wait until there is nothing to do
	turn        int               // of work
	due         deadlines
	timer       *time.Timer
	starting    bool // a replacement is on its way
	failures    int  // in a row
}

// inbox is what other goroutines hand to a worker.
type inbox struct {
	mu          sync.Mutex
	closed      bool
	requests    []*request
	completions []completion
	ended       []*exchange
	started     *started
	visits      []chan<- struct{}
}

// completion is the outcome of a host call.
type completion struct {
	inst     *instance
	call     int64
	status   status
	text     string             // payload, unless there is a response
	response *upstream.Response // of http_send with statusOK
}

func (c *completion) encode(b []byte) []byte {
	if c.response != nil {
		return appendHTTPResponse(b, c.response)
	}
	return append(b, c.text...)
}

// started is the outcome of starting a replacement.
type started struct {
	inst *instance
	err  error
}

func newWorker(p *Plugin, index int) *worker {
	w := &worker{p: p, index: index, wake: make(chan struct{}, 1), timer: time.NewTimer(time.Hour)}
	w.timer.Stop()
	w.due.init()
	return w
}

// submit hands in a request. It fails when the queue is full or the worker
// has ended.
func (w *worker) submit(r *request) bool {
	if w.backlog.Add(1) > int32(w.p.limits.Queue) {
		w.backlog.Add(-1)
		return false
	}
	if !w.send(func(in *inbox) { in.requests = append(in.requests, r) }) {
		w.backlog.Add(-1)
		return false
	}
	return true
}

// post hands in a completion; there are never more than host calls in flight.
func (w *worker) post(c completion) {
	w.send(func(in *inbox) { in.completions = append(in.completions, c) })
}

func (w *worker) send(put func(*inbox)) bool {
	w.inbox.mu.Lock()
	defer w.inbox.mu.Unlock()
	if w.inbox.closed {
		return false
	}
	put(&w.inbox)
	w.nudge()
	return true
}

// nudge has the worker look for work.
func (w *worker) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// nextID returns a request or call id that is unique within the plugin.
func (w *worker) nextID() int64 {
	return int64(w.index)<<workerBits | w.ids.Add(1)
}

// run is the worker's goroutine.
func (w *worker) run() {
	for {
		w.collect()
		w.expire(time.Now())
		w.retire()
		switch {
		case w.stopping():
			w.finish()
			return
		case len(w.completions) > 0:
			c := w.completions[0]
			w.completions[0] = completion{}
			w.completions = w.completions[1:]
			w.complete(&c)
		case len(w.ended) > 0:
			x := w.ended[0]
			w.ended = w.ended[1:]
			w.dismiss(x)
		case w.work():
		default:
			w.rest()
			w.sleep()
		}
	}
}

// work does one thing that is due, if there is any: it asks a request, calls a
// timer or tells of an event, each in turn, so that none of them keeps the
// others waiting.
func (w *worker) work() bool {
	for range 3 {
		w.turn = (w.turn + 1) % 3
		switch {
		case w.turn == 0 && w.ripe():
			w.ask(w.take())
			return true
		case w.turn == 1 && w.fire(), w.turn == 2 && w.tell():
			return true
		}
	}
	return false
}

// ripe says whether there is an instance for the oldest request. An exchange has
// its own, which may be one that is being replaced.
func (w *worker) ripe() bool {
	return len(w.ready) > 0 && (w.cur != nil || w.old != nil && w.ready[0].exchange != nil)
}

// rest tells who waits for it that there is nothing to do.
func (w *worker) rest() {
	if len(w.visits) == 0 || w.starting || w.cur != nil && w.cur.calling > 0 {
		return
	}
	for _, v := range w.visits {
		close(v)
	}
	w.visits = nil
}

func (w *worker) stopping() bool {
	select {
	case <-w.p.stop:
		return true
	default:
		return false
	}
}

// collect moves what has arrived into the worker's own lists.
func (w *worker) collect() {
	w.inbox.mu.Lock()
	in := &w.inbox
	for _, r := range in.requests {
		w.due.add(r)
	}
	w.ready = append(w.ready, in.requests...)
	w.completions = append(w.completions, in.completions...)
	w.ended = append(w.ended, in.ended...)
	clear(in.requests)
	clear(in.completions)
	in.ended = nil
	w.visits = append(w.visits, in.visits...)
	in.visits = nil
	in.requests, in.completions = in.requests[:0], in.completions[:0]
	s := in.started
	in.started = nil
	w.inbox.mu.Unlock()
	if s != nil {
		w.install(s)
	}
}

// sleep waits for work, the next deadline or the end.
func (w *worker) sleep() {
	left, timed := w.nextTimer()
	if r := w.due.first(); r != nil {
		if until := time.Until(r.deadline); !timed || until < left {
			left, timed = until, true
		}
	}
	if timed {
		w.timer.Reset(left)
	}
	select {
	case <-w.wake:
	case <-w.timer.C:
	case <-w.p.stop:
	}
	w.timer.Stop()
}

// take removes the oldest request from the queue.
func (w *worker) take() *request {
	r := w.ready[0]
	w.ready[0] = nil
	w.ready = w.ready[1:]
	w.backlog.Add(-1)
	return r
}

// ask puts a request to the guest.
func (w *worker) ask(r *request) {
	if r.answered {
		return
	}
	i := w.cur
	if r.exchange != nil {
		i = r.exchange.inst
	}
	if i.closed || r.exchange != nil && r.exchange.over { // an exchange goes with its instance
		w.fail(r)
		return
	}
	r.id, r.inst = w.nextID(), i
	i.live[r.id] = r
	code, err := i.ask(r)
	switch {
	case errors.Is(err, errNoBuffer):
		w.p.complain("plugin cannot take a request; it is answered by on_error, and one about topics denied", "error", err)
		w.unasked(r)
		w.tooLarge(r)
	case errors.Is(err, errNoRoom):
		w.p.stats.busy.Add(1)
		w.unasked(r)
		w.answer(r, busy(r.question()))
	case err != nil:
		w.fault(i, faultOf(err, ""))
		return
	case r.answered: // by resolve
	case code == codePending:
	case code >= codeDeny && code <= codeNext:
		w.answer(r, plainVerdict(code))
	case code < 0:
		w.p.complain("plugin reports an error; the request is answered by on_error", "code", code)
		w.fail(r)
	case code == codeContinue && r.mayContinue():
		w.answer(r, w.continues(r, nil))
	case code == codeContinue:
		w.fault(i, faultf(FaultMalformed, "%v", errContinue))
		return
	default:
		w.fault(i, faultf(FaultMalformed, "unknown decision code %d", code))
		return
	}
	w.p.breaker.success()
}

// tooLarge answers a request that a client has made larger than the guest takes:
// topics are not permitted by that.
func (w *worker) tooLarge(r *request) {
	if r.access == nil {
		w.fail(r)
		return
	}
	w.p.stats.failed.Add(1)
	w.answer(r, tooMuch())
}

// unasked takes back a request that the guest has not been given.
func (w *worker) unasked(r *request) {
	r.inst.leave(r)
	r.inst = nil
}

// complete tells the guest that a host call is done, if it is still there. An
// instance that is being started belongs to the goroutine that does it: what it
// has asked for is kept until it is installed.
func (w *worker) complete(c *completion) {
	if c.inst != w.cur && c.inst != w.old {
		if w.starting {
			w.early = append(w.early, *c)
		}
		return
	}
	if c.inst.calling--; c.inst.calling == 0 {
		c.inst.header = nil // there may be secrets in it
	}
	if err := c.inst.complete(c); err != nil {
		w.fault(c.inst, faultOf(err, ""))
		return
	}
	w.p.breaker.success()
}

// answer settles a request. It is also called from inside resolve.
func (w *worker) answer(r *request, v auth.Verdict) {
	if r.answered {
		return
	}
	r.answered = true
	w.due.remove(r)
	if r.inst != nil {
		r.inst.leave(r)
	}
	if r.exchange != nil {
		r.exchange.concluded(r.inst != nil, &v)
	}
	w.p.finish(r, v)
}

// fail answers a request by policy.
func (w *worker) fail(r *request) {
	w.p.stats.failed.Add(1)
	w.answer(r, w.onError(r))
}

// onError is the verdict by policy. Nobody else can go on with an exchange.
func (w *worker) onError(r *request) auth.Verdict {
	if r.exchange != nil {
		return unavailable(auth.Authentication)
	}
	return w.p.onError(r.question())
}

// expire answers by policy the requests whose time is up, asked or not.
func (w *worker) expire(now time.Time) {
	for {
		r := w.due.first()
		if r == nil || r.deadline.After(now) {
			break
		}
		w.p.stats.expired.Add(1)
		w.answer(r, w.onError(r))
	}
	for len(w.ready) > 0 && w.ready[0].answered {
		w.take()
	}
}
