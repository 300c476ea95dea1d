package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/panjf2000/gnet/v2"
	"github.com/panjf2000/gnet/v2/pkg/logging"
)

// Load is a running load.
type Load struct {
	gnet.BuiltinEventEngine
	spec  Spec
	creds *credentials // nil on a plain transport
	gnet  *gnet.Client
	loop  gnet.EventLoop // of all clients; set by the first that is open
	first sync.Once
	src   sources

	// All below belongs to the loop.
	subs, pubs []*client
	count      Counts
	base       Counts // at the mark
	marked     int64  // clock at the mark
	latency    *hdrhistogram.Histogram
	connect    *hdrhistogram.Histogram
	now        int64     // clock at the begin of the turn
	credited   []*client // publishers that may have something to send
	plain      []byte    // scratch of decrypted bytes
	acks       []byte    // scratch of answers to one window
	running    bool
	closing    bool
	schedule   schedule
	moderator  *moderator
	packets    int   // taken from the broker
	failure    error // the first thing that went wrong

	pace *pacer
}

// Histograms hold nanoseconds with three digits, up to a minute.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(time.Minute), 3)
}

// record keeps a latency; what is longer than the histogram counts as its end.
func record(h *hdrhistogram.Histogram, ns int64) {
	_ = h.RecordValue(min(max(ns, 0), int64(time.Minute)))
}

// New starts the loop of a load without any client.
func New(spec Spec) (*Load, error) {
	if err := spec.normalize(); err != nil {
		return nil, err
	}
	l := &Load{spec: spec, latency: newHistogram(), connect: newHistogram(), src: sources{count: spec.Sources}, moderator: newModerator(&spec)}
	if spec.TLS != nil {
		var err error
		if l.creds, err = spec.TLS.load(); err != nil {
			return nil, err
		}
	}
	var err error
	l.gnet, err = gnet.NewClient(l, gnet.WithNumEventLoop(1), gnet.WithLogger(quiet{}),
		gnet.WithLogLevel(logging.FatalLevel), gnet.WithTCPNoDelay(gnet.TCPNoDelay), gnet.WithReadBufferCap(256<<10))
	if err != nil {
		return nil, err
	}
	return l, l.gnet.Start()
}

// quiet drops gnet's messages: lost connections are counted.
type quiet struct{}

