package wheel

import (
	"math/rand/v2"
	"testing"
)

type recorder struct {
	timer Timer
	fired []Tick
	again func(now Tick)
}

func (r *recorder) Expire(now Tick) {
	r.fired = append(r.fired, now)
	if r.again != nil {
		r.again(now)
	}
}

func TestTimersFireOnceAtTheirTick(t *testing.T) {
	cases := []struct {
		name    string
		at      Tick
		advance []Tick
		want    Tick
	}{
		{"next tick", 2, []Tick{2}, 2},
		{"in the past", 1, []Tick{2}, 2},
		{"one revolution away", 1 + slots, []Tick{slots, 1 + slots}, 1 + slots},
		{"several revolutions", 5*slots + 7, []Tick{slots + 7, 5*slots + 6, 5*slots + 7}, 5*slots + 7},
		{"jumped over", 10, []Tick{4000}, 4000},
		{"jumped over by less than a revolution", 10, []Tick{9, 100}, 100},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w, r := New(), &recorder{}
			w.Arm(&r.timer, r, c.at)
			for _, now := range c.advance {
				w.Advance(now)
			}
			w.Advance(c.advance[len(c.advance)-1] + 3*slots)
			if len(r.fired) != 1 || r.fired[0] != c.want {
				t.Fatalf("fired at %v, want once at %d", r.fired, c.want)
			}
			if w.Len() != 0 || r.timer.Armed() {
				t.Fatalf("timer still armed after it fired")
			}
		})
	}
}

func TestArmReplacesAndDisarmStops(t *testing.T) {
	w, r := New(), &recorder{}
	w.Arm(&r.timer, r, 5)
	w.Arm(&r.timer, r, 9)
	if w.Len() != 1 {
		t.Fatalf("Len = %d, want 1", w.Len())
	}
	w.Advance(8)
	if len(r.fired) != 0 {
		t.Fatalf("the replaced deadline fired")
	}
	w.Disarm(&r.timer)
	w.Disarm(&r.timer)
	w.Advance(100)
	if len(r.fired) != 0 || w.Len() != 0 {
		t.Fatalf("fired %v, Len %d after Disarm", r.fired, w.Len())
	}
}

func TestAnExpirerMayArmItselfAndDisarmOthers(t *testing.T) {
	w := New()
	a, b := &recorder{}, &recorder{}
	a.again = func(now Tick) {
		w.Disarm(&b.timer)
		w.Arm(&a.timer, a, now) // in the past: the next Advance, not this one
	}
	w.Arm(&a.timer, a, 3)
	w.Arm(&b.timer, b, 3)
	w.Advance(3)
	if len(a.fired) != 1 || len(b.fired) != 0 {
		t.Fatalf("a fired %v, b fired %v; want one and none", a.fired, b.fired)
	}
	w.Advance(4)
	if len(a.fired) != 2 {
		t.Fatalf("a fired %v, want twice", a.fired)
	}
}

func TestSecondsSaturates(t *testing.T) {
	if got := Seconds(90); got != 900 {
		t.Errorf("Seconds(90) = %d", got)
	}
	if got := Seconds(1<<32 - 1); got != 1<<32-1 {
		t.Errorf("Seconds(max) = %d", got)
	}
}

// Random arming, disarming and jumps agree with a list that is searched.
func TestAgreesWithANaiveModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	w := New()
	timers := make([]recorder, 200)
	due := make(map[int]Tick)
	for range 20_000 {
		i := rng.IntN(len(timers))
		switch rng.IntN(4) {
		case 0:
			w.Disarm(&timers[i].timer)
			delete(due, i)
		case 1, 2:
			at := w.Now() + Tick(rng.IntN(3*slots))
			w.Arm(&timers[i].timer, &timers[i], at)
			due[i] = at
		case 3:
			now := w.Now() + Tick(rng.IntN(40))
			moved := now > w.Now()
			w.Advance(now)
			for k := range timers {
				at, armed := due[k]
				fires := armed && moved && at <= now
				if got := len(timers[k].fired) > 0; got != fires {
					t.Fatalf("timer %d at %d, now %d: fired %v, want %v", k, at, now, got, fires)
				}
				if fires {
					delete(due, k)
					timers[k].fired = nil
				}
			}
		}
		if w.Len() != len(due) {
			t.Fatalf("Len = %d, model has %d", w.Len(), len(due))
		}
	}
}

func TestArmAndAdvanceAllocateNothing(t *testing.T) {
	w, r := New(), &recorder{fired: make([]Tick, 0, 1<<16)}
	if n := testing.AllocsPerRun(1000, func() {
		w.Arm(&r.timer, r, w.Now()+1)
		w.Advance(w.Now() + 1)
	}); n != 0 {
		t.Fatalf("%v allocations per arm and fire, want 0", n)
	}
}

func BenchmarkArm(b *testing.B) {
	w := New()
	timers := make([]recorder, 1<<16)
	for i := 0; b.Loop(); i++ {
		r := &timers[i&(1<<16-1)]
		w.Arm(&r.timer, r, w.Now()+Tick(i&1023)+1)
	}
}
