package tck_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/wasm"
	"github.com/wicketmq/wicket/sdk/tck/guests"
)

// BenchmarkAuthorize is the way of a PUBLISH that neither the rules of its
// session nor its cache decide to a guest of each SDK and back (D6). In go-now
// the handler is one that never waits (OnAuthorizeNow). Each is asked in turn
// with the C guest, to which p50/c and p99/c are the ratios: they say more than
// times where the machine has other work.
func BenchmarkAuthorize(b *testing.B) {
	for _, name := range append(slices.Clone(guests.Languages), "go-now") {
		b.Run(name, func(b *testing.B) {
			h, limits := newHost(b), wasm.Limits{AuthorizeSlice: 250 * time.Millisecond} // as cpu_slice is
			p, beside := hosted(b, h, name, limits), hosted(b, h, "c-beside", limits)
			took, besides := make([]time.Duration, 0, 1<<20), make([]time.Duration, 0, 1<<20)
			ask := asker(b)
			b.ReportAllocs()
			for b.Loop() {
				besides = append(besides, ask(beside))
				took = append(took, ask(p))
			}
			slices.Sort(took)
			slices.Sort(besides)
			for _, percent := range []int{50, 99} {
				i := (len(took) - 1) * percent / 100
				b.ReportMetric(float64(took[i])/1e3, fmt.Sprintf("p%d-µs", percent))
				b.ReportMetric(float64(took[i])/float64(besides[i]), fmt.Sprintf("p%d/c", percent))
			}
		})
	}
}

// asker returns a function that says how long a guest takes to allow a topic.
func asker(b *testing.B) func(*wasm.Plugin) time.Duration {
	a := &auth.Access{ClientID: "sensor-1", Username: "allow", Action: auth.Publish, Items: []auth.Item{{Topic: "devices/sensor-1/up"}}}
	c := make(chan auth.Verdict, 1)
	done := func(v auth.Verdict) { c <- v }
	return func(p *wasm.Plugin) time.Duration {
		began := time.Now()
		p.Authorize(a, done)
		v := <-c
		took := time.Since(began)
		if v.Decision != auth.Allow {
			b.Fatalf("%+v", v)
		}
		return took
	}
}
