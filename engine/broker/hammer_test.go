package broker

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/wheel"
)

// sometimesLate allows everything: at once, or from another goroutine.
func sometimesLate() *decider {
	allow := auth.Verdict{Decision: auth.Allow, Default: auth.Next}
	answer := func(done func(auth.Verdict)) {
		switch rand.IntN(3) {
		case 0:
			done(allow)
		case 1:
			go done(allow)
		default:
			go func() {
				runtime.Gosched()
				done(allow)
			}()
		}
	}
	return &decider{
		authenticate: func(_ *auth.Request, done func(auth.Verdict)) { answer(done) },
		authorize:    func(_ *auth.Access, done func(auth.Verdict)) { answer(done) },
	}
}

const (
	hammerLoops    = 4
	hammerClients  = 4 // of each kind
	hammerMessages = 200
	hammerHops     = 60
)

// Many clients connect, take each other over across loops, publish, subscribe
// and leave, on real goroutines. At the end every message with QoS 1 and 2 has
// come exactly once to every session that was subscribed all the time, and
// the counters agree with what there is.
func TestHammer(t *testing.T) {
	h := newHammer(t)
	for i := range h.inboxes {
		h.inboxes[i] = &inbox{got: map[string]int{}}
		d := h.hopper(i, i%hammerLoops)
		h.welcome(d)
		d.loop.do(func() { d.say(subscribe(1, "h/+", 2, and("h/#", 1))) })
		h.await(d, "SUBSCRIBE", func() bool { return d.granted })
	}
	var busy sync.WaitGroup
	for i := range hammerClients {
		busy.Go(func() { h.hop(i) })
		busy.Go(func() { h.publish(i) })
		busy.Go(func() { h.churn(i) })
	}
	busy.Wait()
	h.collect()
	h.leave()
	close(h.stop)
	h.running.Wait()
}

type hammer struct {
	t       *testing.T
	b       *Broker
	info    Info
	loops   [hammerLoops]*eventLoop
	inboxes [hammerClients]*inbox // of the hoppers
	stop    chan struct{}
	running sync.WaitGroup
}

func newHammer(t *testing.T) *hammer {
	gate := sometimesLate().gate(t)
	h := &hammer{t: t, info: Info{Listener: "tcp:test"}, stop: make(chan struct{})}
	h.b = New(Options{
		Gate:   func() *auth.Gate { return gate },
		Shards: hammerLoops, MaxQueued: 1 << 20, MaxInflight: 1000,
	})
	for i := range h.loops {
		l := &eventLoop{t: t, wheel: wheel.New(), wake: make(chan struct{}, 1), work: make(chan func())}
		l.shard = h.b.Shard(i, l.wheel, func() {
			select {
			case l.wake <- struct{}{}:
			default:
			}
		})
		h.loops[i] = l
		h.running.Go(func() { l.run(h.stop) })
	}
	h.running.Go(func() { tick(h.loops[:], h.stop) })
	return h
}

func (h *hammer) dial(loop int, seen *inbox, p *mqtt.Connect) *device {
	d := &device{loop: h.loops[loop], version: p.Version, seen: seen}
	d.loop.do(func() {
		d.loop.shard.Attach(&d.Client, d, &h.info)
		d.say(p)
	})
	return d
}

func (h *hammer) hopper(i, loop int) *device {
	return h.dial(loop, h.inboxes[i], connect(fmt.Sprint("hopper", i), persistent))
}

// await waits until something has happened or the connection is closed.
func (h *hammer) await(d *device, what string, ok func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		var yes bool
		d.loop.do(func() { yes = ok() || d.reason != "" })
		if yes {
			return
		}
	}
	h.t.Errorf("%s: nothing happens", what)
}

func (h *hammer) welcome(d *device) { h.await(d, "CONNECT", func() bool { return d.welcome }) }

// hop connects the same client again and again, on any loop.
func (h *hammer) hop(i int) {
	r := rand.New(rand.NewPCG(1, uint64(i)))
	for range hammerHops {
		d := h.hopper(i, r.IntN(hammerLoops))
		if r.IntN(2) == 0 {
			h.welcome(d)
		}
		if r.IntN(3) == 0 {
			d.loop.do(d.lose)
		}
	}
}

