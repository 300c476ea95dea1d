package topic

import (
	"fmt"
	"hash/maphash"
	"sync"
	"unsafe"
)

// MaxShards is the largest number of shards of an Index.
const MaxShards = 64

// Index holds the subscriptions of all sessions of a broker. S stands for a
// subscriber, usually a pointer to its session. See the package comment for
// who may call what.
//
// Filters given to it are valid ones, without the prefix of a shared
// subscription; an invalid one matches nothing but does no harm. A filter is
// kept while it has subscribers, so it must not be part of a larger string.
type Index[S comparable] struct {
	exact exact[S]
	wild  trie[S]
}

// places is a set of nodes by filter. link and unlink need the lock of the
// filter, find does not.
type places[S comparable] interface {
	lock(filter string) *sync.Mutex
	find(filter string) *Node[S]
	link(*Node[S])
	unlink(*Node[S])
}

// New returns an empty index for shards 0 to shards-1. It panics if there are
// less than 1 or more than MaxShards of them.
func New[S comparable](shards int) *Index[S] {
	if shards < 1 || shards > MaxShards {
		panic(fmt.Sprintf("BUG: topic index with %d shards", shards))
	}
	x := new(Index[S])
	x.exact.seed = maphash.MakeSeed()
	x.wild.seed = maphash.MakeSeed()
	return x
}

func (x *Index[S]) places(filter string) places[S] {
	if HasWildcard(filter) {
		return &x.wild
	}
	return &x.exact
}

// Subscribe adds a subscription for a subscriber of the shard whose loop
// calls it. One that the subscriber has for the same filter is replaced, in
// place, by the new identifier and options [MQTT-3.8.4-3].
func (x *Index[S]) Subscribe(shard int, filter string, sub Sub[S]) (replaced bool) {
	p := x.places(filter)
	if n := p.find(filter); n != nil && n.On(shard) {
		return n.put(shard, sub) // our own bit keeps the node where it is
	}
	mu := p.lock(filter)
	mu.Lock()
	defer mu.Unlock()
	n := p.find(filter)
	if n != nil {
		n.put(shard, sub)
		n.join(shard)
		return false
	}
	n = &Node[S]{filter: filter, home: uint8(shard)}
	n.put(shard, sub)
	n.join(shard)
	p.link(n)
	return false
}

// Unsubscribe removes the subscription of s, of the shard whose loop calls
// it. It returns false when there was none.
func (x *Index[S]) Unsubscribe(shard int, filter string, s S) bool {
	p := x.places(filter)
	n := p.find(filter)
	if n == nil || !n.On(shard) {
		return false
	}
	left, ok := n.take(shard, s)
	if left > 0 || !ok {
		return ok
	}
	mu := p.lock(filter)
	mu.Lock()
	defer mu.Unlock()
	n.leave(shard)
	if n.unused() {
		p.unlink(n)
	}
	return true
}

// SubscribeShared makes a subscriber a member of the group that shares filter
// under the name share, or updates its membership.
func (x *Index[S]) SubscribeShared(shard int, share, filter string, sub Sub[S]) (replaced bool) {
	p := x.places(filter)
	mu := p.lock(filter)
	mu.Lock()
	defer mu.Unlock()
	n := p.find(filter)
	fresh := n == nil
	if fresh {
		n = &Node[S]{filter: filter, home: uint8(shard)}
	}
	if g := n.group(share); g != nil {
		return g.put(shard, sub)
	}
	g := &Group[S]{share: share, filter: filter}
	g.put(shard, sub)
	n.addGroup(g)
	if fresh {
		p.link(n)
	}
	return false
}

// UnsubscribeShared takes s, of the shard whose loop calls it, out of a
// group. It returns false when it was not a member.
func (x *Index[S]) UnsubscribeShared(shard int, share, filter string, s S) bool {
	p := x.places(filter)
	mu := p.lock(filter)
	mu.Lock()
	defer mu.Unlock()
	n := p.find(filter)
	if n == nil {
		return false
	}
	g := n.group(share)
	if g == nil || !g.remove(shard, s) {
		return false
	}
	if g.Len() == 0 {
		n.dropGroup(g)
	}
	if n.unused() {
		p.unlink(n)
	}
	return true
}

// Len is the number of distinct filters that have subscribers. Any goroutine
// may ask.
func (x *Index[S]) Len() int { return x.exact.len() + x.wild.len() }

// Match fills m with what a message published to name has to reach. name must
// be valid; it is not kept.
//
// Subscriptions that are complete when Match is called are found, those that
// are removed by then are not; one that changes meanwhile may be either.
func (x *Index[S]) Match(name []byte, m *Matches[S]) {
	m.Nodes, m.Groups, m.Shards = m.Nodes[:0], m.Groups[:0], 0
	if len(name) == 0 {
		return
	}
	s := unsafe.String(&name[0], len(name)) // read only, and for this call only
	m.add(x.exact.find(s))
	x.wild.match(s, m)
}

// Matches is the answer to a Match and its working memory. The caller keeps
// and reuses it; one goroutine at a time may use it.
type Matches[S comparable] struct {
	Nodes  []*Node[S]  // filters with subscribers, each once, in no particular order
	Groups []*Group[S] // shared subscriptions, each once
	Shards uint64      // the shards that have subscribers of any of Nodes

	front, next []*branch[S]
}

// Reset drops what m refers to, memory included, as a loop may do after an
// unusually large answer.
func (m *Matches[S]) Reset() { *m = Matches[S]{} }

func (m *Matches[S]) add(n *Node[S]) {
	if n == nil {
		return
	}
	if shards := n.shards.Load(); shards != 0 {
		m.Nodes = append(m.Nodes, n)
		m.Shards |= shards
	}
	if groups := n.groups.Load(); groups != nil {
		m.Groups = append(m.Groups, *groups...)
	}
}
