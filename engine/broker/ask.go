package broker

import (
	"sync/atomic"

	"github.com/wicketmq/wicket/engine/auth"
)

// turn tells an answer that comes before the asking call has returned, which
// is handled there and then, from one that comes later and has to be posted.
// Whichever of late and waits is called second returns true for exactly one
// of them.
type turn struct{ state atomic.Uint32 }

const (
	turnAnswered = 1
	turnWaiting  = 2
)

// late is called by the answer, on any goroutine: true means that the asker
// has stopped waiting for it in place.
func (t *turn) late() bool { return !t.state.CompareAndSwap(0, turnAnswered) }

// waits is called by the asker: true means that the answer is not there.
func (t *turn) waits() bool { return t.state.CompareAndSwap(0, turnWaiting) }

// again makes the turn good for another question; the last one is answered.
func (t *turn) again() { t.state.Store(0) }

// permits reports whether item i of an access was allowed.
func permits(a *auth.Authorized, i int) bool {
	return i < len(a.Decisions) && a.Decisions[i] == auth.Allow
}

// identity is what a session's rules and questions need to know about its
// client and its client id does not say; nil when there is nothing.
type identity struct {
	username   string
	commonName string
}

func newIdentity(r *auth.Request) *identity {
	id := identity{username: r.Username, commonName: r.CommonName()}
	if id == (identity{}) {
		return nil
	}
	return &id
}

func (id *identity) user() string {
	if id == nil {
		return ""
	}
	return id.username
}

// adopt brings the session under another gate: a reload reaches it with the
// next message it publishes or gets.
func (sub *subscriber) adopt(g *auth.Gate) {
	who := auth.Identity{ClientID: sub.ClientID}
	if sub.who != nil {
		who.Username, who.CommonName = sub.who.username, sub.who.commonName
	}
	sub.grant, sub.gate = g.Adopt(sub.grant, who), g
}

// mayReceive says whether a message may go to the live session.
func (sub *subscriber) mayReceive(g *auth.Gate, topic []byte, qos byte) bool {
	if g != sub.gate {
		sub.adopt(g)
	}
	return sub.grant.MayReceive(topic, qos)
}

// check answers an access of a live client.
func (c *Client) check(a auth.Action, topic []byte, qos byte, retain bool) auth.Answer {
	sub := c.sub
	if g := c.shard.b.opt.Gate(); g != sub.gate {
		sub.adopt(g)
	}
	return sub.grant.Check(a, topic, qos, retain)
}

// access begins a question for the chain.
func (c *Client) access(a auth.Action, items ...auth.Item) *auth.Access {
	acc := &auth.Access{
		ClientID: c.sub.ClientID,
		Username: c.sub.who.user(),
		Listener: c.info.Listener,
		Peer:     c.link.Peer(),
		Action:   a,
		Items:    items,
	}
	if c.sub.who != nil {
		acc.CommonName = c.sub.who.commonName
	}
	if g := c.sub.grant; g != nil {
		acc.Attributes = g.Attributes
	}
	return acc
}

// question is an authorization under way for a live client, which is paused
// meanwhile so that its packets stay in order.
type question struct {
	client *Client // nil once the connection is lost; the shard's loop only
	shard  *Shard
	grant  *auth.Grant
	result auth.Authorized
	then   func(*auth.Authorized)
	answer turn
}

func (q *question) drop() { q.client = nil }

// ask puts acc to the chain and goes on with then: at once, or later on the
// loop and with reading paused. then is not called when the client is lost.
func (c *Client) ask(acc *auth.Access, then func(*auth.Authorized)) {
	q := &question{client: c, shard: c.shard, grant: c.sub.grant, then: then}
	c.job = q
	c.sub.gate.Authorize(c.sub.grant, acc, func(a auth.Authorized) {
		q.result = a
		if q.answer.late() {
			q.shard.box.post(q)
		}
	})
	if q.answer.waits() {
		c.link.Pause()
		c.link.Arm(c.shard.now() + limitOf(c.sub.gate))
		return
	}
	q.decided()
}

// open implements letter.
func (q *question) open(s *Shard) {
	c := q.client
	if c == nil {
		return
	}
	defer c.guard("answer")
	c.seen = s.now() // it could not be heard
	q.decided()
	if c.state == live && c.job == nil {
		c.arm()
		c.link.Resume()
	}
}

func (q *question) decided() {
	c := q.client
	c.job = nil
	if err := q.result.Err; err != nil {
		q.shard.b.opt.Log.Warn("decider failed",
			"decider", q.result.Decider, "client_id", c.sub.ClientID, "error", err)
	}
	current := c.sub.grant == q.grant
	current = c.sub.grant.Remember(q.result) && current
	q.then(&q.result)
	if !current && c.state == live { // it may have a subscription by rights that it has no more
		q.shard.judge(c.sub)
	}
}
