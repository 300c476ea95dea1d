package harness

import (
	"context"
	"encoding/binary"
	"math"
	"slices"

	"github.com/tetratelabs/wazero/api"

	"github.com/wicketmq/wicket/sdk/go/wire"
)

// Keeps is what a guest has kept, counted, set and done. The harness has no time:
// nothing expires, and timers fire by Fire.
type Keeps struct {
	Store       map[string]string
	Lives       map[string]int64 // ttl_ms as it was set
	Full        bool             // there is no room
	Metrics     []Metric
	Timers      []Timer
	Disconnects []wire.Disconnect
}

// Metric is a series with what it has counted.
type Metric struct {
	wire.Metric
	Value int64
	Seen  []int64 // by a histogram
}

// Timer is a timer that is set.
type Timer struct{ ID, Delay, Repeat int64 }

// Fire calls wicket_timer. A timer that does not repeat is gone then.
func (g *Guest) Fire(id int64) {
	g.Timers = slices.DeleteFunc(g.Timers, func(t Timer) bool { return t.ID == id && t.Repeat == 0 })
	g.call("wicket_timer", uint64(id))
}

// Notify calls wicket_event with the bytes of an Event, whatever they are.
func (g *Guest) Notify(event []byte) {
	ptr, n := g.put(event)
	g.call("wicket_event", ptr, n)
}

func keepImports(export func(name string, f any)) {
	export("kv_get", func(ctx context.Context, m api.Module, kptr, klen, ptr, n uint32) int32 {
		g := of(ctx)
		v, ok := g.Store[string(g.read(m, kptr, klen))]
		if !ok {
			return -1
		}
		if len(v) <= int(n) {
			copy(g.read(m, ptr, n), v)
		}
		return int32(len(v))
	})
	export("kv_set", func(ctx context.Context, m api.Module, kptr, klen, ptr, n uint32, ttl int64) int32 {
		g := of(ctx)
		key, value := string(g.read(m, kptr, klen)), string(g.read(m, ptr, n))
		switch {
		case key == "" || len(key) > 256 || len(value) > 64<<10 || ttl < 0:
			return -3
		case g.Full:
			return -2
		}
		g.Store[key], g.Lives[key] = value, ttl
		return 0
	})
	export("kv_add", func(ctx context.Context, m api.Module, kptr, klen uint32, delta, ttl int64) int64 {
		g := of(ctx)
		key := string(g.read(m, kptr, klen))
		v, ok := g.Store[key]
		if !ok {
			v, g.Lives[key] = "\x00\x00\x00\x00\x00\x00\x00\x00", ttl
		}
		if g.Full || len(v) != 8 {
			return math.MinInt64
		}
		sum := int64(binary.LittleEndian.Uint64([]byte(v))) + delta
		g.Store[key] = string(binary.LittleEndian.AppendUint64(nil, uint64(sum)))
		return sum
	})
	export("kv_delete", func(ctx context.Context, m api.Module, kptr, klen uint32) int32 {
		g := of(ctx)
		key := string(g.read(m, kptr, klen))
		if _, ok := g.Store[key]; !ok {
			return 0
		}
		delete(g.Store, key)
		return 1
	})
	metricImports(export)
	export("timer_set", func(ctx context.Context, delay, repeat int64) int64 {
		g := of(ctx)
		if g.Refuse < 0 {
			return g.Refuse
		}
		g.lastCall++
		g.Timers = append(g.Timers, Timer{g.lastCall, delay, repeat})
		return g.lastCall
	})
	export("timer_cancel", func(ctx context.Context, id int64) int32 {
		g := of(ctx)
		before := len(g.Timers)
		g.Timers = slices.DeleteFunc(g.Timers, func(t Timer) bool { return t.ID == id })
		if len(g.Timers) == before {
			return -1
		}
		return 0
	})
	export("client_disconnect", func(ctx context.Context, m api.Module, ptr, n uint32) int32 {
		g := of(ctx)
		var d wire.Disconnect
		if g.Refuse < 0 {
			return int32(g.Refuse)
		}
		if err := d.Decode(slices.Clone(g.read(m, ptr, n))); err != nil {
			return -3
		}
		g.Disconnects = append(g.Disconnects, d)
		return 0
	})
}

func metricImports(export func(name string, f any)) {
	export("metric_define", func(ctx context.Context, m api.Module, ptr, n uint32) int32 {
		g := of(ctx)
		var d wire.Metric
		if g.Refuse < 0 {
			return int32(g.Refuse)
		}
		if err := d.Decode(slices.Clone(g.read(m, ptr, n))); err != nil {
			return -3
		}
		g.Metrics = append(g.Metrics, Metric{Metric: d})
		return int32(len(g.Metrics))
	})
	count := func(do func(*Metric, int64)) any {
		return func(ctx context.Context, id int32, v int64) int32 {
			g := of(ctx)
			if id < 1 || int(id) > len(g.Metrics) {
				return -3
			}
			do(&g.Metrics[id-1], v)
			return 0
		}
	}
	export("metric_add", count(func(m *Metric, v int64) { m.Value += v }))
	export("metric_set", count(func(m *Metric, v int64) { m.Value = v }))
	export("metric_observe", count(func(m *Metric, v int64) { m.Seen = append(m.Seen, v) }))
}