func (d *device) lose() {
	if d.reason == "" {
		d.reason = "lost"
		d.Lost("eof")
	}
}

func (h *hammer) publish(i int) {
	d := h.dial(i%hammerLoops, nil, connect(fmt.Sprint("publisher", i)))
	for m := range hammerMessages {
		d.loop.do(func() {
			id := uint16(m + 1)
			d.say(publish(fmt.Sprint("h/", i), fmt.Sprint(i, ".", m), qos(byte(1+m%2), id)))
			d.say(pubrel(id))
		})
	}
}

// churn makes clients that come and go with wills, shared subscriptions and
// retained messages, and under each other's client ids.
func (h *hammer) churn(i int) {
	r := rand.New(rand.NewPCG(2, uint64(i)))
	for n := range hammerHops {
		d := h.dial(r.IntN(hammerLoops), nil, connect(
			fmt.Sprint("churner", r.IntN(hammerClients)),
			withWill("h2/w", "gone"),
			expiry(uint32(r.IntN(2)*1000)),
			func(p *mqtt.Connect) { p.CleanStart = r.IntN(2) == 0 }))
		d.loop.do(func() {
			d.say(subscribe(1, fmt.Sprintf("h/%d", r.IntN(4)), 1, and("$share/g/h/+", 1), and("#", 0)))
			d.say(publish("r/"+fmt.Sprint(n%5), "x", retain))
			if r.IntN(2) == 0 {
				d.say(unsubscribe(2, "#", "h/1"))
			}
			if r.IntN(2) == 0 {
				d.say(disconnect())
			}
		})
	}
}

// collect connects the hoppers for the last time and checks what they have.
func (h *hammer) collect() {
	for i, in := range h.inboxes {
		d := h.hopper(i, 0)
		h.welcome(d)
		h.await(d, fmt.Sprint("messages of hopper ", i), func() bool { return in.len() == hammerClients*hammerMessages })
		if d.reason != "" {
			h.t.Errorf("hopper %d: closed with %q", i, d.reason)
		}
	}
	h.rest() // whatever would come twice has come by then
	for i, in := range h.inboxes {
		in.mu.Lock()
		for m, n := range in.got {
			if n != 1 {
				h.t.Errorf("hopper %d got %s %d times", i, m, n)
			}
		}
		in.mu.Unlock()
	}
}

func (in *inbox) len() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.got)
}

func (h *hammer) rest() {
	for range 100 {
		for _, l := range h.loops {
			l.do(func() {})
		}
	}
}

// leave takes every session that is left over with a clean one, and checks
// that nothing remains.
func (h *hammer) leave() {
	var ids []string
	for i := range h.b.registry.stripes {
		st := &h.b.registry.stripes[i]
		st.mu.Lock()
		for id := range st.of {
			ids = append(ids, id)
		}
		st.mu.Unlock()
	}
	for i, id := range ids {
		d := h.dial(i%hammerLoops, nil, connect(id))
		h.welcome(d)
		d.loop.do(func() { d.say(disconnect()) })
	}
	for _, l := range h.loops {
		for left := 1; left > 0; {
			l.do(func() { left = len(l.shard.leaving) })
		}
	}
	n := h.b.Stats()
	if n.Connections != 0 || n.Sessions != 0 || n.Panics != 0 || n.Errors != 0 || n.DroppedFull != 0 {
		h.t.Errorf("left behind: %+v", n)
	}
	h.loops[0].do(func() {
		m := &h.loops[0].shard.matches
		for _, name := range []string{"h/0", "h/1", "x"} {
			if h.b.index.Match([]byte(name), m); m.Shards != 0 || len(m.Groups) != 0 {
				h.t.Errorf("%s still has subscribers: shards %b, %d groups", name, m.Shards, len(m.Groups))
			}
		}
	})
	h.t.Logf("%+v", n)
}
