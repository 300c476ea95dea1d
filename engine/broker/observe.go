package broker

import (
	"cmp"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/topic"
)

// observed returns the gate if somebody wants to hear of events of a kind, so
// that nothing is made for those that nobody wants.
func (c *Client) observed(k auth.EventKind) *auth.Gate {
	if g := c.shard.b.opt.Gate(); g.Observed(k) {
		return g
	}
	return nil
}

// event begins an event of a client that was let in.
func (c *Client) event(k auth.EventKind) *auth.Event {
	return &auth.Event{
		Kind: k, ClientID: c.sub.ClientID, Username: c.sub.who.user(),
		Listener: c.info.Listener, Peer: c.link.Peer(),
	}
}

// tellConnected says that the client has been let in.
func (k *connecting) tellConnected(c *Client) {
	g := c.observed(auth.EventConnected)
	if g == nil {
		return
	}
	e := c.event(auth.EventConnected)
	e.Decider, e.Attributes = k.outcome.Decider, k.outcome.Grant.Attributes
	g.Observe(e)
}

// tellRefused says that a CONNECT was answered by a denial. One that could not
// be read is not told of.
func (c *Client) tellRefused(reason mqtt.Reason, why string) {
	g := c.observed(auth.EventRefused)
	k, ok := c.job.(*connecting)
	if g == nil || !ok {
		return
	}
	g.Observe(&auth.Event{
		Kind: auth.EventRefused, ClientID: k.req.ClientID, Username: k.req.Username,
		Listener: c.info.Listener, Peer: c.link.Peer(),
		Reason: reason, ReasonText: why, Decider: k.outcome.Decider,
	})
}

// tellGone says that a client that was let in is gone, which nothing may hold up.
func (c *Client) tellGone(reason mqtt.Reason, why string) {
	defer c.shard.recovered("event")
	g := c.observed(auth.EventDisconnected)
	if g == nil || c.sub == nil {
		return
	}
	e := c.event(auth.EventDisconnected)
	e.Reason, e.ReasonText = reason, why
	g.Observe(e)
}

// tellDenied says that a PUBLISH was not permitted.
func (c *Client) tellDenied(name []byte, qos byte, retain bool) {
	if g := c.observed(auth.EventDenied); g != nil {
		e := c.event(auth.EventDenied)
		e.Action, e.Items = auth.Publish, []auth.Item{{Topic: string(name), QoS: qos, Retain: retain}}
		g.Observe(e)
	}
}

// tellSubscribed says which filters of a SUBSCRIBE were granted, and which were
// not permitted.
func (c *Client) tellSubscribed(j *subscribing) {
	granted, denied := c.observed(auth.EventSubscribed), c.observed(auth.EventDenied)
	if granted == nil && denied == nil {
		return
	}
	var yes, no []auth.Item
	for i := range j.wanted {
		switch x := &j.wanted[i]; {
		case j.reasons[i] < mqtt.UnspecifiedError && granted != nil:
			yes = append(yes, filterItem(x.Filter, x.QoS))
		case j.reasons[i] == mqtt.NotAuthorized && denied != nil:
			no = append(no, filterItem(x.Filter, x.QoS))
		}
	}
	if len(yes) > 0 {
		e := c.event(auth.EventSubscribed)
		e.Items = yes
		granted.Observe(e)
	}
	if len(no) > 0 {
		e := c.event(auth.EventDenied)
		e.Action, e.Items = auth.Subscribe, no
		denied.Observe(e)
	}
}

// unsubscribed collects the filters of an EventUnsubscribed, if anybody wants
// to hear of it.
type unsubscribed struct {
	gate  *auth.Gate
	items []auth.Item
}

func (u *unsubscribed) add(filter string, qos byte) {
	if u.gate != nil {
		u.items = append(u.items, filterItem(filter, qos))
	}
}

func (u *unsubscribed) tell(c *Client) {
	if len(u.items) > 0 {
		e := c.event(auth.EventUnsubscribed)
		e.Items = u.items
		u.gate.Observe(e)
	}
}

func filterItem(filter string, qos byte) auth.Item {
	share, inner, _ := topic.SplitShared(filter)
	return auth.Item{Topic: inner, Share: share, QoS: qos}
}

// because is what an event says of an end: what the client was told, or the
// word for the log.
func because(text, word string) string { return cmp.Or(text, word) }
