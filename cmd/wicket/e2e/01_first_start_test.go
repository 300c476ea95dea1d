package e2e

import (
	"bufio"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Somebody types "wicket run" in an empty directory and pastes what it prints
// (A1).

func TestFirstStart(t *testing.T) {
	t.Parallel()
	need(t, "mosquitto_sub")
	dir := t.TempDir()
	p := firstStart(t, dir)
	w := p.welcome()

	t.Run("the printed lines exchange a message", func(t *testing.T) {
		if got := converse(t, dir, w.sub, w.pub); got != "hello/world it works" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("and the other way round", func(t *testing.T) {
		sub := strings.Replace(w.pub, "-t hello/world -m 'it works'", "-t 'hello/#' -v", 1)
		sub = strings.Replace(sub, "mosquitto_pub", "mosquitto_sub", 1)
		pub := strings.Replace(w.sub, "-t 'hello/#' -v", "-t hello/back -m too", 1)
		pub = strings.Replace(pub, "mosquitto_sub", "mosquitto_pub", 1)
		if got := converse(t, dir, sub, pub); got != "hello/back too" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("secrets are for their owner only", func(t *testing.T) { ownerOnly(t, filepath.Join(dir, "data")) })
	t.Run("a wrong password", func(t *testing.T) { wrongPassword(t, p, dir) })
	t.Run("nobody without a name", func(t *testing.T) { nameless(t, p, dir) })
	t.Run("the password is nowhere", func(t *testing.T) {
		if strings.Contains(p.transcript(), w.password) {
			t.Errorf("the log holds the password:\n%s", p.transcript())
		}
		everyFile(t, filepath.Join(dir, "data"), func(path string, _ fs.FileInfo) {
			if strings.Contains(read(t, path), w.password) {
				t.Errorf("%s holds the password", path)
			}
		})
	})
	t.Run("a second start keeps the authority and the user", func(t *testing.T) {
		before := read(t, filepath.Join(dir, "data/dev/ca.pem")) + read(t, filepath.Join(dir, "data/users"))
		p.signal(syscall.SIGTERM)
		p.exit(patience)
		again := firstStart(t, dir)
		second := again.welcome()
		if second.password != "PASSWORD" || !strings.Contains(again.out.String(), "earlier start") {
			t.Errorf("the second start prints\n%s", again.out.String())
		}
		if after := read(t, filepath.Join(dir, "data/dev/ca.pem")) + read(t, filepath.Join(dir, "data/users")); after != before {
			t.Error("the authority or the users file has changed")
		}
		knows := func(line string) string { return strings.Replace(line, "-P PASSWORD", "-P "+w.password, 1) }
		if got := converse(t, dir, knows(second.sub), knows(second.pub)); got != "hello/world it works" {
			t.Errorf("got %q", got)
		}
	})
}

// firstStart is "wicket run" and nothing else, at debug level; the ports are
// changed only where something else has those of the defaults.
func firstStart(t *testing.T, dir string) *process {
	t.Helper()
	args := []string{"--log-level", "debug"}
	for _, l := range []struct{ key, bind string }{
		{"listeners.tcp.default.bind", "127.0.0.1:1883"}, {"listeners.tls.default.bind", "127.0.0.1:8883"},
	} {
		socket, err := net.Listen("tcp", l.bind)
		if err != nil {
			args = append(args, "--set", l.key+"=127.0.0.1:0")
			continue
		}
		socket.Close()
	}
	p := launchIn(t, dir, args...)
	p.addr("tcp:default")
	p.addr("tls:default")
	return p
}

// welcome is what the first start prints.
type welcome struct{ sub, pub, password string }

var printed = regexp.MustCompile(`(?m)^ *(mosquitto_sub .*)\n *(mosquitto_pub .* -P (\S+) .*)$`)

func (p *process) welcome() welcome {
	p.t.Helper()
	eventually(p.t, "the welcome", patience, func() bool { return printed.MatchString(p.out.String()) })
	m := printed.FindStringSubmatch(p.out.String())
	return welcome{m[1], m[2], m[3]}
}

// converse runs two lines as in two terminals, the second again until the
// first shows something.
func converse(t *testing.T, dir, sub, pub string) string {
	t.Helper()
	reader := exec.Command("sh", "-c", "exec stdbuf -oL "+sub)
	reader.Dir = dir
	stdout, err := reader.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Process.Kill(); _ = reader.Wait() }()
	shown := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		shown <- strings.TrimSpace(line)
	}()
	timeout := time.After(patience)
	for {
		must(t, dir, "sh", "-c", pub)
		select {
		case line := <-shown:
			return line
		case <-time.After(50 * time.Millisecond):
		case <-timeout:
			t.Fatalf("no message:\n%s\n%s", sub, pub)
		}
	}
}

func ownerOnly(t *testing.T, data string) {
	for _, dir := range []string{data, filepath.Join(data, "dev"), filepath.Join(data, "cache")} {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: mode %v (%v), want 0700", dir, info.Mode(), err)
		}
	}
	secrets := 0
	everyFile(t, data, func(path string, info fs.FileInfo) {
		if !strings.HasSuffix(path, ".key") && filepath.Base(path) != "users" {
			return
		}
		secrets++
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, want 0600", path, info.Mode())
		}
	})
	if secrets != 4 {
		t.Errorf("%d secrets, want the users file and the keys of authority, server and client", secrets)
	}
}

// everyFile visits the regular files below a directory.
func everyFile(t *testing.T, dir string, visit func(path string, info fs.FileInfo)) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, info fs.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			visit(path, info)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A CONNECT of each version as user demo with password "guess": Not authorized,
// which is 5 in 3.x.
func wrongPassword(t *testing.T, p *process, dir string) {
	for _, place := range []struct{ listener, cafile string }{
		{"tcp:default", ""}, {"tls:default", filepath.Join(dir, "data/dev/ca.pem")},
	} {
		w := dial(t, p.addr(place.listener), place.cafile)
		w.says(`10 1c 00 06 "MQIsdp" 03 c2 00 3c 00 01 "c" 00 04 "demo" 00 05 "guess"`)
		w.hears(`20 02 00 05`)
		w.closed()

		w = dial(t, p.addr(place.listener), place.cafile)
		w.says(`10 1a 00 04 "MQTT" 04 c2 00 3c 00 01 "c" 00 04 "demo" 00 05 "guess"`)
		w.hears(`20 02 00 05`)
		w.closed()

		w = dial(t, p.addr(place.listener), place.cafile)
		w.says(`10 1b 00 04 "MQTT" 05 c2 00 3c 00 00 01 "c" 00 04 "demo" 00 05 "guess"`)
		w.hears(`20 03 00 87 00`)
		w.closed()
	}
	host, port := hostPort(t, p.addr("tcp:default"))
	for version, sentence := range map[string]string{
		"3.1":   "Connection Refused: not authorised.",
		"3.1.1": "Connection Refused: not authorised.",
		"5.0":   "Not authorized",
	} {
		r := tool(t, dir, "", "mosquitto_pub", "-h", host, "-p", port, "-V", mosquittoFlag[version], "-u", "demo", "-P", "guess", "-t", "a", "-m", "b")
		if r.code == 0 || !strings.Contains(r.errOut, sentence) {
			t.Errorf("%s: exit code %d, %q, want %q", version, r.code, r.errOut, sentence)
		}
	}
}

// A CONNECT without user name and password: Not authorized, which is 5 in 3.x.
func nameless(t *testing.T, p *process, dir string) {
	w := dial(t, p.addr("tcp:default"), "")
	w.says(`10 0d 00 04 "MQTT" 04 02 00 3c 00 01 "c"`)
	w.hears(`20 02 00 05`)
	w.closed()

	w = dial(t, p.addr("tls:default"), filepath.Join(dir, "data/dev/ca.pem"))
	w.says(`10 0e 00 04 "MQTT" 05 02 00 3c 00 00 01 "c"`)
	w.hears(`20 03 00 87 00`)
	w.closed()
}
