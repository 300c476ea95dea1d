package load

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// Storm makes connections over and over: TCP, TLS where asked for, CONNECT,
// CONNACK, DISCONNECT, close. Each of its Dialers is a goroutine, for each has
// one connection at a time.
type Storm struct {
	spec   Spec
	creds  *credentials
	resume bool
	src    sources
	gate   schedule
	cancel context.CancelFunc
	wg     sync.WaitGroup
	next   atomic.Int64

	count   atomic.Uint64
	resumed atomic.Uint64
	failed  atomic.Uint64

	mu      sync.Mutex
	connect *hdrhistogram.Histogram
	base    uint64 // count at the mark
	bad     uint64 // failed at the mark
	tickets uint64 // resumed at the mark
	marked  int64
	err     error
}

// NewStorm prepares a storm. With resume, every connection but the first of
// each dialer offers a TLS session to go on with.
func NewStorm(spec Spec, resume bool) (*Storm, error) {
	spec.Subscribers = or(spec.Subscribers, 1)
	if err := spec.normalize(); err != nil {
		return nil, err
	}
	s := &Storm{spec: spec, resume: resume, connect: newHistogram(), src: sources{count: spec.Sources}}
	if spec.TLS != nil {
		var err error
		if s.creds, err = spec.TLS.load(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Go begins to connect.
func (s *Storm) Go() {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.gate.start = clock()
	if s.spec.ConnectRate > 0 {
		s.gate.interval = float64(time.Second) / s.spec.ConnectRate
	}
	s.Mark()
	for range s.spec.Dialers {
		s.wg.Go(func() { s.dial(ctx) })
	}
}

// dial connects until the end. A failure is counted, and slows its dialer
// down, for a broker that refuses would else be asked as fast as it can.
func (s *Storm) dial(ctx context.Context) {
	d := guest{storm: s, session: &oneSession{}, answer: bufio.NewReaderSize(nil, 512)}
	for ctx.Err() == nil {
		n := int(s.next.Add(1)) - 1
		began := clock()
		if s.gate.interval > 0 {
			began = s.gate.at(n)
			time.Sleep(time.Duration(began - clock()))
		}
		err := d.visit(ctx, n)
		if ctx.Err() != nil {
			return
		}
		s.report(began, err)
		if err != nil {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func (s *Storm) report(began int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.count.Add(1)
		record(s.connect, clock()-began)
		return
	}
	s.failed.Add(1)
	if s.err == nil {
		s.err = fmt.Errorf("cannot connect: %w", err)
	}
}

// guest is one dialer of a storm.
type guest struct {
	storm   *Storm
	session *oneSession
	config  *tls.Config
	answer  *bufio.Reader
	packet  []byte
}

// visit makes one connection and ends it.
func (g *guest) visit(ctx context.Context, n int) error {
	s := g.storm
	socket, err := s.src.dialer().DialContext(ctx, "tcp", s.spec.Addr)
	if err != nil {
		return err
	}
	defer socket.Close()
	_ = socket.SetDeadline(time.Now().Add(patience))
	var c = socket
	if s.creds != nil {
		if c, err = g.secure(ctx, socket, n); err != nil {
			return err
		}
	}
	return g.greet(c, n)
}

func (g *guest) secure(ctx context.Context, socket net.Conn, n int) (net.Conn, error) {
	s := g.storm
	if g.config == nil {
		cfg, err := s.creds.config(n, s.spec.expand(s.spec.ClientID, "c", n, 0))
		if err != nil {
			return nil, err
		}
		g.config = cfg.Clone()
		if s.resume {
			g.config.ClientSessionCache = g.session
		}
	}
	c := tls.Client(socket, g.config)
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	if c.ConnectionState().DidResume {
		s.resumed.Add(1)
	}
	return c, nil
}

// greet exchanges CONNECT and CONNACK, and takes leave.
func (g *guest) greet(c net.Conn, n int) error {
	s := &g.storm.spec
	p := mqtt.Connect{Version: s.Version, CleanStart: true, ClientID: []byte(s.expand(s.ClientID, "c", n, 0))}
	if s.Username != "" {
		p.HasUsername, p.Username = true, []byte(s.expand(s.Username, "c", n, 0))
		p.HasPassword, p.Password = true, []byte(s.Password)
	}
	g.packet = p.Append(g.packet[:0], s.Version)
	if _, err := c.Write(g.packet); err != nil {
		return err
	}
	g.answer.Reset(c)
	head, err := g.answer.Peek(4)
	if err != nil {
		return err
	}
	if head[0]>>4 != byte(mqtt.TypeConnack) || head[3] != 0 {
		return fmt.Errorf("the broker answered % x", head)
	}
	_, err = c.Write((&mqtt.Disconnect{}).Append(g.packet[:0], s.Version))
	return err
}

// oneSession remembers the first TLS session and offers it every time, so that
// each handshake but the first can resume.
type oneSession struct{ state *tls.ClientSessionState }

// Get is called by crypto/tls.
func (o *oneSession) Get(string) (*tls.ClientSessionState, bool) { return o.state, o.state != nil }

// Put is called by crypto/tls.
func (o *oneSession) Put(_ string, state *tls.ClientSessionState) {
	if o.state == nil {
		o.state = state
	}
}

// Mark begins the measured part.
func (s *Storm) Mark() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.base, s.bad, s.tickets, s.marked = s.count.Load(), s.failed.Load(), s.resumed.Load(), clock()
	s.connect.Reset()
}

// Counts returns the connections made and refused since the storm began.
func (s *Storm) Counts() Counts {
	return Counts{Connected: s.count.Load(), Dropped: s.failed.Load()}
}

// Measured returns what was measured since the mark.
func (s *Storm) Measured() Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Result{
		Counts:  Counts{Connected: s.count.Load() - s.base, Dropped: s.failed.Load() - s.bad},
		Seconds: float64(clock()-s.marked) / float64(time.Second),
		Resumed: s.resumed.Load() - s.tickets,
		Latency: newHistogram(), Connect: hdrhistogram.Import(s.connect.Export()),
	}
}

// Stop ends the storm.
func (s *Storm) Stop(time.Duration) int {
	s.cancel()
	s.wg.Wait()
	return 0
}

// Revive does nothing: every dialer goes on by itself.
func (s *Storm) Revive() {}

// Close ends the storm if it still goes on.
func (s *Storm) Close() {
	if s.cancel != nil {
		s.Stop(0)
	}
}

// Err returns the first failure, unless it is the end of the storm.
func (s *Storm) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(s.err, context.Canceled) || errors.Is(s.err, io.ErrClosedPipe) {
		return nil
	}
	return s.err
}
