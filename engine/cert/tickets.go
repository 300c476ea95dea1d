package cert

import (
	"crypto/rand"
	"crypto/tls"
	"sync"
	"sync/atomic"
	"time"
)

// ticketPeriod is how long one key seals session tickets. It opens them for as
// long again, so that a stolen key gives away two days and no more.
const ticketPeriod = 24 * time.Hour

// ticketKeys are the keys of a listener's session tickets. They belong to the
// listener's outermost configuration, which crypto/tls takes the keys from when
// the one for a client has none of its own: so they outlive every swap.
type ticketKeys struct {
	config *tls.Config
	now    func() time.Time
	due    atomic.Int64 // when to rotate, in Unix seconds

	mu   sync.Mutex
	key  [32]byte
	born time.Time // of key; zero before the first
}

// rotate changes keys that are due, at the first handshake that finds them so.
func (t *ticketKeys) rotate() {
	if t.now().Unix() < t.due.Load() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if now.Unix() < t.due.Load() {
		return
	}
	var fresh [32]byte
	_, _ = rand.Read(fresh[:]) // never fails
	keys := [][32]byte{fresh}
	if !t.born.IsZero() && now.Sub(t.born) < 2*ticketPeriod {
		keys = append(keys, t.key)
	}
	t.config.SetSessionTicketKeys(keys)
	t.key, t.born = fresh, now
	t.due.Store(now.Add(ticketPeriod).Unix())
}
