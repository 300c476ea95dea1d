package session

import "github.com/wicketmq/wicket/engine/wheel"

// ids is the number of packet ids there are: 1 to 65,535 (§2.2.1).
const ids = 1<<16 - 1

// Delivery is a message as it goes to one session.
type Delivery struct {
	Msg    *Message
	IDs    []uint32 // Subscription Identifiers [MQTT-3.3.4-3], shared, not changed
	QoS    byte     // 1 or 2
	Retain bool
}

// Transmit is what Next wants to be sent.
type Transmit struct {
	Delivery
	ID      uint16
	Dup     bool // sent before, in an earlier connection [MQTT-3.3.1-1]
	Release bool // send PUBREL instead: the message has arrived
}

type phase uint8

const (
	done      phase = iota
	published       // waits for PUBACK or PUBREC
	released        // PUBREC has come, waits for PUBCOMP
)

type slot struct {
	Delivery
	phase phase
}

// Outbound is the window of messages in flight and the queue behind it.
//
// Packet ids are given out one after the other, so that the ids of the window
// are consecutive and a slot is found from its id by subtraction. A slot that
// is acknowledged out of order stays until those before it are done.
type Outbound struct {
	slots  []slot // ring; its length is a power of two
	head   int
	n      int
	first  uint16 // packet id of the slot at head
	live   int    // slots that are not done
	cursor int    // slots before this offset were sent in this connection
	sent   int    // live slots among those
	queue  queue
}

// Pool keeps the Outbounds of one event loop that no session uses.
type Pool struct{ free []*Outbound }

// The most that a pool keeps, and the largest rings it keeps.
const (
	poolLen  = 4096
	poolRing = 64
)

func (p *Pool) get(first uint16) *Outbound {
	if n := len(p.free); n > 0 {
		o := p.free[n-1]
		p.free = p.free[:n-1]
		o.first = first
		return o
	}
	return &Outbound{first: first}
}

func (p *Pool) put(o *Outbound) {
	if len(p.free) >= poolLen || len(o.slots) > poolRing || len(o.queue.ring) > poolRing {
		return
	}
	clear(o.slots)
	clear(o.queue.ring)
	*o = Outbound{slots: o.slots, queue: queue{ring: o.queue.ring}}
	p.free = append(p.free, o)
}

func (s *Session) outbound(p *Pool) *Outbound {
	if s.out == nil {
		s.out = p.get(nextID(s.lastID))
	}
	return s.out
}

// CanSend reports whether the window has room for one more message when the
// client takes limit at a time (its Receive Maximum [MQTT-3.3.4-9]) and
// nothing waits before it.
func (s *Session) CanSend(limit uint16) bool {
	if s.out == nil {
		return limit > 0
	}
	return !s.Waiting() && s.out.room(limit)
}

// room also bounds the span of the window: a client that never acknowledges
// its oldest message cannot make the ring grow for ever.
func (o *Outbound) room(limit uint16) bool {
	return o.sent < int(limit) && o.n < min(8*int(limit)+64, ids)
}

// Send puts a message into the window and returns its packet id; the caller
// sends it now. CanSend must have said yes.
func (s *Session) Send(p *Pool, d Delivery) uint16 {
	o := s.outbound(p)
	s.lastID = o.push(d)
	return s.lastID
}

// Enqueue lets a message wait behind at most limit-1 others; when there are
// more, the oldest makes room, and dropped is true.
func (s *Session) Enqueue(p *Pool, d Delivery, limit int) (dropped bool) {
	q := &s.outbound(p).queue
	if dropped = q.n >= limit; dropped {
		q.pop()
	}
	q.push(d)
	return dropped
}

// Resume starts a new connection: whatever is unacknowledged is to be sent
// again, in its original order [MQTT-4.4.0-1] [MQTT-4.6.0-1].
func (s *Session) Resume() {
	if s.out != nil {
		s.out.cursor, s.out.sent = 0, 0
	}
}

// Next takes the next thing to send: first what an earlier connection left
// open, then the queue. Messages that expired in the queue are dropped
// [MQTT-3.3.2-5] and added to *expired. ok is false when nothing waits or
// the window is full.
func (s *Session) Next(p *Pool, limit uint16, now wheel.Tick, expired *uint64) (t Transmit, ok bool) {
	o := s.out
	if o == nil {
		return t, false
	}
	if t, ok = o.again(limit); ok {
		return t, true
	}
	for o.cursor == o.n && o.queue.n > 0 && o.room(limit) {
		d := o.queue.pop()
		if Expired(d.Msg.ExpireAt, now) {
			*expired++
			continue
		}
		s.lastID = o.push(d)
		return Transmit{Delivery: d, ID: s.lastID}, true
	}
	s.settle(p)
	return t, false
}

