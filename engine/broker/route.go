package broker

import (
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/session"
	"github.com/wicketmq/wicket/engine/topic"
)

// node is one filter of the index.
type node = topic.Node[*subscriber]

// cast is one message on its way to the subscribers of this shard. A shard
// has one, which every message uses anew.
type cast struct {
	p      *mqtt.Publish
	msg    *session.Message // the copy on the heap, once somebody needs it
	from   *subscriber      // the publisher
	pub    int              // the shard that published it
	seq    uint64           // its number among those it posted; 0 = not posted
	shards uint64           // to whom
	frames [4]frame
}

// frame is one wire form of the message, encoded when first needed: of
// version 3.x or 5.0, without or with a packet id. Retain flag, QoS and packet
// id are set in each copy.
type frame struct {
	bytes []byte
	id    int // offset of the packet id
	made  bool
}

// keepFrame is the largest buffer kept for the next message.
const keepFrame = 64 << 10

// publish routes a message to everybody who is subscribed to its topic, and
// retains it if asked to. It reports whether there was anybody. m is p on the
// heap, if the caller has it; p and its bytes are not kept.
func (s *Shard) publish(p *mqtt.Publish, m *session.Message, from *subscriber) (matched bool) {
	p.Dup = false // [MQTT-3.3.1-3]
	p.Properties.SubscriptionIDs = nil
	x := &s.cast
	x.p, x.msg, x.from, x.pub, x.seq = p, m, from, s.id, 0
	if p.Retain {
		s.retain(x)
	}
	ms := &s.matches
	s.b.index.Match(p.Topic, ms)
	x.shards = ms.Shards
	own := uint64(1) << s.id
	if ms.Shards&^own != 0 {
		s.spread(x, ms)
	}
	s.gate = s.b.opt.Gate()
	if ms.Shards&own != 0 {
		s.fanOut(x, ms.Nodes)
	}
	matched = ms.Shards != 0
	for _, g := range ms.Groups {
		matched = s.toGroup(x, g) || matched
	}
	if !matched {
		s.tally.add(cNoSubscribers, 1)
	}
	x.end()
	return matched
}

// message is the copy on the heap, made when the first one asks for it.
func (s *Shard) message(x *cast) *session.Message {
	if x.msg == nil {
		x.msg = session.NewMessage(x.p, s.now())
	}
	return x.msg
}

// end lets go of everything that belongs to the message.
func (x *cast) end() {
	for i := range x.frames {
		f := &x.frames[i]
		f.made = false
		if cap(f.bytes) > keepFrame {
			f.bytes = nil
		}
	}
	x.p, x.msg, x.from = nil, nil, nil
}

// frame returns the wire form for a version and a QoS class.
func (x *cast) frame(v mqtt.Version, qos byte) *frame {
	i := 0
	if v == mqtt.V50 {
		i = 2
	}
	if qos > 0 {
		i++
	}
	f := &x.frames[i]
	if !f.made {
		x.encode(f, v, min(qos, 1))
	}
	return f
}

func (x *cast) encode(f *frame, v mqtt.Version, qos byte) {
	q, r, id := x.p.QoS, x.p.Retain, x.p.PacketID
	x.p.QoS, x.p.Retain, x.p.PacketID = qos, false, 0
	f.bytes, f.id = mqtt.AppendPublish(f.bytes[:0], v, x.p)
	x.p.QoS, x.p.Retain, x.p.PacketID = q, r, id
	f.made = true
}

// routed is a message for other shards: one on the heap for all of them.
type routed struct {
	msg    *session.Message
	nodes  []*node
	few    [2]*node // the nodes, when there are no more: they seldom are
	from   *subscriber
	pub    int
	seq    uint64
	shards uint64
}

