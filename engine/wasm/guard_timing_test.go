//go:build linux

package wasm

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"golang.org/x/sys/unix"

	"github.com/wicketmq/wicket/engine/auth"
)

// cpu is the processor time that the calling thread has used: what other
// programs on the machine do does not count.
func cpu() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}

// variant opens a plugin whose guest is stopped in another way than ours.
func variant(b *testing.B, p *Plugin, binary []byte, closeOnDone bool) *instance {
	b.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithMemoryLimitPages(p.limits.MemoryPages).
		WithCloseOnContextDone(closeOnDone))
	b.Cleanup(func() { _ = r.Close(ctx) })
	if _, err := link(ctx, r); err != nil {
		b.Fatal(err)
	}
	if err := linkMeter(ctx, r); err != nil {
		b.Fatal(err)
	}
	compiled, err := r.CompileModule(ctx, binary)
	if err != nil {
		b.Fatal(err)
	}
	q := &Plugin{name: p.name, host: p.host, log: p.log, limits: p.limits, policy: p.policy,
		config: p.config, files: p.files, features: p.features, runtime: r, compiled: compiled}
	q.guestLog.log = p.log
	i := newInstance(newWorker(q, 0))
	if err := i.start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(i.close)
	return i
}

// BenchmarkGuest is one question to a guest, without the way there and back,
// in the processor time of the thread: unguarded, guarded by the engine, and
// metered.
func BenchmarkGuest(b *testing.B) {
	for name, module := range map[string]func(testing.TB) []byte{
		"wat": func(t testing.TB) []byte { return guest(t, "behave") },
		"go":  goGuest,
	} {
		binary := module(b)
		p := open(b, newHost(b, HostOptions{}), Options{Workers: 1, Module: binary, Limits: Limits{AuthenticateSlice: time.Minute}})
		req := fullRequest()
		req.Username, req.ClientID = "allow", "rules"
		for _, v := range []struct {
			name   string
			binary []byte
			close  bool
		}{{"bare", binary, false}, {"engine", binary, true}, {"metered", metered(b, binary), false}} {
			b.Run(name+"/"+v.name, func(b *testing.B) {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				i := variant(b, p, v.binary, v.close)
				begin := cpu()
				for b.Loop() {
					r := &request{auth: req, done: func(auth.Verdict) {}}
					r.id, r.inst = i.w.nextID(), i
					i.live[r.id] = r
					if _, err := i.ask(r); err != nil {
						b.Fatal(err)
					}
					delete(i.live, r.id)
				}
				b.ReportMetric(float64(cpu()-begin)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}
