package wasm

import (
	"container/heap"
	"encoding/binary"
	"math"
	"sync"
	"time"

	"github.com/tetratelabs/wazero/api"
)

// Caps on keys and values.
const (
	maxKey   = 256
	maxValue = 64 << 10
)

// itemOverhead is what a key costs beside its bytes and those of its value:
// the entry, its place in the map and in the queue of those that expire, and
// what allocations are rounded up to. TestStoreMemory holds it to the truth.
const itemOverhead = 192

// noCounter is what kv_add returns when it has not added.
const noCounter = math.MinInt64

// store is the keys and values of a plugin. Every call first drops what has
// expired, so there is neither a goroutine nor a timer behind it, and what lies
// there unused is bounded like the rest. Calls take a tenth of a microsecond,
// which is why one lock is enough for all instances.
type store struct {
	mu    sync.Mutex
	max   int64 // bytes
	used  int64
	items map[string]*item
	due   dueItems
	epoch time.Time // of the times that items expire at
}

// item is a key with its value.
type item struct {
	key   string
	value []byte
	at    time.Duration // when it expires
	pos   int           // in store.due; -1 when it does not expire
}

func (s *item) cost() int64 { return itemCost(len(s.key), len(s.value)) }

func itemCost(key, value int) int64 { return int64(key + value + itemOverhead) }

// bound sets how much the store may keep. What is there stays.
func (s *store) bound(bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.max = bytes
}

// size returns the keys and the bytes that are accounted for them.
func (s *store) size() (keys int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.items), s.used
}

// enter locks the store and drops what has expired by now.
func (s *store) enter(now time.Time) time.Duration {
	s.mu.Lock()
	if s.items == nil {
		s.items, s.epoch = map[string]*item{}, now
	}
	t := now.Sub(s.epoch)
	for len(s.due) > 0 && s.due[0].at <= t {
		s.drop(s.due[0])
	}
	return t
}

func (s *store) drop(i *item) {
	if i.pos >= 0 {
		heap.Remove(&s.due, i.pos)
	}
	delete(s.items, i.key)
	s.used -= i.cost()
}

// get copies the value of a key to out, if there is room for it.
func (s *store) get(now time.Time, key, out []byte) (size int, ok bool) {
	s.enter(now)
	defer s.mu.Unlock()
	i := s.items[string(key)]
	if i == nil {
		return 0, false
	}
	if len(i.value) <= len(out) {
		copy(out, i.value)
	}
	return len(i.value), true
}

// set gives a key a value for ttl, or for good when that is 0. False says that
// there is no room; what was there stays.
func (s *store) set(now time.Time, key, value []byte, ttl time.Duration) bool {
	t := s.enter(now)
	defer s.mu.Unlock()
	i := s.items[string(key)]
	if i == nil {
		return s.insert(key, value, t, ttl)
	}
	grows := int64(len(value) - len(i.value))
	if grows > 0 && s.used+grows > s.max {
		return false
	}
	s.used += grows
	if cap(i.value) >= len(value) && cap(i.value) < 2*len(value)+16 {
		i.value = append(i.value[:0], value...)
	} else {
		i.value = append(make([]byte, 0, len(value)), value...)
	}
	s.expire(i, t, ttl)
	return true
}

func (s *store) insert(key, value []byte, t, ttl time.Duration) bool {
	cost := itemCost(len(key), len(value))
	if s.used+cost > s.max {
		return false
	}
	i := &item{key: string(key), value: append(make([]byte, 0, len(value)), value...), pos: -1}
	s.items[i.key] = i
	s.used += cost
	s.expire(i, t, ttl)
	return true
}

// expire sets when an item goes.
func (s *store) expire(i *item, t, ttl time.Duration) {
	switch {
	case ttl == 0 && i.pos >= 0:
		heap.Remove(&s.due, i.pos)
		i.pos = -1
	case ttl == 0:
	case i.pos >= 0:
		i.at = t + ttl
		heap.Fix(&s.due, i.pos)
	default:
		i.at = t + ttl
		heap.Push(&s.due, i)
	}
}

// add adds to a counter, which begins at 0 and ends after ttl.
func (s *store) add(now time.Time, key []byte, delta int64, ttl time.Duration) (sum int64, ok bool) {
	t := s.enter(now)
	defer s.mu.Unlock()
	i := s.items[string(key)]
	if i == nil {
		var value [8]byte
		sum = addWithin(0, delta)
		binary.LittleEndian.PutUint64(value[:], uint64(sum))
		return sum, s.insert(key, value[:], t, ttl)
	}
	if len(i.value) != 8 {
		return 0, false
	}
	sum = addWithin(int64(binary.LittleEndian.Uint64(i.value)), delta)
	binary.LittleEndian.PutUint64(i.value, uint64(sum))
	return sum, true
}

