package auth

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// Spec AUTHN-01: the first answer other than Next decides, the end denies.
func TestChain(t *testing.T) {
	allow, deny, next := Verdict{Decision: Allow}, Verdict{Decision: Deny}, Verdict{Decision: Next}
	banned := Verdict{Decision: Deny, Reason: mqtt.Banned, ReasonText: "come back never"}
	deaf := answers("deaf", Verdict{Decision: Deny})
	cases := []struct {
		name   string
		chain  []Decider
		in     bool
		reason mqtt.Reason
		by     string
	}{
		{"allow stops", []Decider{says("a", allow), says("b", deny)}, true, mqtt.Success, "a"},
		{"deny stops", []Decider{says("a", deny), says("b", allow)}, false, mqtt.NotAuthorized, "a"},
		{"next goes on", []Decider{says("a", next), says("b", allow)}, true, mqtt.Success, "b"},
		{"all next", []Decider{says("a", next), says("b", next)}, false, mqtt.NotAuthorized, ""},
		{"reason kept", []Decider{says("a", next), says("b", banned)}, false, mqtt.Banned, "b"},
		{"deaf skipped", []Decider{deaf, says("b", allow)}, true, mqtt.Success, "b"},
		{"only deaf", []Decider{deaf}, false, mqtt.NotAuthorized, ""},
		{"zero verdict denies", []Decider{says("a", Verdict{})}, false, mqtt.NotAuthorized, "a"},
		{"unknown decision denies", []Decider{says("a", Verdict{Decision: 3}), says("b", allow)}, false, mqtt.NotAuthorized, "a"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			out := enter(t, mustGate(t, Options{Chain: c.chain}), alice())
			if (out.Grant != nil) != c.in || out.Reason != c.reason || out.Decider != c.by || out.Err != nil {
				t.Errorf("got %+v, want in=%v %v by %q", out, c.in, c.reason, c.by)
			}
		})
	}
}

// Spec AUTHN-02, AUTHN-11, AUTHN-13, MAP-11: who comes in when no decider has
// an opinion.
func TestUnasked(t *testing.T) {
	unverified := func() *Request { r := device(); r.TLS.Verified = false; return r }
	bare := func() *Request { r := nobody(); r.TLS = &TLS{Verified: true}; return r }
	empty := func() *Request { r := nobody(); r.HasUsername = true; return r }
	passwordOnly := func() *Request { r := nobody(); r.HasPassword = true; return r }
	scram := func() *Request { r := nobody(); r.AuthMethod = "SCRAM-SHA-256"; return r }
	clients := []struct {
		name      string
		req       func() *Request
		anonymous bool
		cert      bool
		method    bool
	}{
		{"nobody", nobody, true, false, false},
		{"credentials", alice, false, false, false},
		{"empty user name", empty, false, false, false},
		{"password only", passwordOnly, false, false, false},
		{"certificate", device, false, true, false},
		{"unverified certificate", unverified, true, false, false},
		{"no certificate", bare, true, false, false},
		{"method", scram, false, false, true},
	}
	peers := map[string]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "[::ffff:127.0.0.1]:1": true,
		"192.0.2.7:1": false, "0.0.0.0:1": false, "[fe80::1]:1": false, "": false,
	}
	chains := map[string][]Decider{
		"empty": nil,
		"next":  {says("a", Verdict{Decision: Next})},
		"deaf":  {answers("a", Verdict{Decision: Next})},
	}
	for _, policy := range []Anonymous{AnonymousDeny, AnonymousLoopback, AnonymousAllow} {
		for chainName, chain := range chains {
			g := mustGate(t, Options{Chain: chain, Anonymous: policy})
			for peer, near := range peers {
				for _, c := range clients {
					t.Run(fmt.Sprintf("%d/%s/%s/%s", policy, chainName, peer, c.name), func(t *testing.T) {
						req := c.req()
						req.Peer = addrPort(peer)
						allow := policy == AnonymousAllow || policy == AnonymousLoopback && near
						want := mqtt.NotAuthorized
						switch {
						case c.method:
							want = mqtt.BadAuthMethod
						case chain == nil && (allow || c.cert), chain != nil && allow && c.anonymous:
							want = mqtt.Success
						}
						out := enter(t, g, req)
						if out.Reason != want || (out.Grant != nil) != (want == mqtt.Success) {
							t.Errorf("got %v (grant %v), want %v", out.Reason, out.Grant != nil, want)
						}
						if out.Grant != nil && out.Grant.Superuser {
							t.Error("superuser without a verdict")
						}
					})
				}
			}
		}
	}
}

