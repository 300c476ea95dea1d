package broker

import (
	"slices"

	"github.com/wicketmq/wicket/engine/session"
)

// replay sends a client the retained messages that its new subscriptions
// match, as fast as the client takes them and in small steps: a "#" over a
// million messages must not hold up the loop.
type replay struct {
	of     []replaying
	posted bool // a letter is under way that continues it
}

// replaying is the replay for one subscription.
type replaying struct {
	sub    session.Subscription
	cursor cursor
	found  []*session.Message // taken from the store and not sent yet
	buf    []*session.Message
	last   bool // the cursor is at its end
}

// A step of a replay sends at most replayStep messages.
const (
	replayStep = 128
	replayRead = 64
)

// startReplay begins the replay for a subscription; pump makes it run. One
// that is under way for the same filter starts over.
func (c *Client) startReplay(x *session.Subscription) {
	if n, _ := c.shard.b.retained.size(); n == 0 {
		return
	}
	c.stopReplay(x.Filter)
	if c.replay == nil {
		c.replay = new(replay)
	}
	c.replay.of = append(c.replay.of, replaying{
		sub:    *x,
		cursor: c.shard.b.retained.cursor(x.Filter),
	})
}

// stopReplay ends the replay for a filter, as UNSUBSCRIBE does.
func (c *Client) stopReplay(filter string) {
	if r := c.replay; r != nil {
		r.of = slices.DeleteFunc(r.of, func(x replaying) bool { return x.sub.Filter == filter })
	}
}

// run sends what the client takes in one step. When it stops for lack of room
// in the window, the next acknowledgement goes on; when the connection is
// full, the stall list does; otherwise a letter to the own shard.
func (r *replay) run(c *Client) {
	for n := 0; len(r.of) > 0; {
		x := &r.of[0]
		if len(x.found) == 0 {
			if x.last {
				r.of = slices.Delete(r.of, 0, 1)
				continue
			}
			if n >= replayStep {
				r.later(c)
				return
			}
			n += x.read(c.shard)
			continue
		}
		if !c.replayOne(x, x.found[0]) {
			return
		}
		x.found = x.found[1:]
	}
	c.replay = nil
}

// read takes more messages from the store. It counts as one message at least,
// so that a long walk that finds nothing yields too.
func (x *replaying) read(s *Shard) int {
	if x.buf == nil {
		x.buf = make([]*session.Message, 0, replayRead)
	}
	var more bool
	x.found, more = s.b.retained.walk(&x.cursor, x.buf)
	x.last = !more
	return max(len(x.found), replayRead/4)
}

// replayOne sends one retained message; false means not now.
func (c *Client) replayOne(x *replaying, m *session.Message) bool {
	s, sub := c.shard, c.sub
	if session.Expired(m.ExpireAt, s.now()) {
		s.b.retained.expire(m)
		s.tally.add(cExpired, 1)
		return true
	}
	if c.link.Unsent() >= s.b.opt.OutboundHighWater {
		s.stall.add(c)
		return false
	}
	qos := min(x.sub.QoS, m.QoS)
	if !sub.mayReceive(s.b.opt.Gate(), m.Topic, qos) {
		s.tally.add(cDenied, 1)
		return true
	}
	var ids []uint32
	if x.sub.ID != 0 {
		ids = []uint32{x.sub.ID}
	}
	if qos == 0 {
		m.Fill(&s.out, s.now())
		c.transmit(&s.out, ids, 0, true, false, 0)
		return true
	}
	if !sub.CanSend(c.window) {
		return false
	}
	id := sub.Send(&s.pool, session.Delivery{Msg: m, IDs: ids, QoS: qos, Retain: true})
	m.Fill(&s.out, s.now())
	if !c.transmit(&s.out, ids, qos, true, false, id) {
		sub.Drop(&s.pool, id)
	}
	return true
}

// later continues the replay in a later step of the loop.
func (r *replay) later(c *Client) {
	if !r.posted {
		r.posted = true
		c.shard.post(c.shard, &continuation{client: c, replay: r})
	}
}

type continuation struct {
	client *Client
	replay *replay
}

func (l *continuation) open(*Shard) {
	c := l.client
	if c.replay != l.replay { // the connection is gone
		return
	}
	l.replay.posted = false
	defer c.guard("retained messages")
	c.pump()
}
