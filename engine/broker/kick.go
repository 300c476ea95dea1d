package broker

import "github.com/wicketmq/wicket/engine/mqtt"

// Kick disconnects the client of a session: a v5 client is told the reason,
// such as [mqtt.AdministrativeAction], and its will is published. It may be
// called from any goroutine; false means that there is no such session. The
// session itself stays as long as its expiry interval says.
func (b *Broker) Kick(clientID string, reason mqtt.Reason) bool {
	return b.Disconnect(Parting{ClientID: clientID, Reason: reason})
}

// Parting says whom to disconnect, and why.
type Parting struct {
	ClientID   string
	Username   string      // not empty: only if the client has this name
	Reason     mqtt.Reason // of a DISCONNECT, 0x80 and above
	ReasonText string      // for an MQTT 5.0 client
}

// Disconnect is Kick with more to say. A session that has moved to another loop
// is followed; who has come under the client id in the meantime is meant too.
func (b *Broker) Disconnect(p Parting) bool {
	sub := b.registry.find(p.ClientID)
	if sub == nil {
		return false
	}
	sub.owner.Load().box.post(&kick{sub, p})
	return true
}

type kick struct {
	sub *subscriber
	Parting
}

// open implements letter. A session that has moved on is followed.
func (l *kick) open(s *Shard) {
	if owner := l.sub.owner.Load(); owner != s {
		s.post(owner, l)
		return
	}
	if c := l.sub.client; c != nil && (l.Username == "" || l.Username == l.sub.who.user()) {
		defer c.guard("kick")
		c.part(l.Reason, l.ReasonText, "kicked")
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
