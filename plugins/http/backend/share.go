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

// join has w wait for the request of another client, if there is one like its own.
// Otherwise w is the one to wait for.
func (s *shared) join(w *waiter) bool {
	if s == nil {
		return false
	}
	now := w.ctx.Now()
	if lead := s.list[w.key]; lead != nil && now < lead.until {
		lead.joined = append(lead.joined, w)
		return true
	}
	s.list[w.key], w.until = w, now+s.ttl
	return false
}

// part takes w off the list and returns those who wait for it.
func (s *shared) part(w *waiter) (joined []*waiter) {
	if s == nil {
		return nil
	}
	if s.list[w.key] == w {
		delete(s.list, w.key)
	}
	joined, w.joined = w.joined, nil
	return joined
}

// follow gives those who have waited for another client's request their verdicts.
func (q *query) follow(joined []*waiter, v wicket.Verdict) {
	for _, w := range joined {
		ctx, then := q.done(w)
		own := v
		if then != nil {
			own = then(v)
		}
		ctx.Answer(own)
	}
}
