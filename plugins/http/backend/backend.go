// Package backend is the logic of the http plugin: it asks an HTTP server who a
// client is and what it may do, in the words of EMQX's HTTP authenticator and
// authorizer (spec 1.12, 1.15 and 2.7). It runs inside the guest, where a handler
// is a goroutine that waits for its answer; the tests run it on the host.
package backend

import (
	"strconv"

	"github.com/wicketmq/wicket/plugins/preset"
	wicket "github.com/wicketmq/wicket/sdk/go"
)

// Backend is a configuration ready to be asked. It is not changed after New.
type Backend struct {
	login  *query // nil: does not authenticate
	super  *query // EMQX 4's second question about a client; nil for none
	access *query // nil: does not authorize
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
	if c.AuthMethod != "" || !c.HasPassword && b.login.uses("password") {
		return wicket.Next()
	}
	s := &subject{ctx: ctx, c: c}
	v := b.login.ask(s, loginAnswer)
	if b.super == nil || v.Code() != wicket.CodeAllow {
		return v
	}
	if b.super.ask(s, loginAnswer).Code() == wicket.CodeAllow {
		v = v.Superuser()
	}
	return v
}

// window is how many topics of one packet are asked about at a time.
const window = 8

// Authorize asks about each topic of a packet.
func (b *Backend) Authorize(ctx *wicket.Context, a *wicket.Access) wicket.Verdict {
	if len(a.Topics) == 1 {
		return b.access.ask(&subject{ctx: ctx, access: a, topic: &a.Topics[0]}, accessAnswer)
	}
	answers := make([]wicket.Verdict, len(a.Topics))
	work, done := make(chan int, len(answers)), make(chan bool)
	for i := range answers {
		work <- i
	}
	close(work)
	n := min(window, len(answers))
	for range n {
		go func() {
			for i := range work {
				answers[i] = b.access.ask(&subject{ctx: ctx, access: a, topic: &a.Topics[i]}, accessAnswer)
			}
			done <- true
		}()
	}
	for range n {
		<-done
	}
	i, ttl := -1, int64(0)
	v := wicket.PerTopic(a, func(*wicket.Topic) wicket.Code {
		i++
		ttl = min(ttl, answers[i].Detail().TTL)
		return answers[i].Code()
	})
	return v.TTL(ttl)
}

// ask sends a request and reads what comes back. No answer, or one that makes
// no sense, is Next, or a denial where the operator wants one (spec 0.4).
func (q *query) ask(s *subject, read func(*query, *subject, *wicket.HTTPResponse) (wicket.Verdict, error)) wicket.Verdict {
	r, err := q.request(s)
	if err != nil { // the client's doing (AHTTP-02, AHTTP-03)
		wicket.Warn("upstream " + strconv.Quote(q.upstream) + " is not asked about client " + preset.Quote(s.clientID()) + ": " + err.Error())
		return wicket.Next().TTL(-1)
	}
	res, err := s.ctx.HTTP(r)
	if err == nil {
		var v wicket.Verdict
		if v, err = read(q, s, res); err == nil {
			return v
		}
	}
	wicket.Warn("upstream " + strconv.Quote(q.upstream) + " has no answer about client " + preset.Quote(s.clientID()) + ": " + err.Error())
	if q.deny {
		return wicket.Deny().Reason(wicket.ServerUnavailable).TTL(-1)
	}
	return wicket.Next().TTL(-1)
}
