package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// An agent is a program around a client library. It takes one command a line
// on its standard input and writes one event a line to its standard output,
// both JSON. It may hold several connections, each under a name ("as"), and
// none of them reconnects by itself.
//
//	connect    → connected (present: the broker had the session) or refused
//	subscribe  → subscribed
//	publish    → published, when the flow of its QoS is complete
//	disconnect → closed
//
// and at any time: message, closed (code: the reason of a DISCONNECT, or 0).
type agent struct {
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	errOut  strings.Builder
	mu      sync.Mutex
	inboxes map[string]chan event
}

// message is an application message as it was published or received.
type message struct {
	Topic   string `json:"topic,omitempty"`
	Payload string `json:"payload"`
	QoS     byte   `json:"qos"`
	Retain  bool   `json:"retain"`
}

// command is a line to an agent.
type command struct {
	Do     string   `json:"do"`
	As     string   `json:"as"`
	ID     string   `json:"id,omitempty"`     // connect: client identifier
	Clean  bool     `json:"clean"`            // connect: Clean Session, or Clean Start
	Expiry uint32   `json:"expiry"`           // connect: Session Expiry Interval of 5.0
	Will   *message `json:"will,omitempty"`   // connect
	Filter string   `json:"filter,omitempty"` // subscribe
	message
}

// event is a line from an agent.
type event struct {
	As      string `json:"as"`
	Event   string `json:"event"`
	Present bool   `json:"present"`
	Code    int    `json:"code"`
	Text    string `json:"text,omitempty"`
	message
}

// startAgent runs an agent until the end of the test.
func startAgent(t *testing.T, cmd *exec.Cmd) *agent {
	t.Helper()
	a := &agent{cmd: cmd, inboxes: map[string]chan event{}}
	cmd.Stderr = &a.errOut
	var err error
	if a.stdin, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() { defer close(read); a.read(stdout) }()
	t.Cleanup(func() {
		a.stdin.Close()
		_ = cmd.Process.Kill()
		<-read
		_ = cmd.Wait()
		if t.Failed() && a.errOut.Len() > 0 {
			t.Logf("%s:\n%s", cmd, a.errOut.String())
		}
	})
	return a
}

func (a *agent) read(stdout io.Reader) {
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		e := event{}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			e = event{Event: "failed", Text: lines.Text()}
		}
		a.inbox(e.As, e.Event == "message") <- e
	}
}

// inbox holds the events of one connection until they are asked for; messages
// are kept apart, since they may come before the answer to SUBSCRIBE.
func (a *agent) inbox(name string, messages bool) chan event {
	if messages {
		name += " messages"
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.inboxes[name] == nil {
		a.inboxes[name] = make(chan event, 100)
	}
	return a.inboxes[name]
}

func (a *agent) tell(t *testing.T, c command) {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.stdin.Write(append(text, '\n')); err != nil {
		t.Fatalf("cannot tell the client %s: %v", text, err)
	}
}

// hear returns the next event of a connection, which must be of this kind.
func (a *agent) hear(t *testing.T, name, kind string) event {
	t.Helper()
	select {
	case e := <-a.inbox(name, kind == "message"):
		if e.Event != kind {
			t.Fatalf("%s: got %+v, want %q", name, e, kind)
		}
		return e
	case <-time.After(patience):
		t.Fatalf("%s: no %q in time", name, kind)
		return event{}
	}
}
