package load

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// A clock turned by hand: messages are due at their times, none twice, none
// left out, however unevenly somebody looks.
func TestScheduleGivesEachMessageOnce(t *testing.T) {
	s := schedule{start: 1000, interval: 250}
	steps := []struct {
		now      int64
		first, n int
	}{
		{0, 0, 0},    // before the start
		{1000, 0, 1}, // message 0 is due at the start
		{1249, 1, 0}, // the next one is not yet
		{1250, 1, 1}, // now it is
		{2600, 2, 5}, // a stall: those of 1500 to 2500
		{2600, 7, 0}, // looking again gives nothing
		{2400, 7, 0}, // nor does a clock that went back
		{2750, 7, 1},
	}
	for _, step := range steps {
		if first, n := s.due(step.now); first != step.first || n != step.n {
			t.Errorf("at %d: %d messages from %d, want %d from %d", step.now, n, first, step.n, step.first)
		}
	}
}

func TestScheduleTimes(t *testing.T) {
	s := schedule{start: 10, interval: 1e9 / 3} // three a second: not a whole number
	for k, want := range map[int]int64{0: 10, 1: 333_333_343, 3: 1_000_000_010, 3_000_000: 1_000_000_000_000_010} {
		if got := s.at(k); got < want-1 || got > want+1 {
			t.Errorf("message %d at %d, want %d", k, got, want)
		}
	}
	every := schedule{start: 5}
	if every.at(1000) != 5 {
		t.Error("without an interval everything is due at the start")
	}
}

func TestPacerWakesForTheNextMessage(t *testing.T) {
	l := &Load{schedule: schedule{start: 0, interval: 1e6}}
	if got := l.nextDue(2_100_000); got != 3_000_000 {
		t.Errorf("wakes at %d, want at the message of 3 ms", got)
	}
	if got := l.nextDue(2_999_000); got != 2_999_000+50_000 {
		t.Errorf("wakes at %d, want not before 50 µs have passed", got)
	}
}

// The histogram agrees with a sorted slice of the same values within its
// three digits.
func TestHistogramAgreesWithSorting(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	h := newHistogram()
	var values []int64
	for range 200_000 {
		v := int64(20_000 + random.ExpFloat64()*200_000)
		if random.IntN(250) == 0 {
			v *= 100 // a tail
		}
		values = append(values, v)
		record(h, v)
	}
	slices.Sort(values)
	for _, q := range []float64{1, 50, 90, 99, 99.9, 99.99, 100} {
		want := values[min(len(values)-1, int(q/100*float64(len(values))))]
		if q == 100 {
			want = values[len(values)-1]
		}
		got := h.ValueAtQuantile(q)
		if diff := float64(got-want) / float64(want); diff < -0.01 || diff > 0.01 {
			t.Errorf("p%v is %d, sorting says %d", q, got, want)
		}
	}
	record(h, -5)
	record(h, int64(time.Hour))
	if h.Max() < int64(time.Minute) || h.TotalCount() != 200_002 {
		t.Errorf("values out of range are not kept at its ends: max %d, count %d", h.Max(), h.TotalCount())
	}
}

// The rest grows while turns bring too little, shrinks when they bring plenty,
// and ends.
func TestModerator(t *testing.T) {
	var rests []time.Duration
	m := &moderator{round: 4, goal: 8, sleep: func(d time.Duration) { rests = append(rests, d) }}
	for range 4 * 100 {
		m.turn(1)
	}
	if len(rests) != 100 || rests[0] != minNap || rests[99] != maxNap || !slices.IsSorted(rests) {
		t.Fatalf("with one message a turn: %d rests, %v to %v", len(rests), rests[0], rests[len(rests)-1])
	}
	before := m.nap
	for range 4 {
		m.turn(12)
	}
	if m.nap != before {
		t.Errorf("a turn with 12 messages is good, but the rest changed from %v to %v", before, m.nap)
	}
	for range 4 * 100 {
		m.turn(100)
	}
	if m.nap != 0 {
		t.Errorf("with 100 messages a turn it rests %v", m.nap)
	}
	if m := newModerator(&Spec{QoS: 1, Fan: 1, Publishers: 100, Subscribers: 1, Window: 64}); m.round != 101 || m.goal != 8 {
		t.Errorf("a fan-in of 100 rests after %d turns and wants %d packets of each", m.round, m.goal)
	}
	if open := newModerator(&Spec{Rate: 1, Fan: 1}); open != nil {
		t.Error("an open loop rests")
	}
}
