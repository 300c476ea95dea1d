package reactor

import (
	"log/slog"
	"strings"
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

// TLS-29, TLS-33: scanners, whom nobody is told of, do not take the lines of
// clients that were refused.
func TestScannersHideNobody(t *testing.T) {
	var log lines
	w := newWorld(t, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	for range 2 * burst {
		c := w.raw(1)
		_, _ = c.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
		if err := closedByServer(c); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(log.String(), "not_tls") {
		t.Error("a scanner is logged at this level")
	}
	c := w.raw(1)
	_, _ = c.Write([]byte("\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00"))
	_ = closedByServer(c)
	eventually(t, "the line about a refused handshake", func() bool { return strings.Contains(log.String(), "TLS handshake refused") })
}
