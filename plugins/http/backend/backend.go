// Package backend is the logic of the http plugin: it asks an HTTP server who a
// client is and what it may do, in the words of EMQX's HTTP authenticator and
// authorizer (spec 1.12, 1.15 and 2.7). It runs inside the guest, without goroutines:
// a client that waits for the server is a function that will take the answer,
// and its client id. The tests run it on the host.
package backend

import (
	"errors"
	"strconv"

	"github.com/wicketmq/wicket/plugins/preset"
	wicket "github.com/wicketmq/wicket/sdk/go"
)

// Backend is a configuration ready to be asked, by one goroutine. It keeps nothing
// of what it is asked about, see wicket.Reuse.
type Backend struct {
	login  *query // nil: does not authenticate
	super  *query // EMQX 4's second question about a client; nil for none
	access *query // nil: does not authorize
	keeps  bool   // questions about topics need the client's certificate
	one    subject
}

// Authenticates reports whether the backend is to be asked about clients.
func (b *Backend) Authenticates() bool { return b.login != nil }

// Authorizes reports whether the backend is to be asked about topics.
func (b *Backend) Authorizes() bool { return b.access != nil }

// Authenticate asks who a client is. A client with an authentication method is
// another plugin's (AUTHN-11), and so is one without the password that the
// request would have in it (AUTHN-13): a server might take none for an empty
// one, and that for a proof.
func (b *Backend) Authenticate(ctx *wicket.Context, c *wicket.Connect) wicket.Verdict {
	if c.AuthMethod != "" || !c.HasPassword && b.login.secret {
		return wicket.Next()
	}
	s := &b.one
	*s = subject{ctx: ctx, c: c}
	defer func() { *s = subject{} }()
	switch {
	case b.super == nil && b.keeps:
		return b.login.ask(s, loginAnswer, func(v wicket.Verdict) wicket.Verdict { return b.remember(ctx, v) })
	case b.super == nil:
		return b.login.ask(s, loginAnswer, nil)
	}
	c, event := kept(c) // the second question comes later
	return b.login.ask(s, loginAnswer, func(v wicket.Verdict) wicket.Verdict {
		defer clear(event)
		if v.Code() != wicket.CodeAllow {
			return v
		}
		return b.super.ask(&subject{ctx: ctx, c: c}, loginAnswer, func(super wicket.Verdict) wicket.Verdict {
			if super.Code() == wicket.CodeAllow {
				v = v.Superuser()
			}
			return b.remember(ctx, v)
		})
	})
}

// kept is a copy of c, and what to wipe when it has been used.
func kept(c *wicket.Connect) (*wicket.Connect, []byte) {
	event, again := c.Append(nil), new(wicket.Connect)
	_ = again.Decode(event) // it is what has just been written
	return again, event
}

// window is how many topics of one packet are asked about at a time.
const window = 8

// Authorize asks about each topic of a packet.
func (b *Backend) Authorize(ctx *wicket.Context, a *wicket.Access) wicket.Verdict {
	if len(a.Topics) == 1 {
		s := &b.one
		*s = subject{ctx: ctx, access: a, topic: &a.Topics[0]}
		defer func() { *s = subject{} }()
		return b.access.ask(s, accessAnswer, nil)
	}
	again := new(wicket.Access) // for the questions that come later
	_ = again.Decode(a.Append(nil))
	a = again
	p := &packet{b: b, ctx: ctx, a: a, answers: make([]wicket.Verdict, len(a.Topics)), left: len(a.Topics)}
	v := wicket.Later()
	for i := 0; i < window && v.IsLater() && p.next < len(a.Topics); i++ {
		v = p.ask()
	}
	return v
}

// packet is a packet about whose topics the server is being asked.
type packet struct {
	b       *Backend
	ctx     *wicket.Context
	a       *wicket.Access
	answers []wicket.Verdict
	next    int // topic to ask about
	left    int // topics without an answer
}

// ask asks about the next topic. With the last answer comes the verdict.
func (p *packet) ask() wicket.Verdict {
	i := p.next
	p.next++
	return p.b.access.ask(&subject{ctx: p.ctx, access: p.a, topic: &p.a.Topics[i]}, accessAnswer, func(v wicket.Verdict) wicket.Verdict {
		p.answers[i] = v
		switch p.left--; {
		case p.left == 0:
			return p.verdict()
		case p.next < len(p.answers):
			return p.ask()
		}
		return wicket.Later()
	})
}

