package cases

import (
	"context"
	"log/slog"
	"strings"
	"sync"
)

// journal is a slog.Handler that keeps what a plugin and its host log.
type journal struct {
	mu    sync.Mutex
	lines []line
}

type line struct {
	guest bool
	text  string
}

// Enabled implements slog.Handler.
func (j *journal) Enabled(context.Context, slog.Level) bool { return true }

// WithAttrs implements slog.Handler: there is one plugin at a time.
func (j *journal) WithAttrs([]slog.Attr) slog.Handler { return j }

// WithGroup implements slog.Handler.
func (j *journal) WithGroup(string) slog.Handler { return j }

// Handle implements slog.Handler.
func (j *journal) Handle(_ context.Context, r slog.Record) error {
	l := line{text: strings.ToLower(r.Level.String()) + " " + r.Message}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "from" {
			l.guest = true
			return true
		}
		l.text += " " + a.Key + "=" + a.Value.String()
		return true
	})
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, l)
	return nil
}

func (j *journal) clear() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = nil
}

func (j *journal) len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.lines)
}

// guest are the lines of the guest from a line on.
func (j *journal) guest(from int) (out []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range j.lines[from:] {
		if l.guest {
			out = append(out, l.text)
		}
	}
	return out
}

// all are the lines so far.
func (j *journal) all() (out []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range j.lines {
		from := "broker: "
		if l.guest {
			from = "plugin: "
		}
		out = append(out, from+l.text)
	}
	return out
}
