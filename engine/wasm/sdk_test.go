package wasm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/upstream"
	"github.com/wicketmq/wicket/plugins"
)

// buildGo compiles the SDK's own test guest with the stock toolchain, once for
// all tests of a run. What it does is chosen by the user name.
var buildGo = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "wicket-guest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "guest.wasm")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-buildmode=c-shared", "-o", out, ".")
	cmd.Dir = "../../sdk/go/testdata/guest"
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, text)
	}
	return os.ReadFile(out)
})

func goGuest(t testing.TB) []byte {
	t.Helper()
	if testing.Short() || raceEnabled { // the race detector makes compiling it ten times slower
		t.Skip("builds a Go guest")
	}
	if _, err := os.Stat("../../sdk/go/testdata/guest"); err != nil {
		t.Skip("no SDK")
	}
	b, err := buildGo()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func askAs(p *Plugin, user string) <-chan auth.Verdict {
	c := make(chan auth.Verdict, 1)
	p.Authenticate(&auth.Request{ClientID: "c", Username: user, HasUsername: true, Password: []byte("right"), HasPassword: true},
		func(v auth.Verdict) { c <- v })
	return c
}

// TestGoGuest runs a guest of the Go SDK on the real host.
func TestGoGuest(t *testing.T) {
	h := newHost(t, HostOptions{CacheDir: goCache})
	p := open(t, h, Options{Workers: 2, Module: goGuest(t), Limits: Limits{AuthenticateSlice: time.Second, AuthorizeSlice: time.Second}})
	if !p.Hears(auth.Authentication) || !p.Hears(auth.Authorization) {
		t.Error("the guest has handlers for both questions")
	}
	for _, tc := range []struct {
		user string
		want auth.Decision
	}{
		{"allow", auth.Allow},
		{"next", auth.Next},
		{"rules", auth.Allow},
		{"verify", auth.Allow},
		{"twice", auth.Allow},
		{"panic", auth.Deny},
		{"latepanic", auth.Deny},
		{"goexit", auth.Deny},
		{"cert", auth.Deny},
		{"allow", auth.Allow},
	} {
		if v := wait(t, askAs(p, tc.user)); v.Decision != tc.want {
			t.Errorf("%s: %+v", tc.user, v)
		}
	}
	c := make(chan auth.Verdict, 1)
	p.Authorize(&auth.Access{ClientID: "c", Action: auth.Publish, Items: []auth.Item{{Topic: "open"}, {Topic: "secret"}}},
		func(v auth.Verdict) { c <- v })
	if v := wait(t, c); len(v.Items) != 2 || v.Items[0] != auth.Allow || v.Items[1] != auth.Deny || v.TTL != 5*time.Second {
		t.Errorf("%+v", v)
	}
	if s := p.Stats(); len(s.Faults) > 0 {
		t.Errorf("%v", s.Faults)
	}
}

// TestGoGuestPending: straight-line handlers that wait for the host are parked
// goroutines of the guest; on our side there are none.
func TestGoGuestPending(t *testing.T) {
	release := make(chan struct{})
	h := newHost(t, HostOptions{CacheDir: goCache, HashWorkers: 1, Verify: func(string, []byte) (bool, error) { <-release; return true, nil }})
	p := open(t, h, Options{Workers: 1, Module: goGuest(t), Limits: Limits{AuthenticateSlice: time.Second, Wall: time.Minute}})
	wait(t, askAs(p, "allow"))
	before := runtime.NumGoroutine()
	const n = 1000
	var answers []<-chan auth.Verdict
	for range n {
		answers = append(answers, askAs(p, "verify"))
	}
	until(t, "all asked", func() bool { return p.Stats().Queued == 0 })
	// The engine's watcher of the last calls may take a moment to end.
	until(t, "no goroutine for a pending request", func() bool { return runtime.NumGoroutine() <= before+2 })
	close(release)
	for _, c := range answers {
		if v := wait(t, c); v.Decision != auth.Allow {
			t.Fatalf("%+v", v)
		}
	}
}

// What a handler asks of an upstream and hears from it, through both sides.
func TestGoGuestHTTP(t *testing.T) {
	var b backend
	p := open(t, newHost(t, HostOptions{CacheDir: goCache}), Options{Workers: 1, Module: goGuest(t), Upstreams: map[string]Sender{"auth": &b},
		Limits: Limits{AuthenticateSlice: time.Second}})
	v := askAs(p, "ask")
	a := b.sends(t, 1)
	if r := a.req; r.Method != "POST" || r.Path != "/c" || string(r.Body) != "right" || r.Timeout != 1500*time.Millisecond || len(r.Header) != 1 || r.Header[0].Name != "X-Now" {
		t.Errorf("%+v", r)
	}
	a.done(upstream.Response{Status: 201, Header: []upstream.Header{{Name: "Content-Type", Value: "text/x"}}, Body: []byte("made")}, nil)
	want := map[string]string{"status": "201", "body": "made", "type": "text/x"}
	if v := wait(t, v); v.Decision != auth.Allow || !maps.Equal(v.Attributes, want) {
		t.Errorf("%+v", v)
	}
	v = askAs(p, "ask")
	b.sends(t, 2).done(upstream.Response{}, &upstream.Error{Upstream: "auth", Kind: upstream.TLS, Err: errors.New("certificate has expired")})
	denied(t, wait(t, v), mqtt.ServerUnavailable)
}

// TestGoGuestRefusesConfig: the guest's own words reach the operator.
func TestGoGuestRefusesConfig(t *testing.T) {
	_, err := newHost(t, HostOptions{CacheDir: goCache}).Open(context.Background(), Options{
		Name: "broken", Module: goGuest(t), Grants: []string{GrantPassword, GrantHTTP},
	})
	if err == nil || err.Error() != `cannot load plugin "broken": it refused its configuration: this plugin is broken` {
		t.Error(err)
	}
}

// TestCGuest: a C guest is small, needs no libc, and uses bounded tables.
func TestCGuest(t *testing.T) {
	clang, err := exec.LookPath("clang")
	if err != nil {
		t.Skip("no clang")
	}
	if _, err := exec.LookPath("wasm-ld"); err != nil {
		t.Skip("no wasm-ld")
	}
	out := filepath.Join(t.TempDir(), "guest.wasm")
	cmd := exec.Command(clang, "--target=wasm32", "-O2", "-nostdlib", "-Wl,--no-entry", "-o", out, "testdata/guest.c")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	p := open(t, newHost(t, HostOptions{}), Options{Path: out})
	if v := answer(t, p, "good"); v.Decision != auth.Allow {
		t.Errorf("%+v", v)
	}
	if v := answer(t, p, "bad"); v.Decision != auth.Deny || v.Reason != mqtt.BadUsernameOrPassword || v.ReasonText != "no" {
		t.Errorf("%+v", v)
	}
}

// A Go module exports every function of the SDK; it is asked only what it has
// a handler for.
func TestGoGuestHears(t *testing.T) {
	module, ok := plugins.Builtin("password")
	if !ok {
		t.Fatal("no built-in password plugin")
	}
	h := newHost(t, HostOptions{CacheDir: goCache})
	p := open(t, h, Options{Workers: 2, Module: module, Grants: []string{GrantPassword},
		Config: []byte(`{"users_file":"users"}`), Files: []File{{Key: "users_file", Path: "users", Content: []byte("\n")}}})
	if !p.Hears(auth.Authentication) || p.Hears(auth.Authorization) {
		t.Errorf("hears authentication %v, authorization %v", p.Hears(auth.Authentication), p.Hears(auth.Authorization))
	}
}
