package reactor

import (
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/wicketmq/wicket/engine/proxy"
	"github.com/wicketmq/wicket/engine/transport/tlsio"
)

// readProxy reads the PROXY header where it lies, and hands what is behind it
// to the next stage.
func (c *conn) readProxy() {
	window, _ := c.gc.Peek(-1)
	h, n, err := proxy.Parse(window)
	switch {
	case errors.Is(err, proxy.ErrShort):
		return
	case errors.Is(err, proxy.ErrUnsupported):
		c.refuseProxy(shedProxyUnsupported, err)
		return
	case err != nil:
		c.refuseProxy(shedProxyInvalid, err)
		return
	}
	c.introduce(&h) // copies, for the window goes
	_, _ = c.gc.Discard(n)
	if !c.ln.door.admitSource(c.Peer().Addr(), c.loop.r.nanos()) {
		c.ln.turnAway(c.loop.r.log, shedSourceRate, c.Peer())
		c.Close(shedSourceRate.String())
		return
	}
	c.transport()
	if c.gc.InboundBuffered() > 0 {
		c.read()
	}
}

// refuseProxy ends a connection without a header that could be used.
func (c *conn) refuseProxy(why shed, err error) {
	c.ln.counts.shed[why].Add(1)
	c.logProxy(err)
	c.Close(why.String())
}

// logProxy is a throttled line; what is wrong is most often a setting, here or
// at the proxy.
func (c *conn) logProxy(err error) {
	ok, skipped := c.ln.slow.allow(time.Now())
	if !ok {
		return
	}
	attrs := []any{"listener", c.ln.Name, "peer", c.Peer(), "error", err}
	if errors.Is(err, proxy.ErrAbsent) {
		attrs = append(attrs, "hint", "let the proxy send a header (send-proxy-v2 in HAProxy), or set listeners."+c.ln.configKey()+".proxy_protocol: false")
	}
	if skipped > 0 {
		attrs = append(attrs, "lines_skipped", skipped)
	}
	c.loop.r.log.Warn("PROXY header refused", attrs...)
}

// proxyTimeout ends a connection whose header did not come in time.
func (c *conn) proxyTimeout() {
	c.ln.turnAway(c.loop.r.log, shedProxyTimeout, c.Peer())
	c.Close(shedProxyTimeout.String())
}

var errProxyCut = errors.New("the peer went away within the PROXY header")

// proxyLost counts a peer that goes within its header. One that has sent
// nothing at all is a health check (PROXY-02).
func (c *conn) proxyLost() {
	if !c.has(isClosing) && c.gc.InboundBuffered() > 0 {
		c.ln.counts.shed[shedProxyInvalid].Add(1)
		c.logProxy(errProxyCut)
	}
}

// hintProxy tells what a header on a listener without proxy_protocol is, before
// MQTT takes it for nonsense.
func (c *conn) hintProxy() {
	if ok, _ := c.ln.slow.allow(time.Now()); ok {
		c.loop.r.log.Warn("this looks like a PROXY header: set listeners."+c.ln.configKey()+".proxy_protocol: true",
			"listener", c.ln.Name, "peer", c.Peer())
	}
}

// isProxyHeader reports whether a handshake has failed for a header in front of
// it, of which the operator should know.
func isProxyHeader(err error) bool {
	e, ok := errors.AsType[*tlsio.NotTLS](err)
	return ok && e.Found == "PROXY header"
}

// turnAway accounts for a connection closed before TLS and MQTT: an exact
// counter and a throttled line.
func (l *listener) turnAway(log *slog.Logger, why shed, peer netip.AddrPort) {
	l.counts.shed[why].Add(1)
	if why == shedStopping {
		return
	}
	if ok, skipped := l.turned.allow(time.Now()); ok {
		log.Info("connection turned away",
			"listener", l.Name, "peer", peer, "reason", why.String(), "lines_skipped", skipped)
	}
}
