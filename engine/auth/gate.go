// Package auth decides who may come in and what they may do. It owns the
// chain of deciders, the verdicts they give, the rules of a session compiled
// from a verdict, and the session's cache of decisions. It knows nothing of
// sockets, files or Wasm: a [Decider] is an interface, and the clock is given.
//
// A [Gate] is immutable and may be used from any goroutine. A [Grant] belongs
// to one session and is touched by the event loop that owns the session and by
// nobody else. Byte slices passed in are read during the call and not kept.
//
// Everything fails closed: an absent, late, malformed or panicking answer
// denies.
package auth

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

// Anonymous is the policy for clients that show nothing about themselves: no
// user name, no password, no verified certificate, no authentication method.
type Anonymous uint8

// The policies. AnonymousLoopback is AnonymousAllow for a peer on a loopback
// address and AnonymousDeny for everybody else.
const (
	AnonymousDeny Anonymous = iota
	AnonymousLoopback
	AnonymousAllow
)

// Policy says how the clients of a listener come in (spec LSN-07).
type Policy uint8

// The policies. AskNamed refuses clients that have no user name when the chain
// is at its end, and at once those that have no verified certificate either, which
// could give them one. AskNobody lets in whom no ban keeps out; what such a client
// may do is asked.
const (
	AskChain Policy = iota
	AskNamed
	AskNobody
)

// Defaults and bounds of Options.
const (
	DefaultCacheSize   = 64
	DefaultCacheTTL    = time.Minute
	DefaultNegativeTTL = 5 * time.Second

	maxCacheSize = 1024
	maxTTL       = 24 * time.Hour
)

// Options configure a Gate. The zero value lets nobody in without a verified
// certificate, and permits them nothing.
type Options struct {
	// Chain is asked in order; the first answer other than Next decides.
	Chain []Decider

	Anonymous Anonymous

	// Listeners says whether the chain is asked about the clients of a listener,
	// by names such as "tls:default"; the others ask it.
	Listeners map[string]Policy

	// NoMatch decides an access that no rule and no decider answers.
	// Anything but Allow denies.
	NoMatch Decision

	// Rules are the host's own. They come before every other permission and
	// bind superusers too: a match that does not permit is final; a match
	// that permits exempts the access from the host rules after it, and the
	// usual order goes on.
	Rules []Rule

	// CacheSize is the number of decisions a session remembers, at most
	// 1024; 0 means DefaultCacheSize, less than 0 none.
	CacheSize int

	// CacheTTL is how long an allowed access is remembered when the decider
	// does not say, NegativeTTL how long at most a denied one is; 0 means the
	// default, less than 0 not at all.
	CacheTTL    time.Duration
	NegativeTTL time.Duration

	// CacheExcludes are filters; what is decided about a topic, or a
	// subscription, that one of them covers is not remembered.
	CacheExcludes []string

	// DenyDisconnects says that a client that is denied an access is
	// disconnected (spec AUTHZ-03).
	DenyDisconnects bool

	// Bans may keep clients out before any decider is asked; nil bans nobody.
	Bans Bans

	// Observers hear of what happens, in this order.
	Observers []Observer

	// Clock is the time of expiry and of the cache; nil means time.Now. It is
	// called from any goroutine, and by Check for sessions that expire or
	// whose decisions are cached: one that steps by 100 ms is good enough.
	Clock func() time.Time
}

// Bans says who may not come in, whoever would vouch for them. Its methods are
// called on any goroutine.
type Bans interface {
	// Screen reports whether a CONNECT with these names from this address is
	// refused. It is called once for each.
	Screen(clientID, username string, peer netip.Addr) bool
	// Banned is the same for names that a decider has given the client.
	Banned(clientID, username string, peer netip.Addr) bool
}

// Gate is the configured chain: it admits clients ([Gate.Authenticate]) and
// answers what their rules leave open ([Gate.Authorize]). But for its counters
// it is immutable; a reload builds another one and moves sessions over with
// [Gate.Adopt].
type Gate struct {
	chain     []link
	first     int  // the first decider of the chain that hears Authorization
	asks      bool // some decider hears Authorization
	greets    bool // some decider hears Hello
	anonymous Anonymous
	listeners map[string]Policy
	noMatch   Decision
	rules     []Rule
	host      *acl // the compiled rules, when they are the same for everybody
	ejects    bool // DenyDisconnects
	personal  bool // the rules hold placeholders: compile them per session
	cacheSize int
	excludes  []string
	allowTTL  time.Duration
	denyTTL   time.Duration
	bans      Bans
	clock     func() time.Time
	plain     map[plainKey]*Grant
	observers observers
	patience  time.Duration

	asked, answered atomic.Uint64 // questions
}

