package topic

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
)

// trie holds the filters with wildcards, level by level. Writers hold mu;
// readers walk it at any time.
//
// The children of all branches share one hash table, under the parent's
// number and the text of the level: "devices" may have a million children,
// most branches have one, and neither needs a map of its own.
type trie[S comparable] struct {
	seed  maphash.Seed
	mu    sync.Mutex
	root  branch[S]
	last  uint64 // number of the newest branch
	kids  table[branch[S]]
	count atomic.Int64 // of nodes
}

// branch is a prefix of filters, up to a level.
type branch[S comparable] struct {
	id      uint64 // tells branches apart in the table, never used again
	parent  *branch[S]
	level   string                    // its last level
	plus    atomic.Pointer[branch[S]] // what follows "+"
	here    atomic.Pointer[Node[S]]   // the filter that ends here
	rest    atomic.Pointer[Node[S]]   // the filter that ends with "#" below here
	literal atomic.Int32              // number of children in the table
}

// hash spreads the children of one parent by the hash of their level, and
// equal levels by their parents' numbers.
func (b *branch[S]) hash(level uint64) uint64 { return level ^ b.id*0x9E3779B97F4A7C15 }

func (t *trie[S]) len() int { return int(t.count.Load()) }

func (t *trie[S]) lock(string) *sync.Mutex { return &t.mu }

// child finds the branch that a level of text leads to from b, or nil.
func (t *trie[S]) child(b *branch[S], level string, hash uint64) *branch[S] {
	if b.literal.Load() == 0 {
		return nil
	}
	p := t.kids.probe(b.hash(hash))
	for c := p.next(); c != nil; c = p.next() {
		if c.parent == b && c.level == level {
			return c
		}
	}
	return nil
}

// step finds the branch that a level of a filter leads to from b, or nil.
func (t *trie[S]) step(b *branch[S], level string) *branch[S] {
	if level == "+" {
		return b.plus.Load()
	}
	return t.child(b, level, maphash.String(t.seed, level))
}

// walk follows a filter and returns the place of its node, or nil. With grow
// it makes the branches that are missing.
func (t *trie[S]) walk(filter string, grow bool) (*branch[S], *atomic.Pointer[Node[S]]) {
	b := &t.root
	for {
		level, below, more := strings.Cut(filter, "/")
		if level == "#" && !more {
			return b, &b.rest
		}
		next := t.step(b, level)
		if next == nil {
			if !grow {
				return nil, nil
			}
			next = t.grow(b, level)
		}
		if !more {
			return next, &next.here
		}
		b, filter = next, below
	}
}

func (t *trie[S]) find(filter string) *Node[S] {
	if _, place := t.walk(filter, false); place != nil {
		return place.Load()
	}
	return nil
}

// grow adds a branch below b. It keeps its own copy of the level, because
// it may outlive the filter that it was made for.
func (t *trie[S]) grow(b *branch[S], level string) *branch[S] {
	t.last++
	c := &branch[S]{id: t.last, parent: b, level: strings.Clone(level)}
	if level == "+" {
		b.plus.Store(c)
		return c
	}
	t.kids.insert(b.hash(maphash.String(t.seed, level)), c)
	b.literal.Add(1)
	return c
}

func (t *trie[S]) link(n *Node[S]) {
	_, place := t.walk(n.filter, true)
	place.Store(n)
	t.count.Add(1)
}

func (t *trie[S]) unlink(n *Node[S]) {
	b, place := t.walk(n.filter, false)
	place.Store(nil)
	t.count.Add(-1)
	for b != &t.root && b.bare() {
		t.cut(b)
		b = b.parent
	}
}

// bare reports whether no filter needs the branch.
func (b *branch[S]) bare() bool {
	return b.here.Load() == nil && b.rest.Load() == nil && b.plus.Load() == nil && b.literal.Load() == 0
}

// cut takes a bare branch away from its parent. A reader that stands on it
// finds nothing there, which is what was left.
func (t *trie[S]) cut(b *branch[S]) {
	if b.level == "+" {
		b.parent.plus.Store(nil)
		return
	}
	t.kids.remove(b.parent.hash(maphash.String(t.seed, b.level)), b)
	b.parent.literal.Add(-1)
}

// match adds the nodes whose filters match name. It goes down level by level
// with all branches that match so far, so that a level is hashed once and the
// stack does not grow with the depth of the name.
func (t *trie[S]) match(name string, m *Matches[S]) {
	if t.count.Load() == 0 {
		return
	}
	// Wildcards in the first level do not match $ names [MQTT-4.7.2-1].
	wild := !strings.HasPrefix(name, "$")
	m.front = append(m.front[:0], &t.root)
	for more := true; more && len(m.front) > 0; wild = true {
		var level string
		level, name, more = strings.Cut(name, "/")
		m.front, m.next = t.descend(level, wild, m), m.front
	}
	for _, b := range m.front {
		m.add(b.here.Load())
		m.add(b.rest.Load()) // "sport/#" matches "sport"
	}
}

// descend adds the "#" filters of the branches in m.front and returns the
// branches one level further down. wild says whether wildcards apply.
func (t *trie[S]) descend(level string, wild bool, m *Matches[S]) []*branch[S] {
	next := m.next[:0]
	hash := maphash.String(t.seed, level)
	for _, b := range m.front {
		if wild {
			m.add(b.rest.Load())
			if c := b.plus.Load(); c != nil {
				next = append(next, c)
			}
		}
		if c := t.child(b, level, hash); c != nil {
			next = append(next, c)
		}
	}
	return next
}
