package topic

import "sync/atomic"

// Group is one shared subscription: a share name and a filter, and the
// subscribers that divide its messages between them (§4.8.2). All its methods
// may be called by any goroutine.
type Group[S comparable] struct {
	share, filter string
	turn          atomic.Uint32
	members       atomic.Pointer[[]member[S]] // immutable; never nil or empty while in use
}

type member[S comparable] struct {
	Sub[S]
	shard uint8
}

// Share is the share name.
func (g *Group[S]) Share() string { return g.share }

// Filter is the topic filter behind the share name.
func (g *Group[S]) Filter() string { return g.filter }

// Len is the number of members.
func (g *Group[S]) Len() int { return len(g.load()) }

// Pick returns the member whose turn it is and the shard it lives on. ok is
// false when the last one has left. A broker to which the pick is of no use,
// because that client is offline or refuses, may pick again, up to Len times.
func (g *Group[S]) Pick() (sub Sub[S], shard int, ok bool) {
	ms := g.load()
	if len(ms) == 0 {
		return sub, 0, false
	}
	m := &ms[int(g.turn.Add(1)-1)%len(ms)]
	return m.Sub, int(m.shard), true
}

func (g *Group[S]) load() []member[S] {
	if p := g.members.Load(); p != nil {
		return *p
	}
	return nil
}

func (g *Group[S]) find(shard int, s S) int {
	ms := g.load()
	for i := range ms {
		if ms[i].Subscriber == s && int(ms[i].shard) == shard {
			return i
		}
	}
	return -1
}

// put adds or updates a member; the caller holds the lock of the filter.
func (g *Group[S]) put(shard int, sub Sub[S]) (replaced bool) {
	old, i := g.load(), g.find(shard, sub.Subscriber)
	if i >= 0 {
		ms := append([]member[S](nil), old...)
		ms[i].Sub = sub
		g.members.Store(&ms)
		return true
	}
	ms := append(append(make([]member[S], 0, len(old)+1), old...), member[S]{sub, uint8(shard)})
	g.members.Store(&ms)
	return false
}

// remove takes a member out; the caller holds the lock of the filter.
func (g *Group[S]) remove(shard int, s S) bool {
	i := g.find(shard, s)
	if i < 0 {
		return false
	}
	old := g.load()
	ms := append(append(make([]member[S], 0, len(old)-1), old[:i]...), old[i+1:]...)
	g.members.Store(&ms)
	return true
}

// group returns the group of that share name, or nil.
func (n *Node[S]) group(share string) *Group[S] {
	if p := n.groups.Load(); p != nil {
		for _, g := range *p {
			if g.share == share {
				return g
			}
		}
	}
	return nil
}

// addGroup and dropGroup replace the node's list of groups; the caller holds
// the lock of the filter.
func (n *Node[S]) addGroup(g *Group[S]) {
	gs := []*Group[S]{g}
	if p := n.groups.Load(); p != nil {
		gs = append(append(make([]*Group[S], 0, len(*p)+1), *p...), g)
	}
	n.groups.Store(&gs)
}

func (n *Node[S]) dropGroup(g *Group[S]) {
	old := *n.groups.Load()
	gs := make([]*Group[S], 0, len(old))
	for _, o := range old {
		if o != g {
			gs = append(gs, o)
		}
	}
	if len(gs) == 0 {
		n.groups.Store(nil)
		return
	}
	n.groups.Store(&gs)
}
