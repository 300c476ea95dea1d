package tck_test

import (
	"slices"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/wasm"
	"github.com/wicketmq/wicket/sdk/tck/guests"
)

// BenchmarkAuthorize is the way of a PUBLISH that neither the rules of its
// session nor its cache decide to a guest of each SDK and back (D6). In go-now
// the handler is one that never waits (OnAuthorizeNow).
func BenchmarkAuthorize(b *testing.B) {
	for _, name := range append(slices.Clone(guests.Languages), "go-now") {
		b.Run(name, func(b *testing.B) {
			p := hosted(b, newHost(b), name, wasm.Limits{AuthorizeSlice: 250 * time.Millisecond}) // as cpu_slice is
			a := &auth.Access{ClientID: "sensor-1", Username: "allow", Action: auth.Publish, Items: []auth.Item{{Topic: "devices/sensor-1/up"}}}
			c := make(chan auth.Verdict, 1)
			done := func(v auth.Verdict) { c <- v }
			took := make([]time.Duration, 0, 1<<20)
			b.ReportAllocs()
			for b.Loop() {
				began := time.Now()
				p.Authorize(a, done)
				v := <-c
				took = append(took, time.Since(began))
				if v.Decision != auth.Allow {
					b.Fatalf("%+v", v)
				}
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2])/1e3, "p50-µs")
			b.ReportMetric(float64(took[(len(took)-1)*99/100])/1e3, "p99-µs")
		})
	}
}
