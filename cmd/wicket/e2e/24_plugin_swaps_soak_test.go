//go:build soak

package e2e

import (
	"testing"
	"time"
)

// D4 in full: ten swaps a second for a minute between three versions, on to a
// thousand, and then with versions among them that nobody has seen before, which
// have to be compiled.
func TestSoakPluginSwaps(t *testing.T) {
	const swaps = 1000
	never := func(int) bool { return false }
	s := newPluginSwaps(t)
	end := s.storm(t, time.Millisecond)
	for range order { // each is compiled once
		s.next(t, false)
	}
	minute := s.ticks(t, 600, never)
	if minute.missed > 600/50 {
		t.Errorf("%d ticks of 600 missed", minute.missed)
	}
	for len(s.memory) < swaps {
		s.next(t, false)
	}
	at := func(n int) float64 { return mean(s.memory[n-50 : n]) }
	slope := slopeOf(s.memory[100:])
	t.Logf("resident memory: %.1f MB at 100 swaps, %.1f MB at 500, %.1f MB at %d; %+.2f MB for 100 swaps", at(100), at(500), at(swaps), swaps, 100*slope)
	if slope*swaps > 0.1*at(100) {
		t.Errorf("memory grows by %.1f MB in %d swaps", slope*swaps, swaps)
	}
	s.ticks(t, 600, func(i int) bool { return i%100 == 50 })
	end()
	t.Logf("resident memory after unseen versions: %.1f MB", s.p.resident(t))
	s.judge(t)
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
