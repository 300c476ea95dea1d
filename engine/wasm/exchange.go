package wasm

import (
	"errors"
	"net/netip"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
)

// exchange is a conversation that a guest has begun by CONTINUE. All of it stays
// with one instance, which has the state; when that is lost the exchange is. It
// implements [auth.Dialog]. Who has it calls End when the client does not go on;
// there is no deadline here but that of each question.
type exchange struct {
	w      *worker
	inst   *instance
	id     int64 // of the request that began it
	auth   *auth.Request
	method string
	over   bool // on the worker only
	placed bool // it has one of the places that there are
	held   int  // bytes
}

// Continue implements auth.Dialog: the answer of the client goes to the guest.
func (x *exchange) Continue(data []byte, done func(auth.Verdict)) {
	p := x.w.p
	p.stats.requests.Add(1)
	r := &request{auth: x.auth, exchange: x, data: data, done: done, deadline: time.Now().Add(p.limits.Wall)}
	if p.inFlight.Add(1) > int64(p.limits.InFlight) || !x.w.submit(r) {
		p.refuse(r)
		x.End()
	}
}

// End implements auth.Dialog: the guest is told that nobody will answer.
func (x *exchange) End() {
	x.w.send(func(in *inbox) { in.ended = append(in.ended, x) })
}

// encode writes the end of an exchange; see request.encode for the rest.
func (x *exchange) encode(b []byte) []byte { return x.appendContinue(b, nil, true) }

func (x *exchange) appendContinue(b, data []byte, ended bool) []byte {
	b = appendUint(b, 1, uint64(x.id))
	b = appendText(b, 2, x.method)
	b = appendText(b, 3, data)
	return appendBool(b, 4, ended)
}

var errContinue = errors.New("CONTINUE where there is no exchange: it answers an Authenticate with auth_method, or an AuthContinue, of a guest that exports " + exportContinue)

// mayContinue says whether the guest may ask the client for more.
func (r *request) mayContinue() bool {
	return r.auth != nil && r.auth.AuthMethod != "" && r.inst.cont.fn != nil
}

// exchangeOverhead is what an exchange has in a guest beside what its client has
// sent: in Go a goroutine with its stack.
const exchangeOverhead = 8 << 10

// continues makes the verdict of a CONTINUE, whose exchange it begins or goes
// on with. There is an end to those that one plugin may have open, and to what they
// have in the memory of one instance, and a smaller one to those of one source:
// clients that never answer would use it up, and cost others their exchanges.
func (w *worker) continues(r *request, data []byte) auth.Verdict {
	x, p, n := r.exchange, w.p, r.size
	if x == nil {
		x = &exchange{w: w, inst: r.inst, id: r.id, auth: r.auth, method: r.auth.AuthMethod}
		r.inst.begun[x.id] = x
		x.placed = p.exchanging.Take(p.limits.InFlight, 1, x.client())
		n += exchangeOverhead
	}
	if x.placed && x.hold(n) {
		return auth.Verdict{Decision: auth.Continue, AuthData: data, Dialog: x}
	}
	p.stats.busy.Add(1)
	r.exchange = nil // its guest waits, and is told
	w.ended = append(w.ended, x)
	return auth.Verdict{Decision: auth.Deny, Reason: mqtt.ServerBusy}
}

// hold accounts for what a guest may keep of its client until the end.
func (x *exchange) hold(n int) bool {
	if !x.inst.held.Take(x.inst.room, n, x.client()) {
		return false
	}
	x.held += n
	return true
}

// concluded notes that a question of an exchange was answered by v. A guest that
// has not even been asked it has to be told of the end.
func (x *exchange) concluded(asked bool, v *auth.Verdict) {
	switch {
	case v.Decision == auth.Continue:
	case asked:
		x.forget()
	default:
		x.w.ended = append(x.w.ended, x)
	}
}

func (x *exchange) forget() bool {
	if x.over {
		return false
	}
	x.over = true
	delete(x.inst.begun, x.id)
	x.leave()
	return true
}

func (x *exchange) client() netip.Addr { return x.auth.Peer.Addr() }

// leave gives the place of an exchange back.
func (x *exchange) leave() {
	if x.placed {
		x.w.p.exchanging.Leave(1, x.client())
	}
	if x.held > 0 {
		x.inst.held.Leave(x.held, x.client())
	}
}

// dismiss tells the guest that an exchange is over.
func (w *worker) dismiss(x *exchange) {
	if !x.forget() {
		return
	}
	if err := x.inst.dismiss(x); err != nil {
		w.fault(x.inst, faultOf(err, ""))
	}
}

func (i *instance) dismiss(x *exchange) error {
	slice := i.p.limits.AuthenticateSlice
	n, err := i.put(x, slice)
	if err != nil {
		return err
	}
	if err := i.call(&i.cont, slice, uint64(i.w.nextID()), uint64(i.buf), uint64(n)); err != nil {
		return err
	}
	i.wipe(n)
	i.shrink()
	return i.fate()
}

// abandon gives up the exchanges of an instance that is being closed.
func (i *instance) abandon() {
	for _, x := range i.begun {
		x.over = true
		x.leave()
	}
	clear(i.begun)
}
