package broker

import (
	"bytes"
	"container/heap"
	"net/netip"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/session"
	"github.com/wicketmq/wicket/engine/wheel"
)

// A PUBLISH to "$delayed/{seconds}/{topic}" is one to the topic after so many
// seconds, as in EMQX (spec AUTHZ-12). It is the topic that is asked about, when the
// message is accepted; nobody ever publishes to a topic that begins with $delayed/.

// delayedPrefix begins such topics.
var delayedPrefix = []byte("$delayed/")

// MaxDelay is the most seconds that a message can be put off by, as in EMQX: 49 days.
const MaxDelay = 4_294_967

// undelay returns the topic that a name to publish to stands for, and the seconds
// until then, 0 for at once. ok is false when the name begins with $delayed/ and is
// not of the form, when its topic does so again, and for all such names when nothing
// is delayed. Leading zeros count for nothing, as in EMQX.
func (o *Options) undelay(name []byte) (topic []byte, seconds uint32, ok bool) {
	rest, is := bytes.CutPrefix(name, delayedPrefix)
	if !is {
		return name, 0, true
	}
	digits, topic, found := bytes.Cut(rest, slash)
	if o.NoDelayed || !found || len(digits) == 0 || len(topic) == 0 || bytes.HasPrefix(topic, delayedPrefix) {
		return name, 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return name, 0, false
		}
		if seconds = seconds*10 + uint32(c-'0'); seconds > MaxDelay {
			return name, 0, false
		}
	}
	return topic, seconds, true
}

// waiting is what all shards hold together. A source of clients (see auth.Source)
// has a third of it at most, so that one that fills its part keeps nobody else from
// putting messages off.
type waiting struct{ count, bytes auth.Places }

// take makes room for a message, unless there is none.
func (w *waiting) take(size int, from netip.Addr, o *Options) bool {
	if !w.count.Take(o.DelayedMaxMessages, 1, from) {
		return false
	}
	if !w.bytes.Take(int(o.DelayedMaxBytes), size, from) {
		w.count.Leave(1, from)
		return false
	}
	return true
}

func (w *waiting) release(size int, from netip.Addr) {
	w.count.Leave(1, from)
	w.bytes.Leave(size, from)
}

// author is who has published a message that is delayed.
type author struct {
	clientID, username string
	peer               netip.Addr
}

func (c *Client) author() author {
	return author{c.sub.ClientID, c.sub.who.user(), c.link.Peer().Addr()}
}

// held is a message that waits for its time.
type held struct {
	msg  *session.Message // to the topic itself
	from author
	due  wheel.Tick
	seq  uint64 // of those that are due at one time the first goes first
}

// heldSize is about what a held keeps beside its message.
const heldSize = 128

func (h *held) size() int {
	return h.msg.Size() + heldSize + len(h.from.clientID) + len(h.from.username)
}

// delays are the messages that a shard holds. One timer waits for the first.
type delays struct {
	wheel.Timer
	shard  *Shard
	queue  dueFirst
	seq    uint64
	posted bool // it is in the mailbox
}

// delay holds a message for later, and reports false when there is no room for it.
// m is p on the heap, if the caller has it. Its expiry interval runs from now, as of
// every message that waits in the server [MQTT-3.3.2-5] [MQTT-3.3.2-6].
func (s *Shard) delay(p *mqtt.Publish, m *session.Message, seconds uint32, from author) bool {
	if m == nil {
		m = session.NewMessage(p, s.now())
	}
	d := &s.delays
	d.seq++
	// The clock is up to one tick behind.
	h := &held{msg: m, from: from, due: session.After(s.now()+1, seconds), seq: d.seq}
	if !s.b.delayed.take(h.size(), from.peer, &s.b.opt) {
		s.tally.add(cDelayedRefused, 1)
		return false
	}
	heap.Push(&d.queue, h)
	d.arm()
	return true
}

// arm waits for the first message.
func (d *delays) arm() {
	if len(d.queue) > 0 && !d.posted {
		d.shard.wheel.Arm(&d.Timer, d, d.queue[0].due)
	}
}

// Expire implements wheel.Expirer. Messages are routed in a step of their own, as
// wills are.
func (d *delays) Expire(wheel.Tick) { d.post() }

func (d *delays) post() {
	d.posted = true
	d.shard.post(d.shard, d)
}

// delayedStep is the most messages delivered at a time; others get a turn between.
const delayedStep = 64

// open implements letter: it delivers what is due. While another shard is behind,
// the rest waits for the next tick.
func (d *delays) open(s *Shard) {
	d.posted = false
	defer d.arm()
	for range delayedStep {
		if len(d.queue) == 0 || d.queue[0].due > s.now() {
			return
		}
		h := heap.Pop(&d.queue).(*held)
		s.b.delayed.release(h.size(), h.from.peer)
		h.deliver(s)
		if s.backlog.full {
			return
		}
	}
	d.post()
}

// deliver publishes the message, unless its time is over or who has published it is
// banned by now, as in EMQX. Its own client is who has the client id now
// [MQTT-3.8.3-3].
func (h *held) deliver(s *Shard) {
	switch g := s.b.opt.Gate(); {
	case session.Expired(h.msg.ExpireAt, s.now()):
		s.tally.add(cExpired, 1)
	case g.Banned(h.from.clientID, h.from.username, h.from.peer):
		s.tally.add(cDenied, 1)
	default:
		p := &s.in.publish
		h.msg.Fill(p, s.now())
		s.publish(p, h.msg, s.b.registry.find(h.from.clientID))
	}
}

// dueFirst is a heap.Interface.
type dueFirst []*held

func (q dueFirst) Len() int { return len(q) }

func (q dueFirst) Less(i, j int) bool {
	if q[i].due != q[j].due {
		return q[i].due < q[j].due
	}
	return q[i].seq < q[j].seq
}

func (q dueFirst) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *dueFirst) Push(x any) { *q = append(*q, x.(*held)) }

// Pop implements heap.Interface.
func (q *dueFirst) Pop() any {
	last := len(*q) - 1
	h := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return h
}
