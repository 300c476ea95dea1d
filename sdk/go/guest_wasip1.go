//go:build wasip1

package wicket

import (
	"runtime"
	"unsafe"

	"github.com/wicketmq/wicket/sdk/go/wire"
)

// This file is the guest's side of the ABI: the exports, and the workers that
// run handlers. All of it runs on one thread, and goroutines change places
// only where they block or yield, so nothing here is locked.
//
// An export must return to the host even when the handler it started waits
// for the broker. So a handler runs on a worker, a goroutine that is kept and
// reused; the export hands it the event and yields until the worker has
// finished or nothing moves any more.

// Bounds of the input buffer. Load events can be large, and their buffer is
// given back when the next one is asked for.
const (
	minBuffer = 4 << 10
	maxBuffer = 64 << 20
)

var (
	input    []byte // the host writes events here
	output   []byte // what resolve and the calls are given; reused
	free     []*worker
	calls    = map[int64]*call{}
	pending  int    // requests whose export has returned Pending
	progress uint32 // counts what handlers did, for pump
	turns    uint32 // counts what ran without a goroutine, for collect
)

//go:wasmexport wicket_abi_v1
func exportABI() int32 { return needs }

//go:wasmexport wicket_buffer
func exportBuffer(size int32) unsafe.Pointer {
	n := int(uint32(size))
	if n > maxBuffer {
		return nil
	}
	if n > len(input) || len(input) > 1<<20 && n < len(input)/4 {
		input = make([]byte, max(n, minBuffer))
	}
	return unsafe.Pointer(unsafe.SliceData(input))
}

// take copies an event out of the input buffer and wipes it there; ok is false
// when the host means another place than the buffer.
func take(ptr unsafe.Pointer, size int32) (event []byte, ok bool) {
	there, ok := window(ptr, size)
	if len(there) == 0 {
		return nil, ok
	}
	event = make([]byte, len(there))
	copy(event, there)
	clear(there)
	return event, true
}

// window is an event where it stands; it is there until the export returns, after
// which the host wipes it.
func window(ptr unsafe.Pointer, size int32) (event []byte, ok bool) {
	n := int(uint32(size))
	if n == 0 {
		return nil, true
	}
	if ptr != unsafe.Pointer(unsafe.SliceData(input)) || n > len(input) {
		Error("the host passed an event outside the input buffer")
		return nil, false
	}
	return input[:n:n], true
}

// mostLent is how many topics are kept room for.
const mostLent = 256

// lent is what events are read into if the plugin keeps nothing of them.
var lent struct {
	connect  Connect
	access   Access
	response HTTPResponse
}

//go:wasmexport wicket_load
func exportLoad(ptr unsafe.Pointer, size int32) (code int32) {
	defer func() {
		if r := recover(); r != nil {
			Error("panic in OnLoad: " + panicText(r))
			code = 1
		}
	}()
	event, ok := take(ptr, size)
	if !ok {
		return 1
	}
	var info LoadInfo
	if err := info.Decode(event); err != nil {
		Error("cannot read the load event: " + err.Error())
		return 1
	}
	if handlers.load != nil {
		if err := handlers.load(&info); err != nil {
			Error(err.Error())
			return 1
		}
	}
	hostHears(heard()) // OnLoad may have set handlers
	pump(nil, few)     // what it has left to the background
	return 0
}

// heard is the set of questions that have a handler, as the import hears
// wants it: this module exports a function for every one.
func heard() (questions uint32) {
	if handlers.authenticate != nil {
		questions |= 1
	}
	if handlers.authorize != nil {
		questions |= 2
	}
	if handlers.hello != nil {
		questions |= 4
	}
	if observer.f != nil {
		questions |= 8
	}
	return questions
}

//go:wasmexport wicket_unload
func exportUnload() {
	defer func() {
		if r := recover(); r != nil {
			Error("panic in OnUnload: " + panicText(r))
		}
	}()
	if handlers.unload != nil {
		handlers.unload()
		pump(nil, few) // what it has begun in the background
	}
}

//go:wasmexport wicket_authenticate
func exportAuthenticate(req int64, ptr unsafe.Pointer, size int32) int32 {
	if handlers.authenticate == nil {
		return wire.Next
	}
	return dispatch(req, (*worker).authenticate, handlers.now.authenticate, ptr, size)
}

//go:wasmexport wicket_authorize
func exportAuthorize(req int64, ptr unsafe.Pointer, size int32) int32 {
	if handlers.authorize == nil {
		return wire.Next
	}
	return dispatch(req, (*worker).authorize, handlers.now.authorize, ptr, size)
}

// errorCode is returned for an event that cannot be read.
const errorCode = -1

