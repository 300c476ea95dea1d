package reactor

import (
	"net"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"github.com/wicketmq/wicket/engine/broker"
)

// events are the callbacks of gnet, all on the loop of the connection.
type events struct {
	gnet.BuiltinEventEngine
	r *Reactor
}

// OnBoot is called once, when the listeners are bound.
func (e *events) OnBoot(engine gnet.Engine) gnet.Action {
	e.r.engine = engine
	close(e.r.booted)
	return gnet.None
}

// OnOpen admits a connection or closes it at once.
func (e *events) OnOpen(gc gnet.Conn) ([]byte, gnet.Action) {
	ln := e.r.listenerOf(gc)
	if ln == nil {
		return nil, gnet.Close
	}
	ln.counts.accepted.Add(1)
	l := e.r.loopOf(gc) // before admit looks at stopping: Stop looks at the loops after setting it
	if why, ok := e.r.admit(ln, gc); !ok {
		ln.turnAway(e.r.log, why, peerOf(gc))
		return nil, gnet.Close
	}
	// Urgent data would be announced again and again, for gnet does not read it.
	_ = unix.SetsockoptInt(gc.Fd(), unix.SOL_SOCKET, unix.SO_OOBINLINE, 1)
	c := &conn{gc: gc, loop: l, ln: ln}
	gc.SetContext(c)
	l.add(c)
	c.opened()
	l.settle()
	return nil, gnet.None
}

// admit counts a new connection in, or says why it must go. POSIX gives out the
// lowest free descriptor, so its number tells how close the process is to the
// limit that would make accept fail, which gnet does not survive.
func (r *Reactor) admit(ln *listener, gc gnet.Conn) (why shed, ok bool) {
	switch {
	case r.stopping.Load():
		return shedStopping, false
	case gc.Fd() >= r.maxFD:
		return shedDescriptors, false
	}
	if ln.door != nil {
		if why, ok = ln.door.admit(peerOf(gc).Addr(), r.nanos()); !ok {
			return why, false
		}
	}
	if !ln.enter() {
		return shedMaxConnections, false
	}
	return 0, true
}

// OnTraffic handles what the peer has sent.
func (e *events) OnTraffic(gc gnet.Conn) gnet.Action {
	c, ok := gc.Context().(*conn)
	if !ok {
		return gnet.Close
	}
	defer c.loop.settle()
	defer c.recovered()
	c.read()
	return gnet.None
}

// OnClose is called once per connection that OnOpen has seen, also for those
// that it refused.
func (e *events) OnClose(gc gnet.Conn, err error) gnet.Action {
	if c, ok := gc.Context().(*conn); ok {
		defer c.loop.settle()
		defer c.recovered()
		c.closed(err)
	}
	return gnet.None
}

func (r *Reactor) listenerOf(gc gnet.Conn) *listener {
	local, ok := gc.LocalAddr().(*net.TCPAddr)
	if !ok {
		return nil
	}
	for _, l := range r.listeners {
		if l.serves(local) {
			return l
		}
	}
	return nil
}

var _ broker.Link = (*conn)(nil)
