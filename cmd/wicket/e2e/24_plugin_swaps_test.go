package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	operate "github.com/wicketmq/wicket/engine/control"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/sdk/tck/harness"
)

// A plugin is swapped while clients connect (D4, reliability item 43): its file
// is replaced by another version that lets in the same clients and differs in
// how it denies the rest.

// versions are the reason codes that they deny with.
var versions = map[string]byte{"one": 0x86, "two": 0x8a, "three": 0x87}

// order is that in which they follow each other.
var order = []string{"one", "two", "three"}

func TestPluginSwaps(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds plugins")
	}
	s := newPluginSwaps(t)
	end := s.storm(t, 20*time.Millisecond)
	for i := range 30 { // however long they take
		s.next(t, i == 20)
	}
	end()
	s.judge(t)
}

// pluginSwaps is a broker, and what a storm of CONNECTs meets there.
type pluginSwaps struct {
	p       *process
	addr    string
	file    string // of the plugin
	modules map[string][]byte
	broker  *operate.Client

	swaps   atomic.Int64           // odd while one is under way
	version atomic.Pointer[string] // in use when none is

	mu    sync.Mutex
	shown map[string]int // verdicts, by who gave them
	sure  int            // that had to be of one version
	wrong []string

	memory []float64 // MB after each swap
	unseen int       // versions that were made while the broker ran
}

func newPluginSwaps(t *testing.T) *pluginSwaps {
	t.Helper()
	dir := t.TempDir()
	s := &pluginSwaps{file: filepath.Join(dir, "door.wasm"), modules: map[string][]byte{}, shown: map[string]int{}}
	for _, version := range order {
		s.modules[version] = buildDoor(t, version)
	}
	s.place(t, "one", s.modules["one"])
	s.p = run(t, dir, `data_dir: data
listeners: { tcp: { default: { bind: "127.0.0.1:0" } } }
plugins: { door: { file: door.wasm, cpu_slice: 5s } } # how busy the machine is does not matter here
auth: { chain: [door] }
`)
	s.addr = s.p.addr("tcp:default")
	s.broker = operate.NewClient(filepath.Join(dir, "data", "control.sock"))
	return s
}

// buildDoor compiles a version of testdata/door.
func buildDoor(t *testing.T, version string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "door.wasm")
	args := slices.Clone(harness.BuildFlags)
	for i, arg := range args {
		args[i] = strings.Replace(arg, "-ldflags=", "-ldflags=-X main.version="+version+" ", 1)
	}
	c := exec.Command("go", append(args, "-o", out, "./testdata/door")...)
	c.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if text, err := c.CombinedOutput(); err != nil {
		t.Fatalf("cannot build the plugin: %v\n%s", err, text)
	}
	return []byte(read(t, out))
}

// place puts a version where the broker finds it, at one stroke.
func (s *pluginSwaps) place(t *testing.T, version string, module []byte) {
	t.Helper()
	write(t, s.file+".new", string(module))
	if err := os.Rename(s.file+".new", s.file); err != nil {
		t.Fatal(err)
	}
	s.version.Store(&version)
}

// storm begins one of eight clients that come again after a pause, and returns
// what ends it.
func (s *pluginSwaps) storm(t *testing.T, pause time.Duration) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			for turn := i; ctx.Err() == nil; turn++ {
				s.knock([]string{"in", "out"}[turn%2])
				time.Sleep(pause)
			}
		})
	}
	return func() { cancel(); clients.Wait() }
}

// next swaps for the next version, and returns how long that took. fresh says that
// it is in a file that nobody has seen before.
func (s *pluginSwaps) next(t *testing.T, fresh bool) time.Duration {
	t.Helper()
	version := order[(len(s.memory)+1)%len(order)]
	module := s.modules[version]
	if fresh {
		module = s.rename(module)
	}
	took := s.swap(t, version, module)
	if len(s.memory)%5 == 0 { // however slow the machine is, some come between two swaps
		before := s.certain()
		eventually(t, "a client meets one version", patience, func() bool { return s.certain() > before })
	}
	return took
}

