package tlsio

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/cert"
)

func TestSniff(t *testing.T) {
	h := hello(t)
	for n := range len(h) + 1 {
		if err := Sniff(h[:n]); err != nil {
			t.Fatalf("%d bytes of a ClientHello: %v", n, err)
		}
	}
	tests := []struct{ first, found string }{
		{"\x10\x16\x00\x04MQTT", "MQTT"},
		{"\x10", "MQTT"},
		{"GET / HTTP/1.1\r\n", "HTTP"},
		{"POST", "HTTP"},
		{"PRI * HTTP/2.0", "HTTP"},
		{"PROXY TCP4 1.2.3.4", "PROXY header"},
		{"\r\n\r\n\x00\r\nQUIT\n\x21\x11", "PROXY header"},
		{"\r\n\r\n\x00", "PROXY header"},
		{"\x16\x01\x01\x00\x01", "TLCP"},
		{"\x80\x2e\x01\x03\x01", "SSL 2.0"},
		{"SSH-2.0-OpenSSH", "unknown bytes"},
		{"\x15\x03\x01\x00\x02\x02\x28", "unknown bytes"},
		{"\x16\x04", "unknown bytes"},
		{"P", "unknown bytes"},
		{"\x00", "unknown bytes"},
	}
	for _, tt := range tests {
		var e *NotTLS
		if err := Sniff([]byte(tt.first)); !errors.As(err, &e) || e.Found != tt.found || e.Hint == "" {
			t.Errorf("%q: %v, want %s", tt.first, err, tt.found)
		}
		c := Server(serverConfig(tls.VersionTLS13), nil, nil, nil)
		if err := c.FeedHandshake([]byte(tt.first)); cert.Classify(err) != cert.ReasonNotTLS {
			t.Errorf("%q fed: %v", tt.first, err)
		}
	}
}

// A chain of many records goes through: as many bytes as crypto/tls takes.
func TestLargeChain(t *testing.T) {
	perVersion(t, func(t *testing.T, version uint16) {
		client := clientConfig()
		chain := testCertificate()
		for range 300 {
			chain.Certificate = append(chain.Certificate, chain.Certificate[0])
		}
		client.Certificates = []tls.Certificate{chain}
		c, tc, p := open(t, mutualConfig(version), client)
		if n := len(c.State().PeerCertificates); n != 301 {
			t.Fatalf("%d certificates", n)
		}
		c.Forget()
		if _, err := tc.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if got, err := readAll(c, p.written(), 10, 10); string(got) != "x" || err != nil {
			t.Fatalf("read %q, %v", got, err)
		}
	})
}

func TestFloodDuringTheHandshake(t *testing.T) {
	c := stalled(t, nil)
	done := make(chan error, 1)
	pool := NewPool(1, 1)
	if err := pool.Start(c, time.Time{}, func(err error) { done <- err }); err != nil {
		t.Fatal(err)
	}
	head := []byte{typeHandshake, 3, 1, 0x40, 0} // a record that never gets whole
	if err := c.FeedHandshake(head); err != nil {
		t.Fatal(err)
	}
	if err := c.FeedHandshake(make([]byte, MaxBuffered)); err != ErrFlood {
		t.Fatalf("%v, want ErrFlood", err)
	}
	if err := <-done; cert.Classify(err) != cert.ReasonFlood {
		t.Fatalf("the handshake ended with %v", err)
	}
}

// shakeWith runs a handshake on the bytes given and no more.
func shakeWith(t testing.TB, cfg *tls.Config, fed []byte) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c := Server(cfg, nil, nil, func([]byte) error { return nil })
	for len(fed) > 0 {
		k := min(len(fed), 1<<16)
		if err := c.FeedHandshake(fed[:k]); err != nil {
			return err
		}
		fed = fed[k:]
	}
	done := make(chan error, 1)
	go func() { done <- c.Handshake(ctx) }()
	// The worker has read everything when it waits for more; then the peer
	// is gone.
	for !c.shake.idle() {
		select {
		case err := <-done:
			return err
		case <-time.After(10 * time.Microsecond):
		}
	}
	c.Abort()
	return <-done
}

// idle reports whether no whole record is left to read.
func (s *shake) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.record == 0 && !wholeRecord(s.buf[s.off:])
}

