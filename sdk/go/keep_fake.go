//go:build !wasip1

package wicket

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/wicketmq/wicket/sdk/go/wire"
)

// fake stands in for what the broker keeps, outside of it: the tests of a plugin
// on the machine of its author. It belongs to the goroutine of the test.
type fake struct {
	now     int64 // milliseconds since TestReset
	kv      map[string]kept
	metrics []*counted
	timers  []alarm
	last    int64
	gone    []Parting
}

type kept struct {
	value []byte
	ends  int64 // 0: never
}

type counted struct {
	wire.Metric
	value, seen int64
}

type alarm struct{ id, at, repeat int64 }

var broker = fake{kv: map[string]kept{}}

// TestReset forgets what plugins have kept, their timers and whom they have
// disconnected, and sets their metrics to 0. It is for tests, before each.
func TestReset() {
	for _, m := range broker.metrics {
		m.value, m.seen = 0, 0
	}
	broker = fake{kv: map[string]kept{}, metrics: broker.metrics, last: broker.last}
	clear(ticks)
}

// TestAdvance lets time pass for KV and timers, and has those called that are
// due meanwhile, in their order, with a Context that asks h.
func TestAdvance(h Host, milliseconds int64) {
	end := broker.now + milliseconds
	for {
		i := -1
		for n, a := range broker.timers {
			if a.at <= end && (i < 0 || a.at < broker.timers[i].at) {
				i = n
			}
		}
		if i < 0 {
			break
		}
		a := broker.timers[i]
		broker.now = max(broker.now, a.at)
		broker.timers = slices.Delete(broker.timers, i, i+1)
		f := due(a.id)
		if f == nil {
			continue
		}
		f(&Context{fake: h})
		if _, there := ticks[a.id]; there {
			broker.timers = append(broker.timers, alarm{a.id, broker.now + a.repeat, a.repeat})
		}
	}
	broker.now = end
}

// TestEvent tells the registered handler of an event.
func TestEvent(h Host, e *Event) { observed(&Context{fake: h}, e) }

// TestMetric returns what a metric has come to: the value of a counter or gauge,
// and of a histogram how many values it has. Labels are names and values in turn.
func TestMetric(name string, labels ...string) int64 {
	key := metricKey(name, labels)
	for _, m := range broker.metrics {
		if metricKey(m.Name, flat(m.Labels)) == key {
			if m.Kind == wire.MetricHistogram {
				return m.seen
			}
			return m.value
		}
	}
	return 0
}

// TestDisconnected returns whom plugins have disconnected.
func TestDisconnected() []Parting { return slices.Clone(broker.gone) }

func flat(labels []Property) (list []string) {
	for _, l := range labels {
		list = append(list, l.Key, l.Value)
	}
	return list
}

func metricKey(name string, labels []string) string {
	var pairs []string
	for i := 0; i+1 < len(labels); i += 2 {
		pairs = append(pairs, labels[i]+"\x00"+labels[i+1])
	}
	slices.Sort(pairs)
	return name + "\x01" + strings.Join(pairs, "\x01")
}

func (f *fake) find(key string) (kept, bool) {
	k, ok := f.kv[key]
	if ok && k.ends != 0 && k.ends <= f.now {
		delete(f.kv, key)
		return kept{}, false
	}
	return k, ok
}

func (f *fake) ends(ttl int64) int64 {
	if ttl == 0 {
		return 0
	}
	return f.now + ttl
}

func badKey(key string) bool { return key == "" || len(key) > 256 }

func kvGet(key string) ([]byte, bool) {
	k, ok := broker.find(key)
	return slices.Clone(k.value), ok
}

func kvSet(key string, value []byte, ttl int64) int32 {
	if badKey(key) || len(value) > 64<<10 || ttl < 0 {
		return -3
	}
	broker.kv[key] = kept{slices.Clone(value), broker.ends(ttl)}
	return 0
}

func kvAdd(key string, delta, ttl int64) int64 {
	k, there := broker.find(key)
	if badKey(key) || ttl < 0 || there && len(k.value) != 8 {
		return math.MinInt64
	}
	if !there {
		k = kept{make([]byte, 8), broker.ends(ttl)}
	}
	was := int64(binary.LittleEndian.Uint64(k.value))
	sum := was + delta
	switch {
	case delta > 0 && sum < was:
		sum = math.MaxInt64
	case delta < 0 && sum > was, sum == math.MinInt64:
		sum = math.MinInt64 + 1
	}
	binary.LittleEndian.PutUint64(k.value, uint64(sum))
	broker.kv[key] = k
	return sum
}

func kvDelete(key string) bool {
	_, there := broker.find(key)
	delete(broker.kv, key)
	return there
}

func metricDefine(m *wire.Metric) int32 {
	key := metricKey(m.Name, flat(m.Labels))
	for i, c := range broker.metrics {
		if metricKey(c.Name, flat(c.Labels)) == key {
			return int32(i + 1)
		}
	}
	broker.metrics = append(broker.metrics, &counted{Metric: *m})
	return int32(len(broker.metrics))
}

func metricOf(id int32) *counted {
	if id < 1 || int(id) > len(broker.metrics) {
		return new(counted)
	}
	return broker.metrics[id-1]
}

func metricAdd(id int32, delta int64) { metricOf(id).value += delta }
func metricSet(id int32, value int64) { metricOf(id).value = value }
func metricObserve(id int32, value int64) {
	m := metricOf(id)
	m.value += value
	m.seen++
}

func timerSet(delay, repeat int64) int64 {
	const longest = 30 * 24 * 3600 * 1000
	switch {
	case delay < 10, delay > longest, repeat != 0 && repeat < 10, repeat > longest:
		return -3
	case len(broker.timers) >= 1024:
		return -2
	}
	broker.last++
	broker.timers = append(broker.timers, alarm{broker.last, broker.now + delay, repeat})
	return broker.last
}

func timerCancel(id int64) bool {
	before := len(broker.timers)
	broker.timers = slices.DeleteFunc(broker.timers, func(a alarm) bool { return a.id == id })
	return len(broker.timers) < before
}

func disconnect(p *Parting) int32 {
	if p.ClientID == "" || p.Reason != 0 && p.Reason < 0x80 {
		return -3
	}
	broker.gone = append(broker.gone, *p)
	return 0
}
