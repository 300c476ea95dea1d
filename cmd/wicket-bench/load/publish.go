package load

import (
	"encoding/binary"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// newPublisher encodes the frames of publisher n: enough of them for a whole
// window, one topic after the other.
func (s *Spec) newPublisher(n int) *publisher {
	p := &publisher{}
	payload := make([]byte, s.Payload)
	for i := range payload {
		payload[i] = byte(i)
	}
	binary.BigEndian.PutUint32(payload, uint32(n+s.First))
	binary.BigEndian.PutUint64(payload[4:], 0)
	frames := max(s.Window, s.Topics)
	for k := range frames {
		m := mqtt.Publish{QoS: s.QoS, Retain: s.Retain, Payload: payload, PacketID: 1}
		m.Topic = []byte(s.expand(s.Topic, "p", n, k%s.Topics))
		if s.QoS == 0 {
			m.PacketID = 0
		}
		p.burst = m.Append(p.burst, s.Version)
		p.ends = append(p.ends, len(p.burst))
	}
	if s.QoS > 0 {
		for id := s.Window; id > 0; id-- {
			p.free = append(p.free, uint16(id))
		}
		p.held = make([]bool, s.Window+1)
	}
	return p
}

// stampAt is where the time stamp of a frame is, counted from its end.
func (s *Spec) stampAt() int { return s.Payload - 4 }

// idAt is where the packet identifier of a frame is, counted from its end: in
// front of the payload and, in 5.0, of an empty property block.
func (s *Spec) idAt() int {
	if s.Version == mqtt.V50 {
		return s.Payload + 3
	}
	return s.Payload + 2
}

// allowed is how many messages the publisher may send now.
func (c *client) allowed() int {
	s, p := &c.load.spec, c.pub
	n := s.Window
	if s.QoS > 0 {
		n -= p.unacked
	}
	switch {
	case s.Rate > 0:
		if s.QoS == 0 && c.conn.OutboundBuffered() > maxBacklog {
			return 0
		}
		return min(n, p.due)
	case s.Fan > 0:
		n = min(n, s.Window-(p.pending+s.Fan-1)/s.Fan)
	case s.QoS == 0 && c.conn.OutboundBuffered() > 0:
		return 0
	}
	if n < s.batch() {
		return 0
	}
	return n
}

// batch is how many messages a closed loop sends at least at a time, so that
// they are worth a system call: half of the window, or a quarter where each
// message makes many.
func (s *Spec) batch() int {
	if s.Fan > 1 {
		return (s.Window + 3) / 4
	}
	return (s.Window + 1) / 2
}

// maxBacklog is how many bytes may wait for a broker that does not read,
// before due messages are held back. Their times are kept.
const maxBacklog = 1 << 20

// publish sends as many messages as are allowed.
func (c *client) publish() {
	if c.stage != ready || !c.load.running {
		return
	}
	for range 64 { // then it is the turn of others
		n := c.allowed()
		if n <= 0 {
			return
		}
		c.send(n)
	}
}

// send writes up to n frames in one piece.
func (c *client) send(n int) {
	s, p, l := &c.load.spec, c.pub, c.load
	n = min(n, len(p.ends)-p.next)
	from := 0
	if p.next > 0 {
		from = p.ends[p.next-1]
	}
	ends := p.ends[p.next : p.next+n]
	if s.QoS > 0 {
		p.identify(ends, s.idAt())
	}
	stamped := c.stamp(ends)
	c.write(p.burst[from:ends[n-1]])
	if stamped {
		for _, end := range ends {
			binary.BigEndian.PutUint64(p.burst[end-s.stampAt():], 0)
		}
	}
	p.next = (p.next + n) % len(p.ends)
	p.sent += n
	p.due -= n
	p.pending += n * s.Fan
	l.count.Sent += uint64(n)
}

// identify gives packet identifiers to frames.
func (p *publisher) identify(ends []int, at int) {
	for _, end := range ends {
		id := p.free[len(p.free)-1]
		p.free = p.free[:len(p.free)-1]
		p.held[id] = true
		binary.BigEndian.PutUint16(p.burst[end-at:], id)
	}
	p.unacked += len(ends)
}

// stamp writes time stamps into the frames that are sampled: in an open loop
// the time at which each was to be sent, so that a stall of the broker counts
// for every message it held up; else the time of now.
func (c *client) stamp(ends []int) bool {
	s, p, l := &c.load.spec, c.pub, c.load
	any := false
	for i := (s.Sample - p.sent%s.Sample) % s.Sample; i < len(ends); i += s.Sample {
		at := l.now
		if s.Rate > 0 {
			at = l.schedule.at((p.sent+i)*len(l.pubs) + c.n)
		}
		binary.BigEndian.PutUint64(p.burst[ends[i]-s.stampAt():], uint64(at))
		any = true
	}
	return any
}

// acked frees a packet identifier.
func (c *client) acked(id uint16) {
	p := c.pub
	if int(id) >= len(p.held) || !p.held[id] {
		return
	}
	p.held[id] = false
	p.free = append(p.free, id)
	p.unacked--
	c.load.count.Acked++
	c.load.credit(c)
}
