package reactor

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
)

// holder answers authorization questions only when it is told to.
type holder struct{ asked chan func(auth.Verdict) }

func (h *holder) Name() string { return "holder" }

func (h *holder) Hears(q auth.Question) bool { return q == auth.Authorization }

func (h *holder) Authenticate(*auth.Request, func(auth.Verdict)) {}

func (h *holder) Authorize(a *auth.Access, done func(auth.Verdict)) {
	if a.Action == auth.Subscribe {
		done(auth.Verdict{Decision: auth.Allow})
		return
	}
	h.asked <- done
}

// A client that waits for a verdict is held back by TCP: what it sends
// meanwhile stays in the kernel, nobody else notices, and afterwards nothing
// is lost or reordered.
func TestAWaitingClientIsLeftUnread(t *testing.T) {
	h := &holder{asked: make(chan func(auth.Verdict), 1)}
	w := newGatedWorld(t, auth.Options{Chain: []auth.Decider{h}, Anonymous: auth.AnonymousAllow}, nil)
	for listener, transport := range []string{"tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			topic := "held/" + transport
			sub, pub := peer{t, w.dial(0)}, peer{t, w.dial(listener)}
			sub.send(connectPacket("sub-" + transport))
			sub.expect(connack)
			sub.send(subscribePacket("held/#"))
			sub.expect(suback)
			pub.send(connectPacket("pub-" + transport))
			pub.expect(connack)

			const messages = 3000
			message := func(i int) []byte {
				return publishPacket(topic, append(fmt.Appendf(nil, "%06d", i), bytes.Repeat([]byte{'x'}, 2000)...))
			}
			sent := make(chan error, 1)
			go func() {
				for i := range messages {
					if _, err := pub.Write(message(i)); err != nil {
						sent <- err
						return
					}
				}
				sent <- nil
			}()
			answer := <-h.asked
			time.Sleep(300 * time.Millisecond) // the publisher fills what it can
			if n := inbound(w); n > 300<<10 {
				t.Errorf("%d bytes are buffered for clients that wait", n)
			}
			ping := peer{t, w.dial(0)} // others are served
			ping.send(connectPacket("ping-" + transport))
			ping.expect(connack)
			select {
			case err := <-sent:
				t.Fatalf("6 MB were taken from a client that waits (%v)", err)
			default:
			}
			answer(auth.Verdict{Decision: auth.Allow})
			for i := range messages {
				sub.expect(message(i))
			}
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
		})
	}
}

// What follows a CONNECT whose verdict is awaited does not keep a buffer of gnet's
// busy, and is answered in its order: whole packets, and one that comes in pieces
// before and after the verdict.
func TestWhatFollowsAWaitingConnectIsSetAside(t *testing.T) {
	asked := make(chan func(auth.Verdict), 1)
	w := newGatedWorld(t, auth.Options{Chain: []auth.Decider{&doorkeeper{asked}}}, nil)
	for _, cut := range []int{0, 1, 3, 40} { // bytes of the last packet that come at once
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			p := peer{t, w.dial(0)}
			long := publishPacket("set/aside", bytes.Repeat([]byte{'x'}, 5000))
			first := slices.Concat(connectPacket("aside"), subscribePacket("set/#"), []byte{0xC0, 0}, long[:cut])
			p.send(first)
			answer := <-asked
			for _, l := range *w.r.loops.Load() {
				l.wait(t, func() {
					for _, c := range l.conns {
						if n := c.gc.InboundBuffered(); n != 0 {
							t.Errorf("gnet keeps %d bytes", n)
						}
						if n := cap(c.rest); n > 64 {
							t.Errorf("%d bytes are kept", n)
						}
					}
				})
			}
			answer(auth.Verdict{Decision: auth.Allow, Default: auth.Allow})
			p.expect(connack)
			p.expect(suback)
			p.expect([]byte{0xD0, 0})
			p.send(long[cut:2000])
			p.send(long[2000:])
			p.expect(long)
			p.send([]byte{0xC0, 0})
			p.expect([]byte{0xD0, 0})
			for _, l := range *w.r.loops.Load() {
				l.wait(t, func() {
					for _, c := range l.conns {
						if c.rest != nil {
							t.Errorf("%d bytes are still kept", len(c.rest))
						}
					}
				})
			}
			p.Close()
			eventually(t, "it is gone", func() bool { return w.r.openConnections() == 0 })
		})
	}
}

