package wasm

import (
	"fmt"
	"sync"
	"time"
)

// VerifyFunc says whether a password matches a hash. The error says that the
// hash cannot be read. It is called on several goroutines at once.
type VerifyFunc func(hash string, password []byte) (bool, error)

// job is work that takes too long for a worker of a plugin.
type job struct {
	deadline time.Time
	work     func() (status, string) // not called when the time is up
	done     func(status, string)    // called once, on the pool's goroutine
}

// pool works on jobs on a few goroutines. Password hashes are slow on purpose and
// some take many megabytes, so their number at once is the bound on processor time
// and memory.
type pool struct {
	wg sync.WaitGroup

	mu     sync.RWMutex // held to send; written to close
	closed bool
	jobs   chan job
}

// newPool starts a pool. One without workers takes no jobs.
func newPool(workers, queue int) *pool {
	p := &pool{jobs: make(chan job, queue), closed: workers == 0}
	for range workers {
		p.wg.Go(p.run)
	}
	return p
}

// submit queues a job, or returns false when the queue is full.
func (p *pool) submit(j job) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return false
	}
	select {
	case p.jobs <- j:
		return true
	default:
		return false
	}
}

// close ends the workers. Jobs that have not begun are refused.
func (p *pool) close() {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.jobs)
	}
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *pool) run() {
	for j := range p.jobs {
		j.done(p.do(&j))
	}
}

func (p *pool) do(j *job) (st status, text string) {
	defer func() {
		if r := recover(); r != nil {
			st, text = statusFailed, fmt.Sprintf("verification panicked: %v", r)
		}
	}()
	p.mu.RLock()
	closed := p.closed
	p.mu.RUnlock()
	switch {
	case closed:
		return statusRefused, "host is stopping"
	case !time.Now().Before(j.deadline): // nobody waits for it any more
		return statusTimeout, "request is over"
	}
	return j.work()
}

// verifyHash queues the verification of a password, which is wiped afterwards.
func (h *Host) verifyHash(hash string, password []byte, deadline time.Time, done func(status, string)) bool {
	return h.hashes.submit(job{deadline, func() (status, string) {
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