// spread posts the message to the other shards that have subscribers.
func (s *Shard) spread(x *cast, ms *topic.Matches[*subscriber]) {
	s.seq++
	x.seq = s.seq
	r := &routed{
		msg:    s.message(x),
		from:   x.from,
		pub:    s.id,
		seq:    s.seq,
		shards: ms.Shards,
	}
	r.nodes = append(r.few[:0], ms.Nodes...)
	for i, to := range s.b.shards {
		if i == s.id || ms.Shards&(1<<i) == 0 {
			continue
		}
		if x.p.QoS > 0 {
			if to.box.post(r) > s.b.opt.MailboxHighWater {
				s.backlog.full = true
			}
		} else if !to.box.postBelow(s.b.opt.MailboxHighWater, r) {
			s.tally.add(cDroppedMailbox, 1)
		}
	}
}

// open delivers a message of another shard to the subscribers of this one.
func (r *routed) open(s *Shard) {
	s.handled[r.pub] = r.seq
	if session.Expired(r.msg.ExpireAt, s.now()) {
		s.tally.add(cExpired, 1)
		return
	}
	x := s.begin(r)
	s.fanOut(x, r.nodes)
	x.end()
}

// begin makes the shard's cast that of a message from the heap.
func (s *Shard) begin(r *routed) *cast {
	x := &s.cast
	r.msg.Fill(&s.out, s.now())
	x.p, x.msg, x.from = &s.out, r.msg, r.from
	x.pub, x.seq, x.shards = r.pub, r.seq, r.shards
	s.gate = s.b.opt.Gate()
	return x
}

// again is what begin needs to start over on another shard.
func (s *Shard) again(x *cast) *routed {
	return &routed{msg: s.message(x), from: x.from, pub: x.pub, seq: x.seq, shards: x.shards}
}

// forwarded follows a session that has moved to another shard.
type forwarded struct {
	*routed
	hit   hit
	group *topic.Group[*subscriber] // when it was picked from a shared subscription
	tries int
}

func (l *forwarded) open(s *Shard) {
	sub := l.hit.sub
	switch owner := sub.owner.Load(); {
	case sub.ended():
		l.pickAgain(s)
		return
	case owner != s:
		s.tally.add(cForwarded, 1)
		s.post(owner, l)
		return
	}
	if m := sub.move; m != nil && m.adopted && l.group == nil && !m.late(s, l.routed) {
		return
	}
	if session.Expired(l.msg.ExpireAt, s.now()) {
		s.tally.add(cExpired, 1)
		return
	}
	if !sub.wants(l.msg.Topic) { // the shard that it came from still has what was taken out here
		s.tally.add(cDenied, 1)
		return
	}
	x := s.begin(l.routed)
	s.deliver(&l.hit, x)
	x.end()
}

// pickAgain finds another member for a message whose member has left.
func (l *forwarded) pickAgain(s *Shard) {
	if l.group == nil || l.tries == 0 {
		return
	}
	l.tries--
	if h, ok := s.pick(l.group); ok {
		l.hit = h
		s.post(h.sub.owner.Load(), l)
	}
}

// toGroup sends the message to one member of a shared subscription.
func (s *Shard) toGroup(x *cast, g *topic.Group[*subscriber]) bool {
	h, ok := s.pick(g)
	if !ok {
		return false
	}
	if owner := h.sub.owner.Load(); owner != s {
		s.post(owner, &forwarded{routed: s.again(x), hit: h, group: g, tries: 3})
		return true
	}
	if m := h.sub.move; m != nil && !m.adopted {
		s.post(s, &forwarded{routed: s.again(x), hit: h, group: g, tries: 3})
		return true
	}
	s.deliver(&h, x)
	s.flushCount()
	return true
}

// pick chooses a member, one that is connected if there is any [MQTT-4.8.2-5].
func (s *Shard) pick(g *topic.Group[*subscriber]) (h hit, ok bool) {
	for range max(g.Len(), 1) {
		x, _, found := g.Pick()
		if !found {
			break
		}
		if x.Subscriber.ended() {
			continue
		}
		h, ok = hitOf(&x), true
		if x.Subscriber.online() {
			break
		}
	}
	return h, ok
}