// addWithin adds without overflow, and never comes to noCounter.
func addWithin(a, b int64) int64 {
	sum := a + b
	switch {
	case b > 0 && sum < a:
		return math.MaxInt64
	case b < 0 && sum > a, sum == noCounter:
		return noCounter + 1
	}
	return sum
}

// remove drops a key; false says that there was none.
func (s *store) remove(now time.Time, key []byte) bool {
	s.enter(now)
	defer s.mu.Unlock()
	i := s.items[string(key)]
	if i == nil {
		return false
	}
	s.drop(i)
	return true
}

// dueItems is a heap, the first to expire at its top.
type dueItems []*item

func (q dueItems) Len() int           { return len(q) }
func (q dueItems) Less(a, b int) bool { return q[a].at < q[b].at }
func (q dueItems) Swap(a, b int) {
	q[a], q[b] = q[b], q[a]
	q[a].pos, q[b].pos = a, b
}

// Push implements heap.Interface.
func (q *dueItems) Push(x any) {
	i := x.(*item)
	i.pos = len(*q)
	*q = append(*q, i)
}

// Pop implements heap.Interface.
func (q *dueItems) Pop() any {
	last := len(*q) - 1
	i := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	i.pos = -1
	return i
}

// lifetime converts a ttl_ms; what is longer than a century is a century.
func lifetime(ms int64) (ttl time.Duration, ok bool) {
	const century = 100 * 365 * 24 * time.Hour
	return time.Duration(min(ms, century.Milliseconds())) * time.Millisecond, ms >= 0
}

func goodKey(key []byte) bool { return len(key) > 0 && len(key) <= maxKey }

func hostKVGet(i *instance, stack []uint64) {
	key, out := i.view(stack[0], stack[1]), i.view(stack[2], stack[3])
	stack[0] = api.EncodeI32(-1)
	if size, ok := i.p.kv.get(i.p.now(), key, out); ok {
		stack[0] = api.EncodeI32(int32(size))
	}
}

func hostKVSet(i *instance, stack []uint64) {
	key, value := i.view(stack[0], stack[1]), i.view(stack[2], stack[3])
	ttl, ok := lifetime(int64(stack[4]))
	switch {
	case !ok, !goodKey(key), len(value) > maxValue:
		stack[0] = api.EncodeI32(callMalformed)
	case !i.p.kv.set(i.p.now(), key, value, ttl):
		i.p.full()
		stack[0] = api.EncodeI32(callTooMany)
	default:
		stack[0] = 0
	}
}

func hostKVAdd(i *instance, stack []uint64) {
	key := i.view(stack[0], stack[1])
	delta := int64(stack[2])
	ttl, ok := lifetime(int64(stack[3]))
	no := int64(noCounter)
	stack[0] = uint64(no)
	if !ok || !goodKey(key) {
		return
	}
	if sum, ok := i.p.kv.add(i.p.now(), key, delta, ttl); ok {
		stack[0] = uint64(sum)
		return
	}
	i.p.full()
}

func hostKVDelete(i *instance, stack []uint64) {
	key := i.view(stack[0], stack[1])
	stack[0] = 0
	if i.p.kv.remove(i.p.now(), key) {
		stack[0] = 1
	}
}

// full tells the operator that a plugin has no room for a key.
func (p *Plugin) full() {
	p.stats.kvFull.Add(1)
	p.complain("plugin has no room for a value, or used one that is no counter as one; see `kv.max_bytes` of the plugin")
}

// Keep gives a key of the plugin a value, as kv_set does; false says that it
// cannot. It is for tests of plugins.
func (p *Plugin) Keep(key string, value []byte, ttl time.Duration) bool {
	return goodKey([]byte(key)) && len(value) <= maxValue && ttl >= 0 && p.kv.set(p.now(), []byte(key), value, ttl)
}

// Kept returns the value of a key of the plugin, for tests of plugins.
func (p *Plugin) Kept(key string) (value []byte, ok bool) {
	value = make([]byte, maxValue)
	n, ok := p.kv.get(p.now(), []byte(key), value)
	return value[:n], ok
}
