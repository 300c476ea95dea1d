package broker

import (
	"bytes"
	"log/slog"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/wheel"
)

// Enhanced authentication (MQTT 5.0 §4.12). Before CONNACK the client's job is
// its CONNECT and its state tells whether the gate or the client is to speak.
// Afterwards a client may show itself again while all else goes on.

// challenge asks a client that wants in for more [MQTT-4.12.0-2].
func (k *connecting) challenge() {
	c, x := k.client, k.outcome.Exchange
	if !c.sendAuth(mqtt.ContinueAuthentication, k.req.AuthMethod, k.outcome.AuthData) {
		x.End()
		c.refuse(mqtt.PacketTooLarge, "", "AUTH is larger than the client takes")
		return
	}
	c.state, k.asking = challenged, true
	c.link.Resume()
}

// onAnswer handles what comes from a client that was asked for more.
func (c *Client) onAnswer(h mqtt.Header, body []byte) error {
	if h.Type == mqtt.TypeDisconnect {
		p := &c.shard.in.disconnect
		if err := p.Decode(c.version, h.Flags, body); err != nil {
			return err
		}
		c.close("disconnect")
		return nil
	}
	if h.Type != mqtt.TypeAuth {
		return &mqtt.Error{Reason: mqtt.ProtocolError, Rule: "MQTT-3.1.2-30", Text: "packet before the authentication is over"}
	}
	k := c.job.(*connecting)
	p, err := c.decodeAuth(h.Flags, body, k.req.AuthMethod)
	if err != nil {
		return err
	}
	if p.Reason != mqtt.ContinueAuthentication {
		return outOfTurn
	}
	x := k.outcome.Exchange
	c.state, k.asking, k.outcome = joining, false, &unanswered
	k.answer.again()
	x.Continue(bytes.Clone(p.Data), k.settle)
	k.wait()
	return nil
}

// outOfTurn: an answer that was not asked for, or none that was [MQTT-4.12.0-3].
var outOfTurn = &mqtt.Error{Reason: mqtt.ProtocolError, Rule: "MQTT-4.12.0-3", Text: "AUTH that is not to be sent now"}

// decodeAuth reads an AUTH of a client that has said which method it uses.
func (c *Client) decodeAuth(flags byte, body []byte, method string) (*mqtt.Auth, error) {
	p := &c.shard.in.auth
	if err := p.Decode(c.version, flags, body); err != nil {
		return nil, err
	}
	if string(p.Method) != method {
		return nil, &mqtt.Error{Reason: mqtt.ProtocolError, Rule: "MQTT-4.12.0-5", Text: "AUTH with another authentication method"}
	}
	return p, nil
}

// sendAuth sends an AUTH, unless it would be larger than the client takes
// [MQTT-3.1.2-24].
func (c *Client) sendAuth(reason mqtt.Reason, method string, data []byte) bool {
	p := mqtt.Auth{Reason: reason, Method: []byte(method), Data: data}
	if c.maxOut != 0 && p.Size(c.version) > int(c.maxOut) {
		return false
	}
	c.link.SetOut(p.Append(c.link.Out(), c.version))
	return true
}

// enhanced is what the shard keeps of a live client with an authentication
// method: what it has shown at CONNECT, which is asked about again.
type enhanced struct {
	request *auth.Request
	window  uint16 // before a verdict limits it
	again   *renewal
}

// enhance notes a client that has an authentication method.
func (s *Shard) enhance(k *connecting) {
	if k.req.AuthMethod == "" {
		return
	}
	r := k.req
	r.Password, r.HasPassword, r.AuthData = nil, false, nil
	r.HasUsername = r.HasUsername || r.Username != ""
	s.enhanced[k.client] = &enhanced{request: r, window: k.window}
}

// diminish forgets a client that is gone.
func (s *Shard) diminish(c *Client) {
	e := s.enhanced[c]
	if e == nil {
		return
	}
	delete(s.enhanced, c)
	if e.again != nil {
		e.again.drop()
	}
}

// renewed is the tick by which a client has to have shown itself again, or 0.
func (s *Shard) renewed(c *Client) wheel.Tick {
	if e := s.enhanced[c]; e != nil && e.again != nil {
		return e.again.until
	}
	return 0
}

// onAuth handles an AUTH of a live client (§4.12.1).
func (c *Client) onAuth(flags byte, body []byte) error {
	e := c.shard.enhanced[c]
	if e == nil {
		return &mqtt.Error{Reason: mqtt.ProtocolError, Rule: "MQTT-4.12.0-7", Text: "AUTH of a client without an authentication method"}
	}
	p, err := c.decodeAuth(flags, body, e.request.AuthMethod)
	switch {
	case err != nil:
		return err
	case p.Reason == mqtt.Reauthenticate && e.again == nil:
		c.renew(e, p.Data)
	case p.Reason == mqtt.ContinueAuthentication && e.again != nil && e.again.asking:
		e.again.answered(p.Data)
	default:
		return outOfTurn
	}
	return nil
}

