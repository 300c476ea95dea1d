package e2e

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What the command line answers, and what signals do.

func TestOneLineBroker(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "new")
	p := start(t, "--listen", "tcp://127.0.0.1:0", "--listen", "tls://127.0.0.1:0", "--anonymous", "allow", "--data", data)
	chat(t, p.addr("tcp:default"))
	chat(t, p.addr("tls:default"), "--cafile", filepath.Join(data, "dev/ca.pem"))
	if lines, _ := p.find(""); slices.ContainsFunc(lines, isWarning) {
		t.Errorf("a warning although only this machine can connect:\n%s", p.transcript())
	}
}

func TestOpenToEverybodyIsSaid(t *testing.T) {
	t.Parallel()
	p := start(t, "--listen", "tcp://0.0.0.0:0", "--anonymous", "allow", "--data", t.TempDir())
	l := p.waitFor("", patience, isWarning)
	if !strings.Contains(l.text("msg"), "auth.anonymous") || !strings.Contains(l.text("msg"), "everywhere") {
		t.Errorf("the warning does not say what it is about: %v", l)
	}
}

func isWarning(l line) bool { return l.text("level") == "WARN" }

// Without --anonymous nobody gets in, not even from this machine.
func TestAnonymousIsRefusedByDefault(t *testing.T) {
	t.Parallel()
	p := start(t, "--listen", "tcp://127.0.0.1:0", "--data", t.TempDir())
	w := dial(t, p.addr("tcp:default"), "")
	w.says(`10 0d 00 04 "MQTT" 04 02 00 3c 00 01 "c"`)
	w.hears(`20 02 00 05`)
	w.closed()
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	bad := write(t, filepath.Join(t.TempDir(), "bad.yaml"), `
listeners:
  tcp:
    default: { bnd: 127.0.0.1:0 }
mqtt:
  max_inflight: many
authz: { no_match: maybe }
surprise: 1
`)
	for _, c := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"a flag that is none", []string{"--nope"}, 2, []string{"--nope"}},
		{"an argument", []string{"everything"}, 2, []string{"everything"}},
		{"no URL", []string{"--listen", "1883"}, 2, []string{`"1883"`, "tcp://"}},
		{"no key", []string{"--set", "mqtt.max_inflight"}, 2, []string{"mqtt.max_inflight", "key=value"}},
		{"all mistakes of a file at once", []string{"-c", bad}, 3, []string{
			"bad.yaml:4: listeners.tcp.default.bnd", `did you mean "bind"?`,
			"bad.yaml:6: mqtt.max_inflight", "bad.yaml:7: authz.no_match", "bad.yaml:8: surprise",
		}},
		{"no such file", []string{"-c", "none.yaml"}, 3, []string{"none.yaml"}},
		{"a port in use", []string{"--listen", "tcp://" + taken.Addr().String()}, 1, []string{`"tcp:default"`, taken.Addr().String(), "in use"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := launch(t, c.args...)
			code, said := p.exit(patience), p.transcript()
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			for _, text := range c.says {
				if !strings.Contains(said, text) {
					t.Errorf("not said: %q in\n%s", text, said)
				}
			}
		})
	}
	t.Run("an unknown command", func(t *testing.T) {
		if r := tool(t, "", "", binary, "fly"); r.code != 2 || !strings.Contains(r.errOut, "fly") {
			t.Errorf("exit code %d, %q", r.code, r.errOut)
		}
	})
}

// SIGTERM: clients of 5.0 hear Server shutting down, the exit code is 0 and
// the port is free.
func TestSIGTERM(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := start(t, "--listen", "tcp://127.0.0.1:0", "--listen", "tls://127.0.0.1:0", "--anonymous", "allow", "--data", data)
	plain := dial(t, p.addr("tcp:default"), "")
	plain.says(`10 0e 00 04 "MQTT" 05 02 00 3c 00 00 01 "a"`)
	plain.packet()
	secure := dial(t, p.addr("tls:default"), filepath.Join(data, "dev/ca.pem"))
	secure.says(`10 0e 00 04 "MQTT" 05 02 00 3c 00 00 01 "b"`)
	secure.packet()
	old := dial(t, p.addr("tcp:default"), "")
	old.says(`10 0d 00 04 "MQTT" 04 02 00 3c 00 01 "c"`)
	old.hears(`20 02 00 00`)
	silent := dial(t, p.addr("tcp:default"), "")

	p.signal(syscall.SIGTERM)
	for name, w := range map[string]*wire{"plain": plain, "secure": secure} {
		if last := w.closed(); len(last) < 3 || last[0] != 0xe0 || last[2] != 0x8b {
			t.Errorf("%s: the last packet is % x, want DISCONNECT 0x8B", name, last)
		}
	}
	for name, w := range map[string]*wire{"3.1.1": old, "silent": silent} {
		if last := w.closed(); len(last) > 0 {
			t.Errorf("%s: the broker says % x", name, last)
		}
	}
	if code := p.exit(patience); code != 0 {
		t.Errorf("exit code %d", code)
	}
	again, err := net.Listen("tcp", p.addr("tcp:default"))
	if err != nil {
		t.Fatalf("the port is not free: %v", err)
	}
	again.Close()
}

