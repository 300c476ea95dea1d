package main

import (
	"math"
	"runtime/debug"
	"testing"

	"github.com/wicketmq/wicket/engine/config"
)

// TestCollect: the configuration sets the collector, the environment goes
// first.
func TestCollect(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	defer func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) }()
	now := func() (int, int64) {
		p := debug.SetGCPercent(100)
		debug.SetGCPercent(p)
		return p, debug.SetMemoryLimit(-1)
	}
	for _, tc := range []struct {
		gogc, gomemlimit string
		given            config.Memory
		percent          int
		limit            int64
	}{
		{"", "", config.Memory{GCPercent: 50, Limit: 1 << 30}, 50, 1 << 30},
		{"", "", config.Memory{GCPercent: 100}, 100, math.MaxInt64},
		{"80", "", config.Memory{GCPercent: 50, Limit: 1 << 31}, 100, 1 << 31},
		{"", "3GiB", config.Memory{GCPercent: 30, Limit: 1 << 29}, 30, 1 << 31},
	} {
		t.Setenv("GOGC", tc.gogc)
		t.Setenv("GOMEMLIMIT", tc.gomemlimit)
		collect(tc.given)
		if p, l := now(); p != tc.percent || l != tc.limit {
			t.Errorf("%+v: %d %%, %d bytes", tc, p, l)
		}
	}
}