// An empty chain with AnonymousAllow denies nothing; nobody else who comes in
// without a verdict is permitted anything by default.
func TestOpenBroker(t *testing.T) {
	cases := []struct {
		name string
		o    Options
		req  *Request
		want Answer
	}{
		{"open", Options{Anonymous: AnonymousAllow}, alice(), Allowed},
		{"open on loopback", Options{Anonymous: AnonymousLoopback}, near(nobody()), Allowed},
		{"certificate", Options{}, device(), Denied},
		{"certificate, no_match allow", Options{NoMatch: Allow}, device(), Allowed},
		{"anonymous beside a chain", Options{Anonymous: AnonymousAllow, Chain: []Decider{says("a", Verdict{Decision: Next})}}, nobody(), Denied},
		{"anonymous beside an authorizer", Options{Anonymous: AnonymousAllow, Chain: []Decider{answers("a", Verdict{})}}, nobody(), Ask},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			out := enter(t, mustGate(t, c.o), c.req)
			if got := out.Grant.Check(Publish, []byte("a/b"), 1, false); got != c.want {
				t.Errorf("Check = %d, want %d", got, c.want)
			}
		})
	}
}

// A proxy on this machine does not bring its clients there.
func TestLoopbackBehindProxy(t *testing.T) {
	for _, c := range []struct {
		name  string
		peer  netip.AddrPort
		proxy *Proxy
		want  bool
	}{
		{"direct", loopback, nil, true},
		{"client unknown to the proxy", loopback, &Proxy{Via: loopback}, false},
		{"client here", addrPort("127.0.0.1:7"), &Proxy{Via: loopback}, true},
		{"client elsewhere", addrPort("192.0.2.1:7"), &Proxy{Via: loopback}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := nobody()
			r.Peer, r.Proxy = c.peer, c.proxy
			if got := enter(t, mustGate(t, Options{Anonymous: AnonymousLoopback}), r).Grant != nil; got != c.want {
				t.Errorf("let in: %v", got)
			}
		})
	}
}

// Spec AUTHN-08: only what a CONNACK may carry as a refusal goes through.
func TestRefusalReason(t *testing.T) {
	for r := range 256 {
		reason := mqtt.Reason(r)
		want := mqtt.NotAuthorized
		// The error codes of MQTT 5.0 table 3-1.
		if strings.Contains(" 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f ", fmt.Sprintf(" %02x ", r)) {
			want = reason
		}
		out := enter(t, mustGate(t, Options{Chain: []Decider{says("a", Verdict{Reason: reason})}}), alice())
		if out.Reason != want || out.Grant != nil {
			t.Errorf("reason %#x: got %v, want %v", r, out.Reason, want)
		}
	}
	for text, want := range map[string]string{
		"no":                      "no",
		"a\x00b":                  "",
		"a\xff":                   "",
		strings.Repeat("x", 1025): "",
		"naïve \ufffd":            "naïve \ufffd",
	} {
		out := enter(t, mustGate(t, Options{Chain: []Decider{says("a", Verdict{ReasonText: text})}}), alice())
		if out.ReasonText != want {
			t.Errorf("text %.20q: got %q", text, out.ReasonText)
		}
	}
}

