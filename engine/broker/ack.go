package broker

import (
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/session"
)

// onAck handles PUBACK, PUBREC, PUBREL and PUBCOMP (§3.4 to §3.7).
func (c *Client) onAck(h mqtt.Header, body []byte) error {
	p := &c.shard.in.ack
	if err := p.Decode(h.Type, c.version, h.Flags, body); err != nil {
		return err
	}
	if h.Type == mqtt.TypePubrel {
		c.onPubrel(p.PacketID)
		return nil
	}
	var answer session.Answer
	pool, sub := &c.shard.pool, c.sub
	switch h.Type {
	case mqtt.TypePuback:
		answer = sub.Puback(pool, p.PacketID)
	case mqtt.TypePubrec:
		answer = sub.Pubrec(pool, p.PacketID, p.Reason >= mqtt.UnspecifiedError)
	case mqtt.TypePubcomp:
		answer = sub.Pubcomp(pool, p.PacketID)
	}
	switch answer {
	case session.Unexpected:
		return &mqtt.Error{Reason: mqtt.ProtocolError, Rule: "MQTT-4.3.3-1", Text: "acknowledgement does not fit the QoS of the message"}
	case session.Release:
		c.ack(mqtt.TypePubrel, p.PacketID, mqtt.Success) // [MQTT-4.3.3-4]
	case session.Done:
		c.pump()
	case session.Unknown:
		if h.Type == mqtt.TypePubrec && p.Reason < mqtt.UnspecifiedError {
			c.ack(mqtt.TypePubrel, p.PacketID, mqtt.PacketIDNotFound)
		}
	}
	return nil
}

// onPubrel ends the exchange of a QoS 2 message from the client
// [MQTT-4.3.3-11].
func (c *Client) onPubrel(id uint16) {
	reason := mqtt.Success
	if !c.sub.Release(id) {
		reason = mqtt.PacketIDNotFound
	}
	c.ack(mqtt.TypePubcomp, id, reason)
}

// onDisconnect handles DISCONNECT (§3.14).
func (c *Client) onDisconnect(flags byte, body []byte) error {
	p := &c.shard.in.disconnect
	if err := p.Decode(c.version, flags, body); err != nil {
		return err
	}
	if p.HasSessionExpiry {
		if c.sub.Expiry == 0 && p.SessionExpiry != 0 { // [MQTT-3.1.2-23]
			return &mqtt.Error{Reason: mqtt.ProtocolError, Rule: "MQTT-3.14.2-2", Text: "session expiry raised from 0"}
		}
		c.sub.Expiry = p.SessionExpiry
		if m := c.shard.b.opt.MaxSessionExpiry; m != 0 {
			c.sub.Expiry = min(c.sub.Expiry, m)
		}
	}
	if p.Reason == mqtt.Success {
		c.sub.will = nil // [MQTT-3.14.4-3]
	}
	c.end(p.Reason, string(p.ReasonString), "disconnect")
	return nil
}
