package wasm

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/tetratelabs/wazero/api"
)

// Caps on the metrics of a plugin. Each series costs a scrape some hundred
// bytes, and for a histogram as many per bucket.
const (
	maxSeries     = 64
	maxLabels     = 8
	maxBuckets    = 32
	maxMetricName = 64
	maxMetricHelp = 256
	maxLabelValue = 128
	maxMetric     = 8 << 10 // bytes of the message
)

var (
	errMetricName    = errors.New("its name is not like messages_total: letters a to z, digits and _, and not ending in _bucket, _count, _sum or _created")
	errMetricTotal   = errors.New("names of counters, and of nothing else, end in _total")
	errMetricBuckets = errors.New("buckets are upper bounds of a histogram, rising")
	errMetricLabel   = errors.New("it has a label twice, one that Prometheus or the broker uses, or a value that is too long")
	errMetricKind    = errors.New("there is a metric of this name that is of another kind, or has other buckets")
	errTooManySeries = errors.New("there are too many series")
)

// MetricKind is what a metric counts; the numbers are those of sdk/wicket.proto.
type MetricKind uint8

// The kinds of metrics.
const (
	MetricCounter MetricKind = iota
	MetricGauge
	MetricHistogram
)

// Metric is a series of a plugin, as it is at the moment.
type Metric struct {
	Plugin string
	Name   string // as the plugin calls it
	Help   string
	Kind   MetricKind
	Labels []Label // by name
	Value  int64   // of a counter or gauge

	Bounds []uint64 // of a histogram: upper bounds, rising
	Counts []uint64 // for each bound the values up to it and above the one before; one more at the end
	Sum    int64
}

// Label is a label of a Metric with its value.
type Label struct{ Name, Value string }

// series is a metric with one set of labels.
type series struct {
	id      int32
	key     string // labels in one text
	spec    Metric // without figures
	value   atomic.Int64
	sum     atomic.Int64
	buckets []atomic.Uint64 // one more than bounds
	by      map[*Plugin]bool
}

// names are the metrics of all plugins by their name, which has one kind and
// one help whoever uses it: Prometheus would refuse the scrape otherwise.
type names struct {
	mu sync.Mutex
	of map[string]*named
}

type named struct {
	kind   MetricKind
	help   string
	plugin string // that had it first
	series int
}

// family is the metrics of a plugin. What it defines is under the lock of
// names; counting needs none.
type family struct {
	plugin string
	all    *names
	last   int32
	byID   atomic.Pointer[map[int32]*series] // replaced, never changed
}

func (f *family) list() map[int32]*series {
	if m := f.byID.Load(); m != nil {
		return *m
	}
	return nil
}

// define returns the series of a metric, or the code for the guest with what
// is wrong. A series that no version of the plugin has asked for any more makes
// room when there is none.
func (f *family) define(p *Plugin, m Metric) (id int32, err error) {
	f.all.mu.Lock()
	defer f.all.mu.Unlock()
	key := labelsKey(m.Labels)
	for _, s := range f.list() {
		if s.spec.Name != m.Name || s.key != key {
			continue
		}
		if s.spec.Kind != m.Kind || !slices.Equal(s.spec.Bounds, m.Bounds) {
			return callMalformed, errMetricKind
		}
		s.by[p] = true
		return s.id, nil
	}
	if n := f.all.of[m.Name]; n != nil && n.kind != m.Kind {
		return callMalformed, errMetricKind
	}
	if len(f.list()) >= maxSeries && !f.evict() {
		return callTooMany, errTooManySeries
	}
	return f.insert(p, m, key), nil
}

func (f *family) insert(p *Plugin, m Metric, key string) int32 {
	if f.all.of == nil {
		f.all.of = map[string]*named{}
	}
	n := f.all.of[m.Name]
	if n == nil {
		n = &named{kind: m.Kind, help: m.Help, plugin: f.plugin}
		f.all.of[m.Name] = n
	}
	n.series++
	m.Plugin, m.Help = f.plugin, n.help
	f.last++
	s := &series{id: f.last, key: key, spec: m, by: map[*Plugin]bool{p: true}}
	if m.Kind == MetricHistogram {
		s.buckets = make([]atomic.Uint64, len(m.Bounds)+1)
	}
	f.change(func(all map[int32]*series) { all[s.id] = s })
	return s.id
}

// evict drops a series that nobody uses any more.
func (f *family) evict() bool {
	for _, s := range f.list() {
		if len(s.by) == 0 {
			f.drop(s)
			return true
		}
	}
	return false
}

func (f *family) drop(s *series) {
	n := f.all.of[s.spec.Name]
	if n.series--; n.series == 0 {
		delete(f.all.of, s.spec.Name)
	}
	f.change(func(all map[int32]*series) { delete(all, s.id) })
}

func (f *family) change(do func(map[int32]*series)) {
	next := make(map[int32]*series, len(f.list())+1)
	for id, s := range f.list() {
		next[id] = s
	}
	do(next)
	f.byID.Store(&next)
}

// leave says that p is closed.
func (f *family) leave(p *Plugin) {
	f.all.mu.Lock()
	defer f.all.mu.Unlock()
	for _, s := range f.list() {
		delete(s.by, p)
	}
}

// close drops all.
func (f *family) close() {
	f.all.mu.Lock()
	defer f.all.mu.Unlock()
	for _, s := range f.list() {
		f.drop(s)
	}
}

