package backend

import wicket "github.com/wicketmq/wicket/sdk/go"

// shared are the requests under way that serve other clients too, whose request would
// be the same (AHTTP-13): a crowd that comes back with one user name and one password
// costs the server one request. Nil shares none.
//
// A client is let in by the answer about another one, so the same means all that the
// server is told, by a digest that nobody can aim at. What the verdict has besides, of
// the client's certificate, is each client's own.
type shared struct {
	ttl  int64 // milliseconds after which a request is too old to be waited for
	list map[digest]*waiter
}

// mostJoined is how many wait for one request. They are all answered while the plugin
// is told of its outcome, for which the broker gives it 50 ms: the next one sends a
// request that others wait for in turn.
const mostJoined = 64

// mostGiven is how long an answer may be that all of them are given.
const mostGiven = 4 << 10

// company is who waits for another client's request.
type company struct {
	waiters []*waiter
	request []byte // as it was sent
}

// join has w wait for the request of another client, if there is one like its own, r.
// Otherwise w is the one to wait for.
func (s *shared) join(w *waiter, r *wicket.HTTPRequest) bool {
	if s == nil {
		return false
	}
	now := w.ctx.Now()
	if lead := s.list[w.key]; lead != nil && now < lead.until {
		if lead.company == nil {
			lead.company = &company{request: r.Append(nil)}
		}
		if len(lead.company.waiters) < mostJoined {
			lead.company.waiters = append(lead.company.waiters, w)
			return true
		}
	}
	s.list[w.key], w.until = w, now+s.ttl
	return false
}

// part takes w off the list and returns those who wait for it; nil for nobody.
func (s *shared) part(w *waiter) (c *company) {
	if s == nil {
		return nil
	}
	if s.list[w.key] == w {
		delete(s.list, w.key)
	}
	c, w.company = w.company, nil
	return c
}

// follow gives those who have waited for another client's request their verdicts. If
// the answer was long it takes too long to do that for all: each asks by itself then.
func (q *query) follow(c *company, res *wicket.HTTPResponse, v wicket.Verdict) {
	if c == nil {
		return
	}
	defer clear(c.request) // there may be a password in it
	if res != nil && len(res.Body) > mostGiven {
		q.disperse(c)
		return
	}
	for _, w := range c.waiters {
		ctx, then := q.done(w)
		own := v
		if then != nil {
			own = then(v)
		}
		ctx.Answer(own)
	}
}

// disperse has each send the request that all have waited for.
func (q *query) disperse(c *company) {
	var r wicket.HTTPRequest
	_ = r.Decode(c.request) // it is what was written here
	for _, w := range c.waiters {
		ctx := w.ctx
		ctx.Answer(ctx.HTTPThen(&r, w.answered))
	}
}
