package broker

import (
	"hash/maphash"
	"sync"
)

const stripes = 64

// registry finds the session of a client id. It is looked at when a client
// connects and when a session ends, by any loop.
type registry struct {
	seed    maphash.Seed
	stripes [stripes]stripe
}

type stripe struct {
	mu sync.Mutex
	of map[string]*subscriber
	_  [48]byte // a cache line of its own
}

func (r *registry) init() {
	r.seed = maphash.MakeSeed()
	for i := range r.stripes {
		r.stripes[i].of = map[string]*subscriber{}
	}
}

func (r *registry) stripe(id string) *stripe {
	return &r.stripes[maphash.String(r.seed, id)%stripes]
}

// claim returns the session of the id. When there is none it makes one that
// belongs to s at once; fresh says so.
func (r *registry) claim(id string, s *Shard) (sub *subscriber, fresh bool) {
	st := r.stripe(id)
	st.mu.Lock()
	defer st.mu.Unlock()
	if sub = st.of[id]; sub != nil {
		return sub, false
	}
	sub = newSubscriber(id, s)
	st.of[id] = sub
	return sub, true
}

// remove forgets a session that has ended.
func (r *registry) remove(sub *subscriber) {
	st := r.stripe(sub.ClientID)
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.of[sub.ClientID] == sub {
		delete(st.of, sub.ClientID)
	}
}

// find returns the session of the id, or nil.
func (r *registry) find(id string) *subscriber {
	st := r.stripe(id)
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.of[id]
}

// all lists the sessions of the moment, or the one of the id.
func (r *registry) all(id string) []*subscriber {
	if id != "" {
		if sub := r.find(id); sub != nil {
			return []*subscriber{sub}
		}
		return nil
	}
	var out []*subscriber
	for i := range r.stripes {
		st := &r.stripes[i]
		st.mu.Lock()
		for _, sub := range st.of {
			out = append(out, sub)
		}
		st.mu.Unlock()
	}
	return out
}

// len counts the sessions.
func (r *registry) len() int {
	n := 0
	for i := range r.stripes {
		st := &r.stripes[i]
		st.mu.Lock()
		n += len(st.of)
		st.mu.Unlock()
	}
	return n
}
