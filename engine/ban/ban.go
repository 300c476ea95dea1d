// Package ban keeps the list of those who may not come in: client ids, user
// names and addresses, for a time or for good (spec BAN-01), and notices clients
// that connect again and again (FLAP-01).
//
// A [List] may be used from any goroutine. The gate asks it at each CONNECT, on
// the loop of the connection; while nobody is banned that costs two loads and no
// memory. Changes are written to a file before they count, on the goroutine of
// the caller.
package ban

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// Kind is what a ban is about. The texts are those of EMQX.
type Kind string

// The kinds of bans.
const (
	ClientID        Kind = "clientid"
	Username        Kind = "username"
	Address         Kind = "peerhost"
	Network         Kind = "peerhost_net"
	ClientIDPattern Kind = "clientid_re"
	UsernamePattern Kind = "username_re"
)

// Kinds are all kinds.
var Kinds = []Kind{ClientID, Username, Address, Network, ClientIDPattern, UsernamePattern}

// Bounds of a list.
const (
	maxEntries  = 100_000
	maxPatterns = 100 // each is tried at each CONNECT
	maxPattern  = 256 // bytes
	maxText     = 1024
	maxName     = 65535
)

// Entry is one ban.
type Entry struct {
	Kind   Kind      `json:"as"`
	Who    string    `json:"who"`
	Until  time.Time `json:"until,omitzero"` // zero = for good
	Reason string    `json:"reason,omitempty"`
	By     string    `json:"by,omitempty"`
	At     time.Time `json:"at"`

	// From is the address that a ban of a client id is limited to; those of
	// the flapping detection are, so that a stranger cannot lock a client out.
	From string `json:"from,omitempty"`
}

// ExistsError says that the ban is there already.
type ExistsError struct{ Entry }

func (e *ExistsError) Error() string {
	return fmt.Sprintf("%s %q is banned already, %s; remove that ban first", e.Kind, e.Who, e.End())
}

// End says in words how long the ban holds.
func (e *Entry) End() string {
	if e.Until.IsZero() {
		return "for good"
	}
	return "until " + e.Until.UTC().Format(time.RFC3339)
}

// over reports whether the ban has ended.
func (e *Entry) over(now time.Time) bool { return !e.Until.IsZero() && !now.Before(e.Until) }

// normal checks an entry and writes it in the one way in which it is compared.
func (e *Entry) normal() (pattern *regexp.Regexp, err error) {
	switch {
	case e.Who == "":
		return nil, errors.New("who is banned is missing")
	case len(e.Who) > maxName || !utf8.ValidString(e.Who):
		return nil, errors.New("what is banned is no MQTT string")
	case len(e.Reason) > maxText || !utf8.ValidString(e.Reason) || len(e.By) > maxText || !utf8.ValidString(e.By):
		return nil, fmt.Errorf("the reason or the name of who has banned is longer than %d bytes, or no UTF-8", maxText)
	}
	switch e.Kind {
	case ClientID, Username:
	case Address:
		a, err := netip.ParseAddr(e.Who)
		if err != nil || a.Zone() != "" {
			return nil, fmt.Errorf("%q is no address", e.Who)
		}
		e.Who = a.Unmap().String()
	case Network:
		p, err := netip.ParsePrefix(e.Who)
		if err != nil {
			return nil, fmt.Errorf("%q is no network, such as 192.0.2.0/24 or 2001:db8::/32", e.Who)
		}
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		e.Who = p.Masked().String()
	case ClientIDPattern, UsernamePattern:
		if len(e.Who) > maxPattern {
			return nil, fmt.Errorf("a pattern has at most %d bytes", maxPattern)
		}
		if pattern, err = regexp.Compile(e.Who); err != nil {
			return nil, fmt.Errorf("%q is no regular expression: %w", e.Who, errors.Unwrap(err))
		}
	default:
		return nil, fmt.Errorf("%q cannot be banned: want %s", e.Kind, kindNames())
	}
	return pattern, nil
}

func kindNames() string {
	names := make([]string, len(Kinds))
	for i, k := range Kinds {
		names[i] = string(k)
	}
	return strings.Join(names, ", ")
}

// key finds an entry.
type key struct {
	kind Kind
	who  string
}

// held is an entry in the list.
type held struct {
	Entry
	pattern *regexp.Regexp
	network netip.Prefix
}

// List is the bans of a broker. The zero List is empty and kept in memory only;
// [Open] makes one that is kept in a file.
type List struct {
	Flapping Detector // counts CONNECTs; off until it is set up

	path  string
	now   func() time.Time
	count atomic.Int64 // of entries

	mu       sync.RWMutex
	entries  map[key]*held
	networks map[int]int // entries of kind Network, by length of the prefix; IPv6 ones from 1000 on
	patterns []*held
}

// Screen is called for a CONNECT as the client has sent it: it counts for the
// detection of flapping. True means that the client is banned.
func (l *List) Screen(clientID, username string, peer netip.Addr) bool {
	if l.Flapping.attempt(clientID, peer, l.time) {
		return true
	}
	return l.Banned(clientID, username, peer)
}

