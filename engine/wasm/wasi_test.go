package wasm

import (
	"bytes"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
)

// TestWASIBounded: what a guest may hand to a function of WASI does not decide
// how long the host takes, nor how much of its memory.
func TestWASIBounded(t *testing.T) {
	var log bytes.Buffer
	h := newHost(t, HostOptions{Log: slog.New(slog.NewTextHandler(&log, nil))})
	p := open(t, h, Options{Workers: 1, Module: guest(t, "wasi"), Limits: Limits{AuthenticateSlice: 10 * time.Second, Wall: time.Minute}})
	for _, client := range []string{"path", "vectors", "number", "read", "descriptor", "fault", "write"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if v := answer(t, p, client); v.Decision != auth.Allow {
			t.Errorf("%s: %+v", client, v)
		}
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
			t.Errorf("%s: %d bytes of the host's memory", client, grown)
		}
	}
	if !strings.Contains(log.String(), "msg=hello") {
		t.Errorf("logged %q", log.String())
	}
}
