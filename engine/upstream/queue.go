package upstream

import (
	"context"
	"time"
)

// call is one request from Send to done. Tens of thousands may wait; it fills a
// size of the allocator's.
type call struct {
	up    *Upstream
	req   Request
	ctx   context.Context
	done  func(Response, error)
	began time.Time
	until time.Time // its time is over then

	// Guarded by the upstream's mutex.
	prev, next *call
	place      int32 // in the upstream's deadlines, from 1 on; 0: it is not there
	state      callState
	again      uint8                   // connections that had gone before it was sent
	late       bool                    // its time is over
	cancel     context.CancelCauseFunc // while it is on HTTP/2
	line       *line                   // while it is on HTTP/1.1
}

type callState uint8

const (
	waiting callState = iota
	wired
	finished
)

// left is the time until the call ends.
func (c *call) left() time.Duration { return time.Until(c.until) }

// timeout is the time that the call has had from its beginning.
func (c *call) timeout() time.Duration { return c.until.Sub(c.began) }

// maxAgain is how many connections may go before a call is sent.
const maxAgain = 10

// size is what a call counts for maxWaiting.
func (c *call) size() int {
	n := len(c.req.Path) + len(c.req.Body)
	for _, f := range c.req.Header {
		n += len(f.Name) + len(f.Value) + 32
	}
	return n
}

// queue is a list of calls, the longest waiting first. Any of them can be taken
// out.
type queue struct {
	first, last *call
	n           int
}

func (q *queue) push(c *call) {
	c.prev, c.next = q.last, nil
	if q.last != nil {
		q.last.next = c
	} else {
		q.first = c
	}
	q.last = c
	q.n++
}

// pushFront is for a call that has waited already.
func (q *queue) pushFront(c *call) {
	c.prev, c.next = nil, q.first
	if q.first != nil {
		q.first.prev = c
	} else {
		q.last = c
	}
	q.first = c
	q.n++
}

func (q *queue) remove(c *call) {
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		q.first = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		q.last = c.prev
	}
	c.prev, c.next = nil, nil
	q.n--
}

func (q *queue) pop() *call {
	c := q.first
	if c != nil {
		q.remove(c)
	}
	return c
}
