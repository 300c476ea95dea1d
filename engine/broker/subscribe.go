package broker

import (
	"slices"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/session"
	"github.com/wicketmq/wicket/engine/topic"
)

// subscribing is a SUBSCRIBE whose filters have been judged, all or all but
// those that the chain is being asked about.
type subscribing struct {
	id       uint16
	wanted   []session.Subscription
	handling []byte
	reasons  []mqtt.Reason
	open     []int // filters the chain is asked about
}

// onSubscribe handles SUBSCRIBE (§3.8).
func (c *Client) onSubscribe(flags byte, body []byte) error {
	p := &c.shard.in.subscribe
	if err := p.Decode(c.version, flags, body); err != nil {
		return err
	}
	j := &subscribing{
		id:       p.PacketID,
		wanted:   make([]session.Subscription, len(p.Filters)),
		handling: make([]byte, len(p.Filters)),
		reasons:  make([]mqtt.Reason, len(p.Filters)),
	}
	for i := range p.Filters {
		f := &p.Filters[i]
		if err := c.judge(j, i, f); err != nil {
			return err
		}
		j.handling[i] = f.RetainHandling
		j.wanted[i] = session.Subscription{
			Filter:            string(f.Filter),
			ID:                p.SubscriptionID,
			QoS:               f.QoS,
			NoLocal:           f.NoLocal,
			RetainAsPublished: f.RetainAsPublished,
		}
	}
	if len(j.open) == 0 {
		c.subscribe(j)
		return nil
	}
	c.ask(c.access(auth.Subscribe, j.items()...), func(a *auth.Authorized) {
		for n, i := range j.open {
			if !permits(a, n) {
				j.reasons[i] = mqtt.NotAuthorized
			}
		}
		c.subscribe(j)
	})
	return nil
}

// maxFilters is the number of filters of one SUBSCRIBE that are looked at: a
// packet of a megabyte must not keep the loop, or the chain, busy.
const maxFilters = 4096

// judge notes the reason code for a filter: the QoS that may be granted, a
// failure, or that the chain has to be asked. An error ends the connection.
func (c *Client) judge(j *subscribing, i int, f *mqtt.Subscription) error {
	if i >= maxFilters {
		j.reasons[i] = mqtt.QuotaExceeded
		return nil
	}
	if topic.ValidFilter(f.Filter) != nil || topic.Levels(f.Filter) > c.shard.b.opt.MaxTopicLevels {
		j.reasons[i] = mqtt.TopicFilterInvalid
		return nil
	}
	if _, _, shared := topic.SplitShared(f.Filter); shared && f.NoLocal {
		return &mqtt.Error{Reason: mqtt.ProtocolError, Rule: "MQTT-3.8.3-4", Text: "No Local on a shared subscription"}
	}
	j.reasons[i] = mqtt.Reason(f.QoS)
	switch c.check(auth.Subscribe, f.Filter, f.QoS, false) {
	case auth.Allowed:
	case auth.Ask:
		j.open = append(j.open, i)
	default:
		j.reasons[i] = mqtt.NotAuthorized
	}
	return nil
}

// items are the filters that the chain is asked about.
func (j *subscribing) items() []auth.Item {
	items := make([]auth.Item, 0, len(j.open))
	for _, i := range j.open {
		share, inner, _ := topic.SplitShared(j.wanted[i].Filter)
		items = append(items, auth.Item{Topic: inner, Share: share, QoS: j.wanted[i].QoS})
	}
	return items
}

// subscribe makes the subscriptions that are permitted, answers, and sends
// the retained messages that match.
func (c *Client) subscribe(j *subscribing) {
	if c.sub.gate.DenyDisconnects() && slices.Contains(j.reasons, mqtt.NotAuthorized) {
		c.shard.tally.add(cDenied, 1)
		for i := range j.reasons { // what was good is not done either
			if j.reasons[i] < mqtt.UnspecifiedError {
				j.reasons[i] = mqtt.UnspecifiedError
			}
		}
		c.tellSubscribed(j)
		c.disconnect(mqtt.NotAuthorized, "subscribe denied")
		return
	}
	for i := range j.wanted {
		if j.reasons[i] < mqtt.UnspecifiedError {
			j.reasons[i] = c.subscribeOne(&j.wanted[i], j.handling[i])
		}
		if j.reasons[i] == mqtt.NotAuthorized {
			c.shard.tally.add(cDenied, 1)
		}
	}
	p := mqtt.Suback{PacketID: j.id, Reasons: j.reasons}
	c.link.SetOut(p.Append(c.link.Out(), c.version)) // [MQTT-3.8.4-1]
	c.tellSubscribed(j)
	c.pump()
}

func (c *Client) subscribeOne(x *session.Subscription, handling byte) mqtt.Reason {
	s, sub := c.shard, c.sub
	fresh := sub.Subs.Find([]byte(x.Filter)) == nil
	if fresh && sub.Subs.Len() >= int(c.maxSubs) {
		return mqtt.QuotaExceeded
	}
	sub.Subs.Put(*x)
	s.index(sub, x) // an existing one is replaced [MQTT-3.8.4-3]
	_, _, shared := topic.SplitShared(x.Filter)
	if !shared && (handling == 0 || handling == 1 && fresh) { // [MQTT-3.3.1-9] to [MQTT-3.3.1-11]
		c.startReplay(x)
	}
	return mqtt.Reason(x.QoS)
}

// onUnsubscribe handles UNSUBSCRIBE (§3.10).
func (c *Client) onUnsubscribe(flags byte, body []byte) error {
	s, p := c.shard, &c.shard.in.unsubscribe
	if err := p.Decode(c.version, flags, body); err != nil {
		return err
	}
	answer := mqtt.Unsuback{PacketID: p.PacketID, Reasons: make([]mqtt.Reason, len(p.Filters))}
	told := unsubscribed{gate: c.observed(auth.EventUnsubscribed)}
	for i, f := range p.Filters {
		gone, ok := c.sub.Subs.Remove(f) // compared byte by byte [MQTT-3.10.4-1]
		switch {
		case ok:
			s.unindex(c.sub, gone.Filter)
			c.stopReplay(gone.Filter)
			told.add(gone.Filter, gone.QoS)
		case topic.ValidFilter(f) != nil:
			answer.Reasons[i] = mqtt.TopicFilterInvalid
		default:
			answer.Reasons[i] = mqtt.NoSubscriptionExisted
		}
	}
	c.link.SetOut(answer.Append(c.link.Out(), c.version)) // [MQTT-3.10.4-4]
	told.tell(c)
	return nil
}
