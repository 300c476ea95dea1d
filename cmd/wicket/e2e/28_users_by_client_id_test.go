package e2e

import (
	"fmt"
	"path/filepath"
	"testing"
)

// Devices whose client ids are in the users file come in with their passwords,
// and a device that is added later does once the file is read again (ADB-01).
func TestUsersByClientID(t *testing.T) {
	t.Parallel()
	const device, later = "00:1b:63:84:45:e6", "pump-7"
	dir := t.TempDir()
	devices := filepath.Join(dir, "devices")
	passwd := func(id, secret string) {
		t.Helper()
		if r := tool(t, dir, secret+"\n", binary, "passwd", devices, id, "--password-stdin", "-a", "bcrypt"); r.code != 0 {
			t.Fatalf("wicket passwd: exit code %d, %s", r.code, r.errOut)
		}
	}
	passwd(device, "first")
	p := run(t, dir, `data_dir: data
listeners: { tcp: { default: { bind: "127.0.0.1:0" } } }
plugins: { password: { file: "builtin:password", config: { users_file: devices, user_id_type: clientid } } }
auth: { chain: [password] }
`)
	host, port := hostPort(t, p.addr("tcp:default"))
	comesIn := func(id, name, secret string, more ...string) bool {
		t.Helper()
		args := append([]string{"-h", host, "-p", port, "-i", id, "-u", name, "-P", secret, "-t", "a", "-m", "b"}, more...)
		return tool(t, "", "", "mosquitto_pub", args...).code == 0
	}
	for _, c := range []struct {
		id, name, secret string
		in               bool
	}{
		{device, "whoever", "first", true},
		{device, "whoever", "guess", false},
		{"c1", device, "first", false},
		{later, "whoever", "second", false},
	} {
		for _, version := range []string{"mqttv311", "mqttv5"} {
			if got := comesIn(c.id, c.name, c.secret, "-V", version); got != c.in {
				t.Errorf("%s: %+v: %t", version, c, got)
			}
		}
	}
	passwd(later, "second")
	p.hangup("configuration reloaded")
	for _, c := range []struct{ id, secret string }{{later, "second"}, {device, "first"}} {
		eventually(t, fmt.Sprintf("%s comes in", c.id), patience, func() bool { return comesIn(c.id, "whoever", c.secret) })
	}
}

// EMQX's built-in database by client id: the plugin comes along, and the users when
// their file is there (ADB-01).
func TestImportedUsersByClientID(t *testing.T) {
	t.Parallel()
	dir := installation(t, `listeners.tcp.default.bind = "127.0.0.1:0"
authentication { mechanism = password_based, backend = built_in_database, user_id_type = clientid, password_hash_algorithm { name = sha256, salt_position = suffix } }
authorization { no_match = deny, sources = [] }
`)
	// SHA-256 of "public" and "slat_foo123".
	write(t, filepath.Join(dir, "etc", "users"), "c1:$emqx-sha256-suffix$slat_foo123$44edc2d57cde8d79c98145003e105b90a14f1460b79186ea9cfe83942fc5abb5\n")
	p := launchIn(t, dir, "-c", "etc/emqx.conf")
	host, port := hostPort(t, p.addr("tcp:default"))
	for _, c := range []struct {
		id, secret string
		in         bool
	}{{"c1", "public", true}, {"c1", "private", false}, {"c2", "public", false}} {
		if got := tool(t, "", "", "mosquitto_pub", "-h", host, "-p", port, "-i", c.id, "-u", "u", "-P", c.secret, "-t", "a", "-m", "b").code == 0; got != c.in {
			t.Errorf("%+v: %t", c, got)
		}
	}
}
