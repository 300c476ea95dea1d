package reactor

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// closedByServer reports whether the connection ends without another byte.
func closedByServer(c net.Conn) error {
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, err := c.Read(make([]byte, 1))
	switch {
	case n > 0:
		return errors.New("the server sent something")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errors.New("the connection is still open")
	}
	return nil
}

func (w *world) shed(listener int, why shed) uint64 { return w.r.Stats()[listener].Shed[why.String()] }

// eventually waits for what another goroutine does.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("%s: not in time", what)
}

// LSN-04: over the limit, accept and close before anything else.
func TestMaxConnections(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Listeners[0].MaxConnections = 3 })
	var first net.Conn
	for i := range 3 {
		c := peer{t, w.dial(0)}
		c.send(connectPacket(string(rune('a' + i))))
		c.expect(connack)
		if first == nil {
			first = c
		}
	}
	if err := closedByServer(w.dial(0)); err != nil {
		t.Fatalf("fourth connection: %v", err)
	}
	if n := w.shed(0, shedMaxConnections); n != 1 {
		t.Errorf("counted %d, want 1", n)
	}
	other := peer{t, w.dial(1)} // another listener has its own limit
	other.send(connectPacket("other"))
	other.expect(connack)
	first.Close()
	eventually(t, "the slot is free again", func() bool { return w.r.Stats()[0].Open == 2 })
	again := peer{t, w.dial(0)}
	again.send(connectPacket("again"))
	again.expect(connack)
}

// Reliability item 16: near the descriptor limit the newest are shed, the
// others served, and it ends when descriptors come back.
func TestDescriptorReserve(t *testing.T) {
	const room = 12
	w := newWorld(t, func(o *Options) { o.DescriptorReserve = descriptorLimit() - highestFD(t) - 2*room })
	first := peer{t, w.dial(0)}
	first.send(connectPacket("first"))
	first.expect(connack)
	var conns []net.Conn
	for range 5 * room {
		c, err := net.Dial("tcp", w.r.Stats()[0].Bind)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	eventually(t, "shedding", func() bool { return w.shed(0, shedDescriptors) > 0 })
	first.send(subscribePacket("still/served"))
	first.expect(suback)
	for _, c := range conns {
		c.Close()
	}
	eventually(t, "closed", func() bool { return w.r.Stats()[0].Open == 1 })
	again := peer{t, w.dial(0)}
	again.send(connectPacket("again"))
	again.expect(connack)
}

func highestFD(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TLS-14, TLS-15: deadlines are for the whole stage, not for a read.
func TestDeadlines(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.Listeners[0].ConnectTimeout = 500 * time.Millisecond
		o.Listeners[1].ConnectTimeout = 500 * time.Millisecond
		o.Listeners[1].HandshakeTimeout = 500 * time.Millisecond
	})
	cases := []struct {
		name string
		dial func() net.Conn
		drip []byte
	}{
		{"no byte on tcp", func() net.Conn { return w.dial(0) }, nil},
		{"CONNECT in drips on tcp", func() net.Conn { return w.dial(0) }, connectPacket("slow")},
		{"no byte on tls", func() net.Conn { return w.raw(1) }, nil},
		{"ClientHello in drips", func() net.Conn { return w.raw(1) }, []byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}},
		{"no CONNECT after the handshake", func() net.Conn {
			c := w.dial(1).(*tls.Conn)
			if err := c.Handshake(); err != nil {
				t.Error(err)
			}
			return c
		}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conn, began := c.dial(), time.Now()
			go func() {
				for i := range c.drip {
					if _, err := conn.Write(c.drip[i : i+1]); err != nil {
						return
					}
					time.Sleep(100 * time.Millisecond)
				}
			}()
			if err := closedByServer(conn); err != nil {
				t.Fatal(err)
			}
			if d := time.Since(began); d < 400*time.Millisecond || d > 2*time.Second {
				t.Errorf("closed after %s, want about 500 ms", d)
			}
		})
	}
}

// raw is a connection to a TLS listener without TLS.
func (w *world) raw(listener int) net.Conn {
	w.t.Helper()
	c, err := net.Dial("tcp", w.r.Stats()[listener].Bind)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	return c
}

// Reliability item 5, TLS-29: other protocols on a port end at the first
// record, with an exact count.
func TestWrongProtocolOnAPort(t *testing.T) {
	w := newWorld(t, nil)
	for _, bytes := range [][]byte{connectPacket("plain"), []byte("GET / HTTP/1.1\r\n\r\n"), []byte("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n")} {
		c := w.raw(1)
		_, _ = c.Write(bytes)
		if err := closedByServer(c); err != nil {
			t.Errorf("%q to the TLS port: %v", bytes, err)
		}
	}
	if n := w.r.Stats()[1].Refused["not_tls"]; n != 3 {
		t.Errorf("counted %d refused handshakes as not_tls, want 3: %v", n, w.r.Stats()[1].Refused)
	}
	hello := tls.Client(w.raw(0), w.tls)
	if err := hello.Handshake(); err == nil {
		t.Error("a TLS handshake on the plain port succeeded")
	}
	sane := peer{t, w.dial(1)}
	sane.send(connectPacket("sane"))
	sane.expect(connack)
}

