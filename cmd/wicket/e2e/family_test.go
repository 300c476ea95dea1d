package e2e

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// dialect is a client program in one protocol version.
type dialect struct {
	program string // mosquitto, paho-python, mqttjs, paho.golang
	version string // 3.1, 3.1.1, 5.0
}

// dialects are all that the broker is tried with.
var dialects = []dialect{
	{"mosquitto", "3.1"}, {"mosquitto", "3.1.1"}, {"mosquitto", "5.0"},
	{"paho-python", "3.1.1"}, {"paho-python", "5.0"},
	{"mqttjs", "3.1.1"}, {"mqttjs", "5.0"},
	{"paho.golang", "5.0"},
}

// subscriber is what a listening client is asked to be.
type subscriber struct {
	id     string
	filter string
	qos    byte
	keep   bool     // the session outlives the connection
	resume bool     // expect the session to be there, with its subscription
	will   *message // the client can be killed when it has one
}

// listener is a client that has subscribed.
type listener interface {
	expect(want message) // the next message is this one
	gone(code int)       // the broker ends the connection, 5.0 clients hear why
	leave()              // disconnect in order
	kill()               // kill -9
}

// talker is a client program that is asked to do things.
type talker interface {
	with(t *testing.T) talker // for the conversation of a subtest
	listen(s subscriber) listener
	publish(m message)
}

// talker starts a dialect's program against an address.
func (d dialect) talker(t *testing.T, addr, cafile string) talker {
	t.Helper()
	host, port := hostPort(t, addr)
	if d.program == "mosquitto" {
		need(t, "mosquitto_sub")
		return &mosquitto{t: t, version: d.version, where: mosquittoArgs(host, port, cafile)}
	}
	args := []string{host, port, map[string]string{"3.1.1": "4", "5.0": "5"}[d.version]}
	if cafile != "" {
		args = append(args, cafile)
	}
	l := &library{t: t, run: func(t *testing.T) *agent { return startAgent(t, d.agent(t, args)) }, told: d.version == "5.0" && d.program != "paho-python", opened: new(bool)}
	l.main = l.run(t)
	return l
}

// agent is the command that runs a library's program.
func (d dialect) agent(t *testing.T, args []string) *exec.Cmd {
	t.Helper()
	switch d.program {
	case "paho-python":
		return exec.Command(pahoPython(t), append([]string{"paho/agent.py"}, args...)...)
	case "mqttjs":
		needMQTTjs(t)
		return exec.Command("node", append([]string{"mqttjs/agent.js"}, args...)...)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), agentVariable+"=1")
	return cmd
}

// pahoPython finds a Python that has Paho: the system's, where a package
// installs it, may not be the first on the path.
func pahoPython(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import paho.mqtt.client").Run() == nil {
			return python
		}
	}
	absent(t, "python3-paho-mqtt")
	return ""
}

// needMQTTjs makes sure that MQTT.js is installed beside its program.
func needMQTTjs(t *testing.T) {
	t.Helper()
	need(t, "node")
	if _, err := os.Stat(filepath.Join("mqttjs", "node_modules", "mqtt")); err != nil {
		absent(t, `MQTT.js ("npm ci" in cmd/wicket/e2e/mqttjs)`)
	}
}

// library is a client library in an agent; a client that may be killed gets
// an agent of its own.
type library struct {
	t      *testing.T
	run    func(t *testing.T) *agent
	main   *agent
	told   bool  // hears the reason of a DISCONNECT; Paho Python 1.6 ignores one without properties
	opened *bool // the publisher's connection
}

// libraryListener is one connection of an agent.
type libraryListener struct {
	*agent
	t    *testing.T
	name string
	told bool
}

func (l library) with(t *testing.T) talker { l.t = t; return &l }

func (l *library) listen(s subscriber) listener {
	l.t.Helper()
	c := libraryListener{l.main, l.t, unique("c"), l.told}
	if s.will != nil {
		c.agent = l.run(l.t)
	}
	connect := command{Do: "connect", As: c.name, ID: s.id, Clean: !s.keep, Will: s.will}
	if s.keep {
		connect.Expiry = 60
	}
	c.tell(l.t, connect)
	if e := c.hear(l.t, c.name, "connected"); e.Present != s.resume {
		l.t.Fatalf("session present is %t, want %t", e.Present, s.resume)
	}
	if !s.resume {
		c.tell(l.t, command{Do: "subscribe", As: c.name, Filter: s.filter, message: message{QoS: s.qos}})
		c.hear(l.t, c.name, "subscribed")
	}
	return c
}

func (l *library) publish(m message) {
	l.t.Helper()
	if !*l.opened {
		*l.opened = true
		l.main.tell(l.t, command{Do: "connect", As: "publisher", ID: unique("pub"), Clean: true})
		l.main.hear(l.t, "publisher", "connected")
	}
	l.main.tell(l.t, command{Do: "publish", As: "publisher", message: m})
	l.main.hear(l.t, "publisher", "published")
}

func (c libraryListener) expect(want message) {
	c.t.Helper()
	if got := c.hear(c.t, c.name, "message").message; got != want {
		c.t.Fatalf("got %+v, want %+v", got, want)
	}
}

func (c libraryListener) gone(code int) {
	c.t.Helper()
	if e := c.hear(c.t, c.name, "closed"); c.told && e.Code != code {
		c.t.Fatalf("closed with reason %#x, want %#x", e.Code, code)
	}
}

func (c libraryListener) leave() {
	c.t.Helper()
	c.tell(c.t, command{Do: "disconnect", As: c.name})
	c.hear(c.t, c.name, "closed")
}