// What a decider cannot have meant refuses the client, and the operator sees
// why (spec AUTHN-07, AHTTP-05).
func TestMalformedVerdict(t *testing.T) {
	c := newClock()
	rule := func(r Rule) Verdict { return Verdict{Rules: []Rule{{Permit: true, Actions: Publish, Filter: "a"}, r}} }
	many := make([]Rule, maxRules+1)
	long := make([]Rule, 20)
	for i := range many {
		many[i] = Rule{Permit: true, Actions: Publish, Filter: "a"}
	}
	for i := range long {
		long[i] = Rule{Permit: true, Actions: Publish, Filter: strings.Repeat("x", 65535)}
	}
	attrs := make(map[string]string)
	for i := range maxAttributes + 1 {
		attrs[fmt.Sprint(i)] = ""
	}
	cases := []struct {
		name string
		v    Verdict
		want string // part of Err; empty = accepted
	}{
		{"plain", rule(Rule{Actions: Publish | Subscribe, Filter: "a/+/#", QoS: 7, Retain: RetainNever}), ""},
		{"empty filter", rule(Rule{Actions: Publish}), "rule 2"},
		{"bad filter", rule(Rule{Actions: Publish, Filter: "a/#/b"}), "MQTT-4.7.1-1"},
		{"bad plus", rule(Rule{Actions: Publish, Filter: "a+"}), "MQTT-4.7.1-2"},
		{"bad filter in eq", rule(Rule{Actions: Publish, Filter: "a#", Exact: true}), "MQTT-4.7.1-1"},
		{"NUL", rule(Rule{Actions: Publish, Filter: "a\x00"}), "MQTT-4.7.3-2"},
		{"not UTF-8", rule(Rule{Actions: Publish, Filter: "a\xff"}), "UTF-8"},
		{"too long", rule(Rule{Actions: Publish, Filter: strings.Repeat("a", 65536)}), "MQTT-4.7.3-3"},
		{"shared", rule(Rule{Actions: Subscribe, Filter: "$share/g/a"}), "shared"},
		{"unknown placeholder", rule(Rule{Actions: Publish, Filter: "a/${foo}"}), "placeholder"},
		{"part of a level", rule(Rule{Actions: Publish, Filter: "a/x-${clientid}"}), "placeholder"},
		{"bad attribute placeholder", rule(Rule{Actions: Publish, Filter: "a/${client_attrs.}"}), "placeholder"},
		{"no action", rule(Rule{Filter: "a"}), "action"},
		{"unknown action", rule(Rule{Actions: 4, Filter: "a"}), "action"},
		{"unknown QoS", rule(Rule{Actions: Publish, Filter: "a", QoS: 8}), "QoS"},
		{"unknown retain", rule(Rule{Actions: Publish, Filter: "a", Retain: 3}), "retain"},
		{"most rules", Verdict{Rules: many[1:]}, ""},
		{"too many rules", Verdict{Rules: many}, "10001 rules"},
		{"too much text", Verdict{Rules: long}, "bytes of filters"},
		{"unknown default", Verdict{Default: 3}, "default"},
		{"default of the gate", Verdict{Default: open}, "default"},
		{"user name", Verdict{Username: "a\x00"}, "user name"},
		{"client id", Verdict{ClientID: "a\xff"}, "client id"},
		{"attribute name", Verdict{Attributes: map[string]string{"a b": ""}}, "attribute"},
		{"attribute starts with -", Verdict{Attributes: map[string]string{"-a": ""}}, "attribute"},
		{"attribute value", Verdict{Attributes: map[string]string{"a": "\n"}}, "attribute"},
		{"attribute with wildcard", Verdict{Attributes: map[string]string{"a": "+/#"}}, ""},
		{"too many attributes", Verdict{Attributes: attrs}, "attributes"},
		{"user property", Verdict{UserProperties: []Property{{"a", "\x00"}}}, "user property"},
		{"expiry ahead", Verdict{ExpireAt: c.now.Add(time.Second)}, ""},
		{"expiry now", Verdict{ExpireAt: c.now}, "has passed"},
		{"expiry past", Verdict{ExpireAt: c.now.Add(-time.Hour)}, "has passed"},
		{"expiry in milliseconds", Verdict{ExpireAt: time.Unix(c.now.UnixMilli()+1000, 0)}, "not in seconds"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			tc.v.Decision = Allow
			g := mustGate(t, Options{Chain: []Decider{says("a", tc.v)}, Clock: c.time})
			out := enter(t, g, alice())
			if tc.want == "" {
				if out.Grant == nil || out.Err != nil {
					t.Fatalf("refused: %v", out.Err)
				}
				return
			}
			if out.Grant != nil || out.Reason != mqtt.BadUsernameOrPassword || out.ReasonText != "" {
				t.Errorf("got %+v, want a refusal without text", out)
			}
			if out.Err == nil || !strings.Contains(out.Err.Error(), tc.want) {
				t.Errorf("Err = %v, want it to name %q", out.Err, tc.want)
			}
		})
	}
}

