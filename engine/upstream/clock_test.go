package upstream

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// world is a server in memory, for tests in a bubble of testing/synctest: its
// clock stands still while anybody has something to do.
type world struct {
	mode    atomic.Int32 // how dialing goes
	dials   atomic.Int32
	active  atomic.Int32
	most    atomic.Int32 // of active
	served  atomic.Int32
	takes   atomic.Int64 // time for an answer
	pending chan net.Conn
}

const (
	up = iota
	refuses
	swallows
)

func newWorld(t *testing.T) *world {
	w := &world{pending: make(chan net.Conn)}
	server := &http.Server{Handler: http.HandlerFunc(w.answer), ErrorLog: log.New(io.Discard, "", 0)}
	l := &listener{w.pending, make(chan struct{}), sync.Once{}}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-done })
	return w
}

func (w *world) answer(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // then the server notices when we go away
	n := w.active.Add(1)
	defer w.active.Add(-1)
	for m := w.most.Load(); n > m && !w.most.CompareAndSwap(m, n); m = w.most.Load() {
	}
	w.served.Add(1)
	select {
	case <-time.After(time.Duration(w.takes.Load())):
	case <-r.Context().Done():
	}
}

func (w *world) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	w.dials.Add(1)
	switch w.mode.Load() {
	case refuses:
		return nil, syscall.ECONNREFUSED
	case swallows:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	ours, theirs := net.Pipe()
	select {
	case w.pending <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type listener struct {
	pending chan net.Conn
	end     chan struct{}
	once    sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.pending:
		return c, nil
	case <-l.end:
		return nil, net.ErrClosed
	}
}
func (l *listener) Close() error   { l.once.Do(func() { close(l.end) }); return nil }
func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }

// inBubble runs a test against a world.
func inBubble(t *testing.T, o Options, mode int32, f func(t *testing.T, w *world, s *Set, u *Upstream)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.mode.Store(mode)
		s := NewSet(nil)
		s.dial = w.dial
		o.URL = "http://auth.example.com"
		configure(t, s, o)
		defer s.Close()
		f(t, w, s, s.Lookup("backend"))
	})
}

// tally counts outcomes.
type tally struct {
	mu    sync.Mutex
	kinds map[Kind]int
	last  time.Time
}

func (c *tally) done(_ Response, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kinds == nil {
		c.kinds = map[Kind]int{}
	}
	k := Kind(0)
	if e, ok := errors.AsType[*Error](err); ok {
		k = e.Kind
	}
	c.kinds[k]++
	c.last = time.Now()
}

func (c *tally) of(k Kind) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kinds[k]
}

// ended is when the last one ended.
func (c *tally) ended() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

func (c *tally) total() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.kinds {
		n += m
	}
	return n
}

// TestTimeout: a request ends when its time is over, to the millisecond, and
// its connection takes no further one (AHTTP-06, U-44).
func TestTimeout(t *testing.T) {
	inBubble(t, Options{PoolSize: 1}, up, func(t *testing.T, w *world, _ *Set, u *Upstream) {
		w.takes.Store(int64(10 * time.Second))
		synctest.Wait()
		u.look.Stop() // it would connect as well
		for i, test := range []struct{ asked, want time.Duration }{{0, 5 * time.Second}, {time.Second, time.Second}, {time.Minute, 5 * time.Second}} {
			var c tally
			began := time.Now()
			u.Send(t.Context(), Request{Timeout: test.asked}, c.done)
			time.Sleep(test.want + time.Second)
			if took := c.ended().Sub(began); c.of(Timeout) != 1 || took != test.want {
				t.Errorf("%v after %v, want a timeout after %v", c.kinds, took, test.want)
			}
			if n := w.dials.Load(); int(n) != i+1 {
				t.Errorf("%d connections after %d timeouts", n, i+1)
			}
		}
		w.takes.Store(0)
		var c tally
		u.Send(t.Context(), Request{}, c.done)
		synctest.Wait()
		if c.of(0) != 1 || w.dials.Load() != 4 {
			t.Errorf("%v, %d connections", c.kinds, w.dials.Load())
		}
	})
}

