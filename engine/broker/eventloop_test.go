package broker

import (
	"fmt"
	"net/netip"
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
func (d *device) Proxy() *auth.Proxy   { return nil }
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
