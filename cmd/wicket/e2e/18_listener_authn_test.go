package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// answered is the code of the CONNACK for a client of a user name, or none.
func answered(t *testing.T, addr, user string) byte {
	t.Helper()
	if user != "" {
		return come(t, addr, mqtt.V50, "c", user, "wrong").reason()
	}
	c := &httpClient{wire: dial(t, addr, "")}
	if _, err := c.Write((&mqtt.Connect{Version: mqtt.V50, CleanStart: true, ClientID: []byte("c")}).Append(nil, mqtt.V50)); err != nil {
		t.Fatal(err)
	}
	c.connack = c.packet()
	return c.reason()
}

// A listener may leave the chain out or want a user name (LSN-07), also after a
// reload.
func TestListenerEnableAuthn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "users"), "")
	yaml := func(open string) string {
		return fmt.Sprintf(`data_dir: data
listeners:
  tcp:
    default: { bind: "127.0.0.1:0" }
    open: { bind: "127.0.0.1:0", enable_authn: %s }
    named: { bind: "127.0.0.1:0", enable_authn: quick_deny_anonymous }
plugins: { password: { file: "builtin:password", config: { users_file: users } } }
auth: { chain: [password], anonymous: allow }
`, open)
	}
	file := write(t, filepath.Join(dir, "wicket.yaml"), yaml("false"))
	p := launchIn(t, dir, "-c", "wicket.yaml")
	p.wait("listening", patience)
	if !strings.Contains(p.transcript(), "listeners.tcp.open.enable_authn: auth.chain is not asked") {
		t.Errorf("the open listener goes without a word:\n%s", p.transcript())
	}
	check := func(open byte) {
		t.Helper()
		for _, c := range []struct {
			listener, user string
			want           byte
		}{
			{"default", "", 0}, {"default", "alice", 0x87},
			{"open", "", 0}, {"open", "alice", open},
			{"named", "", 0x87}, {"named", "alice", 0x87},
		} {
			if got := answered(t, p.addr("tcp:"+c.listener), c.user); got != c.want {
				t.Errorf("%q at %s: %#x, want %#x", c.user, c.listener, got, c.want)
			}
		}
	}
	check(0)
	write(t, file, yaml("true"))
	p.wait("configuration reloaded", patience)
	check(0x87)
}

// EMQX's defaults by two keys, and what they open is said (AUTHN-02, AUTHZ-02,
// T-17).
func TestProfileEMQX(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := run(t, dir, `data_dir: data
listeners: { tcp: { default: { bind: "127.0.0.1:0" } } }
auth: { profile: emqx }
authz: { profile: emqx }
`)
	for _, said := range []string{"auth.profile: auth.chain is empty, so anonymous is allow", "authz.profile: no_match is allow"} {
		if !strings.Contains(p.transcript(), said) {
			t.Errorf("no %q in\n%s", said, p.transcript())
		}
	}
	c := come(t, p.addr("tcp:default"), mqtt.V50, "c", "anybody", "at all")
	if c.reason() != 0 || c.publishes("any/where") != 0x10 {
		t.Error("EMQX's defaults let everybody in, everywhere")
	}
}
