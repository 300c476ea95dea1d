package wicket

// Timer calls a function later. It belongs to its instance of the plugin: each
// has its own, and they end with it.
type Timer struct{ id int64 }

// After has f called once, after some milliseconds: 10 at least, 30 days at most.
// It may be called in OnLoad too. The function may wait for the broker, as in
// ctx.HTTP. It needs the grant "timers". ErrBusy says that the instance has too
// many, 1,024.
func After(milliseconds int64, f func(ctx *Context)) (Timer, error) {
	return startTimer(milliseconds, 0, f)
}

// Every has f called after some milliseconds, and again as long after each time;
// see After. A call that waits for the broker may still be waiting when the next
// one begins.
func Every(milliseconds int64, f func(ctx *Context)) (Timer, error) {
	return startTimer(milliseconds, milliseconds, f)
}

// Stop keeps a timer from firing; false says that it has, or was stopped.
func (t Timer) Stop() bool {
	_, there := ticks[t.id]
	delete(ticks, t.id)
	return there && timerCancel(t.id)
}

// tick is what a timer is to call.
type tick struct {
	f       func(*Context)
	repeats bool
}

// ticks are the timers that are set, by id.
var ticks = map[int64]tick{}

func startTimer(delay, repeat int64, f func(*Context)) (Timer, error) {
	id := timerSet(delay, repeat)
	switch {
	case id == -2:
		return Timer{}, ErrBusy
	case id <= 0:
		return Timer{}, ErrMalformed
	}
	ticks[id] = tick{f, repeat != 0}
	return Timer{id}, nil
}

// due returns what a timer that has fired calls, or nil.
func due(id int64) func(*Context) {
	t := ticks[id]
	if !t.repeats {
		delete(ticks, id)
	}
	return t.f
}
