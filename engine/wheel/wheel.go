// Package wheel is a hashed timing wheel with intrusive timers: arming one
// costs no allocation and a connection carries its timer in its own struct.
//
// A wheel belongs to one event loop; only that loop's goroutine may touch it
// or any timer in it. Time enters through Advance, so tests drive it by hand.
package wheel

// Tick is a point in time counted in units of Resolution since the wheel's
// owner started. 0 is never reached by a running wheel and means "not armed".
type Tick uint32

// PerSecond is the number of ticks in a second; a tick is 100 ms.
const PerSecond = 10

// Seconds converts a number of seconds to ticks, saturating.
func Seconds(n uint32) Tick {
	if n > (1<<32-1)/PerSecond {
		return 1<<32 - 1
	}
	return Tick(n * PerSecond)
}

// slots is a power of two; one revolution is 51.2 s, so that a keep-alive of
// a minute is looked at twice before it fires.
const slots = 512

// Expirer is told that its timer has fired. It runs on the wheel's loop, may
// arm the same or other timers, and must not call Advance.
type Expirer interface{ Expire(now Tick) }

// Timer is embedded in what it times. The zero value is an idle timer.
type Timer struct {
	next, prev *Timer
	at         Tick
	owner      Expirer
}

// Armed reports whether the timer waits in a wheel.
func (t *Timer) Armed() bool { return t.next != nil }

// At is the tick the timer was last armed for.
func (t *Timer) At() Tick { return t.at }

// Wheel holds the timers of one loop.
type Wheel struct {
	now   Tick
	armed int
	due   Timer        // list head: what the slot being emptied has to fire
	ring  [slots]Timer // list heads
}

// New returns an empty wheel that stands at tick 1.
func New() *Wheel {
	w := &Wheel{now: 1}
	w.due.next, w.due.prev = &w.due, &w.due
	for i := range w.ring {
		h := &w.ring[i]
		h.next, h.prev = h, h
	}
	return w
}

// Now is the tick of the last Advance.
func (w *Wheel) Now() Tick { return w.now }

// Len is the number of armed timers.
func (w *Wheel) Len() int { return w.armed }

// Arm makes t call owner at the tick given, replacing what it waited for. A
// tick that has passed fires at the next Advance.
func (w *Wheel) Arm(t *Timer, owner Expirer, at Tick) {
	w.Disarm(t)
	t.at, t.owner = at, owner
	w.link(t)
	w.armed++
}

// Disarm stops t; it is a no-op on an idle timer.
func (w *Wheel) Disarm(t *Timer) {
	if t.next == nil {
		return
	}
	unlink(t)
	w.armed--
}

// Advance moves to now and fires, in slot order, every timer that is due.
// Going backwards or standing still does nothing.
func (w *Wheel) Advance(now Tick) {
	steps := slots
	if now <= w.now {
		return
	}
	if d := now - w.now; d < slots {
		steps = int(d)
	}
	first := now - Tick(steps) + 1
	w.now = now
	for i := range steps {
		w.fire(&w.ring[(first+Tick(i))%slots])
	}
}

// fire empties one slot of what is due. The due timers are moved to a list of
// their own first, because an Expirer may arm timers into the same slot.
func (w *Wheel) fire(head *Timer) {
	if head.next == head {
		return
	}
	for t := head.next; t != head; {
		next := t.next
		if t.at <= w.now {
			unlink(t)
			insert(t, &w.due)
		}
		t = next
	}
	for t := w.due.next; t != &w.due; t = w.due.next {
		unlink(t)
		w.armed--
		t.owner.Expire(w.now)
	}
}

func (w *Wheel) link(t *Timer) {
	at := t.at
	if at <= w.now {
		at = w.now + 1
	}
	insert(t, &w.ring[at%slots])
}

func insert(t, before *Timer) {
	t.prev, t.next = before.prev, before
	before.prev.next, before.prev = t, t
}

func unlink(t *Timer) {
	t.prev.next, t.next.prev = t.next, t.prev
	t.next, t.prev = nil, nil
}
