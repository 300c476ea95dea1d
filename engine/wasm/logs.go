package wasm

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Limits of what a guest may log.
const (
	logLine  = 4 << 10 // bytes of a line that are kept
	logBurst = 100     // lines at once
	logRate  = 20      // lines a second after that
	logCall  = 1 << 20 // bytes written to stdout and stderr in one guest call
)

// guestLog passes the lines of one plugin's guests to the broker's log, at a
// bounded rate. It is shared by the plugin's workers.
type guestLog struct {
	log *slog.Logger

	mu      sync.Mutex
	tokens  float64
	last    time.Time
	dropped uint64
}

// take asks to log one line.
func (g *guestLog) take(now time.Time) (ok bool, dropped uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.last.IsZero() {
		g.tokens = logBurst
	} else {
		g.tokens = min(logBurst, g.tokens+now.Sub(g.last).Seconds()*logRate)
	}
	g.last = now
	if g.tokens < 1 {
		g.dropped++
		return false, 0
	}
	g.tokens--
	dropped, g.dropped = g.dropped, 0
	return true, dropped
}

func (g *guestLog) line(level slog.Level, text string) (passed bool) {
	ok, dropped := g.take(time.Now())
	if !ok {
		return false
	}
	if dropped > 0 {
		g.log.Warn("plugin logs too much; lines were dropped", "lines", dropped)
	}
	g.log.Log(context.Background(), level, text, "from", "guest")
	return true
}

// level maps the ABI's levels: 0 debug, 1 info, 2 warn, 3 error.
func level(n int32) slog.Level {
	switch {
	case n <= 0:
		return slog.LevelDebug
	case n == 1:
		return slog.LevelInfo
	case n == 2:
		return slog.LevelWarn
	}
	return slog.LevelError
}

// errOutput ends a guest's write that is far too long.
var errOutput = errors.New("too much output")

// console is the stdout and stderr of one instance. It logs whole lines and
// keeps the first ones of a call, which name the cause when a Go or Rust guest
// panics.
type console struct {
	out   func(text string)
	part  []byte
	room  int    // bytes left in this call
	first string // first lines of this call
}

// begin starts a new guest call.
func (c *console) begin() {
	c.room = logCall
	c.first = ""
}

// Write implements io.Writer. The error makes fd_write stop: the vectors of
// one call may describe the guest's whole memory a million times.
func (c *console) Write(p []byte) (int, error) {
	if len(p) > c.room {
		return 0, errOutput
	}
	c.room -= len(p)
	n := len(p)
	for {
		line, rest, found := bytes.Cut(p, []byte{'\n'})
		if room := logLine - len(c.part); room > 0 {
			c.part = append(c.part, line[:min(len(line), room)]...)
		}
		if !found {
			return n, nil
		}
		c.flush()
		p = rest
	}
}

func (c *console) flush() {
	text := strings.TrimRight(string(c.part), "\r ")
	c.part = c.part[:0]
	if text == "" {
		return
	}
	if len(c.first) < 512 {
		c.first = strings.TrimPrefix(c.first+"; "+text, "; ")
	}
	c.out(text)
}