func (p *packet) verdict() wicket.Verdict {
	i, ttl := -1, int64(0)
	v := wicket.PerTopic(p.a, func(*wicket.Topic) wicket.Code {
		i++
		ttl = min(ttl, p.answers[i].Detail().TTL)
		return p.answers[i].Code()
	})
	return v.TTL(ttl)
}

// unaskable is the verdict where a client says something that no request can say.
// It proves nothing; and no server is kept from denying it a topic by that, where
// what nobody has an opinion on is allowed.
func unaskable(access bool) wicket.Verdict {
	if access {
		return wicket.Deny().TTL(-1)
	}
	return wicket.Next().TTL(-1)
}

// reading makes a verdict of an answer.
type reading func(q *query, ctx *wicket.Context, client string, res *wicket.HTTPResponse) (wicket.Verdict, error)

// ask sends a request; the verdict is made of what comes back, and then makes
// another one of it, unless it is nil.
func (q *query) ask(s *subject, read reading, then func(wicket.Verdict) wicket.Verdict) wicket.Verdict {
	r, err := q.request(s)
	defer q.forget()
	if err != nil { // the client's doing (AHTTP-02, AHTTP-03)
		wicket.Warn("upstream " + strconv.Quote(q.upstream) + " is not asked about client " + preset.Quote(s.clientID()) + ": " + err.Error())
		v := unaskable(s.access != nil)
		if then != nil {
			return then(v)
		}
		return v
	}
	var key digest
	if q.same != nil {
		key = q.same.of(&r)
	}
	if v, denied := q.denials.find(s.ctx, key); denied {
		if then != nil {
			return then(v)
		}
		return v
	}
	w := q.wait()
	w.ctx, w.client, w.access = s.ctx, append(w.client[:0], s.clientID()...), s.access != nil // what is kept while the client waits
	w.read, w.then, w.key = read, then, key
	if q.shared.join(w, &r) {
		return wicket.Later()
	}
	return w.ctx.HTTPThen(&r, w.answered)
}

// waiter is a client that waits for a server.
type waiter struct {
	q        *query
	ctx      *wicket.Context
	client   []byte // its id
	access   bool
	key      digest
	read     reading
	then     func(wicket.Verdict) wicket.Verdict
	answered func(*wicket.HTTPResponse, error) wicket.Verdict // the method answer
	company  *company                                         // those who wait for the same answer; nil for nobody
	until    int64                                            // nobody joins any more
}

// mostIdle is how many waiters are kept for those to come, and mostClient how long
// the client ids are that they have room for.
const (
	mostIdle   = 64
	mostClient = 256
)

func (q *query) wait() *waiter {
	if n := len(q.idle); n > 0 {
		w := q.idle[n-1]
		q.idle = q.idle[:n-1]
		return w
	}
	w := &waiter{q: q}
	w.answered = w.answer
	return w
}

// done takes back a waiter that does not wait any more.
func (q *query) done(w *waiter) (ctx *wicket.Context, then func(wicket.Verdict) wicket.Verdict) {
	ctx, then = w.ctx, w.then
	if w.ctx, w.read, w.then = nil, nil, nil; len(q.idle) < mostIdle && cap(w.client) <= mostClient {
		q.idle = append(q.idle, w)
	}
	return ctx, then
}

// answer takes what the server has answered.
func (w *waiter) answer(res *wicket.HTTPResponse, err error) wicket.Verdict {
	q := w.q
	v, answered := q.outcome(w.ctx, text(w.client), w.read, res, err)
	if w.access && errors.Is(err, wicket.ErrMalformed) { // it is too long
		v = unaskable(w.access)
	}
	if answered {
		q.denials.add(w.ctx, w.key, v)
	}
	others := q.shared.part(w)
	_, then := q.done(w)
	q.follow(others, res, v)
	if then != nil {
		return then(v)
	}
	return v
}

// outcome is the verdict, and whether the server has answered. No answer, or one
// that makes no sense, is Next, or a denial where the operator wants one (spec 0.4).
func (q *query) outcome(ctx *wicket.Context, client string, read reading, res *wicket.HTTPResponse, err error) (v wicket.Verdict, answered bool) {
	hint := ""
	if err == nil {
		if v, err = read(q, ctx, client, res); err == nil {
			return v, true
		}
		hint = oldHint(res)
	}
	wicket.Warn("upstream " + strconv.Quote(q.upstream) + " has no answer about client " + preset.Quote(client) + ": " + err.Error() + hint)
	if q.deny {
		return wicket.Deny().Reason(wicket.ServerUnavailable).TTL(-1), false
	}
	return wicket.Next().TTL(-1), false
}
