package topic

import (
	"math/bits"
	"slices"
	"sync/atomic"
)

// Node is one filter that somebody is subscribed to. Nodes live as long as
// the filter has subscribers; holding on to one for longer is harmless.
//
// Most nodes have one subscriber. It lives in the node itself, on the shard
// that made the node; everything else hangs off pointers.
type Node[S comparable] struct {
	filter string
	shards atomic.Uint64            // bit n: shard n has subscribers
	lists  atomic.Pointer[lists[S]] // per shard, copied on write; nil at first
	groups atomic.Pointer[[]*Group[S]]
	one    [1]Sub[S] // the only subscription of shard home, if single
	home   uint8
	single bool // like one, touched by the loop of shard home only
}

// lists finds the list of a shard. The struct is immutable; each list belongs
// to its shard's loop.
type lists[S comparable] struct {
	owners uint64     // bit n: shard n has a list
	of     []*list[S] // in the order of the bits
}

func (t *lists[S]) get(shard int) *list[S] {
	if t == nil || t.owners&bit(shard) == 0 {
		return nil
	}
	return t.of[t.rank(shard)]
}

// rank is where the list of shard is, or would be inserted.
func (t *lists[S]) rank(shard int) int { return bits.OnesCount64(t.owners & (bit(shard) - 1)) }

// Filter is the topic filter, without the prefix of a shared subscription.
func (n *Node[S]) Filter() string { return n.filter }

// On reports whether the shard has subscribers of this filter. Any goroutine
// may ask; for other shards than its own the answer may be old at once.
func (n *Node[S]) On(shard int) bool { return n.shards.Load()&bit(shard) != 0 }

// Shards is the set of shards that have subscribers, as a bitmap.
func (n *Node[S]) Shards() uint64 { return n.shards.Load() }

// Local returns the subscriptions of a shard in no particular order. Only the
// loop of that shard may call it. The slice is the index's own: it is read
// only, and valid until that loop next subscribes or unsubscribes somebody to
// or from this filter, which it must not do while it iterates. Changes to
// other filters, and those of other loops, do not disturb it.
func (n *Node[S]) Local(shard int) []Sub[S] {
	if n.isHome(shard) && n.single {
		return n.one[:]
	}
	if l := n.lists.Load().get(shard); l != nil {
		return l.subs
	}
	return nil
}

func (n *Node[S]) isHome(shard int) bool { return int(n.home) == shard }

// put adds or updates a subscription of a shard, on that shard's loop.
func (n *Node[S]) put(shard int, sub Sub[S]) (replaced bool) {
	if l := n.lists.Load().get(shard); l != nil {
		return l.put(sub)
	}
	l := &list[S]{}
	if n.isHome(shard) {
		if !n.single || n.one[0].Subscriber == sub.Subscriber {
			replaced, n.single, n.one[0] = n.single, true, sub
			return replaced
		}
		l.subs = append(make([]Sub[S], 0, 2), n.one[0])
		n.single, n.one[0] = false, Sub[S]{}
	}
	l.subs = append(l.subs, sub)
	n.setList(shard, l)
	return false
}

// take removes the subscription of s on a shard, on that shard's loop. left
// is the number of subscriptions that remain there.
func (n *Node[S]) take(shard int, s S) (left int, ok bool) {
	if n.isHome(shard) && n.single {
		if n.one[0].Subscriber != s {
			return 1, false
		}
		n.single, n.one[0] = false, Sub[S]{}
		return 0, true
	}
	l := n.lists.Load().get(shard)
	if l == nil {
		return 0, false
	}
	ok = l.remove(s)
	return len(l.subs), ok
}

// join and leave publish whether a shard has subscribers. The caller holds
// the lock that guards the node's place in the index.
func (n *Node[S]) join(shard int) { n.shards.Or(bit(shard)) }

func (n *Node[S]) leave(shard int) {
	n.shards.And(^bit(shard))
	if n.lists.Load().get(shard) != nil {
		n.setList(shard, nil)
	}
}

// unused reports whether the node can be pruned.
func (n *Node[S]) unused() bool { return n.shards.Load() == 0 && n.groups.Load() == nil }

// setList gives a shard a list, or takes it away if l is nil. Shards may do
// so at the same time.
func (n *Node[S]) setList(shard int, l *list[S]) {
	for {
		old := n.lists.Load()
		if n.lists.CompareAndSwap(old, old.with(shard, l)) {
			return
		}
	}
}

// with returns a copy in which the shard, which has no list, has l, or in
// which the shard, which has one, has none.
func (t *lists[S]) with(shard int, l *list[S]) *lists[S] {
	if t == nil {
		return &lists[S]{bit(shard), []*list[S]{l}}
	}
	owners, at := t.owners^bit(shard), t.rank(shard)
	switch {
	case owners == 0:
		return nil
	case l == nil:
		return &lists[S]{owners, slices.Concat(t.of[:at], t.of[at+1:])}
	}
	return &lists[S]{owners, slices.Concat(t.of[:at], []*list[S]{l}, t.of[at:])}
}

func bit(shard int) uint64 { return 1 << uint(shard) }
