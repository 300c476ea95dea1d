package broker

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/wheel"
)

// eventLoop is a shard on a goroutine of its own, with the clients of its
// connections: they acknowledge what they get at the end of each turn.
type eventLoop struct {
	t     testing.TB
	shard *Shard
	wheel *wheel.Wheel
	wake  chan struct{}
	work  chan func()
	dirty []*device
}

// device is a client and its connection. seen is shared by all connections of
// a client id.
type device struct {
	Client
	loop    *eventLoop
	version mqtt.Version
	in, out []byte
	paused  bool
	marked  bool
	reason  string
	welcome bool
	granted bool // SUBACK has come
	seen    *inbox
}

// inbox counts the messages a client id has got for the first time.
type inbox struct {
	mu  sync.Mutex
	got map[string]int
}

func (d *device) Out() []byte { d.mark(); return d.out }
func (d *device) mark() {
	if !d.marked {
		d.marked = true
		d.loop.dirty = append(d.loop.dirty, d)
	}
}
func (d *device) SetOut(b []byte)      { d.out = b }
func (d *device) Peer() netip.AddrPort { return testPeer }
func (d *device) TLS() *auth.TLS       { return nil }
func (d *device) Unsent() int          { return 0 }
func (d *device) Pause()               { d.paused = true }
func (d *device) Resume()              { d.paused = false; d.mark() }
func (d *device) Arm(wheel.Tick)       {}
func (d *device) Close(r string) {
	if d.reason != "" {
		d.loop.t.Errorf("closed twice: %q, %q", d.reason, r)
	}
	d.reason = r
	d.mark()
}

// turn ends a step of the loop: what has been sent arrives and is answered.
func (l *eventLoop) turn() {
	for len(l.dirty) > 0 {
		dirty := l.dirty
		l.dirty = nil
		for _, d := range dirty {
			d.marked = false
			d.flush()
		}
	}
}

func (d *device) flush() {
	lines, rest := decodeAll(d.loop.t, d.version, d.out)
	if len(rest) > 0 {
		d.loop.t.Errorf("half a packet was sent: %x", rest)
	}
	d.out = d.out[:0]
	for _, line := range lines {
		d.hear(line)
	}
	d.feed()
}

func (d *device) feed() {
	if d.paused || d.reason != "" || len(d.in) == 0 {
		return
	}
	window := slices.Clone(d.in)
	d.in = d.in[d.Feed(window):]
	clear(window)
}

func (d *device) say(p packet) {
	d.in = p.Append(d.in, d.version)
	d.feed()
}

func (d *device) hear(line string) {
	f := strings.Fields(line)
	switch f[0] {
	case "CONNACK":
		d.welcome = f[1] == "0x0"
	case "SUBACK":
		d.granted = true
	case "PUBREL":
		var id uint16
		fmt.Sscanf(f[1], "%d", &id)
		d.in = pubcomp(id).Append(d.in, d.version)
	case "PUBLISH":
		if !slices.Contains(f, "dup") && d.seen != nil {
			d.seen.mu.Lock()
			d.seen.got[f[2]]++
			d.seen.mu.Unlock()
		}
		var id uint16
		if len(f) < 5 || f[3] == "retain" {
			return
		}
		fmt.Sscanf(f[4], "#%d", &id)
		ack := puback(id)
		if f[3] == "q2" {
			ack = pubrec(id)
		}
		d.in = ack.Append(d.in, d.version)
	}
}

func (l *eventLoop) run(stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-l.wake:
			l.shard.Drain()
		case f := <-l.work:
			f()
		}
		l.turn()
	}
}

