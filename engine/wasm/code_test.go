package wasm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
)

// renamed returns a module that does the same and is another file.
func renamed(module []byte, text string) []byte {
	body := append([]byte{1, 'v'}, text...)
	return append(append(bytes.Clone(module), 0, byte(len(body))), body...)
}

func closePlugin(t *testing.T, p *Plugin) {
	t.Helper()
	if err := p.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// Plugins of the same file share its code, and nothing else; another file has
// another.
func TestCodeShared(t *testing.T) {
	h := newHost(t, HostOptions{})
	one, two := open(t, h, Options{Name: "one"}), open(t, h, Options{Name: "two"})
	other := open(t, h, Options{Module: renamed(guest(t, "behave"), "x")})
	small := open(t, h, Options{Limits: Limits{MemoryPages: 64}})
	if one.code != two.code || one.code.users != 2 {
		t.Error("the same file is compiled twice")
	}
	if other.code == one.code || small.code == one.code {
		t.Error("another file, or one with another memory, has the same code")
	}
	answer(t, one, "unreachable") // its instance is thrown away
	closePlugin(t, one)
	if v := answer(t, two, "allow"); v.Decision != auth.Allow {
		t.Errorf("%+v", v)
	}
	if s := two.Stats(); len(s.Faults) > 0 {
		t.Errorf("%+v", s)
	}
}

// A code that is known frees no plugin from its own limits and grants.
func TestCodeChecked(t *testing.T) {
	h := newHost(t, HostOptions{})
	module := guest(t, "behave")
	open(t, h, Options{Module: module})
	for _, tc := range []struct {
		o    Options
		want string
	}{
		{Options{Grants: []string{}}, "not granted"},
		{Options{Grants: []string{GrantPassword, GrantHTTP}, Limits: Limits{ModuleSize: 8}}, "larger than 8 bytes"},
	} {
		tc.o.Name, tc.o.Module = "test", module
		p, err := h.Open(context.Background(), tc.o)
		if err == nil {
			closePlugin(t, p)
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v, want %q", err, tc.want)
		}
	}
	c := h.codes.known[codeKey{sha256.Sum256(module), Limits{}.withDefaults().MemoryPages}]
	if c.users != 1 {
		t.Errorf("%d users", c.users)
	}
}

// What nobody uses is kept for a while, a few of it, and is not compiled again.
func TestCodeIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, HostOptions{})
		count := func() (idle, known int, sweep bool) { // the timer looks at them as well
			h.codes.mu.Lock()
			defer h.codes.mu.Unlock()
			return len(h.codes.idle), len(h.codes.known), h.codes.sweep != nil
		}
		for i := range 2 * idleCodes {
			closePlugin(t, open(t, h, Options{Module: renamed(guest(t, "behave"), fmt.Sprint(i))}))
		}
		if idle, known, _ := count(); idle != idleCodes || known != idle {
			t.Errorf("%d codes are kept of %d that are known", idle, known)
		}
		h.codes.mu.Lock()
		last := h.codes.idle[idleCodes-1]
		h.codes.mu.Unlock()
		time.Sleep(idleTime - time.Second)
		p := open(t, h, Options{Module: renamed(guest(t, "behave"), fmt.Sprint(2*idleCodes-1))})
		if idle, _, _ := count(); p.code != last || idle != idleCodes-1 {
			t.Error("it was compiled again")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if idle, known, _ := count(); idle != 0 || known != 1 {
			t.Errorf("%d codes are kept of %d that are known", idle, known)
		}
		if v := answer(t, p, "allow"); v.Decision != auth.Allow {
			t.Errorf("%+v", v)
		}
		closePlugin(t, p)
		time.Sleep(idleTime)
		synctest.Wait()
		if idle, known, sweep := count(); idle != 0 || known != 0 || sweep {
			t.Error("the memory of a plugin that is gone is kept")
		}
	})
}

// The bytes of what is kept have a bound too.
func TestCodeIdleBytes(t *testing.T) {
	h := newHost(t, HostOptions{})
	var all []*Plugin
	for _, text := range []string{"a", "b", "c"} {
		p := open(t, h, Options{Module: renamed(guest(t, "behave"), text)})
		p.code.size = idleBytes / 2
		all = append(all, p)
	}
	all[2].code.size = idleBytes + 1
	for i, want := range []int{1, 2, 0} {
		closePlugin(t, all[i])
		if n := len(h.codes.idle); n != want {
			t.Errorf("%d codes are kept, want %d", n, want)
		}
	}
}

// Two that load the same file at once do not wait for each other; both work, and
// nothing is left of either.
func TestCodeTwice(t *testing.T) {
	h := newHost(t, HostOptions{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 4 {
				p, err := h.Open(context.Background(), Options{Name: "test", Module: guest(t, "behave"), Workers: 1, Grants: []string{GrantPassword, GrantHTTP}})
				if err != nil {
					t.Error(err)
					return
				}
				if v := <-ask(p, "allow"); v.Decision != auth.Allow {
					t.Errorf("%+v", v)
				}
				closePlugin(t, p)
			}
		})
	}
	wg.Wait()
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if len(h.codes.idle) != 0 || len(h.codes.known) != 0 {
		t.Error("a closed host keeps codes")
	}
}

// A module that does not compile, or is refused, is not kept.
func TestCodeRefused(t *testing.T) {
	h := newHost(t, HostOptions{})
	for _, module := range [][]byte{guest(t, "behave")[:100], {}} {
		if _, err := h.Open(context.Background(), Options{Name: "test", Module: module}); err == nil {
			t.Error("no error")
		}
	}
	defer func(d time.Duration) { compileTime = d }(compileTime)
	compileTime = 0
	if _, err := h.Open(context.Background(), Options{Name: "test", Module: guest(t, "behave"), Grants: []string{GrantPassword, GrantHTTP}}); !errors.Is(err, errRefused) {
		t.Error(err)
	}
	if len(h.codes.known) != 0 {
		t.Error("it is kept")
	}
}

// wicket plugin test inspects a module and then opens it for each case: that is one
// compilation.
func TestCodeInspected(t *testing.T) {
	h := newHost(t, HostOptions{})
	if info, err := h.Inspect(context.Background(), guest(t, "behave")); err != nil || len(info.Problems) > 0 {
		t.Fatal(info, err)
	}
	if len(h.codes.idle) != 1 {
		t.Fatalf("%d codes are kept", len(h.codes.idle))
	}
	known := h.codes.idle[0]
	for range 3 {
		p := open(t, h, Options{Workers: 1})
		if p.code != known {
			t.Error("it was compiled again")
		}
		closePlugin(t, p)
	}
}
