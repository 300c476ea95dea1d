package tlsio

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/wicketmq/wicket/engine/cert"
)

func newCrowd(limit int) *crowd {
	return &crowd{limit: limit, sources: map[netip.Prefix]*source{}}
}

func from(address string) net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(address), 50000))
}

// waiter is a handshake that waits for its peer.
func waiter(address string) *shake {
	s := newShake(from(address), nil, nil)
	s.waiting = true
	return s
}

func TestSourceOf(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7": "192.0.2.7/32", "::ffff:192.0.2.7": "192.0.2.7/32",
		"2001:db8:1:2:3::4": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := sourceOf(from(address)); got.String() != want {
			t.Errorf("%s is of %s, want %s", address, got, want)
		}
	}
	if got := sourceOf(nil); got.IsValid() {
		t.Errorf("nobody is of %s", got)
	}
}

func TestWhoGivesWay(t *testing.T) {
	c := newCrowd(4)
	var crowded []*shake
	for i := range 4 {
		s := waiter("2001:db8::" + fmt.Sprint(i+1)) // one network
		crowded = append(crowded, s)
		if gone, ok := c.enter(s); gone != nil || !ok {
			t.Fatalf("%d: %v, %v", i, gone, ok)
		}
	}
	if gone, ok := c.enter(waiter("2001:db8::9")); gone != nil || ok {
		t.Error("the source that has all got another")
	}
	crowded[0].waiting = false // it computes
	quiet := waiter("192.0.2.1")
	if gone, ok := c.enter(quiet); gone != crowded[1] || !ok {
		t.Error("the oldest that waits did not give way")
	}
	if gone, ok := c.enter(waiter("192.0.2.1")); gone != crowded[2] || !ok {
		t.Error("the next that waits did not give way")
	}
	// Two and two: nobody has more than a share.
	for _, address := range []string{"2001:db8::9", "192.0.2.1"} {
		if gone, ok := c.enter(waiter(address)); gone != nil || ok {
			t.Errorf("%s got a place of the other's share", address)
		}
	}
	if gone, ok := c.enter(waiter("198.51.100.1")); gone == nil || !ok {
		t.Error("a third source got no place")
	}
	c.leave(crowded[1]) // has given way already
	if c.n != 4 {
		t.Errorf("%d in the crowd", c.n)
	}
}

// Whoever computes, or waits for a processor, is not thrown out.
func TestNobodyWhoComputesGivesWay(t *testing.T) {
	c := newCrowd(3)
	for range 3 {
		s := waiter("192.0.2.1")
		s.waiting = false
		c.enter(s)
	}
	if gone, ok := c.enter(waiter("192.0.2.2")); gone != nil || ok {
		t.Error("one that computes gave way")
	}
}

// Whatever comes and goes: the crowd keeps its bound and its books, and takes
// from those only who have more than the newcomer.
func TestCrowdIsFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 12).Draw(t, "limit")
		c := newCrowd(limit)
		in := map[*shake]string{}
		count := func(source string) (n int) {
			for _, from := range in {
				if from == source {
					n++
				}
			}
			return n
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if len(in) > 0 && rapid.IntRange(0, 3).Draw(t, "leave") == 0 {
				for s := range in {
					delete(in, s)
					c.leave(s)
					c.leave(s)
					break
				}
				continue
			}
			address := fmt.Sprintf("192.0.2.%d", rapid.IntRange(1, 5).Draw(t, "source"))
			s := waiter(address)
			s.waiting = rapid.Bool().Draw(t, "waiting")
			full := len(in) == limit
			gone, ok := c.enter(s)
			switch {
			case gone != nil && (!full || !ok || !gone.waiting || count(in[gone]) < count(address)+2):
				t.Fatalf("one of %d gave way to one of %d", count(in[gone]), count(address))
			case !full && !ok:
				t.Fatal("refused with places left")
			}
			delete(in, gone)
			if ok {
				in[s] = address
			}
			if c.n != len(in) || c.n > limit {
				t.Fatalf("%d in the books, %d there", c.n, len(in))
			}
			for i, source := range c.order {
				if source.index != i || source.n != count(source.from.Addr().String()) || source.n > c.order[0].n {
					t.Fatalf("order %+v", c.order)
				}
			}
			if len(c.order) != len(c.sources) {
				t.Fatalf("%d sources ordered of %d", len(c.order), len(c.sources))
			}
		}
	})
}

// One source that fills the pool with hellos and says no more keeps nobody out:
// its oldest handshake ends with a reason, at once, and the newcomer's goes on.
func TestAFullPoolMakesRoom(t *testing.T) {
	hello := hello(t)
	synctest.Test(t, func(t *testing.T) {
		pool := NewPool(3, 1)
		type end struct {
			i   int
			err error
		}
		ends := make(chan end, 10)
		var stale []*Conn
		for i := range 3 {
			c := Server(serverConfig(tls.VersionTLS13), from("192.0.2.66"), nil, func([]byte) error { return nil })
			if err := c.FeedHandshake(hello); err != nil {
				t.Fatal(err)
			}
			stale = append(stale, c)
			if err := pool.Start(c, time.Now().Add(15*time.Second), func(err error) { ends <- end{i, err} }); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) // of the fake clock
		}
		again := Server(serverConfig(tls.VersionTLS13), from("192.0.2.66"), nil, nil)
		if err := pool.Start(again, time.Time{}, nil); err != ErrBusy {
			t.Errorf("a fourth of the same source: %v", err)
		}
		begin := time.Now()
		p := newPeer()
		c := Server(serverConfig(tls.VersionTLS13), from("192.0.2.7"), nil, p.feed)
		p.sink = c.FeedHandshake
		done := make(chan error, 1)
		if err := pool.Start(c, time.Now().Add(15*time.Second), func(err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
		if err := tls.Client(p, clientConfig()).Handshake(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if e := <-ends; e.i != 0 || !errors.Is(e.err, ErrGaveWay) || cert.Classify(e.err) != cert.ReasonGaveWay {
			t.Errorf("handshake %d ended with %v", e.i, e.err)
		}
		if took := time.Since(begin); took > 0 {
			t.Errorf("it took %v", took)
		}
		if s := pool.Stats(); s.Active != 2 || s.Refused != 1 || s.GaveWay != 1 {
			t.Errorf("%+v", s)
		}
		for _, c := range stale {
			c.Abort()
		}
		<-ends
		<-ends
	})
}
