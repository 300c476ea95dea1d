package broker

import "github.com/wicketmq/wicket/engine/mqtt"

// Kick disconnects the client of a session: a v5 client is told the reason,
// such as [mqtt.AdministrativeAction], and its will is published. It may be
// called from any goroutine; false means that there is no such session. The
// session itself stays as long as its expiry interval says.
func (b *Broker) Kick(clientID string, reason mqtt.Reason) bool {
	sub := b.registry.find(clientID)
	if sub == nil {
		return false
	}
	sub.owner.Load().box.post(&kick{sub, reason})
	return true
}

type kick struct {
	sub    *subscriber
	reason mqtt.Reason
}

// open implements letter. A session that has moved on is followed.
func (l *kick) open(s *Shard) {
	if owner := l.sub.owner.Load(); owner != s {
		s.post(owner, l)
		return
	}
	if c := l.sub.client; c != nil {
		c.disconnect(l.reason, "kicked")
	}
}

// Disconnect ends the connection for a reason that the link has found. A client
// that is connected is told it by DISCONNECT, one that waits for its CONNACK by
// that (both in MQTT 5.0; MQTT 3.x knows the second only), and a will is
// published. It is called on the client's loop.
func (c *Client) Disconnect(reason mqtt.Reason, word string) {
	if c.shard == nil || c.state == closed {
		return
	}
	defer c.guard("disconnect")
	if c.state == joining || c.state == challenged {
		c.refuse(reason, "", word)
		return
	}
	c.disconnect(reason, word)
}
