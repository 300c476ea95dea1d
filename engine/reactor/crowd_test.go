package reactor

import (
	"net"
	"testing"

	"github.com/wicketmq/wicket/engine/cert"
	"github.com/wicketmq/wicket/engine/transport/tlsio"
)

// One address that takes every place with hellos and goes on with none keeps
// nobody else out, for not even as long as handshake_timeout.
func TestHalfOpenHandshakesGiveWay(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Pool = tlsio.NewPool(4, 0) })
	away := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 66)}}
	hello := recordHello(t, "localhost")
	stall := func() net.Conn {
		c, err := away.Dial("tcp", w.r.Stats()[1].Bind)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := c.Write(hello); err != nil {
			t.Fatal(err)
		}
		return c
	}
	for range 4 {
		_, _ = stall().Read(make([]byte, 1)) // the handshake waits for its client now
	}
	eventually(t, "the pool is full", func() bool { s := w.r.opts.Pool.Stats(); return s.Active == 4 && s.Computing == 0 })
	if err := closedByServer(stall()); err != nil {
		t.Errorf("a fifth from there: %v", err)
	}
	if n := w.shed(1, shedHandshakes); n != 1 {
		t.Errorf("%d turned away", n)
	}
	p := peer{t, w.dial(1)}
	p.send(connectPacket("welcome"))
	p.expect(connack)
	eventually(t, "one gave way", func() bool { return w.r.Stats()[1].Refused[string(cert.ReasonGaveWay)] == 1 })
}