// The password is there for every decider, and gone when the outcome is.
func TestPasswordZeroed(t *testing.T) {
	peek := func(v Verdict) *decider {
		return &decider{name: "peek", authenticate: func(r *Request, done func(Verdict)) {
			if string(r.Password) != "secret" {
				t.Errorf("decider sees %q", r.Password)
			}
			done(v)
		}}
	}
	panics := &decider{name: "panic", authenticate: func(*Request, func(Verdict)) { panic("no") }}
	for name, last := range map[string]*decider{
		"allow": peek(Verdict{Decision: Allow}),
		"deny":  peek(Verdict{}),
		"next":  peek(Verdict{Decision: Next}),
		"panic": panics,
	} {
		t.Run(name, func(t *testing.T) {
			req := alice()
			g := mustGate(t, Options{Chain: []Decider{peek(Verdict{Decision: Next}), last}})
			called := false
			g.Authenticate(req, func(Outcome) {
				called = true
				if !bytes.Equal(req.Password, make([]byte, 6)) {
					t.Errorf("password is %q", req.Password)
				}
			})
			if !called {
				t.Error("no outcome")
			}
		})
	}
}

// A decider that panics, before or after it has answered, refuses.
func TestPanickingDecider(t *testing.T) {
	var nothing *Request
	cases := map[string]func(*Request, func(Verdict)){
		"before":       func(*Request, func(Verdict)) { panic(errors.New("secret")) },
		"after allow":  func(_ *Request, done func(Verdict)) { done(Verdict{Decision: Allow}); panic("secret") },
		"after next":   func(_ *Request, done func(Verdict)) { done(Verdict{Decision: Next}); panic("secret") },
		"runtime":      func(*Request, func(Verdict)) { _ = nothing.ClientID },
		"answer later": func(_ *Request, done func(Verdict)) { defer done(Verdict{Decision: Allow}); panic("secret") },
	}
	for name, f := range cases {
		t.Run(name, func(t *testing.T) {
			g := mustGate(t, Options{Chain: []Decider{&decider{name: "bad", authenticate: f}, says("b", Verdict{Decision: Allow})}})
			out := enter(t, g, alice())
			if out.Grant != nil || out.Reason != mqtt.ServerUnavailable || out.Decider != "bad" {
				t.Errorf("got %+v", out)
			}
			if out.Err == nil || strings.Contains(out.Err.Error(), "secret") {
				t.Errorf("Err = %v", out.Err)
			}
		})
	}
}

