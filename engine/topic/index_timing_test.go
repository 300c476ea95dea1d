package topic

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// The index of the benchmarks: a million filters, nine of ten exact and
// unique to a client, the rest wildcards of several shapes.
const (
	benchFilters = 1_000_000
	benchShards  = 4
)

func exactFilter(i int) string { return fmt.Sprintf("devices/%010d/cmd", i) }

// wildFilter gives one filter in fifty a shape that every device shares.
func wildFilter(i int) string {
	switch i % 50 {
	case 0:
		return fmt.Sprintf("devices/+/state/%d/#", i)
	case 1:
		return fmt.Sprintf("+/%d/alarm", i)
	case 2:
		return fmt.Sprintf("site/%d/+/+/temperature", i)
	}
	switch i % 3 {
	case 0:
		return fmt.Sprintf("devices/%010d/+", i)
	case 1:
		return fmt.Sprintf("devices/%010d/#", i)
	}
	return fmt.Sprintf("site/%d/floor/%d/+/set", i%1000, i)
}

func benchFilter(i int) string {
	if i%10 == 0 {
		return wildFilter(i / 10)
	}
	return exactFilter(i)
}

var benchIndex = sync.OnceValue(func() *Index[*client] {
	x := New[*client](benchShards)
	for i := range benchFilters {
		x.Subscribe(i%benchShards, benchFilter(i), Sub[*client]{Subscriber: &client{}})
	}
	for _, f := range []string{"devices/+/state", "site/+/floor/#"} {
		x.Subscribe(0, f, Sub[*client]{Subscriber: &client{}})
	}
	return x
})

// matchNames returns topics that devices and backends would publish to.
func matchNames(shape string) [][]byte {
	names := make([][]byte, 1<<16)
	for i := range names {
		n := rand.IntN(benchFilters)
		switch shape {
		case "exact": // a command to one device
			n = n/10*10 + 1
			names[i] = []byte(exactFilter(n))
		case "hot": // a command to one of a thousand busy devices
			names[i] = []byte(exactFilter(n%1000*10 + 1))
		case "wildcard": // telemetry to a backend
			names[i] = fmt.Appendf(nil, "devices/%010d/state", n)
		case "deep":
			names[i] = fmt.Appendf(nil, "site/%d/floor/%d/lamp/set", n%1000, n/10)
		case "none":
			names[i] = fmt.Appendf(nil, "other/%010d/state", n)
		}
	}
	return names
}

var shapes = []string{"exact", "hot", "wildcard", "deep", "none"}

func BenchmarkMatch1M(b *testing.B) {
	x := benchIndex()
	for _, shape := range shapes {
		names := matchNames(shape)
		b.Run(shape, func(b *testing.B) {
			b.ReportAllocs()
			var m Matches[*client]
			found := 0
			for i := 0; b.Loop(); i++ {
				x.Match(names[i%len(names)], &m)
				found += len(m.Nodes)
			}
			b.ReportMetric(float64(found)/float64(b.N), "nodes/op")
		})
	}
}

// BenchmarkMatch1MChurn is BenchmarkMatch1M while another loop subscribes and
// unsubscribes as fast as it can; that one's rate is reported beside.
func BenchmarkMatch1MChurn(b *testing.B) {
	x := benchIndex()
	for _, shape := range shapes {
		names := matchNames(shape)
		b.Run(shape, func(b *testing.B) {
			var stop atomic.Bool
			var changes atomic.Int64
			var churn sync.WaitGroup
			churn.Go(func() { changes.Store(int64(churnUntil(x, &stop))) })
			b.ReportAllocs()
			var m Matches[*client]
			for i := 0; b.Loop(); i++ {
				x.Match(names[i%len(names)], &m)
			}
			took := b.Elapsed()
			stop.Store(true)
			churn.Wait()
			b.ReportMetric(float64(changes.Load())/took.Seconds(), "changes/s")
		})
	}
}

