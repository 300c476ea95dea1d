package reactor

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
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

// A peer that goes away while its client waits is noticed at once.
func TestAWaitingClientThatLeaves(t *testing.T) {
	h := &holder{asked: make(chan func(auth.Verdict), 1)}
	w := newGatedWorld(t, auth.Options{Chain: []auth.Decider{h}, Anonymous: auth.AnonymousAllow}, nil)
	for listener := range 2 {
		c := peer{t, w.dial(listener)}
		c.send(connectPacket("leaver"))
		c.expect(connack)
		c.send(bytes.Repeat(publishPacket("x", []byte("y")), 3))
		answer := <-h.asked
		c.send(bytes.Repeat(publishPacket("x", []byte("y")), 1000))
		c.Close()
		eventually(t, "the connection is gone", func() bool { return w.r.openConnections() == 0 })
		answer(auth.Verdict{Decision: auth.Allow}) // too late, to nobody
	}
}
