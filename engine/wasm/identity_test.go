package wasm

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/plugins"
)

// witness is a decider that lets everybody in and keeps what it was asked.
type witness struct{ saw auth.Request }

func (w *witness) Name() string               { return "witness" }
func (w *witness) Hears(q auth.Question) bool { return q == auth.Authentication }
func (w *witness) Authenticate(r *auth.Request, done func(auth.Verdict)) {
	w.saw = *r
	done(auth.Verdict{Decision: auth.Allow})
}
func (w *witness) Authorize(*auth.Access, func(auth.Verdict)) {}

// TestCertmapNames: the first-party plugin on the real host names a client, and
// the decider after it and the session know it by that (spec MAP-09).
func TestCertmapNames(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("compiles a Go guest")
	}
	module, _ := plugins.Builtin("certmap")
	p := open(t, newHost(t, HostOptions{CacheDir: goCache}), Options{Workers: 1, Module: module, Grants: plugins.Grants("certmap"),
		Limits: Limits{AuthenticateSlice: time.Second},
		Config: []byte(`{"username":"cn","client_id":"serial","attributes":{"org":"o","mail":"san_email","eu":"ou[1]"},"required":true}`)})
	w := &witness{}
	gate, err := auth.NewGate(auth.Options{Chain: []auth.Decider{p, w}})
	if err != nil {
		t.Fatal(err)
	}
	enter := func(r *auth.Request) auth.Outcome {
		r.ClientID, r.Username, r.HasUsername = "explorer", "alice", true
		c := make(chan auth.Outcome, 1)
		gate.Authenticate(r, func(o auth.Outcome) { c <- o })
		select {
		case o := <-c:
			return o
		case <-time.After(10 * time.Second):
			t.Fatal("no answer")
			return auth.Outcome{}
		}
	}
	g := enter(withCert(certificate(t), true)).Grant
	if g == nil || g.Username != "first,second" || g.ClientID != "abc1" || len(g.Attributes) != 3 ||
		g.Attributes["org"] != "Acme, Inc." || g.Attributes["mail"] != "d@example" || g.Attributes["eu"] != "B" {
		t.Fatalf("granted %+v", g)
	}
	if w.saw.Username != g.Username || w.saw.ClientID != g.ClientID || w.saw.ConnectUsername != "alice" || w.saw.ConnectClientID != "explorer" {
		t.Errorf("the next decider saw %+v", w.saw)
	}
	for name, r := range map[string]*auth.Request{
		"none":                       {},
		"unverified":                 withCert(certificate(t), false),
		"the proxy's, not verified":  {Proxy: &auth.Proxy{TLSVersion: "TLSv1.3"}},
		"of the proxy to the broker": {Proxy: &auth.Proxy{TLSVersion: "TLSv1.3"}, TLS: &auth.TLS{Verified: true, Chain: []*x509.Certificate{certificate(t)}}},
	} {
		if o := enter(r); o.Grant != nil || o.ReasonText != "a verified client certificate is required" {
			t.Errorf("certificate %s: %+v", name, o)
		}
	}
}
