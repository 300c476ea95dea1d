package reactor

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/broker"
	"github.com/wicketmq/wicket/engine/cert"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/transport/tlsio"
)

// testLog writes a logger's lines to the test.
type testLog struct{ t testing.TB }

func (w testLog) Write(b []byte) (int, error) {
	w.t.Log(string(bytes.TrimRight(b, "\n")))
	return len(b), nil
}

// world is a reactor with a plain and a TLS listener on free ports.
type world struct {
	t   testing.TB
	r   *Reactor
	ca  string
	tls *tls.Config
}

func newWorld(t testing.TB, change func(*Options)) *world {
	t.Helper()
	return newGatedWorld(t, auth.Options{Anonymous: auth.AnonymousAllow, NoMatch: auth.Allow}, change)
}

func newGatedWorld(t testing.TB, policy auth.Options, change func(*Options)) *world {
	t.Helper()
	gate, err := auth.NewGate(policy)
	if err != nil {
		t.Fatal(err)
	}
	dev, err := cert.Development(t.TempDir() + "/dev")
	if err != nil {
		t.Fatal(err)
	}
	server, _, err := cert.ServerConfig(cert.Options{Files: cert.Files{Certfile: dev.Cert, Keyfile: dev.Key}})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelInfo}))
	o := Options{
		Loops: 2,
		Pool:  tlsio.NewPool(0, 0),
		Log:   log,
		Gate:  func() *auth.Gate { return gate },
		Listeners: []Listener{
			{Name: "tcp:default", Addr: anyPort(), ConnectTimeout: 5 * time.Second},
			{Name: "tls:default", Addr: anyPort(), ConnectTimeout: 5 * time.Second, TLS: server, HandshakeTimeout: 5 * time.Second},
		},
	}
	if change != nil {
		change(&o)
	}
	if o.Broker == nil {
		o.Broker = broker.New(broker.Options{
			Gate: func() *auth.Gate { return gate }, Shards: o.Loops, Log: log,
			OutboundHighWater: 64 << 20, OutboundMax: 128 << 20, // few tests here want QoS 0 dropped
		})
	}
	w := &world{t: t, ca: dev.CA, tls: &tls.Config{InsecureSkipVerify: true}}
	if w.r, err = Start(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.stop)
	return w
}

func anyPort() netip.AddrPort { return netip.MustParseAddrPort("127.0.0.1:0") }

func (w *world) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	w.r.Stop(ctx)
}

// dial opens a connection to the plain (0) or the TLS (1) listener.
func (w *world) dial(listener int) net.Conn {
	w.t.Helper()
	c, err := net.Dial("tcp", w.r.Stats()[listener].Bind)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if listener == 1 {
		return tls.Client(c, w.tls)
	}
	return c
}

// peer is the client side of a connection.
type peer struct {
	t testing.TB
	net.Conn
}

func (p peer) send(b []byte) {
	p.t.Helper()
	if _, err := p.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

func (p peer) expect(want []byte) {
	p.t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(p, got); err != nil {
		p.t.Fatalf("got %s, then %v; want %s", short(got[:n]), err, short(want))
	}
	if !bytes.Equal(got, want) {
		p.t.Fatalf("got %s, want %s", short(got), short(want))
	}
}

// short is the start of a packet, for messages.
func short(b []byte) string { return fmt.Sprintf("%d bytes % x", len(b), b[:min(len(b), 40)]) }

func connectPacket(id string) []byte {
	p := mqtt.Connect{Version: mqtt.V311, CleanStart: true, KeepAlive: 60, ClientID: []byte(id)}
	return p.Append(nil, mqtt.V311)
}

var connack = []byte{0x20, 2, 0, 0}

func subscribePacket(filter string) []byte {
	p := mqtt.Subscribe{PacketID: 1, Filters: []mqtt.Subscription{{Filter: []byte(filter)}}}
	return p.Append(nil, mqtt.V311)
}

var suback = []byte{0x90, 3, 0, 1, 0}

func publishPacket(topic string, payload []byte) []byte {
	p := mqtt.Publish{Topic: []byte(topic), Payload: payload}
	return p.Append(nil, mqtt.V311)
}

// The goroutines of gnet's global worker pool start with the program.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("github.com/panjf2000/ants/v2.(*poolCommon).purgeStaleWorkers"),
		goleak.IgnoreTopFunction("github.com/panjf2000/ants/v2.(*poolCommon).ticktock"))
}

func TestAConversationOverTCPAndTLS(t *testing.T) {
	w := newWorld(t, nil)
	sub, pub := peer{t, w.dial(1)}, peer{t, w.dial(0)}
	sub.send(connectPacket("sub"))
	sub.expect(connack)
	sub.send(subscribePacket("a/#"))
	sub.expect(suback)
	pub.send(connectPacket("pub"))
	pub.expect(connack)
	for _, size := range []int{0, 1, 100, 16 << 10, 200_000, 1_000_000} {
		message := publishPacket("a/b", bytes.Repeat([]byte{'x'}, size))
		pub.send(message)
		sub.expect(message)
	}
}
