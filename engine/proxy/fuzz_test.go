package proxy

import (
	"testing"
)

// FuzzParse holds for all bytes: no panic, no header out of a part of one, no
// more used than there is, and no name that could break a line.
func FuzzParse(f *testing.F) {
	for _, e := range append(examples, bad...) {
		f.Add([]byte(e.bytes))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := Parse(b)
		if err != nil {
			if n != 0 || h.Version != 0 || h.Source.IsValid() || h.TLS.CommonName != nil {
				t.Fatalf("%d and %+v come with %v", n, h, err)
			}
			if err == ErrShort && len(b) >= MaxLength {
				t.Fatalf("%d bytes are too short", len(b))
			}
			return
		}
		if n <= 0 || n > len(b) || n > MaxLength || h.Version != 1 && h.Version != 2 {
			t.Fatalf("%d of %d bytes, version %d", n, len(b), h.Version)
		}
		if again, m, err := Parse(b[:n]); err != nil || m != n || describe(again) != describe(h) {
			t.Fatalf("without what follows: %d, %v, %s; with it: %s", m, err, describe(again), describe(h))
		}
		if _, _, err := Parse(b[:n-1]); err == nil {
			t.Fatal("one byte less is a header too")
		}
		for _, name := range [][]byte{h.ALPN, h.Authority, h.Namespace, h.TLS.CommonName, h.TLS.Version, h.TLS.Cipher} {
			for _, c := range name {
				if c < 0x20 || c == 0x7F {
					t.Fatalf("control character in %q", name)
				}
			}
		}
		if h.Source.IsValid() != h.Destination.IsValid() || h.Source.Addr().Is4In6() || h.Local && h.Source.IsValid() {
			t.Fatalf("%s > %s, local %v", h.Source, h.Destination, h.Local)
		}
	})
}