func dispatch(req int64, run func(*worker) Verdict, now bool, ptr unsafe.Pointer, size int32) int32 {
	read := take
	if now && handlers.reuse {
		read = window
	}
	event, ok := read(ptr, size)
	if !ok {
		return errorCode
	}
	if now {
		instant = worker{req: req, run: run, event: event, now: true}
		instant.serve()
		collect()
		return instant.code
	}
	w := idleWorker()
	w.req, w.run, w.event = req, run, event
	w.detached, w.finished, w.over, w.exchange = false, false, false, 0
	w.wake <- struct{}{}
	pump(&w.finished, many)
	if !w.finished {
		w.detached = true
		pending++
		return wire.Pending
	}
	if pending > len(calls)+len(exchanges) { // some wait for what this one may have done
		pump(nil, few)
	}
	code := w.code
	if !w.gone {
		free = append(free, w)
	}
	return code
}

// The rounds that pump waits for a sign of life. Two are needed because now and
// then the scheduler prefers the goroutine that has just yielded. A handler that
// has shown nothing yet may wait for another request, or only for the garbage
// collector, and is given more.
const (
	few  = 2
	many = 64
)

// pump lets the other goroutines run until *finished, or until no handler has
// done anything that shows for limit rounds in a row.
func pump(finished *bool, limit int) {
	for quiet := 0; quiet < limit; quiet++ {
		before := progress
		runtime.Gosched()
		if finished != nil && *finished {
			return
		}
		if progress != before {
			quiet, limit = -1, few
		}
	}
}

// worker runs one request at a time.
type worker struct {
	wake     chan struct{}
	req      int64
	run      func(*worker) Verdict
	event    []byte
	code     int32 // for the export to return, once finished
	finished bool
	detached bool  // the export has returned Pending
	gone     bool  // the handler ended the goroutine
	now      bool  // on the goroutine of the export: the handler may not wait
	over     bool  // the client does not go on: there is nobody to answer
	exchange int64 // the request that began an exchange, or 0
}

// instant runs the handlers that never wait, one after the other.
var instant worker

func idleWorker() *worker {
	if n := len(free); n > 0 {
		w := free[n-1]
		free = free[:n-1]
		return w
	}
	w := &worker{wake: make(chan struct{}, 1)}
	go w.loop()
	return w
}

func (w *worker) loop() {
	for range w.wake {
		w.serve()
		if w.detached {
			free = append(free, w)
		}
	}
}

// serve runs the handler; whatever happens in it, the request is answered.
func (w *worker) serve() {
	var v Verdict
	returned := false
	defer func() {
		if !returned {
			v = Deny().Reason(ImplementationError)
			if r := recover(); r != nil {
				Error("panic in a handler: " + panicText(r))
			} else {
				Error("a handler called runtime.Goexit")
				w.gone = true
			}
		}
		w.finish(v)
	}()
	v = w.run(w)
	returned = true
}

// finish answers. A plain answer is the export's return value when that is
// still to come.
func (w *worker) finish(v Verdict) {
	w.event = nil
	progress++
	w.finished = true
	if w.detached {
		pending--
	}
	switch {
	case w.over, v.IsLater():
		w.code = wire.Pending
	case v.d == nil && !w.detached:
		w.code = int32(v.code)
	default:
		w.code = wire.Pending
		answer(w.req, v)
	}
}

// collect now and then lets the garbage collector have its turn, after what has
// run without a goroutine.
func collect() {
	if turns++; turns%64 == 0 {
		runtime.Gosched()
	}
}

func (w *worker) authenticate() Verdict {
	c := &lent.connect
	if !w.now || !handlers.reuse {
		c = new(Connect)
	}
	if err := c.Decode(w.event); err != nil {
		return unreadable(err)
	}
	defer clear(c.Password)
	return handlers.authenticate(&Context{req: w.req, instant: w.now, worker: w}, c)
}

func (w *worker) authorize() Verdict {
	if cap(lent.access.Topics) > mostLent {
		lent.access = Access{}
	}
	a := &lent.access
	if !w.now || !handlers.reuse {
		a = new(Access)
	}
	if err := a.Redecode(w.event); err != nil {
		return unreadable(err)
	}
	return handlers.authorize(&Context{req: w.req, instant: w.now}, a)
}

func unreadable(err error) Verdict {
	Error("cannot read the event: " + err.Error())
	return Verdict{code: errorCode}
}

// panicText says what a panic value is without package fmt.
func panicText(r any) string {
	switch r := r.(type) {
	case error:
		return r.Error()
	case string:
		return r
	}
	return "of a value that is neither error nor string"
}
