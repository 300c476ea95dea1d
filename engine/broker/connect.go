package broker

import (
	"crypto/rand"
	"log/slog"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/session"
	"github.com/wicketmq/wicket/engine/topic"
	"github.com/wicketmq/wicket/engine/wheel"
)

// connecting is a CONNECT on its way: from the gate over the will's
// authorization and the session's owner to the CONNACK. It outlives the
// connection when that is lost meanwhile; client is nil then.
type connecting struct {
	client     *Client // nil once the connection is lost; the shard's loop only
	shard      *Shard
	gate       *auth.Gate
	req        *auth.Request
	outcome    *auth.Outcome // of no use before the answer; it is not a part of this, which tens of thousands may wait for
	will       *will
	expiry     uint32 // the session's, seconds
	asked      uint32 // the expiry the client asked for
	keepAlive  uint16
	window     uint16
	maxOut     uint32
	cleanStart bool
	assigned   bool // the broker made the client id up
	quiet      bool
	asking     bool // the client was sent an AUTH and has not answered
	answer     turn
}

// unanswered is the outcome before there is one.
var unanswered auth.Outcome

// drop implements job. The answer to a question that is under way finds no
// client; a client that was asked for more will not answer.
func (k *connecting) drop() {
	k.client = nil
	if k.asking {
		k.outcome.Exchange.End()
	}
}

// onConnect handles the first packet (§3.1).
func (c *Client) onConnect(body []byte) {
	var p mqtt.Connect
	if err := p.Decode(body); err != nil {
		c.misfit(p.Version, err)
		return
	}
	c.version, c.state = p.Version, joining
	c.quiet, c.maxOut = !p.Properties.RequestProblemInfo, p.Properties.MaximumPacketSize
	k, reason := c.admission(&p)
	c.job = k
	if reason != mqtt.Success {
		c.refuse(reason, "", "CONNECT refused")
		return
	}
	c.link.Arm(c.shard.now() + limitOf(k.gate))
	k.gate.Authenticate(k.req, k.settle)
	k.wait()
}

// settle takes the gate's answer, on any goroutine.
func (k *connecting) settle(o auth.Outcome) {
	k.outcome = &o
	if k.answer.late() {
		k.shard.box.post(k)
	}
}

// wait goes on with an answer that has come already; for another one the client
// is not heard until then.
func (k *connecting) wait() {
	if k.answer.waits() {
		k.client.link.Pause()
		return
	}
	k.decided()
}

// misfit answers a CONNECT that cannot be decoded. A client of another
// version is told so in the nearest version we speak [MQTT-3.1.2-2]; a
// malformed CONNECT of 5.0 gets its reason, one of 3.x nothing.
func (c *Client) misfit(v mqtt.Version, err error) {
	reason := mqtt.ReasonOf(err)
	unsupported := reason == mqtt.UnsupportedProtocolVersion
	if v >= mqtt.V50 || unsupported {
		c.version = min(max(v, mqtt.V311), mqtt.V50)
		c.connack(&mqtt.Connack{Reason: reason})
	}
	c.shard.tally.add(cRefused, 1)
	c.breach(err)
}

// admission copies what is needed of a CONNECT. Any reason but Success
// refuses it.
func (c *Client) admission(p *mqtt.Connect) (*connecting, mqtt.Reason) {
	o := &c.shard.b.opt
	k := &connecting{
		client:     c,
		shard:      c.shard,
		gate:       o.Gate(),
		outcome:    &unanswered,
		asked:      p.Properties.SessionExpiry,
		keepAlive:  p.KeepAlive,
		window:     o.MaxInflight,
		maxOut:     1<<32 - 1,
		cleanStart: p.CleanStart,
		quiet:      !p.Properties.RequestProblemInfo,
	}
	if p.Version != mqtt.V50 {
		k.asked, k.quiet = session.NeverExpires, false
		if p.CleanStart {
			k.asked = 0 // [MQTT-3.1.2-6] of 3.1.1
		}
	}
	k.expiry = k.asked
	if o.MaxSessionExpiry != 0 {
		k.expiry = min(k.expiry, o.MaxSessionExpiry)
	}
	if m := p.Properties.ReceiveMaximum; m != 0 {
		k.window = min(k.window, m)
	}
	if m := p.Properties.MaximumPacketSize; m != 0 {
		k.maxOut = m
	}
	reason := c.acceptWill(p, k) // the request has the topic that it stands for
	k.req = c.request(p, k)
	switch {
	case len(p.ClientID) == 0 && !p.CleanStart && p.Version != mqtt.V50, // [MQTT-3.1.3-8] of 3.1.1
		len(p.ClientID) == 0 && p.Version == mqtt.V31:
		return k, mqtt.ClientIDNotValid
	case len(p.ClientID) == 0:
		k.req.ClientID, k.assigned = assignedID(), true // [MQTT-3.1.3-6]
	}
	return k, reason
}

