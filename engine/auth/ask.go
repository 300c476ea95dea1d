package auth

import (
	"fmt"
	"runtime"
	"sync/atomic"
)

// answer is what came of asking a decider: a verdict, or the fault that stands
// in its place.
type answer struct {
	verdict Verdict
	fault   error
}

// call is one question put to one decider. It takes the first answer, ignores
// the rest, and turns a panic into a fault. A synchronous answer is returned
// rather than called back, so that a chain of them uses no stack and a panic
// of the caller's own code is never taken for the decider's.
type call struct {
	claimed atomic.Bool
	state   atomic.Uint32
	answer  *answer // one that has come before put returned: those who wait do without its room
	later   func(answer)
}

// The states of a call.
const (
	asking  uint32 = iota // put has not returned
	waiting               // put has returned without an answer
	answered
)

// ask runs put, which passes the question to the decider called name. The
// answer is returned with true when it is there already; otherwise later is
// called with it, once, on the decider's goroutine.
func ask(name string, put func(done func(Verdict)), later func(answer)) (answer, bool) {
	c := &call{later: later}
	if fault := c.put(name, put); fault != nil {
		return answer{fault: fault}, true // the call never waits: a verdict is ignored
	}
	if c.state.CompareAndSwap(asking, waiting) {
		return answer{}, false
	}
	return *c.answer, true
}

func (c *call) put(name string, put func(done func(Verdict))) (fault error) {
	defer func() {
		if p := recover(); p != nil {
			fault = fmt.Errorf("decider %q panicked: %s", name, describe(p))
		}
	}()
	put(c.settle)
	return nil
}

func (c *call) settle(v Verdict) {
	if !c.claimed.CompareAndSwap(false, true) {
		return
	}
	if c.state.Load() == waiting {
		c.later(answer{verdict: v})
		return
	}
	c.answer = &answer{verdict: v}
	if c.state.Swap(answered) == waiting {
		c.later(*c.answer)
	}
}

// describe names a panic without repeating what may hold a secret.
func describe(p any) string {
	if e, ok := p.(runtime.Error); ok {
		return e.Error()
	}
	return fmt.Sprintf("%T", p)
}