// rename returns a module as another file, which has to be compiled anew.
func (s *pluginSwaps) rename(module []byte) []byte {
	s.unseen++
	text := fmt.Sprintf("%08d", s.unseen)
	return append(slices.Clone(module), "\x00\x0a\x01v"+text...) // a custom section "v"
}

// swap puts a version in the place of another, and returns how long it takes until
// the broker says that it has it.
func (s *pluginSwaps) swap(t *testing.T, version string, module []byte) time.Duration {
	t.Helper()
	s.swaps.Add(1)
	s.place(t, version, module)
	start := time.Now()
	if err := s.broker.Do(t.Context(), "POST", "/v1/reload"); err != nil {
		t.Fatalf("swap %d: %v\n%s", len(s.memory), err, s.p.transcript())
	}
	took := time.Since(start)
	s.swaps.Add(1)
	s.memory = append(s.memory, s.p.resident(t))
	return took
}

// certain is how many verdicts had to be of one version.
func (s *pluginSwaps) certain() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sure
}

// knock connects as a user, and looks at all that the broker says until it ends
// the connection: one CONNACK, and to who is let in one PINGRESP.
func (s *pluginSwaps) knock(user string) {
	before, version := s.swaps.Load(), *s.version.Load()
	said, err := s.converse(user)
	sure := before%2 == 0 && s.swaps.Load() == before
	s.mu.Lock()
	defer s.mu.Unlock()
	if sure {
		s.sure++
	}
	by := ""
	switch {
	case err != nil:
	case user == "in" && len(said) > 5 && said[0] == 0x20 && said[3] == 0 && string(said[2+said[1]:]) == "\xd0\x00":
		by = "in"
	case user == "out" && len(said) == 5 && said[0] == 0x20:
		for name, reason := range versions {
			if said[3] == reason && (!sure || name == version) {
				by = name
			}
		}
	}
	if by == "" {
		s.wrong = append(s.wrong, fmt.Sprintf("%q heard % x (%v) between swaps %d and %d, when the version was %q", user, said, err, before/2, s.swaps.Load()/2, version))
	}
	s.shown[by]++
}

func (s *pluginSwaps) converse(user string) ([]byte, error) {
	c, err := net.DialTimeout("tcp", s.addr, patience)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	connect := mqtt.Connect{Version: mqtt.V50, CleanStart: true, ClientID: []byte(unique("swap")), HasUsername: true, Username: []byte(user)}
	packets := connect.Append(nil, mqtt.V50)
	if user == "in" {
		packets = append(packets, 0xc0, 0, 0xe0, 0) // PINGREQ, DISCONNECT
	}
	if _, err := c.Write(packets); err != nil {
		return nil, err
	}
	return io.ReadAll(c)
}

// judge fails the test for a wrong verdict.
func (s *pluginSwaps) judge(t *testing.T) {
	t.Helper()
	total := 0
	for _, k := range s.shown {
		total += k
	}
	t.Logf("%d swaps, %d verdicts %v, %d of them had to be of one version", len(s.memory), total, s.shown, s.sure)
	for _, w := range s.wrong[:min(len(s.wrong), 5)] {
		t.Error(w)
	}
	if len(s.wrong) > 0 {
		t.Errorf("%d wrong verdicts\n%s", len(s.wrong), s.p.transcript())
	}
	if s.shown["in"] < len(s.memory) || s.shown["one"] == 0 || s.shown["two"] == 0 || s.shown["three"] == 0 || s.sure == 0 {
		t.Errorf("%v shows nothing", s.shown)
	}
}

// resident is the memory of the process in MB.
func (p *process) resident(t *testing.T) float64 {
	t.Helper()
	text := read(t, fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	pages, err := strconv.Atoi(strings.Fields(text)[1])
	if err != nil {
		t.Fatal(err)
	}
	return float64(pages*os.Getpagesize()) / 1e6
}
