package cases

import (
	"errors"

	"github.com/wicketmq/wicket/engine/auth"
)

// noted is an exchange of the plugin between which and the gate the trial stands.
type noted struct {
	auth.Dialog
	t *trial
}

// Continue implements auth.Dialog.
func (n noted) Continue(data []byte, done func(auth.Verdict)) {
	n.Dialog.Continue(data, n.t.noting(done))
}

// converse goes on with an exchange as a client would, or leaves it.
func (t *trial) converse(s *Step) (auth.Outcome, error) {
	x := t.exchange
	if x == nil {
		return auth.Outcome{}, errors.New("no exchange is under way: the step before has to be answered by continue")
	}
	t.exchange = nil
	if s.Leave {
		x.End()
		return auth.Outcome{}, nil
	}
	done := make(chan auth.Outcome, 1)
	x.Continue([]byte(*s.Continue), func(o auth.Outcome) { done <- o })
	return t.outcome(<-done), nil
}

// outcome keeps the exchange that an outcome may be part of.
func (t *trial) outcome(o auth.Outcome) auth.Outcome {
	t.exchange = o.Exchange
	return o
}

// leave ends an exchange that is under way.
func (t *trial) leave() {
	if t.exchange != nil {
		t.exchange.End()
		t.exchange = nil
	}
}

// fixed is the source of what is random in a case: the same numbers for each
// instance, so that a challenge is the same from run to run (splitmix64).
type fixed struct{ state uint64 }

// Read implements io.Reader.
func (f *fixed) Read(b []byte) (int, error) {
	for i := range b {
		f.state += 0x9e3779b97f4a7c15
		z := f.state
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		b[i] = byte(z >> 56)
	}
	return len(b), nil
}
