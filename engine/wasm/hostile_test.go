package wasm

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/wasm/meter"
)

// collecting runs f while the garbage collector runs. Without the engine's
// termination checks a looping guest and one collection stop the process.
func collecting(t *testing.T, f func()) {
	t.Helper()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	collections := 0
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
				collections++
			}
		}
	})
	f()
	close(stop)
	wg.Wait()
	if collections == 0 {
		t.Error("no collection ended while the guest ran")
	}
}

// slack is how late the end of a slice may be noticed on a busy machine with
// the race detector and other tests; what is measured is in the timing tests.
const slack = 2 * time.Second

// TestLoopAtStart: whatever the guest's first steps are, they end at the slice.
func TestLoopAtStart(t *testing.T) {
	h := newHost(t, HostOptions{})
	for _, name := range []string{"loop_initialize", "loop_start", "loop_abi", "loop_buffer", "loop_load"} {
		t.Run(name, func(t *testing.T) {
			const slice = 50 * time.Millisecond
			begin := time.Now()
			collecting(t, func() {
				_, err := h.Open(context.Background(), Options{
					Name: "test", Module: guest(t, name), Limits: Limits{LoadSlice: slice},
				})
				if err == nil {
					t.Fatal("it was loaded")
				}
			})
			if took := time.Since(begin); took < slice || took > slice+slack {
				t.Errorf("took %v", took)
			}
		})
	}
}