// Reliability item 61: the server says why it goes, and goes.
func TestStopTellsClients(t *testing.T) {
	w := newWorld(t, nil)
	v5 := mqtt.Connect{Version: mqtt.V50, CleanStart: true, ClientID: []byte("v5")}
	for listener := range 2 {
		c := peer{t, w.dial(listener)}
		c.send(v5.Append(nil, mqtt.V50))
		head := make([]byte, 2)
		if _, err := io.ReadFull(c, head); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, c, int64(head[1])); err != nil {
			t.Fatal(err)
		}
		if listener == 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		began := time.Now()
		w.r.Stop(ctx)
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("stopping two clients took %s", d)
		}
		rest, err := io.ReadAll(c)
		if err != nil || !bytes.Equal(rest, []byte{0xE0, 1, byte(mqtt.ServerShuttingDown)}) &&
			!bytes.Equal(rest, []byte{0xE0, 2, byte(mqtt.ServerShuttingDown), 0}) {
			t.Errorf("got % x and %v, want DISCONNECT 0x8B and the end", rest, err)
		}
	}
}

// Two brokers on one port: the second says so, although SO_REUSEPORT would
// let it in.
func TestPortInUse(t *testing.T) {
	w := newWorld(t, nil)
	taken := w.r.listeners[0].Addr
	_, err := Start(Options{Listeners: []Listener{{Name: "tcp:second", Addr: taken}}, Log: w.r.log})
	if err == nil {
		t.Fatal("the second broker started")
	}
	for _, part := range []string{"tcp:second", taken.String(), "listeners.tcp.second.bind"} {
		if !bytes.Contains([]byte(err.Error()), []byte(part)) {
			t.Errorf("%q does not name %s", err, part)
		}
	}
}

// Whatever a connection was doing when it is cut, nothing stays behind.
func TestCutAnywhereLeavesNothing(t *testing.T) {
	w := newWorld(t, nil)
	script := bytes.Join([][]byte{connectPacket("cut"), subscribePacket("c/#"), publishPacket("c/1", []byte("payload"))}, nil)
	first := peer{t, w.dial(0)} // once it is served, all loops have their sockets
	first.send(connectPacket("first"))
	first.expect(connack)
	first.Close()
	eventually(t, "the first is gone", func() bool { return w.r.openConnections() == 0 })
	before := countFDs(t)
	w.cut(script) // fills what is kept for the next: buffers, pools, tables
	w.settled()
	heap, goroutines := liveHeap(), runtime.NumGoroutine()
	const rounds = 12
	for range rounds {
		w.cut(script)
	}
	w.settled()
	// Some of the runtime's own comes and goes; a connection that stays is 500
	// bytes at least, and there were thousands.
	grown := int64(liveHeap()) - int64(heap)
	t.Logf("%d bytes %d conns", grown, w.r.Stats()[0].Accepted+w.r.Stats()[1].Accepted)
	if grown > 128<<10 {
		t.Errorf("%d bytes of live heap more after %d connections", grown, w.r.Stats()[0].Accepted+w.r.Stats()[1].Accepted)
	}
	eventually(t, "goroutines are back", func() bool { return runtime.NumGoroutine() <= goroutines })
	eventually(t, "descriptors are back", func() bool { return countFDs(t) <= before })
}

// cut opens connections and ends them at every byte of a script, by a close or
// a reset in turn, and at several points of a handshake.
func (w *world) cut(script []byte) {
	for listener := range 2 {
		for n := 0; n <= len(script); n++ {
			c := w.brief(listener)
			_, _ = c.Write(script[:n])
			if n%2 == 0 {
				reset(c)
			}
			c.Close()
		}
	}
	for n := range 70 { // and in the handshake
		c := w.brief(1).(*tls.Conn).NetConn()
		_, _ = c.Write([]byte{0x16, 3, 1, 0, 200, 1}[:n%7])
		c.Close()
	}
	for range 10 {
		c := w.brief(1).(*tls.Conn)
		hello := make(chan struct{})
		go func() { defer close(hello); _ = c.Handshake() }()
		reset(c)
		_ = c.NetConn().Close()
		<-hello
	}
}

// brief is dial for a connection that the test closes itself.
func (w *world) brief(listener int) net.Conn {
	w.t.Helper()
	c, err := net.Dial("tcp", w.r.Stats()[listener].Bind)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if listener == 1 {
		return tls.Client(c, w.tls)
	}
	return c
}

// settled waits until nothing is left of any connection.
func (w *world) settled() {
	t := w.t
	eventually(t, "connections are gone", func() bool { return w.r.openConnections() == 0 })
	eventually(t, "handshakes are gone", func() bool { return w.r.opts.Pool.Stats().Active == 0 })
	for _, l := range *w.r.loops.Load() {
		eventually(t, "loops are empty", func() bool {
			done := make(chan bool)
			// The broker's own sweep of retained messages is the one timer that stays.
			l.post(func() { done <- len(l.conns) == 0 && l.wheel.Len() <= 1 })
			return <-done
		})
	}
}

// liveHeap is the number of bytes in use once the pools have been emptied,
// which takes two collections.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func reset(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	_ = c.(*net.TCPConn).SetLinger(0)
}

func countFDs(t *testing.T) int {
	names, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// A limit of open files that leaves none for clients is said at the start, not
// by closing every connection.
func TestNoRoomForClients(t *testing.T) {
	_, err := Start(Options{
		Listeners: []Listener{{Name: "tcp:default", Addr: anyPort()}}, Log: slog.New(slog.DiscardHandler),
		DescriptorReserve: descriptorLimit() - 3,
	})
	if err == nil {
		t.Fatal("it started")
	}
	if !strings.Contains(err.Error(), "ulimit -n") {
		t.Errorf("%q does not say what to do", err)
	}
}
