package reactor

import (
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func rules(t testing.TB, texts ...string) (out []AccessRule) {
	t.Helper()
	for _, text := range texts {
		word, network, _ := strings.Cut(text, " ")
		r := AccessRule{Allow: word == "allow"}
		if network != "all" {
			r.Network = netip.MustParsePrefix(network)
		}
		out = append(out, r)
	}
	return out
}

// LSN-06: the first rule that matches decides, none denies.
func TestAccessRules(t *testing.T) {
	for _, c := range []struct {
		rules []string
		peer  string
		want  bool
	}{
		{nil, "192.0.2.1", true},
		{[]string{"allow all"}, "192.0.2.1", true},
		{[]string{"deny all"}, "192.0.2.1", false},
		{[]string{"deny 192.0.2.0/24", "allow all"}, "192.0.2.1", false},
		{[]string{"deny 192.0.2.0/24", "allow all"}, "192.0.3.1", true},
		{[]string{"allow 192.0.2.1/32", "deny 192.0.2.0/24", "allow all"}, "192.0.2.1", true},
		{[]string{"allow 192.0.2.0/24"}, "192.0.3.1", false},
		{[]string{"deny 192.0.2.0/24"}, "192.0.3.1", false},
		{[]string{"allow 2001:db8::/32"}, "2001:db8::1", true},
		{[]string{"allow fe80::/10"}, "fe80::1%eth0", true},
		{[]string{"allow 0.0.0.0/0"}, "2001:db8::1", false},
	} {
		ok := true
		if d := newDoor(&Listener{AccessRules: rules(t, c.rules...)}); d != nil {
			_, ok = d.admit(netip.MustParseAddr(c.peer), 0)
		}
		if ok != c.want {
			t.Errorf("%v, %s: %v", c.rules, c.peer, ok)
		}
	}
}

// A listener with nothing of the kind has no door at all.
func TestNoDoor(t *testing.T) {
	if d := newDoor(&Listener{AccessRules: rules(t, "allow all", "deny all"), ProxyTrusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}); d != nil {
		t.Errorf("there is %+v", d)
	}
}

// A bucket holds what one period brings, and fills evenly.
func TestBucket(t *testing.T) {
	const second = int64(time.Second)
	b := bucket{pace: newPace(Rate{3, time.Second})}
	admitted := func(now int64) (n int) {
		for b.admit(now) {
			n++
		}
		return n
	}
	for _, step := range []struct {
		now  int64
		want int
	}{
		{0, 3}, {second / 6, 0}, {second/3 + 1, 1}, {second, 2}, {second, 0}, {100 * second, 3}, {100*second + second/2, 1},
	} {
		if n := admitted(step.now); n != step.want {
			t.Errorf("at %v: %d admitted, want %d", time.Duration(step.now), n, step.want)
		}
	}
}

// Over any time, no more gets through than the burst and what the time brings.
func TestPaceKeepsItsBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Rate{rapid.IntRange(1, 1000).Draw(t, "count"), time.Duration(rapid.Int64Range(1, 1e10).Draw(t, "per"))}
		p, full, now, admitted := newPace(r), int64(0), int64(0), int64(0)
		for range rapid.IntRange(1, 2000).Draw(t, "tries") {
			now += rapid.Int64Range(0, 2*int64(r.Per)/int64(r.Count)+1).Draw(t, "step")
			var ok bool
			if full, ok = p.take(full, now); ok {
				admitted++
			}
		}
		if bound := int64(r.Count) + now/p.interval + 1; admitted > bound {
			t.Fatalf("%d admitted of %v in %d ns, at most %d", admitted, r, now, bound)
		}
	})
}

func address(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
}

