package tck_test

import (
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/wasm"
	"github.com/wicketmq/wicket/sdk/go/wire"
	"github.com/wicketmq/wicket/sdk/tck"
	"github.com/wicketmq/wicket/sdk/tck/harness"
)

func oldBuild(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("builds", name+".wasm.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	module, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return module
}

// TestOldBuilds runs guests that earlier SDKs have built: what worked with an
// older version of the ABI works with this one.
func TestOldBuilds(t *testing.T) {
	for _, name := range []string{"c-1.2", "rust-1.2"} {
		t.Run(name, func(t *testing.T) { tck.Run(t, oldBuild(t, name), tck.Features...) })
	}
	t.Run("go-1.0", func(t *testing.T) { dialogueOf10(t, harness.Open(t, oldBuild(t, "go-1.0"))) })
}

// dialogueOf10 is what the Go SDK's own guest of ABI 1.0 says.
func dialogueOf10(t *testing.T, g *harness.Guest) {
	load := wire.Load{Plugin: "door", Config: "{}", Features: 255, ABIMinor: 3, Upstreams: []string{"auth"},
		Files: []wire.File{{Key: "words_file", Content: []byte("abc")}}}
	if code := g.Load(&load); code != 0 || len(g.Logs) != 1 || g.Logs[0] != "1 words: 3" {
		t.Fatalf("load: %d, %q", code, g.Logs)
	}
	for user, want := range map[string]int32{"allow": wire.Allow, "next": wire.Next} {
		if code := g.Authenticate(1, tck.Connect(user, "c")); code != want {
			t.Errorf("%s: %d", user, code)
		}
	}
	g.Authenticate(2, tck.Connect("rules", "c"))
	if a := g.Answers[2]; a.Code != wire.Allow || len(a.Rules) != 2 {
		t.Errorf("rules: %+v", a)
	}
	for i, status := range []wire.Status{wire.OK, wire.Mismatch} {
		req := int64(10 + i)
		if code := g.Authenticate(req, tck.Connect("verify", "c")); code != wire.Pending {
			t.Fatalf("verify: %d", code)
		}
		g.Complete(g.Calls[i].ID, status, "")
		if a := g.Answers[req]; a.Code != int32(1-status) {
			t.Errorf("verify, %d: %+v", status, a)
		}
	}
	topics := &wire.Authorize{Topics: []wire.Topic{{Topic: "secret"}, {Topic: "open"}}}
	g.Authorize(20, topics)
	if a := g.Answers[20]; len(a.Codes) != 2 || a.Codes[0] != wire.Deny || a.Codes[1] != wire.Allow || a.TTL != 5000 {
		t.Errorf("authorize: %+v", a)
	}
	// Messages with all that was added since.
	for _, name := range []string{"authenticate-full", "authenticate-again", "authenticate-full-unknown"} {
		b, err := tck.Golden.ReadFile("golden/" + name + ".bin")
		if err != nil {
			t.Fatal(err)
		}
		g.Event("wicket_authenticate", 30, b)
		if a := g.Answers[30]; a.Code != wire.Deny || !strings.HasPrefix(a.ReasonText, "who is ") {
			t.Errorf("%s: %+v", name, a)
		}
		delete(g.Answers, 30)
	}
	g.Unload()
}

// TestOldBuildsHosted has the broker's own host run them.
func TestOldBuildsHosted(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("compiles large guests")
	}
	h := newHost(t)
	for _, name := range []string{"go-1.0", "c-1.2", "rust-1.2"} {
		p, err := h.Open(context.Background(), wasm.Options{
			Name: name, Module: oldBuild(t, name), Workers: 1, Grants: grants, Events: []string{"connected"},
			Upstreams: map[string]wasm.Sender{"auth": backend(`{"result":"allow"}`)},
			Limits:    wasm.Limits{AuthenticateSlice: time.Second, Wall: time.Minute},
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, user := range []string{"allow", "verify"} {
			if v := ask(t, p, user); v.Decision != auth.Allow {
				t.Errorf("%s, %s: %+v", name, user, v)
			}
		}
		if want := "1." + name[len(name)-1:]; name != "go-1.0" && p.ABI() > want {
			t.Errorf("%s wants %s", name, p.ABI())
		}
		if p.Observes(auth.EventConnected) || p.Hears(auth.Hello) {
			t.Errorf("%s hears what was not there then", name)
		}
		shut(t, p)
	}
}
