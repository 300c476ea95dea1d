package auth

import (
	"fmt"
	"time"

	"github.com/wicketmq/wicket/engine/topic"
)

// Answer is what a grant says about an access. The zero value denies.
type Answer uint8

// The answers; the numbers are those of Decision.
const (
	Denied  = Answer(Deny)
	Allowed = Answer(Allow)
	Ask     = Answer(Next) // neither rules nor cache know: Gate.Authorize does
)

// open is the default of a session that was let in by an empty chain with
// AnonymousAllow: nothing is denied. No verdict can carry it.
const open Decision = 0xFF

const (
	maxAttributes = 256
	maxProperties = 256
	maxName       = 256 // bytes of an attribute's name
)

// Grant is what one session may do. It is used on the event loop that owns the
// session only. Its fields are read-only: sessions whose grants would be equal
// and immutable share one.
type Grant struct {
	Username       string // replaces the client's, unless empty
	ClientID       string // replaces the client's, unless empty
	Superuser      bool
	ExpireAt       time.Time // disconnect then; zero = never
	Attributes     map[string]string
	Limits         Limits
	UserProperties []Property // for the CONNACK

	gate    *Gate
	host    *acl // host rules; nil when there are none
	acl     *acl // the session's rules; nil when there are none
	cache   *cache
	given   []given // rules of earlier answers, by their deciders' place in the chain
	expires int64   // ExpireAt in Unix milliseconds; 0 = never
	epoch   uint32  // counts Forget
	def     Decision
	rest    Answer // what def comes to at this gate
	shared  bool
}

// Identity is what the placeholders in rules stand for. An empty field is a
// missing value.
type Identity struct {
	ClientID   string
	Username   string
	CommonName string // of the verified client certificate
	Attributes map[string]string
}

// Check answers one access of the session: a PUBLISH to a topic name, or a
// SUBSCRIBE to a topic filter, given as sent: rules apply to the filter inside
// of "$share/name/filter". It allocates nothing and asks nobody; on Ask the
// caller goes to [Gate.Authorize]. retain is ignored for Subscribe.
//
// The order: host rules, superuser, the session's rules in order, the rules'
// default, and where that says so the rules that a decider has answered with
// before, the decision cache, then Ask. A grant that
// has expired, and a nil one, deny everything (spec AUTHZ-08).
func (g *Grant) Check(action Action, text []byte, qos byte, retain bool) Answer {
	if g == nil || g.expired() {
		return Denied
	}
	kind := kindOf(action, qos, retain)
	name := text
	if action == Subscribe {
		_, name, _ = topic.SplitShared(text)
	}
	if kind == 0 || len(name) == 0 {
		return Denied
	}
	if g.host != nil {
		if found, permit := g.host.match(kind, name); found && !permit {
			return Denied
		}
	}
	if g.Superuser {
		return Allowed
	}
	if g.acl != nil {
		if found, permit := g.acl.match(kind, name); found {
			return answerOf(permit)
		}
	}
	if g.rest == Ask && g.given != nil {
		if answer := g.lookupGiven(kind, name); answer != Ask {
			return answer
		}
	}
	if g.rest == Ask && g.cache != nil {
		return g.cache.lookup(kind, text, g.gate.clock)
	}
	return g.rest
}

// MayReceive says whether a message may be delivered to the session under a
// subscription of the given QoS that was authorised before. A permission for a
// filter such as "#" does not reach over a rule that forbids a part of it: a
// topic whose first matching rule for Subscribe denies is not delivered. It
// costs a comparison for a session without such rules.
func (g *Grant) MayReceive(name []byte, qos byte) bool {
	kind := kindOf(Subscribe, qos, false)
	if g == nil || g.expired() || kind == 0 || len(name) == 0 {
		return false
	}
	if g.host != nil && g.host.forbids {
		if found, permit := g.host.match(kind, name); found && !permit {
			return false
		}
	}
	if g.Superuser {
		return true
	}
	if g.acl != nil && g.acl.forbids {
		if found, permit := g.acl.match(kind, name); found {
			return permit
		}
	}
	return g.given == nil || !g.givenForbids(kind, name) || g.acl.permits(kind, name)
}

// Forget drops the cached decisions, and those of questions under way. Rules
// that a decider has answered with are asked for again; until then what they
// forbid to receive stays forbidden.
func (g *Grant) Forget() {
	if g == nil || g.shared {
		return
	}
	g.cache = nil
	g.given = g.stale(func(r given) int { return r.at })
	g.epoch++
}

func (g *Grant) expired() bool {
	return g.expires != 0 && g.gate.clock().UnixMilli() >= g.expires
}

func answerOf(permit bool) Answer {
	if permit {
		return Allowed
	}
	return Denied
}

// grant builds the grant that an Allow stands for, or says what is wrong with
// the verdict.
func (g *Gate) grant(req *Request, v *Verdict) (*Grant, error) {
	if err := v.check(g.clock()); err != nil {
		return nil, err
	}
	who := identify(req, v)
	rules, err := compile(v.Rules, who)
	if err != nil {
		return nil, err
	}
	s := &Grant{
		Username:       v.Username,
		ClientID:       v.ClientID,
		Superuser:      v.Superuser,
		ExpireAt:       v.ExpireAt,
		Attributes:     v.Attributes,
		Limits:         v.Limits,
		UserProperties: v.UserProperties,
		acl:            rules,
		def:            v.Default,
	}
	if !s.ExpireAt.IsZero() {
		s.expires = s.ExpireAt.UnixMilli()
	}
	return g.bind(s, who)
}

