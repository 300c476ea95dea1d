package auth

import (
	"net/netip"
	"testing"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// Spec LSN-07: what a listener says goes before the chain, and bans before it.
func TestListenerPolicies(t *testing.T) {
	scram := func() *Request { r := alice(); r.AuthMethod = "SCRAM-SHA-256"; return r }
	empty := func() *Request { r := nobody(); r.HasUsername = true; return r }
	certified := func() *Request { r := device(); r.Username, r.HasUsername = "", false; return r }
	named := says("names", Verdict{Decision: Allow, Username: "device-17"})
	plain := says("allows", Verdict{Decision: Allow})
	denies := says("denies", Verdict{Decision: Deny})
	for _, tt := range []struct {
		name   string
		policy Policy
		chain  Decider
		req    *Request
		want   mqtt.Reason
		by     string
	}{
		{"the chain decides", AskChain, plain, nobody(), mqtt.Success, "allows"},
		{"nobody is asked", AskNobody, denies, nobody(), mqtt.Success, "listener"},
		{"nobody is asked about a name", AskNobody, denies, alice(), mqtt.Success, "listener"},
		{"an exchange needs somebody", AskNobody, plain, scram(), mqtt.BadAuthMethod, "listener"},
		{"no name", AskNamed, plain, nobody(), mqtt.NotAuthorized, "listener"},
		{"an empty name", AskNamed, plain, empty(), mqtt.NotAuthorized, "listener"},
		{"a name", AskNamed, plain, alice(), mqtt.Success, "allows"},
		{"a name that is denied", AskNamed, denies, alice(), mqtt.NotAuthorized, "denies"},
		{"a certificate that gives a name", AskNamed, named, certified(), mqtt.Success, "names"},
		{"a certificate that gives none", AskNamed, plain, certified(), mqtt.NotAuthorized, "listener"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.req.Listener = "tls:default"
			o := Options{Chain: []Decider{tt.chain}, Listeners: map[string]Policy{"tls:default": tt.policy, "tls:other": AskNobody}}
			out := enter(t, mustGate(t, o), tt.req)
			if out.Reason != tt.want || out.Decider != tt.by || (out.Grant != nil) != (tt.want == mqtt.Success) {
				t.Fatalf("%v by %q, grant %v", out.Reason, out.Decider, out.Grant != nil)
			}
			if out.Grant != nil && out.Grant.Superuser {
				t.Error("a superuser")
			}
		})
	}
	banned := alice()
	banned.Listener = "tcp:open"
	o := Options{Listeners: map[string]Policy{"tcp:open": AskNobody}, Bans: listed{"alice"}, NoMatch: Allow}
	if out := enter(t, mustGate(t, o), banned); out.Reason != mqtt.Banned {
		t.Errorf("banned: %v", out.Reason)
	}
}

// Who comes in without having been asked about is asked about for each topic.
func TestListenerWithoutChainStillAuthorizes(t *testing.T) {
	policy := map[string]Policy{"tcp:open": AskNobody}
	for _, tt := range []struct {
		o    Options
		want Answer
	}{
		{Options{}, Denied},
		{Options{NoMatch: Allow}, Allowed},
		{Options{Anonymous: AnonymousAllow}, Denied},
		{Options{Chain: []Decider{answers("a", Verdict{})}}, Ask},
		{Options{NoMatch: Allow, Rules: []Rule{{Actions: Publish, Filter: "a"}}}, Denied},
	} {
		req := alice()
		req.Listener, tt.o.Listeners = "tcp:open", policy
		out := enter(t, mustGate(t, tt.o), req)
		if out.Grant == nil {
			t.Fatalf("%+v: %v", tt.o, out.Reason)
		}
		if got := out.Grant.Check(Publish, []byte("a"), 0, false); got != tt.want {
			t.Errorf("%+v: %v, want %v", tt.o, got, tt.want)
		}
	}
}

// listed bans a user name.
type listed struct{ name string }

func (l listed) Screen(_, username string, _ netip.Addr) bool { return username == l.name }
func (l listed) Banned(_, username string, _ netip.Addr) bool { return username == l.name }
