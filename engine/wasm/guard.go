package wasm

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wicketmq/wicket/engine/wasm/meter"
)

// guard bounds the calls into one instance and is their context. The guest
// itself asks, each time it has used up its fuel (see meter), whether it may go
// on. There is no timer, and no other goroutine is needed to stop it.
type guard struct {
	context.Context // carries the memory allocator
	inst            *instance
	until           time.Time   // end of the current slice
	stopped         atomic.Bool // nothing may run any more
}

func newGuard(base context.Context, inst *instance) *guard {
	return &guard{Context: base, inst: inst}
}

// stop ends the running call and forbids further ones. Any goroutine may call
// it.
func (g *guard) stop() { g.stopped.Store(true) }

// arm starts a slice.
func (g *guard) arm(now time.Time, slice time.Duration) { g.until = now.Add(slice) }

// kept reports whether the slice is not over yet.
func (g *guard) kept() bool { return !g.stopped.Load() && time.Until(g.until) > 0 }

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
