//go:build soak

package e2e

import (
	"slices"
	"testing"
	"time"
)

// D4 in full: ten swaps a second between three versions, a thousand of them,
// then a thousand as fast as they go, and then with versions among them that
// nobody has seen before, which have to be compiled. Memory is flat at each pace;
// at a faster one more instances are on their way out at a time.
func TestSoakPluginSwaps(t *testing.T) {
	const swaps = 1000
	never := func(int) bool { return false }
	s := newPluginSwaps(t)
	end := s.storm(t, time.Millisecond)
	for range order { // each is compiled once
		s.next(t, false)
	}
	begin := len(s.memory)
	minutes := s.ticks(t, swaps, never)
	if minutes.missed > swaps/50 {
		t.Errorf("%d ticks of %d missed", minutes.missed, swaps)
	}
	s.flat(t, "ten a second", begin)
	begin = len(s.memory)
	for range swaps {
		s.next(t, false)
	}
	s.flat(t, "one after the other", begin)
	s.ticks(t, 600, func(i int) bool { return i%100 == 50 })
	end()
	t.Logf("resident memory after unseen versions: %.1f MB", s.p.resident(t))
	s.judge(t)
}

// flat checks that memory has not grown since the first hundred swaps
// after the swap begin.
func (s *pluginSwaps) flat(t *testing.T, pace string, begin int) {
	t.Helper()
	memory := s.memory[begin:]
	n := len(memory)
	at := func(i int) float64 { return mean(memory[i-50 : i]) }
	slope := slopeOf(memory[100:])
	t.Logf("%s, resident memory: %.1f MB at 150 swaps, %.1f MB at %d, %.1f MB at %d; %+.2f MB for 100 swaps",
		pace, at(150), at(n/2), n/2, at(n), n, 100*slope)
	if slope*float64(n) > 0.1*at(150) {
		t.Errorf("%s, memory grows by %.1f MB in %d swaps", pace, slope*float64(n), n)
	}
}

// swapTicks is what came of a number of ticks.
type swapTicks struct {
	during        time.Duration
	known, unseen []time.Duration // what the swaps took, sorted: to a version that was there before, and to one that was not
	missed        int             // ticks that were over before the swaps before them were done
}

// tick is the time from one swap to the next.
const tick = 100 * time.Millisecond

// ticks has n times to swap for the next version, unless the swap before is still
// under way. unseen says when that is a file that nobody has seen before.
func (s *pluginSwaps) ticks(t *testing.T, n int, unseen func(i int) bool) (f swapTicks) {
	t.Helper()
	fresh := false
	began := time.Now()
	for i := range n {
		fresh = fresh || unseen(i)
		due := began.Add(time.Duration(i) * tick)
		if time.Since(due) > tick {
			f.missed++
			continue
		}
		time.Sleep(time.Until(due))
		took := &f.known
		if fresh {
			took = &f.unseen
		}
		*took = append(*took, s.next(t, fresh))
		fresh = false
	}
	time.Sleep(time.Until(began.Add(time.Duration(n) * tick)))
	f.during = time.Since(began)
	slices.Sort(f.known)
	slices.Sort(f.unseen)
	t.Logf("%d ticks in %s: %d swaps to known versions, done after p50 %s, p99 %s; %d to unseen ones, p50 %s, at most %s; %d ticks missed",
		n, f.during.Round(time.Millisecond), len(f.known), percentile(f.known, 50), percentile(f.known, 99),
		len(f.unseen), percentile(f.unseen, 50), percentile(f.unseen, 100), f.missed)
	return f
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
