package backend

import (
	"errors"
	"slices"

	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/config"
)

// Source asks a server for what it keeps of a user instead of for a decision. The
// plugin scram does.
type Source struct{ query *query }

// NewSource reads the settings of a request to an upstream: upstream, method,
// path, headers, body, request_timeout and on_backend_error. Faults are in o; the
// notes are what an operator should be told of settings that work.
func NewSource(l *wicket.LoadInfo, o *config.Object) (src *Source, notes []string) {
	s := settings{load: l, notes: &notes, upstream: only(l.Upstreams)}
	s.common(o)
	q := s.query(o, authentication)
	if q.secret {
		o.Fault("body", "there is no password: with SCRAM a client never sends it")
	}
	for _, m := range moved {
		if o.Has(m[0]) {
			o.Value(m[0])
			o.Fault(m[0], m[1])
		}
	}
	return &Source{q}, notes
}

// Record is what a server has answered about a user.
type Record struct{ answer answer }

// Find asks about the client. There is no record of a user whom the server does
// not know or does not want: a status of 204, 401, 403 or 404, or a result of
// deny or ignore. The error says why there is no answer.
func (s *Source) Find(ctx *wicket.Context, c *wicket.Connect) (*Record, error) {
	r, err := s.query.request(&subject{ctx: ctx, c: c})
	if err != nil {
		return nil, err
	}
	res, err := ctx.HTTP(r)
	s.query.forget()
	switch {
	case err != nil:
		return nil, err
	case slices.Contains([]uint32{204, 401, 403, 404}, res.Status):
		return nil, nil
	case res.Status != 200:
		return nil, status(res)
	}
	a, err := readAnswer(res)
	if err != nil {
		return nil, err
	}
	switch text := a.text("result"); text {
	case "", "allow":
		return &Record{a}, nil
	case "deny", "ignore":
		return nil, nil
	}
	return nil, errors.New("the result in its answer is none of allow, deny and ignore")
}

// Text returns a field of the record.
func (r *Record) Text(key string) string { return r.answer.text(key) }

// Admit lets the client in with what the record says beside: is_superuser, acl,
// client_attrs and expire_at (AHTTP-05).
func (r *Record) Admit(ctx *wicket.Context) (wicket.Verdict, error) {
	return r.answer.details(admitted, ctx)
}

// Failed is the verdict about a client that the server has no answer about.
func (s *Source) Failed(err error) wicket.Verdict {
	wicket.Warn("upstream \"" + s.query.upstream + "\" has no answer about a client: " + err.Error())
	if s.query.deny {
		return wicket.Deny().Reason(wicket.ServerUnavailable)
	}
	return wicket.Next()
}