// again moves the cursor over the next live slot.
func (o *Outbound) again(limit uint16) (t Transmit, ok bool) {
	for o.cursor < o.n {
		sl := o.slot(o.cursor)
		if sl.phase == done {
			o.cursor++
			continue
		}
		if o.sent >= int(limit) {
			return t, false
		}
		id := idAt(o.first, o.cursor)
		o.cursor++
		o.sent++
		return Transmit{Delivery: sl.Delivery, ID: id, Dup: true, Release: sl.phase == released}, true
	}
	return t, false
}

// Answer is what an acknowledgement means for the window.
type Answer uint8

// The answers.
const (
	Unknown    Answer = iota // no message with this packet id waits
	Unexpected               // the acknowledgement does not fit the message's QoS
	Done                     // the message is delivered, its packet id free
	Release                  // the message has arrived: send PUBREL
)

// Puback handles PUBACK [MQTT-4.3.2-3].
func (s *Session) Puback(p *Pool, id uint16) Answer {
	sl, at := s.find(id)
	switch {
	case sl == nil:
		return Unknown
	case sl.QoS != 1:
		return Unexpected
	}
	s.finish(p, sl, at)
	return Done
}

// Pubrec handles PUBREC; failed says that its reason code is 0x80 or more,
// which ends the exchange [MQTT-4.3.3-4].
func (s *Session) Pubrec(p *Pool, id uint16, failed bool) Answer {
	sl, at := s.find(id)
	switch {
	case sl == nil:
		return Unknown
	case sl.QoS != 2:
		return Unexpected
	case failed:
		s.finish(p, sl, at)
		return Done
	}
	sl.phase = released
	sl.Msg, sl.IDs = nil, nil
	return Release
}

// Pubcomp handles PUBCOMP.
func (s *Session) Pubcomp(p *Pool, id uint16) Answer {
	sl, at := s.find(id)
	switch {
	case sl == nil:
		return Unknown
	case sl.phase != released:
		return Unexpected
	}
	s.finish(p, sl, at)
	return Done
}

// Drop ends the exchange of a message that cannot be sent, such as one that
// is larger than the client's Maximum Packet Size [MQTT-3.1.2-25].
func (s *Session) Drop(p *Pool, id uint16) {
	if sl, at := s.find(id); sl != nil {
		s.finish(p, sl, at)
	}
}

func (s *Session) find(id uint16) (*slot, int) {
	if s.out == nil || id == 0 {
		return nil, 0
	}
	at := (int(id) - int(s.out.first) + ids) % ids
	if at >= s.out.n {
		return nil, 0
	}
	sl := s.out.slot(at)
	if sl.phase == done {
		return nil, 0
	}
	return sl, at
}

func (s *Session) finish(p *Pool, sl *slot, at int) {
	o := s.out
	*sl = slot{}
	o.live--
	if at < o.cursor {
		o.sent--
	}
	for o.n > 0 && o.slot(0).phase == done {
		o.head = (o.head + 1) & (len(o.slots) - 1)
		o.first = nextID(o.first)
		o.n--
		o.cursor = max(o.cursor-1, 0)
	}
	s.settle(p)
}

// settle gives an empty Outbound back.
func (s *Session) settle(p *Pool) {
	if o := s.out; o.n == 0 && o.queue.n == 0 {
		p.put(o)
		s.out = nil
	}
}

func (o *Outbound) push(d Delivery) uint16 {
	if o.n == len(o.slots) {
		o.grow()
	}
	*o.slot(o.n) = slot{Delivery: d, phase: published}
	id := idAt(o.first, o.n)
	o.n++
	o.live++
	o.cursor = o.n
	o.sent++
	return id
}

func (o *Outbound) grow() {
	bigger := make([]slot, max(4, 2*len(o.slots)))
	for i := range o.n {
		bigger[i] = *o.slot(i)
	}
	o.slots, o.head = bigger, 0
}

func (o *Outbound) slot(at int) *slot { return &o.slots[(o.head+at)&(len(o.slots)-1)] }

func idAt(first uint16, at int) uint16 { return uint16((int(first)-1+at)%ids) + 1 }

func nextID(id uint16) uint16 {
	if id == ids {
		return 1
	}
	return id + 1
}

// queue is a ring of deliveries that wait for the window.
type queue struct {
	ring []Delivery // its length is a power of two
	head int
	n    int
}

func (q *queue) push(d Delivery) {
	if q.n == len(q.ring) {
		bigger := make([]Delivery, max(4, 2*len(q.ring)))
		for i := range q.n {
			bigger[i] = q.ring[(q.head+i)&(len(q.ring)-1)]
		}
		q.ring, q.head = bigger, 0
	}
	q.ring[(q.head+q.n)&(len(q.ring)-1)] = d
	q.n++
}

func (q *queue) pop() Delivery {
	at := &q.ring[q.head]
	d := *at
	*at = Delivery{}
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
	return d
}

// CanPump reports whether the window has room for what waits.
func (s *Session) CanPump(limit uint16) bool {
	return s.out != nil && s.Waiting() && s.out.room(limit)
}