// Adopt returns the grant of a live session as it is under this gate, for a
// reload: host rules and NoMatch are this gate's, cached decisions are
// dropped as by [Grant.Forget], the session's own rules stay. It is called on the session's loop;
// who is the session as it is known now (its attributes are the grant's). When
// the host rules cannot be compiled for it, the grant denies everything.
func (g *Gate) Adopt(old *Grant, who Identity) *Grant {
	if old == nil || old.gate == g {
		return old
	}
	s := &Grant{
		Username:       old.Username,
		ClientID:       old.ClientID,
		Superuser:      old.Superuser,
		ExpireAt:       old.ExpireAt,
		Attributes:     old.Attributes,
		Limits:         old.Limits,
		UserProperties: old.UserProperties,
		acl:            old.acl,
		expires:        old.expires,
		def:            old.def,
	}
	if g.asks {
		s.given = old.stale(func(given) int { return -1 })
	}
	if s.def == open && !(len(g.chain) == 0 && g.anonymous != AnonymousDeny) {
		s.def = Next
	}
	who.Attributes = old.Attributes
	s, err := g.bind(s, &who)
	if err != nil {
		return &Grant{gate: g, def: Deny, rest: Denied}
	}
	return s
}

// bind makes s a grant of this gate, or finds the shared one that equals it.
func (g *Gate) bind(s *Grant, who *Identity) (*Grant, error) {
	s.gate, s.host, s.rest = g, g.host, g.restOf(s.def)
	if g.personal {
		host, err := compile(g.rules, who)
		if err != nil {
			return nil, fmt.Errorf("host rules: %w", err)
		}
		s.host = host
	}
	if p := g.plain[plainKey{s.def, s.Superuser}]; p != nil && s.plainAs(p) {
		return p, nil
	}
	return s, nil
}

// restOf says what an access that no rule answers comes to.
func (g *Gate) restOf(def Decision) Answer {
	switch {
	case def == Allow, def == open:
		return Allowed
	case def == Deny:
		return Denied
	case g.asks:
		return Ask
	}
	return Answer(g.noMatch)
}

// plainKey names a grant that holds nothing of its session.
type plainKey struct {
	def       Decision
	superuser bool
}

// plainGrants makes the grants that sessions without anything of their own
// share: those that never need a cache.
func (g *Gate) plainGrants() map[plainKey]*Grant {
	shared := map[plainKey]*Grant{}
	if g.personal {
		return shared
	}
	for _, def := range []Decision{Deny, Allow, Next, open} {
		for _, superuser := range []bool{false, true} {
			rest := g.restOf(def)
			if rest == Ask && !superuser {
				continue
			}
			shared[plainKey{def, superuser}] = &Grant{
				Superuser: superuser,
				gate:      g,
				host:      g.host,
				def:       def,
				rest:      rest,
				shared:    true,
			}
		}
	}
	return shared
}

// plainAs says whether s differs from the shared grant p in nothing.
func (s *Grant) plainAs(p *Grant) bool {
	return s.Username == "" && s.ClientID == "" && s.expires == 0 && s.acl == nil && s.given == nil &&
		len(s.Attributes) == 0 && s.Limits == Limits{} && len(s.UserProperties) == 0 &&
		s.host == p.host
}

// identify collects what placeholders stand for: the client under the names
// that the verdict gives it.
func identify(req *Request, v *Verdict) *Identity {
	return &Identity{
		ClientID:   or(v.ClientID, req.ClientID),
		Username:   or(v.Username, req.Username),
		CommonName: req.CommonName(),
		Attributes: v.Attributes,
	}
}

// check looks for what a decider cannot have meant.
func (v *Verdict) check(now time.Time) error {
	switch {
	case v.Default > Next:
		return fmt.Errorf("unknown default %d", v.Default)
	case len(v.UserProperties) > maxProperties:
		return fmt.Errorf("%d user properties: at most %d", len(v.UserProperties), maxProperties)
	}
	if err := v.checkNames(); err != nil {
		return err
	}
	for _, p := range v.UserProperties {
		if !printable(p.Key) || !printable(p.Value) {
			return fmt.Errorf("user property %q is not a pair of valid MQTT strings", clip(p.Key))
		}
	}
	return checkExpiry(v.ExpireAt, now)
}

// checkNames looks for names that nobody may have: a control character in one
// would be an injection elsewhere (spec MAP-08).
func (v *Verdict) checkNames() error {
	switch {
	case !printable(v.Username):
		return fmt.Errorf("user name %q is not a valid MQTT string", clip(v.Username))
	case !printable(v.ClientID):
		return fmt.Errorf("client id %q is not a valid MQTT string", clip(v.ClientID))
	case len(v.Attributes) > maxAttributes:
		return fmt.Errorf("%d attributes: at most %d", len(v.Attributes), maxAttributes)
	}
	for name, value := range v.Attributes {
		if !attributeName(name) || !printable(value) {
			return fmt.Errorf("attribute %q is not a valid name with a valid value", clip(name))
		}
	}
	return nil
}

// attributeName says whether s is a letter or digit, then those, - and _.
func attributeName(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case i > 0 && (c == '-' || c == '_'):
		default:
			return false
		}
	}
	return s != "" && len(s) <= maxName
}

// clip shortens what is quoted in an error.
func clip(s string) string {
	if len(s) <= 64 {
		return s
	}
	return s[:64] + "…"
}