// The first answer counts, whatever comes after it and from wherever.
func TestSecondAnswerIgnored(t *testing.T) {
	var kept func(Verdict)
	twice := &decider{name: "twice", authenticate: func(_ *Request, done func(Verdict)) {
		kept = done
		done(Verdict{Decision: Deny})
		done(Verdict{Decision: Allow})
	}}
	g := mustGate(t, Options{Chain: []Decider{twice}})
	calls := 0
	g.Authenticate(alice(), func(o Outcome) {
		calls++
		if o.Grant != nil {
			t.Error("let in by the second answer")
		}
	})
	kept(Verdict{Decision: Allow})
	if calls != 1 {
		t.Errorf("done called %d times", calls)
	}
}

// A decider may answer later and on another goroutine; the chain goes on from
// there.
func TestLateDecider(t *testing.T) {
	h := newHold("hold")
	g := mustGate(t, Options{Chain: []Decider{h, says("b", Verdict{Decision: Allow, Superuser: true})}})
	outcomes := make(chan Outcome, 2)
	g.Authenticate(alice(), func(o Outcome) { outcomes <- o })
	if len(outcomes) != 0 || h.waiting() != 1 {
		t.Fatal("did not wait")
	}
	go h.release(Verdict{Decision: Next})
	if o := <-outcomes; o.Grant == nil || o.Decider != "b" {
		t.Errorf("got %+v", o)
	}
	if len(outcomes) != 0 {
		t.Error("done called twice")
	}
}

// Answers that race each other, and the return of the question, give exactly
// one outcome each.
func TestRacingAnswers(t *testing.T) {
	const clients = 500
	racing := &decider{name: "race", authenticate: func(_ *Request, done func(Verdict)) {
		for range 3 {
			go done(Verdict{Decision: Next})
		}
	}}
	g := mustGate(t, Options{Chain: []Decider{racing, racing, says("b", Verdict{Decision: Allow})}})
	var once [clients]sync.Once
	var wg sync.WaitGroup
	wg.Add(clients)
	for i := range clients {
		g.Authenticate(alice(), func(o Outcome) {
			if o.Grant == nil {
				t.Errorf("refused: %+v", o)
			}
			first := false
			once[i].Do(func() { first = true; wg.Done() })
			if !first {
				t.Error("second outcome")
			}
		})
	}
	wg.Wait()
}

// A long chain of synchronous deciders uses no stack, and a panic of the
// caller's own done is not taken for the decider's.
func TestCallerPanicPassesThrough(t *testing.T) {
	defer func() {
		if p := recover(); p != "mine" {
			t.Errorf("recovered %v", p)
		}
	}()
	g := mustGate(t, Options{Chain: []Decider{says("a", Verdict{Decision: Allow})}})
	g.Authenticate(alice(), func(Outcome) { panic("mine") })
}

// What an Allow says is in the grant.
func TestGrantCarriesVerdict(t *testing.T) {
	c := newClock()
	v := Verdict{
		Decision: Allow, Superuser: true, ExpireAt: c.now.Add(time.Hour),
		Username: "al", ClientID: "c9", Attributes: map[string]string{"role": "r"},
		Limits: Limits{MaxPacketSize: 9}, UserProperties: []Property{{"k", "v"}},
	}
	out := enter(t, mustGate(t, Options{Chain: []Decider{says("a", v)}, Clock: c.time}), alice())
	s := out.Grant
	if s == nil || !s.Superuser || !s.ExpireAt.Equal(v.ExpireAt) || s.Username != "al" || s.ClientID != "c9" ||
		s.Attributes["role"] != "r" || s.Limits != v.Limits || len(s.UserProperties) != 1 {
		t.Errorf("grant %+v", s)
	}
}

func TestNewGateErrors(t *testing.T) {
	for name, o := range map[string]Options{
		"policy":    {Anonymous: 3},
		"cache":     {CacheSize: 1025},
		"nil":       {Chain: []Decider{nil}},
		"host rule": {Rules: []Rule{{Actions: Publish, Filter: "a/#/b"}}},
	} {
		if g, err := NewGate(o); err == nil || g != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
