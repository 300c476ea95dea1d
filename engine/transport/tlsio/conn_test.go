package tlsio

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
)

func TestSelfTest(t *testing.T) {
	if err := SelfTest(); err != nil {
		t.Fatal(err)
	}
}

// A handshake with data glued to its Finished, split at every byte: a split
// before the end of the handshake feeds the data to it as well, a later one
// leaves the rest of the data to Read.
func TestSplitAcrossTheSwitch(t *testing.T) {
	payload := []byte("CONNECT glued to Finished")
	perVersion(t, func(t *testing.T, version uint16) {
		for split, total := 0, 1; split <= total; split++ {
			c, last, done := glued(t, version, payload)
			total = len(last)
			rest := last[split:]
			if err := c.FeedHandshake(last[:split]); err != nil {
				t.Fatal(err)
			}
			if split < flight(last) {
				if err := c.FeedHandshake(rest); err != nil {
					t.Fatal(err)
				}
				rest = nil
			}
			if err := <-done; err != nil {
				t.Fatalf("split at %d: %v", split, err)
			}
			if err := c.Open(); err != nil {
				t.Fatal(err)
			}
			got, err := readAll(c, rest, 1, 64)
			if err != nil || !bytes.Equal(got, payload) {
				t.Fatalf("split at %d: read %q, error %v", split, got, err)
			}
			if c.Pending() || c.left != nil {
				t.Fatalf("split at %d: bytes are left over", split)
			}
		}
	})
}

// flight returns the length of the two records that end a handshake without a
// client certificate in both versions: ChangeCipherSpec and Finished.
func flight(b []byte) int {
	n := recordLength(b)
	return n + recordLength(b[n:])
}

func TestDataArrivesInAnyWindows(t *testing.T) {
	perVersion(t, func(t *testing.T, version uint16) {
		for _, size := range []int{1, 2, 100, 16383, 16384, 16385, 1 << 20} {
			c, tc, p := open(t, serverConfig(version), clientConfig())
			want := make([]byte, size)
			for i := range want {
				want[i] = byte(rand.Uint32())
			}
			for _, chunk := range []int{1, 7, 1000, 65536, 2 << 20} {
				if chunk < 1000 && size > 20000 {
					continue
				}
				for _, scratch := range []int{1, 512, 65536} {
					if scratch == 1 && size > 20000 {
						continue
					}
					if _, err := tc.Write(want); err != nil {
						t.Fatal(err)
					}
					got, err := readAll(c, p.written(), chunk, scratch)
					if err != nil || !bytes.Equal(got, want) {
						t.Fatalf("%d bytes in windows of %d into %d: read %d, error %v", size, chunk, scratch, len(got), err)
					}
				}
			}
			// And the other way, as one buffer.
			out, err := c.Write(want, []byte("before"))
			if err != nil || !bytes.HasPrefix(out, []byte("before")) {
				t.Fatalf("write of %d bytes: %v", size, err)
			}
			if err := p.feed(out[len("before"):]); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, size)
			if _, err := io.ReadFull(tc, got); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("peer read of %d bytes: %v", size, err)
			}
		}
	})
}

func TestPendingTellsOfBytesThatDidNotFit(t *testing.T) {
	c, tc, p := open(t, serverConfig(tls.VersionTLS13), clientConfig())
	if _, err := tc.Write([]byte("12345")); err != nil {
		t.Fatal(err)
	}
	window := p.written()
	dst := make([]byte, 3)
	n, consumed, err := c.Read(window, dst, new(Scratch))
	if n != 3 || consumed != len(window) || err != nil || !c.Pending() {
		t.Fatalf("read %d, consumed %d of %d, %v, pending %v", n, consumed, len(window), err, c.Pending())
	}
	if n, _, err = c.Read(nil, dst, new(Scratch)); n != 2 || err != nil || c.Pending() {
		t.Fatalf("then read %d, %v, pending %v", n, err, c.Pending())
	}
}

