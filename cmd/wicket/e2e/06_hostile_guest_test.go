package e2e

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// The guest does what the first letter of a client id says; see behave.wat.
func hostile(t *testing.T, extra string) *process {
	t.Helper()
	guest, err := filepath.Abs("../../../engine/wasm/testdata/behave.wasm")
	if err != nil {
		t.Fatal(err)
	}
	config := write(t, filepath.Join(t.TempDir(), "wicket.yaml"), fmt.Sprintf(`
listeners: { tcp: { default: { bind: "127.0.0.1:0" } } }
plugins:
  door: { file: %q, grants: [password], workers: 2, cpu_slice: 50ms, timeout: 2s, memory: 16MB%s }
auth: { chain: [door] }
`, guest, extra))
	return start(t, "--config", config, "--data", t.TempDir())
}

// knock connects with the client id and returns the CONNACK return code.
func knock(t *testing.T, addr, id string) (code byte, took time.Duration) {
	t.Helper()
	w := dial(t, addr, "")
	p := mqtt.Connect{Version: mqtt.V311, CleanStart: true, ClientID: []byte(id)}
	began := time.Now()
	if _, err := w.Write(p.Append(nil, mqtt.V311)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4)
	if _, err := io.ReadFull(w, answer); err != nil {
		t.Fatalf("client %q: no CONNACK: %v", id, err)
	}
	w.Close()
	return answer[3], time.Since(began)
}

// control publishes to itself without pause, and remembers the longest time
// that a message took.
type control struct {
	conn net.Conn
	stop chan struct{}
	done chan error
	max  time.Duration
	n    int
}

func newControl(t *testing.T, addr string) *control {
	w := dial(t, addr, "")
	_ = w.SetDeadline(time.Now().Add(2 * time.Minute))
	w.says(`10 15 00 04 "MQTT" 04 02 00 00 00 09 "r-control"`)
	w.hears(`20 02 00 00`)
	w.says(`82 08 00 01 00 03 "a/b" 00`)
	w.hears(`90 03 00 01 00`)
	c := &control{conn: w, stop: make(chan struct{}), done: make(chan error, 1)}
	go func() { c.done <- c.run() }()
	return c
}

func (c *control) run() error {
	message := mqtt.Publish{Topic: []byte("a/b"), Payload: []byte("alive")}
	packet := message.Append(nil, mqtt.V311)
	back := make([]byte, len(packet))
	for {
		select {
		case <-c.stop:
			return nil
		case <-time.After(time.Millisecond):
		}
		began := time.Now()
		if _, err := c.conn.Write(packet); err != nil {
			return err
		}
		if _, err := io.ReadFull(c.conn, back); err != nil {
			return err
		}
		c.max = max(c.max, time.Since(began))
		c.n++
	}
}

// end stops the control client; it must have been served throughout.
func (c *control) end(t *testing.T) {
	t.Helper()
	close(c.stop)
	if err := <-c.done; err != nil {
		t.Errorf("the control client was not served: %v", err)
	}
	t.Logf("control client: %d messages, the slowest took %s", c.n, c.max)
	if c.n < 50 || c.max > unhurried(time.Second) {
		t.Errorf("%d messages, the slowest took %s", c.n, c.max)
	}
}

// A5 through the whole broker: each kind of misbehaviour is refused in its
// time, and a client that is already in notices nothing.
func TestHostileGuests(t *testing.T) {
	t.Parallel()
	p := hostile(t, "")
	addr := p.addr("tcp:default")
	c := newControl(t, addr)
	crimes := []string{
		"l-loops", "u-traps", "s-recurses", "o-out-of-bounds", "e-exits",
		"9-unknown-code", "--plugin-error", "j-junk", "p-never-answers",
	}
	if code, _ := knock(t, addr, "m-grows"); code != 0 {
		t.Errorf("a guest whose memory.grow is refused, and that copes: CONNACK %d", code)
	}
	for _, id := range crimes {
		code, took := knock(t, addr, id)
		if code != 3 && code != 5 {
			t.Errorf("client %q: CONNACK %d, want a refusal", id, code)
		}
		if took > unhurried(4*time.Second) {
			t.Errorf("client %q waited %s for its refusal", id, took)
		}
		// An instance that was lost is replaced, with back-off: the next
		// honest client gets in within seconds.
		eventually(t, "a client gets in after "+id, unhurried(15*time.Second), func() bool {
			code, _ := knock(t, addr, "r-honest")
			return code == 0
		})
	}
	c.end(t)
}

// unhurried is a time limit, longer where the race detector slows everything.
func unhurried(d time.Duration) time.Duration {
	if raceEnabled {
		return 10 * d
	}
	return d
}

// eventually polls for what takes a while.
func eventually(t *testing.T, what string, patience time.Duration, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("%s: not in %s", what, patience)
}

// A6 through the whole broker: thousands wait on one instance per worker and
// no goroutine each; above the cap the answer is "busy" at once.
func TestThousandsWait(t *testing.T) {
	t.Parallel()
	const waiting = 2000
	p := hostile(t, fmt.Sprintf(", max_pending: %d", waiting))
	addr := p.addr("tcp:default")
	c := newControl(t, addr)
	before := p.snapshot()
	connect := mqtt.Connect{Version: mqtt.V311, CleanStart: true}
	began := time.Now()
	for i := range waiting {
		w := dial(t, addr, "")
		connect.ClientID = fmt.Appendf(nil, "p%d", i)
		if _, err := w.Write(connect.Append(nil, mqtt.V311)); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d clients wait after %s", waiting, time.Since(began))
	if time.Since(began) < 1500*time.Millisecond { // the first has not timed out yet
		during := p.snapshot()
		if grown := during["goroutines"].(float64) - before["goroutines"].(float64); grown > 100 { // those of calls in progress
			t.Errorf("%v goroutines more while %d clients wait", grown, waiting)
		}
		if code, took := knock(t, addr, "p-one-too-many"); code != 3 || took > time.Second {
			t.Errorf("above the cap: CONNACK %d after %s, want 3 at once", code, took)
		}
	}
	eventually(t, "all have been refused", unhurried(10*time.Second), func() bool {
		return p.snapshot()["transport_connections"].(float64) <= 2
	})
	c.end(t)
}

// snapshot asks the process for what it holds.
func (p *process) snapshot() line {
	p.t.Helper()
	old, _ := p.find("snapshot")
	p.signal(syscall.SIGUSR1)
	var found []line
	eventually(p.t, "a snapshot", 10*time.Second, func() bool {
		found, _ = p.find("snapshot")
		return len(found) > len(old)
	})
	return found[len(found)-1]
}