// tick lets time pass on all loops, a hundred times too fast.
func tick(ls []*eventLoop, stop chan struct{}) {
	for now := wheel.Tick(2); ; now++ {
		for _, l := range ls {
			select {
			case <-stop:
				return
			case l.work <- func() { l.wheel.Advance(now) }:
			}
		}
		select {
		case <-stop:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// do runs f on the loop and waits for it.
func (l *eventLoop) do(f func()) {
	done := make(chan struct{})
	l.work <- func() { f(); close(done) }
	<-done
}

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

// Many clients connect, take each other over across loops, publish, subscribe
// and leave, on real goroutines. At the end every message with QoS 1 and 2 has
// come exactly once to every session that was subscribed all the time, and
// the counters agree with what there is.
func TestHammer(t *testing.T) {
	const (
		loops, hoppers, publishers, churners = 4, 4, 4, 4
		messages                             = 200
		hops                                 = 60
	)
	w := &world{gate: sometimesLate().gate(t)}
	b := New(Options{Gate: w.gateNow, Shards: loops, MaxQueued: 1 << 20, MaxInflight: 1000})
	w.info.Listener = "tcp:test"
	stop := make(chan struct{})
	var running sync.WaitGroup
	ls := make([]*eventLoop, loops)
	for i := range ls {
		l := &eventLoop{t: t, wheel: wheel.New(), wake: make(chan struct{}, 1), work: make(chan func())}
		l.shard = b.Shard(i, l.wheel, func() {
			select {
			case l.wake <- struct{}{}:
			default:
			}
		})
		ls[i] = l
		running.Go(func() { l.run(stop) })
	}
	running.Go(func() { tick(ls, stop) })
	dial := func(i int, seen *inbox, p *mqtt.Connect) *device {
		d := &device{loop: ls[i], version: p.Version, seen: seen}
		d.loop.do(func() {
			d.loop.shard.Attach(&d.Client, d, &w.info)
			d.say(p)
		})
		return d
	}
	await := func(d *device, what string, ok func() bool) {
		t.Helper()
		for range 2_000_000 {
			var yes bool
			d.loop.do(func() { yes = ok() || d.reason != "" })
			if yes {
				return
			}
		}
		t.Errorf("%s: nothing happens", what)
	}
	welcome := func(d *device) { await(d, "CONNECT", func() bool { return d.welcome }) }

	inboxes := make([]*inbox, hoppers)
	for h := range inboxes {
		inboxes[h] = &inbox{got: map[string]int{}}
		d := dial(h%loops, inboxes[h], connect(fmt.Sprint("hopper", h), persistent))
		welcome(d)
		d.loop.do(func() { d.say(subscribe(1, "h/+", 2, and("h/#", 1))) })
		await(d, "SUBSCRIBE", func() bool { return d.granted })
	}
	var busy sync.WaitGroup
	for h := range hoppers {
		busy.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(h)))
			for range hops {
				d := dial(r.IntN(loops), inboxes[h], connect(fmt.Sprint("hopper", h), persistent))
				if r.IntN(2) == 0 {
					welcome(d)
				}
				if r.IntN(3) == 0 {
					d.loop.do(func() {
						if d.reason == "" {
							d.reason = "lost"
							d.Lost("eof")
						}
					})
				}
			}
		})
	}
	for p := range publishers {
		busy.Go(func() {
			d := dial(p%loops, nil, connect(fmt.Sprint("publisher", p)))
			for m := range messages {
				d.loop.do(func() {
					id := uint16(m + 1)
					d.say(publish(fmt.Sprint("h/", p), fmt.Sprint(p, ".", m), qos(byte(1+m%2), id)))
					d.say(pubrel(id))
				})
			}
		})
	}
	for c := range churners {
		busy.Go(func() {
			r := rand.New(rand.NewPCG(2, uint64(c)))
			for i := range hops {
				d := dial(r.IntN(loops), nil, connect(fmt.Sprint("churner", r.IntN(churners)), withWill("h2/w", "gone"), expiry(uint32(r.IntN(2)*1000)), func(p *mqtt.Connect) { p.CleanStart = r.IntN(2) == 0 }))
				d.loop.do(func() {
					d.say(subscribe(1, fmt.Sprintf("h/%d", r.IntN(4)), 1, and("$share/g/h/+", 1), and("#", 0)))
					d.say(publish("r/"+fmt.Sprint(i%5), "x", retain))
					if r.IntN(2) == 0 {
						d.say(unsubscribe(2, "#", "h/1"))
					}
					if r.IntN(2) == 0 {
						d.say(disconnect())
					}
				})
			}
		})
	}
	busy.Wait()

	last := make([]*device, hoppers)
	for h := range last {
		last[h] = dial(0, inboxes[h], connect(fmt.Sprint("hopper", h), persistent))
		welcome(last[h])
		if last[h].reason != "" {
			t.Errorf("hopper %d: closed with %q", h, last[h].reason)
		}
	}
	deadline := time.Now().Add(10 * time.Second)
	for h, in := range inboxes {
		for done := false; !done; {
			in.mu.Lock()
			done = len(in.got) >= publishers*messages
			in.mu.Unlock()
			if time.Now().After(deadline) {
				t.Fatalf("hopper %d has %d of %d messages", h, len(in.got), publishers*messages)
			}
			last[h].loop.do(func() {})
		}
	}
	for range 100 { // whatever would come twice has come by then
		for _, l := range ls {
			l.do(func() {})
		}
	}
	for h, in := range inboxes {
		for m, n := range in.got {
			if n != 1 {
				t.Errorf("hopper %d got %s %d times", h, m, n)
			}
		}
	}
	end(t, b, ls)
	close(stop)
	running.Wait()
}

func (w *world) gateNow() *auth.Gate { return w.gate }

// end takes over every session that is left with a clean one and checks that
// nothing remains.
func end(t *testing.T, b *Broker, ls []*eventLoop) {
	t.Helper()
	var ids []string
	for i := range b.registry.stripes {
		for id := range b.registry.stripes[i].of {
			ids = append(ids, id)
		}
	}
	info := Info{Listener: "tcp:test"}
	for i, id := range ids {
		l := ls[i%len(ls)]
		d := &device{loop: l, version: mqtt.V50}
		l.do(func() {
			l.shard.Attach(&d.Client, d, &info)
			d.say(connect(id))
		})
		for ok := false; !ok; {
			l.do(func() {
				if ok = d.welcome; ok {
					d.say(disconnect())
				}
			})
		}
	}
	for _, l := range ls {
		for rest := 1; rest > 0; {
			l.do(func() { rest = len(l.shard.leaving) })
		}
	}
	n := b.Stats()
	if n.Connections != 0 || n.Sessions != 0 || n.Panics != 0 || n.Errors != 0 || n.DroppedFull != 0 {
		t.Errorf("left behind: %+v", n)
	}
	m := &ls[0].shard.matches
	ls[0].do(func() {
		for _, name := range []string{"h/0", "h/1", "x"} {
			if b.index.Match([]byte(name), m); m.Shards != 0 || len(m.Groups) != 0 {
				t.Errorf("%s still has subscribers: shards %b, %d groups", name, m.Shards, len(m.Groups))
			}
		}
	})
	t.Logf("%+v", n)
}
