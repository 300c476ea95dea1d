package reactor

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/cert"
)

// doorman lets a hello pass when its name says so, and answers "wait" when it is
// told to. Clients may come in whatever they say.
type doorman struct {
	seen    chan *auth.ClientHello
	waiting chan func(auth.Verdict)
}

func newDoorman() *doorman {
	return &doorman{make(chan *auth.ClientHello, 1000), make(chan func(auth.Verdict), 1000)}
}

func (*doorman) Name() string                               { return "doorman" }
func (*doorman) Hears(q auth.Question) bool                 { return q != auth.Authorization }
func (*doorman) Authorize(*auth.Access, func(auth.Verdict)) {}
func (*doorman) Authenticate(_ *auth.Request, done func(auth.Verdict)) {
	done(auth.Verdict{Decision: auth.Allow, Default: auth.Allow})
}

func (d *doorman) Hello(h *auth.ClientHello, done func(auth.Verdict)) {
	d.seen <- h
	switch h.ServerName {
	case "allow.example":
		done(auth.Verdict{Decision: auth.Allow})
	case "later.example":
		go done(auth.Verdict{Decision: auth.Next})
	case "wait.example":
		d.waiting <- done
	default:
		done(auth.Verdict{ReasonText: "no such door"})
	}
}

func newGreetedWorld(t testing.TB, change func(*Options)) (*world, *doorman) {
	t.Helper()
	d := newDoorman()
	return newGatedWorld(t, auth.Options{Chain: []auth.Decider{d}}, change), d
}

// asking is a TLS client that asks for a name.
func (w *world) asking(name string, wrap func(net.Conn) net.Conn) *tls.Conn {
	w.t.Helper()
	raw := w.raw(1)
	_ = raw.SetDeadline(time.Now().Add(10 * time.Second))
	if wrap != nil {
		raw = wrap(raw)
	}
	cfg := w.tls.Clone()
	cfg.ServerName, cfg.NextProtos = name, []string{"mqtt"}
	return tls.Client(raw, cfg)
}

// split rewrites the first record, the hello, into records of a size.
type split struct {
	net.Conn
	size int
}

