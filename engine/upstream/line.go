package upstream

import (
	"bufio"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// line is a connection that speaks HTTP/1.1, on which one call is under way at
// a time. One goroutine reads it for as long as it lives, so that its end is
// noticed also while nothing is under way; whoever puts a call on it has it
// written. That costs half of what a connection of http.Transport does, whose
// goroutines hand every request and answer on to each other.
type line struct {
	c      *conn
	raw    *tap // below TLS
	rw     net.Conn
	socket *socket // of rw, when that is one
	in     limited
	br     *bufio.Reader
	head   []byte // of the answer that is being read
	wrote  chan written
	phase  atomic.Int32
	began  time.Time // when the call under way was written
	err    error     // why the line has ended; set before phase becomes dead

	// Guarded by the upstream's mutex.
	one *call // under way
	why error // why it must end
}

// The phases of a line.
const (
	quiet  int32 = iota // nothing was written: what arrives answers nothing
	asked               // a call is being written, or was
	ending              // err is being set
	dead
)

// written is what became of writing a call.
type written struct {
	n   int
	err error
}

// limited is a connection of which no more than left bytes are read.
type limited struct {
	net.Conn
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errFields
	}
	n, err := l.Conn.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

var (
	errFields   = errors.New("header too large")
	errUnasked  = errors.New("the server sent something that it was not asked for")
	errEarly    = errors.New("the server answered before it had the whole request")
	errSwitches = errors.New("the server switches to another protocol (101)")
	errInterim  = errors.New("the server sends one interim answer after the other")
)

const (
	// lateWrite is the time that a write has left once there is an answer, and
	// an answer once the write has failed.
	lateWrite = 50 * time.Millisecond
	// maxInterim is the most interim answers to a request (RFC 9110 section 15.2).
	maxInterim = 5
	// smallBody is the size up to which the goroutine that reads also writes.
	smallBody = 4 << 10
)

func newLine(c *conn, raw *tap, rw net.Conn) *line {
	l := &line{c: c, raw: raw, rw: rw, wrote: make(chan written, 1)}
	if c.s.client == nil { // TLS would wait
		l.socket = raw.socket
	}
	l.in.Conn = rw
	l.br = bufio.NewReaderSize(&l.in, 2<<10)
	return l
}

// Err returns why the line has ended; nil while it has not.
func (l *line) Err() error {
	if l.phase.Load() == dead {
		return l.err
	}
	return nil
}

// Available returns how many calls may be put on the line now.
func (l *line) Available() int {
	if l.phase.Load() == quiet {
		return 1
	}
	return 0
}

// InFlight returns how many calls are under way.
func (l *line) InFlight() int {
	if l.phase.Load() == asked {
		return 1
	}
	return 0
}

// Close ends the line, and what is under way on it.
func (l *line) Close() error { return l.rw.Close() }

// run reads until the line ends.
func (l *line) run() {
	for l.next() {
	}
	_ = l.raw.Close() // nothing is left to be lost
	l.c.changed()
}

// next waits for the server to say something, and ends the call under way with
// it. It reports whether the line goes on.
func (l *line) next() bool {
	u := l.c.up
	l.in.left = maxAnswerField
	_, err := l.br.Peek(1)
	if l.phase.CompareAndSwap(quiet, ending) {
		if err == nil {
			err = errUnasked
		}
		l.end(err)
		if one, why := l.state(); one != nil { // put on it just now: nobody has seen it
			err = errUnsent
			if why != nil {
				err = u.exchangeError(why, l.c, err)
			}
			u.worked(l.c, one, Response{}, err, 0)
		}
		return false
	}
	out, again, err := l.answer(&l.one.req, err)
	took := time.Since(l.began)
	w := l.written()
	one, why := l.state()
	switch {
	case w.n == 0 && why == nil:
		out, err = Response{}, errUnsent // what has come, such as 408 to who is idle, answers nothing
	case w.n == 0:
		out, err = Response{}, u.exchangeError(why, l.c, w.err)
	case err == nil:
	case w.err != nil && isTimeout(err):
		err = u.exchangeError(why, l.c, w.err)
	default:
		err = u.exchangeError(why, l.c, err)
	}
	if again = again && err == nil && w.err == nil && why == nil; again {
		l.phase.Store(quiet)
	} else {
		l.end(errGone)
	}
	if one, _ = u.worked(l.c, one, out, err, took); one != nil {
		l.start(one)
	}
	return again
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// spent reports whether nothing of the server's has arrived beyond what was read.
func (l *line) spent() bool {
	l.raw.now = true
	_, err := l.br.Peek(1)
	l.raw.now = false
	return errors.Is(err, errNothing)
}

// state returns the call under way, and why it must end, if it must.
func (l *line) state() (*call, error) {
	l.c.up.mu.Lock()
	defer l.c.up.mu.Unlock()
	return l.one, l.why
}

func (l *line) end(err error) {
	l.err = err
	l.phase.Store(dead)
}

// abort ends the line because of the call that is under way. The mutex is held.
func (l *line) abort(why error) {
	l.why = why
	_ = l.raw.Close() // for the goroutine that reads to notice
}

// start writes a call on the goroutine that reads, unless that might not come
// back to reading.
func (l *line) start(one *call) {
	if len(one.req.Body) > smallBody {
		l.c.up.set.running.Go(func() { l.write(one) })
		return
	}
	l.write(one)
}

// requests are buffers for what is written.
var requests = sync.Pool{New: func() any { return new([]byte) }}

// write writes the call that has been put on the line.
func (l *line) write(one *call) {
	if b := l.render(one); b != nil {
		n, err := l.rw.Write(*b)
		l.sent(b, n, err)
	}
}

// offer does the same without waiting for the server to take it: what does not
// fit into the socket is left to a goroutine. It is one less that runs, and one
// thread less that is woken, for most calls.
func (l *line) offer(one *call) {
	if l.socket == nil {
		l.c.up.set.running.Go(func() { l.write(one) })
		return
	}
	b := l.render(one)
	if b == nil {
		return
	}
	n, err := l.socket.write(*b)
	if err != nil || n == len(*b) {
		l.sent(b, n, err)
		return
	}
	l.c.up.set.running.Go(func() {
		more, err := l.rw.Write((*b)[n:])
		l.sent(b, n+more, err)
	})
}

// render returns the bytes of a call that is to be written now, or nil when it
// is not.
func (l *line) render(one *call) *[]byte {
	buffer := requests.Get().(*[]byte)
	b, err := l.c.s.appendRequest((*buffer)[:0], &one.req)
	if err != nil { // Send should have refused it
		u := l.c.up
		u.mu.Lock()
		l.abort(u.fail(BadRequest, err))
		u.mu.Unlock()
		return nil
	}
	*buffer = b
	l.began = time.Now()
	if !l.phase.CompareAndSwap(quiet, asked) {
		clear(b)
		return nil // it has ended, and who reads it has seen to the call
	}
	return buffer
}

// sent notes how writing has gone.
func (l *line) sent(buffer *[]byte, n int, err error) {
	if err != nil {
		_ = l.rw.SetReadDeadline(time.Now().Add(lateWrite))
	}
	b := *buffer
	l.wrote <- written{n, err}
	clear(b) // there are passwords in it
	if cap(b) <= 2*smallBody {
		requests.Put(buffer)
	}
}

// written waits for the write to end, which as a rule it has long.
func (l *line) written() written {
	select {
	case w := <-l.wrote:
		return w
	default:
	}
	t := time.NewTimer(lateWrite)
	defer t.Stop()
	select {
	case w := <-l.wrote:
		return w
	case <-t.C:
		return written{1, errEarly}
	}
}
