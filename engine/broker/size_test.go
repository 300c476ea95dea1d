package broker

import (
	"fmt"
	"runtime"
	"testing"
	"unsafe"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// There are very many of these; a field more is a decision.
func TestSizes(t *testing.T) {
	for _, tt := range []struct {
		name      string
		size, max uintptr
	}{
		{"Client", unsafe.Sizeof(Client{}), 104},
		{"subscriber", unsafe.Sizeof(subscriber{}), 144},
		{"hit", unsafe.Sizeof(hit{}), 48},
		{"routed", unsafe.Sizeof(routed{}), 80},
		{"level", unsafe.Sizeof(level{}), 80},
	} {
		t.Logf("%-12s %d bytes", tt.name, tt.size)
		if tt.size > tt.max {
			t.Errorf("%s has %d bytes, want at most %d", tt.name, tt.size, tt.max)
		}
	}
}

// What an idle client costs beyond its own struct: session, registry, index,
// one subscription.
func TestIdleSessionMemory(t *testing.T) {
	const n = 20_000
	w := newWorld(t, Options{})
	clients := make([]Client, n)
	packets := make([][]byte, n)
	for i := range packets {
		b := connect(fmt.Sprintf("device-%06d", i), v311).Append(nil, mqtt.V311)
		packets[i] = subscribe(1, fmt.Sprintf("devices/%06d/set", i), 1).Append(b, mqtt.V311)
	}
	l := &sinkLink{}
	before := heapBytes()
	for i := range clients {
		w.shards[0].Attach(&clients[i], l, &w.info)
		clients[i].Feed(packets[i])
	}
	w.settle()
	per := float64(heapBytes()-before) / n
	t.Logf("%.0f bytes per idle session with one subscription", per)
	if got := w.b.Stats().Connections; got != n {
		t.Fatalf("%d clients are connected", got)
	}
	if per > 400 {
		t.Errorf("%.0f bytes per session, want at most 400", per)
	}
	runtime.KeepAlive(packets)
	runtime.KeepAlive(clients)
}

func heapBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
