package main

import (
	"reflect"
	"testing"

	"github.com/wicketmq/wicket/plugins"
	"github.com/wicketmq/wicket/sdk/go/wire"
	"github.com/wicketmq/wicket/sdk/tck/harness"
)

const file = `# who may do what
allow subscribe $SYS/# for user dashboard
deny all $SYS/#
allow all devices/${clientid}/# for address 192.0.2.0/24
`

func open(tb testing.TB, config string) *harness.Guest {
	tb.Helper()
	module, _ := plugins.Builtin("acl")
	g := harness.Open(tb, module)
	if code := g.Load(&wire.Load{
		Plugin: "acl", Config: config, ABIMinor: 2,
		Files: []wire.File{{Key: "rules_file", Path: "acl.rules", Content: []byte(file)}},
	}); code != 0 {
		tb.Fatalf("load: %d, %q", code, g.Logs)
	}
	return g
}

// The module itself: the rules of a client, from the bytes of the event to those
// of the decision.
func TestAuthorize(t *testing.T) {
	g := open(t, `{"rules_file":"acl.rules","default":"deny"}`)
	if g.Hears != 2 {
		t.Errorf("hears %b: it has no opinion on who comes in", g.Hears)
	}
	sys := wire.Rule{Actions: 3, Filter: "$SYS/#"}
	for i, tt := range []struct {
		access wire.Authorize
		want   []wire.Rule
	}{
		{wire.Authorize{ClientID: "c1", Peer: "203.0.113.9:1"}, []wire.Rule{sys}},
		{wire.Authorize{ClientID: "c1", Peer: "192.0.2.9:1"}, []wire.Rule{sys, {Permit: true, Actions: 3, Filter: "devices/${clientid}/#"}}},
		{wire.Authorize{ClientID: "c1", Username: "dashboard"}, []wire.Rule{{Permit: true, Actions: 2, Filter: "$SYS/#"}, sys}},
	} {
		req := int64(i + 1)
		tt.access.Action, tt.access.Topics = wire.Publish, []wire.Topic{{Topic: "x"}}
		if code := g.Authorize(req, &tt.access); code != wire.Pending {
			t.Fatalf("returned %d", code)
		}
		want := harness.Answer{Code: wire.Next, Decision: wire.Decision{Rules: tt.want, Default: wire.Deny, TTL: 86_400_000}}
		if got := g.Answers[req]; !reflect.DeepEqual(got, want) {
			t.Errorf("%+v: %+v, want %+v", tt.access, got, want)
		}
	}
}

// It asks for nothing that is granted.
func TestNeedsNoGrants(t *testing.T) {
	if g := plugins.Grants("acl"); g != nil {
		t.Errorf("is granted %q", g)
	}
}
