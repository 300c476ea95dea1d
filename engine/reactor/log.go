package reactor

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// gnetLogger hands gnet's own messages to slog.
type gnetLogger struct{ log *slog.Logger }

func (g gnetLogger) Debugf(f string, a ...any) {}
func (g gnetLogger) Infof(f string, a ...any)  { g.log.Debug("gnet: " + fmt.Sprintf(f, a...)) }
func (g gnetLogger) Warnf(f string, a ...any)  { g.log.Debug("gnet: " + fmt.Sprintf(f, a...)) }
func (g gnetLogger) Errorf(f string, a ...any) { g.log.Error("gnet: " + fmt.Sprintf(f, a...)) }

// Fatalf only logs: a library does not end the process.
func (g gnetLogger) Fatalf(f string, a ...any) { g.log.Error("gnet: " + fmt.Sprintf(f, a...)) }

// throttle lets a burst of lines through and then one line a second, which
// says how many it has swallowed. It is safe for any goroutine.
type throttle struct {
	mu      sync.Mutex
	tokens  int
	last    time.Time
	skipped int
}

// burst is how many lines may come at once.
const burst = 10

// allow reports whether a line may be written now, and how many were not
// written since the last one that was.
func (t *throttle) allow(now time.Time) (ok bool, skipped int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last.IsZero() {
		t.tokens = burst
		t.last = now
	}
	if whole := int(now.Sub(t.last) / time.Second); whole > 0 {
		t.tokens = min(burst, t.tokens+whole)
		t.last = t.last.Add(time.Duration(whole) * time.Second)
	}
	if t.tokens == 0 {
		t.skipped++
		return false, 0
	}
	t.tokens--
	skipped, t.skipped = t.skipped, 0
	return true, skipped
}
