//go:build soak

package e2e

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// D2: CONNECTs that wait for a slow HTTP server, and what becomes of a throng when
// the server is not there for a while. Clients and server are processes of their
// own: this binary, with crowdVariable set.

const crowdVariable = "E2E_CROWD"

func init() {
	if role := os.Getenv(crowdVariable); role != "" {
		crowdRole(role)
		os.Exit(0)
	}
}

// crowdRole carries out commands from standard input, a line each, and answers
// each with a line.
func crowdRole(role string) {
	var command func(string) any
	if role == "server" {
		command = serveSlowly(os.Args[1], os.Args[2])
	} else {
		n, _ := strconv.Atoi(role)
		command = (&throng{addr: os.Args[1], from: os.Args[2], n: n}).command
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		answer, _ := json.Marshal(command(in.Text()))
		fmt.Println(string(answer))
	}
}

// helper is a process in such a role.
type helper struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func newHelper(t *testing.T, role string, args ...string) *helper {
	t.Helper()
	h := &helper{t: t, cmd: exec.Command(os.Args[0], args...)}
	h.cmd.Env = append(os.Environ(), crowdVariable+"="+role)
	h.cmd.Stderr = os.Stderr
	h.in, _ = h.cmd.StdinPipe()
	out, _ := h.cmd.StdoutPipe()
	h.out = bufio.NewReader(out)
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.cmd.Process.Signal(syscall.SIGCONT); h.in.Close(); _ = h.cmd.Wait() })
	return h
}

func (h *helper) says(command string) { fmt.Fprintln(h.in, command) }

func (h *helper) hears(answer any) {
	h.t.Helper()
	line, err := h.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, answer)
	}
	if err != nil {
		h.t.Fatalf("a helper said %q: %v", line, err)
	}
}

// served is what the server knows.
type served struct {
	URL           string
	Total, Most   int64 // requests, and how many at one time
	Since         int64 // Most since the last question
	WithoutAnswer int64 // requests that nobody waited for any more
}