// Questions returns how many questions the gate was asked and how many of them
// it has answered. A gate that was replaced is asked a little longer, by those
// who had it before; when the numbers are equal and stay so, nobody has it.
func (g *Gate) Questions() (asked, answered uint64) {
	answered = g.answered.Load()
	return g.asked.Load(), answered
}

// Patient is a Decider that says how long it may take to answer.
type Patient interface{ Patience() time.Duration }

// Patience is how long the deciders of the chain may take for an answer one
// after the other; zero when none of them says.
func (g *Gate) Patience() time.Duration { return g.patience }

// DenyDisconnects says whether a client that is denied an access is
// disconnected.
func (g *Gate) DenyDisconnects() bool { return g.ejects }

// Banned says whether who has these names, or has come from this address, may not
// come in now.
func (g *Gate) Banned(clientID, username string, peer netip.Addr) bool {
	return g.bans != nil && g.bans.Banned(clientID, username, peer)
}

// link is a decider with its constant answers, asked for once.
type link struct {
	decider Decider
	name    string
	hears   [2]bool // Authentication, Authorization
	greeter Greeter // nil when it does not hear Hello
}

// NewGate checks and compiles the options. What a decider Hears must not
// change while a gate holds it: build another gate then.
func NewGate(o Options) (*Gate, error) {
	if o.Anonymous > AnonymousAllow {
		return nil, fmt.Errorf("unknown anonymous policy %d", o.Anonymous)
	}
	if o.CacheSize > maxCacheSize {
		return nil, fmt.Errorf("decision cache of %d entries: at most %d", o.CacheSize, maxCacheSize)
	}
	g := &Gate{
		anonymous: o.Anonymous,
		listeners: maps.Clone(o.Listeners),
		noMatch:   Deny,
		rules:     slices.Clone(o.Rules),
		cacheSize: or(o.CacheSize, DefaultCacheSize),
		allowTTL:  min(or(o.CacheTTL, DefaultCacheTTL), maxTTL),
		denyTTL:   min(or(o.NegativeTTL, DefaultNegativeTTL), maxTTL),
		excludes:  slices.Clone(o.CacheExcludes),
		ejects:    o.DenyDisconnects,
		bans:      o.Bans,
		clock:     o.Clock,
	}
	g.observers.add(o.Observers)
	if o.NoMatch == Allow {
		g.noMatch = Allow
	}
	if g.clock == nil {
		g.clock = time.Now
	}
	for _, f := range o.CacheExcludes {
		if err := checkFilter(f); err != nil {
			return nil, fmt.Errorf("cache excludes: %w", err)
		}
	}
	if err := g.link(o.Chain); err != nil {
		return nil, err
	}
	host, err := compile(o.Rules, &Identity{})
	if err != nil {
		return nil, fmt.Errorf("host rules: %w", err)
	}
	if g.personal = personal(o.Rules); !g.personal {
		g.host = host
	}
	g.plain = g.plainGrants()
	return g, nil
}

// link asks every decider for its name and for what it hears.
func (g *Gate) link(chain []Decider) error {
	for i, d := range chain {
		if d == nil {
			return fmt.Errorf("decider %d of the chain is nil", i)
		}
		l := link{decider: d, name: d.Name()}
		if p, ok := d.(Patient); ok {
			g.patience += p.Patience()
		}
		l.hears[Authentication] = d.Hears(Authentication)
		l.hears[Authorization] = d.Hears(Authorization)
		if l.hears[Authorization] && !g.asks {
			g.first, g.asks = i, true
		}
		if d.Hears(Hello) {
			var ok bool
			if l.greeter, ok = d.(Greeter); !ok {
				return fmt.Errorf("decider %q hears of TLS handshakes and cannot answer", l.name)
			}
			g.greets = true
		}
		g.chain = append(g.chain, l)
	}
	return nil
}

// or returns v, or what stands for its zero value.
func or[T comparable](v, zero T) T {
	var none T
	if v == none {
		return zero
	}
	return v
}