// wait runs f on the loop.
func (l *loop) wait(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	l.post(func() { defer close(done); f() })
	<-done
}

// inbound is the number of bytes that connections have in user space.
func inbound(w *world) (n int) {
	for _, l := range *w.r.loops.Load() {
		done := make(chan int)
		l.post(func() {
			sum := 0
			for _, c := range l.conns {
				sum += c.gc.InboundBuffered() + len(c.rest)
			}
			done <- sum
		})
		n += <-done
	}
	return n
}

// What a client has sent before it closed counts, also when a verdict was
// awaited meanwhile: the publish-and-leave of every sensor, and its DISCONNECT,
// without which the will would be published [MQTT-3.14.4-3].
func TestAWaitingClientThatIsDone(t *testing.T) {
	h := &holder{asked: make(chan func(auth.Verdict), 1)}
	w := newGatedWorld(t, auth.Options{Chain: []auth.Decider{h}, Anonymous: auth.AnonymousAllow}, nil)
	for listener, transport := range []string{"tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			sub, pub := peer{t, w.dial(0)}, peer{t, w.dial(listener)}
			sub.send(connectPacket("sub-" + transport))
			sub.expect(connack)
			sub.send(subscribePacket(transport + "/#"))
			sub.expect(suback)
			will := mqtt.Connect{Version: mqtt.V311, CleanStart: true, ClientID: []byte("pub-" + transport),
				Will: &mqtt.Will{Topic: []byte(transport + "/will"), Payload: []byte("dead")}}
			go func() { (<-h.asked)(auth.Verdict{Decision: auth.Allow}) }() // the will
			pub.send(will.Append(nil, mqtt.V311))
			pub.expect(connack)

			first := publishPacket(transport+"/a", []byte("1"))
			second := publishPacket(transport+"/a", bytes.Repeat([]byte("2"), 100_000))
			pub.send(first)
			answer := <-h.asked
			pub.send(second)
			pub.send([]byte{0xE0, 0})
			pub.Close()
			eventually(t, "the end has come", func() bool { return w.ended() || w.r.openConnections() == 1 })
			answer(auth.Verdict{Decision: auth.Allow}) // for both: it is remembered
			sub.expect(first)
			sub.expect(second)
			eventually(t, "the connection is gone", func() bool { return w.r.openConnections() == 1 })
			sub.send([]byte{0xC0, 0})
			sub.expect([]byte{0xD0, 0}) // and no will
			sub.Close()
			eventually(t, "all are gone", func() bool { return w.r.openConnections() == 0 })
		})
	}
}

// ended reports whether some peer has closed and the server has not.
func (w *world) ended() bool {
	const closeWait = 8 // tcp(7)
	for _, l := range *w.r.loops.Load() {
		found := make(chan bool)
		l.post(func() {
			ended := false
			for _, c := range l.conns {
				info, err := unix.GetsockoptTCPInfo(c.gc.Fd(), unix.IPPROTO_TCP, unix.TCP_INFO)
				ended = ended || err == nil && info.State == closeWait
			}
			found <- ended
		})
		if <-found {
			return true
		}
	}
	return false
}

// A peer that goes away while its client waits is let go when the answer has
// come, and at once when it resets the connection.
func TestAWaitingClientThatLeaves(t *testing.T) {
	h := &holder{asked: make(chan func(auth.Verdict), 1)}
	w := newGatedWorld(t, auth.Options{Chain: []auth.Decider{h}, Anonymous: auth.AnonymousAllow}, nil)
	for listener := range 2 {
		for _, resets := range []bool{true, false} {
			c := peer{t, w.dial(listener)}
			c.send(connectPacket("leaver"))
			c.expect(connack)
			c.send(bytes.Repeat(publishPacket("x", []byte("y")), 3))
			answer := <-h.asked
			c.send(bytes.Repeat(publishPacket("x", []byte("y")), 1000))
			if resets {
				reset(c.Conn)
				c.Close()
				eventually(t, "the connection is gone", func() bool { return w.r.openConnections() == 0 })
				answer(auth.Verdict{Decision: auth.Allow}) // too late, to nobody
				continue
			}
			c.Close()
			answer(auth.Verdict{Decision: auth.Allow})
			eventually(t, "the connection is gone", func() bool { return w.r.openConnections() == 0 })
		}
	}
}