// acceptWill checks the will as a PUBLISH would be and copies it. A topic below
// $delayed/ becomes the one that it stands for.
func (c *Client) acceptWill(p *mqtt.Connect, k *connecting) mqtt.Reason {
	w := p.Will
	if w == nil {
		return mqtt.Success
	}
	var hold uint32
	var ok bool
	if w.Topic, hold, ok = c.shard.b.opt.undelay(w.Topic); !ok {
		return mqtt.TopicNameInvalid
	}
	if topic.ValidName(w.Topic) != nil || topic.Levels(w.Topic) > c.shard.b.opt.MaxTopicLevels || reserved(w.Topic) {
		return mqtt.TopicNameInvalid
	}
	k.will = newWill(w)
	k.will.hold = hold
	return mqtt.Success
}

// request copies what a gate may want to know.
func (c *Client) request(p *mqtt.Connect, k *connecting) *auth.Request {
	r := &auth.Request{
		ClientID:      string(p.ClientID),
		Username:      string(p.Username),
		HasUsername:   p.HasUsername,
		HasPassword:   p.HasPassword,
		Version:       p.Version,
		CleanStart:    p.CleanStart,
		KeepAlive:     p.KeepAlive,
		SessionExpiry: k.expiry,
		Listener:      c.info.Listener,
		Transport:     c.info.Transport,
		Peer:          c.link.Peer(),
		AuthMethod:    string(p.Properties.AuthMethod),
	}
	if p.HasPassword {
		r.Password = append([]byte{}, p.Password...)
	}
	if p.Properties.HasAuthData {
		r.AuthData = append([]byte{}, p.Properties.AuthData...)
	}
	r.TLS, r.Proxy = c.link.TLS(), c.link.Proxy()
	if p.Will != nil {
		r.Will = &auth.Will{Topic: string(p.Will.Topic), QoS: p.Will.QoS, Retain: p.Will.Retain}
	}
	for key, value := range p.Properties.User.All() {
		r.UserProperties = append(r.UserProperties, auth.Property{Key: string(key), Value: string(value)})
	}
	return r
}

// assignedID makes up a client id that nobody else has [MQTT-3.2.2-16].
func assignedID() string { return "wicket-" + rand.Text() }

// open implements letter: the verdict has come from another goroutine.
func (k *connecting) open(*Shard) {
	if c := k.client; c != nil {
		defer c.guard("verdict")
		k.decided()
	} else if x := k.outcome.Exchange; x != nil {
		x.End()
	}
}

// decided goes on with the gate's answer, on the loop.
func (k *connecting) decided() {
	c, g := k.client, k.outcome.Grant
	if err := k.outcome.Err; err != nil {
		k.shard.b.opt.Log.Warn("decider failed",
			"decider", k.outcome.Decider, "client_id", k.req.ClientID, "error", err)
	}
	if k.outcome.Exchange != nil {
		k.challenge()
		return
	}
	if g == nil {
		c.refuse(k.outcome.Reason, k.outcome.ReasonText, "denied")
		return
	}
	if g.ClientID != "" {
		k.req.ClientID = g.ClientID
	}
	if g.Username != "" {
		k.req.Username = g.Username
	}
	if k.will == nil {
		k.pass()
		return
	}
	k.will.sign(k)
	switch k.will.check() {
	case auth.Allowed:
		k.pass()
	case auth.Denied:
		k.refuseWill()
	case auth.Ask:
		k.askWill()
	}
}

func (k *connecting) refuseWill() {
	k.shard.tally.add(cDenied, 1)
	k.client.refuse(mqtt.NotAuthorized, "will message not permitted", "will not permitted")
}

// askWill lets the chain decide about the will.
func (k *connecting) askWill() {
	q := &willQuestion{k: k}
	k.gate.Authorize(k.outcome.Grant, k.will.access, func(a auth.Authorized) {
		q.result = a
		if q.answer.late() {
			k.shard.box.post(q)
		}
	})
	if q.answer.waits() {
		k.client.link.Pause()
		return
	}
	q.decided()
}

type willQuestion struct {
	k      *connecting
	result auth.Authorized
	answer turn
}

func (q *willQuestion) open(*Shard) {
	if c := q.k.client; c != nil {
		defer c.guard("verdict")
		q.decided()
	}
}

func (q *willQuestion) decided() {
	q.k.outcome.Grant.Remember(q.result)
	if permits(&q.result, 0) {
		q.k.pass()
		return
	}
	q.k.refuseWill()
}

// pass gets the session for a client that may come in. Its owner may be
// another shard: the client is paused until that has answered.
func (k *connecting) pass() {
	c := k.client
	k.shard.claim(k)
	if k.client != nil && c.state == joining {
		c.link.Pause()
	}
}

// take makes the client that of an existing session.
func (k *connecting) take(s *Shard, sub *subscriber) { k.attach(s, sub, true) }