// TestLoopLater: a guest that loops in a later export loses its instance, and
// the next request is served by another.
func TestLoopLater(t *testing.T) {
	h := newHost(t, HostOptions{})
	limits := Limits{AuthenticateSlice: 30 * time.Millisecond, AuthorizeSlice: 30 * time.Millisecond}
	t.Run("authenticate", func(t *testing.T) {
		p := open(t, h, Options{Workers: 1, Limits: limits})
		collecting(t, func() { denied(t, answer(t, p, "loop"), mqtt.ServerUnavailable) })
		recovered(t, p, FaultDeadline)
	})
	t.Run("authorize", func(t *testing.T) {
		p := open(t, h, Options{Workers: 1, Limits: limits})
		collecting(t, func() {
			c := make(chan auth.Verdict, 1)
			p.Authorize(&auth.Access{ClientID: "loop"}, func(v auth.Verdict) { c <- v })
			denied(t, wait(t, c), 0)
		})
		recovered(t, p, FaultDeadline)
	})
	t.Run("completed", func(t *testing.T) {
		p := open(t, h, Options{Workers: 1, Limits: limits, Module: guest(t, "loop_completed")})
		collecting(t, func() { denied(t, answer(t, p, "x"), mqtt.ServerUnavailable) })
		if n := p.Stats().Faults[FaultDeadline]; n != 1 {
			t.Errorf("%d deadline faults", n)
		}
	})
	t.Run("unload", func(t *testing.T) {
		p := open(t, h, Options{Workers: 1, Module: guest(t, "loop_unload")})
		begin := time.Now()
		collecting(t, func() {
			if err := p.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
		if took := time.Since(begin); took < unloadSlice || took > unloadSlice+slack {
			t.Errorf("took %v", took)
		}
	})
}

func denied(t *testing.T, v auth.Verdict, reason mqtt.Reason) {
	t.Helper()
	if v.Decision != auth.Deny || v.Reason != reason {
		t.Errorf("%+v, want a denial with %v", v, reason)
	}
}

// recovered checks that the plugin lost an instance for the given reason and
// serves again.
func recovered(t *testing.T, p *Plugin, kind FaultKind) {
	t.Helper()
	if n := p.Stats().Faults[kind]; n != 1 {
		t.Errorf("%d faults of kind %v; %v", n, kind, p.Stats().Faults)
	}
	if v := answer(t, p, "allow"); v.Decision != auth.Allow {
		t.Errorf("after the fault: %+v", v)
	}
}

// TestFaults: each kind of misbehaviour denies its request and those that wait
// on the same instance, and nothing else; another plugin does not notice.
func TestFaults(t *testing.T) {
	h := newHost(t, HostOptions{})
	bystander := open(t, h, Options{Name: "bystander", Workers: 1})
	for _, tc := range []struct {
		client string
		kind   FaultKind
	}{
		{"loop", FaultDeadline},
		{"zzz", FaultDeadline}, // sleeps for ten seconds
		{"unreachable", FaultAbort},
		{"stack", FaultStack},
		{"out of bounds", FaultMemory},
		{"exit", FaultExit},
		{"99", FaultMalformed},
		{"junk", FaultMalformed},
	} {
		t.Run(tc.client, func(t *testing.T) {
			t.Parallel()
			slice := 30 * time.Second // overflowing the stack takes a while
			if tc.kind == FaultDeadline {
				slice = 50 * time.Millisecond
			}
			p := open(t, h, Options{Workers: 1, Limits: Limits{AuthenticateSlice: slice, Wall: time.Minute}})
			pending := ask(p, "pending")
			culprit := ask(p, tc.client)
			next := ask(p, "allow")
			if v := answer(t, bystander, "allow"); v.Decision != auth.Allow {
				t.Errorf("bystander: %+v", v)
			}
			denied(t, wait(t, culprit), mqtt.ServerUnavailable)
			denied(t, wait(t, pending), mqtt.ServerUnavailable)
			if v := wait(t, next); v.Decision != auth.Allow {
				t.Errorf("queued request: %+v", v)
			}
			recovered(t, p, tc.kind)
		})
	}
}

// What a guest gives to resolve and nobody can read is answered by on_error, as
// every fault is (sdk/ABI.md sections 3 and 6).
func TestMalformedDecisionOnError(t *testing.T) {
	for policy, want := range map[auth.Decision]auth.Decision{auth.Deny: auth.Deny, auth.Next: auth.Next} {
		p := open(t, newHost(t, HostOptions{}), Options{Workers: 1, OnError: policy})
		if v := answer(t, p, "junk"); v.Decision != want {
			t.Errorf("on_error %v: %+v", policy, v)
		}
		until(t, "the fault is counted", func() bool { return p.Stats().Faults[FaultMalformed] == 1 })
		recovered(t, p, FaultMalformed)
	}
}

// TestWildPointers gives every import pointers and lengths that lead outside.
func TestWildPointers(t *testing.T) {
	h := newHost(t, HostOptions{})
	for imp := range 8 {
		for kind := range 5 {
			client := fmt.Sprintf("w%d%d", imp, kind)
			t.Run(client, func(t *testing.T) {
				t.Parallel()
				p := open(t, h, Options{Workers: 1, Limits: Limits{MemoryPages: 16}})
				v := answer(t, p, client)
				s := p.Stats()
				if imp < 5 { // module wicket: a bad pointer is a trap
					denied(t, v, mqtt.ServerUnavailable)
					if s.Faults[FaultPointer] != 1 {
						t.Errorf("faults %v", s.Faults)
					}
				}
				if v := answer(t, p, "allow"); v.Decision != auth.Allow {
					t.Errorf("next request: %+v", v)
				}
			})
		}
	}
}

// TestGrow: memory ends at the limit, and the guest is told so.
func TestGrow(t *testing.T) {
	p := open(t, newHost(t, HostOptions{}), Options{Workers: 1, Limits: Limits{MemoryPages: 64}})
	if v := answer(t, p, "more"); v.Decision != auth.Allow {
		t.Errorf("%+v", v)
	}
	// Grown to the limit, the instance is replaced without a fault.
	until(t, "recycled", func() bool { return p.Stats().Recycled == 1 })
	if s := p.Stats(); len(s.Faults) > 0 || s.Up != 1 {
		t.Errorf("%+v", s)
	}
}

// TestRecycleKeepsPending: the requests of a grown instance are answered by
// it, after its replacement has begun to serve.
func TestRecycleKeepsPending(t *testing.T) {
	p := open(t, newHost(t, HostOptions{}), Options{Workers: 1, Limits: Limits{MemoryPages: 64}})
	pending := ask(p, "pending")
	verify := ask(p, "verify")
	if v := answer(t, p, "more"); v.Decision != auth.Allow {
		t.Errorf("%+v", v)
	}
	until(t, "recycled", func() bool { return p.Stats().Recycled == 1 })
	if v := wait(t, verify); v.Decision != auth.Allow {
		t.Errorf("a host call across the change: %+v", v)
	}
	if v := answer(t, p, "allow"); v.Decision != auth.Allow {
		t.Errorf("the replacement: %+v", v)
	}
	if s := p.Stats(); s.InFlight != 1 {
		t.Errorf("in flight %d, want the pending one", s.InFlight)
	}
	select {
	case v := <-pending:
		t.Errorf("%+v", v)
	default:
	}
}

// TestFlood: a write of a thousand times the whole memory costs little.
func TestFlood(t *testing.T) {
	p := open(t, newHost(t, HostOptions{}), Options{Workers: 1, Limits: Limits{AuthenticateSlice: time.Second}})
	begin := time.Now()
	if v := answer(t, p, "flood"); v.Decision != auth.Allow {
		t.Errorf("%+v", v)
	}
	if took := time.Since(begin); took > slack {
		t.Errorf("took %v", took)
	}
}

// TestBreaker: a guest that traps for every request is soon not asked at all,
// and is asked again later.
func TestBreaker(t *testing.T) {
	for _, policy := range []auth.Decision{auth.Deny, auth.Next} {
		t.Run(policyText(policy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := open(t, newHost(t, HostOptions{}), Options{Workers: 2, OnError: policy})
				for range 200 { // a hundred a second
					if v := <-ask(p, "unreachable"); v.Decision != policy {
						t.Fatalf("%+v", v)
					}
					time.Sleep(10 * time.Millisecond)
				}
				s := p.Stats()
				if s.Breaker != BreakerOpen || s.Faults[FaultAbort] > 10 || s.Rejected < 150 {
					t.Errorf("%+v", s)
				}
				time.Sleep(breakerLongest)
				if v := <-ask(p, "allow"); v.Decision != auth.Allow || p.Stats().Breaker != BreakerClosed {
					t.Errorf("%+v, breaker %v", v, p.Stats().Breaker)
				}
			})
		})
	}
}

