package auth

import (
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// Outcome is the result of an authentication.
type Outcome struct {
	// Grant is what the client may do; nil means that it is refused.
	Grant *Grant

	// Reason is for the CONNACK: Success, or why the client is refused (the
	// encoder maps it for MQTT 3.x). ReasonText may be sent to the client.
	Reason     mqtt.Reason
	ReasonText string

	// Decider says who decided, for logs and counters: the name of a decider,
	// "anonymous", "certificate", "listener" or "ban" for the gate's own rules, or empty when
	// nobody in the chain had an opinion.
	Decider string

	// AuthData is the authentication data for the client: with its CONNACK, or
	// with the AUTH that asks it for more.
	AuthData []byte

	// Exchange is not nil when nothing is decided: the client is to send more
	// (MQTT 5.0 §4.12), and what it sends goes to the Exchange.
	Exchange *Exchange

	// Err is what the operator should see of a fault, such as a malformed
	// rule in a verdict. It is never for the client.
	Err error
}

// Who decided when it was no decider.
const (
	byAnonymous   = "anonymous"
	byCertificate = "certificate"
	byListener    = "listener"
	byBan         = "ban"
)

const maxReasonText = 1024 // bytes

// Authenticate asks the chain whether the client may come in and calls done
// exactly once, on any goroutine, possibly before it returns. The request
// belongs to the gate until the client is let in or refused; its password is
// overwritten with zeros before done is called. The broker has assigned a client id to a client
// without one before it asks, since rules may hold ${clientid}.
//
// A client that is in already and shows itself again (Reauthenticate) comes with
// the names it has, and is refused if it turns out to be somebody else.
//
// Who is banned is refused before anybody is asked, and when a decider gives the
// client names that are banned; then the listener's [Policy] holds. Deciders are
// asked in order and the first answer other than Next decides. The names that a
// Next gives the client are those that the deciders after it see, and what the
// session gets. When nobody has an opinion:
//
//	chain      policy   client                      outcome
//	any        any      authentication method       0x8C Bad authentication method
//	not empty  any      shows something             0x87 Not authorized
//	not empty  allow    anonymous                   in
//	not empty  deny     anonymous                   0x87
//	empty      allow    any                         in, and everything is permitted
//	empty      deny     verified certificate        in
//	empty      deny     any other                   0x87
//
// The policy is the effective one: AnonymousLoopback is allow or deny by the
// address of the peer. Those who come in without a decider have no rules of
// their own: authorization asks the chain, then NoMatch. The exception is the
// empty chain with allow, where nothing is asked and nothing is denied but by
// the host rules.
func (g *Gate) Authenticate(req *Request, done func(Outcome)) {
	g.asked.Add(1)
	a := &admission{gate: g, req: req, shown: req, done: done}
	if a.screened() {
		a.finish(banned())
		return
	}
	switch policy := g.listeners[req.Listener]; {
	case policy == AskNobody && req.AuthMethod == "":
		a.finish(a.enter(Next, byListener))
	case policy == AskNobody: // the exchange cannot be completed [MQTT-4.12.0-1]
		a.finish(Outcome{Reason: mqtt.BadAuthMethod, Decider: byListener})
	case policy == AskNamed && req.Username == "" && !req.certified():
		a.finish(nameless())
	default:
		a.ask(0)
	}
}

// nameless refuses a client without a user name.
func nameless() Outcome { return Outcome{Reason: mqtt.NotAuthorized, Decider: byListener} }

// screened reports whether the client is banned as it comes.
func (a *admission) screened() bool {
	if a.req.Reauthenticate {
		return a.renamed()
	}
	r, b := a.req, a.gate.bans
	r.ConnectClientID, r.ConnectUsername = r.ClientID, r.Username
	return b != nil && b.Screen(r.ClientID, r.Username, r.Peer.Addr())
}

// banned refuses a client that is on the list (spec BAN-01).
func banned() Outcome { return Outcome{Reason: mqtt.Banned, Decider: byBan} }

// renamed reports whether the client is banned under the names that it has now.
func (a *admission) renamed() bool {
	r, b := a.req, a.gate.bans
	return b != nil && b.Banned(r.ClientID, r.Username, r.Peer.Addr())
}

// outlawed reports whether the client is banned as it would come in: a ban of the
// time that its exchange, or a decider, has taken counts too.
func (a *admission) outlawed(g *Grant) bool {
	r, b := a.req, a.gate.bans
	return b != nil && b.Banned(or(g.ClientID, r.ClientID), or(g.Username, r.Username), r.Peer.Addr())
}

// admission is a CONNECT on its way through the chain.
type admission struct {
	gate  *Gate
	req   *Request // as the next decider is to see it
	shown *Request // as the broker gave it
	named names
	done  func(Outcome)
}

// ask puts the question to the deciders from the i-th on, until one of them
// decides or has to be waited for.
func (a *admission) ask(i int) {
	for ; i < len(a.gate.chain); i++ {
		l := &a.gate.chain[i]
		if !l.hears[Authentication] {
			continue
		}
		ans, ok := ask(l.name,
			func(done func(Verdict)) { l.decider.Authenticate(a.req, done) },
			func(ans answer) {
				if !a.settle(l, ans) {
					a.ask(i + 1)
				}
			})
		if !ok || a.settle(l, ans) {
			return
		}
	}
	a.finish(a.unasked())
}

// settle ends the admission unless the answer is Next.
func (a *admission) settle(l *link, ans answer) bool {
	switch {
	case ans.fault != nil:
		a.finish(Outcome{Reason: mqtt.ServerUnavailable, Decider: l.name, Err: ans.fault})
	case ans.verdict.Decision == Next:
		named, err := a.name(&ans.verdict)
		switch {
		case err != nil:
			a.finish(faulty(l.name, err))
		case named && a.renamed():
			a.finish(banned())
		default:
			return false
		}
	case ans.verdict.Decision == Continue:
		a.begin(l, &ans.verdict)
	case ans.verdict.Decision == Allow:
		a.named.complete(&ans.verdict)
		out := a.gate.admit(a.req, &ans.verdict, l.name)
		if err := a.stranger(out.Grant); err != nil {
			out = faulty(l.name, err)
		}
		a.finish(out)
	default:
		a.finish(refuse(&ans.verdict, l.name))
	}
	return true
}

func (a *admission) finish(o Outcome) {
	clear(a.shown.Password)
	if g := o.Grant; g != nil {
		switch {
		case a.outlawed(g):
			o = banned()
		case a.gate.listeners[a.shown.Listener] == AskNamed && or(g.Username, a.req.Username) == "":
			o = nameless()
		}
	}
	a.gate.answered.Add(1)
	a.done(o)
}

// refuse carries a Deny to the client. A reason that a CONNACK cannot carry,
// or that would not refuse, becomes Not authorized.
func refuse(v *Verdict, decider string) Outcome {
	o := Outcome{Reason: mqtt.NotAuthorized, Decider: decider}
	if refuses(v.Reason) {
		o.Reason = v.Reason
	}
	if len(v.ReasonText) <= maxReasonText && printable(v.ReasonText) {
		o.ReasonText = v.ReasonText
	}
	return o
}

// refuses says whether a CONNACK may carry r as a refusal (§3.2.2.2).
func refuses(r mqtt.Reason) bool {
	switch {
	case r >= 0x80 && r <= 0x8A, r >= 0x99 && r <= 0x9D:
		return true
	}
	switch r {
	case 0x8C, 0x90, 0x95, 0x97, 0x9F:
		return true
	}
	return false
}

// admit turns an Allow into a grant. A verdict with a fault in it refuses the
// client: half of its rules are not what the decider meant.
func (g *Gate) admit(req *Request, v *Verdict, decider string) Outcome {
	grant, err := g.grant(req, v)
	if err != nil {
		return faulty(decider, err)
	}
	return Outcome{Grant: grant, Decider: decider, AuthData: v.AuthData}
}

// faulty refuses a client because of what is wrong with a verdict about it.
func faulty(decider string, err error) Outcome {
	return Outcome{
		Reason:  mqtt.BadUsernameOrPassword, // spec AUTHN-07
		Decider: decider,
		Err:     fmt.Errorf("verdict of %q: %w", decider, err),
	}
}

// near reports whether the client is on this machine. One that a proxy here
// connects without saying from where (PROXY-04) may be anywhere.
func (r *Request) near() bool {
	if r.Proxy != nil && r.Proxy.Via == r.Peer {
		return false
	}
	return r.Peer.Addr().Unmap().IsLoopback()
}

// unasked decides about a client that no decider has an opinion on, by what
// the client itself has shown.
func (a *admission) unasked() Outcome {
	g, req := a.gate, a.shown
	allow := g.anonymous == AnonymousAllow ||
		g.anonymous == AnonymousLoopback && req.near()
	empty := len(g.chain) == 0
	switch {
	case req.AuthMethod != "":
		// The exchange cannot be completed [MQTT-4.12.0-1].
		return Outcome{Reason: mqtt.BadAuthMethod}
	case empty && allow:
		return a.enter(open, byAnonymous)
	case empty && req.certified():
		return a.enter(Next, byCertificate)
	case allow && anonymous(req):
		return a.enter(Next, byAnonymous)
	case anonymous(req):
		return Outcome{Reason: mqtt.NotAuthorized, Decider: byAnonymous}
	}
	return Outcome{Reason: mqtt.NotAuthorized}
}

// enter admits a client by a rule of the gate itself.
func (a *admission) enter(def Decision, by string) Outcome {
	var v Verdict
	a.named.complete(&v)
	grant, err := a.gate.bind(&Grant{
		Username: v.Username, ClientID: v.ClientID, Attributes: v.Attributes, def: def,
	}, identify(a.req, &v))
	if err != nil {
		return Outcome{Reason: mqtt.NotAuthorized, Decider: by, Err: err}
	}
	return Outcome{Grant: grant, Decider: by}
}

func anonymous(req *Request) bool {
	return !req.HasUsername && !req.HasPassword && req.AuthMethod == "" && !req.certified()
}

// checkExpiry refuses a time that has passed, and one so far away that it was
// milliseconds taken for seconds (spec AUTHN-07).
func checkExpiry(at, now time.Time) error {
	switch {
	case at.IsZero():
		return nil
	case !at.After(now):
		return fmt.Errorf("expiry %s has passed", at.UTC().Format(time.RFC3339))
	case at.Unix() > now.UnixMilli()/2:
		return fmt.Errorf("expiry %d is not in seconds", at.Unix())
	}
	return nil
}

// printable says whether s may stand in a UTF-8 string of a packet: valid, and
// free of control characters (§1.5.4).
func printable(s string) bool {
	for _, r := range s {
		if r < 0x20 || r >= 0x7F && r < 0xA0 {
			return false
		}
	}
	return len(s) <= math.MaxUint16 && utf8.ValidString(s)
}
