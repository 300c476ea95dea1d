package peer

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// line is what is read of a line of wicket's log.
type line struct {
	Msg         string `json:"msg"`
	Listener    string `json:"listener"`
	Bind        string `json:"bind"`
	Connections int    `json:"connections"`
	Transport   int    `json:"transport_connections"`
	Handshakes  uint64 `json:"handshakes"`
	Goroutines  int    `json:"goroutines"`
	Heap        int64  `json:"heap_bytes"`
	Pause       int64  `json:"gc_pause"` // ns, of the collection that the snapshot makes
}

// watch hands on the lines of wicket's log that say something to us.
type watch struct{ lines chan line }

func (w *watch) read(log io.Reader) {
	defer close(w.lines)
	in := bufio.NewScanner(log)
	for in.Scan() {
		var l line
		if json.Unmarshal(in.Bytes(), &l) != nil {
			fmt.Fprintln(os.Stderr, in.Text())
			continue
		}
		if l.Msg == "listening" || l.Msg == "snapshot" {
			w.lines <- l
		}
	}
}

// next waits for a line with the message given.
func (w *watch) next(msg string) (line, error) {
	timeout := time.After(30 * time.Second)
	for {
		select {
		case l, ok := <-w.lines:
			if !ok {
				return l, errEnded
			}
			if l.Msg == msg {
				return l, nil
			}
		case <-timeout:
			return line{}, fmt.Errorf("the broker did not say %q in time", msg)
		}
	}
}

// Beside is the path of another program in the directory of this one.
func Beside(name string) string {
	me, err := os.Executable()
	if err != nil {
		return name
	}
	return filepath.Join(filepath.Dir(me), name)
}

// Limits that all brokers get, so that none drops what another would queue.
const (
	maxInflight = "1000"
	maxQueued   = "100000"
)

func (b *Broker) startWicket(program string, o Options) error {
	if program == "" {
		program = Beside("wicket")
	}
	args := []string{"run", "--log-format", "json", "--data", b.dir,
		"--listen", "tcp://127.0.0.1:0", "--listen", "tls://127.0.0.1:0",
		"--set", "mqtt.max_inflight=" + maxInflight, "--set", "mqtt.max_queued_messages=" + maxQueued,
		"--set", "listeners.tls.default.tls.session_tickets=stateless",
		"--set", "listeners.tls.default.tls.certfile=" + b.PKI.File("server.pem"),
		"--set", "listeners.tls.default.tls.keyfile=" + b.PKI.File("server.key")}
	if o.Mutual {
		args = append(args, "--set", "listeners.tls.default.tls.cacertfile="+b.PKI.File("ca.pem"),
			"--set", "listeners.tls.default.tls.verify=verify_peer",
			"--set", "listeners.tls.default.tls.fail_if_no_peer_cert=true")
	}
	if err := b.admit(program, o, &args); err != nil {
		return err
	}
	b.Version = version(program, "version")
	b.cmd = exec.Command(program, append(args, o.Extra...)...)
	b.log = &watch{make(chan line, 64)}
	stderr, err := b.cmd.StderrPipe()
	if err == nil {
		err = b.launch(o)
	}
	if err != nil {
		return err
	}
	go func() {
		b.log.read(stderr)
		b.reap()
	}()
	for b.Plain == "" || b.Secure == "" {
		l, err := b.log.next("listening")
		if err != nil {
			return err
		}
		if strings.HasPrefix(l.Listener, "tcp:") {
			b.Plain = l.Bind
		} else {
			b.Secure = l.Bind
		}
	}
	return nil
}

// admit lets everybody in, or the one user who has a password.
func (b *Broker) admit(program string, o Options, args *[]string) error {
	if o.Username == "" {
		*args = append(*args, "--anonymous", "allow")
		return nil
	}
	users := b.PKI.File("users")
	add := exec.Command(program, "passwd", users, o.Username, "--password-stdin")
	add.Stdin = strings.NewReader(o.Password + "\n")
	if out, err := add.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot make a user: %w: %s", err, out)
	}
	*args = append(*args, "--set", "plugins.password.file=builtin:password",
		"--set", "plugins.password.config.users_file="+users, "--set", "auth.chain=password")
	return nil
}

// Snapshot makes wicket collect its garbage and returns what it holds then.
func (b *Broker) Snapshot() (line, error) {
	if err := b.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		return line{}, err
	}
	return b.log.next("snapshot")
}

// Handshakes is how many TLS handshakes wicket has completed.
func (b *Broker) Handshakes() (uint64, error) {
	if b.log == nil {
		return 0, fmt.Errorf("%s does not tell how many handshakes it has made", b.Name)
	}
	l, err := b.Snapshot()
	return l.Handshakes, err
}

// version is the first line a program says of itself.
func version(program string, args ...string) string {
	out, _ := exec.Command(program, args...).Output()
	first, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(first)
}
