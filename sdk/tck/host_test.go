package tck_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/upstream"
	"github.com/wicketmq/wicket/engine/wasm"
	"github.com/wicketmq/wicket/engine/wasm/wasmtest"
	"github.com/wicketmq/wicket/sdk/tck/guests"
)

// backend answers every request with the body of a result.
type backend string

func (b backend) Send(_ context.Context, _ upstream.Request, done func(upstream.Response, error)) {
	go done(upstream.Response{Status: 200, Body: []byte(b)}, nil)
}

var grants = []string{wasm.GrantPassword, wasm.GrantHTTP, wasm.GrantKV, wasm.GrantMetrics, wasm.GrantTimers, wasm.GrantDisconnect, wasm.GrantJWT}

// hosted is a guest of the kit on the broker's own host.
func hosted(tb testing.TB, h *wasm.Host, name string, limits wasm.Limits) *wasm.Plugin {
	tb.Helper()
	language, _, _ := strings.Cut(name, "-")
	p, err := h.Open(context.Background(), wasm.Options{
		Name: "tck-" + name, Module: guests.Kit(tb, language), Workers: 1, Limits: limits,
		Grants: grants, Upstreams: map[string]wasm.Sender{"auth": backend(`{"result":"allow"}`)}, Events: []string{"connected"},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { shut(tb, p) })
	return p
}

func shut(tb testing.TB, p *wasm.Plugin) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := p.Close(ctx); err != nil {
		tb.Logf("close: %v", err)
	}
}

func newHost(tb testing.TB) *wasm.Host {
	tb.Helper()
	h, err := wasm.NewHost(wasm.HostOptions{
		Log: slog.New(slog.DiscardHandler), CacheDir: wasmtest.Cache(),
		Verify: func(_ string, password []byte) (bool, error) { return string(password) == "right", nil },
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := h.Close(); err != nil {
			tb.Error(err)
		}
	})
	return h
}

func ask(tb testing.TB, p *wasm.Plugin, user string) auth.Verdict {
	tb.Helper()
	c := make(chan auth.Verdict, 1)
	p.Authenticate(&auth.Request{ClientID: "sensor-1", Username: user, HasUsername: true, Password: []byte("right"), HasPassword: true},
		func(v auth.Verdict) { c <- v })
	select {
	case v := <-c:
		return v
	case <-time.After(time.Minute):
		tb.Fatalf("%s: no answer", user)
		return auth.Verdict{}
	}
}

// TestHost has the guests of all SDKs answer on the broker's own host, and
// contained when they misbehave while another plugin serves.
func TestHost(t *testing.T) {
	if testing.Short() || raceEnabled { // it makes compiling guests ten times slower
		t.Skip("compiles large guests")
	}
	h := newHost(t)
	limits := wasm.Limits{AuthenticateSlice: time.Second, MemoryPages: 512, Wall: time.Minute}
	control := hosted(t, h, "c", wasm.Limits{})
	for _, language := range guests.Languages {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			p := hosted(t, h, language, limits)
			for user, want := range map[string]auth.Decision{
				"allow": auth.Allow, "deny": auth.Deny, "next": auth.Next, "named": auth.Next, "event": auth.Allow,
				"log": auth.Allow, "cert": auth.Allow, "long": auth.Allow, "verify": auth.Allow, "ask": auth.Allow,
				"chain": auth.Allow, "post": auth.Allow, "escape": auth.Allow, "result": auth.Allow, "banned": auth.Deny,
			} {
				if v := ask(t, p, user); v.Decision != want {
					t.Errorf("%s: %+v, want %v", user, v, want)
				}
			}
			if len(guests.Lacks[language]) == 0 {
				for _, user := range []string{"kv", "metrics", "timer", "every", "timer-ask", "kick"} {
					if v := ask(t, p, user); v.Decision != auth.Allow {
						t.Errorf("%s: %+v", user, v)
					}
				}
				converse(t, p)
			}
			if s := p.Stats(); len(s.Faults) > 0 {
				t.Fatalf("faults %v", s.Faults)
			}
			for _, how := range []string{"trap", "loop", "recurse", "grow"} {
				misbehave(t, p, control, how)
			}
		})
	}
}

