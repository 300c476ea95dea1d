package wicket

import "github.com/wicketmq/wicket/sdk/go/wire"

// Counter is a metric that only rises. It is shown to Prometheus as
// wicket_custom_NAME with the label plugin; all instances count together. The
// zero Counter, and one that the broker has refused, counts nothing.
type Counter struct{ id int32 }

// Gauge is a metric that rises and falls; see Counter.
type Gauge struct{ id int32 }

// Histogram is a metric of a distribution; see Counter.
type Histogram struct{ id int32 }

// NewCounter names a counter, such as "limited_total", in a variable of the
// package or in OnLoad. Labels are names and values in turn. It needs the grant
// "metrics". A name that the broker cannot use is logged by it.
func NewCounter(name, help string, labels ...string) Counter {
	return Counter{define(name, help, wire.MetricCounter, nil, labels)}
}

// NewGauge names a gauge, such as "buffered"; see NewCounter.
func NewGauge(name, help string, labels ...string) Gauge {
	return Gauge{define(name, help, wire.MetricGauge, nil, labels)}
}

// NewHistogram names a histogram of whole numbers from 0, with the upper bounds
// of its buckets; see NewCounter.
func NewHistogram(name, help string, buckets []uint64, labels ...string) Histogram {
	return Histogram{define(name, help, wire.MetricHistogram, buckets, labels)}
}

// Add adds a number that is not negative.
func (c Counter) Add(n int64) { metricAdd(c.id, n) }

// Inc adds one.
func (c Counter) Inc() { metricAdd(c.id, 1) }

// Add adds, or takes away.
func (g Gauge) Add(n int64) { metricAdd(g.id, n) }

// Set sets the value.
func (g Gauge) Set(n int64) { metricSet(g.id, n) }

// Observe counts a value.
func (h Histogram) Observe(n int64) { metricObserve(h.id, n) }

func define(name, help string, kind uint32, buckets []uint64, labels []string) int32 {
	m := wire.Metric{Name: name, Help: help, Kind: kind, Buckets: buckets}
	for i := 0; i+1 < len(labels); i += 2 {
		m.Labels = append(m.Labels, Property{Key: labels[i], Value: labels[i+1]})
	}
	return metricDefine(&m)
}
