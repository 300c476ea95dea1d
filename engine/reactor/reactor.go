package reactor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/panjf2000/gnet/v2"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/broker"
	"github.com/wicketmq/wicket/engine/transport/tlsio"
	"github.com/wicketmq/wicket/engine/wheel"
)

// Options configure a Reactor.
type Options struct {
	Listeners []Listener
	Loops     int // event loops; 0 = one per usable CPU
	Broker    *broker.Broker
	Pool      *tlsio.Pool // runs TLS handshakes; may be nil without TLS listeners
	Log       *slog.Logger

	// Gate is asked about TLS connections before their handshake, if somebody
	// in its chain hears of them; nil asks nobody. Any loop calls it.
	Gate func() *auth.Gate

	// DescriptorReserve is how many file descriptors stay free for reloads,
	// plugins' backends and the API; a connection that would eat into them
	// is closed at once. 0 = 64.
	DescriptorReserve int
}

// Reactor is a running set of listeners and loops.
type Reactor struct {
	opts      Options
	log       *slog.Logger
	listeners []*listener
	maxFD     int         // highest descriptor a connection may get
	greetings auth.Places // connections that wait for a verdict about their hello

	engine gnet.Engine
	booted chan struct{}
	done   chan struct{} // closed when gnet has returned
	err    error         // valid after done

	start    time.Time
	stopping atomic.Bool

	mu    sync.Mutex // guards growing of loops
	loops atomic.Pointer[[]*loop]
	tick  *time.Ticker
}

// Start binds every listener and returns when connections are taken. Errors
// name all listeners that could not be bound, not only the first.
func Start(opts Options) (*Reactor, error) {
	if opts.Loops <= 0 {
		opts.Loops = runtime.GOMAXPROCS(0)
	}
	if opts.DescriptorReserve <= 0 {
		opts.DescriptorReserve = 64
	}
	r := &Reactor{
		opts: opts, log: opts.Log,
		booted: make(chan struct{}), done: make(chan struct{}),
		start: time.Now(),
		maxFD: descriptorLimit() - opts.DescriptorReserve,
	}
	r.loops.Store(&[]*loop{})
	if err := errors.Join(r.bind(), r.room()); err != nil {
		return nil, err
	}
	go r.run()
	select {
	case <-r.booted:
	case <-r.done:
		return nil, fmt.Errorf("cannot start the event loops: %w", r.err)
	}
	r.tick = time.NewTicker(time.Second / wheel.PerSecond)
	go r.ticks()
	return r, nil
}

func (r *Reactor) bind() error {
	var errs []error
	var probes []net.Listener // open until all ports are chosen
	defer func() {
		for _, p := range probes {
			p.Close()
		}
	}()
	for i := range r.opts.Listeners {
		l := &listener{Listener: r.opts.Listeners[i], counts: newCounts()}
		l.door = newDoor(&l.Listener)
		l.info.Listener, l.info.Transport = l.Name, l.Transport()
		probe, err := l.resolve()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		probes = append(probes, probe)
		r.listeners = append(r.listeners, l)
	}
	return errors.Join(errs...)
}

// room fails when the limit of open files leaves none for clients.
func (r *Reactor) room() error {
	next, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("cannot open one more file: %w", err)
	}
	defer next.Close()
	sockets := r.opts.Loops * (len(r.listeners) + 2) // and what a loop waits on
	if int(next.Fd())+sockets < r.maxFD {
		return nil
	}
	return fmt.Errorf("cannot take connections: of %d files that may be open %d are kept in reserve, and the rest is used up; raise the limit (ulimit -n, LimitNOFILE=)",
		r.maxFD+r.opts.DescriptorReserve, r.opts.DescriptorReserve)
}

// run is gnet's life; it returns when the engine has stopped.
func (r *Reactor) run() {
	addrs := make([]string, len(r.listeners))
	for i, l := range r.listeners {
		addrs[i] = l.url()
	}
	r.err = gnet.Rotate(&events{r: r}, addrs,
		gnet.WithNumEventLoop(r.opts.Loops),
		gnet.WithReusePort(true),
		gnet.WithReuseAddr(true),
		gnet.WithTCPNoDelay(gnet.TCPNoDelay),
		gnet.WithReadBufferCap(readBuffer),
		gnet.WithLogger(gnetLogger{r.log}),
	)
	close(r.done)
}

// readBuffer is what one read from a socket can bring, per loop.
const readBuffer = 64 << 10

// Done is closed when the loops have ended, by Stop or by a fatal error that
// Err then tells.
func (r *Reactor) Done() <-chan struct{} { return r.done }

// Err is why the loops ended; nil after an orderly Stop. Valid after Done.
func (r *Reactor) Err() error { return r.err }

// Room is how many connections the descriptor limit of this process leaves
// room for, all listeners together.
func (r *Reactor) Room() int { return r.maxFD }

// Stats returns a snapshot of every listener.
func (r *Reactor) Stats() []ListenerStats {
	out := make([]ListenerStats, len(r.listeners))
	for i, l := range r.listeners {
		out[i] = l.stats()
	}
	return out
}

// Stop refuses new connections, lets every client be told (DISCONNECT 0x8B,
// [MQTT-4.13.1-1]), waits until they are gone or ctx ends, and closes what is
// left.
func (r *Reactor) Stop(ctx context.Context) {
	r.stopping.Store(true)
	for _, l := range *r.loops.Load() {
		l.post(l.shutdown)
	}
	r.drain(ctx)
	r.tick.Stop()
	gone, cancel := context.WithCancel(ctx)
	cancel() // gnet's Stop polls twice a second; Done tells sooner
	_ = r.engine.Stop(gone)
	<-r.done
}

func (r *Reactor) drain(ctx context.Context) {
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for r.openConnections() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-r.done:
			return
		case <-poll.C:
		}
	}
}

func (r *Reactor) openConnections() (n int64) {
	for _, l := range r.listeners {
		n += l.open.Load()
	}
	return n
}

// ticks moves the timing wheels until the loops end.
func (r *Reactor) ticks() {
	for {
		select {
		case <-r.done:
			return
		case <-r.tick.C:
		}
		now := r.now()
		for _, l := range *r.loops.Load() {
			l.tick(now)
		}
	}
}

// now is the reactor's time in ticks, by the monotonic clock.
func (r *Reactor) now() wheel.Tick {
	return wheel.Tick(time.Since(r.start)/(time.Second/wheel.PerSecond)) + 1
}

// nanos is the reactor's time in nanoseconds, by the monotonic clock.
func (r *Reactor) nanos() int64 { return int64(time.Since(r.start)) }

// loopOf returns our side of a gnet loop, made when its first connection
// opens: gnet hands out no loop before.
func (r *Reactor) loopOf(c gnet.Conn) *loop {
	el := c.EventLoop()
	for _, l := range *r.loops.Load() {
		if l.el == el {
			return l
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	known := *r.loops.Load()
	l := newLoop(r, len(known), el, c.Fd())
	grown := append(known[:len(known):len(known)], l)
	r.loops.Store(&grown)
	return l
}

// descriptorLimit is RLIMIT_NOFILE; the Go runtime has already raised the
// soft limit to the hard one.
func descriptorLimit() int {
	var lim syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim); err != nil {
		return 1024
	}
	return int(min(lim.Cur, 1<<30))
}
