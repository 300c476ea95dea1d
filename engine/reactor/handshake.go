package reactor

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/wicketmq/wicket/engine/cert"
	"github.com/wicketmq/wicket/engine/transport/tlsio"
	"github.com/wicketmq/wicket/engine/wheel"
)

// deadline is the first tick at which d has passed for certain; a d of 0 is no
// deadline.
func (c *conn) deadline(d time.Duration) wheel.Tick {
	if d <= 0 {
		return 0
	}
	return c.loop.wheel.Now() + 1 + wheel.Tick((d+time.Second/wheel.PerSecond-1)/(time.Second/wheel.PerSecond))
}

// readHandshake feeds the handshake worker, and starts it when the first
// record is whole: a peer that drips its hello costs no goroutine.
func (c *conn) readHandshake() {
	window, _ := c.gc.Peek(-1)
	if c.tls == nil {
		c.tls = tlsio.Server(c.ln.TLS, c.remote(), c.gc.LocalAddr(), c.send)
	}
	err := c.tls.FeedHandshake(window)
	_, _ = c.gc.Discard(-1)
	if err != nil {
		c.refuse(err)
		return
	}
	if !c.has(isRunning) && c.tls.Ready() {
		c.startHandshake()
	}
}

// send takes the worker's records to the loop; any goroutine calls it.
func (c *conn) send(records []byte) error { return c.gc.AsyncWrite(records, nil) }

func (c *conn) startHandshake() {
	c.flags |= isRunning
	peer := c.Peer() // which gnet forgets when the peer goes away
	round := c.ln.court.round.Load()
	err := c.loop.r.opts.Pool.Start(c.tls, c.cutoff(), func(err error) {
		c.loop.post(func() { c.handshaken(peer, round, err) })
	})
	if err != nil {
		c.flags &^= isRunning
		c.ln.counts.shed[shedHandshakes].Add(1)
		c.Close("too many handshakes")
	}
}

// cutoff is the wall-clock time of the handshake's deadline, which the timer
// on the wheel also keeps: the worker must not outlive it on a late loop.
func (c *conn) cutoff() time.Time {
	if !c.timer.Armed() {
		return time.Time{}
	}
	left := time.Duration(c.timer.At()-c.loop.wheel.Now()) * (time.Second / wheel.PerSecond)
	return time.Now().Add(left)
}

// handshaken is the worker's answer, on the loop. When the peer has gone
// meanwhile, it tells why: an alert is often the last thing before the end.
func (c *conn) handshaken(peer netip.AddrPort, round uint64, err error) {
	c.flags &^= isRunning
	if c.has(isClosing) {
		return // the reason is known
	}
	if c.stage == gone {
		if err == nil {
			err = tlsio.ErrAborted
		}
		c.count(peer, err)
		return
	}
	if err == nil {
		err = c.tls.Open()
	}
	if err != nil {
		c.refuse(err)
		return
	}
	c.ln.counts.handshake.Add(1)
	if c.tls.State().NegotiatedProtocol == cert.ChallengeProtocol {
		c.Close("ACME challenge") // the peer was asked for no certificate (RFC 8737 section 3)
		return
	}
	c.keepPath(round)
	c.established()
	c.read() // CONNECT may have come glued to Finished
}

// refuse ends a connection whose handshake has failed.
func (c *conn) refuse(err error) {
	reason := c.count(c.Peer(), err)
	c.Close("handshake: " + string(reason))
}

// count accounts for a failed handshake: an exact counter and a throttled line
// (TLS-33).
func (c *conn) count(peer netip.AddrPort, err error) cert.Reason {
	reason := cert.Classify(err)
	c.ln.counts.refused.add(reason)
	c.logRefused(peer, reason, err)
	return reason
}

// maxServerName is the length of the longest host name (RFC 1035 section
// 3.1); what a client asks for may be longer.
const maxServerName = 255

