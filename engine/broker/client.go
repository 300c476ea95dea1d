package broker

import (
	"errors"
	"log/slog"
	"sync/atomic"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/wheel"
)

// Info is what all connections of a listener have in common. It must stay as
// it is as long as one of them is attached.
type Info struct {
	Listener      string // name, such as "tls:default"
	Transport     string // "tcp", "tls", "ws", "wss"
	MaxPacketSize uint32 // of this listener; 0 = Options.MaxPacketSize

	// Connected is the number of clients whose CONNECT was accepted and who
	// are here now. The broker keeps it; any goroutine may read it.
	Connected atomic.Int64
}

// state is where a connection is in its life.
type state uint8

const (
	detached   state = iota // Attach has not been called
	fresh                   // nothing but CONNECT is welcome [MQTT-3.1.0-1]
	joining                 // CONNECT has come, CONNACK has not been sent
	challenged              // joining, and an AUTH of the client is awaited (§4.12)
	live
	closed
)

// Client is the broker's end of one connection. It lives inside of the
// reactor's own struct for the connection, of which there are very many, so
// it holds only what every idle connection needs.
//
// Every method is called on the loop that owns the connection.
type Client struct {
	shard    *Shard
	link     Link
	info     *Info
	sub      *subscriber // from CONNACK on
	job      job         // what the client is paused for, or nil
	aliases  *aliases    // topic aliases the client has set
	replay   *replay     // retained messages still to be sent
	seen     wheel.Tick  // last packet
	patience wheel.Tick  // one and a half times the keep-alive, 0 = off
	expireAt wheel.Tick  // the verdict's end, 0 = never
	maxIn    uint32      // largest packet it may send
	maxOut   uint32      // largest packet it takes [MQTT-3.1.2-24]
	maxSubs  uint32
	window   uint16 // messages in flight to it at once [MQTT-3.3.4-9]
	version  mqtt.Version
	state    state
	stalled  bool // on the shard's list of clients to look after
	quiet    bool // wants no reason strings and user properties (§3.1.2.11.7)
}

// job is a question under way for which the client's reading is paused.
type job interface {
	// drop is called when the connection ends before the answer has come.
	drop()
}

// questionLimit is when a client gives up waiting for an answer; gates answer
// much earlier by themselves, unless they say that they need longer.
const questionLimit = 10 * wheel.PerSecond

// limitOf is the questionLimit for a gate.
func limitOf(g *auth.Gate) wheel.Tick {
	return max(questionLimit, wheel.Seconds(uint32(g.Patience().Seconds()))+questionLimit/2)
}

// Attach makes c the client of a connection whose transport is established.
func (s *Shard) Attach(c *Client, l Link, info *Info) {
	*c = Client{shard: s, link: l, info: info, state: fresh, maxIn: s.b.opt.MaxPacketSize}
	if info.MaxPacketSize != 0 {
		c.maxIn = info.MaxPacketSize
	}
}

// Feed handles every complete packet in window and returns the number of
// bytes it used. The rest comes again, in front of what follows it. Feed
// stops early when the client waits for an answer or has been closed.
func (c *Client) Feed(window []byte) (used int) {
	s := c.shard
	if c.state == closed {
		return len(window)
	}
	s.enter()
	defer c.fed()
	packets := 0
	for (c.job == nil || c.state == challenged) && c.state != closed && used < len(window) {
		n := c.packet(window[used:])
		if n == 0 {
			break
		}
		used += n
		packets++
	}
	if packets > 0 {
		c.seen = s.now()
		s.tally.add(cPacketsIn, packets)
		s.tally.add(cBytesIn, used)
	}
	if c.state == live && c.link.Unsent() > s.b.opt.OutboundMax {
		c.slow()
	}
	return used
}

// fed ends a Feed. A bug costs the client that ran into it.
func (c *Client) fed() {
	c.shard.exit()
	if p := recover(); p != nil {
		c.bug("packet", p)
	}
}

// guard is deferred around what is done for one client outside of Feed.
func (c *Client) guard(what string) {
	if p := recover(); p != nil {
		c.bug(what, p)
	}
}