func (s *split) Write(b []byte) (int, error) {
	if s.size == 0 {
		return s.Conn.Write(b)
	}
	length := 5 + int(binary.BigEndian.Uint16(b[3:]))
	var out []byte
	for part := range slices.Chunk(b[5:length], s.size) {
		out = append(binary.BigEndian.AppendUint16(append(out, 22, 3, 1), uint16(len(part))), part...)
	}
	s.size = 0
	if _, err := s.Conn.Write(append(out, b[length:]...)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// A hello that a decider lets pass is handshaken with as it came, however it is
// spread over segments and records (RFC 8446 section 5.1).
func TestHelloPasses(t *testing.T) {
	w, d := newGreetedWorld(t, nil)
	for name, wrap := range map[string]func(net.Conn) net.Conn{
		"at once":       nil,
		"byte by byte":  func(c net.Conn) net.Conn { return drip{c, 1} },
		"two records":   func(c net.Conn) net.Conn { return &split{c, 300} },
		"small records": func(c net.Conn) net.Conn { return &split{c, 3} },
	} {
		for _, sni := range []string{"allow.example", "later.example"} {
			t.Run(name+"/"+sni, func(t *testing.T) {
				p := peer{t, w.asking(sni, wrap)}
				p.send(connectPacket("greeted"))
				p.expect(connack)
				p.send([]byte{0xC0, 0})
				p.expect([]byte{0xD0, 0})
				h := <-d.seen
				if h.ServerName != sni || !slices.Equal(h.ALPN, []string{"mqtt"}) || h.Listener != "tls:default" ||
					h.Peer.String() != p.LocalAddr().String() || h.Proxy != nil || h.Deadline.IsZero() ||
					!slices.Contains(h.Versions, tls.VersionTLS13) || len(h.Suites) == 0 || len(h.Extensions) == 0 ||
					!slices.Contains(h.Groups, uint16(tls.X25519)) || len(h.SignatureSchemes) == 0 || !strings.HasPrefix(h.JA4, "t13d") {
					t.Errorf("asked about %+v", h)
				}
				p.Close()
			})
		}
	}
	if s := w.r.Stats()[1]; s.Handshakes != 8 || len(s.Refused) != 0 || len(s.Shed) != 0 {
		t.Errorf("counted %+v", s)
	}
}

// One that is denied gets the alert access_denied, and no handshake is begun.
func TestHelloIsDenied(t *testing.T) {
	w, _ := newGreetedWorld(t, nil)
	for _, version := range []uint16{tls.VersionTLS13, tls.VersionTLS12} {
		w.tls.MinVersion, w.tls.MaxVersion = tls.VersionTLS12, version
		c := w.asking("other.example", nil)
		if err := c.Handshake(); err == nil || !strings.Contains(err.Error(), "access denied") {
			t.Errorf("%s: %v, want access denied", tls.VersionName(version), err)
		}
		if n, err := c.NetConn().Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("after the alert: %d bytes, %v", n, err)
		}
	}
	s := w.r.Stats()[1]
	if s.Shed["hello_denied"] != 2 || s.Handshakes != 0 || len(s.Refused) != 0 {
		t.Errorf("counted %+v", s)
	}
	if p := w.r.opts.Pool.Stats(); p.Active != 0 || p.Refused != 0 {
		t.Errorf("pool %+v", p)
	}
}

// While a verdict is awaited a connection holds no worker and no place of the
// pool, others are served, and what it sends stays in the kernel.
func TestHelloWaits(t *testing.T) {
	w, d := newGreetedWorld(t, nil)
	waits := w.asking("wait.example", nil)
	shaken := make(chan error, 1)
	go func() { shaken <- waits.Handshake() }()
	answer := <-d.waiting
	if s := w.r.opts.Pool.Stats(); s.Active != 0 {
		t.Errorf("pool %+v", s)
	}
	other := peer{t, w.asking("allow.example", nil)}
	other.send(connectPacket("other"))
	other.expect(connack)
	answer(auth.Verdict{Decision: auth.Allow})
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	p := peer{t, waits}
	p.send(connectPacket("waited"))
	p.expect(connack)
}

// A verdict that never comes costs the client its handshake_timeout; one that
// comes later, or for a connection that is gone, changes nothing.
func TestHelloIsNeverJudged(t *testing.T) {
	w, d := newGreetedWorld(t, func(o *Options) { o.Listeners[1].HandshakeTimeout = 300 * time.Millisecond })
	mute := w.asking("wait.example", nil)
	begin := time.Now()
	if err := mute.Handshake(); err == nil {
		t.Fatal("shaken hands without a verdict")
	}
	if took := time.Since(begin); took < 300*time.Millisecond || took > 3*time.Second {
		t.Errorf("closed after %v", took)
	}
	eventually(t, "the timeout is counted", func() bool { return w.r.Stats()[1].Refused[string(cert.ReasonTimeout)] == 1 })
	gone := w.asking("wait.example", nil)
	go func() { _ = gone.Handshake() }()
	first, second := <-d.waiting, <-d.waiting
	_ = gone.NetConn().(*net.TCPConn).SetLinger(0)
	_ = gone.NetConn().Close()
	eventually(t, "the connection is gone", func() bool { return w.r.Stats()[1].Open == 0 })
	first(auth.Verdict{Decision: auth.Allow})
	second(auth.Verdict{})
	eventually(t, "nobody waits", func() bool { return w.r.greetings.Taken() == 0 })
	p := peer{t, w.asking("allow.example", nil)}
	p.send(connectPacket("after"))
	p.expect(connack)
	if s := w.r.Stats()[1]; s.Shed["hello_denied"] != 0 || s.Panics != 0 {
		t.Errorf("counted %+v", s)
	}
}

// An incomplete hello, and silence, end with the time of the handshake too.
func TestHelloIsIncomplete(t *testing.T) {
	w, d := newGreetedWorld(t, func(o *Options) { o.Listeners[1].HandshakeTimeout = 300 * time.Millisecond })
	half, silent := peer{t, w.raw(1)}, w.raw(1)
	half.send([]byte{22, 3, 1, 0, 200, 1, 0})
	for _, c := range []net.Conn{half, silent} {
		if err := closedByServer(c); err != nil {
			t.Error(err)
		}
	}
	cut := peer{t, w.raw(1)}
	cut.send([]byte{22, 3, 1})
	eventually(t, "its bytes are there", func() bool { return inbound(w) == 3 })
	cut.Close()
	eventually(t, "they are counted", func() bool {
		s := w.r.Stats()[1]
		return s.Refused[string(cert.ReasonTimeout)] == 1 && s.Refused[string(cert.ReasonEOF)] == 1 && s.Open == 0
	})
	if len(d.seen) != 0 {
		t.Error("asked about half a hello")
	}
}

func TestHelloIsMalformed(t *testing.T) {
	w, d := newGreetedWorld(t, nil)
	for name, tt := range map[string]struct {
		sent   []byte
		alert  byte // 0: none
		reason cert.Reason
	}{
		"MQTT":        {connectPacket("plain"), 0, cert.ReasonNotTLS},
		"no hello":    {[]byte{22, 3, 1, 0, 4, 2, 0, 0, 0}, 10, cert.ReasonProtocol},
		"too large":   {[]byte{22, 3, 1, 0, 4, 1, 2, 0, 0}, 50, cert.ReasonFlood},
		"no content":  {[]byte{22, 3, 1, 0, 4, 1, 0, 0, 0}, 50, cert.ReasonProtocol},
		"long record": {[]byte{22, 3, 1, 0xFF, 0xFF, 1}, 22, cert.ReasonProtocol},
	} {
		before := w.r.Stats()[1].Refused[string(tt.reason)]
		p := peer{t, w.raw(1)}
		_ = p.SetDeadline(time.Now().Add(5 * time.Second))
		p.send(tt.sent)
		var want []byte
		if tt.alert != 0 {
			want = []byte{21, 3, 3, 0, 2, 2, tt.alert}
		}
		if got, err := io.ReadAll(p); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: answered % x, %v; want % x", name, got, err, want)
		}
		if n := w.r.Stats()[1].Refused[string(tt.reason)]; n != before+1 {
			t.Errorf("%s: %d refused as %s", name, n-before, tt.reason)
		}
	}
	if len(d.seen) != 0 {
		t.Error("asked about what is no hello")
	}
}

