package tlsio

import (
	"bytes"
	"crypto/tls"
	"testing"
)

// TestBuffersFound fails with a Go release whose connections keep their
// buffers: each then costs about two kilobytes more.
func TestBuffersFound(t *testing.T) {
	if rawInput == 0 || hand == 0 {
		t.Errorf("crypto/tls has its input buffers elsewhere: rawInput at %d, hand at %d", rawInput, hand)
	}
	if bufferIn("vers") != 0 || bufferIn("nosuch") != 0 || buffer(new(tls.Conn), 0) != nil {
		t.Error("a field that is no buffer was found")
	}
}

// TestIdleOwnsNothing: after the handshake and after each Read a connection
// owns no input buffer, however large the record was.
func TestIdleOwnsNothing(t *testing.T) {
	perVersion(t, func(t *testing.T, version uint16) {
		c, tc, p := open(t, serverConfig(version), clientConfig())
		raw, hands := buffer(c.tls, rawInput), buffer(c.tls, hand)
		idle := func(when string) {
			if raw.Cap() != 0 || hands.Cap() != 0 {
				t.Errorf("%s: %d bytes of records, %d of handshakes", when, raw.Cap(), hands.Cap())
			}
		}
		idle("after the handshake")
		scratch, dst := new(Scratch), make([]byte, 1<<15)
		for _, size := range []int{1, 1000, 16384} {
			plain := bytes.Repeat([]byte{'x'}, size)
			if _, err := tc.Write(plain); err != nil {
				t.Fatal(err)
			}
			if n, _, err := c.Read(p.written(), dst, scratch); n != size || err != nil {
				t.Fatal(n, err)
			}
			idle("after a record")
			if cap(scratch.raw) != scratchSize {
				t.Errorf("%d bytes in a record: the loop has %d bytes, want the %d it had", size, cap(scratch.raw), scratchSize)
			}
		}
	})
}

// TestScratchShared: decrypted bytes that a caller had no room for stay whole
// while another connection decrypts.
func TestScratchShared(t *testing.T) {
	perVersion(t, func(t *testing.T, version uint16) {
		scratch := new(Scratch)
		var conns []*Conn
		var windows, want [][]byte
		for i := range 3 {
			c, tc, p := open(t, serverConfig(version), clientConfig())
			plain := bytes.Repeat([]byte{byte('a' + i)}, 5000+i)
			for range 2 {
				if _, err := tc.Write(plain); err != nil {
					t.Fatal(err)
				}
			}
			conns, windows, want = append(conns, c), append(windows, p.written()), append(want, bytes.Repeat(plain, 2))
		}
		got := make([][]byte, len(conns))
		dst := make([]byte, 700)
		for range 30 {
			for i, c := range conns {
				n, used, err := c.Read(windows[i], dst, scratch)
				if err != nil {
					t.Fatal(err)
				}
				windows[i], got[i] = windows[i][used:], append(got[i], dst[:n]...)
			}
		}
		for i, c := range conns {
			if !bytes.Equal(got[i], want[i]) {
				t.Errorf("connection %d read %d bytes, not the %d sent", i, len(got[i]), len(want[i]))
			}
			if raw := buffer(c.tls, rawInput); raw.Cap() != 0 {
				t.Errorf("connection %d keeps %d bytes", i, raw.Cap())
			}
		}
	})
}
