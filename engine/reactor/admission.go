package reactor

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// AccessRule admits or refuses connections by the address of the socket's
// other side (LSN-06).
type AccessRule struct {
	Allow   bool
	Network netip.Prefix // the zero Prefix is every address
}

func (r AccessRule) matches(a netip.Addr) bool {
	return !r.Network.IsValid() || r.Network.Contains(a)
}

// Rate bounds events in a time: a token bucket that holds what one Per brings.
// The zero Rate is no bound.
type Rate struct {
	Count int
	Per   time.Duration
}

// door is what a new connection has to pass besides the limits of numbers; nil
// on a listener that has nothing of the kind. Any loop uses it.
type door struct {
	rules   []AccessRule // none = everybody
	trusted []netip.Prefix
	rate    *bucket  // nil = no bound
	sources *sources // nil = no bound
	proxied bool     // the client's address comes with the PROXY header
}

// newDoor returns the door of a listener, or nil.
func newDoor(l *Listener) *door {
	d := &door{rules: l.AccessRules, proxied: l.ProxyProtocol}
	if len(d.rules) > 0 && d.rules[0] == (AccessRule{Allow: true}) {
		d.rules = nil // allow all: nothing to look at
	}
	if l.ProxyProtocol {
		d.trusted = l.ProxyTrusted
	}
	if p := newPace(l.MaxConnRate); p.slack > 0 {
		d.rate = &bucket{pace: p}
	}
	if p := newPace(l.MaxConnRatePerSource); p.slack > 0 {
		d.sources = newSources(p)
	}
	if len(d.rules) == 0 && len(d.trusted) == 0 && d.rate == nil && d.sources == nil {
		return nil
	}
	return d
}

// admit judges a peer at the time given, in nanoseconds of any origin.
func (d *door) admit(peer netip.Addr, now int64) (why shed, ok bool) {
	peer = peer.WithZone("") // no network has one
	switch {
	case !d.allows(peer):
		return shedAccessRules, false
	case !d.trusts(peer):
		return shedUntrusted, false
	case d.sources != nil && !d.proxied && !d.sources.admit(peer, now):
		return shedSourceRate, false // before the common bucket: one source must not empty it
	case d.rate != nil && !d.rate.admit(now):
		return shedRate, false
	}
	return 0, true
}

// allows: the first rule that matches decides, none denies.
func (d *door) allows(peer netip.Addr) bool {
	for _, r := range d.rules {
		if r.matches(peer) {
			return r.Allow
		}
	}
	return len(d.rules) == 0
}

func (d *door) trusts(peer netip.Addr) bool {
	for _, n := range d.trusted {
		if n.Contains(peer) {
			return true
		}
	}
	return len(d.trusted) == 0
}

// admitSource judges the address that a PROXY header has brought.
func (d *door) admitSource(client netip.Addr, now int64) bool {
	return d == nil || d.sources == nil || d.sources.admit(client, now)
}

// pace is a Rate as the generic cell rate algorithm sees it, which is a token
// bucket in one number: the time at which the bucket will be full again.
type pace struct {
	interval int64 // nanoseconds of one event
	slack    int64 // how far ahead the bucket's time may be
}

func newPace(r Rate) pace {
	if r.Count <= 0 || r.Per <= 0 {
		return pace{}
	}
	interval := max(int64(r.Per)/int64(r.Count), 1)
	return pace{interval, interval * int64(r.Count)}
}

// take takes a token from the bucket that is full at a time, and returns when
// it will be full then. What is refused costs nothing.
func (p pace) take(full, now int64) (int64, bool) {
	full = max(full, now)
	if full+p.interval-now > p.slack {
		return full, false
	}
	return full + p.interval, true
}

// bucket is one for all loops.
type bucket struct {
	pace
	full atomic.Int64
}

func (b *bucket) admit(now int64) bool {
	for {
		before := b.full.Load()
		after, ok := b.take(before, now)
		if !ok {
			return false
		}
		if b.full.CompareAndSwap(before, after) {
			return true
		}
	}
}

// The table of sources has a fixed size, 128 KiB.
const (
	sourceSets = 2048
	sourceWays = 4
)

// sources holds a bucket for each source that has opened connections lately.
//
// No two sources share a bucket, so that nobody pays for another: a source's
// hash, with a seed that nobody knows, leads to a set of four places, and the
// address itself is compared. A source without a place takes one whose bucket is
// full again, which says as much as no bucket. When there is none, it takes the
// one that would be full soonest: the source that had it begins anew, while one
// that is over its rate, whose bucket is the emptiest, keeps its place. So a
// flood from very many sources at once is let off lightly here, and is a matter
// for the rate of the listener; a quiet source is never locked out.
type sources struct {
	pace
	seed maphash.Seed
	mu   sync.Mutex
	sets [sourceSets][sourceWays]source
}

type source struct {
	key  uint64
	full int64
}

func newSources(p pace) *sources { return &sources{pace: p, seed: maphash.MakeSeed()} }

func (s *sources) admit(a netip.Addr, now int64) (ok bool) {
	key := sourceKey(a)
	set := &s.sets[maphash.Comparable(s.seed, key)%sourceSets]
	s.mu.Lock()
	defer s.mu.Unlock()
	at := &set[0]
	for i := range set {
		if set[i].key == key {
			at = &set[i]
			break
		}
		if set[i].full < at.full {
			at = &set[i]
		}
	}
	if at.key != key {
		*at = source{key: key}
	}
	at.full, ok = s.take(at.full, now)
	return ok
}

// sourceKey is an IPv4 address, or the /64 network of an IPv6 address, of which
// a customer commonly has all addresses. The two do not meet: nobody is given
// ::/32.
func sourceKey(a netip.Addr) uint64 {
	if a = a.Unmap(); a.Is4() {
		b := a.As4()
		return uint64(b[0])<<24 | uint64(b[1])<<16 | uint64(b[2])<<8 | uint64(b[3])
	}
	b := a.As16()
	var key uint64
	for _, c := range b[:8] {
		key = key<<8 | uint64(c)
	}
	return key
}
