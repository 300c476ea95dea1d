package wasm

import (
	"container/heap"
	"time"

	"github.com/tetratelabs/wazero/api"
)

// Caps on timers. One cannot fire more often than shortestTimer, counted from
// the end of the call before.
const (
	maxTimers     = 1024
	shortestTimer = 10 * time.Millisecond
	longestTimer  = 30 * 24 * time.Hour
)

// timer is a timer of an instance.
type timer struct {
	id     int64
	at     time.Time
	repeat time.Duration // 0: once
	pos    int           // in timers.due
}

// timers are those of an instance, with which they end. Its worker looks after
// them.
type timers struct {
	byID map[int64]*timer
	due  dueTimers
}

// set adds a timer; false says that there are too many.
func (t *timers) set(x *timer) bool {
	if len(t.byID) >= maxTimers {
		return false
	}
	if t.byID == nil {
		t.byID = map[int64]*timer{}
	}
	t.byID[x.id] = x
	heap.Push(&t.due, x)
	return true
}

// cancel removes a timer, also the one that is being called.
func (t *timers) cancel(id int64) bool {
	x := t.byID[id]
	if x == nil {
		return false
	}
	delete(t.byID, id)
	if x.pos >= 0 {
		heap.Remove(&t.due, x.pos)
	}
	return true
}

// first is when the next timer is due.
func (t *timers) first() (at time.Time, ok bool) {
	if len(t.due) == 0 {
		return at, false
	}
	return t.due[0].at, true
}

// dueTimers is a heap, the first to fire at its top.
type dueTimers []*timer

func (q dueTimers) Len() int { return len(q) }
func (q dueTimers) Less(a, b int) bool {
	return q[a].at.Before(q[b].at) || q[a].at.Equal(q[b].at) && q[a].id < q[b].id
}
func (q dueTimers) Swap(a, b int) {
	q[a], q[b] = q[b], q[a]
	q[a].pos, q[b].pos = a, b
}

// Push implements heap.Interface.
func (q *dueTimers) Push(x any) {
	t := x.(*timer)
	t.pos = len(*q)
	*q = append(*q, t)
}

// Pop implements heap.Interface.
func (q *dueTimers) Pop() any {
	last := len(*q) - 1
	t := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	t.pos = -1
	return t
}

// fire calls a timer that is due; false says that there is none. A timer that
// repeats begins its next delay when the call has returned.
func (w *worker) fire() bool {
	for _, i := range [...]*instance{w.old, w.cur} {
		if i == nil {
			continue
		}
		at, ok := i.timers.first()
		if !ok || at.After(w.p.now()) {
			continue
		}
		if err := i.fire(heap.Pop(&i.timers.due).(*timer)); err != nil {
			w.fault(i, faultOf(err, ""))
			return true
		}
		w.p.breaker.success()
		return true
	}
	return false
}

func (i *instance) fire(t *timer) error {
	if t.repeat == 0 {
		delete(i.timers.byID, t.id)
	}
	if err := i.call(&i.timer, i.p.limits.AuthenticateSlice, uint64(t.id)); err != nil {
		return err
	}
	if i.timers.byID[t.id] == t {
		t.at = i.p.now().Add(t.repeat)
		heap.Push(&i.timers.due, t)
	}
	return i.fate()
}

// nextTimer is how long it is until the next timer; false: there is none.
func (w *worker) nextTimer() (left time.Duration, ok bool) {
	for _, i := range [...]*instance{w.old, w.cur} {
		if i == nil {
			continue
		}
		if at, set := i.timers.first(); set {
			if d := at.Sub(w.p.now()); !ok || d < left {
				left, ok = d, true
			}
		}
	}
	return left, ok
}

func hostTimerSet(i *instance, stack []uint64) {
	delay, good := timerDelay(int64(stack[0]))
	repeat, good2 := timerDelay(int64(stack[1]))
	if stack[1] == 0 {
		repeat, good2 = 0, true
	}
	if !good || !good2 {
		stack[0] = api.EncodeI64(callMalformed)
		return
	}
	t := &timer{id: i.w.nextID(), at: i.p.now().Add(delay), repeat: repeat}
	if !i.timers.set(t) {
		i.p.complain("plugin wants more timers than there are")
		stack[0] = api.EncodeI64(callTooMany)
		return
	}
	stack[0] = api.EncodeI64(t.id)
}

func timerDelay(ms int64) (d time.Duration, ok bool) {
	if ms < shortestTimer.Milliseconds() || ms > longestTimer.Milliseconds() {
		return 0, false
	}
	return time.Duration(ms) * time.Millisecond, true
}

func hostTimerCancel(i *instance, stack []uint64) {
	id := int64(stack[0])
	stack[0] = 0
	if !i.timers.cancel(id) {
		stack[0] = api.EncodeI32(-1)
	}
}
