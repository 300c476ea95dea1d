package auth

import (
	"crypto/x509/pkix"
	"maps"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// naming answers Next with an identity.
func naming(username, clientID string, attributes ...string) *decider {
	return says("naming", Verdict{Decision: Next, Username: username, ClientID: clientID, Attributes: pairs(attributes...)})
}

func pairs(kv ...string) map[string]string {
	if len(kv) == 0 {
		return nil
	}
	m := map[string]string{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i]] = kv[i+1]
	}
	return m
}

// witness records the request as it is asked and answers v.
type witness struct {
	decider
	saw Request
}

func newWitness(v Verdict) *witness {
	w := &witness{}
	w.decider = decider{name: "witness", authenticate: func(r *Request, done func(Verdict)) {
		w.saw = *r
		done(v)
	}}
	return w
}

// Spec MAP-09, AUTHN-06, T-15, U-16, U-17: who a client is after a chain that
// names it on the way, for the decider asked last and for the session.
func TestNextNames(t *testing.T) {
	allow := Verdict{Decision: Allow}
	for _, c := range []struct {
		name    string
		chain   []Decider
		last    Verdict
		req     *Request
		user    string // as the last decider sees it
		id      string
		sees    map[string]string
		granted Grant // Username, ClientID, Attributes
	}{
		{"nobody names", nil, allow, alice(), "alice", "c1", nil, Grant{}},
		{"next without names", []Decider{says("n", Verdict{Decision: Next})}, allow, alice(), "alice", "c1", nil, Grant{}},
		{"user name", []Decider{naming("cn", "")}, allow, alice(), "cn", "c1", nil, Grant{Username: "cn"}},
		{"user name of a client without", []Decider{naming("cn", "")}, allow, nobody(), "cn", "c1", nil, Grant{Username: "cn"}},
		{"client id", []Decider{naming("", "id")}, allow, alice(), "alice", "id", nil, Grant{ClientID: "id"}},
		{"attributes", []Decider{naming("", "", "a", "1")}, allow, alice(), "alice", "c1", pairs("a", "1"),
			Grant{Attributes: pairs("a", "1")}},
		{"the later one wins", []Decider{naming("u1", "i1", "a", "1", "b", "1"), naming("u2", "", "b", "2", "c", "2")}, allow, alice(),
			"u2", "i1", pairs("a", "1", "b", "2", "c", "2"),
			Grant{Username: "u2", ClientID: "i1", Attributes: pairs("a", "1", "b", "2", "c", "2")}},
		{"allow wins", []Decider{naming("u1", "i1", "a", "1", "b", "1")},
			Verdict{Decision: Allow, Username: "u2", ClientID: "i2", Attributes: pairs("b", "2")}, alice(),
			"u1", "i1", pairs("a", "1", "b", "1"),
			Grant{Username: "u2", ClientID: "i2", Attributes: pairs("a", "1", "b", "2")}},
		{"next gives no rights", []Decider{says("n", Verdict{Decision: Next, Username: "u", Superuser: true,
			Rules: []Rule{{Permit: true, Actions: Publish, Filter: "#"}}, Default: Allow,
			Limits: Limits{MaxInflight: 1}, UserProperties: []Property{{"k", "v"}}})}, allow, alice(), "u", "c1", nil, Grant{Username: "u"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := *c.req
			w := newWitness(c.last)
			out := enter(t, mustGate(t, Options{Chain: append(c.chain, w)}), c.req)
			if w.saw.Username != c.user || !w.saw.HasUsername && c.user != "" || w.saw.ClientID != c.id || !maps.Equal(w.saw.Attributes, c.sees) {
				t.Errorf("the last decider saw %q, %q, %v", w.saw.Username, w.saw.ClientID, w.saw.Attributes)
			}
			if w.saw.ConnectUsername != before.Username || w.saw.ConnectClientID != before.ClientID {
				t.Errorf("the names of the CONNECT are %q and %q", w.saw.ConnectUsername, w.saw.ConnectClientID)
			}
			g := out.Grant
			if g == nil || g.Username != c.granted.Username || g.ClientID != c.granted.ClientID || !maps.Equal(g.Attributes, c.granted.Attributes) {
				t.Fatalf("granted %+v", g)
			}
			if g.Superuser || g.Limits != (Limits{}) || g.UserProperties != nil || g.Check(Publish, []byte("a"), 0, false) != Denied {
				t.Errorf("Next gave rights: %+v", g)
			}
			if c.req.Username != before.Username || c.req.ClientID != before.ClientID || c.req.Attributes != nil {
				t.Errorf("the broker's request was changed: %+v", c.req)
			}
		})
	}
}

// Attributes that a decider was shown do not change under it.
func TestNamesDoNotChangeAttributesSeen(t *testing.T) {
	w := newWitness(Verdict{Decision: Next, Attributes: pairs("a", "2")})
	out := enter(t, mustGate(t, Options{Chain: []Decider{naming("", "", "a", "1"), w, says("in", Verdict{Decision: Allow})}}), alice())
	if out.Grant.Attributes["a"] != "2" || w.saw.Attributes["a"] != "1" {
		t.Errorf("granted %v, saw %v", out.Grant.Attributes, w.saw.Attributes)
	}
}