func (c *conn) logRefused(peer netip.AddrPort, reason cert.Reason, err error) {
	level := slog.LevelInfo
	if reason == cert.ReasonNotTLS && !isProxyHeader(err) { // scanners and misdirected clients (TLS-29)
		level = slog.LevelDebug
	}
	if !c.loop.r.log.Enabled(context.Background(), level) {
		return // before it takes the place of a line that is written
	}
	ok, skipped := c.ln.slow.allow(time.Now())
	if !ok {
		return
	}
	attrs := []any{"listener", c.ln.Name, "peer", peer, "reason", string(reason), "error", err}
	if c.tls != nil {
		if sni := c.tls.ServerName(); sni != "" {
			attrs = append(attrs, "sni", sni[:min(len(sni), maxServerName)])
		}
	}
	if e, ok := errors.AsType[*cert.HandshakeError](cert.Explain(err)); ok && e.Subject != "" {
		attrs = append(attrs, "subject", e.Subject, "serial", e.Serial, "not_after", e.NotAfter)
	}
	if skipped > 0 {
		attrs = append(attrs, "lines_skipped", skipped)
	}
	c.loop.r.log.Log(context.Background(), level, "TLS handshake refused", attrs...)
}

// handshakeTimeout ends a handshake that took too long, or never began.
func (c *conn) handshakeTimeout() {
	if c.tls == nil {
		c.Close("no handshake in time")
		return
	}
	c.refuse(context.DeadlineExceeded)
}

// handshakeLost ends the handshake of a connection that is gone, and accounts
// for a peer that went away during it. One that sent nothing at all is a health check
// or a port scan, and no failure.
func (c *conn) handshakeLost() {
	switch {
	case c.has(isRunning):
		c.tls.Abort() // and handshaken accounts for it
	case c.tls != nil && !c.has(isClosing):
		c.count(c.Peer(), tlsio.ErrAborted)
	}
}

// readTLS decrypts what the socket has brought and lends it to the client.
func (c *conn) readTLS() {
	for {
		window, _ := c.gc.Peek(-1)
		n, used, err := c.tls.Read(window, c.loop.scratch(), &c.loop.records)
		if used > 0 {
			_, _ = c.gc.Discard(used)
		}
		if c.tls.HasOutput() {
			c.answered()
		}
		if err != nil {
			c.endTLS(err)
			return
		}
		if n == 0 || !c.feed(c.loop.plain[:n]) {
			return
		}
	}
}

// answered has sent what reading has caused: the reply to a KeyUpdate, an
// alert. A peer that goes on asking and reads none of it is a slow reader like
// any other, also in the middle of a packet, when the client is not asked.
func (c *conn) answered() {
	c.soil()
	c.client.Feed(nil)
	if c.stage == connecting && c.gc.OutboundBuffered() > floodLimit {
		c.Close("flood of key updates")
	}
}

// feed lends decrypted bytes, behind those that wait, to the client. It
// reports whether the client wants more.
func (c *conn) feed(plain []byte) bool {
	window := plain
	if len(c.rest) > 0 {
		c.rest = append(c.rest, plain...)
		window = c.rest
	}
	if len(window) < int(c.want) {
		c.keep(window)
		return true
	}
	used := c.client.Feed(window)
	c.want = need(window[used:])
	c.keep(window[used:])
	return c.stage != gone && !c.has(isPaused|isClosing)
}

// keep stores the part of a packet until the rest of it comes.
func (c *conn) keep(left []byte) {
	switch {
	case len(left) == 0 || c.has(isClosing):
		c.rest = nil
	case len(c.rest) > 0:
		c.rest = append(c.rest[:0], left...) // left is a tail of rest, or rest
	default:
		c.rest = slices.Clone(left) // not as much as the packet says: that has to come first
	}
}

// endTLS closes after the peer's close_notify or a fatal error.
func (c *conn) endTLS(err error) {
	c.client.Lost(lostReason(err))
	c.Close(lostReason(err))
}

// writeTLS encrypts a turn's bytes, behind what reading has left to say, and
// writes them at once.
func (c *conn) writeTLS(plain []byte) {
	wire, err := c.tls.Write(plain, c.loop.wire[:0])
	if c.has(isClosing) {
		wire = c.tls.CloseNotify(wire) // RFC 8446 §6.1
	}
	if len(wire) > 0 {
		c.write(wire)
	}
	if cap(wire) <= keepBuffer {
		c.loop.wire = wire[:0]
	}
	if err != nil && c.stage != gone {
		c.client.Lost("tls write")
		c.Close("tls write")
	}
}
