package wasm

import (
	"context"
	"sync/atomic"
	"time"
)

// guard is the context of every call into one instance. The engine watches
// it and stops the guest when it is done, even in the middle of a loop. It is
// armed for each call anew, which costs a timer reset instead of the
// allocations of context.WithTimeout. Once it has fired the instance is
// thrown away and the guard with it.
type guard struct {
	context.Context // carries the memory allocator
	inst            *instance
	done            chan struct{}
	fired           atomic.Bool
	timer           *time.Timer
	until           time.Time // end of the current slice
}

func newGuard(base context.Context, inst *instance) *guard {
	g := &guard{Context: base, inst: inst, done: make(chan struct{})}
	g.timer = time.AfterFunc(time.Hour, g.fire)
	g.timer.Stop()
	return g
}

// fire ends the running call and forbids further ones. Any goroutine may call
// it.
func (g *guard) fire() {
	if g.fired.CompareAndSwap(false, true) {
		close(g.done)
	}
}

// arm starts a slice.
func (g *guard) arm(now time.Time, slice time.Duration) {
	g.until = now.Add(slice)
	g.timer.Reset(slice)
}

// disarm ends the slice and reports whether it was kept. A call that returned
// while the timer fired has not kept it: the engine may be about to close the
// instance.
func (g *guard) disarm() bool { return g.timer.Stop() && !g.fired.Load() }

// Done implements context.Context.
func (g *guard) Done() <-chan struct{} { return g.done }

// Err implements context.Context.
func (g *guard) Err() error {
	if g.fired.Load() {
		return context.DeadlineExceeded
	}
	return nil
}

// Deadline implements context.Context.
func (g *guard) Deadline() (time.Time, bool) { return g.until, true }

// instanceKey is the key under which host functions find their instance.
type instanceKey struct{}

// Value implements context.Context.
func (g *guard) Value(key any) any {
	if _, ok := key.(instanceKey); ok {
		return g.inst
	}
	return g.Context.Value(key)
}

// instanceOf returns the instance that called a host function.
func instanceOf(ctx context.Context) *instance {
	return ctx.Value(instanceKey{}).(*instance)
}
