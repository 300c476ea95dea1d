package signer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// serve is the argument by which the test binary is the process.
const serve = "serve-signatures"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == serve {
		fmt.Fprintln(os.Stderr, Serve())
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// crowd is a signer for whom there is a crowd when a test says so.
type crowd struct {
	*Signer
	on atomic.Bool
}

func newCrowd(t testing.TB, lines int, log io.Writer) *crowd {
	t.Helper()
	c := &crowd{}
	c.Signer = New(Options{Arguments: []string{serve}, Lines: lines, Crowded: c.on.Load, Log: slog.New(slog.NewTextHandler(log, nil))})
	c.on.Store(true)
	t.Cleanup(c.Close)
	return c
}

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// sign makes one signature and verifies it.
func sign(t testing.TB, k crypto.Signer) {
	t.Helper()
	digest := sha256.Sum256([]byte("hello"))
	signature, err := k.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err == nil {
		err = rsa.VerifyPKCS1v15(k.Public().(*rsa.PublicKey), crypto.SHA256, digest[:], signature)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// eventually makes signatures until something is so.
func eventually(t testing.TB, k crypto.Signer, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
		sign(t, k)
	}
}

func TestAlone(t *testing.T) {
	c := newCrowd(t, 1, io.Discard)
	c.on.Store(false)
	k := c.Key(rsaKey())
	for range 2 * flood {
		sign(t, k)
	}
	if got := c.Stats(); got.Starts != 0 || got.InPlace != 2*flood || got.Apart != 0 {
		t.Errorf("without a crowd: %+v", got)
	}
}

func TestOtherKeys(t *testing.T) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if newCrowd(t, 1, io.Discard).Key(k) != crypto.Signer(k) {
		t.Error("a key for ECDSA is wrapped")
	}
}

func TestNoArguments(t *testing.T) {
	s := New(Options{Crowded: func() bool { return true }})
	defer s.Close()
	k := s.Key(rsaKey())
	for range 2 * flood {
		sign(t, k)
	}
	if got := s.Stats(); got.Starts != 0 || got.InPlace != 2*flood {
		t.Errorf("%+v", got)
	}
}

// Signatures of the process are those that crypto/rsa makes, for all that
// crypto/tls asks for.
func TestSchemes(t *testing.T) {
	c := newCrowd(t, 1, io.Discard)
	c.timing.patience = time.Minute
	k := c.Key(rsaKey())
	eventually(t, k, "a process", func() bool { return c.Stats().Running })
	for _, r := range requests() {
		if r.salt > 1000 {
			continue
		}
		before := c.Stats().Apart
		signature, err := k.Sign(rand.Reader, r.digest, r.options())
		if err == nil && r.scheme == pss {
			err = rsa.VerifyPSS(&rsaKey().PublicKey, r.hash, r.digest, signature, r.options().(*rsa.PSSOptions))
		} else if err == nil {
			err = rsa.VerifyPKCS1v15(&rsaKey().PublicKey, r.hash, r.digest, signature)
		}
		if err != nil || c.Stats().Apart != before+1 {
			t.Errorf("%v: %v, %+v", r.options(), err, c.Stats())
		}
	}
	before := c.Stats()
	if _, err := k.Sign(rand.Reader, make([]byte, 28), crypto.SHA224); err != nil || c.Stats().InPlace != before.InPlace+1 {
		t.Errorf("a hash that TLS has not: %v", err)
	}
}

// child returns the id of a signer's process.
func (c *crowd) child(t testing.TB) int {
	t.Helper()
	i := c.process.running.Load()
	if i == nil {
		t.Fatal("there is no process")
	}
	return i.pid
}

func kill(t testing.TB, pid int, s unix.Signal) {
	t.Helper()
	if err := unix.Kill(pid, s); err != nil {
		t.Fatal(err)
	}
}

// A process that stands still costs a bounded time, and is asked again when it
// goes on.
func TestOverdue(t *testing.T) {
	c := newCrowd(t, 2, io.Discard)
	c.timing.rest = 0
	k := c.Key(rsaKey())
	eventually(t, k, "a signature of the process", func() bool { return c.Stats().Apart > 0 })
	kill(t, c.child(t), unix.SIGSTOP)
	eventually(t, k, "both lines are owed a reply", func() bool { // a line that is not is asked
		before := c.Stats()
		sign(t, k)
		after := c.Stats()
		return after.Overdue == before.Overdue && after.Apart == before.Apart
	})
	before := c.Stats()
	for range 10 {
		sign(t, k)
	}
	if after := c.Stats(); after.Overdue != before.Overdue || after.InPlace != before.InPlace+10 {
		t.Errorf("asked although it owes replies: %+v, then %+v", before, after)
	}
	kill(t, c.child(t), unix.SIGCONT)
	eventually(t, k, "it is asked again", func() bool { return c.Stats().Apart > before.Apart })
	if s := c.Stats(); s.Starts != 1 {
		t.Errorf("%+v", s)
	}
}

// After two overdue replies in a row nobody asks for a while.
func TestRest(t *testing.T) {
	c := newCrowd(t, 2, io.Discard)
	c.timing.rest = time.Hour
	k := c.Key(rsaKey())
	eventually(t, k, "a process", func() bool { return c.Stats().Running })
	kill(t, c.child(t), unix.SIGSTOP)
	eventually(t, k, "two replies are overdue", func() bool { return c.Stats().Overdue > 1 })
	kill(t, c.child(t), unix.SIGCONT)
	before := c.Stats()
	for range 5 {
		sign(t, k)
	}
	if after := c.Stats(); after.Overdue != 2 || after.Apart != before.Apart {
		t.Errorf("%+v, then %+v", before, after)
	}
}

// A process that is killed while it is asked costs no signature, is said once,
// and is replaced after a pause.
func TestKilled(t *testing.T) {
	var said lines
	c := newCrowd(t, 2, &said)
	c.timing = timing{patience: time.Minute, pause: time.Millisecond}
	k := c.Key(rsaKey())
	eventually(t, k, "a process", func() bool { return c.Stats().Running })
	pid := c.child(t)
	kill(t, pid, unix.SIGSTOP)
	waiting := make(chan struct{})
	go func() {
		defer close(waiting)
		sign(t, k) // it is asked, and will not answer
	}()
	for len(c.process.running.Load().free) == 2 {
		time.Sleep(time.Millisecond)
	}
	kill(t, pid, unix.SIGKILL)
	<-waiting
	eventually(t, k, "another process", func() bool { s := c.Stats(); return s.Running && s.Starts == 2 })
	before := c.Stats()
	eventually(t, k, "it signs", func() bool { return c.Stats().Apart > before.Apart })
	if n := said.count("signal: killed"); n != 1 {
		t.Errorf("said %d times:\n%s", n, said.String())
	}
	if before.CPU == 0 || c.Stats().CPU < before.CPU {
		t.Errorf("processor time %v, then %v", before.CPU, c.Stats().CPU)
	}
}

// What cannot be started is said once, tried again after a pause, and costs no
// signature.
func TestCannotStart(t *testing.T) {
	var said lines
	c := newCrowd(t, 1, &said)
	c.options.Arguments = []string{"-test.run=^$"} // an end without a word
	c.timing.pause = time.Millisecond
	k := c.Key(rsaKey())
	eventually(t, k, "three starts", func() bool { return c.Stats().Starts >= 3 })
	if n := said.count("level="); n != 1 || said.count("signer.enable: false") != 1 {
		t.Errorf("said %d times:\n%s", n, said.String())
	}
	if c.Stats().Apart != 0 {
		t.Errorf("%+v", c.Stats())
	}
}

// After a failure there is a pause.
func TestPause(t *testing.T) {
	c := newCrowd(t, 1, io.Discard)
	c.options.Arguments = []string{"-test.run=^$"}
	c.timing.pause = time.Hour
	k := c.Key(rsaKey())
	eventually(t, k, "a start has failed", func() bool {
		c.process.mu.Lock()
		defer c.process.mu.Unlock()
		return c.process.silent
	})
	for range 3 * flood {
		sign(t, k)
	}
	if s := c.Stats(); s.Starts != 1 {
		t.Errorf("%+v", s)
	}
}

// A key that the process cannot use is not asked for again; others are.
func TestRefusedKey(t *testing.T) {
	var said lines
	c := newCrowd(t, 1, &said)
	c.timing.patience = time.Minute
	good, bad := c.Key(rsaKey()), c.Key(rsaKey()).(*Key)
	bad.name[0]++ // which the process notices
	eventually(t, good, "a process", func() bool { return c.Stats().Running })
	before := c.Stats()
	for range 5 {
		sign(t, bad)
	}
	sign(t, good)
	if s := c.Stats(); s.Apart != before.Apart+1 || s.InPlace != before.InPlace+5 {
		t.Errorf("%+v, then %+v", before, s)
	}
	if n := said.count("the key cannot be parsed"); n != 1 {
		t.Errorf("said %d times:\n%s", n, said.String())
	}
}

// Many goroutines ask at once, of fewer lines.
func TestAtOnce(t *testing.T) {
	c := newCrowd(t, 2, io.Discard)
	keys := []crypto.Signer{c.Key(rsaKey()), c.Key(rsaKey())}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 40 {
				sign(t, keys[i%2])
			}
		})
	}
	all.Wait()
	if s := c.Stats(); s.Apart+s.InPlace != 320 || s.Starts != 1 {
		t.Errorf("%+v", s)
	}
}

