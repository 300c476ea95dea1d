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
