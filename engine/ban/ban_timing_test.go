package ban

import (
	"fmt"
	"net/netip"
	"testing"
)

// BenchmarkScreen is what a CONNECT costs, by the number of bans.
func BenchmarkScreen(b *testing.B) {
	for _, n := range []int{0, 10, 100_000} {
		l := new(List)
		for i := range n {
			l.put(Entry{Kind: ClientID, Who: fmt.Sprint("banned-", i)}, nil)
		}
		if n > 0 {
			for _, bits := range []int{8, 16, 24} {
				p := netip.PrefixFrom(netip.MustParseAddr("10.9.8.0"), bits).Masked()
				l.put(Entry{Kind: Network, Who: p.String()}, nil)
			}
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if l.Screen("sensor-17", "alice", here) {
					b.Fatal("banned")
				}
			}
		})
	}
}
