package reactor

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/transport/tlsio"
)

// A server that stops lets go of the handshakes that wait for their peer: they
// do not run into their deadline first.
func TestStopEndsHandshakes(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Listeners[1].HandshakeTimeout = time.Minute })
	halfway(t, w)
	w.stop()
	eventually(t, "the handshake is over", func() bool { return w.r.opts.Pool.Stats().Active == 0 })
}

// halfway starts a handshake that goes no further than the server's answer.
func halfway(t *testing.T, w *world) {
	t.Helper()
	stuck := &helloOnly{Conn: w.raw(1), answered: make(chan struct{})}
	go func() { _ = tls.Client(stuck, w.tls).Handshake() }()
	select {
	case <-stuck.answered:
	case <-time.After(5 * time.Second):
		t.Fatal("no answer to the ClientHello")
	}
}

// helloOnly lets the first write through and closes answered when the peer
// has answered it.
type helloOnly struct {
	net.Conn
	written  bool
	answered chan struct{}
}

func (h *helloOnly) Write(b []byte) (int, error) {
	if h.written {
		return len(b), nil
	}
	h.written = true
	return h.Conn.Write(b)
}

func (h *helloOnly) Read(b []byte) (int, error) {
	_, err := h.Conn.Read(b)
	close(h.answered)
	return 0, errors.Join(io.EOF, err) // the client gives up, and leaves the connection as it is
}

// What ends after the loops have ended finds nobody, and above all not the
// file that has got a descriptor of theirs: an event loop is woken by a write
// to one.
func TestLateHandshakeHarmsNobody(t *testing.T) {
	begun, proceed := make(chan struct{}), make(chan struct{})
	w := newWorld(t, func(o *Options) {
		cfg := o.Listeners[1].TLS.Clone()
		cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			close(begun)
			<-proceed
			return nil, nil
		}
		o.Listeners[1].TLS = cfg
	})
	go func() { _ = tls.Client(w.raw(1), w.tls).Handshake() }()
	<-begun
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w.r.Stop(ctx)
	var heirs []*os.File
	for range 100 {
		f, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		heirs = append(heirs, f)
	}
	close(proceed)
	eventually(t, "the handshake is over", func() bool { return w.r.opts.Pool.Stats().Active == 0 })
	for _, f := range heirs {
		if info, err := f.Stat(); err != nil || info.Size() > 0 {
			t.Errorf("somebody wrote into descriptor %d (%v)", f.Fd(), err)
		}
	}
}

// A connection that the reactor itself gives up takes its client with it: the
// broker must not go on delivering to it.
func TestGivenUpConnectionsLeaveTheBroker(t *testing.T) {
	h := &holder{asked: make(chan func(auth.Verdict), 1)}
	w := newGatedWorld(t, auth.Options{Chain: []auth.Decider{h}, Anonymous: auth.AnonymousAllow}, nil)
	c := peer{t, w.dial(0)}
	c.send(connectPacket("given-up"))
	c.expect(connack)
	c.send(subscribePacket("x"))
	c.expect(suback)
	w.onLoops(func(l *loop) {
		for _, c := range l.conns {
			c.Close("flood while waiting for a verdict")
		}
	})
	eventually(t, "the connection is gone", func() bool { return w.r.openConnections() == 0 })
	eventually(t, "the broker counts no connection", func() bool { return w.r.opts.Broker.Stats().Connections == 0 })
}

// onLoops runs f on every loop and waits for it.
func (w *world) onLoops(f func(*loop)) {
	for _, l := range *w.r.loops.Load() {
		done := make(chan struct{})
		if !l.post(func() { defer close(done); f(l) }) {
			return
		}
		<-done
	}
}

// Urgent data (TCP's, RFC 6093) is data. A loop that left the byte in the
// kernel would be told about it forever.
func TestUrgentDataIsData(t *testing.T) {
	w := newWorld(t, nil)
	c := peer{t, w.dial(0)}
	c.send(connectPacket("urgent"))
	c.expect(connack)
	urgent(t, c.Conn.(*net.TCPConn), 0xC0)
	urgent(t, c.Conn.(*net.TCPConn), 0)
	c.expect([]byte{0xD0, 0})
}

func urgent(t *testing.T, c *net.TCPConn, b byte) {
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if cerr := raw.Control(func(fd uintptr) { err = unix.Sendto(int(fd), []byte{b}, unix.MSG_OOB, nil) }); cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
}

// doorkeeper answers authentication questions only when it is told to.
type doorkeeper struct{ asked chan func(auth.Verdict) }

func (*doorkeeper) Name() string                                            { return "doorkeeper" }
func (*doorkeeper) Hears(q auth.Question) bool                              { return q == auth.Authentication }
func (d *doorkeeper) Authenticate(_ *auth.Request, done func(auth.Verdict)) { d.asked <- done }
func (*doorkeeper) Authorize(*auth.Access, func(auth.Verdict))              {}

// A client that is refused while it has sent more hears why, and then the end:
// a close with bytes left unread is a reset, on which some systems throw away
// what was received before (RFC 1122 section 4.2.2.13).
func TestARefusedClientHearsWhy(t *testing.T) {
	d := &doorkeeper{asked: make(chan func(auth.Verdict), 1)}
	w := newGatedWorld(t, auth.Options{Chain: []auth.Decider{d}}, nil)
	for listener := range 2 {
		c := peer{t, w.dial(listener)}
		c.send(connectPacket("impatient"))
		answer := <-d.asked
		c.send(subscribePacket("x"))
		answer(auth.Verdict{Decision: auth.Deny})
		c.expect([]byte{0x20, 2, 0, 5})
		if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("listener %d: after the CONNACK came %d bytes and %v, want the end", listener, n, err)
		}
	}
}

// What a peer announces reserves no memory: it has to send it.
func TestAnnouncedBytesCostNothing(t *testing.T) {
	w := newWorld(t, nil)
	c := peer{t, w.dial(1)}
	c.send([]byte{0x10, 0xF0, 0xFF, 0x03, 0, 4, 'M', 'Q', 'T', 'T', 4}) // a CONNECT of 64 KiB
	eventually(t, "the first bytes have come", func() (come bool) {
		w.onLoops(func(l *loop) {
			for _, c := range l.conns {
				come = come || len(c.rest) > 0
				if cap(c.rest) > 1024 {
					t.Errorf("%d bytes are held for %d received", cap(c.rest), len(c.rest))
				}
			}
		})
		return come
	})
}

// A bug in the TLS layer costs the connection, also when it strikes again at
// the goodbye.
func TestABugThatStrikesTwice(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Log = slog.New(slog.DiscardHandler) })
	c := peer{t, w.dial(1)}
	c.send(connectPacket("unlucky"))
	c.expect(connack)
	w.onLoops(func(l *loop) {
		for _, c := range l.conns {
			c.tls = new(tlsio.Conn) // panics at the close_notify
			func() {
				defer c.recovered()
				panic("the first time")
			}()
		}
	})
	if err := closedByServer(c); err != nil {
		t.Error(err)
	}
	eventually(t, "the connection is gone", func() bool { return w.r.openConnections() == 0 })
	eventually(t, "the broker counts no connection", func() bool { return w.r.opts.Broker.Stats().Connections == 0 })
}
