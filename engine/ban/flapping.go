package ban

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Limit says when a client counts as flapping.
type Limit struct {
	MaxCount int           // CONNECTs
	Window   time.Duration // in that time
	Ban      time.Duration
}

// Detector counts the CONNECTs of each client id at each address (spec FLAP-01,
// T-14). The address is part of it so that nobody can lock out another's client
// by using its id. Memory is bounded: whoever sends client ids that are never
// seen again makes it forget counts, and no more.
type Detector struct {
	limit atomic.Pointer[Limit] // nil = off

	mu     sync.Mutex
	seed   maphash.Seed
	counts []tally
	banned map[culprit]Entry
}

// tally is the count of one client id at one address.
type tally struct {
	hash  uint64
	since int64 // Unix milliseconds of the window's start
	count uint32
}

// culprit is a client id at an address.
type culprit struct {
	id   string
	from netip.Addr
}

// Bounds of a detector: 1.5 MiB of counts, made when it is first switched on.
const (
	ways      = 8
	tallies   = 8192 * ways
	maxBanned = 10_000
	maxLong   = 256 // bytes of a client id that is kept
)

// SetLimit switches the detector on, or off with nil. Bans that hold stay.
func (d *Detector) SetLimit(limit *Limit) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if limit != nil && d.counts == nil {
		d.seed, d.counts, d.banned = maphash.MakeSeed(), make([]tally, tallies), map[culprit]Entry{}
	}
	d.limit.Store(limit)
}

// attempt counts a CONNECT. True means that the client is banned.
func (d *Detector) attempt(id string, peer netip.Addr, clock func() time.Time) bool {
	limit := d.limit.Load()
	if limit == nil {
		return false
	}
	now := clock()
	c := culprit{id, peer.Unmap().WithZone("")}
	d.mu.Lock()
	defer d.mu.Unlock()
	if e, ok := d.banned[c]; ok {
		if !e.over(now) {
			return true
		}
		delete(d.banned, c)
	}
	if !d.count(c, limit, now.UnixMilli()) {
		return false
	}
	d.ban(c, limit, now)
	return true
}

// count adds one, and reports whether that is more than the limit.
func (d *Detector) count(c culprit, limit *Limit, now int64) bool {
	h := maphash.Comparable(d.seed, c)
	set := d.counts[int(h%(tallies/ways))*ways:][:ways]
	oldest := &set[0]
	for i := range set {
		t := &set[i]
		if t.hash == h && t.count > 0 {
			if now-t.since >= limit.Window.Milliseconds() {
				t.since, t.count = now, 0
			}
			t.count++
			if int(t.count) <= limit.MaxCount {
				return false
			}
			if len(c.id) <= maxLong {
				*t = tally{}
			}
			return true
		}
		if t.since < oldest.since {
			oldest = t
		}
	}
	*oldest = tally{h, now, 1}
	return limit.MaxCount < 1
}

// ban notes a culprit; with too many of them those whose time is over go, and
// after that any.
func (d *Detector) ban(c culprit, limit *Limit, now time.Time) {
	if len(d.banned) >= maxBanned {
		for k, e := range d.banned {
			if e.over(now) {
				delete(d.banned, k)
			}
		}
	}
	for k := range d.banned {
		if len(d.banned) < maxBanned {
			break
		}
		delete(d.banned, k)
	}
	if len(c.id) > maxLong { // its tally stays, for the rest of the window
		return
	}
	at := now.UTC().Truncate(time.Second)
	d.banned[c] = Entry{
		Kind: ClientID, Who: c.id, From: c.from.String(), By: "flapping_detect", At: at, Until: now.Add(limit.Ban),
		Reason: "connects again and again",
	}
}

// pardon ends what is held against a client id, at any address.
func (d *Detector) pardon(id string, now time.Time) (found bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c, e := range d.banned {
		if c.id == id {
			found = found || !e.over(now)
			delete(d.banned, c)
		}
	}
	return found
}

// entries lists the bans that hold.
func (d *Detector) entries(now time.Time) []Entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := []Entry{}
	for _, e := range d.banned {
		if !e.over(now) {
			out = append(out, e)
		}
	}
	return out
}
