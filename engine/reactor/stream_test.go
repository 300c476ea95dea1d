package reactor

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"
)

// The same dialogue, cut at every byte, gives the same answers on both
// transports (A4; reliability items 8 and 20).
func TestPacketsSplitAtEveryByte(t *testing.T) {
	w := newWorld(t, nil)
	for listener, transport := range []string{"tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			dialogue := bytes.Join([][]byte{
				connectPacket("splitter-" + transport), subscribePacket("s/" + transport),
				publishPacket("s/"+transport, []byte("hello")), {0xC0, 0},
			}, nil)
			want := bytes.Join([][]byte{connack, suback, publishPacket("s/"+transport, []byte("hello")), {0xD0, 0}}, nil)
			for cut := 1; cut < len(dialogue); cut++ {
				c := peer{t, w.dial(listener)}
				c.send(dialogue[:cut])
				c.send(dialogue[cut:])
				c.expect(want)
				c.Close()
			}
			c := peer{t, w.dial(listener)}
			for i := range dialogue { // and one byte at a time
				c.send(dialogue[i : i+1])
			}
			c.expect(want)
		})
	}
}

// drip is a connection whose writes go out in pieces of n bytes, each in a
// segment of its own.
type drip struct {
	net.Conn
	n int
}

func (d drip) Write(b []byte) (int, error) {
	for sent := 0; sent < len(b); {
		k, err := d.Conn.Write(b[sent:min(sent+d.n, len(b))])
		sent += k
		if err != nil {
			return sent, err
		}
		time.Sleep(50 * time.Microsecond) // let the loop see the piece alone
	}
	return len(b), nil
}

// TLS records in pieces: the handshake, the switch and the data phase.
func TestRecordsSplit(t *testing.T) {
	w := newWorld(t, nil)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, n := range []int{1, 2, 5, 6, 100} {
			t.Run(tls.VersionName(version), func(t *testing.T) {
				raw, err := net.Dial("tcp", w.r.Stats()[1].Bind)
				if err != nil {
					t.Fatal(err)
				}
				defer raw.Close()
				_ = raw.SetDeadline(time.Now().Add(20 * time.Second))
				cfg := w.tls.Clone()
				cfg.MinVersion, cfg.MaxVersion = version, version
				c := peer{t, tls.Client(drip{raw, n}, cfg)}
				c.send(connectPacket("drip"))
				c.expect(connack)
				c.send(subscribePacket("d"))
				c.expect(suback)
				c.send(publishPacket("d", []byte("hello")))
				c.expect(publishPacket("d", []byte("hello")))
			})
		}
	}
}

// glue holds back what the client writes until it is told to let go, so that
// its Finished and its CONNECT leave in one segment.
type glue struct {
	net.Conn
	held    []byte
	holding bool
}

func (g *glue) Write(b []byte) (int, error) {
	if g.holding {
		g.held = append(g.held, b...)
		return len(b), nil
	}
	return g.Conn.Write(b)
}

func (g *glue) Read(b []byte) (int, error) {
	n, err := g.Conn.Read(b)
	g.holding = true // after the ServerHello: the next flight is Finished
	return n, err
}

func (g *glue) release() error {
	g.holding = false
	_, err := g.Conn.Write(g.held)
	g.held = nil
	return err
}

func TestConnectGluedToFinished(t *testing.T) {
	w := newWorld(t, nil)
	for range 20 {
		raw, err := net.Dial("tcp", w.r.Stats()[1].Bind)
		if err != nil {
			t.Fatal(err)
		}
		g := &glue{Conn: raw}
		_ = raw.SetDeadline(time.Now().Add(10 * time.Second))
		cfg := w.tls.Clone()
		cfg.MinVersion = tls.VersionTLS13
		client := tls.Client(g, cfg)
		if err := client.Handshake(); err != nil { // ours ends before Finished leaves
			t.Fatal(err)
		}
		c := peer{t, client}
		c.send(bytes.Join([][]byte{connectPacket("glued"), subscribePacket("g"), publishPacket("g", []byte("1"))}, nil))
		if err := g.release(); err != nil {
			t.Fatal(err)
		}
		c.expect(bytes.Join([][]byte{connack, suback, publishPacket("g", []byte("1"))}, nil))
		raw.Close()
	}
}

// Large messages both ways, many packets per segment and per record, against
// a reader that is slow to take them.
func TestLargeMessagesAndSlowReaders(t *testing.T) {
	w := newWorld(t, nil)
	for listener, transport := range []string{"tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			c := peer{t, w.dial(listener)}
			c.send(connectPacket("large"))
			c.expect(connack)
			c.send(subscribePacket("l"))
			c.expect(suback)
			message := publishPacket("l", bytes.Repeat([]byte("0123456789abcdef"), 65_000))
			go func() { _, _ = c.Write(message) }()
			c.expect(message)
			small := bytes.Repeat(publishPacket("l", []byte("x")), 2000)
			go func() { _, _ = c.Write(small) }()
			got := make([]byte, len(small))
			for n := 0; n < len(got); {
				k, err := io.ReadFull(c, got[n:min(n+1000, len(got))])
				if err != nil {
					t.Fatal(err)
				}
				n += k
				time.Sleep(time.Millisecond)
			}
			if !bytes.Equal(got, small) {
				t.Fatal("messages were changed or reordered")
			}
		})
	}
}
