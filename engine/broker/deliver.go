package broker

import (
	"slices"

	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/session"
	"github.com/wicketmq/wicket/engine/topic"
)

// hit is one session that a message goes to, by one or more of its
// subscriptions.
type hit struct {
	sub    *subscriber
	id     uint32   // Subscription Identifier, 0 = none
	more   []uint32 // those of further subscriptions [MQTT-3.3.4-4]
	qos    byte     // the highest of them [MQTT-3.3.4-2]
	retain bool     // Retain As Published, of any of them
}

func hitOf(x *topic.Sub[*subscriber]) hit {
	return hit{sub: x.Subscriber, id: x.ID, qos: x.Options.QoS(), retain: x.Options.RetainAsPublished()}
}

// merge adds one more subscription of the same session.
func (h *hit) merge(x *topic.Sub[*subscriber]) {
	h.qos = max(h.qos, x.Options.QoS())
	h.retain = h.retain || x.Options.RetainAsPublished()
	switch {
	case x.ID == 0:
	case h.id == 0:
		h.id = x.ID
	default:
		h.more = append(h.more, x.ID)
	}
}

// fanOut delivers the message to the shard's subscribers of the nodes, once
// to each session. Collecting them first leaves delivery free to end sessions.
func (s *Shard) fanOut(x *cast, nodes []*node) {
	s.gather(x, nodes)
	for i := range s.hits {
		s.deliver(&s.hits[i], x)
	}
	for i := range s.strangers {
		h := &s.strangers[i]
		s.tally.add(cForwarded, 1)
		s.post(h.sub.owner.Load(), &forwarded{routed: s.again(x), hit: *h})
		*h = hit{}
	}
	s.strangers = s.strangers[:0]
	clear(s.hits) // sessions that end must not be kept alive
	s.flushCount()
}

func (s *Shard) gather(x *cast, nodes []*node) {
	s.hits = s.hits[:0]
	for _, n := range nodes {
		subs := n.Local(s.id)
		for i := range subs {
			s.gatherOne(x, &subs[i], len(nodes) > 1)
		}
	}
}

// gatherOne notes one subscription. A session remembers its place among the
// hits, which proves itself by pointing back.
func (s *Shard) gatherOne(x *cast, e *topic.Sub[*subscriber], overlaps bool) {
	sub := e.Subscriber
	if sub == x.from && e.Options.NoLocal() { // [MQTT-3.8.3-3]
		return
	}
	if sub.owner.Load() != s {
		s.gatherStranger(e)
		return
	}
	if overlaps {
		if at := int(sub.hit); at < len(s.hits) && s.hits[at].sub == sub {
			s.hits[at].merge(e)
			return
		}
		sub.hit = uint32(len(s.hits))
	}
	if m := sub.move; m != nil && m.duplicate(x.pub, x.seq) {
		return
	}
	s.hits = append(s.hits, hitOf(e))
}

func (s *Shard) gatherStranger(e *topic.Sub[*subscriber]) {
	i := slices.IndexFunc(s.strangers, func(h hit) bool { return h.sub == e.Subscriber })
	if i >= 0 {
		s.strangers[i].merge(e)
		return
	}
	s.strangers = append(s.strangers, hitOf(e))
}

// deliver gives the message to one session of this shard: to its client now,
// or to its queue.
func (s *Shard) deliver(h *hit, x *cast) {
	sub, c := h.sub, h.sub.client
	qos := min(h.qos, x.p.QoS) // [MQTT-3.8.4-8]
	if c != nil {
		if !sub.mayReceive(s.gate, x.p.Topic, qos) {
			s.tally.add(cDenied, 1)
			return
		}
	}
	if qos > 0 {
		s.deliverAcknowledged(h, x, qos)
		return
	}
	if c == nil || sub.Judged {
		return
	}
	if c.link.Unsent() >= s.b.opt.OutboundHighWater {
		s.tally.add(cDroppedSlow, 1)
		return
	}
	c.send(h, x, 0, 0)
}

// deliverAcknowledged is deliver for QoS 1 and 2.
func (s *Shard) deliverAcknowledged(h *hit, x *cast, qos byte) {
	sub, c := h.sub, h.sub.client
	if sub.ended() {
		return
	}
	d := session.Delivery{Msg: s.message(x), IDs: h.ids(), QoS: qos, Retain: h.retain && x.p.Retain}
	if c != nil && !sub.Judged && sub.CanSend(c.window) && c.link.Unsent() < s.b.opt.OutboundHighWater {
		id := sub.Send(&s.pool, d)
		if !c.send(h, x, qos, id) {
			sub.Drop(&s.pool, id)
		}
		return
	}
	if sub.Enqueue(&s.pool, d, s.b.opt.MaxQueued) {
		s.tally.add(cDroppedFull, 1)
	}
	if c != nil && sub.CanPump(c.window) {
		s.stall.add(c)
	}
}