// attach lets the client in. The owner of sub is s.
func (k *connecting) attach(s *Shard, sub *subscriber, present bool) {
	c, g, o := k.client, k.outcome.Grant, &s.b.opt
	if c == nil {
		return // the session stays as it is, offline
	}
	c.job = nil
	c.state, c.sub, c.quiet = live, sub, k.quiet
	c.window, c.maxOut = k.window, k.maxOut
	c.maxSubs = uint32(o.MaxSubscriptions)
	c.limit(g.Limits)
	c.seen = s.now()
	c.expireAt = tickOf(s.now(), g.ExpireAt)
	sub.connect(s, c)
	sub.Expiry, sub.will, sub.grant, sub.gate = k.expiry, k.will, g, k.gate
	sub.who = newIdentity(k.req)
	s.enhance(k)
	s.tally.add(cConnects, 1)
	s.tally.add(cConnections, 1)
	c.info.Connected.Add(1)
	k.welcome(c, present)
	if c.logs(slog.LevelDebug) {
		c.log(slog.LevelDebug, "client connected",
			slog.String("username", k.req.Username), slog.Bool("session_present", present))
	}
	k.tellConnected(c)
	c.arm()
	c.link.Resume()
	sub.Resume()
	if sub.Judged = false; present && !s.judgeResumed(sub) {
		return
	}
	c.pump()
}

// limit applies the caps of a verdict.
func (c *Client) limit(l auth.Limits) {
	if l.MaxPacketSize != 0 {
		c.maxIn = min(c.maxIn, l.MaxPacketSize)
	}
	if l.MaxInflight != 0 {
		c.window = min(c.window, l.MaxInflight)
	}
	if l.MaxSubscriptions != 0 {
		c.maxSubs = min(c.maxSubs, l.MaxSubscriptions)
	}
}

// tickOf is the tick of a time on the clock; 0 for none.
func tickOf(now wheel.Tick, at time.Time) wheel.Tick {
	if at.IsZero() {
		return 0
	}
	left := max(time.Until(at), 0) / time.Second
	return session.After(now, uint32(min(left+1, 1<<31)))
}

// welcome sends the CONNACK (§3.2).
func (k *connecting) welcome(c *Client, present bool) {
	o := &k.shard.b.opt
	p := mqtt.Connack{SessionPresent: present}
	keepAlive := k.keepAlive
	if c.version == mqtt.V50 {
		pr := &p.Properties
		if m := o.MaxKeepAlive; m != 0 && (keepAlive == 0 || keepAlive > m) {
			keepAlive = m
			pr.ServerKeepAlive, pr.HasServerKeepAlive = m, true // [MQTT-3.2.2-21]
		}
		if k.expiry != k.asked {
			pr.SessionExpiry, pr.HasSessionExpiry = k.expiry, true
		}
		pr.ReceiveMaximum = o.MaxInflight
		pr.MaximumPacketSize = c.maxIn
		pr.TopicAliasMaximum = o.TopicAliasMaximum
		if k.assigned {
			pr.AssignedClientID = []byte(k.req.ClientID)
		}
		if k.req.AuthMethod != "" {
			pr.AuthMethod = []byte(k.req.AuthMethod) // [MQTT-4.12.0-5]
			pr.AuthData = k.outcome.AuthData
		}
		if !k.quiet {
			for _, u := range k.outcome.Grant.UserProperties {
				pr.User = mqtt.AppendUserProperty(pr.User, u.Key, u.Value)
			}
		}
	}
	c.patience = wheel.Tick(keepAlive) * wheel.PerSecond * 3 / 2 // [MQTT-3.1.2-22]
	c.connack(&p)
}

// connack drops what would make the packet larger than the client takes
// [MQTT-3.2.2-19] [MQTT-3.2.2-20].
func (c *Client) connack(p *mqtt.Connack) {
	if c.maxOut != 0 && p.Size(c.version) > int(c.maxOut) {
		p.Properties.ReasonString, p.Properties.User = nil, nil
	}
	c.link.SetOut(p.Append(c.link.Out(), c.version))
}

// refuse answers a CONNECT with a reason and closes [MQTT-3.2.2-7].
func (c *Client) refuse(reason mqtt.Reason, text, word string) {
	if !reason.AllowedIn(mqtt.TypeConnack) || reason == mqtt.Success {
		reason = mqtt.NotAuthorized
	}
	p := mqtt.Connack{Reason: reason}
	if text != "" && !c.quiet {
		p.Properties.ReasonString = []byte(text)
	}
	c.shard.tally.add(cRefused, 1)
	if c.logs(slog.LevelInfo) {
		id, by := "", ""
		if k, ok := c.job.(*connecting); ok {
			id, by = k.req.ClientID, k.outcome.Decider
		}
		c.log(slog.LevelInfo, "client refused", slog.String("client_id", id),
			slog.String("reason", reason.String()), slog.String("because", because(text, word)), slog.String("by", by))
	}
	c.connack(&p)
	c.tellRefused(reason, because(text, word))
	c.close(word)
}