// converse has a guest go through an exchange, a handshake and an event.
func converse(t *testing.T, p *wasm.Plugin) {
	t.Helper()
	verdicts := make(chan auth.Verdict, 1)
	done := func(v auth.Verdict) { verdicts <- v }
	p.Authenticate(&auth.Request{ClientID: "c1", Username: "exchange", HasUsername: true, AuthMethod: "TCK", AuthData: []byte("hi")}, done)
	v := <-verdicts
	for _, say := range []string{"more", "more", "bye"} {
		if v.Decision != auth.Continue {
			t.Fatalf("before %q: %+v", say, v)
		}
		v.Dialog.Continue([]byte(say), done)
		v = <-verdicts
	}
	if v.Decision != auth.Allow || string(v.AuthData) != "bye" || v.Attributes["rounds"] != "3" {
		t.Errorf("exchange: %+v", v)
	}
	for name, want := range map[string]auth.Decision{"ask": auth.Next, "deny": auth.Deny, "c1.example": auth.Next} {
		p.Hello(&auth.ClientHello{ServerName: name, Suites: []uint16{0x1301}}, done)
		if v := <-verdicts; v.Decision != want {
			t.Errorf("hello %s: %+v", name, v)
		}
	}
	if !p.Observes(auth.EventConnected) || !p.Hears(auth.Hello) {
		t.Error("it hears no events, or no hellos")
	}
	p.Observe(&auth.Event{Kind: auth.EventConnected, ClientID: "c1"})
}

func misbehave(t *testing.T, p, control *wasm.Plugin, how string) {
	t.Helper()
	answered := make(chan auth.Verdict, 1)
	go func() { answered <- ask(t, p, how) }()
	if v := ask(t, control, "allow"); v.Decision != auth.Allow {
		t.Errorf("%s: the control client got %+v", how, v)
	}
	if v := <-answered; v.Decision != auth.Deny {
		t.Errorf("%s: %+v", how, v)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		v := ask(t, p, "allow")
		if v.Decision == auth.Allow {
			return
		}
		if v.Reason != mqtt.ServerUnavailable || time.Now().After(deadline) {
			t.Fatalf("after %s: %+v", how, v)
		}
	}
}

// TestHostile loads the broker's own hostile modules next to a guest of each
// SDK, which goes on serving.
func TestHostile(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("compiles large guests")
	}
	h := newHost(t)
	var bystanders []*wasm.Plugin
	for _, language := range guests.Languages {
		bystanders = append(bystanders, hosted(t, h, language, wasm.Limits{}))
	}
	files, err := filepath.Glob("../../engine/wasm/testdata/*.wasm")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d hostile modules, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".wasm")
		t.Run(name, func(t *testing.T) {
			module, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			slice := 20 * time.Millisecond
			p, err := h.Open(context.Background(), wasm.Options{Name: name, Module: module, Workers: 1, Grants: grants,
				Limits: wasm.Limits{LoadSlice: slice, AuthenticateSlice: slice, AuthorizeSlice: slice, Wall: 100 * time.Millisecond}})
			if err == nil {
				p.Authenticate(&auth.Request{ClientID: "loop"}, func(auth.Verdict) {})
				defer shut(t, p)
			}
			for i, b := range bystanders {
				if v := ask(t, b, "allow"); v.Decision != auth.Allow {
					t.Errorf("%s guest: %+v", guests.Languages[i], v)
				}
			}
		})
	}
}

// BenchmarkAuthenticate is the way of a CONNECT over mutual TLS to a guest of
// each SDK and back, and of that guest-ns/op in the guest.
func BenchmarkAuthenticate(b *testing.B) {
	for _, language := range guests.Languages {
		b.Run(language, func(b *testing.B) {
			p := hosted(b, newHost(b), language, wasm.Limits{})
			r := &auth.Request{
				ClientID: "sensor-1", Username: "allow", HasUsername: true, Password: []byte("right"), HasPassword: true,
				Attributes: map[string]string{"site": "7"}, Listener: "tls:default", Transport: "tls",
			}
			c := make(chan auth.Verdict, 1)
			done := func(v auth.Verdict) { c <- v }
			before := p.Stats()
			b.ReportAllocs()
			for b.Loop() {
				p.Authenticate(r, done)
				if v := <-c; v.Decision != auth.Allow {
					b.Fatalf("%+v", v)
				}
			}
			after := p.Stats()
			b.ReportMetric(float64(after.CallTime-before.CallTime)/float64(after.Requests-before.Requests), "guest-ns/op")
		})
	}
}
