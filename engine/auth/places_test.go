package auth

import (
	"fmt"
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// However many a source asks for, another one finds a place.
func TestPlaces(t *testing.T) {
	const limit = 4096
	take := func(p *Places, from string) (n int) {
		for n = 0; p.Take(limit, 1, netip.MustParseAddr(from)); n++ {
		}
		return n
	}
	var p Places
	if n := take(&p, "192.0.2.1"); n != 1366 {
		t.Errorf("the first source has %d places", n)
	}
	if n := take(&p, "::ffff:192.0.2.1"); n != 0 {
		t.Errorf("%d more under another spelling", n)
	}
	if n := take(&p, "2001:db8::1"); n < 800 {
		t.Errorf("the second source has %d places", n)
	}
	if n := take(&p, "2001:db8::2"); n != 0 {
		t.Errorf("%d more from the same network", n)
	}
	for i := range 10 {
		if a := fmt.Sprintf("198.51.100.%d", i); take(&p, a) == 0 {
			t.Fatalf("nothing is left for %s", a)
		}
	}

	var unknown Places // nobody is kept out by a source that is not known
	for range 3 {
		if !unknown.Take(3, 1, netip.Addr{}) {
			t.Error("refused below the limit")
		}
	}
	if unknown.Take(3, 1, netip.Addr{}) || unknown.Taken() != 3 {
		t.Error("taken beyond the limit")
	}
	if p := new(Places); !p.Take(1, 1, netip.MustParseAddr("192.0.2.1")) || p.Take(1, 1, netip.MustParseAddr("192.0.2.2")) {
		t.Error("one place is not one place")
	}
	if p := new(Places); p.Take(3, 4, netip.Addr{}) || !p.Take(3, 2, netip.Addr{}) || p.Take(3, 2, netip.Addr{}) || p.Taken() != 2 {
		t.Error("several places at once")
	}
}

// What is given back is there again, and nothing is kept of those who left.
func TestPlacesBalance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p Places
		var in []netip.Addr
		for range rapid.IntRange(0, 100).Draw(t, "steps") {
			if n := len(in); n > 0 && rapid.Bool().Draw(t, "leave") {
				p.Leave(1, in[n-1])
				in = in[:n-1]
				continue
			}
			a := netip.AddrFrom4([4]byte{192, 0, 2, rapid.ByteRange(0, 3).Draw(t, "from")})
			if p.Take(20, 1, a) {
				in = append(in, a)
			}
			if p.Taken() != len(in) || len(in) > 20 {
				t.Fatalf("%d taken, want %d", p.Taken(), len(in))
			}
		}
		for _, a := range in {
			p.Leave(1, a)
		}
		if p.Taken() != 0 || len(p.by) != 0 {
			t.Fatalf("%+v is left", p.by)
		}
	})
}