// There is an end to how many may wait, which those in a handshake do not count
// for, and one source does not take all places.
func TestTooManyHellos(t *testing.T) {
	w, _ := newGreetedWorld(t, nil)
	local, n := netip.MustParseAddr("127.0.0.1"), 0
	for ; w.r.greetings.Take(maxGreetings, 1, local); n++ {
	}
	if n > maxGreetings/2 {
		t.Errorf("one source has %d places of %d", n, maxGreetings)
	}
	if err := w.asking("allow.example", nil).Handshake(); err == nil {
		t.Error("let in beyond the bound")
	}
	eventually(t, "it is counted", func() bool { return w.shed(1, shedHellos) == 1 })
	for range n {
		w.r.greetings.Leave(1, local)
	}
	if err := w.asking("allow.example", nil).Handshake(); err != nil {
		t.Error(err)
	}
}

// Behind a proxy the hello is asked about with the client's own address, glued
// to the header or not.
func TestHelloBehindAProxy(t *testing.T) {
	w, d := newGreetedWorld(t, func(o *Options) {
		o.Listeners[1].ProxyProtocol, o.Listeners[1].ProxyTimeout = true, 3*time.Second
	})
	for _, glued := range []bool{false, true} {
		cfg := w.tls.Clone()
		cfg.ServerName = "allow.example"
		p := w.behind(1, header2(), glued, cfg)
		p.send(connectPacket("proxied"))
		p.expect(connack)
		if h := <-d.seen; h.Peer.String() != "192.0.2.1:49153" || h.Proxy == nil || h.Proxy.Version != 2 {
			t.Errorf("asked about %s, proxy %+v", h.Peer, h.Proxy)
		}
		p.Close()
	}
}

// A reload may bring a plugin that hears hellos, or take it away: each
// connection goes by what holds when it comes.
func TestHelloAndReload(t *testing.T) {
	gate := make(chan *auth.Gate, 1)
	d := newDoorman()
	w := newGatedWorld(t, auth.Options{Anonymous: auth.AnonymousAllow}, func(o *Options) {
		o.Gate = func() *auth.Gate {
			g := <-gate
			gate <- g
			return g
		}
	})
	deaf, err := auth.NewGate(auth.Options{Anonymous: auth.AnonymousAllow})
	if err != nil {
		t.Fatal(err)
	}
	hears, err := auth.NewGate(auth.Options{Chain: []auth.Decider{d}})
	if err != nil {
		t.Fatal(err)
	}
	gate <- deaf
	if err := w.asking("other.example", nil).Handshake(); err != nil {
		t.Errorf("nobody hears: %v", err)
	}
	<-gate
	gate <- hears
	silent := w.asking("other.example", nil)
	eventually(t, "it waits for a hello", func() bool { return w.r.Stats()[1].Open >= 1 && stages(w, greeting) == 1 })
	if err := w.asking("other.example", nil).Handshake(); err == nil {
		t.Error("not refused")
	}
	<-gate
	gate <- deaf
	if err := silent.Handshake(); err != nil {
		t.Errorf("nobody hears any more: %v", err)
	}
}

// stages is how many connections are in a stage.
func stages(w *world, s stage) (n int) {
	w.onLoops(func(l *loop) {
		for _, c := range l.conns {
			if c.stage == s {
				n++
			}
		}
	})
	return n
}

var _ auth.Greeter = (*doorman)(nil)