// TestWaitingCounts: the time in the queue is part of a request's time. Who has
// no time left for an answer is not sent, and no sign of a dead server.
func TestWaitingCounts(t *testing.T) {
	inBubble(t, Options{PoolSize: 1, Breaker: Breaker{Failures: 1}}, up, func(t *testing.T, w *world, _ *Set, u *Upstream) {
		w.takes.Store(int64(2 * time.Second))
		var c tally
		began := time.Now()
		for range 100 {
			u.Send(t.Context(), Request{Timeout: 5*time.Second - time.Millisecond}, c.done)
		}
		time.Sleep(6 * time.Second)
		if c.total() != 100 || c.of(0) != 2 || c.of(Timeout) != 98 || c.ended().Sub(began) != 4*time.Second {
			t.Errorf("%v after %v", c.kinds, c.ended().Sub(began))
		}
		if w.most.Load() != 1 || w.dials.Load() != 1 {
			t.Errorf("%d at one time, %d connections", w.most.Load(), w.dials.Load())
		}
	})
}

// TestOverload: an upstream that gets twice what it can do answers what it can
// do, and keeps its connections.
func TestOverload(t *testing.T) {
	inBubble(t, Options{}, up, func(t *testing.T, w *world, _ *Set, u *Upstream) {
		w.takes.Store(int64(50 * time.Millisecond)) // 8 connections: 160 a second
		var c tally
		for range 60 * 20 {
			for range 16 {
				u.Send(t.Context(), Request{}, c.done)
			}
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		if c.total() != 60*320 || c.of(0) < 55*160 || c.of(Open) > 0 {
			t.Errorf("%v", c.kinds)
		}
		if n := w.dials.Load(); n != 8 {
			t.Errorf("%d connections", n)
		}
	})
}

// TestSlower: an upstream that becomes slower than any request may take is
// tried again, and when it is faster the answers come.
func TestSlower(t *testing.T) {
	inBubble(t, Options{Breaker: Breaker{Failures: 1000}}, up, func(t *testing.T, w *world, _ *Set, u *Upstream) {
		var c tally
		for _, takes := range []time.Duration{time.Millisecond, time.Minute, time.Millisecond} {
			w.takes.Store(int64(takes))
			before := c.of(0)
			for range 1000 {
				u.Send(t.Context(), Request{}, c.done)
				time.Sleep(100 * time.Millisecond)
			}
			time.Sleep(10 * time.Second)
			if n := c.of(0) - before; (takes == time.Minute) != (n == 0) || takes != time.Minute && n < 900 {
				t.Errorf("at %v %d of 1000 are answered: %v", takes, n, c.kinds)
			}
		}
	})
}

// TestPool: no more than pool_size at one time, and all are answered.
func TestPool(t *testing.T) {
	inBubble(t, Options{RequestTimeout: time.Minute}, up, func(t *testing.T, w *world, _ *Set, u *Upstream) {
		w.takes.Store(int64(time.Second))
		var c tally
		began := time.Now()
		for range 100 {
			u.Send(t.Context(), Request{}, c.done)
		}
		time.Sleep(time.Minute)
		if c.of(0) != 100 || w.most.Load() != 8 || c.ended().Sub(began) != 13*time.Second {
			t.Errorf("%v, %d at one time, %v", c.kinds, w.most.Load(), c.ended().Sub(began))
		}
	})
}

// TestIdle: connections that nobody needs are closed, and the server is looked
// at now and then.
func TestIdle(t *testing.T) {
	inBubble(t, Options{}, up, func(t *testing.T, w *world, _ *Set, u *Upstream) {
		var c tally
		w.takes.Store(int64(time.Second))
		for range 8 {
			u.Send(t.Context(), Request{}, c.done)
		}
		time.Sleep(2 * time.Second)
		if n := u.State().Connections; n != 8 {
			t.Fatalf("%d connections", n)
		}
		time.Sleep(idleTime + 2*lookAgain)
		if s := u.State(); s.Connections > 1 || s.Health != Connected {
			t.Errorf("%d connections, %s", s.Connections, s.Health)
		}
		w.mode.Store(refuses)
		time.Sleep(idleTime + 4*lookAgain)
		if s := u.State(); s.Health != Disconnected || s.Breaker != Opened {
			t.Errorf("the server is gone, and the upstream is %s, %s", s.Health, s.Breaker)
		}
	})
}

// TestRefused: who waits is told at once.
func TestRefused(t *testing.T) {
	inBubble(t, Options{}, up, func(t *testing.T, w *world, _ *Set, u *Upstream) {
		var c tally
		u.Send(t.Context(), Request{}, c.done)
		synctest.Wait()
		w.mode.Store(refuses)
		u.mu.Lock()
		for _, one := range u.conns {
			go one.cc.Close()
		}
		u.mu.Unlock()
		synctest.Wait()
		for range 10 {
			u.Send(t.Context(), Request{}, c.done)
			synctest.Wait()
		}
		if c.of(0) != 1 || c.of(Refused) != 5 || c.of(Open) != 5 {
			t.Errorf("%v", c.kinds)
		}
	})
}

// TestBootWithoutServer: the broker starts, and finds the server when it is
// there (AHTTP-11).
func TestBootWithoutServer(t *testing.T) {
	for _, mode := range []int32{refuses, swallows} {
		inBubble(t, Options{}, mode, func(t *testing.T, w *world, _ *Set, u *Upstream) {
			if h := u.State().Health; h != Connecting && h != Disconnected {
				t.Errorf("at the start it is %s", h)
			}
			time.Sleep(time.Minute)
			if h := u.State().Health; h != Disconnected {
				t.Errorf("without a server it is %s", h)
			}
			if n := w.dials.Load(); n > 12 {
				t.Errorf("%d dials in a minute", n)
			}
			w.mode.Store(up)
			time.Sleep(30 * time.Second)
			if h := u.State().Health; h != Connected {
				t.Errorf("with a server it is %s", h)
			}
		})
	}
}

// TestBlackHole: a minute without a server and 15,000 clients that come again
// and again; then it is back, slow, and is not knocked over (D2, reliability
// 42).
func TestBlackHole(t *testing.T) {
	inBubble(t, Options{}, up, func(t *testing.T, w *world, _ *Set, u *Upstream) {
		w.takes.Store(int64(2 * time.Millisecond))
		var c tally
		sent := 0
		storm := func(d time.Duration, each func()) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
				for range 150 {
					sent++
					u.Send(t.Context(), Request{Path: "/auth", Body: make([]byte, 100)}, c.done)
				}
				each()
			}
		}
		storm(time.Second, func() {})
		if c.of(0) < 1000 {
			t.Fatalf("before: %v", c.kinds)
		}
		w.mode.Store(swallows)
		w.takes.Store(int64(time.Hour)) // connections that are open bring nothing more
		most := 0
		storm(time.Minute, func() { s := u.State(); most = max(most, s.Queued+s.OnWire) })
		if most > 150*10*6 { // five seconds of them and a little
			t.Errorf("%d in flight at one time", most)
		}
		if c.of(Open) < 60_000 {
			t.Errorf("the breaker was of little use: %v", c.kinds)
		}
		before := c.of(0)
		w.mode.Store(up)
		w.takes.Store(int64(2 * time.Millisecond))
		w.most.Store(0)
		storm(30*time.Second, func() {})
		time.Sleep(10 * time.Second)
		if n := w.most.Load(); n > 8 {
			t.Errorf("%d at one time after the recovery", n)
		}
		if c.of(0)-before < 5000 {
			t.Errorf("after the recovery %d were answered", c.of(0)-before)
		}
		if s := u.State(); s.Breaker != Closed || s.Health != Connected {
			t.Errorf("after the recovery it is %s, %s", s.Breaker, s.Health)
		}
		if c.total() != sent {
			t.Errorf("%d sent, %d ended", sent, c.total())
		}
	})
}

