package tlsio

import (
	"container/heap"
	"net"
	"net/netip"
	"sync"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/cert"
)

// ErrGaveWay is the result of a handshake that had to make room for one from
// another source: see [Pool].
var ErrGaveWay error = &failure{"tls: too many handshakes in progress, most of them from this address", cert.ReasonGaveWay}

// crowd knows who is in a handshake, and from where. A source is an IPv4
// address or a /64 network of IPv6, of which a customer commonly has all
// addresses. Any goroutine may call its methods.
type crowd struct {
	limit   int
	mu      sync.Mutex
	n       int
	sources map[netip.Prefix]*source
	order   byCount
}

// source has handshakes in progress.
type source struct {
	from        netip.Prefix
	first, last *shake // the oldest and the newest of them
	n           int
	index       int // in the crowd's order
}

// place is where a handshake stands among those of its source.
type place struct {
	source      *source // nil: not in a crowd
	older, next *shake
}

// maxLook is how many handshakes of a source are looked at for one that waits.
const maxLook = 64

// enter takes a place for a handshake. When there is none, the oldest of the
// source that has the most gives way, if that source is left with no fewer than
// the newcomer's, and if it waits for its peer: what is being computed is never
// thrown away. gone is the one that gave way, or nil.
func (c *crowd) enter(s *shake) (gone *shake, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	from := sourceOf(s.remote)
	own := c.sources[from]
	if c.n >= c.limit {
		if gone = c.givesWay(own); gone == nil {
			return nil, false
		}
		c.remove(gone)
	}
	if own == nil {
		own = &source{from: from}
		c.sources[from] = own
		heap.Push(&c.order, own)
	}
	c.n++
	own.n++
	s.place = place{source: own, older: own.last}
	if own.last != nil {
		own.last.place.next = s
	} else {
		own.first = s
	}
	own.last = s
	heap.Fix(&c.order, own.index)
	return gone, true
}

// givesWay returns the handshake that makes room for one of a source, or nil.
func (c *crowd) givesWay(own *source) *shake {
	if len(c.order) == 0 {
		return nil
	}
	most, has := c.order[0], 0
	if own != nil {
		has = own.n
	}
	if most.n-1 < has+1 {
		return nil
	}
	s := most.first
	for range maxLook {
		if s == nil || s.waits() {
			return s
		}
		s = s.place.next
	}
	return nil
}

// leave gives a place back, unless the handshake has given way before.
func (c *crowd) leave(s *shake) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.place.source != nil {
		c.remove(s)
	}
}

func (c *crowd) remove(s *shake) {
	own := s.place.source
	if s.place.older != nil {
		s.place.older.place.next = s.place.next
	} else {
		own.first = s.place.next
	}
	if s.place.next != nil {
		s.place.next.place.older = s.place.older
	} else {
		own.last = s.place.older
	}
	s.place = place{}
	c.n--
	if own.n--; own.n > 0 {
		heap.Fix(&c.order, own.index)
		return
	}
	heap.Remove(&c.order, own.index)
	delete(c.sources, own.from)
}

// sourceOf is where a peer comes from; the zero Prefix when nobody knows.
func sourceOf(remote net.Addr) netip.Prefix {
	if t, ok := remote.(*net.TCPAddr); ok {
		return auth.Source(t.AddrPort().Addr())
	}
	return netip.Prefix{}
}

// byCount is a heap of sources, the one with the most handshakes first.
type byCount []*source

func (b byCount) Len() int           { return len(b) }
func (b byCount) Less(i, j int) bool { return b[i].n > b[j].n }

func (b byCount) Swap(i, j int) {
	b[i], b[j] = b[j], b[i]
	b[i].index, b[j].index = i, j
}

// Push implements heap.Interface.
func (b *byCount) Push(x any) {
	s := x.(*source)
	s.index = len(*b)
	*b = append(*b, s)
}

// Pop implements heap.Interface.
func (b *byCount) Pop() any {
	last := len(*b) - 1
	s := (*b)[last]
	(*b)[last] = nil
	*b = (*b)[:last]
	return s
}