// What precedes close_notify is delivered first: a DISCONNECT and the alert
// usually share a segment.
func TestCloseNotifyComesAfterTheData(t *testing.T) {
	perVersion(t, func(t *testing.T, version uint16) {
		c, tc, p := open(t, serverConfig(version), clientConfig())
		if _, err := tc.Write([]byte("DISCONNECT")); err != nil {
			t.Fatal(err)
		}
		if err := tc.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		dst := make([]byte, 64)
		window := p.written()
		n, consumed, err := c.Read(window, dst, new(Scratch))
		if string(dst[:n]) != "DISCONNECT" || err != nil || consumed != len(window) || !c.Pending() {
			t.Fatalf("read %q, consumed %d, %v", dst[:n], consumed, err)
		}
		for range 2 {
			if n, _, err = c.Read(nil, dst, new(Scratch)); n != 0 || err != io.EOF {
				t.Fatalf("then read %d, %v; want EOF", n, err)
			}
		}
		// Our side still may write, and closes with its own alert.
		out, err := c.Write([]byte("bye"), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = p.feed(c.CloseNotify(out))
		if got, err := io.ReadAll(tc); string(got) != "bye" || err != nil {
			t.Fatalf("peer read %q, %v", got, err)
		}
		if out := c.CloseNotify(nil); len(out) != 0 {
			t.Fatal("a second close_notify was sent")
		}
		if _, err := c.Write([]byte("x"), nil); err == nil {
			t.Fatal("a write after close_notify succeeded")
		}
	})
}

// A bit flipped anywhere ends the connection with an alert or waits for bytes
// that the damaged length promises; it never gives other data.
func TestDamageIsNoticed(t *testing.T) {
	perVersion(t, func(t *testing.T, version uint16) {
		want := []byte("damage")
		length := 1
		for at := 0; at < length; at++ {
			c, tc, p := open(t, serverConfig(version), clientConfig())
			if _, err := tc.Write(want); err != nil {
				t.Fatal(err)
			}
			window := p.written()
			length = len(window)
			window[at] ^= 0x40
			dst := make([]byte, 64)
			n, consumed, err := c.Read(window, dst, new(Scratch))
			if n != 0 {
				t.Fatalf("byte %d: read %q", at, dst[:n])
			}
			if err == nil && consumed != 0 {
				t.Fatalf("byte %d: consumed %d without a result", at, consumed)
			}
			if err != nil {
				if out := c.TakeOutput(nil); len(out) == 0 {
					t.Fatalf("byte %d: %v without an alert", at, err)
				}
				if _, _, again := c.Read(window, dst, new(Scratch)); again != err {
					t.Fatalf("byte %d: %v, then %v", at, err, again)
				}
			} else if at != 3 && at != 4 {
				t.Fatalf("byte %d: not noticed", at)
			}
		}
	})
}

func TestBeforeOpen(t *testing.T) {
	c := Server(serverConfig(tls.VersionTLS13), nil, nil, nil)
	if _, _, err := c.Read([]byte("x"), make([]byte, 1), new(Scratch)); err == nil {
		t.Error("Read succeeded before Open")
	}
	if out, err := c.Write([]byte("x"), nil); err == nil || out != nil {
		t.Error("Write succeeded before Open")
	}
	if c.CloseNotify(nil) != nil {
		t.Error("CloseNotify wrote before Open")
	}
	if c.Open() == nil {
		t.Error("Open succeeded without a handshake")
	}
	c.Forget()
	c.Abort()
	if err := c.Handshake(t.Context()); !errors.Is(err, ErrAborted) {
		t.Errorf("Handshake of an aborted connection: %v", err)
	}
}

func TestForget(t *testing.T) {
	perVersion(t, func(t *testing.T, version uint16) {
		c, tc, p := open(t, mutualConfig(version), clientConfig())
		if s := c.State(); len(s.PeerCertificates) != 1 || s.PeerCertificates[0] == nil || len(s.VerifiedChains) != 1 {
			t.Fatalf("state before: %v, %v", s.PeerCertificates, s.VerifiedChains)
		}
		c.Forget()
		s := c.State()
		for _, cert := range s.PeerCertificates {
			if cert != nil {
				t.Fatal("a certificate is still held")
			}
		}
		for _, chain := range s.VerifiedChains {
			if chain != nil {
				t.Fatal("a chain is still held")
			}
		}
		if s.Version != version || s.CipherSuite == 0 {
			t.Fatalf("state after: %+v", s)
		}
		if _, err := tc.Write([]byte("still here")); err != nil {
			t.Fatal(err)
		}
		if got, err := readAll(c, p.written(), 100, 100); string(got) != "still here" || err != nil {
			t.Fatalf("read %q, %v", got, err)
		}
	})
}
