package main

import (
	"math"
	"os"
	"runtime/debug"

	"github.com/wicketmq/wicket/engine/config"
)

// collect tells the garbage collector what the configuration says, unless the
// environment says it.
func collect(m config.Memory) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(m.GCPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		limit := int64(m.Limit)
		if limit == 0 {
			limit = math.MaxInt64
		}
		debug.SetMemoryLimit(limit)
	}
}