// Rules are compiled for the names that the client has in the end.
func TestNamesInRules(t *testing.T) {
	rule := Rule{Permit: true, Actions: Publish, Filter: "${username}/${clientid}/${client_attrs.site}"}
	g := mustGate(t, Options{Chain: []Decider{naming("cn", "id", "site", "7"), says("in", Verdict{Decision: Allow, Rules: []Rule{rule}})}})
	grant := enter(t, g, alice()).Grant
	if grant.Check(Publish, []byte("cn/id/7"), 0, false) != Allowed || grant.Check(Publish, []byte("alice/c1/7"), 0, false) != Denied {
		t.Error("the rules are not for the new names")
	}
}

// Naming is not admitting: the end of the chain judges what the client itself
// has shown (spec U-20, U-55), and whoever it lets in has its new names.
func TestNamesDecideNothing(t *testing.T) {
	chain := []Decider{naming("cn", "id", "a", "1")}
	for name, req := range map[string]*Request{"credentials": alice(), "certificate": device()} {
		if out := enter(t, mustGate(t, Options{Chain: chain, Anonymous: AnonymousAllow}), req); out.Grant != nil || out.Reason != mqtt.NotAuthorized {
			t.Errorf("%s: %+v", name, out)
		}
	}
	if out := enter(t, mustGate(t, Options{Chain: chain}), nobody()); out.Grant != nil {
		t.Errorf("anonymous: %+v", out)
	}
	out := enter(t, mustGate(t, Options{Chain: chain, Anonymous: AnonymousAllow}), nobody())
	if g := out.Grant; g == nil || g.Username != "cn" || g.ClientID != "id" || g.Attributes["a"] != "1" {
		t.Errorf("anonymous, allowed: %+v", g)
	}
}

// Spec MAP-08: a name that could be an injection elsewhere refuses the client
// before anybody else sees it.
func TestNextNamesAreChecked(t *testing.T) {
	many := map[string]string{}
	for i := range maxAttributes {
		many["a"+strconv.Itoa(i)] = ""
	}
	for name, v := range map[string]Verdict{
		"CR LF":           {Username: "a\r\nX-Admin: 1"},
		"C1":              {ClientID: "a\u0085"},
		"NUL":             {ClientID: "\x00"},
		"not UTF-8":       {Username: "\xff"},
		"too long":        {Username: strings.Repeat("x", 1<<16)},
		"attribute name":  {Attributes: pairs("a b", "1")},
		"attribute value": {Attributes: pairs("a", "\x7f")},
		"many attributes": {Attributes: merge(many, pairs("last", "1"))},
		"many together":   {Attributes: many},
	} {
		v.Decision = Next
		w := newWitness(Verdict{Decision: Allow})
		out := enter(t, mustGate(t, Options{Chain: []Decider{naming("", "", "first", "1"), says("bad", v), w}}), alice())
		if out.Grant != nil || out.Reason != mqtt.BadUsernameOrPassword || out.Decider != "bad" || out.Err == nil || w.saw.ClientID != "" {
			t.Errorf("%s: %+v, the next decider saw %q", name, out, w.saw.ClientID)
		}
	}
}

// Names survive a decider that takes its time.
func TestNamesAcrossLateAnswers(t *testing.T) {
	h := newHold("slow")
	w := newWitness(Verdict{Decision: Allow})
	var got []Outcome
	mustGate(t, Options{Chain: []Decider{h, w}}).Authenticate(alice(), func(o Outcome) { got = append(got, o) })
	h.release(Verdict{Decision: Next, Username: "cn"})
	if len(got) != 1 || got[0].Grant.Username != "cn" || w.saw.Username != "cn" || w.saw.ConnectUsername != "alice" {
		t.Errorf("%+v, saw %+v", got, w.saw)
	}
}

// Spec MAP-04, MAP-07, PROXY-07, U-55: whose certificate it is, and what it is
// worth.
func TestCommonName(t *testing.T) {
	org := pkix.AttributeTypeAndValue{Type: []int{2, 5, 4, 10}, Value: "org"}
	two := func() *Request {
		r := device()
		names := &r.TLS.Chain[0].Subject.Names
		*names = append(*names, pkix.AttributeTypeAndValue{Type: oidCommonName, Value: "two"}, org)
		return r
	}
	unverified := two()
	unverified.TLS.Verified = false
	proxied := func(r *Request, p Proxy) *Request { r.Proxy = &p; return r }
	for _, c := range []struct {
		name string
		req  *Request
		want string
	}{
		{"in order", two(), "device-1,two"},
		{"unverified", unverified, ""},
		{"none", nobody(), ""},
		{"through a proxy that passes TLS on", proxied(device(), Proxy{}), "device-1"},
		{"from the proxy", proxied(nobody(), Proxy{TLSVersion: "TLSv1.3", CommonName: "edge"}), "edge"},
		{"TLS ended at a proxy that has a certificate itself", proxied(device(), Proxy{TLSVersion: "TLSv1.3"}), ""},
		{"the same, with the client's", proxied(device(), Proxy{TLSVersion: "TLSv1.3", CommonName: "edge"}), "edge"},
	} {
		if got := c.req.CommonName(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		in := enter(t, mustGate(t, Options{}), c.req).Grant != nil
		if in != (c.want != "") {
			t.Errorf("%s: let in by its certificate: %v", c.name, in)
		}
	}
}

func TestMerge(t *testing.T) {
	base, over := pairs("a", "1", "b", "1"), pairs("b", "2")
	if got := merge(base, over); !reflect.DeepEqual(got, pairs("a", "1", "b", "2")) || base["b"] != "1" || len(over) != 1 {
		t.Errorf("%v from %v and %v", got, base, over)
	}
	if merge(nil, nil) != nil || merge(nil, over)["b"] != "2" || merge(base, nil)["b"] != "1" {
		t.Error("one of two")
	}
}
