package broker

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/wheel"
)

// tester is what *testing.T, *testing.B and *rapid.T have in common.
type tester interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

// world is a broker whose loops, time and sockets are in the test's hands.
type world struct {
	t      tester
	b      *Broker
	gate   *auth.Gate
	shards []*Shard
	wheels []*wheel.Wheel
	woken  []bool
	onWake func(shard int) // nil, or what "another thread" does at that moment
	links  []*peer
	now    wheel.Tick
	manual bool // send does not settle
	info   Info
}

// openGate lets everybody do everything.
func openGate(t tester) *auth.Gate {
	g, err := auth.NewGate(auth.Options{Anonymous: auth.AnonymousAllow})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func newWorld(t tester, o Options) *world {
	w := &world{t: t, now: 1, info: Info{
		Listener: "tcp:test", Transport: "tcp",
	}}
	w.gate = openGate(t)
	if o.Gate == nil {
		o.Gate = func() *auth.Gate { return w.gate }
	}
	w.b = New(o)
	for i := range w.b.shards {
		w.wheels = append(w.wheels, wheel.New())
		w.woken = append(w.woken, false)
		w.shards = append(w.shards, w.b.Shard(i, w.wheels[i], func() {
			w.woken[i] = true
			if w.onWake != nil {
				w.onWake(i)
			}
		}))
	}
	return w
}

// settle runs the loops until nothing is left to do.
func (w *world) settle() {
	for range 100_000 {
		if !w.step() {
			return
		}
	}
	w.t.Fatal("the loops do not come to rest")
}

func (w *world) step() (busy bool) {
	for i := range w.shards {
		busy = w.drain(i) || busy
	}
	for _, p := range w.links {
		busy = p.feed() || busy
	}
	return busy
}

func (w *world) drain(i int) bool {
	if !w.woken[i] {
		return false
	}
	w.woken[i] = false
	w.shards[i].Drain()
	return true
}

// pass lets seconds go by.
func (w *world) pass(seconds float64) {
	for end := w.now + wheel.Tick(seconds*wheel.PerSecond); w.now < end; {
		w.now++
		for i, wh := range w.wheels {
			wh.Advance(w.now)
			_ = i
		}
		w.settle()
	}
}

// peer is the far end of a connection, and the link to it.
type peer struct {
	Client
	w       *world
	version mqtt.Version
	in      []byte // sent and not consumed by the broker
	out     []byte // sent by the broker and not looked at
	stuck   bool   // the peer does not read: out counts as unsent
	paused  bool
	hungry  bool // has bytes in that Feed has not seen
	reason  string
	broken  bool // its link panics
	from    netip.AddrPort
	timer   wheel.Timer
}

func (w *world) dial(shard int) *peer {
	p := &peer{w: w, version: mqtt.V50, from: testPeer}
	w.links = append(w.links, p)
	w.shards[shard].Attach(&p.Client, p, &w.info)
	return p
}

func (p *peer) Out() []byte {
	if p.broken {
		panic("broken link")
	}
	return p.out
}
func (p *peer) SetOut(b []byte) { p.out = b }
func (p *peer) Pause()          { p.paused = true }
func (p *peer) Resume()         { p.paused, p.hungry = false, true }

// testPeer is where the connections of these tests come from.
var testPeer = netip.MustParseAddrPort("127.0.0.1:40000")

func (p *peer) Peer() netip.AddrPort { return p.from }
func (p *peer) TLS() *auth.TLS       { return nil }
func (p *peer) Proxy() *auth.Proxy   { return nil }

func (p *peer) Unsent() int {
	if p.stuck {
		return len(p.out)
	}
	return 0
}
func (p *peer) Close(reason string) {
	if p.reason != "" {
		p.w.t.Errorf("Link.Close called twice: %q, then %q", p.reason, reason)
	}
	p.reason = reason
	p.w.wheels[p.Client.shard.id].Disarm(&p.timer)
}
func (p *peer) Arm(at wheel.Tick) {
	wh := p.w.wheels[p.Client.shard.id]
	if at == 0 {
		wh.Disarm(&p.timer)
		return
	}
	wh.Arm(&p.timer, p, at)
}
func (p *peer) Expire(now wheel.Tick) { p.Client.Expire(now) }

// feed gives the broker what the peer has sent.
func (p *peer) feed() bool {
	if p.paused || !p.hungry || p.reason != "" {
		return false
	}
	p.hungry = false
	if len(p.in) == 0 {
		return false
	}
	window := append([]byte(nil), p.in...)
	n := p.Feed(window)
	clear(window) // it dies with the call
	p.in = p.in[n:]
	return true
}

// raw sends bytes.
func (p *peer) raw(b []byte) {
	p.in = append(p.in, b...)
	p.hungry = true
	if !p.w.manual {
		p.feed()
		p.w.settle()
	}
}

type packet interface {
	Append(dst []byte, v mqtt.Version) []byte
}

// send sends packets, one window each.
func (p *peer) send(packets ...packet) {
	p.w.t.Helper()
	for _, x := range packets {
		if c, ok := x.(*mqtt.Connect); ok {
			p.version = c.Version
		}
		p.raw(x.Append(nil, p.version))
	}
}

// lose ends the connection without a word.
func (p *peer) lose() {
	if p.reason == "" {
		p.reason = "lost"
		p.w.wheels[p.Client.shard.id].Disarm(&p.timer)
		p.Lost("eof")
	}
	if !p.w.manual {
		p.w.settle()
	}
}

// said takes what the broker has sent, as one line per packet.
func (p *peer) said() []string {
	p.w.t.Helper()
	lines, rest := decodeAll(p.w.t, p.version, p.out)
	if len(rest) > 0 {
		p.w.t.Fatalf("the broker sent half a packet: %x", rest)
	}
	p.out = p.out[:0]
	return lines
}

// expect compares what the broker has sent since the last look.
func (p *peer) expect(want ...string) {
	p.w.t.Helper()
	got := p.said()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		p.w.t.Fatalf("client %q got\n\t%s\nwant\n\t%s", p.w.nameOf(p),
			strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func (w *world) nameOf(p *peer) string {
	if p.Client.sub != nil {
		return p.Client.sub.ClientID
	}
	return "?"
}

// silent expects that the broker has sent nothing and the connection is open.
func (p *peer) silent() {
	p.w.t.Helper()
	p.expect()
	if p.reason != "" {
		p.w.t.Fatalf("connection closed: %s", p.reason)
	}
}

// ended expects what the broker said last and why it closed.
func (p *peer) ended(reason string, want ...string) {
	p.w.t.Helper()
	p.expect(want...)
	if p.reason != reason {
		p.w.t.Fatalf("connection closed with %q, want %q", p.reason, reason)
	}
}

// decodeAll renders packets sent by the broker.
func decodeAll(t tester, v mqtt.Version, b []byte) (lines []string, rest []byte) {
	t.Helper()
	for len(b) > 0 {
		h, err := mqtt.ParseHeader(b)
		if err != nil || h.Len() > len(b) {
			return lines, b
		}
		line, err := describe(v, h, b[h.Size:h.Len()])
		if err != nil {
			t.Fatalf("the broker sent an invalid packet %x: %v", b[:h.Len()], err)
		}
		lines = append(lines, line)
		b = b[h.Len():]
	}
	return lines, nil
}

func describe(v mqtt.Version, h mqtt.Header, body []byte) (string, error) {
	switch h.Type {
	case mqtt.TypeConnack:
		return describeConnack(v, h, body)
	case mqtt.TypePublish:
		return describePublish(v, h, body)
	case mqtt.TypePuback, mqtt.TypePubrec, mqtt.TypePubrel, mqtt.TypePubcomp:
		var p mqtt.Ack
		err := p.Decode(h.Type, v, h.Flags, body)
		line := fmt.Sprintf("%s %d", typeNames[h.Type], p.PacketID)
		if p.Reason != 0 {
			line += fmt.Sprintf(" %#x", byte(p.Reason))
		}
		return line, err
	case mqtt.TypeSuback:
		var p mqtt.Suback
		err := p.Decode(v, h.Flags, body)
		return fmt.Sprintf("SUBACK %d %s", p.PacketID, codes(p.Reasons)), err
	case mqtt.TypeUnsuback:
		var p mqtt.Unsuback
		err := p.Decode(v, h.Flags, body)
		return fmt.Sprintf("UNSUBACK %d %s", p.PacketID, codes(p.Reasons)), err
	case mqtt.TypeDisconnect:
		var p mqtt.Disconnect
		err := p.Decode(v, h.Flags, body)
		line := fmt.Sprintf("DISCONNECT %#x", byte(p.Reason))
		if len(p.ReasonString) > 0 {
			line += fmt.Sprintf(" %q", p.ReasonString)
		}
		return line, err
	case mqtt.TypePingresp:
		return "PINGRESP", nil
	case mqtt.TypeAuth:
		var p mqtt.Auth
		err := p.Decode(v, h.Flags, body)
		return fmt.Sprintf("AUTH %#x %s %q", byte(p.Reason), p.Method, p.Data), err
	}
	return "", fmt.Errorf("unexpected packet type %d", h.Type)
}

var typeNames = map[mqtt.Type]string{
	mqtt.TypePuback: "PUBACK", mqtt.TypePubrec: "PUBREC", mqtt.TypePubrel: "PUBREL", mqtt.TypePubcomp: "PUBCOMP",
}

func codes(reasons []mqtt.Reason) string {
	s := make([]string, len(reasons))
	for i, r := range reasons {
		s[i] = fmt.Sprintf("%#x", byte(r))
	}
	return "[" + strings.Join(s, " ") + "]"
}

func describeConnack(v mqtt.Version, h mqtt.Header, body []byte) (string, error) {
	var p mqtt.Connack
	err := p.Decode(v, h.Flags, body)
	line := fmt.Sprintf("CONNACK %#x", byte(p.Reason))
	if p.SessionPresent {
		line += " present"
	}
	pr := &p.Properties
	if len(pr.AssignedClientID) > 0 {
		line += " assigned"
	}
	if pr.HasServerKeepAlive {
		line += fmt.Sprintf(" keepalive=%d", pr.ServerKeepAlive)
	}
	if pr.HasSessionExpiry {
		line += fmt.Sprintf(" expiry=%d", pr.SessionExpiry)
	}
	if pr.AuthMethod != nil {
		line += fmt.Sprintf(" %s %q", pr.AuthMethod, pr.AuthData)
	}
	if len(pr.ReasonString) > 0 {
		line += fmt.Sprintf(" %q", pr.ReasonString)
	}
	for k, u := range pr.User.All() {
		line += fmt.Sprintf(" %s=%s", k, u)
	}
	return line, err
}

func describePublish(v mqtt.Version, h mqtt.Header, body []byte) (string, error) {
	var p mqtt.Publish
	err := p.Decode(v, h.Flags, body)
	line := fmt.Sprintf("PUBLISH %s %q", p.Topic, p.Payload)
	if p.QoS > 0 {
		line += fmt.Sprintf(" q%d #%d", p.QoS, p.PacketID)
	}
	if p.Dup {
		line += " dup"
	}
	if p.Retain {
		line += " retain"
	}
	pr := &p.Properties
	if len(pr.SubscriptionIDs) > 0 {
		line += fmt.Sprintf(" ids=%v", pr.SubscriptionIDs)
	}
	if pr.HasMessageExpiry {
		line += fmt.Sprintf(" expiry=%d", pr.MessageExpiry)
	}
	if pr.ContentType != nil {
		line += fmt.Sprintf(" type=%s", pr.ContentType)
	}
	if pr.ResponseTopic != nil {
		line += fmt.Sprintf(" response=%s", pr.ResponseTopic)
	}
	if pr.CorrelationData != nil {
		line += fmt.Sprintf(" correlation=%s", pr.CorrelationData)
	}
	for k, u := range pr.User.All() {
		line += fmt.Sprintf(" %s=%s", k, u)
	}
	return line, err
}

// The words clients say.

func connect(id string, with ...func(*mqtt.Connect)) *mqtt.Connect {
	p := &mqtt.Connect{Version: mqtt.V50, CleanStart: true, ClientID: []byte(id),
		Properties: mqtt.ConnectProperties{RequestProblemInfo: true}}
	for _, f := range with {
		f(p)
	}
	return p
}

func v311(p *mqtt.Connect)    { p.Version = mqtt.V311 }
func v31(p *mqtt.Connect)     { p.Version = mqtt.V31 }
func resumes(p *mqtt.Connect) { p.CleanStart = false }

// persistent keeps the session for ever.
func persistent(p *mqtt.Connect) {
	p.CleanStart = false
	if p.Version == mqtt.V50 {
		expiry(1<<32 - 1)(p)
	}
}

func expiry(seconds uint32) func(*mqtt.Connect) {
	return func(p *mqtt.Connect) { p.Properties.SessionExpiry, p.Properties.HasSessionExpiry = seconds, true }
}

func receives(n uint16) func(*mqtt.Connect) {
	return func(p *mqtt.Connect) { p.Properties.ReceiveMaximum = n }
}

func keepAlive(seconds uint16) func(*mqtt.Connect) {
	return func(p *mqtt.Connect) { p.KeepAlive = seconds }
}

func withWill(topic, payload string, with ...func(*mqtt.Will)) func(*mqtt.Connect) {
	return func(p *mqtt.Connect) {
		p.Will = &mqtt.Will{Topic: []byte(topic), Payload: []byte(payload)}
		for _, f := range with {
			f(p.Will)
		}
	}
}

func publish(topic, payload string, with ...func(*mqtt.Publish)) *mqtt.Publish {
	p := &mqtt.Publish{Topic: []byte(topic), Payload: []byte(payload)}
	for _, f := range with {
		f(p)
	}
	return p
}

func qos(q byte, id uint16) func(*mqtt.Publish) {
	return func(p *mqtt.Publish) { p.QoS, p.PacketID = q, id }
}

func retain(p *mqtt.Publish) { p.Retain = true }
func dup(p *mqtt.Publish)    { p.Dup = true }

func alias(n uint16) func(*mqtt.Publish) {
	return func(p *mqtt.Publish) { p.Properties.TopicAlias, p.Properties.HasTopicAlias = n, true }
}

func expires(seconds uint32) func(*mqtt.Publish) {
	return func(p *mqtt.Publish) { p.Properties.MessageExpiry, p.Properties.HasMessageExpiry = seconds, true }
}

func subscribe(id uint16, filter string, q byte, with ...func(*mqtt.Subscribe)) *mqtt.Subscribe {
	p := &mqtt.Subscribe{PacketID: id, Filters: []mqtt.Subscription{{Filter: []byte(filter), QoS: q}}}
	for _, f := range with {
		f(p)
	}
	return p
}

func subID(n uint32) func(*mqtt.Subscribe) { return func(p *mqtt.Subscribe) { p.SubscriptionID = n } }
func noLocal(p *mqtt.Subscribe)            { p.Filters[0].NoLocal = true }
func asPublished(p *mqtt.Subscribe)        { p.Filters[0].RetainAsPublished = true }
func handling(n byte) func(*mqtt.Subscribe) {
	return func(p *mqtt.Subscribe) { p.Filters[0].RetainHandling = n }
}
func and(filter string, q byte) func(*mqtt.Subscribe) {
	return func(p *mqtt.Subscribe) {
		p.Filters = append(p.Filters, mqtt.Subscription{Filter: []byte(filter), QoS: q})
	}
}

func unsubscribe(id uint16, filters ...string) *mqtt.Unsubscribe {
	p := &mqtt.Unsubscribe{PacketID: id}
	for _, f := range filters {
		p.Filters = append(p.Filters, []byte(f))
	}
	return p
}

type ackPacket struct {
	mqtt.Ack
	t mqtt.Type
}

func (a *ackPacket) Append(dst []byte, v mqtt.Version) []byte { return a.Ack.Append(dst, v, a.t) }

func puback(id uint16) packet  { return &ackPacket{mqtt.Ack{PacketID: id}, mqtt.TypePuback} }
func pubrec(id uint16) packet  { return &ackPacket{mqtt.Ack{PacketID: id}, mqtt.TypePubrec} }
func pubrel(id uint16) packet  { return &ackPacket{mqtt.Ack{PacketID: id}, mqtt.TypePubrel} }
func pubcomp(id uint16) packet { return &ackPacket{mqtt.Ack{PacketID: id}, mqtt.TypePubcomp} }

type pingPacket struct{}

func (pingPacket) Append(dst []byte, _ mqtt.Version) []byte { return mqtt.AppendPingreq(dst) }

func disconnect(with ...func(*mqtt.Disconnect)) packet {
	p := &mqtt.Disconnect{}
	for _, f := range with {
		f(p)
	}
	return p
}

// joined is a client that has connected and been welcomed.
func (w *world) joined(shard int, id string, with ...func(*mqtt.Connect)) *peer {
	w.t.Helper()
	p := w.dial(shard)
	p.send(connect(id, with...))
	if got := p.said(); len(got) == 0 || !strings.HasPrefix(got[0], "CONNACK 0x0") {
		w.t.Fatalf("%s is not let in: %q", id, got)
	}
	return p
}

// subscribed subscribes and takes the SUBACK.
func (p *peer) subscribed(filter string, q byte, with ...func(*mqtt.Subscribe)) *peer {
	p.w.t.Helper()
	p.send(subscribe(999, filter, q, with...))
	p.expect(fmt.Sprintf("SUBACK 999 [%#x]", q))
	return p
}