// serveSlowly is an HTTPS server that takes two seconds for each answer.
func serveSlowly(cert, key string) func(string) any {
	var s struct{ total, active, most, since, gone atomic.Int64 }
	var delay atomic.Int64
	delay.Store(int64(2 * time.Second))
	raise := func(m *atomic.Int64, n int64) {
		for old := m.Load(); n > old && !m.CompareAndSwap(old, n); old = m.Load() {
		}
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		panic(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		s.total.Add(1)
		n := s.active.Add(1)
		defer s.active.Add(-1)
		raise(&s.most, n)
		raise(&s.since, n)
		select {
		case <-time.After(time.Duration(delay.Load())):
		case <-r.Context().Done():
			s.gone.Add(1)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"result":"allow","acl":[{"permission":"allow","action":"all","topic":"#"}]}`)
	}))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	return func(line string) any {
		if line == "fast" {
			delay.Store(0)
		}
		return served{URL: server.URL, Total: s.total.Load(), Most: s.most.Load(), Since: s.since.Swap(0), WithoutAnswer: s.gone.Load()}
	}
}

// throng are clients in one process.
type throng struct {
	addr, from string // of the broker; the first three bytes of their own addresses
	n          int
	conns      []net.Conn
	in         atomic.Int64
	tries      atomic.Int64
	stop       chan struct{}
	running    sync.WaitGroup
}

// outcome is what came of a command.
type crowdOutcome struct {
	OK, Refused, Wrong, Broken int
	Tries                      int64
	First, Last                time.Duration // until an answer
	Error                      string
}

func (c *throng) command(line string) any {
	switch line {
	case "open":
		return c.open()
	case "connect":
		return c.connect()
	case "come": // again and again, until they are let in
		c.stop = make(chan struct{})
		for i := range c.n {
			c.running.Go(func() { c.comeAgain(i) })
		}
	case "in":
		return crowdOutcome{OK: int(c.in.Load()), Tries: c.tries.Load()}
	case "go":
		for _, conn := range c.conns {
			conn.Close()
		}
		c.conns = nil
		if c.stop != nil {
			close(c.stop)
			c.running.Wait()
		}
	}
	return crowdOutcome{}
}

func (c *throng) dial(i int) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(fmt.Sprintf("%s.%d", c.from, 1+i%200))}, Timeout: time.Minute}
	return d.DialContext(context.Background(), "tcp", c.addr)
}

func (c *throng) open() (out crowdOutcome) {
	for i := range c.n {
		conn, err := c.dial(i)
		if err != nil {
			out.Broken++
			out.Error = err.Error()
			continue
		}
		c.conns = append(c.conns, conn)
	}
	out.OK = len(c.conns)
	return out
}

// connect has all say CONNECT, SUBSCRIBE and PINGREQ at once, and waits for the
// answers, which have to come in that order.
func (c *throng) connect() (out crowdOutcome) {
	var mu sync.Mutex
	var all sync.WaitGroup
	begin := time.Now()
	for i, conn := range c.conns {
		all.Go(func() {
			p := mqtt.Connect{Version: mqtt.V311, CleanStart: true, ClientID: fmt.Appendf(nil, "%s-%d", c.from, i), HasUsername: true,
				Username: fmt.Appendf(nil, "user-%d", i), HasPassword: true, Password: []byte("a password of some length")}
			b := p.Append(nil, mqtt.V311)
			s := mqtt.Subscribe{PacketID: 1, Filters: []mqtt.Subscription{{Filter: []byte("a/b")}}}
			b = append(s.Append(b, mqtt.V311), 0xc0, 0)
			_, err := conn.Write(b)
			got := make([]byte, 4)
			if err == nil {
				_ = conn.SetReadDeadline(time.Now().Add(3 * time.Minute))
				_, err = io.ReadFull(conn, got)
			}
			took := time.Since(begin)
			rest := make([]byte, 7)
			if err == nil && got[3] == 0 {
				_, err = io.ReadFull(conn, rest)
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				out.Broken++
				out.Error = err.Error()
			case got[3] != 0:
				out.Refused++
			case string(got) != "\x20\x02\x00\x00" || string(rest) != "\x90\x03\x00\x01\x00\xd0\x00":
				out.Wrong++
				out.Error = fmt.Sprintf("% x % x", got, rest)
			default:
				out.OK++
			}
			if out.First == 0 {
				out.First = took
			}
			out.Last = took
		})
	}
	all.Wait()
	return out
}

// comeAgain is a client that tries until it is let in, and stays then.
func (c *throng) comeAgain(i int) {
	for {
		conn, err := c.dial(i)
		if err == nil {
			c.tries.Add(1)
			p := mqtt.Connect{Version: mqtt.V311, CleanStart: true, ClientID: fmt.Appendf(nil, "%s-%d", c.from, i), HasUsername: true,
				Username: []byte("user"), HasPassword: true, Password: []byte("password")}
			_, _ = conn.Write(p.Append(nil, mqtt.V311))
			got := make([]byte, 4)
			_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
			if _, err = io.ReadFull(conn, got); err == nil && got[3] == 0 {
				c.in.Add(1)
				<-c.stop
				conn.Close()
				return
			}
			_ = conn.(*net.TCPConn).SetLinger(0) // ports are few
			conn.Close()
		}
		select {
		case <-time.After(time.Second + rand.N(2*time.Second)):
		case <-c.stop:
			return
		}
	}
}

// resident is the memory of a process in bytes.
func resident(t *testing.T, pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return kb << 10
}

// highest samples the memory of a process until stop.
func highest(t *testing.T, pid int) (stop func() int64) {
	most := int64(0)
	halt := sampled(func() { most = max(most, resident(t, pid)) })
	return func() int64 { halt(); return most }
}

// sampled calls f ten times a second until stop, and once more then.
func sampled(f func()) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for more := true; more; {
			select {
			case <-done:
				more = false
			case <-time.After(100 * time.Millisecond):
			}
			f()
		}
	}()
	return func() { close(done); <-ended }
}

func mb(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/(1<<20)) }

const crowds = 4 // processes

func soakNumber(name string, otherwise int) int {
	n, _ := strconv.Atoi(os.Getenv(name))
	return cmp.Or(n, otherwise)
}

// waitingRoom starts a broker, its slow server and the crowds.
func waitingRoom(t *testing.T, clients int, timeout string) (p *process, server *helper, guests []*helper) {
	t.Helper()
	dir := t.TempDir()
	m := newMint(t, dir, "ca")
	m.leaf("server", "localhost")
	server = newHelper(t, "server", filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key"))
	server.says("")
	var s served
	server.hears(&s)
	port := s.URL[strings.LastIndexByte(s.URL, ':')+1:]
	p = run(t, dir, fmt.Sprintf(`data_dir: data
listeners: { tcp: { default: { bind: "127.0.0.1:0" } } }
mqtt: { idle_timeout: 10m }
upstreams:
  auth: { url: "https://localhost:%s", request_timeout: %s, tls: { cacertfile: ca.pem } }
plugins:
  http: { file: "builtin:http", upstreams: [auth], timeout: %[2]s, max_pending: 25000, cpu_slice: 2s, config: { %s } }
auth: { chain: [http] }
`, port, timeout, loginYAML))
	for i := range crowds {
		guests = append(guests, newHelper(t, strconv.Itoa(clients/crowds), p.addr("tcp:default"), fmt.Sprintf("127.0.%d", i+1)))
	}
	return p, server, guests
}

// sessionsAtRest is the memory of a broker with that many sessions that came one
// after the other, at a server that answers at once.
func sessionsAtRest(t *testing.T, clients int) int64 {
	t.Helper()
	p, server, guests := waitingRoom(t, clients, "2m")
	server.says("fast")
	server.hears(new(served))
	for _, g := range guests {
		for _, command := range []string{"open", "connect"} {
			if o := everybody([]*helper{g}, command); o.OK != clients/crowds {
				t.Fatalf("%s: %+v", command, o)
			}
		}
	}
	time.Sleep(3 * time.Second)
	idle := resident(t, p.cmd.Process.Pid)
	everybody(guests, "go")
	p.end()
	return idle
}

// everybody gives a command to all and adds up what they say.
func everybody(guests []*helper, command string) (sum crowdOutcome) {
	for _, g := range guests {
		g.says(command)
	}
	for i, g := range guests {
		var o crowdOutcome
		g.hears(&o)
		sum.OK, sum.Refused, sum.Wrong, sum.Broken, sum.Tries = sum.OK+o.OK, sum.Refused+o.Refused, sum.Wrong+o.Wrong, sum.Broken+o.Broken, sum.Tries+o.Tries
		sum.Last, sum.Error = max(sum.Last, o.Last), cmp.Or(o.Error, sum.Error)
		if sum.First = min(sum.First, o.First); i == 0 {
			sum.First = o.First
		}
	}
	return sum
}

// complaints are the lines of the log that say more than all is well.
func (p *process) complaints() (out []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.logs {
		if slices.Contains([]string{"WARN", "ERROR", "RAW"}, strings.ToUpper(l.text("level"))) {
			text, _ := json.Marshal(l)
			out = append(out, string(text))
		}
	}
	return out
}

// TestSoakWaiting: as many CONNECTs in flight as one broker has descriptors for,
// at a server that takes two seconds for each. What they take is more than what the
// same clients take at rest: connections that have sent nothing in place of those
// that wait, sessions of which none has ever waited in place of those that are in.
func TestSoakWaiting(t *testing.T) {
	clients := soakNumber("SOAK_CLIENTS", 19_000) / crowds * crowds
	sessions := sessionsAtRest(t, clients)
	p, server, guests := waitingRoom(t, clients, "2m")
	pid := p.cmd.Process.Pid
	alone := resident(t, pid)
	if o := everybody(guests, "open"); o.OK != clients {
		t.Fatalf("%+v", o)
	}
	time.Sleep(3 * time.Second) // for the broker to come to rest
	opened := resident(t, pid)
	var excess, full int64
	var by [4]int64 // most memory, by the quarter of the requests that the server has got
	var s served
	stop := sampled(func() {
		now := resident(t, pid)
		server.says("")
		server.hears(&s)
		in := max(s.Total-s.Most, 0) // at least
		if in == 0 {
			full = max(full, now)
		}
		excess = max(excess, now-opened-(sessions-opened)*in/int64(clients))
		quarter := min(int(s.Total)*len(by)/clients, len(by)-1)
		by[quarter] = max(by[quarter], now)
	})
	o := everybody(guests, "connect")
	stop()
	t.Logf("%d CONNECTs at once, answered after %.1f to %.1f s; the server had %d at one time", clients, o.First.Seconds(), o.Last.Seconds(), s.Most)
	t.Logf("memory of the broker at rest: alone %s, with the connections %s, with sessions in their place %s", mb(alone), mb(opened), mb(sessions))
	t.Logf("at most while all wait %s, and by quarters of the CONNECTs %s, %s, %s, %s; that is %s more than at rest, while all wait %s more than the connections",
		mb(full), mb(by[0]), mb(by[1]), mb(by[2]), mb(by[3]), mb(excess), mb(full-opened))
	if o.OK != clients {
		t.Errorf("%+v; the log ends with %.2000s", o, p.transcript()[max(0, len(p.transcript())-2000):])
	}
	if s.Total != int64(clients) || s.WithoutAnswer != 0 {
		t.Errorf("the server: %+v", s)
	}
	if excess > 64<<20 { // while all wait that is what they take beyond their connections
		t.Errorf("%s more than at rest; 64 MB is the limit", mb(excess))
	}
	if c := p.complaints(); len(c) > 0 {
		t.Errorf("%d complaints, such as %s", len(c), c[0])
	}
	everybody(guests, "go")
}

// TestSoakBlackHole: the server stops answering for a while, as one whose host
// has vanished, and 15,000 clients come again and again. SOAK_HOLE=60
// makes it a minute.
func TestSoakBlackHole(t *testing.T) {
	clients := soakNumber("SOAK_CLIENTS", 15_000) / crowds * crowds
	hole := time.Duration(soakNumber("SOAK_HOLE", 20)) * time.Second
	p, server, guests := waitingRoom(t, clients, "5s")
	pid := p.cmd.Process.Pid
	rest := resident(t, pid)
	if err := server.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	stop := highest(t, pid)
	everybody(guests, "come")
	time.Sleep(hole)
	during := stop()
	before := everybody(guests, "in")
	if before.OK != 0 {
		t.Errorf("%d are in without an answer", before.OK)
	}
	stop = highest(t, pid)
	back := time.Now()
	if err := server.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	var first time.Duration
	var in crowdOutcome
	for in.OK < clients && time.Since(back) < 5*time.Minute {
		time.Sleep(200 * time.Millisecond)
		if in = everybody(guests, "in"); in.OK > 0 && first == 0 {
			first = time.Since(back)
		}
	}
	took, after := time.Since(back), stop()
	server.says("")
	var s served
	server.hears(&s)
	t.Logf("%d clients, %v without a server: %d attempts, memory from %s to %s", clients, hole, before.Tries, mb(rest), mb(during))
	t.Logf("back: the first one is in after %.1f s, the last after %.1f s, %.1f attempts each; memory at most %s; the server had %d at one time, %d in all, %d for nobody",
		first.Seconds(), took.Seconds(), float64(in.Tries-before.Tries)/float64(clients), mb(after), s.Most, s.Total, s.WithoutAnswer)
	if in.OK != clients {
		t.Errorf("%d of %d are in", in.OK, clients)
	}
	if first > 15*time.Second {
		t.Errorf("nobody is let in for %v", first)
	}
	if s.Most > 1000 { // a few that were given up while it was away are in it
		t.Errorf("the server got %d requests at one time; 8 connections with 100 each are all there may be", s.Most)
	}
	if during-rest > 256<<20 || after-rest > 256<<20 {
		t.Errorf("memory: %s, then %s", mb(during), mb(after))
	}
	everybody(guests, "go")
}
