package reactor

import (
	"errors"
	"io"
	"runtime/debug"
	"slices"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"github.com/wicketmq/wicket/engine/broker"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/proxy"
	"github.com/wicketmq/wicket/engine/transport/tlsio"
	"github.com/wicketmq/wicket/engine/wheel"
)

// conn is one connection. There are very many of them and nearly all are
// idle: every field here is paid for by each.
type conn struct {
	gc      gnet.Conn
	loop    *loop
	ln      *listener
	tls     *tlsio.Conn // nil on a plain transport
	out     []byte      // queued in this turn, lent by the loop; nil when idle
	rest    []byte      // decrypted part of a packet; on a plain transport see asideMax
	client  broker.Client
	aside   *aside // see there; nil on nearly all
	timer   wheel.Timer
	index   uint32 // place in loop.conns
	want    uint32 // bytes that the packet at the front needs; 0 = unknown
	flushed uint32 // loop.micros of the last write
	stage   stage
	flags   flags
}

// stage is what a connection is doing.
type stage uint8

const (
	introducing stage = iota // until the PROXY header has come
	greeting                 // TLS: until the hello has come and a plugin has let it pass
	handshaking              // TLS: until the handshake worker has answered
	connecting               // transport established, no CONNECT yet
	serving                  // CONNECT seen: the client owns the timer
	gone                     // closed
)

type flags uint8

const (
	isDirty   flags = 1 << iota // on loop.dirty
	isClosing                   // close after the next flush
	isPaused                    // the client waits for a verdict
	isUnread                    // epoll does not announce its bytes, nor room for ours
	isRunning                   // a handshake worker has it
)

func (c *conn) has(f flags) bool { return c.flags&f != 0 }

// opened starts the first stage.
func (c *conn) opened() {
	if c.ln.ProxyProtocol {
		c.arm(c.deadline(c.ln.ProxyTimeout))
		return
	}
	c.transport()
}

// transport starts the stage after accept and the PROXY header.
func (c *conn) transport() {
	c.stage = handshaking
	if c.ln.TLS != nil {
		if c.loop.r.greets() {
			c.stage = greeting
		}
		c.arm(c.deadline(c.ln.HandshakeTimeout))
		return
	}
	c.established()
}

// established hands the connection to the broker.
func (c *conn) established() {
	c.stage = connecting
	c.arm(c.deadline(c.ln.ConnectTimeout))
	c.loop.shard.Attach(&c.client, c, &c.ln.info)
}

// read takes what the socket has brought, by stage.
func (c *conn) read() {
	switch {
	case c.stage == handshaking:
		c.readHandshake()
	case c.has(isPaused):
		c.leaveUnread()
	case c.has(isClosing):
		_, _ = c.gc.Discard(-1)
	case c.stage == introducing:
		c.readProxy()
	case c.stage == greeting:
		c.readHello()
	case c.tls != nil:
		c.readTLS()
	default:
		c.readPlain()
	}
}

// readPlain lends the socket's bytes to the client; what is left of a packet
// stays in gnet's buffer.
func (c *conn) readPlain() {
	n := c.gc.InboundBuffered()
	if n == 0 || len(c.rest) == 0 && n < int(c.want) {
		return
	}
	window, _ := c.gc.Peek(-1)
	if len(c.rest) > 0 { // it comes before
		if c.feed(window); c.stage != gone {
			_, _ = c.gc.Discard(-1)
		}
		return
	}
	if c.stage == connecting && proxy.Announced(window) {
		c.hintProxy()
	}
	used := c.client.Feed(window)
	left := window[used:]
	c.want = need(left)
	switch {
	case c.stage == gone:
	case len(left) == 0 || c.has(isClosing):
		_, _ = c.gc.Discard(-1)
	case c.has(isPaused) && len(left) <= asideMax:
		c.rest = slices.Clone(left)
		_, _ = c.gc.Discard(-1)
	case used > 0:
		_, _ = c.gc.Discard(used)
	}
}

// asideMax is the most that a client which waits for a verdict may have sent
// behind its packet to have that kept in rest, on a plain transport as well:
// gnet's own buffer takes a kilobyte for the SUBSCRIBE behind a CONNECT, of which
// tens of thousands may wait. More stays there, where it need not be moved for
// each packet.
const asideMax = 512

// need is the length of the packet that starts the window, or 0 when there is
// none; a header that is still incomplete needs one byte more than is there.
func need(window []byte) uint32 {
	if len(window) == 0 {
		return 0
	}
	h, err := mqtt.ParseHeader(window)
	switch {
	case err == nil:
		return uint32(h.Len())
	case errors.Is(err, mqtt.ErrShort):
		return uint32(len(window) + 1)
	}
	return 0
}

// leaveUnread stops epoll from announcing anything about a connection that
// waits but its reset. gnet has put what it read into its buffer; the rest
// stays in the kernel, and so does the end of the stream, on which gnet would
// drop both.
func (c *conn) leaveUnread() {
	if err := c.loop.poll.ignore(c.gc.Fd()); err == nil {
		c.flags |= isUnread
		return
	}
	if c.gc.InboundBuffered() > floodLimit {
		c.Close("flood while waiting for a verdict")
	}
}

// floodLimit is how much a waiting connection may send where epoll cannot be
// told to leave it alone.
const floodLimit = 256 << 10

// resume goes on where a pause has stopped.
func (c *conn) resume() {
	defer c.recovered()
	if c.stage == gone || c.has(isPaused) || c.has(isClosing) {
		return
	}
	if c.has(isUnread) {
		c.flags &^= isUnread
		_ = c.loop.poll.watch(c.gc.Fd(), c.gc.OutboundBuffered() > 0)
	}
	c.want = 0
	if len(c.rest) > 0 && !c.feed(nil) {
		return
	}
	c.read()
}

