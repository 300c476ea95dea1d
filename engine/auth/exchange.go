package auth

import (
	"errors"
	"fmt"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// MaxRounds is how often a client may be asked for more in one exchange.
const MaxRounds = 16

// Dialog is the decider's side of an exchange that it has begun with a
// [Continue]. Its methods return at once and may be called on any goroutine, one
// at a time.
type Dialog interface {
	// Continue gives the decider what the client has sent, which it may keep;
	// done is called as that of [Decider.Authenticate].
	Continue(data []byte, done func(Verdict))

	// End says that there will be no Continue any more.
	End()
}

// Exchange is a client that has been asked for more (MQTT 5.0 §4.12). Whoever is
// given one calls either Continue or End, once; an Outcome of that Continue may
// hold the same Exchange, and then it goes on. Until it is over the gate has an
// unanswered question.
type Exchange struct {
	admission *admission
	link      *link
	dialog    Dialog
	rounds    int
}

// Continue gives what the client has answered to the decider that has asked for
// it; done is called as that of [Gate.Authenticate].
func (x *Exchange) Continue(data []byte, done func(Outcome)) {
	x.admission.done = done
	ans, ok := ask(x.link.name, func(done func(Verdict)) { x.dialog.Continue(data, done) }, x.settle)
	if ok {
		x.settle(ans)
	}
}

// End gives the exchange up: the client has left, or may not go on.
func (x *Exchange) End() {
	a := x.admission
	a.done = func(Outcome) {}
	defer a.finish(Outcome{})
	x.end()
}

// end tells the decider; what it does with it is its own affair.
func (x *Exchange) end() {
	defer func() { _ = recover() }()
	x.dialog.End()
}

// settle takes the answer to a Continue. Nobody else can go on with what a
// decider has begun, so that Next refuses.
func (x *Exchange) settle(ans answer) {
	a, v := x.admission, &ans.verdict
	switch {
	case ans.fault == nil && v.Decision == Continue:
		x.dialog = v.Dialog
		a.challenge(x, v)
	case ans.fault == nil && v.Decision == Next:
		a.finish(Outcome{Reason: mqtt.NotAuthorized, Decider: x.link.name})
	default:
		a.settle(x.link, ans)
	}
}

// begin starts an exchange with the first Continue of a decider.
func (a *admission) begin(l *link, v *Verdict) {
	a.challenge(&Exchange{admission: a, link: l, dialog: v.Dialog}, v)
}

// challenge hands on what the client is to be asked.
func (a *admission) challenge(x *Exchange, v *Verdict) {
	err := a.mayChallenge(x, v)
	if err != nil {
		if x.dialog != nil {
			x.end()
		}
		a.finish(faulty(x.link.name, err))
		return
	}
	x.rounds++
	clear(a.shown.Password)
	a.done(Outcome{Exchange: x, AuthData: v.AuthData, Decider: x.link.name})
}

func (a *admission) mayChallenge(x *Exchange, v *Verdict) error {
	switch {
	case a.req.AuthMethod == "": // [MQTT-4.12.0-6]
		return errors.New("it continues an exchange with a client that has no authentication method")
	case x.dialog == nil:
		return errors.New("it continues an exchange that nobody can go on with")
	case x.rounds >= MaxRounds:
		return fmt.Errorf("it continues an exchange of %d rounds", x.rounds)
	case len(v.AuthData) > maxAuthData:
		return fmt.Errorf("authentication data of %d bytes: at most %d", len(v.AuthData), maxAuthData)
	}
	return nil
}

const maxAuthData = 65535 // bytes: binary data of MQTT (§1.5.6)

// stranger says that somebody else than the client of the session has come to
// show itself again: names are those of the CONNECT for good.
func (a *admission) stranger(g *Grant) error {
	was := a.shown
	if was.Reauthenticate && g != nil && (or(g.Username, was.Username) != was.Username || or(g.ClientID, was.ClientID) != was.ClientID) {
		return errors.New("it allows a client that re-authenticates under another name")
	}
	return nil
}

// Replaces prepares g to take the place of old in a live session: answers to
// questions that were put for old are not remembered by g.
func (g *Grant) Replaces(old *Grant) {
	if !g.shared && old != nil {
		g.epoch = old.epoch + 1
	}
}
