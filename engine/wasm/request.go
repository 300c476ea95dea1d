package wasm

import (
	"net/netip"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
)

// request is one question to the guest. From the inbox on only its worker
// touches it.
type request struct {
	id       int64 // as the guest knows it; 0 until it has been asked
	auth     *auth.Request
	access   *auth.Access
	hello    *auth.ClientHello // one of the three is set
	done     func(auth.Verdict)
	deadline time.Time

	exchange *exchange // that this goes on with, or nil
	data     []byte    // what the client has answered

	inst       *instance // the one that was asked
	size       int       // of the message that it was given
	calls      int       // host calls it has started
	waits      bool      // the message counts for what waits there
	answered   bool
	prev, next *request // deadlines of the worker
}

// Caps on what one packet of a client may ask. Without them a client could
// make a guest use up its slice, which costs others their requests.
const (
	maxAskedProperties = 256  // user properties of a CONNECT
	maxAskedItems      = 1024 // topics of a SUBSCRIBE
)

// oversized reports whether the guest is to be spared the request.
func (r *request) oversized() bool {
	switch {
	case r.auth != nil:
		return len(r.auth.UserProperties) > maxAskedProperties
	case r.access != nil:
		return len(r.access.Items) > maxAskedItems
	}
	return false // who reads hellos has bounded them
}

func (r *request) question() auth.Question {
	switch {
	case r.auth != nil:
		return auth.Authentication
	case r.access != nil:
		return auth.Authorization
	}
	return auth.Hello
}

func (r *request) encode(b []byte) []byte {
	switch {
	case r.exchange != nil:
		return r.exchange.appendContinue(b, r.data, false)
	case r.auth != nil:
		return appendAuthenticate(b, r.auth)
	case r.access != nil:
		return appendAuthorize(b, r.access)
	}
	return appendHello(b, r.hello)
}

// client is the address of the client that it is about.
func (r *request) client() netip.Addr {
	switch {
	case r.auth != nil:
		return r.auth.Peer.Addr()
	case r.access != nil:
		return r.access.Peer.Addr()
	}
	return r.hello.Peer.Addr()
}

// items is the number of topics asked about.
func (r *request) items() int {
	if r.access == nil {
		return 0
	}
	return len(r.access.Items)
}

// mayCall counts a host call that the guest wants to make for the request.
func (r *request) mayCall() bool {
	r.calls++
	return r.calls <= maxRequestCalls+r.items()
}

// plainVerdict is the answer of a guest that gave only a code. It has no rules
// and no default: a client that is let in may do nothing until a Decision says
// more.
func plainVerdict(code int32) auth.Verdict {
	return auth.Verdict{Decision: auth.Decision(code)}
}

// unavailable denies a request that the guest has not answered.
func unavailable(q auth.Question) auth.Verdict {
	if q == auth.Authorization {
		return auth.Verdict{Decision: auth.Deny, TTL: -1}
	}
	return auth.Verdict{Decision: auth.Deny, Reason: mqtt.ServerUnavailable}
}

// busy denies a request that there is no room for.
func busy(q auth.Question) auth.Verdict {
	if q == auth.Authorization {
		return auth.Verdict{Decision: auth.Deny, Reason: mqtt.QuotaExceeded, TTL: -1}
	}
	return auth.Verdict{Decision: auth.Deny, Reason: mqtt.ServerBusy}
}

// tooMuch denies a request that is larger than any guest should see.
func tooMuch() auth.Verdict {
	return auth.Verdict{Decision: auth.Deny, Reason: mqtt.QuotaExceeded, TTL: -1}
}

// deadlines lists unanswered requests, the earliest deadline first. All
// requests of a plugin get the same time, so that adding one at the end is
// the rule and a timer per request is not needed.
type deadlines struct{ root request }

func (d *deadlines) init() { d.root.prev, d.root.next = &d.root, &d.root }

// first returns the request that is due first, or nil.
func (d *deadlines) first() *request {
	if d.root.next == &d.root {
		return nil
	}
	return d.root.next
}

func (d *deadlines) add(r *request) {
	at := d.root.prev
	for at != &d.root && at.deadline.After(r.deadline) {
		at = at.prev
	}
	r.prev, r.next = at, at.next
	at.next.prev, at.next = r, r
}

func (d *deadlines) remove(r *request) {
	if r.next != nil {
		r.prev.next, r.next.prev = r.next, r.prev
		r.prev, r.next = nil, nil
	}
}
