// Package report holds what was measured and writes it: as a table, as JSON,
// as a page of HTML and as the project's performance page. It knows nothing of
// brokers and clients, and everything it writes is a function of its input.
package report

import (
	"math"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Run is one load against one broker. What a load does not have is zero and
// left out.
type Run struct {
	Name    string  `json:"name"`
	Broker  string  `json:"broker"`
	Clients int     `json:"clients,omitempty"`
	Seconds float64 `json:"seconds"` // of the measured part

	Sent     uint64 `json:"sent,omitempty"`
	Received uint64 `json:"received,omitempty"`
	Lost     uint64 `json:"lost,omitempty"`
	Dropped  uint64 `json:"dropped,omitempty"` // connections
	Resumed  uint64 `json:"resumed,omitempty"` // TLS sessions
	// Operations are what the load counts: deliveries, or publications where
	// nobody subscribes, or connections.
	Operations uint64  `json:"operations"`
	Rate       float64 `json:"operations_per_second"`

	BrokerCPU  float64 `json:"broker_cpu_us_per_operation,omitempty"`
	OwnCPU     float64 `json:"own_cpu_us_per_operation"`
	RSS        int64   `json:"broker_rss_anon_bytes,omitempty"`
	Goroutines int     `json:"broker_goroutines,omitempty"`

	Latency *Latency `json:"latency_us,omitempty"`
	Connect *Latency `json:"connect_us,omitempty"`
	Series  []Sample `json:"series,omitempty"`
}

// Sample is a moment of a run.
type Sample struct {
	Second float64 `json:"second"`
	Rate   float64 `json:"operations_per_second"`
	RSS    int64   `json:"broker_rss_anon_bytes,omitempty"`
	CPU    float64 `json:"broker_cpu_share,omitempty"` // 1 is one processor
}

// Latency is a distribution in microseconds.
type Latency struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p99.9"`
	Max   float64 `json:"max"`
	CDF   []Point `json:"cdf,omitempty"`
}

// Point is a point of a distribution: Share of the values are at most Value.
type Point struct {
	Value float64 `json:"us"`
	Share float64 `json:"share"`
}

// NewLatency reads a histogram of nanoseconds; nil when it is empty.
func NewLatency(h *hdrhistogram.Histogram) *Latency {
	if h == nil || h.TotalCount() == 0 {
		return nil
	}
	at := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1000 }
	l := &Latency{Count: h.TotalCount(), P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: float64(h.Max()) / 1000}
	for _, q := range shares {
		l.CDF = append(l.CDF, Point{at(q), q / 100})
	}
	return l
}

// shares are the percentiles of a drawn distribution.
var shares = []float64{1, 5, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 97.5, 99, 99.5, 99.75, 99.9, 99.95, 99.99, 100}

// Per is a quantity in microseconds for each of n operations, rounded to a
// nanosecond.
func Per(us float64, n uint64) float64 {
	if n == 0 {
		return 0
	}
	return math.Round(us/float64(n)*1000) / 1000
}

// Median is the middle of the values, the mean of the middle two where their
// number is even, and 0 of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(values))
	m := len(v) / 2
	if len(v)%2 == 1 {
		return v[m]
	}
	return (v[m-1] + v[m]) / 2
}
