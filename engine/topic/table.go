package topic

import (
	"sync"
	"sync/atomic"
)

// table is a hash table of pointers with open addressing, split in stripes.
// Readers take no lock and never write. Writers of the same stripe exclude
// each other; whoever owns the table says how (lock is one way).
//
// The table knows elements by their 64-bit hash only. A reader compares the
// few candidates that a hash brings up with what it looks for.
type table[E any] struct {
	stripes [stripes]stripe[E]
}

// stripes is so large that growing one, which a loop has to wait for, is done
// well within a millisecond in a table of 10⁷ elements. stripeShift leaves its
// bits of a hash.
const (
	stripes     = 1024
	stripeShift = 64 - 10
)

// minSlots is the size of the smallest stripe; sizes are powers of two.
const minSlots = 8

type stripe[E any] struct {
	mu    sync.Mutex
	slots atomic.Pointer[[]slot[E]] // replaced as a whole to grow or shrink
	live  int                       // slots with an element
	used  int                       // live and dead slots
	_     [32]byte                  // one stripe, one cache line
}

// slot holds an element under its hash. A slot that has been emptied in the
// middle of a run stays behind as dead, so that readers do not stop there.
type slot[E any] struct {
	hash atomic.Uint64 // or slotFree, slotDead
	elem atomic.Pointer[E]
}

const (
	slotFree = 0
	slotDead = 1
)

// probe walks the elements that have one hash.
type probe[E any] struct {
	slots []slot[E]
	hash  uint64
	at    int
}

func (t *table[E]) stripe(hash uint64) *stripe[E] { return &t.stripes[hash>>stripeShift] }

// lock returns the mutex of the stripe that a hash belongs to.
func (t *table[E]) lock(hash uint64) *sync.Mutex { return &t.stripe(hash).mu }

// usable moves a hash away from the two that mark slots.
func usable(hash uint64) uint64 {
	if hash <= slotDead {
		hash += 2
	}
	return hash
}

// probe starts a search.
func (t *table[E]) probe(hash uint64) probe[E] {
	hash = usable(hash)
	p := t.stripe(hash).slots.Load()
	if p == nil {
		return probe[E]{}
	}
	return probe[E]{slots: *p, hash: hash, at: int(hash)}
}

// next returns the next candidate, or nil at the end of the run. There is
// always a free slot to stop at.
//
// An element may leave, and another take its slot, between the two loads; the
// candidate is then not the one looked for, or nil, and the walk goes on. An
// element that moves to another slot has left and come back, so that a walk
// which misses it saw the moment in between.
func (p *probe[E]) next() *E {
	if p.slots == nil {
		return nil
	}
	mask := len(p.slots) - 1
	for {
		s := &p.slots[p.at&mask]
		p.at++
		switch s.hash.Load() {
		case slotFree:
			return nil
		case p.hash:
			if e := s.elem.Load(); e != nil {
				return e
			}
		}
	}
}

// insert adds an element that is not in the table.
func (t *table[E]) insert(hash uint64, e *E) {
	hash = usable(hash)
	st := t.stripe(hash)
	slots := st.load()
	if (st.used+1)*4 > len(slots)*3 {
		slots = st.resize()
	}
	if st.place(slots, hash, e) {
		st.used++
	}
	st.live++
}

// place puts an element in the first slot that is not taken and reports
// whether that was a free one. The element goes in before its hash, so that
// who sees the hash finds it.
func (st *stripe[E]) place(slots []slot[E], hash uint64, e *E) (free bool) {
	mask := len(slots) - 1
	for i := int(hash); ; i++ {
		s := &slots[i&mask]
		if h := s.hash.Load(); h <= slotDead {
			s.elem.Store(e)
			s.hash.Store(hash)
			return h == slotFree
		}
	}
}

// remove takes out an element that is in the table.
func (t *table[E]) remove(hash uint64, e *E) {
	hash = usable(hash)
	st := t.stripe(hash)
	slots := st.load()
	mask := len(slots) - 1
	i := int(hash)
	for slots[i&mask].elem.Load() != e {
		i++
	}
	s := &slots[i&mask]
	s.hash.Store(slotDead)
	s.elem.Store(nil)
	st.live--
	st.sweep(slots, i)
	if len(slots) > minSlots && st.live*8 < len(slots) {
		st.resize()
	}
}

// sweep frees the dead slot i and those before it if nothing follows: a
// reader that walked past them finds the end of the run one step later.
func (st *stripe[E]) sweep(slots []slot[E], i int) {
	mask := len(slots) - 1
	if slots[(i+1)&mask].hash.Load() != slotFree {
		return
	}
	for ; slots[i&mask].hash.Load() == slotDead; i-- {
		slots[i&mask].hash.Store(slotFree)
		st.used--
	}
}

// resize replaces the slots by as many as keep them at most half full, which
// also gets rid of the dead. Readers of the old slots see the table as it was
// when they began.
func (st *stripe[E]) resize() []slot[E] {
	size := minSlots
	for size < st.live*2 {
		size *= 2
	}
	slots := make([]slot[E], size)
	old := st.load()
	for i := range old {
		if h := old[i].hash.Load(); h > slotDead {
			st.place(slots, h, old[i].elem.Load())
		}
	}
	st.used = st.live
	st.slots.Store(&slots)
	return slots
}

func (st *stripe[E]) load() []slot[E] {
	if p := st.slots.Load(); p != nil {
		return *p
	}
	return nil
}