// Banned reports whether a client may not come in under these names from this
// address.
func (l *List) Banned(clientID, username string, peer netip.Addr) bool {
	if l.count.Load() == 0 {
		return false
	}
	peer = peer.Unmap().WithZone("")
	now := l.time()
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.holds(key{ClientID, clientID}, now) || username != "" && l.holds(key{Username, username}, now) ||
		peer.IsValid() && (l.holds(key{Address, peer.String()}, now) || l.inNetwork(peer, now)) ||
		l.matches(clientID, username, now)
}

func (l *List) holds(k key, now time.Time) bool {
	h := l.entries[k]
	return h != nil && !h.over(now)
}

// inNetwork looks the address up by each length of prefix that is banned.
func (l *List) inNetwork(peer netip.Addr, now time.Time) bool {
	for length := range l.networks {
		bits := length
		if six := length >= sixth; six == peer.Is4() {
			continue
		} else if six {
			bits -= sixth
		}
		if p, err := peer.Prefix(bits); err == nil && l.holds(key{Network, p.String()}, now) {
			return true
		}
	}
	return false
}

// sixth sets the lengths of IPv6 prefixes apart.
const sixth = 1000

func lengthOf(p netip.Prefix) int {
	if p.Addr().Is4() {
		return p.Bits()
	}
	return sixth + p.Bits()
}

func (l *List) matches(clientID, username string, now time.Time) bool {
	for _, h := range l.patterns {
		text := clientID
		if h.Kind == UsernamePattern {
			text = username
		}
		if text != "" && !h.over(now) && h.pattern.MatchString(text) {
			return true
		}
	}
	return false
}

// Add bans somebody. An entry that holds already is an [ExistsError]; one that
// is over is replaced. The entry is returned as it is kept.
func (l *List) Add(e Entry) (Entry, error) {
	if e.At.IsZero() {
		e.At = l.time().UTC().Truncate(time.Second)
	}
	pattern, err := e.normal()
	switch {
	case err != nil:
		return e, err
	case e.over(l.time()):
		return e, fmt.Errorf("the ban would have ended at %s", e.Until.UTC().Format(time.RFC3339))
	}
	e.From = ""
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep()
	k := key{e.Kind, e.Who}
	switch old := l.entries[k]; {
	case old != nil:
		return e, &ExistsError{old.Entry}
	case len(l.entries) >= maxEntries:
		return e, fmt.Errorf("there are %d bans; remove some, or ban a network or a pattern", maxEntries)
	case pattern != nil && len(l.patterns) >= maxPatterns:
		return e, fmt.Errorf("there are %d patterns, and each is tried at each CONNECT; remove some", maxPatterns)
	}
	l.put(e, pattern)
	if err := l.save(); err != nil {
		l.drop(k)
		return e, err
	}
	return e, nil
}

// put adds an entry that is in order; the lock is held.
func (l *List) put(e Entry, pattern *regexp.Regexp) {
	if l.entries == nil {
		l.entries, l.networks = map[key]*held{}, map[int]int{}
	}
	h := &held{Entry: e, pattern: pattern}
	if e.Kind == Network {
		h.network = netip.MustParsePrefix(e.Who)
		l.networks[lengthOf(h.network)]++
	}
	if pattern != nil {
		l.patterns = append(l.patterns, h)
	}
	l.entries[key{e.Kind, e.Who}] = h
	l.count.Store(int64(len(l.entries)))
}

// drop removes an entry; the lock is held.
func (l *List) drop(k key) {
	h := l.entries[k]
	if h == nil {
		return
	}
	delete(l.entries, k)
	if k.kind == Network {
		if n := lengthOf(h.network); l.networks[n] > 1 {
			l.networks[n]--
		} else {
			delete(l.networks, n)
		}
	}
	l.patterns = slices.DeleteFunc(l.patterns, func(p *held) bool { return p == h })
	l.count.Store(int64(len(l.entries)))
}

// sweep drops the entries that are over; the lock is held.
func (l *List) sweep() {
	now := l.time()
	for k, h := range l.entries {
		if h.over(now) {
			l.drop(k)
		}
	}
}

// Remove ends a ban, and for a client id what the flapping detection holds
// against it. False means that there is none.
func (l *List) Remove(kind Kind, who string) (bool, error) {
	e := Entry{Kind: kind, Who: who}
	if _, err := e.normal(); err != nil {
		return false, err
	}
	found := kind == ClientID && l.Flapping.pardon(who, l.time())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep()
	old := l.entries[key{e.Kind, e.Who}]
	if old == nil {
		return found, nil
	}
	l.drop(key{e.Kind, e.Who})
	if err := l.save(); err != nil {
		l.put(old.Entry, old.pattern)
		return false, err
	}
	return true, nil
}

// Entries lists the bans that hold, the latest first.
func (l *List) Entries() []Entry {
	now := l.time()
	out := l.Flapping.entries(now)
	l.mu.RLock()
	for _, h := range l.entries {
		if !h.over(now) {
			out = append(out, h.Entry)
		}
	}
	l.mu.RUnlock()
	slices.SortFunc(out, func(a, b Entry) int {
		if c := b.At.Compare(a.At); c != 0 {
			return c
		}
		return strings.Compare(string(a.Kind)+a.Who+a.From, string(b.Kind)+b.Who+b.From)
	})
	return out
}

func (l *List) time() time.Time {
	if l.now == nil {
		return time.Now()
	}
	return l.now()
}
