package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/wasm/wasmtest"
)

// patience is how long anything that a test waits for may take on a busy
// machine. The race detector makes compiling a plugin very slow.
var patience = map[bool]time.Duration{false: 20 * time.Second, true: 90 * time.Second}[raceEnabled]

// process is a running wicket.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  output // standard output
	mu   sync.Mutex
	logs []line
	news chan struct{} // closed and replaced whenever a line comes
	done chan struct{} // closed when the process has ended
	err  error
}

// output is what a process has printed so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// line is one JSON line of the broker's log.
type line map[string]any

func (l line) text(key string) string { s, _ := l[key].(string); return s }

// start runs "wicket run" with the arguments and waits until it listens. It
// is stopped at the end of the test, which fails when the process has died
// before or has logged a bug.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := launch(t, args...)
	p.wait("listening", patience)
	return p
}

// launch is start without waiting.
func launch(t *testing.T, args ...string) *process {
	t.Helper()
	return launchIn(t, t.TempDir(), args...)
}

// launchIn is launch in a directory.
func launchIn(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	shareCache(t, dir, args)
	p := &process{t: t, news: make(chan struct{}), done: make(chan struct{})}
	p.cmd = exec.Command(binary, append([]string{"run"}, args...)...)
	p.cmd.Stdout = &p.out
	p.cmd.Dir = dir
	p.cmd.Env = append(os.Environ(), "GOTRACEBACK=all", "WICKET_LOG__FORMAT=json")
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(stderr)
	t.Cleanup(p.end)
	return p
}

// shareCache lets a broker find the plugins that others have compiled: the
// cache in its data directory, when the test names one, becomes a link to the
// cache of all tests of the checkout. One that is there already stays.
func shareCache(t *testing.T, dir string, args []string) {
	t.Helper()
	data := ""
	for i, arg := range args[:max(len(args)-1, 0)] {
		value := within(dir, args[i+1])
		switch arg {
		case "--data":
			data = value
		case "-c", "--config":
			text, err := os.ReadFile(value)
			switch {
			case err != nil || data != "":
			case strings.Contains(string(text), "data_dir: data\n"):
				data = filepath.Join(filepath.Dir(value), "data")
			case !strings.Contains(string(text), "data_dir"):
				data = filepath.Join(dir, "data")
			}
		}
	}
	shared := wasmtest.Cache()
	if data == "" || shared == "" || os.MkdirAll(data, 0o700) != nil {
		return
	}
	if err := os.Symlink(shared, filepath.Join(data, "cache")); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
}

// within is a path as seen from dir.
func within(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

func (p *process) read(stderr io.Reader) {
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		l := line{}
		if json.Unmarshal(lines.Bytes(), &l) != nil {
			l = line{"msg": lines.Text(), "level": "RAW"}
		}
		p.mu.Lock()
		p.logs = append(p.logs, l)
		close(p.news)
		p.news = make(chan struct{})
		p.mu.Unlock()
	}
	p.err = p.cmd.Wait()
	close(p.done)
}

// find returns the logged lines whose message starts with msg.
func (p *process) find(msg string) (found []line, news <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.logs {
		if strings.HasPrefix(l.text("msg"), msg) {
			found = append(found, l)
		}
	}
	return found, p.news
}

// wait returns the first line whose message starts with msg, and fails the
// test when it does not come in time.
func (p *process) wait(msg string, patience time.Duration) line {
	p.t.Helper()
	return p.waitFor(msg, patience, func(line) bool { return true })
}

// waitFor is wait for a line that is also accepted by is.
func (p *process) waitFor(msg string, patience time.Duration, is func(line) bool) line {
	p.t.Helper()
	timeout := time.After(patience)
	for ended := false; ; {
		found, news := p.find(msg)
		for _, l := range found {
			if is(l) {
				return l
			}
		}
		if ended {
			p.t.Fatalf("wicket ended (%v) before it said %q:\n%s", p.err, msg, p.transcript())
		}
		select {
		case <-news:
		case <-p.done:
			ended = true
		case <-timeout:
			p.t.Fatalf("wicket did not say %q in %s:\n%s", msg, patience, p.transcript())
		}
	}
}

// addr is the address that a listener ("tcp:default") is bound to.
func (p *process) addr(listener string) string {
	p.t.Helper()
	return p.waitFor("listening", patience, func(l line) bool { return l.text("listener") == listener }).text("bind")
}

// transcript is all that the process has logged.
func (p *process) transcript() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	for _, l := range p.logs {
		if l.text("level") == "RAW" {
			b.WriteString(l.text("msg") + "\n")
			continue
		}
		text, _ := json.Marshal(l)
		b.Write(append(text, '\n'))
	}
	return b.String()
}

// exit waits for the process to end and returns its exit code.
func (p *process) exit(patience time.Duration) int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("wicket did not end in %s:\n%s", patience, p.transcript())
	}
	return p.cmd.ProcessState.ExitCode()
}

// signal sends a signal to the process.
func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// end stops the process if it runs and looks for signs of defects.
func (p *process) end() {
	select {
	case <-p.done:
	default:
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(15 * time.Second):
			_ = p.cmd.Process.Signal(syscall.SIGQUIT)
			<-p.done
			p.t.Errorf("wicket did not stop on SIGTERM:\n%s", p.transcript())
		}
	}
	bugs, _ := p.find("bug")
	if text := p.transcript(); len(bugs) > 0 || strings.Contains(text, "DATA RACE") || strings.Contains(text, "panic:") {
		p.t.Errorf("wicket has a defect:\n%s", text)
	}
}

// hangup sends SIGHUP and returns the line of the log that follows it.
func (p *process) hangup(msg string) line {
	p.t.Helper()
	before, _ := p.find(msg)
	p.signal(syscall.SIGHUP)
	eventually(p.t, msg, patience, func() bool { now, _ := p.find(msg); return len(now) > len(before) })
	now, _ := p.find(msg)
	return now[len(now)-1]
}
