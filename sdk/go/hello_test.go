//go:build !wasip1

package wicket_test

import (
	"errors"
	"strings"
	"testing"

	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/wire"
)

func TestClientHelloInGuest(t *testing.T) {
	for _, mode := range []string{"test", "now"} {
		g := open(t)
		if code := g.Load(&wire.Load{Plugin: mode}); code != 0 {
			t.Fatal(code)
		}
		if g.Hears&4 == 0 {
			t.Errorf("%s: hears %b", mode, g.Hears)
		}
		for i, test := range []struct {
			name string
			code int32 // returned
			log  string
		}{
			{"allow", wire.Allow, ""},
			{"next", wire.Next, ""},
			{"other", wire.Deny, ""},
			{"panic", wire.Pending, "3 panic in a handler: oh no"},
		} {
			g.Logs = nil
			if code := g.ClientHello(int64(i+1), &wire.ClientHello{ServerName: test.name}); code != test.code {
				t.Errorf("%s: %s: returned %d, want %d", mode, test.name, code, test.code)
			}
			if log := strings.Join(g.Logs, "\n"); log != test.log {
				t.Errorf("%s: %s: logged %q", mode, test.name, log)
			}
		}
		g.ClientHello(10, &wire.ClientHello{
			ServerName: "read", Peer: "192.0.2.7:1", Listener: "tls:default", ALPN: []string{"a", "b"}, JA4: "t13",
			Versions: []uint32{772, 771}, Suites: []uint32{1, 2, 3}, Proxy: &wire.Proxy{Via: "10.0.0.1:2"},
		})
		if a := g.Answers[10]; a.Code != wire.Deny || a.ReasonText != "192.0.2.7:1 tls:default a,b t13 772 3 10.0.0.1:2" {
			t.Errorf("%s: read %+v", mode, a)
		}
		if code := g.Event("wicket_client_hello", 11, []byte("\x38")); code >= 0 {
			t.Errorf("%s: of a broken event: returned %d", mode, code)
		}
	}
}

// A handler may ask an upstream; the request waits meanwhile.
func TestClientHelloWaits(t *testing.T) {
	g := open(t)
	if code := g.ClientHello(1, &wire.ClientHello{ServerName: "ask"}); code != wire.Pending || len(g.Requests) != 1 {
		t.Fatalf("returned %d, %d requests", code, len(g.Requests))
	}
	g.Respond(g.Requests[0].ID, &wire.HTTPResponse{Status: 204})
	if a := g.Answers[1]; a.Code != wire.Allow {
		t.Errorf("resolved %+v", a)
	}
}

func TestTestClientHello(t *testing.T) {
	if v := wicket.TestClientHello(nil, &wicket.ClientHello{}); v.Code() != wicket.CodeNext {
		t.Errorf("without a handler: %d", v.Code())
	}
	defer wicket.OnClientHello(nil)
	wicket.OnClientHello(func(ctx *wicket.Context, h *wicket.ClientHello) wicket.Verdict {
		if _, err := ctx.HTTP(wicket.HTTPRequest{Upstream: "x"}); !errors.Is(err, wicket.ErrNotGranted) {
			t.Errorf("upstream: %v", err)
		}
		if h.ServerName == "good" {
			return wicket.Allow()
		}
		return wicket.Deny().Text("no")
	})
	if v := wicket.TestClientHello(wicket.Upstreams{}, &wicket.ClientHello{ServerName: "good"}); v.Code() != wicket.CodeAllow {
		t.Errorf("good: %d", v.Code())
	}
	if v := wicket.TestClientHello(wicket.Upstreams{}, &wicket.ClientHello{}); v.Code() != wicket.CodeDeny || v.Detail().ReasonText != "no" {
		t.Errorf("bad: %d %q", v.Code(), v.Detail().ReasonText)
	}
}
