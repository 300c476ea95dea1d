package reactor

import (
	"testing"
	"time"
)

// TLS-33: a burst of lines, then one a second, which says how many were left
// out; quiet seconds make room for a burst again, and no more.
func TestThrottle(t *testing.T) {
	var l throttle
	now := time.Unix(1000, 0)
	written := func(events int) (lines, skipped int) {
		for range events {
			if ok, n := l.allow(now); ok {
				lines, skipped = lines+1, skipped+n
			}
		}
		return lines, skipped
	}
	for i, step := range []struct {
		wait                   time.Duration
		events, lines, skipped int
	}{
		{0, 100, burst, 0},
		{999 * time.Millisecond, 100, 0, 0},
		{time.Millisecond, 100, 1, 190},
		{time.Second, 1, 1, 99},
		{time.Second, 1, 1, 0},
		{time.Hour, 100, burst, 0},
		{3 * time.Second, 100, 3, 90},
		{-time.Hour, 100, 0, 0}, // a clock that was set back
	} {
		now = now.Add(step.wait)
		if lines, skipped := written(step.events); lines != step.lines || skipped != step.skipped {
			t.Errorf("step %d: %d lines that tell of %d others, want %d and %d", i, lines, skipped, step.lines, step.skipped)
		}
	}
}
