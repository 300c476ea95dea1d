package tlsio

import (
	"context"
	"crypto/tls"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wicketmq/wicket/engine/cert"
)

// hello returns a ClientHello record.
func hello(t testing.TB) []byte {
	t.Helper()
	p := newPeer()
	tc := tls.Client(p, clientConfig())
	p.Close()
	_ = tc.Handshake() // ends at once, with EOF
	return p.written()
}

// stalled is a connection whose peer has said nothing yet, or only its hello.
func stalled(t testing.TB, fed []byte) *Conn {
	t.Helper()
	c := Server(serverConfig(tls.VersionTLS13), nil, nil, func([]byte) error { return nil })
	if err := c.FeedHandshake(fed); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestReadyWaitsForTheWholeFirstRecord(t *testing.T) {
	h := hello(t)
	c := Server(serverConfig(tls.VersionTLS13), nil, nil, nil)
	for i := range h {
		if c.Ready() {
			t.Fatalf("ready after %d of %d bytes", i, len(h))
		}
		if err := c.FeedHandshake(h[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if !c.Ready() {
		t.Fatal("not ready after the whole record")
	}
}

func TestPoolRefusesAboveItsLimit(t *testing.T) {
	pool := NewPool(2, 1)
	done := make(chan error, 3)
	report := func(err error) { done <- err }
	a, b, c := stalled(t, nil), stalled(t, nil), stalled(t, nil)
	if err := errors.Join(pool.Start(a, time.Time{}, report), pool.Start(b, time.Time{}, report)); err != nil {
		t.Fatal(err)
	}
	if err := pool.Start(c, time.Time{}, report); err != ErrBusy {
		t.Fatalf("a third handshake: %v", err)
	}
	if s := pool.Stats(); s.Active != 2 || s.Refused != 1 {
		t.Fatalf("%+v", s)
	}
	a.Abort()
	if err := <-done; !errors.Is(err, ErrAborted) || cert.Classify(err) != cert.ReasonEOF {
		t.Fatalf("aborted: %v", err)
	}
	if err := pool.Start(c, time.Time{}, report); err != nil {
		t.Fatalf("after one has ended: %v", err)
	}
	b.Abort()
	c.Abort()
	<-done
	<-done
	if s := pool.Stats(); s.Active != 0 || s.Computing != 0 {
		t.Fatalf("%+v", s)
	}
}

// Peers that stop in the middle hold no slot: with one slot, others get
// through while many wait.
func TestSlowPeersHoldNoSlot(t *testing.T) {
	pool := NewPool(100, 1)
	h := hello(t)
	waiting := make(chan error, 50)
	var slow []*Conn
	for range 50 {
		c := stalled(t, h)
		slow = append(slow, c)
		if err := pool.Start(c, time.Time{}, func(err error) { waiting <- err }); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		p := newPeer()
		c := Server(serverConfig(tls.VersionTLS13), p, p, p.feed)
		p.sink = c.FeedHandshake
		result := make(chan error, 1)
		if err := pool.Start(c, time.Time{}, func(err error) { result <- err }); err != nil {
			t.Fatal(err)
		}
		if err := tls.Client(p, clientConfig()).Handshake(); err != nil {
			t.Fatal(err)
		}
		if err := <-result; err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range slow {
		c.Abort()
		<-waiting
	}
}

// A handshake that waits for an answer about revocation holds no slot either,
// and its wait ends with the deadline of the handshake.
func TestRevocationHoldsNoSlot(t *testing.T) {
	pool := NewPool(100, 1)
	start := func(cfg *tls.Config) (client, server chan error) {
		p := newPeer()
		c := Server(cfg, p, p, p.feed)
		p.sink = c.FeedHandshake
		client, server = make(chan error, 1), make(chan error, 1)
		if err := pool.Start(c, time.Now().Add(time.Minute), func(err error) { server <- err }); err != nil {
			t.Fatal(err)
		}
		go func() { client <- tls.Client(p, clientConfig()).Handshake() }()
		return client, server
	}
	asked, answer := make(chan bool), make(chan bool)
	slow := mutualConfig(tls.VersionTLS13)
	inner := slow.Clone()
	slow.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		inner.VerifyConnection = func(tls.ConnectionState) error {
			ctx := hello.Context()
			if _, limited := ctx.Deadline(); !limited {
				t.Error("the context is not that of the handshake")
			}
			cert.Wait(ctx, func() {
				asked <- true
				<-answer
			})
			return nil
		}
		return inner, nil
	}
	slowClient, slowServer := start(slow)
	<-asked
	for range 3 { // with the only slot
		client, server := start(mutualConfig(tls.VersionTLS13))
		if err := errors.Join(<-client, <-server); err != nil {
			t.Fatal(err)
		}
	}
	close(answer)
	if err := errors.Join(<-slowClient, <-slowServer); err != nil {
		t.Fatal(err)
	}
	if s := pool.Stats(); s.Computing != 0 || s.Active != 0 {
		t.Errorf("%+v", s)
	}
}

// A panic in the wait gives back what it took.
func TestPanicWhileWaiting(t *testing.T) {
	pool := NewPool(1, 1)
	cfg := serverConfig(tls.VersionTLS13)
	cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		cert.Wait(hello.Context(), func() { panic("defect") })
		return nil, nil
	}
	c := Server(cfg, nil, nil, func([]byte) error { return nil })
	if err := c.FeedHandshake(hello(t)); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	if err := pool.Start(c, time.Time{}, func(err error) { done <- err }); err != nil {
		t.Fatal(err)
	}
	var p *PanicError
	if err := <-done; !errors.As(err, &p) || pool.Stats().Computing != 0 {
		t.Errorf("%v, %+v", err, pool.Stats())
	}
}

// The deadline is for the whole handshake, however steadily bytes drip in
// (TLS-14).
func TestDeadlineIsTotal(t *testing.T) {
	h := hello(t)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		pool := NewPool(1, 1)
		done := make(chan error, 1)
		c := stalled(t, h[:1])
		if err := pool.Start(c, start.Add(15*time.Second), func(err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
		for i := 1; ; i++ {
			select {
			case err := <-done:
				if !errors.Is(err, context.DeadlineExceeded) || cert.Classify(err) != cert.ReasonTimeout {
					t.Fatal(err)
				}
				if took := time.Since(start); took != 15*time.Second {
					t.Fatalf("ended after %v", took)
				}
				return
			case <-time.After(5 * time.Second):
				if err := c.FeedHandshake(h[i : i+1]); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func TestPanicCostsOneHandshake(t *testing.T) {
	pool := NewPool(1, 1)
	for range 2 {
		cfg := serverConfig(tls.VersionTLS13)
		cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { panic("defect") }
		c := Server(cfg, nil, nil, func([]byte) error { return nil })
		if err := c.FeedHandshake(hello(t)); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		if err := pool.Start(c, time.Time{}, func(err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
		var p *PanicError
		if err := <-done; !errors.As(err, &p) || p.Value != "defect" || len(p.Stack) == 0 || cert.Classify(err) != cert.ReasonInternal {
			t.Fatalf("%v", err)
		}
	}
	if s := pool.Stats(); s.Panics != 2 || s.Computing != 0 || s.Active != 0 {
		t.Fatalf("%+v", s)
	}
}

func TestPoolDefaults(t *testing.T) {
	p := NewPool(0, 0)
	if p.crowd.limit != DefaultHandshakes || p.Running() != runtime.GOMAXPROCS(0) {
		t.Errorf("%d, %d", p.crowd.limit, p.Running())
	}
}

// A pool is crowded while somebody waits for a slot, and a second after
// somebody has begun to.
func TestPoolCrowded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(0, 1)
		want := func(when string, crowded bool) {
			t.Helper()
			if p.Crowded() != crowded {
				t.Errorf("%s: crowded is %v", when, !crowded)
			}
		}
		want("at first", false)
		p.slots.acquire()
		want("with one who computes", false)
		go func() {
			p.slots.acquire()
			p.slots.release()
		}()
		synctest.Wait()
		want("while one waits", true)
		time.Sleep(time.Minute)
		want("while one waits long", true)
		p.slots.release()
		synctest.Wait()
		want("a minute after one has begun to wait", false)
		p.slots.acquire()
		go func() {
			p.slots.acquire()
			p.slots.release()
		}()
		synctest.Wait()
		p.slots.release()
		synctest.Wait()
		want("when one has waited", true)
		time.Sleep(999 * time.Millisecond)
		want("nearly a second later", true)
		time.Sleep(time.Millisecond)
		want("a second later", false)
	})
}