func TestHostileHandshakes(t *testing.T) {
	h := hello(t)
	record := func(typ byte, body ...byte) []byte {
		return append([]byte{typ, 3, 1, byte(len(body) >> 8), byte(len(body))}, body...)
	}
	big := []byte{typeHandshake, 3, 1, 0xFF, 0xFF}
	tests := []struct {
		name string
		fed  []byte
		want string // in the error
	}{
		{"nothing", nil, "closed during the handshake"},
		{"half a record", h[:len(h)/2], "closed during the handshake"},
		{"record over the limit", append(big, make([]byte, 0xFFFF)...), "oversized record"},
		{"message over the limit", record(typeHandshake, 1, 0xFF, 0xFF, 0xFF), "exceeds maximum"},
		{"no ClientHello", record(typeHandshake, 2, 0, 0, 0), ""},
		{"empty records", bytes.Repeat(record(typeHandshake), 40), ""},
		{"warning alerts", append(record(typeHandshake, 1), bytes.Repeat(record(21, 1, 90), 40)...), "too many ignored records"},
		{"data before the end", append(bytes.Clone(h), record(23, 1, 2, 3)...), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := shakeWith(t, serverConfig(tls.VersionTLS13), tt.fed)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// Damage to any byte of the ClientHello ends the handshake or changes nothing
// that matters to the server; it never panics or blocks.
func TestDamagedHello(t *testing.T) {
	h := hello(t)
	for at := 5; at < len(h); at++ {
		damaged := bytes.Clone(h)
		damaged[at] ^= 0xFF
		if err := shakeWith(t, serverConfig(tls.VersionTLS12), damaged); err == nil {
			t.Fatalf("byte %d: the handshake succeeded", at)
		}
	}
}

// A KeyUpdate is answered in the stream, before and under the keys that hold
// for what follows (RFC 8446 section 4.6.3).
func TestKeyUpdate(t *testing.T) {
	for chunk := 1; chunk < 60; chunk += 7 {
		c, tc, p, f := forged(t)
		sent := f.keyUpdate(true)
		sent = append(sent, f.record(typeApplicationData, []byte("after"))...)
		got, err := readAll(c, sent, chunk, 64)
		if string(got) != "after" || err != nil {
			t.Fatalf("windows of %d: read %q, %v", chunk, got, err)
		}
		if !c.HasOutput() {
			t.Fatal("no answer waits")
		}
		out, err := c.Write([]byte("reply"), nil)
		if err != nil || c.HasOutput() {
			t.Fatalf("write: %v, output left: %v", err, c.HasOutput())
		}
		if err := p.feed(out); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 5)
		if _, err := tc.Read(b); string(b) != "reply" || err != nil {
			t.Fatalf("the client read %q, %v", b, err)
		}
	}
}

// What RFC 8446 allows no peer to go on doing for ever ends the connection.
func TestFloodsInTheDataPhase(t *testing.T) {
	tests := []struct {
		name  string
		flood func(*forger) []byte
	}{
		{"KeyUpdate", func(f *forger) []byte { return f.keyUpdate(true) }},
		{"KeyUpdate, no answer asked for", func(f *forger) []byte { return f.keyUpdate(false) }},
		{"empty records", func(f *forger) []byte { return f.record(typeApplicationData, nil) }},
		{"user_canceled alerts", func(f *forger) []byte { return f.record(21, []byte{1, 90}) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _, _, f := forged(t)
			for i := range 100 {
				if _, err := readAll(c, tt.flood(f), 100, 64); err != nil {
					if i < 10 {
						t.Fatalf("ended after %d: %v", i, err)
					}
					return
				}
				c.TakeOutput(nil)
			}
			t.Fatal("100 of them were taken")
		})
	}
}

func TestForbiddenInTheDataPhase(t *testing.T) {
	tests := []struct {
		name  string
		bytes func(*forger) []byte
	}{
		{"a second ClientHello", func(f *forger) []byte { return f.record(typeHandshake, hello(t)[5:]) }},
		{"a ticket", func(f *forger) []byte { return f.record(typeHandshake, []byte{4, 0, 0, 0}) }},
		{"data inside a message", func(f *forger) []byte {
			return append(f.record(typeHandshake, []byte{24}), f.record(typeApplicationData, []byte("x"))...)
		}},
		{"unknown content", func(f *forger) []byte { return f.record(99, []byte("x")) }},
		{"only padding", func(f *forger) []byte { return f.record(0, []byte{0, 0, 0}) }},
		{"a plain record", func(*forger) []byte { return []byte{23, 3, 3, 0, 20, 20: 0, 24: 0} }},
		{"over the limit", func(*forger) []byte { return []byte{23, 3, 3, 0xFF, 0xFF, 0, 0} }},
		{"fatal alert", func(f *forger) []byte { return f.record(21, []byte{2, 40}) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _, _, f := forged(t)
			if got, err := readAll(c, tt.bytes(f), 5, 64); err == nil || len(got) > 0 || strings.Contains(err.Error(), "left in the window") {
				t.Fatalf("read %q, %v", got, err)
			}
			if _, err := c.Write([]byte("x"), nil); err == nil && tt.name != "fatal alert" && tt.name != "data inside a message" {
				t.Error("a write succeeded after our own fatal alert")
			}
		})
	}
}

func FuzzHandshake(f *testing.F) {
	h := hello(f)
	f.Add(h, uint16(100))
	f.Add(append(bytes.Clone(h), 20, 3, 3, 0, 1, 1), uint16(1000))
	f.Add([]byte("\x10\x0c\x00\x04MQTT"), uint16(1))
	f.Add([]byte("\x16\x03\x01\x00\x04\x01\x00\x00\x00"), uint16(3))
	cfg := mutualConfig(tls.VersionTLS13)
	cfg.MinVersion = tls.VersionTLS10
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		_ = Sniff(b)
		c := Server(cfg, nil, nil, func([]byte) error { return nil })
		k := min(int(cut), len(b))
		for _, part := range [][]byte{b[:k], b[k:]} {
			if err := c.FeedHandshake(part); err != nil {
				return
			}
		}
		if err := shakeWith(t, cfg, b); err == nil {
			t.Fatal("a handshake without the client's key succeeded")
		}
	})
}

// FuzzRead gives arbitrary windows to an open connection.
func FuzzRead(f *testing.F) {
	f.Add([]byte{23, 3, 3, 0, 20, 1, 2, 3}, uint8(3))
	f.Add(bytes.Repeat([]byte{20, 3, 3, 0, 1, 1}, 30), uint8(7))
	f.Fuzz(func(t *testing.T, b []byte, chunk uint8) {
		c, _, _ := open(t, serverConfig(tls.VersionTLS13), clientConfig())
		if got, _ := readAll(c, b, int(chunk)+1, 64); len(got) > 0 {
			t.Fatal(fmt.Errorf("read %q out of garbage", got))
		}
	})
}