func (c libraryListener) kill() { _ = c.cmd.Process.Kill() }

// mosquitto is mosquitto_sub and mosquitto_pub, a process for each client.
type mosquitto struct {
	t       *testing.T
	version string
	where   []string // flags: host, port, TLS
}

// mosquittoFlag spells protocol versions as -V does.
var mosquittoFlag = map[string]string{"3.1": "mqttv31", "3.1.1": "mqttv311", "5.0": "mqttv5"}

func mosquittoArgs(host, port, cafile string) []string {
	args := []string{"-h", host, "-p", port}
	if cafile != "" {
		args = append(args, "--cafile", cafile)
	}
	return args
}

func (m mosquitto) with(t *testing.T) talker { m.t = t; return &m }

func (m *mosquitto) args(more ...string) []string {
	return append(append([]string{"-V", mosquittoFlag[m.version]}, m.where...), more...)
}

func (m *mosquitto) publish(msg message) {
	m.t.Helper()
	args := m.args("-i", unique("pub"), "-t", msg.Topic, "-q", fmt.Sprint(msg.QoS))
	if msg.Payload == "" {
		args = append(args, "-n")
	} else {
		args = append(args, "-m", msg.Payload)
	}
	if msg.Retain {
		args = append(args, "-r")
	}
	must(m.t, "", "mosquitto_pub", args...)
}

func (m *mosquitto) listen(s subscriber) listener {
	m.t.Helper()
	args := []string{"-i", s.id, "-t", s.filter, "-q", fmt.Sprint(s.qos)}
	if s.keep {
		args = append(args, "-c")
		if m.version == "5.0" {
			args = append(args, "-x", "60")
		}
	}
	if w := s.will; w != nil {
		args = append(args, "--will-topic", w.Topic, "--will-payload", w.Payload, "--will-qos", fmt.Sprint(w.QoS))
		if w.Retain {
			args = append(args, "--will-retain")
		}
		args = append(args, "-C", "1") // disconnect after one message
	}
	p := startSub(m.t, m.args(args...)...)
	p.hear("received SUBACK")
	p.leaveBy = func() { m.publish(message{Topic: s.filter, Payload: "goodbye"}) }
	return p
}

// sub is a running mosquitto_sub.
type sub struct {
	t        *testing.T
	cmd      *exec.Cmd
	messages chan string // lines of format
	debug    chan string // what -d says
	ended    chan struct{}
	leaveBy  func() // for one that has a will
}

// format is how a message is printed, for %q the QoS, %r the retain flag.
const format = "> %q %r %t %p"

// startSub runs mosquitto_sub until the end of the test.
func startSub(t *testing.T, args ...string) *sub {
	t.Helper()
	need(t, "mosquitto_sub")
	need(t, "stdbuf")
	s := &sub{t: t, cmd: exec.Command("stdbuf", append(append([]string{"-oL", "mosquitto_sub"}, args...), "-d", "-F", format)...),
		messages: make(chan string, 100), debug: make(chan string, 1000), ended: make(chan struct{})}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stderr = s.cmd.Stdout
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go s.read(stdout)
	t.Cleanup(s.kill)
	return s
}

func (s *sub) read(stdout io.Reader) {
	defer close(s.ended)
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "> "); ok {
			s.messages <- text
		} else {
			s.debug <- lines.Text()
		}
	}
	_ = s.cmd.Wait()
}

// hear waits for a line of -d that contains the text.
func (s *sub) hear(text string) {
	s.t.Helper()
	var heard []string
	timeout := time.After(patience)
	for {
		select {
		case line := <-s.debug:
			if heard = append(heard, line); strings.Contains(line, text) {
				return
			}
		case <-timeout:
			s.t.Fatalf("mosquitto_sub did not say %q but:\n%s", text, strings.Join(heard, "\n"))
		}
	}
}

func (s *sub) expect(want message) {
	s.t.Helper()
	retain := 0
	if want.Retain {
		retain = 1
	}
	line := fmt.Sprintf("%d %d %s %s", want.QoS, retain, want.Topic, want.Payload)
	select {
	case got := <-s.messages:
		if got != line {
			s.t.Fatalf("got %q, want %q", got, line)
		}
	case <-time.After(patience):
		s.t.Fatalf("did not get %q", line)
	}
}

// gone waits for the DISCONNECT of 5.0. Older versions have none, and
// mosquitto_sub shows a lost connection only by taking the identifier back a
// second later: it is stopped before, and the libraries look.
func (s *sub) gone(code int) {
	s.t.Helper()
	if slices.Contains(s.cmd.Args, "mqttv5") {
		s.hear(fmt.Sprintf("Received DISCONNECT (%d)", code))
	}
	s.kill()
}

// leave disconnects in order where it makes a difference. mosquitto_sub cannot
// be told to by a signal: its handler takes locks that the program may hold.
func (s *sub) leave() {
	s.t.Helper()
	if !slices.Contains(s.cmd.Args, "--will-topic") {
		s.kill()
		return
	}
	s.leaveBy()
	select {
	case <-s.ended:
	case <-time.After(patience):
		s.t.Fatal("mosquitto_sub did not end")
	}
}

func (s *sub) kill() {
	_ = s.cmd.Process.Kill()
	<-s.ended
}

var counter atomic.Int64

// unique makes a name that no other test uses, short enough for MQTT 3.1.
func unique(prefix string) string { return fmt.Sprintf("%s-%d", prefix, counter.Add(1)) }
