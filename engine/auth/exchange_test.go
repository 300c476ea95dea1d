package auth

import (
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// script is a decider that goes through an exchange: a verdict for the CONNECT
// and one for each answer. Given the last one it stays with it.
type script struct {
	verdicts []Verdict
	got      []string
	ended    int
	panics   bool
}

func (s *script) Name() string          { return "script" }
func (s *script) Hears(q Question) bool { return q == Authentication }

func (s *script) Authenticate(r *Request, done func(Verdict)) {
	s.got = append(s.got, string(r.AuthData))
	done(s.next())
}

func (s *script) Authorize(*Access, func(Verdict)) {}

func (s *script) Continue(data []byte, done func(Verdict)) {
	if s.panics {
		panic("at the second step")
	}
	s.got = append(s.got, string(data))
	done(s.next())
}

func (s *script) End() { s.ended++ }

func (s *script) next() Verdict {
	v := s.verdicts[0]
	if len(s.verdicts) > 1 {
		s.verdicts = s.verdicts[1:]
	}
	if v.Decision == Continue {
		v.Dialog = s
	}
	return v
}

func more(data string) Verdict { return Verdict{Decision: Continue, AuthData: []byte(data)} }

// challenged is a client with an authentication method.
func challenged() *Request {
	r := alice()
	r.AuthMethod, r.AuthData = "M", []byte("c1")
	return r
}

// converse goes through an exchange with the answers given, as far as it goes.
func converse(t *testing.T, g *Gate, req *Request, answers ...string) (out Outcome, asked []string) {
	t.Helper()
	calls := 0
	take := func(o Outcome) { out, calls = o, calls+1 }
	g.Authenticate(req, take)
	for n := 1; out.Exchange != nil; n++ {
		if calls != n {
			t.Fatalf("done called %d times, want %d", calls, n)
		}
		asked = append(asked, string(out.AuthData))
		if len(answers) == 0 {
			return out, asked
		}
		data := answers[0]
		answers = answers[1:]
		out.Exchange.Continue([]byte(data), take)
	}
	return out, asked
}

func balance(t *testing.T, g *Gate, open uint64) {
	t.Helper()
	if asked, answered := g.Questions(); asked-answered != open {
		t.Errorf("%d questions, %d answered: want %d open", asked, answered, open)
	}
}

// [MQTT-4.12.0-2], [MQTT-4.12.0-4]: an exchange of two rounds, and how it ends.
func TestExchange(t *testing.T) {
	allow := Verdict{Decision: Allow, AuthData: []byte("s3"), Username: "proven"}
	for _, c := range []struct {
		name   string
		end    Verdict
		reason mqtt.Reason
		fault  string
	}{
		{"allow", allow, mqtt.Success, ""},
		{"deny", Verdict{Decision: Deny, Reason: mqtt.BadUsernameOrPassword}, mqtt.BadUsernameOrPassword, ""},
		{"next: nobody else can go on", Verdict{Decision: Next}, mqtt.NotAuthorized, ""},
		{"an unknown decision", Verdict{Decision: 9}, mqtt.NotAuthorized, ""},
		{"a fault", Verdict{Decision: Allow, Default: 7}, mqtt.BadUsernameOrPassword, "unknown default"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &script{verdicts: []Verdict{more("s1"), more("s2"), c.end}}
			req := challenged()
			g := mustGate(t, Options{Chain: []Decider{s, says("never asked", Verdict{Decision: Allow})}})
			out, asked := converse(t, g, req, "c2", "c3")
			if got := strings.Join(s.got, " ") + " " + strings.Join(asked, " "); got != "c1 c2 c3 s1 s2" {
				t.Errorf("said %s", got)
			}
			if out.Reason != c.reason || (out.Grant != nil) != (c.reason == mqtt.Success) || out.Decider != "script" {
				t.Errorf("%+v", out)
			}
			if (out.Err != nil) != (c.fault != "") || c.fault != "" && !strings.Contains(out.Err.Error(), c.fault) {
				t.Errorf("err %v", out.Err)
			}
			if out.Grant != nil && (string(out.AuthData) != "s3" || out.Grant.Username != "proven") {
				t.Errorf("%+v", out)
			}
			if string(req.Password) != "\x00\x00\x00\x00\x00\x00" {
				t.Errorf("password %q", req.Password)
			}
			balance(t, g, 0)
		})
	}
}

// Names that a decider has given before the exchange hold for what comes of it.
func TestExchangeAfterNames(t *testing.T) {
	s := &script{verdicts: []Verdict{more("s1"), {Decision: Allow}}}
	g := mustGate(t, Options{Chain: []Decider{naming("cn", "", "a", "1"), s}})
	if out, _ := converse(t, g, challenged(), "c2"); out.Grant == nil || out.Grant.Username != "cn" || out.Grant.Attributes["a"] != "1" {
		t.Errorf("%+v", out)
	}
}

func TestExchangeEnds(t *testing.T) {
	s := &script{verdicts: []Verdict{more("s1")}}
	g := mustGate(t, Options{Chain: []Decider{s}})
	out, _ := converse(t, g, challenged())
	balance(t, g, 1)
	out.Exchange.End()
	balance(t, g, 0)
	if s.ended != 1 {
		t.Errorf("told %d times", s.ended)
	}
}