func (c *Client) bug(what string, p any) {
	c.shard.bug(what, p)
	defer c.shard.recovered("close after a bug")
	c.close("bug")
}

// packet handles the packet at the start of w and returns its length, or 0
// when it is not complete.
func (c *Client) packet(w []byte) int {
	if c.state == fresh && mqtt.Type(w[0]>>4) != mqtt.TypeConnect {
		c.breach(&mqtt.Error{Reason: mqtt.ProtocolError, Rule: "MQTT-3.1.0-1", Text: "the first packet is not CONNECT"})
		return 0
	}
	h, err := mqtt.ParseHeader(w)
	if errors.Is(err, mqtt.ErrShort) {
		return 0
	}
	limit := c.maxIn
	if c.state != live {
		limit = min(limit, c.shard.b.opt.ConnectMaxSize)
	}
	if err == nil && h.Len() > int(limit) {
		err = &mqtt.Error{Reason: mqtt.PacketTooLarge, Rule: "MQTT-3.2.2-15", Text: "packet is larger than the limit"}
	}
	if err != nil {
		c.breach(err)
		return 0
	}
	if h.Len() > len(w) {
		return 0
	}
	c.dispatch(h, w[h.Size:h.Len()])
	return h.Len()
}

// dispatch handles one complete packet.
func (c *Client) dispatch(h mqtt.Header, body []byte) {
	var err error
	switch {
	case c.state == fresh:
		c.onConnect(body)
	case c.state == challenged:
		err = c.onAnswer(h, body)
	case h.Type == mqtt.TypePublish:
		err = c.onPublish(h.Flags, body)
	case h.Type >= mqtt.TypePuback && h.Type <= mqtt.TypePubcomp:
		err = c.onAck(h, body)
	case h.Type == mqtt.TypeSubscribe:
		err = c.onSubscribe(h.Flags, body)
	case h.Type == mqtt.TypeUnsubscribe:
		err = c.onUnsubscribe(h.Flags, body)
	case h.Type == mqtt.TypePingreq:
		c.link.SetOut(mqtt.AppendPingresp(c.link.Out())) // [MQTT-3.12.4-1]
	case h.Type == mqtt.TypeDisconnect:
		err = c.onDisconnect(h.Flags, body)
	case h.Type == mqtt.TypeAuth:
		err = c.onAuth(h.Flags, body)
	default:
		err = misplaced(h.Type)
	}
	if err != nil {
		c.breach(err)
	}
}

// misplaced is the error for a packet that a connected client must not send.
func misplaced(t mqtt.Type) error {
	e := &mqtt.Error{Reason: mqtt.ProtocolError, Rule: "§2.1.2", Text: "packet of a type that only a server sends"}
	if t == mqtt.TypeConnect {
		e.Rule, e.Text = "MQTT-3.1.0-2", "second CONNECT"
	}
	return e
}

// breach ends a connection on which the protocol was broken [MQTT-4.13.1-1].
func (c *Client) breach(err error) {
	c.shard.tally.add(cErrors, 1)
	if c.logs(slog.LevelDebug) {
		c.log(slog.LevelDebug, "client broke the protocol", slog.Any("error", err))
	}
	if c.state == challenged {
		c.refuse(mqtt.ReasonOf(err), "", "protocol error")
		return
	}
	c.disconnect(mqtt.ReasonOf(err), "protocol error")
}

// disconnect tells a v5 client the reason and closes; MQTT 3.x has no way to
// tell [MQTT-3.14.0-1].
func (c *Client) disconnect(reason mqtt.Reason, word string) { c.part(reason, "", word) }

// part is disconnect with a text for the client, which is left out when it does
// not want any or cannot take it [MQTT-3.14.2-3].
func (c *Client) part(reason mqtt.Reason, text, word string) {
	if c.state == live && c.version == mqtt.V50 {
		p := mqtt.Disconnect{Reason: reason}
		if text != "" && !c.quiet {
			if p.ReasonString = []byte(text); p.Size(c.version) > int(c.maxOut) {
				p.ReasonString = nil
			}
		}
		c.link.SetOut(p.Append(c.link.Out(), c.version))
	}
	c.end(reason, text, word)
}

