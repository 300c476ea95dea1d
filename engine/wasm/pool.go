package wasm

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
)

// VerifyFunc says whether a password matches a hash. The error says that the
// hash cannot be read. It is called on several goroutines at once.
type VerifyFunc func(hash string, password []byte) (bool, error)

// job is work that takes too long for a worker of a plugin.
type job struct {
	client   netip.Addr // for whom it is
	deadline time.Time
	work     func() (status, string) // not called when the time is up
	done     func(status, string)    // called once, on the pool's goroutine
}

// pool works on jobs on a few goroutines. Password hashes are slow on purpose and
// some take many megabytes, so their number at once is the bound on processor time
// and memory. Sources of clients (see auth.Source) take turns: one that has
// thousands of jobs waiting keeps another's first from being worked on for one job
// of each source that waits.
type pool struct {
	wg    sync.WaitGroup
	limit int

	mu     sync.Mutex
	some   sync.Cond // jobs wait, or the pool is closed
	closed bool
	places auth.Places // of jobs that wait: a third for one source at most
	lines  map[netip.Prefix]*line
	first  *line // whose turn it is
	last   *line
}

// line is the jobs of a source that wait, the oldest first.
type line struct {
	from netip.Prefix
	jobs []job
	next *line
}

// newPool starts a pool. One without workers takes no jobs.
func newPool(workers, queue int) *pool {
	p := &pool{limit: queue, closed: workers == 0, lines: map[netip.Prefix]*line{}}
	p.some.L = &p.mu
	for range workers {
		p.wg.Go(p.run)
	}
	return p
}

// submit queues a job, or returns false when there is no place for it.
func (p *pool) submit(j job) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || !p.places.Take(p.limit, 1, j.client) {
		return false
	}
	from := auth.Source(j.client)
	l := p.lines[from]
	if l == nil {
		l = &line{from: from}
		p.lines[from] = l
		p.queue(l)
	}
	l.jobs = append(l.jobs, j)
	p.some.Signal()
	return true
}

// queue gives a source the last turn.
func (p *pool) queue(l *line) {
	if p.first == nil {
		p.first = l
	} else {
		p.last.next = l
	}
	p.last = l
}

// next waits for a job, the oldest of the source whose turn it is. It returns
// false when the pool is closed and none is left.
func (p *pool) next() (j job, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.first == nil {
		if p.closed {
			return j, false
		}
		p.some.Wait()
	}
	l := p.first
	p.first, l.next = l.next, nil
	j, l.jobs[0] = l.jobs[0], job{}
	if l.jobs = l.jobs[1:]; len(l.jobs) > 0 {
		p.queue(l)
	} else {
		delete(p.lines, l.from)
	}
	p.places.Leave(1, j.client)
	return j, true
}

// close ends the workers. Jobs that have not begun are refused.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.some.Broadcast()
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *pool) run() {
	for {
		j, ok := p.next()
		if !ok {
			return
		}
		j.done(p.do(&j))
	}
}

func (p *pool) do(j *job) (st status, text string) {
	defer func() {
		if r := recover(); r != nil {
			st, text = statusFailed, fmt.Sprintf("verification panicked: %v", r)
		}
	}()
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	switch {
	case closed:
		return statusRefused, "host is stopping"
	case !time.Now().Before(j.deadline): // nobody waits for it any more
		return statusTimeout, "request is over"
	}
	return j.work()
}

// verifyHash queues the verification of a client's password, which is wiped
// afterwards.
func (h *Host) verifyHash(client netip.Addr, hash string, password []byte, deadline time.Time, done func(status, string)) bool {
	return h.hashes.submit(job{client, deadline, func() (status, string) {
		ok, err := h.verify(hash, password)
		switch {
		case err != nil:
			return statusMalformed, err.Error()
		case !ok:
			return statusMismatch, ""
		}
		return statusOK, ""
	}, func(st status, text string) {
		clear(password)
		done(st, text)
	}})
}