// Close ends the process, while it is asked and while it starts, and leaves no
// descriptor.
func TestClose(t *testing.T) {
	sign(t, rsaKey())
	before := descriptors(t)
	for _, up := range []bool{false, true} {
		c := newCrowd(t, 3, io.Discard)
		k := c.Key(rsaKey())
		eventually(t, k, "a start", func() bool { s := c.Stats(); return s.Starts > 0 && (s.Running || !up) })
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 10 {
					sign(t, k)
				}
			})
		}
		c.Close()
		all.Wait()
		c.Close() // twice is once
		for range 2 * flood {
			sign(t, k)
		}
		if s := c.Stats(); s.Running || s.Starts != 1 {
			t.Errorf("after Close: %+v", s)
		}
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func descriptors(t testing.TB) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// The process has nothing but its sockets, tells nobody anything, disturbs
// nobody, and ends with the broker, not by the signals that reach both.
func TestConfinement(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("what is under /proc of a process that cannot be dumped is for root")
	}
	inherited, err := unix.Open("/etc/hostname", unix.O_RDONLY, 0) // as from who has started the broker
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(inherited)
	c := newCrowd(t, 2, io.Discard)
	k := c.Key(rsaKey())
	eventually(t, k, "a signature of the process", func() bool { return c.Stats().Apart > 0 })
	in := fmt.Sprintf("/proc/%d/", c.child(t))
	if b, err := os.ReadFile(in + "environ"); err != nil || len(b) != 0 {
		t.Errorf("environment %q, %v", b, err)
	}
	if b, err := os.ReadFile(in + "cmdline"); err != nil || string(b) != "wicket\x00"+serve+"\x00" {
		t.Errorf("command line %q, %v", b, err)
	}
	if b, err := os.ReadFile(in + "comm"); err != nil || string(b) != "wicket-sign\n" {
		t.Errorf("name %q, %v", b, err)
	}
	if b, err := os.ReadFile(in + "limits"); err != nil || !regexp.MustCompile(`(?m)^Max core file size +0 +0 `).Match(b) {
		t.Errorf("limits %s, %v", b, err)
	}
	var kinds []string
	all, err := os.ReadDir(in + "fd")
	for _, fd := range all {
		to, linkErr := os.Readlink(in + "fd/" + fd.Name())
		err = errors.Join(err, linkErr)
		kind, _, _ := strings.Cut(to, ":[")
		if kind != "anon_inode" && !strings.HasPrefix(to, "/sys/fs/cgroup/") { // of the Go runtime
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	if got := strings.Join(kinds, " "); err != nil || got != "/dev/null /dev/null /dev/null socket socket" {
		t.Errorf("descriptors: %s, %v", got, err)
	}
	threads, err := os.ReadDir(in + "task")
	if err != nil || len(threads) == 0 {
		t.Fatal(err)
	}
	for _, thread := range threads {
		id, _ := strconv.Atoi(thread.Name())
		if a, err := unix.SchedGetAttr(id, 0); err != nil || a.Policy != unix.SCHED_IDLE {
			t.Errorf("thread %d: %+v, %v", id, a, err)
		}
	}
	for _, s := range []unix.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2} {
		kill(t, c.child(t), s)
	}
	before := c.Stats()
	eventually(t, k, "it signs after signals", func() bool { return c.Stats().Apart > before.Apart+5 })
	if s := c.Stats(); s.Starts != 1 {
		t.Errorf("%+v", s)
	}
}

