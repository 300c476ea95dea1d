package wasm

import (
	"testing"
	"time"
)

func TestBreakerStates(t *testing.T) {
	var b breaker
	now := time.Unix(1_000_000, 0)
	for range 3 * breakerFailures { // slowly: never opens
		b.failure(now)
		now = now.Add(breakerWindow/(breakerFailures-1) + time.Second)
	}
	if b.current() != BreakerClosed {
		t.Fatal("opened by failures that were far apart")
	}
	now = now.Add(breakerWindow)
	for n := range breakerFailures {
		if opened := b.failure(now); opened != (n == breakerFailures-1) {
			t.Fatalf("failure %d: opened %v", n+1, opened)
		}
	}
	wait := breakerFirst
	for range 8 {
		if b.allow(now.Add(wait - 1)) {
			t.Fatalf("asked before %v", wait)
		}
		b.success() // an answer from before it opened
		if b.current() != BreakerOpen {
			t.Fatal("closed by an old answer")
		}
		now = now.Add(wait)
		if !b.allow(now) || b.allow(now.Add(breakerProbe-1)) {
			t.Fatal("half open: one request per second")
		}
		if !b.failure(now) {
			t.Fatal("a failed probe must open it again")
		}
		wait = min(2*wait, breakerLongest)
	}
	now = now.Add(wait)
	if !b.allow(now) {
		t.Fatal("no probe")
	}
	b.success()
	if b.current() != BreakerClosed || !b.allow(now) {
		t.Fatal("not closed by a good probe")
	}
	if b.failure(now) {
		t.Fatal("old failures still count")
	}
}