// churnUntil has clients of the last shard come with a filter and go.
func churnUntil(x *Index[*client], stop *atomic.Bool) (changes int) {
	const window = 1024
	clients, filters := make([]*client, window), make([]string, window)
	for i := 0; !stop.Load(); i++ {
		c, f := &clients[i%window], &filters[i%window]
		if *c != nil {
			x.Unsubscribe(benchShards-1, *f, *c)
		}
		*c, *f = &client{}, benchFilter(benchFilters+i)
		x.Subscribe(benchShards-1, *f, Sub[*client]{Subscriber: *c})
		changes += 2
	}
	for i, c := range clients {
		if c != nil {
			x.Unsubscribe(benchShards-1, filters[i], c)
		}
	}
	return changes
}

func BenchmarkMatch1MParallel(b *testing.B) {
	x, names := benchIndex(), matchNames("exact")
	b.RunParallel(func(pb *testing.PB) {
		var m Matches[*client]
		for i := rand.IntN(len(names)); pb.Next(); i++ {
			x.Match(names[i%len(names)], &m)
		}
	})
}

// BenchmarkSubscribe1M is one Subscribe and one Unsubscribe in an index of a
// million filters.
func BenchmarkSubscribe1M(b *testing.B) {
	x, c := benchIndex(), &client{}
	for _, kind := range []struct {
		name   string
		filter func(int) string
	}{
		{"exact", exactFilter},
		{"wildcard", func(i int) string { return fmt.Sprintf("devices/%010d/#", i) }},
	} {
		filters := make([]string, 1<<14)
		for i := range filters {
			filters[i] = kind.filter(10*benchFilters + i)
		}
		b.Run(kind.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				f := filters[i%len(filters)]
				x.Subscribe(0, f, Sub[*client]{Subscriber: c})
				x.Unsubscribe(0, f, c)
			}
		})
	}
}

// BenchmarkCrowd is one of 10⁵ subscribers of one filter, or members of one
// group, joining, and leaving again when all are there.
func BenchmarkCrowd(b *testing.B) {
	const crowd = 100_000
	subs := make([]*client, crowd)
	for i := range subs {
		subs[i] = &client{}
	}
	for _, filter := range []string{"news", "$share/g/news"} {
		b.Run(filter, func(b *testing.B) {
			x := New[*client](1)
			for i := 0; b.Loop(); i++ {
				if s := subs[i%crowd]; i/crowd%2 == 0 {
					subscribe(x, filter, Sub[*client]{Subscriber: s})
				} else {
					unsubscribe(x, filter, s)
				}
			}
		})
	}
}

func BenchmarkPick(b *testing.B) {
	x := New[*client](4)
	for i := range 100 {
		x.SubscribeShared(i%4, "g", "t", Sub[*client]{Subscriber: &client{}})
	}
	var m Matches[*client]
	x.Match([]byte("t"), &m)
	b.ReportAllocs()
	for b.Loop() {
		m.Groups[0].Pick()
	}
}

// filterBudget is the heap that an exact filter with one subscriber may take,
// with its text and its share of the table. Wildcard filters keep to it too.
const filterBudget = 300

var heapKinds = map[string]func(int) string{
	"exact":    exactFilter,
	"wildcard": func(i int) string { return fmt.Sprintf("devices/%010d/#", i) },
}

func TestHeapPerFilter(t *testing.T) {
	for kind, filter := range heapKinds {
		per := heapPerFilter(20_000, filter)
		t.Logf("%s: %.0f bytes per filter such as %q", kind, per, filter(0))
		if per > filterBudget {
			t.Errorf("%s: %.0f bytes per filter, want at most %d", kind, per, filterBudget)
		}
	}
}

func BenchmarkHeap1M(b *testing.B) {
	for kind, filter := range heapKinds {
		b.Run(kind, func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(heapPerFilter(benchFilters, filter), "bytes/filter")
			}
		})
	}
}

func heapPerFilter(n int, filter func(int) string) float64 {
	c, x := &client{}, New[*client](1)
	before := heap()
	for i := range n {
		x.Subscribe(0, filter(i), Sub[*client]{Subscriber: c})
	}
	per := float64(heap()-before) / float64(n)
	runtime.KeepAlive(x)
	return per
}

func heap() uint64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}
