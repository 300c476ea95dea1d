package broker

import (
	"bytes"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/session"
	"github.com/wicketmq/wicket/engine/topic"
)

// onPublish handles PUBLISH (§3.3).
func (c *Client) onPublish(flags byte, body []byte) error {
	s, p := c.shard, &c.shard.in.publish
	if err := p.Decode(c.version, flags, body); err != nil {
		return err
	}
	s.tally.add(cPublishIn, 1)
	if len(p.Properties.SubscriptionIDs) > 0 {
		return &mqtt.Error{Reason: mqtt.ProtocolError, Rule: "MQTT-3.3.4-6", Text: "subscription identifier from a client"}
	}
	if err := c.resolve(p); err != nil {
		return err
	}
	if p.QoS == 2 {
		if c.sub.Receiving(p.PacketID) { // sent again: PUBREC was lost [MQTT-4.3.3-10]
			c.ack(mqtt.TypePubrec, p.PacketID, mqtt.Success)
			return nil
		}
		if c.version == mqtt.V50 && c.sub.Received() >= int(s.b.opt.MaxInflight) {
			return &mqtt.Error{Reason: mqtt.ReceiveMaximumExceeded, Rule: "MQTT-3.3.4-7", Text: "more QoS 2 messages in flight than the Receive Maximum"}
		}
	}
	var delay uint32
	if len(p.Topic) > 0 && p.Topic[0] == '$' {
		var ok bool
		if delay, ok = c.special(p); !ok {
			return nil
		}
	}
	if topic.Levels(p.Topic) > s.b.opt.MaxTopicLevels {
		c.reject(p.QoS, p.PacketID, mqtt.TopicNameInvalid)
		return nil
	}
	switch c.check(auth.Publish, p.Topic, p.QoS, p.Retain) {
	case auth.Allowed:
		c.accept(p, nil, delay)
	case auth.Ask:
		c.askPublish(p, delay)
	default:
		c.deny(p.Topic, p.QoS, p.Retain, p.PacketID, mqtt.NotAuthorized)
	}
	return nil
}

// special handles a topic that begins with $: one below $delayed/ becomes the topic
// that it stands for. ok is false when the message has been refused.
func (c *Client) special(p *mqtt.Publish) (delay uint32, ok bool) {
	name, delay, ok := c.shard.b.opt.undelay(p.Topic)
	switch {
	case !ok:
		c.deny(name, p.QoS, p.Retain, p.PacketID, mqtt.TopicNameInvalid)
	case reserved(name):
		c.reject(p.QoS, p.PacketID, mqtt.TopicNameInvalid)
		return 0, false
	}
	p.Topic = name
	return delay, ok
}

// sys is where the server publishes about itself (§4.7.2).
var sys = []byte("$SYS/")

// reserved reports whether only the server publishes to the topic.
func reserved(topic []byte) bool { return bytes.HasPrefix(topic, sys) }

// accept routes a PUBLISH, or holds it for a delay in seconds, and acknowledges it.
// m is its copy on the heap, if there is one.
func (c *Client) accept(p *mqtt.Publish, m *session.Message, delay uint32) {
	sub, qos, id := c.sub, p.QoS, p.PacketID
	if delay > 0 && !c.shard.delay(p, m, delay, c.author()) {
		c.answer(qos, id, mqtt.QuotaExceeded)
		return
	}
	if qos == 2 {
		sub.Receive(id) // method A of figure 4.3 [MQTT-4.3.3-8]
	}
	reason := mqtt.Success
	if delay == 0 && !c.shard.publish(p, m, sub) {
		reason = mqtt.NoMatchingSubscribers
	}
	c.shard.backlog.hold(c)
	if c.state != live { // a slow consumer of its own message
		return
	}
	c.answer(qos, id, reason)
}

// answer is the acknowledgement of a PUBLISH. MQTT 3.x cannot say that it was
// refused: the client gets the usual one ([MQTT-3.3.5-2] of 3.1.1).
func (c *Client) answer(qos byte, id uint16, reason mqtt.Reason) {
	switch qos {
	case 1:
		c.ack(mqtt.TypePuback, id, reason) // [MQTT-4.3.2-4]
	case 2:
		c.ack(mqtt.TypePubrec, id, reason)
	}
}

// reject drops a PUBLISH (spec AUTHZ-03).
func (c *Client) reject(qos byte, id uint16, reason mqtt.Reason) {
	c.shard.tally.add(cDenied, 1)
	c.answer(qos, id, reason)
}

// deny answers a PUBLISH that the client is not permitted (spec AUTHZ-03), or whose
// topic stands for none (AUTHZ-12).
func (c *Client) deny(name []byte, qos byte, retain bool, id uint16, reason mqtt.Reason) {
	c.tellDenied(name, qos, retain)
	if !c.shard.b.opt.Gate().DenyDisconnects() {
		c.reject(qos, id, reason)
		return
	}
	c.shard.tally.add(cDenied, 1)
	c.disconnect(reason, "publish denied")
}

// askPublish lets the chain decide. The packet's bytes die with the window,
// so it waits as a copy.
func (c *Client) askPublish(p *mqtt.Publish, delay uint32) {
	m, id := session.NewMessage(p, c.shard.now()), p.PacketID
	item := auth.Item{Topic: string(p.Topic), QoS: p.QoS, Retain: p.Retain}
	c.ask(c.access(auth.Publish, item), func(a *auth.Authorized) {
		if !permits(a, 0) {
			c.deny(m.Topic, m.QoS, m.Retain, id, mqtt.NotAuthorized)
			return
		}
		p := &c.shard.in.publish
		m.Fill(p, c.shard.now())
		p.PacketID = id
		c.accept(p, m, delay)
	})
}

// ack sends PUBACK, PUBREC, PUBREL or PUBCOMP.
func (c *Client) ack(t mqtt.Type, id uint16, reason mqtt.Reason) {
	p := mqtt.Ack{PacketID: id, Reason: reason}
	c.link.SetOut(p.Append(c.link.Out(), c.version, t))
}

// aliases are the topics a client has given numbers to (§3.3.2.3.4). They
// live as long as the connection [MQTT-3.3.2-7].
type aliases struct{ topics [][]byte }

// resolve replaces a topic alias by its topic, and learns new ones.
func (c *Client) resolve(p *mqtt.Publish) error {
	pr := &p.Properties
	if !pr.HasTopicAlias {
		return nil
	}
	alias, limit := int(pr.TopicAlias), int(c.shard.b.opt.TopicAliasMaximum)
	pr.HasTopicAlias, pr.TopicAlias = false, 0
	if alias == 0 || alias > limit { // [MQTT-3.3.2-8] [MQTT-3.3.2-9]
		return &mqtt.Error{Reason: mqtt.TopicAliasInvalid, Rule: "MQTT-3.3.2-9", Text: "topic alias above the maximum"}
	}
	if c.aliases == nil {
		c.aliases = new(aliases)
	}
	a := c.aliases
	if len(p.Topic) > 0 {
		for len(a.topics) < alias {
			a.topics = append(a.topics, nil)
		}
		if !bytes.Equal(a.topics[alias-1], p.Topic) {
			a.topics[alias-1] = bytes.Clone(p.Topic)
		}
		return nil
	}
	if alias > len(a.topics) || a.topics[alias-1] == nil {
		return &mqtt.Error{Reason: mqtt.ProtocolError, Rule: "§3.3.2.3.4", Text: "topic alias that has not been set"}
	}
	p.Topic = a.topics[alias-1]
	return nil
}
