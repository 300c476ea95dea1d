package wasm

import (
	"context"
	"embed"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/wasm/wasmtest"
)

// The binaries are committed so that the tests need no assembler.
//
//go:generate sh -c "for f in testdata/*.wat; do wat2wasm $f -o ${f%.wat}.wasm; done"

//go:embed testdata/*.wasm
var guests embed.FS

func guest(t testing.TB, name string) []byte {
	t.Helper()
	b, err := guests.ReadFile("testdata/" + name + ".wasm")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// goCache keeps the compiled Go guest from test to test.
var goCache string

func TestMain(m *testing.M) {
	goCache = wasmtest.Cache()
	goleak.VerifyTestMain(m)
}

// newHost returns a host whose only valid password is "right".
func newHost(t testing.TB, o HostOptions) *Host {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Verify == nil {
		o.Verify = func(_ string, password []byte) (bool, error) { return string(password) == "right", nil }
	}
	h, err := NewHost(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// open loads the guest "behave" unless o says otherwise.
func open(t testing.TB, h *Host, o Options) *Plugin {
	t.Helper()
	if o.Name == "" {
		o.Name = "test"
	}
	if o.Module == nil && o.Path == "" {
		o.Module = guest(t, "behave")
	}
	if o.Grants == nil {
		o.Grants = []string{GrantPassword, GrantHTTP}
	}
	p, err := h.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // tests that drain call Close themselves
		if err := p.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return p
}

func ask(p *Plugin, clientID string) <-chan auth.Verdict {
	c := make(chan auth.Verdict, 1)
	p.Authenticate(&auth.Request{ClientID: clientID}, func(v auth.Verdict) { c <- v })
	return c
}

// answer asks and waits.
func answer(t testing.TB, p *Plugin, clientID string) auth.Verdict {
	t.Helper()
	return wait(t, ask(p, clientID))
}

func wait(t testing.TB, c <-chan auth.Verdict) auth.Verdict {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(30 * time.Second):
		t.Fatal("no answer")
		return auth.Verdict{}
	}
}

// until waits for a condition that another goroutine brings about.
func until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

// TestGuestsFresh builds the guests again where the assembler is installed.
func TestGuestsFresh(t *testing.T) {
	tool, err := exec.LookPath("wat2wasm")
	if err != nil {
		t.Skip("no wat2wasm")
	}
	sources, _ := filepath.Glob("testdata/*.wat")
	for _, src := range sources {
		out := filepath.Join(t.TempDir(), "out.wasm")
		if msg, err := exec.Command(tool, src, "-o", out).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", src, err, msg)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if string(b) != string(guest(t, strings.TrimSuffix(filepath.Base(src), ".wat"))) {
			t.Errorf("%s is newer than its binary; run go generate", src)
		}
	}
}