// close ends the connection without saying why.
func (c *Client) close(word string) { c.end(mqtt.UnspecifiedError, "", word) }

// end ends the connection from this side. The will is published unless it has
// been taken away before.
func (c *Client) end(reason mqtt.Reason, text, word string) {
	if c.state == closed {
		return
	}
	c.logEnd(word)
	c.tellGone(reason, because(text, word))
	c.state = closed
	c.link.Close(word)
	c.gone()
}

// gone takes the client out of the broker.
func (c *Client) gone() {
	c.state = closed
	if c.job != nil {
		c.job.drop()
		c.job = nil
	}
	c.aliases, c.replay = nil, nil
	c.shard.diminish(c)
	if sub := c.sub; sub != nil {
		c.sub = nil
		c.shard.tally.add(cConnections, -1)
		c.info.Connected.Add(-1)
		c.shard.depart(sub)
	}
}

// Lost says that the connection has ended without the broker having closed
// it: end of stream, reset, or an error of the transport.
func (c *Client) Lost(reason string) {
	if c.shard == nil || c.state == closed {
		return
	}
	defer c.shard.recovered("lost connection")
	c.logEnd(reason)
	c.tellGone(mqtt.UnspecifiedError, reason)
	c.gone()
}

// Shutdown tells the client that the server stops, and closes.
func (c *Client) Shutdown() {
	if c.shard == nil || c.state == closed {
		return
	}
	defer c.guard("shutdown")
	if c.state == joining || c.state == challenged {
		c.refuse(mqtt.ServerUnavailable, "", "server stops")
		return
	}
	c.disconnect(mqtt.ServerShuttingDown, "server stops")
}

// Expire is called when the link's timer fires.
func (c *Client) Expire(now wheel.Tick) {
	if c.shard == nil {
		return
	}
	defer c.guard("client timer")
	switch c.state {
	case joining:
		c.refuse(mqtt.ServerUnavailable, "", "no verdict in time")
	case challenged:
		c.refuse(mqtt.NotAuthorized, "", "no answer in time")
	case live:
		c.watch(now)
	}
}

// watch looks whether the client has fallen silent or its time is over, and
// arms the timer for the next look. Packets do not touch the timer: they set
// seen, and the timer finds out.
func (c *Client) watch(now wheel.Tick) {
	if _, held := c.job.(*respite); held {
		c.seen = now // it is paused for no fault of its own
	} else if c.job != nil {
		c.disconnect(mqtt.ServerBusy, "no answer in time")
		return
	}
	renewed := c.shard.renewed(c)
	switch {
	case c.expireAt != 0 && c.expireAt <= now:
		c.disconnect(mqtt.NotAuthorized, "grant expired")
	case renewed != 0 && renewed <= now:
		c.unproven(mqtt.NotAuthorized, "no answer in time")
	case c.patience != 0 && c.seen+c.patience <= now:
		c.shard.tally.add(cKeepAlive, 1)
		c.disconnect(mqtt.KeepAliveTimeout, "keep-alive timeout") // [MQTT-3.1.2-22]
	default:
		c.arm()
	}
}

// arm sets the timer for the next thing that time can do to a live client.
func (c *Client) arm() {
	at := c.expireAt
	if c.patience != 0 && (at == 0 || c.seen+c.patience < at) {
		at = c.seen + c.patience
	}
	if r := c.shard.renewed(c); r != 0 && (at == 0 || r < at) {
		at = r
	}
	c.link.Arm(at)
}

// takenOver ends a connection whose client id has come again [MQTT-3.1.4-3].
func (c *Client) takenOver() {
	c.shard.tally.add(cTakenOver, 1)
	c.disconnect(mqtt.SessionTakenOver, "taken over")
}

// slow ends a connection that does not take what it is sent.
func (c *Client) slow() {
	c.shard.tally.add(cSlowConsumers, 1)
	c.disconnect(mqtt.QuotaExceeded, "slow consumer")
}
