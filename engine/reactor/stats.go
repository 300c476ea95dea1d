package reactor

import (
	"sync/atomic"

	"github.com/wicketmq/wicket/engine/cert"
)

// counts are the exact numbers of what happened on one listener; log lines
// about the same events are throttled.
type counts struct {
	accepted  atomic.Uint64
	closed    atomic.Uint64
	shed      [shedReasons]atomic.Uint64
	handshake atomic.Uint64 // completed
	refused   reasonCounts  // failed handshakes by reason class (TLS-33)
	panics    atomic.Uint64
}

// shed is why a connection was closed right after accept.
type shed int

const (
	shedMaxConnections shed = iota // LSN-04
	shedDescriptors
	shedHandshakes
	shedStopping
	shedReasons
)

var shedNames = [shedReasons]string{"max_connections", "descriptors", "handshakes", "stopping"}

func (s shed) String() string { return shedNames[s] }

// reasonCounts counts by cert.Reason without a lock; the set of reasons is
// fixed at start.
type reasonCounts struct {
	byReason map[cert.Reason]*atomic.Uint64
}

func newReasonCounts() reasonCounts {
	m := make(map[cert.Reason]*atomic.Uint64, len(cert.Reasons))
	for _, r := range cert.Reasons {
		m[r] = new(atomic.Uint64)
	}
	return reasonCounts{m}
}

func (r reasonCounts) add(reason cert.Reason) {
	if n := r.byReason[reason]; n != nil {
		n.Add(1)
	}
}

// ListenerStats is a snapshot of one listener.
type ListenerStats struct {
	Name       string
	Transport  string
	Bind       string
	Open       int64 // transport connections now
	Connected  int64 // of those, clients connected by MQTT
	Limit      int   // most connections; 0 = no limit of its own
	Accepted   uint64
	Closed     uint64
	Handshakes uint64            // completed TLS handshakes
	Refused    map[string]uint64 // failed TLS handshakes by reason class
	Shed       map[string]uint64 // closed right after accept, by reason
	Panics     uint64
}

func (l *listener) stats() ListenerStats {
	s := ListenerStats{
		Name: l.Name, Transport: l.Transport(), Bind: l.Addr.String(),
		Open:       l.open.Load(),
		Connected:  l.info.Connected.Load(),
		Limit:      l.MaxConnections,
		Accepted:   l.counts.accepted.Load(),
		Closed:     l.counts.closed.Load(),
		Handshakes: l.counts.handshake.Load(),
		Panics:     l.counts.panics.Load(),
		Refused:    map[string]uint64{},
		Shed:       map[string]uint64{},
	}
	for r, n := range l.counts.refused.byReason {
		if v := n.Load(); v > 0 {
			s.Refused[string(r)] = v
		}
	}
	for i := range shedReasons {
		if v := l.counts.shed[i].Load(); v > 0 {
			s.Shed[i.String()] = v
		}
	}
	return s
}