// What a decider may not do costs the client, and the decider is told.
func TestExchangeRefused(t *testing.T) {
	plain := challenged()
	plain.AuthMethod, plain.AuthData = "", nil
	long := make([]string, 2*MaxRounds)
	for _, c := range []struct {
		name  string
		s     *script
		req   *Request
		ended int
	}{
		{"a client without a method [MQTT-4.12.0-6]", &script{verdicts: []Verdict{more("s1")}}, plain, 1},
		{"no end", &script{verdicts: []Verdict{more("s")}}, challenged(), 1},
		{"too much data", &script{verdicts: []Verdict{more(strings.Repeat("x", 65536))}}, challenged(), 1},
		{"a panic", &script{verdicts: []Verdict{more("s")}, panics: true}, challenged(), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := mustGate(t, Options{Chain: []Decider{c.s}})
			out, asked := converse(t, g, c.req, long...)
			if out.Grant != nil || out.Reason < 0x80 || out.Err == nil || len(asked) > MaxRounds || c.s.ended != c.ended {
				t.Errorf("%+v after %d rounds, ended %d", out, len(asked), c.s.ended)
			}
			balance(t, g, 0)
		})
	}
	g := mustGate(t, Options{Chain: []Decider{says("nobody goes on", more("s1"))}})
	if out := enter(t, g, challenged()); out.Grant != nil || out.Err == nil {
		t.Errorf("%+v", out)
	}
}

// [MQTT-4.12.1-1]: who shows itself again has the names of its session, and
// stays who it is.
func TestReauthenticate(t *testing.T) {
	again := func() *Request {
		r := challenged()
		r.Reauthenticate = true
		r.ConnectClientID, r.ConnectUsername = "sent", "sent"
		return r
	}
	for _, c := range []struct {
		name  string
		chain []Decider
		in    bool
	}{
		{"no names", []Decider{says("s", Verdict{Decision: Allow})}, true},
		{"the same names", []Decider{says("s", Verdict{Decision: Allow, Username: "alice", ClientID: "c1"})}, true},
		{"named on the way", []Decider{naming("alice", "c1"), says("s", Verdict{Decision: Allow})}, true},
		{"another user", []Decider{says("s", Verdict{Decision: Allow, Username: "bob"})}, false},
		{"another client id", []Decider{says("s", Verdict{Decision: Allow, ClientID: "c2"})}, false},
		{"another one on the way", []Decider{naming("bob", ""), says("s", Verdict{Decision: Allow})}, false},
		{"renamed and back", []Decider{naming("bob", ""), says("s", Verdict{Decision: Allow, Username: "alice"})}, true},
		{"nobody knows the method", []Decider{says("s", Verdict{Decision: Next})}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWitness(Verdict{Decision: Next})
			g := mustGate(t, Options{Chain: append([]Decider{w}, c.chain...), Anonymous: AnonymousAllow})
			if out := enter(t, g, again()); (out.Grant != nil) != c.in {
				t.Errorf("%+v", out)
			}
			if w.saw.ConnectUsername != "sent" || w.saw.ConnectClientID != "sent" || !w.saw.Reauthenticate {
				t.Errorf("asked about %+v", w.saw)
			}
		})
	}
}

// An answer to a question that was put for another grant is not remembered.
func TestReplaces(t *testing.T) {
	h := newHold("later")
	h.decider.authenticate = func(_ *Request, done func(Verdict)) { done(Verdict{Decision: Allow, Default: Next}) }
	g := mustGate(t, Options{Chain: []Decider{&h.decider}})
	old, next := enter(t, g, alice()).Grant, enter(t, g, alice()).Grant
	var late Authorized
	g.Authorize(old, &Access{Action: Publish, Items: []Item{{Topic: "t"}}}, func(a Authorized) { late = a })
	next.Replaces(old)
	h.release(Verdict{Decision: Allow})
	next.Remember(late)
	if got := next.Check(Publish, []byte("t"), 0, false); got != Ask {
		t.Errorf("answered %v", got)
	}
}

// Nor who is banned while a decider thinks that has no opinion in the end.
func TestBanWhileAsked(t *testing.T) {
	b := &banList{names: map[string]bool{}}
	slow := &decider{name: "slow", authenticate: func(_ *Request, done func(Verdict)) {
		b.names["c1"] = true
		done(Verdict{Decision: Next})
	}}
	req := &Request{ClientID: "c1", Listener: "tcp:default", Peer: alice().Peer}
	out := enter(t, mustGate(t, Options{Bans: b, Anonymous: AnonymousAllow, Chain: []Decider{slow}}), req)
	if out.Grant != nil || out.Reason != mqtt.Banned {
		t.Errorf("%v by %q", out.Reason, out.Decider)
	}
}

// Who is banned while an exchange goes on does not come in at its end.
func TestBanWithinExchange(t *testing.T) {
	for _, again := range []bool{false, true} {
		b := &banList{names: map[string]bool{}}
		s := &script{verdicts: []Verdict{more("s1"), {Decision: Allow, Default: Allow}}}
		g := mustGate(t, Options{Bans: b, Chain: []Decider{s}})
		req := challenged()
		req.Reauthenticate = again
		out, _ := converse(t, g, req)
		b.names["c1"] = true
		out.Exchange.Continue(nil, func(o Outcome) { out = o })
		if out.Grant != nil || out.Reason != mqtt.Banned || out.Decider != "ban" {
			t.Errorf("again %v: %v by %q", again, out.Reason, out.Decider)
		}
		balance(t, g, 0)
	}
}
