package reactor

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/transport/hello"
	"github.com/wicketmq/wicket/engine/transport/tlsio"
)

// maxGreetings is how many connections may wait for a verdict about their hello
// at a time, all listeners together. They are none of the handshakes that the
// pool counts: a slow plugin must not keep out those who have passed it. Nor may
// one source keep out the others.
const maxGreetings = tlsio.DefaultHandshakes

// greets reports whether somebody wants to see hellos before the handshake.
func (r *Reactor) greets() bool { return r.opts.Gate != nil && r.opts.Gate().HearsHello() }

// readHello leaves the hello where it lies until it is whole, and has the gate
// asked about it. No handshake has begun: there is no tlsio.Conn, no goroutine
// and no place in the pool.
func (c *conn) readHello() {
	if n := c.gc.InboundBuffered(); n == 0 || n < int(c.want) {
		return
	}
	window, _ := c.gc.Peek(-1)
	if err := tlsio.Sniff(window); err != nil {
		c.refuse(err)
		return
	}
	msg, need, err := hello.Cut(window)
	if msg == nil && err == nil {
		c.want = uint32(need)
		return
	}
	var h *hello.Hello
	if err == nil {
		h, err = hello.Parse(msg)
	}
	if err != nil {
		if e, ok := errors.AsType[*hello.Error](err); ok {
			c.alert(e.Alert)
		}
		c.refuse(err)
		return
	}
	c.want = 0
	c.greet(h)
}

// greet asks about a hello. What the client sends meanwhile stays in the kernel.
func (c *conn) greet(h *hello.Hello) {
	r := c.loop.r
	from := c.Peer().Addr()
	if !r.greetings.Take(maxGreetings, 1, from) {
		c.ln.turnAway(r.log, shedHellos, c.Peer())
		c.Close(shedHellos.String())
		return
	}
	q := &auth.ClientHello{
		Listener: c.ln.Name, Peer: c.Peer(),
		ServerName: h.ServerName, ALPN: h.ALPN, Versions: h.Versions, Suites: h.Suites, Extensions: h.Extensions,
		Groups: h.Groups, SignatureSchemes: h.SignatureSchemes, JA4: h.JA4(),
		Deadline: c.cutoff(),
	}
	if c.aside != nil {
		q.Proxy = c.aside.told
	}
	c.Pause()
	r.opts.Gate().Hello(q, func(a auth.Greeting) {
		r.greetings.Leave(1, from)
		c.loop.post(func() { c.greeted(q, a) })
	})
}

// greeted is the gate's answer, on the loop. The handshake begins with the bytes
// that have waited.
func (c *conn) greeted(q *auth.ClientHello, a auth.Greeting) {
	defer c.recovered()
	if a.Err != nil {
		c.loop.r.log.Error("fault while a ClientHello was judged", "listener", c.ln.Name, "decider", a.Decider, "error", a.Err)
	}
	if c.stage != greeting || c.has(isClosing) {
		return
	}
	if a.Denied {
		c.turnAwayHello(q, a)
		return
	}
	if !q.Deadline.IsZero() && !time.Now().Before(q.Deadline) {
		c.refuse(context.DeadlineExceeded) // too late to begin
		return
	}
	c.stage = handshaking
	c.Resume()
}

// turnAwayHello ends a connection before its handshake (RFC 8446 section 6.2).
func (c *conn) turnAwayHello(q *auth.ClientHello, a auth.Greeting) {
	c.ln.counts.shed[shedHelloDenied].Add(1)
	c.logHello(q, a)
	c.alert(hello.AlertAccessDenied)
	c.Close(shedHelloDenied.String())
}

// logHello is a throttled line.
func (c *conn) logHello(q *auth.ClientHello, a auth.Greeting) {
	log := c.loop.r.log
	if !log.Enabled(context.Background(), slog.LevelInfo) {
		return // before it takes the place of a line that is written
	}
	ok, skipped := c.ln.turned.allow(time.Now())
	if !ok {
		return
	}
	attrs := []any{"listener", c.ln.Name, "peer", q.Peer, "reason", shedHelloDenied.String(), "decider", a.Decider, "ja4", q.JA4}
	if sni := q.ServerName; sni != "" {
		attrs = append(attrs, "sni", sni[:min(len(sni), maxServerName)])
	}
	if a.ReasonText != "" {
		attrs = append(attrs, "reason_text", a.ReasonText)
	}
	if skipped > 0 {
		attrs = append(attrs, "lines_skipped", skipped)
	}
	log.Info("connection turned away", attrs...)
}

// alert queues a fatal alert for a connection that has no keys yet.
func (c *conn) alert(description byte) { c.SetOut(hello.AppendAlert(c.Out(), description)) }

// helloTimeout ends a connection whose hello, or the verdict about it, has not
// come within the time of the handshake.
func (c *conn) helloTimeout() {
	if c.gc.InboundBuffered() == 0 {
		c.Close("no handshake in time")
		return
	}
	c.refuse(context.DeadlineExceeded)
}

// helloLost accounts for a peer that went away before its handshake began. One
// that sent nothing at all is a health check or a port scan, and no failure.
func (c *conn) helloLost() {
	if !c.has(isClosing) && c.gc.InboundBuffered() > 0 {
		c.count(c.Peer(), tlsio.ErrAborted)
	}
}