// TestRestartFails: replacements that do not start are counted, tried again
// ever later, and do not hold up Close.
func TestRestartFails(t *testing.T) {
	p := open(t, newHost(t, HostOptions{}), Options{Workers: 1, Limits: Limits{LoadSlice: 20 * time.Millisecond}})
	good := p.compiled
	bad, err := p.runtime.CompileModule(context.Background(), metered(t, guest(t, "loop_initialize")))
	if err != nil {
		t.Fatal(err)
	}
	p.compiled = bad
	answer(t, p, "unreachable")
	until(t, "two failed starts", func() bool { return p.Stats().Faults[FaultStart] == 2 })
	if s := p.Stats(); s.Up != 0 || s.Restarts != 0 {
		t.Errorf("%+v", s)
	}
	until(t, "the breaker opens", func() bool {
		ask(p, "allow")
		return p.Stats().Breaker == BreakerOpen && p.Stats().InFlight == 0
	})
	denied(t, answer(t, p, "allow"), mqtt.ServerUnavailable)
	if err := p.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if err := good.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestCloseDuringStart: a replacement that is stuck does not hold up Close.
func TestCloseDuringStart(t *testing.T) {
	for _, name := range []string{"loop_initialize", "sleep_initialize"} {
		t.Run(name, func(t *testing.T) {
			p := open(t, newHost(t, HostOptions{}), Options{Workers: 1, Limits: Limits{LoadSlice: time.Hour}})
			good := p.compiled
			bad, err := p.runtime.CompileModule(context.Background(), metered(t, guest(t, name)))
			if err != nil {
				t.Fatal(err)
			}
			p.compiled = bad
			answer(t, p, "unreachable")
			time.Sleep(2 * backoffFirst) // the start has begun, or else the test proves less
			begin := time.Now()
			if err := p.Close(context.Background()); err != nil {
				t.Error(err)
			}
			if took := time.Since(begin); took > slack {
				t.Errorf("took %v", took)
			}
			if err := good.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}

// metered returns a module as it is compiled.
func metered(t testing.TB, binary []byte) []byte {
	t.Helper()
	b, err := meter.Rewrite(binary)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rss returns the resident anonymous memory of the process.
func rss(t *testing.T) int64 {
	t.Helper()
	if raceEnabled {
		t.Skip("race detector")
	}
	debug.FreeOSMemory()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("no /proc")
	}
	for line := range strings.Lines(string(b)) {
		if text, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			n, err := strconv.ParseInt(strings.Fields(text)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Skip("no RssAnon")
	return 0
}

// TestMemoryReturns: what guests took by growing and by recursion is given
// back to the system.
func TestMemoryReturns(t *testing.T) {
	h := newHost(t, HostOptions{})
	p := open(t, h, Options{Workers: 1, Limits: Limits{AuthenticateSlice: 30 * time.Second, Wall: time.Minute}})
	answer(t, p, "allow")
	before := rss(t)
	for range 3 {
		denied(t, answer(t, p, "stack"), mqtt.ServerUnavailable)
		answer(t, p, "grow")
		if v := answer(t, p, "allow"); v.Decision != auth.Allow {
			t.Fatalf("%+v", v)
		}
	}
	const room = 8 << 20
	until(t, "memory is back", func() bool { return rss(t) < before+before/10+room })
}

// TestInstancesReturn: opening and closing leaves nothing behind.
func TestInstancesReturn(t *testing.T) {
	h := newHost(t, HostOptions{})
	cycle := func() {
		p := open(t, h, Options{Workers: 4})
		for range 4 {
			answer(t, p, "grow")
		}
		if err := p.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	cycle()
	before := rss(t)
	for range 50 {
		cycle()
	}
	if after := rss(t); after > before+before/10+4<<20 {
		t.Errorf("%d KiB before, %d KiB after 50 reloads", before>>10, after>>10)
	}
}

// TestLogFlood: a guest may log without end, but only so much is passed on.
func TestLogFlood(t *testing.T) {
	var out bytes.Buffer
	h := newHost(t, HostOptions{Log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	p := open(t, h, Options{Workers: 1})
	begin := time.Now()
	for range 50 * logBurst {
		p.workers[0].p.guestLog.line(slog.LevelInfo, "again")
	}
	if n := bytes.Count(out.Bytes(), []byte{'\n'}); n > logBurst+int(time.Since(begin).Seconds()*logRate)+10 {
		t.Errorf("%d lines", n)
	}
}
