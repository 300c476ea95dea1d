package wasm

import (
	"testing"
	"time"
)

// A plugin that begins anew has no keys and values, and neither have those after it;
// the one that it follows has its own until it is closed. When it is closed before
// that one, all is as it was.
func TestKeptAnew(t *testing.T) {
	h := newHost(t, HostOptions{})
	has := func(p *Plugin, want bool) {
		t.Helper()
		if _, ok := p.kv.get(time.Now(), []byte("k"), nil); ok != want {
			t.Errorf("has the key: %v", ok)
		}
	}
	set := func(p *Plugin) {
		t.Helper()
		if !p.kv.set(time.Now(), []byte("k"), []byte("v"), 0) {
			t.Fatal("no room")
		}
	}
	first := open(t, h, Options{Anew: true}) // there is nothing to forget
	set(first)
	second := open(t, h, Options{})
	has(second, true)
	failed := open(t, h, Options{Anew: true})
	has(failed, false)
	has(second, true)
	closePlugin(t, failed)
	third := open(t, h, Options{})
	has(third, true)
	closePlugin(t, first)
	fresh := open(t, h, Options{Anew: true})
	closePlugin(t, open(t, h, Options{})) // one that is not taken
	next := open(t, h, Options{})
	has(next, false)
	set(fresh)
	has(next, true)
	closePlugin(t, second)
	closePlugin(t, third)
	closePlugin(t, fresh)
	has(open(t, h, Options{}), true)
	closePlugin(t, next)
}
