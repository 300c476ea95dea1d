//go:build !wasip1

package main

import (
	"testing"

	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/wire"
	"github.com/wicketmq/wicket/sdk/tck/harness"
)

// server knows alice.
func server(r *wicket.HTTPRequest) (*wicket.HTTPResponse, error) {
	switch r.Path {
	case "/check?user=alice%26admin%3D1":
		return &wicket.HTTPResponse{Status: 204}, nil
	case "/check?user=ghost":
		return nil, wicket.ErrTimeout
	}
	return &wicket.HTTPResponse{Status: 403}, nil
}

// The handler with go test, without a broker and without WebAssembly.
func TestHandler(t *testing.T) {
	for user, want := range map[string]wicket.Code{"alice&admin=1": wicket.CodeAllow, "mallory": wicket.CodeDeny, "ghost": wicket.CodeDeny} {
		v := wicket.TestConnect(wicket.Upstreams{"auth": server}, &wicket.Connect{Username: user})
		if v.Code() != want {
			t.Errorf("%s: %v %+v", user, v.Code(), v.Detail())
		}
	}
	if v := wicket.TestConnect(wicket.Upstreams{}, &wicket.Connect{Username: "alice"}); v.Code() != wicket.CodeDeny {
		t.Errorf("without an upstream: %v", v.Code())
	}
}

// The module, as the broker runs it.
func TestModule(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the plugin")
	}
	g := harness.Open(t, harness.Build(t, "."))
	if code := g.Load(&wire.Load{Plugin: "http-auth", Upstreams: []string{"auth"}}); code != 0 {
		t.Fatalf("load: %d %q", code, g.Logs)
	}
	if code := g.Authenticate(1, &wire.Authenticate{Username: "alice"}); code != wire.Pending || len(g.Requests) != 1 {
		t.Fatalf("%d, asked %+v", code, g.Requests)
	}
	if r := g.Requests[0]; r.Upstream != "auth" || r.Path != "/check?user=alice" || r.Req != 1 {
		t.Errorf("%+v", r)
	}
	g.Respond(g.Requests[0].ID, &wire.HTTPResponse{Status: 204})
	if a := g.Answers[1]; a.Code != wire.Allow || len(a.Rules) != 1 || a.Rules[0].Filter != "users/${username}/#" {
		t.Errorf("%+v", a)
	}
}