func (quiet) Debugf(string, ...any) {}
func (quiet) Infof(string, ...any)  {}
func (quiet) Warnf(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(string, ...any) {}

// Start makes a load and connects all its clients, subscribers first.
func Start(ctx context.Context, spec Spec) (*Load, error) {
	l, err := New(spec)
	if err != nil {
		return nil, err
	}
	if err := l.Connect(ctx, l.spec.Subscribers, l.spec.Publishers); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// on runs f on the loop and waits for it. Without any client there is no loop
// to speak of, and f runs at once.
func (l *Load) on(f func()) {
	if l.loop == nil {
		f()
		return
	}
	done := make(chan struct{})
	err := l.loop.Execute(context.Background(), gnet.RunnableFunc(func(context.Context) error {
		defer close(done)
		l.now = clock()
		f()
		l.flush()
		return nil
	}))
	if err == nil {
		<-done
	}
}

// Go begins to publish.
func (l *Load) Go() {
	l.on(func() {
		l.running = true
		l.mark()
		if l.spec.Rate == 0 {
			l.credited = append(l.credited, l.pubs...)
		}
	})
	switch {
	case l.spec.Publishers == 0:
	case l.spec.Rate > 0:
		l.schedule = schedule{start: clock(), interval: float64(time.Second) / l.spec.Rate}
		l.pace = pace(l, l.nextDue, l.tick)
	case l.spec.Fan == 0 && l.spec.QoS == 0:
		// Nothing comes back that would give the next turn.
		l.pace = pace(l, func(now int64) int64 { return now + int64(100*time.Microsecond) }, l.creditAll)
	}
}

// Mark begins the measured part: counts and latencies before it are forgotten.
func (l *Load) Mark() { l.on(l.mark) }

func (l *Load) mark() {
	l.base, l.marked = l.count, clock()
	l.latency.Reset()
}

// Counts returns the counts since the load was made.
func (l *Load) Counts() (c Counts) {
	l.on(func() { c = l.count })
	return c
}

// Err returns the first failure of a client.
func (l *Load) Err() (err error) {
	l.on(func() { err = l.failure })
	return err
}

// Result is what was measured since the mark.
type Result struct {
	Counts
	Seconds float64 `json:"seconds"`
	Resumed uint64  `json:"resumed"` // TLS sessions of a storm
	Latency *hdrhistogram.Histogram
	Connect *hdrhistogram.Histogram
}

// Merge adds what another load has measured at the same time.
func (r *Result) Merge(o Result) {
	r.Counts = r.Counts.Add(o.Counts)
	r.Seconds = max(r.Seconds, o.Seconds)
	r.Resumed += o.Resumed
	r.Latency.Merge(o.Latency)
	r.Connect.Merge(o.Connect)
}

// Measured returns what was measured so far; its histograms are copies.
func (l *Load) Measured() (r Result) {
	l.on(func() {
		r = Result{
			Counts: l.count.Sub(l.base), Seconds: float64(clock()-l.marked) / float64(time.Second),
			Latency: hdrhistogram.Import(l.latency.Export()), Connect: hdrhistogram.Import(l.connect.Export()),
		}
	})
	return r
}

// Stop ends the publishing and waits until what is under way has arrived, or
// nothing has arrived for the time given. It returns the number of deliveries
// still missing.
func (l *Load) Stop(patience time.Duration) (missing int) {
	if l.pace != nil {
		l.pace.stop()
		l.pace = nil
	}
	l.on(func() { l.running = false })
	var last Counts
	for quiet := time.Duration(0); quiet < patience; quiet += 10 * time.Millisecond {
		var now Counts
		l.on(func() { missing, now = l.outstanding(), l.count })
		if missing == 0 {
			return 0
		}
		if now != last {
			quiet, last = 0, now
		}
		time.Sleep(10 * time.Millisecond)
	}
	return missing
}

func (l *Load) outstanding() (n int) {
	for _, p := range l.pubs {
		n += max(0, p.pub.pending) + p.pub.unacked
	}
	return n
}

// Revive gives up deliveries that a broker has not made while everything
// stood still, so that a closed loop goes on. Call it when counts have not
// changed for a while.
func (l *Load) Revive() {
	l.on(func() {
		for _, p := range l.pubs {
			l.count.Lost += uint64(max(0, p.pub.pending))
			p.pub.pending = 0
			l.credited = append(l.credited, p)
		}
	})
}

// Close disconnects everybody and ends the loop.
func (l *Load) Close() {
	if l.pace != nil {
		l.pace.stop()
	}
	l.on(func() {
		l.closing = true
		for _, c := range append(l.subs, l.pubs...) {
			c.disconnect()
		}
	})
	_ = l.gnet.Stop()
}

// fail keeps the first failure.
func (l *Load) fail(c *client, err error) {
	if l.failure == nil {
		l.failure = fmt.Errorf("client %s: %w", c.id(), err)
	}
}

var errClosed = errors.New("the broker has closed the connection")

// OnOpen is called by gnet.
func (l *Load) OnOpen(conn gnet.Conn) ([]byte, gnet.Action) {
	c := conn.Context().(*client)
	c.conn = conn
	l.first.Do(func() { l.loop = conn.EventLoop() })
	c.greet()
	return nil, gnet.None
}

// OnTraffic is called by gnet.
func (l *Load) OnTraffic(conn gnet.Conn) gnet.Action {
	c := conn.Context().(*client)
	l.now = clock()
	before := l.packets
	err := c.readable()
	if err != nil {
		l.fail(c, err)
		return gnet.Close
	}
	l.flush()
	if n := l.packets - before; n > 0 && l.running {
		l.moderator.turn(n)
	}
	return gnet.None
}

// OnClose is called by gnet.
func (l *Load) OnClose(conn gnet.Conn, _ error) gnet.Action {
	c := conn.Context().(*client)
	if !l.closing && c.stage != closed {
		l.count.Dropped++
		l.fail(c, errClosed)
		c.settle(errClosed)
	}
	c.stage = closed
	return gnet.None
}

// flush lets publishers send what they may.
func (l *Load) flush() {
	for i := 0; i < len(l.credited); i++ {
		c := l.credited[i]
		c.pub.queued = false
		c.publish()
	}
	l.credited = l.credited[:0]
}

// credit puts a publisher on the list of those that may send.
func (l *Load) credit(c *client) {
	if p := c.pub; !p.queued && l.running {
		p.queued = true
		l.credited = append(l.credited, c)
	}
}

func (l *Load) creditAll() {
	for _, p := range l.pubs {
		l.credit(p)
	}
}
