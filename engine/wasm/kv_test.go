package wasm

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/big"
	"runtime"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func value(s *store, now time.Time, key string) string {
	out := make([]byte, maxValue)
	n, ok := s.get(now, []byte(key), out)
	if !ok {
		return "-"
	}
	return string(out[:n])
}

// TestStoreModel: a store is a map whose entries end, within its bytes.
func TestStoreModel(t *testing.T) {
	type entry struct {
		value string
		ends  time.Time // zero: never
	}
	rapid.Check(t, func(t *rapid.T) {
		const room = 10 * itemOverhead
		var s store
		s.bound(room)
		model, now := map[string]entry{}, noon
		used := func() (n int64) {
			for k, e := range model {
				n += itemCost(len(k), len(e.value))
			}
			return n
		}
		key := rapid.StringN(1, 2, 3)
		ends := func(ttl time.Duration) time.Time {
			if ttl == 0 {
				return time.Time{}
			}
			return now.Add(ttl)
		}
		ttl := rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.IntRange(0, 5).Draw(t, "ttl")) * time.Second
		})
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				maps.DeleteFunc(model, func(_ string, e entry) bool { return !e.ends.IsZero() && !now.Before(e.ends) })
				s.enter(now)
				s.mu.Unlock()
				if keys, bytes := s.size(); keys != len(model) || bytes != used() {
					t.Fatalf("%d keys in %d bytes, want %d in %d", keys, bytes, len(model), used())
				}
				for k, e := range model {
					if got := value(&s, now, k); got != e.value {
						t.Fatalf("%q is %q, want %q", k, got, e.value)
					}
				}
			},
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 3).Draw(t, "seconds")) * time.Second)
			},
			"set": func(t *rapid.T) {
				k, v, life := key.Draw(t, "key"), rapid.StringN(0, 9, 20).Draw(t, "value"), ttl.Draw(t, "life")
				old, there := model[k]
				fits := used()+itemCost(len(k), len(v)) <= room
				if there {
					fits = len(v) <= len(old.value) || used()+int64(len(v)-len(old.value)) <= room
				}
				if s.set(now, []byte(k), []byte(v), life) != fits {
					t.Fatalf("set %q: want %v", k, fits)
				}
				if fits {
					model[k] = entry{v, ends(life)}
				}
			},
			"add": func(t *rapid.T) {
				k, delta, life := key.Draw(t, "key"), rapid.Int64().Draw(t, "delta"), ttl.Draw(t, "life")
				e, there := model[k]
				was := int64(0)
				good := used()+itemCost(len(k), 8) <= room
				if there {
					if good = len(e.value) == 8; good {
						was = int64(binary.LittleEndian.Uint64([]byte(e.value)))
					}
				} else {
					e.ends = ends(life)
				}
				sum, ok := s.add(now, []byte(k), delta, life)
				if ok != good || ok && sum == noCounter {
					t.Fatalf("add %q: %d, %v, want %v", k, sum, ok, good)
				}
				if good {
					exact := new(big.Int).Add(big.NewInt(was), big.NewInt(delta))
					want := exact.Int64()
					switch {
					case exact.Cmp(big.NewInt(math.MaxInt64)) > 0:
						want = math.MaxInt64
					case exact.Cmp(big.NewInt(noCounter+1)) < 0:
						want = noCounter + 1
					}
					if sum != want {
						t.Fatalf("%d + %d = %d, want %d", was, delta, sum, want)
					}
					e.value = string(binary.LittleEndian.AppendUint64(nil, uint64(sum)))
					model[k] = e
				}
			},
			"delete": func(t *rapid.T) {
				k := key.Draw(t, "key")
				if _, there := model[k]; s.remove(now, []byte(k)) != there {
					t.Fatalf("delete %q: want %v", k, there)
				}
				delete(model, k)
			},
		})
	})
}

// TestStoreMemory holds what a key is said to cost to what it does cost.
func TestStoreMemory(t *testing.T) {
	for _, shape := range []struct{ key, value int }{{16, 8}, {40, 0}, {8, 300}} {
		var s store
		s.bound(1 << 40)
		const n = 50_000
		before := heapInUse()
		for i := range n {
			key := fmt.Appendf(nil, "%0*d", shape.key, i)
			if !s.set(noon, key, make([]byte, shape.value), time.Hour) {
				t.Fatal("no room")
			}
		}
		real, _ := heapInUse()-before, runtime.NumCPU()
		_, said := s.size()
		t.Logf("keys of %d, values of %d: %d bytes each, accounted %d", shape.key, shape.value, real/n, said/n)
		if real > said*11/10 {
			t.Errorf("keys of %d, values of %d: %d bytes are accounted as %d", shape.key, shape.value, real, said)
		}
		runtime.KeepAlive(&s)
	}
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestStoreNoAllocations: counting what is there already allocates nothing.
func TestStoreNoAllocations(t *testing.T) {
	var s store
	s.bound(1 << 20)
	key, out := []byte("peer:192.0.2.7"), make([]byte, 8)
	s.add(noon, key, 1, time.Minute)
	if n := testing.AllocsPerRun(100, func() {
		s.add(noon, key, 1, time.Minute)
		s.get(noon, key, out)
		s.set(noon, key, out, time.Minute)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkStoreAdd(b *testing.B) {
	var s store
	s.bound(1 << 30)
	keys := make([][]byte, 1<<16)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "peer:192.0.%d.%d", i>>8, i&255)
		s.add(noon, keys[i], 1, time.Hour)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			s.add(noon, keys[i*7919&0xffff], 1, time.Hour)
		}
	})
}

// FuzzMetric: what a guest says of a metric is malformed or fit for Prometheus.
func FuzzMetric(f *testing.F) {
	f.Add([]byte("\x0a\x07x_total\x12\x04help"))
	f.Add([]byte("\x0a\x01h\x18\x02\x28\x01\x28\x05\x22\x06\x0a\x01a\x12\x01b"))
	f.Add([]byte("\x0a\x01g\x18\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeMetric(b)
		if err != nil {
			return
		}
		if !identifier(m.Name) || len(m.Labels) > maxLabels || len(m.Bounds) > maxBuckets || !slices.IsSorted(m.Bounds) {
			t.Errorf("%+v", m)
		}
		for _, l := range m.Labels {
			if !identifier(l.Name) || l.Name == "plugin" || bytes.ContainsRune([]byte(l.Value), 0) {
				t.Errorf("label %+v", l)
			}
		}
	})
}

// FuzzDisconnect: what a guest says of a client that is to go is malformed, or has
// a client id and a reason that a DISCONNECT may carry.
func FuzzDisconnect(f *testing.F) {
	f.Add([]byte("\x0a\x06victim\x10\x97\x01\x1a\x06enough\x22\x03bob"))
	f.Add([]byte("\x0a\x01x"))
	f.Add([]byte("\x10\x80\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := decodeDisconnect(b)
		if err == nil && (d.ClientID == "" || !disconnects(d.Reason) || len(d.ReasonText) > maxReasonText) {
			t.Errorf("%+v", d)
		}
	})
}
