package wasm

import (
	"fmt"
	"sync"
	"time"
)

// VerifyFunc says whether a password matches a hash. The error says that the
// hash cannot be read. It is called on several goroutines at once.
type VerifyFunc func(hash string, password []byte) (bool, error)

// hashJob is one password to verify.
type hashJob struct {
	hash     string
	password []byte // wiped afterwards
	deadline time.Time
	done     func(status, string) // called once, on a hash worker
}

// hashPool verifies password hashes on a few goroutines. Hashes are slow on
// purpose and some take many megabytes, so their number at once is the bound
// on processor time and memory.
type hashPool struct {
	verify VerifyFunc
	wg     sync.WaitGroup

	mu     sync.RWMutex // held to send; written to close
	closed bool
	jobs   chan hashJob
}

func newHashPool(verify VerifyFunc, workers, queue int) *hashPool {
	p := &hashPool{verify: verify, jobs: make(chan hashJob, queue)}
	if verify == nil {
		return p
	}
	for range workers {
		p.wg.Go(p.run)
	}
	return p
}

// submit queues a job, or returns false when the queue is full.
func (p *hashPool) submit(j hashJob) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed || p.verify == nil {
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
func (p *hashPool) close() {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.jobs)
	}
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *hashPool) run() {
	for j := range p.jobs {
		st, text := p.do(&j)
		clear(j.password)
		j.done(st, text)
	}
}

func (p *hashPool) do(j *hashJob) (st status, text string) {
	defer func() {
		if r := recover(); r != nil {
			st, text = statusFailed, fmt.Sprintf("hash verification panicked: %v", r)
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
	ok, err := p.verify(j.hash, j.password)
	switch {
	case err != nil:
		return statusMalformed, err.Error()
	case !ok:
		return statusMismatch, ""
	}
	return statusOK, ""
}
