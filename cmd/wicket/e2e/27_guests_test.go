package e2e

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/sdk/tck/guests"
)

// D3 through the whole broker: the conformance kit's guest of each SDK decides
// who comes in, and does what it must not when a user name says so. Who asked for
// that is refused, the next one gets in, and a client that publishes is served
// throughout.
func TestGuestsOfAllLanguages(t *testing.T) {
	t.Parallel()
	if testing.Short() || raceEnabled {
		t.Skip("compiles large guests")
	}
	for _, language := range guests.Languages {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, filepath.Join(dir, "kit.wasm"), string(guests.Kit(t, language)))
			write(t, filepath.Join(dir, "acl.rules"), "allow all a/b\n") // what the control client does
			p := run(t, dir, `data_dir: data
listeners: { tcp: { default: { bind: 127.0.0.1:0 }, control: { bind: 127.0.0.1:0, enable_authn: false } } }
plugins:
  kit: { file: kit.wasm, grants: [password, http, jwt, kv, metrics, timers, disconnect], workers: 1, cpu_slice: 150ms, timeout: 2s, memory: 32MB }
  acl: { file: "builtin:acl", config: { rules_file: acl.rules } }
auth: { chain: [acl, kit] }
`)
			addr := p.addr("tcp:default")
			reason := func(user string) byte {
				c := come(t, addr, mqtt.V50, unique("c"), user, "right")
				defer c.Close()
				return c.reason()
			}
			c := newControl(t, p.addr("tcp:control"))
			for user, want := range map[string]byte{"allow": 0, "deny": 0x87, "next": 0x87, "banned": 0x8a} {
				if code := reason(user); code != want {
					t.Errorf("%s: CONNACK %#x, want %#x", user, code, want)
				}
			}
			for _, how := range []string{"trap", "loop", "recurse", "grow"} {
				if code := reason(how); code == 0 {
					t.Errorf("%s is let in", how)
				}
				eventually(t, fmt.Sprintf("a client gets in after %s", how), 15*time.Second, func() bool { return reason("allow") == 0 })
			}
			c.end(t)
		})
	}
}
