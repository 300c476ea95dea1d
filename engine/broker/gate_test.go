package broker

import (
	"encoding/hex"

	"github.com/wicketmq/wicket/engine/auth"
)

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// decider is a chain link made of functions; a nil one says Next.
type decider struct {
	authenticate func(*auth.Request, func(auth.Verdict))
	authorize    func(*auth.Access, func(auth.Verdict))
}

func (d *decider) Name() string { return "test" }

func (d *decider) Hears(q auth.Question) bool {
	if q == auth.Authentication {
		return d.authenticate != nil
	}
	return q == auth.Authorization && d.authorize != nil
}

func (d *decider) Authenticate(r *auth.Request, done func(auth.Verdict)) { d.authenticate(r, done) }
func (d *decider) Authorize(a *auth.Access, done func(auth.Verdict))     { d.authorize(a, done) }

func (d *decider) gate(t tester) *auth.Gate {
	t.Helper()
	g, err := auth.NewGate(auth.Options{Chain: []auth.Decider{d}, Anonymous: auth.AnonymousAllow, CacheSize: -1})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// rules lets everybody in with the rules given.
func rules(rs ...auth.Rule) *decider {
	return &decider{authenticate: func(_ *auth.Request, done func(auth.Verdict)) {
		done(auth.Verdict{Decision: auth.Allow, Default: auth.Allow, Rules: rs})
	}}
}

func forbid(a auth.Action, filter string) auth.Rule { return auth.Rule{Actions: a, Filter: filter} }

// later keeps the answers back until the test gives them.
type later struct {
	dones []func(auth.Verdict)
}

func (l *later) authenticate(_ *auth.Request, done func(auth.Verdict)) {
	l.dones = append(l.dones, done)
}
func (l *later) authorize(_ *auth.Access, done func(auth.Verdict)) { l.dones = append(l.dones, done) }

// answer gives the oldest open question its answer.
func (l *later) answer(w *world, v auth.Verdict) {
	w.t.Helper()
	if len(l.dones) == 0 {
		w.t.Fatal("nobody has asked")
	}
	done := l.dones[0]
	l.dones = l.dones[1:]
	done(v)
	if !w.manual {
		w.settle()
	}
}
