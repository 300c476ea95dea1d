package topic

import "sync/atomic"

// Group is one shared subscription: a share name and a filter, and the
// subscribers that divide its messages between them (§4.8.2). All its methods
// may be called by any goroutine.
type Group[S comparable] struct {
	share, filter string
	turn          atomic.Uint32
	members       atomic.Pointer[roster[S]]
	pos           map[seat[S]]int32 // of a large group; under the lock of the filter
}

// seat is what makes a member: one session may be on two shards while it moves.
type seat[S comparable] struct {
	subscriber S
	shard      uint8
}

type member[S comparable] struct {
	Sub[S]
	shard uint8
}

func (m *member[S]) seat() seat[S] { return seat[S]{m.Subscriber, m.shard} }

// Share is the share name.
func (g *Group[S]) Share() string { return g.share }

// Filter is the topic filter behind the share name.
func (g *Group[S]) Filter() string { return g.filter }

// Len is the number of members.
func (g *Group[S]) Len() int { return g.members.Load().len() }

// Pick returns the member whose turn it is and the shard it lives on. ok is
// false when the last one has left. A broker to which the pick is of no use,
// because that client is offline or refuses, may pick again, up to Len times.
func (g *Group[S]) Pick() (sub Sub[S], shard int, ok bool) {
	r := g.members.Load()
	if r.len() == 0 {
		return sub, 0, false
	}
	m := r.at(int(g.turn.Add(1)-1) % r.n)
	return m.Sub, int(m.shard), true
}

func (g *Group[S]) find(want seat[S]) int {
	r := g.members.Load()
	if r.len() <= manySubs {
		g.pos = nil
		for i := range r.len() {
			if r.at(i).seat() == want {
				return i
			}
		}
		return -1
	}
	if g.pos == nil {
		g.pos = make(map[seat[S]]int32, 2*r.n)
		for i := range r.n {
			g.pos[r.at(i).seat()] = int32(i)
		}
	}
	if i, ok := g.pos[want]; ok {
		return int(i)
	}
	return -1
}

// put adds or updates a member; the caller holds the lock of the filter.
func (g *Group[S]) put(shard int, sub Sub[S]) (replaced bool) {
	m := member[S]{sub, uint8(shard)}
	i, r := g.find(m.seat()), g.members.Load()
	if i >= 0 {
		g.members.Store(r.with(r.n, i, m))
		return true
	}
	g.members.Store(r.with(r.len()+1, r.len(), m))
	if g.pos != nil {
		g.pos[m.seat()] = int32(r.len())
	}
	return false
}

// remove takes a member out, and the last one takes its place; the caller
// holds the lock of the filter.
func (g *Group[S]) remove(shard int, s S) bool {
	gone := seat[S]{s, uint8(shard)}
	i, r := g.find(gone), g.members.Load()
	if i < 0 {
		return false
	}
	last := *r.at(r.n - 1)
	g.members.Store(r.with(r.n-1, i, last))
	if g.pos != nil {
		g.pos[last.seat()] = int32(i)
		delete(g.pos, gone)
	}
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