// renewal is a re-authentication under way. The session keeps what it may do
// until that is over.
type renewal struct {
	client  *Client // nil once the connection is lost; the shard's loop only
	shard   *Shard
	gate    *auth.Gate
	method  string
	until   wheel.Tick
	outcome auth.Outcome
	asking  bool // the client was sent an AUTH and has not answered
	answer  turn
}

// renew asks the gate about a client once more.
func (c *Client) renew(e *enhanced, data []byte) {
	s := c.shard
	r := &renewal{
		client: c, shard: s, gate: s.b.opt.Gate(), method: e.request.AuthMethod,
	}
	r.until = s.now() + limitOf(r.gate)
	e.again = r
	req := *e.request
	req.Reauthenticate, req.AuthData = true, bytes.Clone(data)
	c.rearm()
	r.gate.Authenticate(&req, r.settle)
	r.wait()
}

// rearm sets the timer anew, unless an answer is waited for: that sets it.
func (c *Client) rearm() {
	if _, held := c.job.(*respite); held || c.job == nil {
		c.arm()
	}
}

// answered goes on with what the client has sent.
func (r *renewal) answered(data []byte) {
	x := r.outcome.Exchange
	r.asking, r.outcome = false, auth.Outcome{}
	r.answer.again()
	x.Continue(bytes.Clone(data), r.settle)
	r.wait()
}

// settle takes the gate's answer, on any goroutine.
func (r *renewal) settle(o auth.Outcome) {
	r.outcome = o
	if r.answer.late() {
		r.shard.box.post(r)
	}
}

// wait goes on with an answer that has come already. The client is heard
// meanwhile.
func (r *renewal) wait() {
	if !r.answer.waits() {
		r.decided()
	}
}

// open implements letter.
func (r *renewal) open(*Shard) {
	if c := r.client; c != nil {
		defer c.guard("verdict")
		r.decided()
	} else if x := r.outcome.Exchange; x != nil {
		x.End()
	}
}

func (r *renewal) drop() {
	r.client = nil
	if r.asking {
		r.outcome.Exchange.End()
	}
}

// decided goes on with the gate's answer, on the loop.
func (r *renewal) decided() {
	c, o := r.client, &r.outcome
	if o.Err != nil {
		r.shard.b.opt.Log.Warn("decider failed", "decider", o.Decider, "client_id", c.sub.ClientID, "error", o.Err)
	}
	switch {
	case o.Exchange != nil:
		r.challenge()
	case o.Grant == nil:
		c.unproven(o.Reason, "not authorized again")
	default:
		r.grant()
	}
}

func (r *renewal) challenge() {
	x := r.outcome.Exchange
	if r.asking = r.client.sendAuth(mqtt.ContinueAuthentication, r.method, r.outcome.AuthData); !r.asking {
		x.End()
		r.client.unproven(mqtt.PacketTooLarge, "AUTH is larger than the client takes")
	}
}

// unproven ends the connection of a client that could not show itself again
// [MQTT-4.12.1-2].
func (c *Client) unproven(reason mqtt.Reason, word string) {
	if reason == mqtt.Success || !reason.AllowedIn(mqtt.TypeDisconnect) {
		reason = mqtt.NotAuthorized
	}
	if c.logs(slog.LevelInfo) {
		c.log(slog.LevelInfo, "client is not let in again", slog.String("reason", reason.String()))
	}
	c.disconnect(reason, word)
}

// grant gives the session what the client may do from now on. Its names stay,
// and so does the packet size that it was told.
func (r *renewal) grant() {
	c, s, g := r.client, r.shard, r.outcome.Grant
	e, sub := s.enhanced[c], c.sub
	if !c.sendAuth(mqtt.Success, r.method, r.outcome.AuthData) {
		c.unproven(mqtt.PacketTooLarge, "AUTH is larger than the client takes")
		return
	}
	e.again = nil
	g.Replaces(sub.grant)
	sub.grant, sub.gate = g, r.gate
	if sub.will != nil {
		sub.will.renew(g, r.gate)
	}
	told := c.maxIn
	c.window, c.maxSubs = e.window, uint32(s.b.opt.MaxSubscriptions)
	c.limit(g.Limits)
	c.maxIn = told
	c.expireAt = tickOf(s.now(), g.ExpireAt)
	c.rearm()
	if c.logs(slog.LevelDebug) {
		c.log(slog.LevelDebug, "client has authenticated again")
	}
	s.judge(sub)
}
