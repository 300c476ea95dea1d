package auth

import (
	"net/netip"
	"sync"
)

// Places bound how many clients may wait for something at a time, or how much they
// may have there, and keep one source from taking all: it gets more places only
// while it has less than half of those that are left free. So one alone has a third of them at most, and
// it takes twenty to fill four thousand. A source is an IPv4 address or a /64
// network of IPv6, of which a customer commonly has all addresses. The zero value
// has no places taken; any goroutine may call its methods.
type Places struct {
	mu    sync.Mutex
	taken int
	by    map[netip.Prefix]int
}

// Take takes n of limit places for a client. All that were taken are given back by
// Leave. Of a client whose address nobody knows only the limit counts.
func (p *Places) Take(limit, n int, client netip.Addr) bool {
	from := Source(client)
	p.mu.Lock()
	defer p.mu.Unlock()
	free := limit - p.taken
	if free < n || from.IsValid() && 2*p.by[from] >= free {
		return false
	}
	if p.by == nil {
		p.by = map[netip.Prefix]int{}
	}
	p.taken += n
	p.by[from] += n
	return true
}

// Leave gives n places of a client back.
func (p *Places) Leave(n int, client netip.Addr) {
	from := Source(client)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken -= n
	if p.by[from] -= n; p.by[from] == 0 {
		delete(p.by, from)
	}
}

// Taken returns how many places are taken.
func (p *Places) Taken() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken
}

// Source is where a client comes from, for those who count: an IPv4 address, or a
// /64 network of IPv6. It is the zero Prefix for the zero Addr.
func Source(client netip.Addr) netip.Prefix {
	a := client.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return p
}