// Metrics are the series of all plugins, by plugin, name and labels. It may be
// called from any goroutine.
func (h *Host) Metrics() (out []Metric) {
	h.mu.Lock()
	for _, k := range h.kept {
		for _, s := range k.metrics.list() {
			out = append(out, s.now())
		}
	}
	h.mu.Unlock()
	slices.SortFunc(out, func(a, b Metric) int {
		return cmp.Or(cmp.Compare(a.Plugin, b.Plugin), cmp.Compare(a.Name, b.Name), cmp.Compare(labelsKey(a.Labels), labelsKey(b.Labels)))
	})
	return out
}

func (s *series) now() Metric {
	m := s.spec
	m.Value, m.Sum = s.value.Load(), s.sum.Load()
	for i := range s.buckets {
		m.Counts = append(m.Counts, s.buckets[i].Load())
	}
	return m
}

// add adds to a counter or gauge.
func (s *series) add(delta int64) bool {
	if s.spec.Kind == MetricHistogram || s.spec.Kind == MetricCounter && delta < 0 {
		return false
	}
	addTo(&s.value, delta)
	return true
}

func (s *series) set(v int64) bool {
	if s.spec.Kind != MetricGauge {
		return false
	}
	s.value.Store(v)
	return true
}

func (s *series) observe(v int64) bool {
	if s.spec.Kind != MetricHistogram || v < 0 {
		return false
	}
	at, _ := slices.BinarySearch(s.spec.Bounds, uint64(v)) // one that is a bound belongs below it
	s.buckets[at].Add(1)
	addTo(&s.sum, v)
	return true
}

// addTo adds without overflow.
func addTo(to *atomic.Int64, delta int64) {
	for {
		old := to.Load()
		if to.CompareAndSwap(old, addWithin(old, delta)) {
			return
		}
	}
}

// labelsKey writes labels so that different ones never look the same.
func labelsKey(labels []Label) string {
	var b strings.Builder
	for _, l := range labels {
		b.WriteString(strconv.Quote(l.Name))
		b.WriteString(strconv.Quote(l.Value))
	}
	return b.String()
}

// decodeMetric reads a Metric out of the guest's memory.
func decodeMetric(b []byte) (m Metric, err error) {
	f := fields{text: string(b[:min(len(b), maxMetric)])}
	if len(b) > maxMetric {
		f.fail("message of %d bytes; the limit is %d", len(b), maxMetric)
	}
	for f.next() {
		switch f.field {
		case 1:
			m.Name = strings.Clone(f.string(maxMetricName))
		case 2:
			m.Help = strings.Clone(f.string(maxMetricHelp))
		case 3:
			m.Kind = MetricKind(f.uint(uint64(MetricHistogram)))
		case 4:
			p := f.property()
			m.Labels = appendCapped(&f, m.Labels, Label{strings.Clone(p.Key), strings.Clone(p.Value)}, maxLabels)
		case 5:
			m.Bounds = appendCapped(&f, m.Bounds, f.uint(math.MaxInt64), maxBuckets)
		}
	}
	slices.SortFunc(m.Labels, func(a, b Label) int { return cmp.Compare(a.Name, b.Name) })
	if f.err == nil {
		f.err = m.check()
	}
	return m, f.err
}

// check finds what Prometheus would not take, or would take for something else.
func (m *Metric) check() error {
	total := strings.HasSuffix(m.Name, "_total")
	switch {
	case !metricName(m.Name):
		return errMetricName
	case total != (m.Kind == MetricCounter):
		return errMetricTotal
	case m.Kind != MetricHistogram && len(m.Bounds) > 0:
		return errMetricBuckets
	}
	for i := range m.Bounds {
		if i > 0 && m.Bounds[i] <= m.Bounds[i-1] {
			return errMetricBuckets
		}
	}
	for i, l := range m.Labels {
		if !labelName(l.Name) || i > 0 && l.Name == m.Labels[i-1].Name ||
			len(l.Value) > maxLabelValue || !utf8.ValidString(l.Value) {
			return errMetricLabel
		}
	}
	return nil
}

// metricName says whether a name is [a-z_][a-z0-9_]* and none that a histogram
// of another name would show.
func metricName(name string) bool {
	for _, end := range []string{"_bucket", "_count", "_sum", "_created"} {
		if strings.HasSuffix(name, end) {
			return false
		}
	}
	return identifier(name)
}

// labelName says whether a label may have the name: those that begin with two
// underscores are Prometheus's, plugin and le are shown anyway.
func labelName(name string) bool {
	return identifier(name) && !strings.HasPrefix(name, "__") && name != "plugin" && name != "le" && name != "quantile"
}

func identifier(name string) bool {
	if name == "" || len(name) > maxMetricName || name[0] >= '0' && name[0] <= '9' {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

func hostMetricDefine(i *instance, stack []uint64) {
	m, err := decodeMetric(i.view(stack[0], stack[1]))
	id := int32(callMalformed)
	if err == nil {
		id, err = i.p.kept.metrics.define(i.p, m)
	}
	if err != nil {
		i.p.complain("plugin cannot have a metric", "metric", m.Name, "error", err)
	}
	stack[0] = api.EncodeI32(id)
}

// metricFunc makes an import of what counts.
func metricFunc(count func(*series, int64) bool) hostFunc {
	return func(i *instance, stack []uint64) {
		s := i.p.kept.metrics.list()[int32(stack[0])]
		v := int64(stack[1])
		stack[0] = 0
		if s == nil || !count(s, v) {
			stack[0] = api.EncodeI32(callMalformed)
		}
	}
}