// ids is a copy of the hit's Subscription Identifiers for a message that
// waits; nil when there are none.
func (h *hit) ids() []uint32 {
	if h.id == 0 {
		return nil
	}
	return append([]uint32{h.id}, h.more...)
}

// send appends the message to the client's output. It reports false when the
// client does not take packets of that size [MQTT-3.1.2-24].
func (c *Client) send(h *hit, x *cast, qos byte, id uint16) bool {
	if h.id != 0 && c.version == mqtt.V50 {
		return c.sendIdentified(h, x, qos, id)
	}
	f := x.frame(c.version, qos)
	if len(f.bytes) > int(c.maxOut) {
		c.shard.tally.add(cDroppedLarge, 1)
		return false
	}
	out := c.link.Out()
	at := len(out)
	out = append(out, f.bytes...)
	if h.retain && x.p.Retain {
		out[at] |= 1
	}
	if qos > 0 {
		out[at] = out[at]&^0x06 | qos<<1
		out[at+f.id], out[at+f.id+1] = byte(id>>8), byte(id)
	}
	c.link.SetOut(out)
	c.shard.sent++
	return true
}

// sendIdentified encodes the message with the identifiers of the
// subscriptions that it comes by [MQTT-3.3.4-3].
func (c *Client) sendIdentified(h *hit, x *cast, qos byte, id uint16) bool {
	s := c.shard
	if len(h.more) == 0 {
		s.oneID[0] = h.id
		return c.transmit(x.p, s.oneID[:], qos, h.retain && x.p.Retain, false, id)
	}
	return c.transmit(x.p, h.ids(), qos, h.retain && x.p.Retain, false, id)
}

// transmit encodes one PUBLISH for this client alone.
func (c *Client) transmit(p *mqtt.Publish, ids []uint32, qos byte, retain, dup bool, id uint16) bool {
	was := *p
	p.QoS, p.Retain, p.Dup, p.PacketID = qos, retain, dup, id
	p.Properties.SubscriptionIDs = ids
	fits := p.Size(c.version) <= int(c.maxOut)
	if fits {
		c.link.SetOut(p.Append(c.link.Out(), c.version))
		c.shard.sent++
	} else {
		c.shard.tally.add(cDroppedLarge, 1)
	}
	*p = was
	return fits
}

// flushCount adds what has been sent since the last call to the counters.
func (s *Shard) flushCount() {
	if s.sent != 0 {
		s.tally.add(cPublishOut, s.sent)
		s.sent = 0
	}
}

// pump sends what waits in the session as far as the window and the
// connection allow.
func (c *Client) pump() {
	if c.state != live || c.sub.Judged {
		return
	}
	s, sub := c.shard, c.sub
	var expired uint64
	for sub.Waiting() {
		if c.link.Unsent() >= s.b.opt.OutboundHighWater {
			s.stall.add(c)
			break
		}
		t, ok := sub.Next(&s.pool, c.window, s.now(), &expired)
		if !ok {
			break
		}
		c.retransmit(&t)
	}
	if expired > 0 {
		s.tally.add(cExpired, int(expired))
	}
	if sub.Bereft && sub.move == nil && !sub.Waiting() && sub.Inflight() == 0 {
		sub.Bereft = false
	}
	if c.replay != nil {
		c.replay.run(c)
	}
	s.flushCount()
}

// retransmit sends one message or PUBREL out of the session.
func (c *Client) retransmit(t *session.Transmit) {
	s := c.shard
	if t.Release {
		c.ack(mqtt.TypePubrel, t.ID, mqtt.Success)
		return
	}
	ok := c.sub.mayReceive(s.b.opt.Gate(), t.Msg.Topic, t.QoS) && c.sub.wants(t.Msg.Topic)
	if !ok {
		s.tally.add(cDenied, 1)
	}
	if ok {
		t.Msg.Fill(&s.out, s.now())
		ok = c.transmit(&s.out, t.IDs, t.QoS, t.Retain, t.Dup, t.ID)
	}
	if !ok {
		c.sub.Drop(&s.pool, t.ID)
	}
}
