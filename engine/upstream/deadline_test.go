package upstream

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestDeadlines: whatever comes and goes, the first is the earliest.
func TestDeadlines(t *testing.T) {
	var d deadlines
	there := map[*call]bool{}
	begin := time.Now()
	for range 20_000 {
		if rand.N(5) < 3 {
			c := &call{until: begin.Add(time.Duration(rand.N(100)))}
			d.push(c)
			there[c] = true
		} else {
			for c := range there { // any of them
				d.remove(c)
				d.remove(c) // it is not there
				delete(there, c)
				break
			}
		}
		if len(d) != len(there) {
			t.Fatalf("%d, not %d", len(d), len(there))
		}
		for i, c := range d {
			if !there[c] || int(c.place) != i+1 || i > 0 && c.until.Before(d[(i-1)/2].until) {
				t.Fatalf("at %d: %+v", i, c)
			}
		}
		if len(d) > 30 {
			d, there = nil, map[*call]bool{}
		}
	}
}

// TestDeadlineOrder: one clock serves calls with any times, in whatever order
// they come, and rings no more when there are none.
func TestDeadlineOrder(t *testing.T) {
	inBubble(t, Options{PoolSize: 1}, up, func(t *testing.T, w *world, _ *Set, u *Upstream) {
		w.takes.Store(int64(time.Hour))
		synctest.Wait()
		began := time.Now()
		var took [5]atomic.Int64
		for i, s := range []int{3, 1, 4, 2, 5} {
			u.Send(t.Context(), Request{Timeout: time.Duration(s) * time.Second}, func(_ Response, err error) {
				if kind(t, err) != Timeout {
					t.Error(err)
				}
				took[i].Store(int64(time.Since(began)))
			})
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		for i, s := range []int{3, 1, 4, 2, 5} {
			if d := time.Duration(took[i].Load()); d > time.Duration(s)*time.Second || d == 0 {
				t.Errorf("%d s: over after %v", s, d)
			}
		}
		u.mu.Lock()
		defer u.mu.Unlock()
		if len(u.deadlines) != 0 || !u.rings.IsZero() {
			t.Errorf("%d deadlines, rings %v", len(u.deadlines), u.rings)
		}
	})
}