// Ten thousand sources, and more, take no more memory than one, and cost a
// quiet one nothing, while one that is over its rate stays out.
func TestSourcesAreBounded(t *testing.T) {
	s := newSources(newPace(Rate{5, time.Second}))
	flooder, quiet := netip.MustParseAddr("192.0.2.66"), netip.MustParseAddr("2001:db8::1")
	for s.admit(flooder, 0) {
	}
	heap := liveHeap()
	now, leaks := int64(0), 0
	for i := range 10_000 {
		now += 1000 // ten milliseconds in all
		if !s.admit(address(i), now) {
			t.Fatalf("source %d is refused at its first connection", i)
		}
		if i%10 == 0 && s.admit(flooder, now) {
			leaks++
		}
	}
	if leaks > 0 {
		t.Errorf("the flooder got in %d times", leaks)
	}
	if !s.admit(quiet, now) {
		t.Error("the quiet source is locked out")
	}
	if grown := int64(liveHeap()) - int64(heap); grown > 16<<10 {
		t.Errorf("%d bytes more for 10,000 sources", grown)
	}
	runtime.KeepAlive(s)
	if n := testing.AllocsPerRun(100, func() { s.admit(quiet, now) }); n != 0 {
		t.Errorf("%v allocations per connection", n)
	}
}

// However many sources there are, and whatever places they take, the first
// connection of a quiet one is admitted.
func TestQuietSourcesGetIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSources(newPace(Rate{rapid.IntRange(1, 3).Draw(t, "count"), time.Second}))
		now := int64(0)
		for i := range rapid.IntRange(0, 40_000).Draw(t, "sources") {
			s.admit(address(i%20_000), now)
			now += 100
		}
		if !s.admit(netip.MustParseAddr("192.0.2.1"), now) {
			t.Fatal("locked out")
		}
	})
}

// A source is an IPv4 address, or a /64 network of IPv6.
func TestSourceKey(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
	} {
		if same := sourceKey(netip.MustParseAddr(c.a)) == sourceKey(netip.MustParseAddr(c.b)); same != c.same {
			t.Errorf("%s and %s: %v", c.a, c.b, same)
		}
	}
}

// What is refused at the door is closed without a word, counted by one, and not
// logged for each.
func TestTurnedAway(t *testing.T) {
	for _, c := range []struct {
		word   shed
		within int // of 50, how many get in
		change func(*Listener)
	}{
		{shedAccessRules, 0, func(l *Listener) { l.AccessRules = rules(t, "deny 127.0.0.0/8", "allow all") }},
		{shedRate, 5, func(l *Listener) { l.MaxConnRate = Rate{5, time.Hour} }},
		{shedSourceRate, 5, func(l *Listener) { l.MaxConnRatePerSource = Rate{5, time.Hour} }},
	} {
		for listener, transport := range []string{"tcp", "tls"} {
			t.Run(c.word.String()+"/"+transport, func(t *testing.T) {
				log := &lines{}
				w := newWorld(t, func(o *Options) {
					o.Log = slog.New(slog.NewTextHandler(log, nil))
					c.change(&o.Listeners[listener])
				})
				for i := range 50 {
					p := peer{t, w.dial(listener)}
					if i < c.within {
						p.send(connectPacket(fmt.Sprint("early-", i)))
						p.expect(connack)
					} else if err := closedByServer(w.raw(listener)); err != nil {
						t.Fatalf("connection %d: %v", i, err)
					}
				}
				eventually(t, "counted", func() bool { return w.shed(listener, c.word) >= uint64(50-c.within) })
				if n := strings.Count(log.String(), "connection turned away"); n == 0 || n > burst+5 {
					t.Errorf("%d lines", n)
				}
				other := peer{t, w.dial(1 - listener)} // which has its own rules
				other.send(connectPacket("other"))
				other.expect(connack)
			})
		}
	}
}

// Behind a proxy, the rate of a source is that of the client, not of the proxy.
func TestSourceRateBehindProxy(t *testing.T) {
	w, _ := newProxiedWorld(t, func(o *Options) { o.Listeners[0].MaxConnRatePerSource = Rate{2, time.Hour} })
	header := func(client int) []byte {
		return fmt.Appendf(nil, "PROXY TCP4 192.0.2.%d 198.51.100.1 49153 1883\r\n", client)
	}
	for client := range 10 {
		for i := range 3 {
			p := w.behind(0, append(header(client), connectPacket(fmt.Sprintf("c%d-%d", client, i))...), false, nil)
			if i < 2 {
				p.expect(connack)
			} else if err := closedByServer(p); err != nil {
				t.Errorf("client %d: %v", client, err)
			}
		}
	}
	if n := w.shed(0, shedSourceRate); n != 10 {
		t.Errorf("counted %d, want 10", n)
	}
}