// TestHalfOpen: one request, then two, then four.
func TestHalfOpen(t *testing.T) {
	inBubble(t, Options{Breaker: Breaker{Backoff: time.Second}}, refuses, func(t *testing.T, w *world, _ *Set, u *Upstream) {
		synctest.Wait()
		w.takes.Store(int64(100 * time.Millisecond))
		w.mode.Store(up)
		time.Sleep(2 * time.Second)
		if s := u.State(); s.Breaker != HalfOpen || s.Health != Connected {
			t.Fatalf("it is %s, %s", s.Breaker, s.Health)
		}
		var c tally
		for range 100 {
			u.Send(t.Context(), Request{}, c.done)
		}
		var got []int32
		for range 5 {
			time.Sleep(time.Millisecond)
			got = append(got, w.active.Load())
			time.Sleep(99 * time.Millisecond)
		}
		if got[0] != 1 || got[1] != 2 || got[2] > 8 || got[4] != 8 {
			t.Errorf("on the wire were %v", got)
		}
		w.takes.Store(int64(time.Hour))
		time.Sleep(time.Minute)
		if c.total() != 100 {
			t.Errorf("%v", c.kinds)
		}
	})
}

// TestHalfOpenFails: when the one request fails the breaker opens again, for
// longer, and all who wait are told.
func TestHalfOpenFails(t *testing.T) {
	inBubble(t, Options{Breaker: Breaker{Backoff: time.Second, MaxBackoff: time.Minute}}, refuses, func(t *testing.T, w *world, _ *Set, u *Upstream) {
		synctest.Wait()
		w.takes.Store(int64(time.Hour))
		w.mode.Store(up)
		time.Sleep(2 * time.Second)
		var c tally
		for range 100 {
			u.Send(t.Context(), Request{Timeout: time.Second}, c.done)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(950 * time.Millisecond)
		if c.total() != 100 || c.of(Timeout) != 1 || c.of(Open) != 99 || w.most.Load() != 1 {
			t.Errorf("%v, %d at one time", c.kinds, w.most.Load())
		}
	})
}

func TestBreaker(t *testing.T) {
	for _, jitter := range []float64{0, 0.5, 0.999} {
		b := breaker{Breaker: Breaker{Failures: 3, Backoff: time.Second, MaxBackoff: 5 * time.Second}, jitter: func() float64 { return jitter }}
		var got []bool
		for _, bad := range []bool{true, true, false, true, true, true} {
			if bad {
				got = append(got, b.failed())
			} else {
				b.succeeded(4)
			}
		}
		if !slices.Equal(got, []bool{false, false, false, false, true}) {
			t.Errorf("failures opened it as %v", got)
		}
		for _, d := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second} {
			want := d/2 + time.Duration(jitter*float64(d))
			if got := b.open(); got != want {
				t.Errorf("backoff %v, want %v", got, want)
			}
			if b.allows(4) != 0 || b.failed() {
				t.Error("an open breaker lets requests through, or opens once more")
			}
			b.reached()
		}
		for _, want := range []int{1, 2} {
			if got := b.allows(4); got != want {
				t.Errorf("allows %d, want %d", got, want)
			}
			b.succeeded(4)
		}
		if b.phase != Closed || b.allows(4) != 4 || b.openings != 0 {
			t.Errorf("after two good rounds: %+v", b)
		}
	}
	b := breaker{Breaker: Breaker{Backoff: time.Second, MaxBackoff: time.Hour}, jitter: func() float64 { return 0.5 }}
	for range 100 {
		if d := b.open(); d <= 0 || d > time.Hour {
			t.Fatalf("backoff %v", d)
		}
	}
}