// Serve is of no use for a person.
func TestServeAlone(t *testing.T) {
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(me, serve).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "part of wicket run") {
		t.Errorf("%v: %s", err, out)
	}
}

// Handshakes of all versions, and the suites that decrypt instead of signing.
func TestHandshakes(t *testing.T) {
	c := newCrowd(t, 1, io.Discard)
	c.timing.patience = time.Minute
	k := c.Key(rsaKey())
	eventually(t, k, "a process", func() bool { return c.Stats().Running })
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	for _, v := range []struct {
		version uint16
		suite   uint16
		apart   uint64
	}{
		{tls.VersionTLS13, 0, 1}, {tls.VersionTLS12, 0, 1}, {tls.VersionTLS11, 0, 1}, {tls.VersionTLS10, 0, 1},
		{tls.VersionTLS12, tls.TLS_RSA_WITH_AES_128_GCM_SHA256, 0},
	} {
		config := &tls.Config{
			Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: k}},
			MinVersion:   v.version, MaxVersion: v.version, RootCAs: roots, ServerName: "localhost",
		}
		if v.suite != 0 {
			config.CipherSuites = []uint16{v.suite}
		}
		before := c.Stats().Apart
		a, b := net.Pipe()
		done := make(chan error, 1)
		go func() { done <- tls.Server(a, config).Handshake() }()
		err := tls.Client(b, config).Handshake()
		if err = errors.Join(err, <-done); err != nil || c.Stats().Apart != before+v.apart {
			t.Errorf("%s, suite %x: %v, %d signatures", tls.VersionName(v.version), v.suite, err, c.Stats().Apart-before)
		}
	}
}

// lines is a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) count(what string) int { return strings.Count(l.String(), what) }
