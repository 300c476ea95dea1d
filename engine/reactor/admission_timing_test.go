package reactor

import (
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"
)

// What a connection costs at the door. On a listener without rules and rates
// there is none.
func BenchmarkDoor(b *testing.B) {
	networks := make([]AccessRule, 0, 17)
	for i := range 16 {
		networks = append(networks, AccessRule{Network: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i)}), 16)})
	}
	for _, c := range []struct {
		name string
		l    Listener
	}{
		{"16-rules", Listener{AccessRules: append(networks, AccessRule{Allow: true})}},
		{"rate", Listener{MaxConnRate: Rate{1 << 30, time.Second}}},
		{"source-rate", Listener{MaxConnRatePerSource: Rate{100, time.Second}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			d := newDoor(&c.l)
			b.ReportAllocs()
			now := int64(0)
			for b.Loop() {
				now += 1000
				d.admit(address(int(now/1000)&0xFFFF), now)
			}
		})
	}
}

// BenchmarkAccept is a connection that opens and is reset by its client, on a
// listener that has nothing of the kind and on one that has everything.
func BenchmarkAccept(b *testing.B) {
	for _, c := range []struct {
		name   string
		change func(*Listener)
	}{
		{"plain", func(*Listener) {}},
		{"door", func(l *Listener) {
			l.AccessRules = []AccessRule{{Network: netip.MustParsePrefix("10.0.0.0/8")}, {Allow: true, Network: netip.MustParsePrefix("127.0.0.0/8")}}
			l.MaxConnRate, l.MaxConnRatePerSource = Rate{1 << 30, time.Second}, Rate{1 << 30, time.Second}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			w := newWorld(b, func(o *Options) {
				o.Log = slog.New(slog.DiscardHandler)
				c.change(&o.Listeners[0])
			})
			bind := w.r.Stats()[0].Bind
			b.ReportAllocs()
			for b.Loop() {
				conn, err := net.Dial("tcp", bind)
				if err != nil {
					b.Fatal(err)
				}
				_ = conn.(*net.TCPConn).SetLinger(0)
				conn.Close()
			}
			for w.r.openConnections() > 0 {
				time.Sleep(time.Millisecond)
			}
		})
	}
}