// A user who is added with "wicket passwd" can log in after SIGHUP; a broken
// file keeps the users that were.
func TestSIGHUP(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	users := filepath.Join(dir, "users")
	config := write(t, filepath.Join(dir, "wicket.yaml"), `
data_dir: data
listeners: { tcp: { default: { bind: "127.0.0.1:0" } } }
plugins:
  password: { file: "builtin:password", config: { users_file: users } }
auth: { chain: [password] }
`)
	add := func(name, secret string) {
		t.Helper()
		if r := tool(t, dir, secret+"\n", binary, "passwd", users, name, "--password-stdin"); r.code != 0 {
			t.Fatalf("wicket passwd: exit code %d, %s", r.code, r.errOut)
		}
	}
	add("alice", "first")
	p := start(t, "-c", config)
	host, port := hostPort(t, p.addr("tcp:default"))
	comesIn := func(name, secret string) bool {
		t.Helper()
		return tool(t, "", "", "mosquitto_pub", "-h", host, "-p", port, "-u", name, "-P", secret, "-t", "a", "-m", "b").code == 0
	}
	if !comesIn("alice", "first") || comesIn("bob", "second") {
		t.Fatal("alice has to come in, bob must not yet")
	}
	add("bob", "second")
	add("alice", "changed")
	p.hangup("configuration reloaded")
	for _, c := range []struct {
		name, secret string
		in           bool
	}{{"bob", "second", true}, {"alice", "changed", true}, {"alice", "first", false}} {
		// The line may be that of a reload which the first change alone has led to.
		eventually(t, fmt.Sprintf("%s with %q: %t", c.name, c.secret, c.in), patience, func() bool { return comesIn(c.name, c.secret) == c.in })
	}
	for _, broken := range []struct{ file, text, says string }{
		{users, "bob:no hash\n", "users"},
		{config, "listeners: 7\nauthh: {}\n", "authh"},
	} {
		before := read(t, broken.file)
		write(t, broken.file, broken.text)
		if l := p.hangup("reload failed"); !strings.Contains(l.text("error"), broken.says) {
			t.Errorf("the log does not say %q: %v", broken.says, l)
		}
		if !comesIn("bob", "second") || comesIn("bob", "guess") {
			t.Errorf("after a broken %s the old users have to stay", filepath.Base(broken.file))
		}
		write(t, broken.file, before)
	}
	if strings.Contains(p.transcript(), "second") || strings.Contains(p.transcript(), "guess") {
		t.Errorf("the log holds a password:\n%s", p.transcript())
	}
}

// TLS-15: a connection has to say CONNECT in time, and is not cut once it has.
func TestIdleTimeout(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := start(t, "--listen", "tcp://127.0.0.1:0", "--listen", "tls://127.0.0.1:0", "--anonymous", "allow", "--data", data,
		"--set", "mqtt.idle_timeout=300ms", "--set", "listeners.tls.default.tls.handshake_timeout=300ms")
	for listener, cafile := range map[string]string{"tcp:default": "", "tls:default": filepath.Join(data, "dev/ca.pem")} {
		client := dial(t, p.addr(listener), cafile)
		client.says(`10 0d 00 04 "MQTT" 04 02 00 3c 00 01 "c"`)
		client.hears(`20 02 00 00`)
		silent := dial(t, p.addr(listener), cafile)
		if cafile != "" {
			silent.says(`10`) // finishes the handshake, TLS-14 is for the next one
			mute := dial(t, p.addr(listener), "")
			mute.closed()
		}
		began := time.Now()
		silent.closed()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: a silent connection lives %s", listener, took)
		}
		client.says(`c0 00`)
		client.hears(`d0 00`)
	}
}
