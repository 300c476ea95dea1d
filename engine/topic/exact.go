package topic

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// exact holds the filters without wildcards: one look-up finds the only one
// that can match a name.
type exact[S comparable] struct {
	seed  maphash.Seed
	nodes table[Node[S]]
	count atomic.Int64
}

func (x *exact[S]) len() int { return int(x.count.Load()) }

func (x *exact[S]) hash(filter string) uint64 { return maphash.String(x.seed, filter) }

func (x *exact[S]) lock(filter string) *sync.Mutex { return x.nodes.lock(x.hash(filter)) }

func (x *exact[S]) find(filter string) *Node[S] {
	p := x.nodes.probe(x.hash(filter))
	for n := p.next(); n != nil; n = p.next() {
		if n.filter == filter {
			return n
		}
	}
	return nil
}

func (x *exact[S]) link(n *Node[S]) {
	x.nodes.insert(x.hash(n.filter), n)
	x.count.Add(1)
}

func (x *exact[S]) unlink(n *Node[S]) {
	x.nodes.remove(x.hash(n.filter), n)
	x.count.Add(-1)
}