// Out implements broker.Link.
func (c *conn) Out() []byte {
	if c.out == nil {
		c.out = c.loop.lend()
	}
	c.soil()
	return c.out
}

// SetOut implements broker.Link.
func (c *conn) SetOut(b []byte) { c.out = b }

// soil puts the connection on its loop's dirty list.
func (c *conn) soil() {
	if !c.has(isDirty) {
		c.flags |= isDirty
		c.loop.dirty = append(c.loop.dirty, c)
	}
}

// Unsent implements broker.Link.
func (c *conn) Unsent() int { return len(c.out) + c.gc.OutboundBuffered() }

// Pause implements broker.Link.
func (c *conn) Pause() {
	if !c.has(isPaused | isClosing) {
		c.flags |= isPaused
		c.leaveUnread()
	}
}

// Resume implements broker.Link.
func (c *conn) Resume() {
	if !c.has(isPaused) {
		return
	}
	c.flags &^= isPaused
	c.loop.resumed = append(c.loop.resumed, c)
}

// Arm implements broker.Link: from its first call on the timer is the client's.
func (c *conn) Arm(at wheel.Tick) {
	if c.stage == connecting {
		c.stage = serving
	}
	c.arm(at)
}

func (c *conn) arm(at wheel.Tick) {
	if a := c.aside; a != nil && a.kept != nil {
		at = a.kept.look(c.loop, at)
	}
	if at == 0 {
		c.loop.wheel.Disarm(&c.timer)
		return
	}
	c.loop.wheel.Arm(&c.timer, c, at)
}

// Close implements broker.Link.
func (c *conn) Close(reason string) {
	if c.stage == gone || c.has(isClosing) {
		return
	}
	c.flags |= isClosing
	c.flags &^= isPaused
	c.loop.r.log.Debug("connection closes", "listener", c.ln.Name, "peer", c.Peer(), "reason", reason)
	c.soil()
}

// Expire implements wheel.Expirer.
func (c *conn) Expire(now wheel.Tick) {
	defer c.recovered()
	if c.lapsed(now) {
		return
	}
	switch c.stage {
	case introducing:
		c.proxyTimeout()
	case greeting:
		c.helloTimeout()
	case handshaking:
		c.handshakeTimeout()
	case connecting:
		c.Close("no CONNECT in time") // [MQTT-3.1.0-1], TLS-15
	case serving:
		c.client.Expire(now)
	}
}

// shutdown tells the peer that the server stops and closes.
func (c *conn) shutdown() {
	defer c.recovered()
	if c.stage == connecting || c.stage == serving {
		c.client.Shutdown()
	}
	c.Close("server stops")
}

// flush is the write of a dirty connection: what is queued, then the close that
// may be pending.
func (c *conn) flush() {
	c.flags &^= isDirty
	if c.stage == gone {
		return
	}
	defer c.recovered()
	out := c.out
	c.out = nil
	if c.tls != nil && c.stage != handshaking {
		c.writeTLS(out)
	} else if len(out) > 0 {
		c.write(out)
	}
	if out != nil {
		c.loop.giveBack(out)
	}
	if c.has(isClosing) && c.stage != gone {
		c.drain()
		_ = c.loop.el.Close(c.gc)
	}
}

// drain throws away what the peer has sent and nobody has read: a close in
// front of it is a reset, which may cost the peer our last words (RFC 1122
// section 4.2.2.13). A peer that sends on and on is reset all the same.
func (c *conn) drain() {
	for range 8 {
		if n, err := unix.Read(c.gc.Fd(), c.loop.scratch()); n <= 0 || err != nil {
			return
		}
	}
}

// write gives bytes to the socket. On failure gnet has closed the connection;
// when it could not write all of them it watches the socket again.
func (c *conn) write(b []byte) {
	_, _ = c.gc.Write(b)
	if c.has(isUnread) && c.stage != gone && c.gc.OutboundBuffered() > 0 {
		c.leaveUnread()
	}
}

// closed is the end: gnet has taken the connection off the loop.
func (c *conn) closed(err error) {
	attached := c.stage == connecting || c.stage == serving
	switch c.stage {
	case introducing:
		c.proxyLost()
	case greeting:
		c.helloLost()
	case handshaking:
		c.handshakeLost()
	}
	c.stage = gone
	c.loop.wheel.Disarm(&c.timer)
	c.loop.remove(c)
	c.ln.open.Add(-1)
	c.ln.counts.closed.Add(1)
	if attached {
		c.client.Lost(lostReason(err)) // unless it knows
	}
	if c.out != nil {
		c.loop.giveBack(c.out)
		c.out = nil
	}
	c.rest = nil
}

func lostReason(err error) string {
	switch {
	case err == nil:
		return "closed"
	case errors.Is(err, io.EOF):
		return "eof"
	}
	return "reset"
}

// recovered is deferred where foreign bytes are handled: the connection ends,
// the loop lives.
func (c *conn) recovered() {
	p := recover()
	if p == nil {
		return
	}
	c.ln.counts.panics.Add(1)
	c.loop.r.log.Error("bug: recovered while serving a connection",
		"listener", c.ln.Name, "panic", p, "stack", string(debug.Stack()))
	if c.has(isClosing) { // it could not even say goodbye
		_ = c.loop.el.Close(c.gc)
		return
	}
	c.Close("bug")
}
