package wasm

import (
	"context"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wicketmq/wicket/engine/wasm/meter"
)

// guard bounds the calls into one instance and is their context. The guest
// itself asks, each time it has used up its fuel (see meter), whether it may go
// on: no timer and no other goroutine takes part, and the guest comes out of
// its code often enough for the garbage collector not to wait for it. A call
// that has not kept its slice is the last of its instance.
type guard struct {
	context.Context // carries the memory allocator
	inst            *instance
	until           time.Time       // end of the current slice
	quit            <-chan struct{} // closed: end now; nil for never
}

func newGuard(base context.Context, inst *instance) *guard {
	return &guard{Context: base, inst: inst}
}

// arm starts a slice.
func (g *guard) arm(now time.Time, slice time.Duration) { g.until = now.Add(slice) }

// kept reports whether the guest may go on.
func (g *guard) kept() bool { return !g.quits() && time.Until(g.until) > 0 }

// quits reports whether the call must end although its slice may not be over.
func (g *guard) quits() bool {
	select {
	case <-g.quit:
		return true
	default:
		return false
	}
}

// sleep waits as long as it is told, but not beyond the slice.
func (g *guard) sleep(d time.Duration) {
	d = min(d, time.Until(g.until))
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-g.quit:
	}
}

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

// errSlice ends a guest call from inside; what is said of it is up to those who
// know the slice.
var errSlice = &fault{FaultDeadline, "used up its time slice"}

// refill is called by a guest that has used up its fuel.
func refill(ctx context.Context, stack []uint64) {
	if !instanceOf(ctx).guard.kept() {
		panic(errSlice)
	}
	stack[0] = meter.Full
}

// linkMeter offers the guests of a runtime their fuel.
func linkMeter(ctx context.Context, r wazero.Runtime) error {
	b := r.NewHostModuleBuilder(meter.Module)
	b.NewFunctionBuilder().WithGoFunction(api.GoFunc(refill), nil, []api.ValueType{api.ValueTypeI32}).Export(meter.Refill)
	if _, err := b.Instantiate(ctx); err != nil {
		return fmt.Errorf("cannot link module %q: %w", meter.Module, err)
	}
	return nil
}
