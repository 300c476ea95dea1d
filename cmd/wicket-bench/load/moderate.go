package load

import "time"

// moderator rests the loop of a saturated load so that a system call brings
// several messages: a broker that writes them one by one would else make the
// load as busy as itself. The rest is as short as reaches the goal, and the
// windows are large enough for the broker not to notice: it never waits for
// the load. An open loop, which measures latencies, never rests.
type moderator struct {
	round   int // turns between rests: about one for each receiving socket
	goal    int // packets that a turn is to bring
	nap     time.Duration
	turns   int
	packets int
	sleep   func(time.Duration)
}

// The bounds of a rest.
const (
	minNap = 100 * time.Microsecond
	maxNap = 50 * time.Millisecond
)

func newModerator(s *Spec) *moderator {
	if s.Rate > 0 || s.Fan == 0 {
		return nil
	}
	m := &moderator{round: max(s.Subscribers, 1), goal: min(8, s.Window/4), sleep: time.Sleep}
	if s.QoS > 0 {
		m.round += s.Publishers // they receive acknowledgements
	}
	if s.Fan > 1 {
		m.goal = 2 * s.batch() // one read for two of the broker's writes
	}
	return m
}

// turn is called after each turn with the number of packets it brought.
func (m *moderator) turn(packets int) {
	if m == nil {
		return
	}
	m.turns++
	m.packets += packets
	if m.turns < m.round {
		return
	}
	switch each := m.packets / m.turns; {
	case each < m.goal:
		m.nap = min(max(m.nap+m.nap/4, minNap), maxNap)
	case each > 2*m.goal:
		m.nap -= m.nap / 4
		if m.nap < minNap {
			m.nap = 0
		}
	}
	m.turns, m.packets = 0, 0
	if m.nap > 0 {
		m.sleep(m.nap)
	}
}
