// Package metric shows a broker's figures to Prometheus. It counts nothing
// itself: at each scrape it asks for a snapshot of the counters that the
// broker has anyway, so the paths of messages pay nothing for it.
//
// Names begin with wicket_, units are bases, counters end in _total. Labels
// are listeners, plugins, reasons and the like, whose number the operator
// decides; never a client, a user or a topic.
//
// A handler may be called from any goroutine.
package metric

import (
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/wicketmq/wicket/engine/control"
	"github.com/wicketmq/wicket/engine/signer"
)

// Snapshot is everything that is shown, of one moment.
type Snapshot struct {
	Status       control.Status
	Certificates []control.Certificate
	CRLs         []control.CRL
	Staples      []control.Staple
	Plugins      []control.Plugin
	Upstreams    []control.Upstream
	Custom       []Custom
	Signer       signer.Stats
	FailOpen     uint64 // clients admitted although their revocation could not be learned
	AlarmsTotal  uint64 // raised since the start
}

// Custom is a series that a plugin counts: a counter unless it is a gauge or has
// a histogram. All of one name are of one kind and have one help.
type Custom struct {
	Plugin, Name, Help string
	Labels             map[string]string
	Gauge              bool
	Value              float64
	Histogram          *control.Histogram
}

// Handler answers scrapes with snapshots, and with what Go and the operating
// system know of the process. At most four are answered at one time.
func Handler(snapshot func() Snapshot) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(&collector{snapshot},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{
		MaxRequestsInFlight: 4,
		ErrorHandling:       promhttp.ContinueOnError, // one that cannot be shown must not hide the others
	})
}

// collector makes metrics of a snapshot.
type collector struct{ snapshot func() Snapshot }

// Describe implements prometheus.Collector. It names nothing, since what there
// is depends on listeners and plugins, which a reload may change.
func (*collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	s := c.snapshot()
	e := exposition{ch}
	e.status(&s.Status)
	e.messages(&s.Status.Messages)
	for i := range s.Status.Listeners {
		e.listener(&s.Status.Listeners[i])
	}
	e.certificates(s.Certificates)
	e.signatures(&s.Signer)
	e.revocation(&s)
	for i := range s.Plugins {
		e.plugin(&s.Plugins[i])
	}
	for i := range s.Upstreams {
		e.upstream(&s.Upstreams[i])
	}
	for i := range s.Custom {
		e.custom(&s.Custom[i])
	}
	e.alarms(&s)
}

// exposition is where the metrics of one scrape go.
type exposition struct{ ch chan<- prometheus.Metric }

func (e exposition) send(kind prometheus.ValueType, name, help string, value float64, labels prometheus.Labels) {
	desc, values := describe(name, help, labels)
	m, err := prometheus.NewConstMetric(desc, kind, value, values...)
	e.give(desc, m, err)
}

func (e exposition) give(desc *prometheus.Desc, m prometheus.Metric, err error) {
	if err != nil {
		m = prometheus.NewInvalidMetric(desc, err)
	}
	e.ch <- m
}

// describe returns a description and the values of its labels.
func describe(name, help string, labels prometheus.Labels) (desc *prometheus.Desc, values []string) {
	names := make([]string, 0, len(labels))
	for k, v := range labels {
		names, values = append(names, k), append(values, strings.ToValidUTF8(v, "�"))
	}
	return prometheus.NewDesc("wicket_"+name, help, names, nil), values
}

func (e exposition) histogram(name, help string, h *control.Histogram, labels prometheus.Labels) {
	desc, values := describe(name, help, labels)
	upTo, total := make(map[float64]uint64, len(h.Bounds)), uint64(0)
	for i, n := range h.Counts {
		total += n
		if i < len(h.Bounds) {
			upTo[h.Bounds[i]] = total
		}
	}
	m, err := prometheus.NewConstHistogram(desc, total, h.Sum, upTo, values...)
	e.give(desc, m, err)
}

func (e exposition) gauge(name, help string, value float64, labels prometheus.Labels) {
	e.send(prometheus.GaugeValue, name, help, value, labels)
}

func (e exposition) counter(name, help string, value float64, labels prometheus.Labels) {
	e.send(prometheus.CounterValue, name, help, value, labels)
}
