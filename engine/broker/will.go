package broker

import (
	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/session"
)

// will is the message that is published when a client is lost (§3.1.2.5). It
// keeps what is needed to ask for permission once more by then.
type will struct {
	publish mqtt.Publish // owns its bytes
	delay   uint32       // seconds after the loss [MQTT-3.1.3-9]
	hold    uint32       // seconds after that, for a topic below $delayed/
	grant   *auth.Grant
	gate    *auth.Gate
	access  *auth.Access
}

// newWill copies a will from a CONNECT.
func newWill(w *mqtt.Will) *will {
	p := mqtt.Publish{QoS: w.QoS, Retain: w.Retain, Topic: w.Topic, Payload: w.Payload, Properties: w.Properties}
	m := session.NewMessage(&p, 0)
	out := &will{delay: w.Delay}
	m.Fill(&out.publish, 0)
	out.publish.Properties.MessageExpiry = w.Properties.MessageExpiry
	return out
}

// sign notes on whose behalf the will would be published.
func (w *will) sign(k *connecting) {
	w.grant, w.gate = k.outcome.Grant, k.gate
	w.access = &auth.Access{
		ClientID:   k.req.ClientID,
		Username:   k.req.Username,
		Attributes: w.grant.Attributes,
		Listener:   k.req.Listener,
		Peer:       k.req.Peer,
		Action:     auth.Publish,
		CommonName: k.req.CommonName(),
		Items:      []auth.Item{{Topic: string(w.publish.Topic), QoS: w.publish.QoS, Retain: w.publish.Retain}},
	}
}

// adopt brings the will under another gate: what counts is what is permitted
// when it is sent.
func (w *will) adopt(g *auth.Gate) {
	if g == w.gate || w.grant == nil {
		return
	}
	who := auth.Identity{ClientID: w.access.ClientID, Username: w.access.Username, CommonName: w.access.CommonName}
	w.grant, w.gate = g.Adopt(w.grant, who), g
}

// renew notes what the client may do from now on.
func (w *will) renew(grant *auth.Grant, gate *auth.Gate) {
	acc := *w.access
	acc.Attributes = grant.Attributes
	w.grant, w.gate, w.access = grant, gate, &acc
}

func (w *will) check() auth.Answer {
	return w.grant.Check(auth.Publish, w.publish.Topic, w.publish.QoS, w.publish.Retain)
}

// publishWill takes the will from the session and has it published in a later
// step: the caller may be in the middle of routing another message.
func (s *Shard) publishWill(sub *subscriber) {
	if w := sub.will; w != nil {
		sub.will = nil // [MQTT-3.1.2-10]
		s.post(s, &testament{will: w, from: sub})
	}
}

// testament is a will on its way.
type testament struct {
	will   *will
	from   *subscriber
	result auth.Authorized
	answer turn
	asked  bool
}

// open implements letter. It comes a second time when the chain was asked.
func (t *testament) open(s *Shard) {
	if t.asked {
		t.decided(s)
		return
	}
	t.will.adopt(s.b.opt.Gate())
	switch t.will.check() {
	case auth.Allowed:
		t.publish(s)
	case auth.Denied:
		s.tally.add(cDenied, 1)
	case auth.Ask:
		t.ask(s)
	}
}

func (t *testament) ask(s *Shard) {
	t.asked = true
	t.will.gate.Authorize(t.will.grant, t.will.access, func(a auth.Authorized) {
		t.result = a
		if t.answer.late() {
			s.box.post(t)
		}
	})
	if !t.answer.waits() {
		t.decided(s)
	}
}

func (t *testament) decided(s *Shard) {
	if permits(&t.result, 0) {
		t.publish(s)
		return
	}
	s.tally.add(cDenied, 1)
}

func (t *testament) publish(s *Shard) {
	w := t.will
	if w.hold > 0 {
		if s.delay(&w.publish, nil, w.hold, author{w.access.ClientID, w.access.Username, w.access.Peer.Addr()}) {
			s.tally.add(cWills, 1)
		}
		return
	}
	s.tally.add(cWills, 1)
	s.publish(&w.publish, nil, t.from)
}
