//go:build wasip1

package wicket

import (
	"unsafe"

	"github.com/wicketmq/wicket/sdk/go/wire"
)

//go:wasmimport wicket kv_get
func hostKVGet(kptr unsafe.Pointer, klen uint32, ptr unsafe.Pointer, size uint32) int32

//go:wasmimport wicket kv_set
func hostKVSet(kptr unsafe.Pointer, klen uint32, ptr unsafe.Pointer, size uint32, ttl int64) int32

//go:wasmimport wicket kv_add
func hostKVAdd(kptr unsafe.Pointer, klen uint32, delta, ttl int64) int64

//go:wasmimport wicket kv_delete
func hostKVDelete(kptr unsafe.Pointer, klen uint32) int32

//go:wasmimport wicket metric_define
func hostMetricDefine(ptr unsafe.Pointer, size uint32) int32

//go:wasmimport wicket metric_add
func metricAdd(id int32, delta int64) int32

//go:wasmimport wicket metric_set
func metricSet(id int32, value int64) int32

//go:wasmimport wicket metric_observe
func metricObserve(id int32, value int64) int32

//go:wasmimport wicket timer_set
func timerSet(delay, repeat int64) int64

//go:wasmimport wicket timer_cancel
func hostTimerCancel(id int64) int32

//go:wasmimport wicket client_disconnect
func hostClientDisconnect(ptr unsafe.Pointer, size uint32) int32

func kvGet(key string) ([]byte, bool) {
	k, n := unsafe.Pointer(unsafe.StringData(key)), uint32(len(key))
	buf := make([]byte, 64)
	for {
		size := hostKVGet(k, n, unsafe.Pointer(unsafe.SliceData(buf)), uint32(len(buf)))
		if size < 0 {
			return nil, false
		}
		if int(size) <= len(buf) {
			return buf[:size], true
		}
		buf = make([]byte, size)
	}
}

func kvSet(key string, value []byte, ttl int64) int32 {
	return hostKVSet(unsafe.Pointer(unsafe.StringData(key)), uint32(len(key)), unsafe.Pointer(unsafe.SliceData(value)), uint32(len(value)), ttl)
}

func kvAdd(key string, delta, ttl int64) int64 {
	return hostKVAdd(unsafe.Pointer(unsafe.StringData(key)), uint32(len(key)), delta, ttl)
}

func kvDelete(key string) bool {
	return hostKVDelete(unsafe.Pointer(unsafe.StringData(key)), uint32(len(key))) == 1
}

func metricDefine(m *wire.Metric) int32 {
	b := m.Append(nil)
	return hostMetricDefine(unsafe.Pointer(unsafe.SliceData(b)), uint32(len(b)))
}

func timerCancel(id int64) bool { return hostTimerCancel(id) == 0 }

func disconnect(p *Parting) int32 {
	b := p.Append(nil)
	return hostClientDisconnect(unsafe.Pointer(unsafe.SliceData(b)), uint32(len(b)))
}

//go:wasmexport wicket_timer
func exportTimer(id int64) {
	if f := due(id); f != nil {
		background(f)
	}
}

//go:wasmexport wicket_event
func exportEvent(ptr unsafe.Pointer, size int32) {
	b, ok := take(ptr, size)
	if !ok || observer.f == nil {
		return
	}
	e := new(Event)
	if err := e.Decode(b); err != nil {
		Error("cannot read the event: " + err.Error())
		return
	}
	background(func(ctx *Context) { observed(ctx, e) })
}

// background runs a function that answers nothing, on a worker of its own.
func background(f func(*Context)) {
	w := idleWorker()
	w.req, w.event, w.exchange = 0, nil, 0
	w.run = func(*worker) Verdict {
		f(new(Context))
		return Verdict{}
	}
	w.detached, w.finished, w.over = false, false, true
	w.wake <- struct{}{}
	pump(&w.finished, many)
	if !w.finished {
		w.detached = true
		pending++
		return
	}
	if pending > len(calls)+len(exchanges) { // some wait for what this one may have done
		pump(nil, few)
	}
	if !w.gone {
		free = append(free, w)
	}
}
