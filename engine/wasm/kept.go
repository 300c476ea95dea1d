package wasm

import "time"

// kept is what a plugin has beyond its instances: all of them share it, and a
// reload keeps it. It ends with the last plugin of its name.
type kept struct {
	users   int // plugins that are open under the name; Host.mu
	kv      *store
	before  *store // of the plugins that one which has begun anew follows
	metrics family
	kicks   bucket
}

// keep returns what the plugins of a name have, for one more of them, and gives it
// the store of keys and values. One that begins anew has an empty one, and so do
// those after it; those before it have theirs.
func (h *Host) keep(p *Plugin, anew bool) *kept {
	h.mu.Lock()
	defer h.mu.Unlock()
	k := h.kept[p.name]
	if k == nil {
		k = &kept{metrics: family{plugin: p.name, all: &h.metrics}}
		h.kept[p.name] = k
	}
	if k.kv == nil {
		k.kv = &store{}
	} else if anew {
		k.kv, k.before = &store{}, k.kv
		p.anew = true
	}
	k.users++
	k.kv.bound(p.limits.KVBytes)
	p.kv = k.kv
	return k
}

// release says that a plugin is closed.
func (h *Host) release(p *Plugin) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k := p.kept
	k.metrics.leave(p)
	switch k.users--; {
	case k.users == 0:
		k.metrics.close()
		delete(h.kept, p.name)
	case p.anew && p.kv == k.kv && k.before != nil: // it has not come to follow those
		k.kv, k.before = k.before, nil
	case p.kv == k.before:
		k.before = nil
	}
}

// bucket limits how often something may happen: up to its size at once, and as
// many in a second.
type bucket struct {
	left float64
	at   time.Time // of left; zero: full
}

func (b *bucket) take(now time.Time, size float64) bool {
	if b.at.IsZero() {
		b.left = size
	} else {
		b.left = min(size, b.left+max(0, now.Sub(b.at).Seconds())*size)
	}
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
