//go:build soak

package e2e

import (
	"testing"
	"time"
)

// D4 in full: ten swaps a second for a minute, and on to a thousand.
func TestSoakPluginSwaps(t *testing.T) {
	const swaps = 1000
	s := newPluginSwaps(t)
	s.run(t, swaps, 100*time.Millisecond, time.Millisecond)
	at := func(n int) float64 { return mean(s.memory[n-50 : n]) }
	slope := slopeOf(s.memory[100:])
	t.Logf("resident memory: %.1f MB at 100 swaps, %.1f MB at 500, %.1f MB at %d; %+.2f MB for 100 swaps", at(100), at(500), at(swaps), swaps, 100*slope)
	if slope*swaps > 0.1*at(100) {
		t.Errorf("memory grows by %.1f MB in %d swaps", slope*swaps, swaps)
	}
}

func mean(y []float64) (m float64) {
	for _, v := range y {
		m += v / float64(len(y))
	}
	return m
}

// slopeOf is the slope of the line that fits the values best, for each step.
func slopeOf(y []float64) float64 {
	x0, y0, xy, xx := float64(len(y)-1)/2, mean(y), 0.0, 0.0
	for i, v := range y {
		xy += (float64(i) - x0) * (v - y0)
		xx += (float64(i) - x0) * (float64(i) - x0)
	}
	return xy / xx
}
