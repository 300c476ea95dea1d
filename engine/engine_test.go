package engine_test

import (
	"bytes"
	"context"
	"crypto/pbkdf2"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wicketmq/wicket/engine"
	"github.com/wicketmq/wicket/engine/config"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/wasm/wasmtest"
)

// The brokers of all tests share a data directory, so that plugins are compiled
// once. The goroutines of gnet's global worker pool start with the program.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "wicket-engine")
	if err != nil {
		panic(err)
	}
	engine.TestData = dir
	if cache := wasmtest.Cache(); cache != "" {
		if err := os.Symlink(cache, filepath.Join(dir, "cache")); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m,
		goleak.Cleanup(func(code int) { os.RemoveAll(dir); os.Exit(code) }),
		goleak.IgnoreTopFunction("github.com/panjf2000/ants/v2.(*poolCommon).purgeStaleWorkers"),
		goleak.IgnoreTopFunction("github.com/panjf2000/ants/v2.(*poolCommon).ticktock"))
}

// site is a directory with the files of a broker.
type site struct {
	t   *testing.T
	dir string
	log bytes.Buffer
	mu  sync.Mutex // guards log
}

func (s *site) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(b)
}

// standard listens on both transports and asks two plugins, which may take
// their time: a guest's slice is time on the clock, and the machine may be busy.
const standard = `
loops: 2
listeners:
  tcp: { default: { bind: "127.0.0.1:0" } }
  tls: { default: { bind: "127.0.0.1:0" } }
plugins:
  first:  { file: "builtin:password", cpu_slice: 20s, timeout: 30s, config: { users_file: first } }
  second: { file: "builtin:password", cpu_slice: 20s, timeout: 30s, config: { users_file: second } }
auth: { chain: [first, second], anonymous: allow }
shutdown: { grace: 2s }
`

func newSite(t *testing.T) *site {
	s := &site{t: t, dir: t.TempDir()}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log:\n%s", s.log.Bytes())
		}
	})
	s.write("first", "alice:"+hash("right")+"\n")
	s.write("second", "")
	return s
}

// hash is one that costs next to nothing.
func hash(password string) string {
	salt := []byte("0123456789ab")
	key, err := pbkdf2.Key(sha512.New, password, salt, 101, 64)
	if err != nil {
		panic(err)
	}
	return "$7$101$" + base64.StdEncoding.EncodeToString(salt) + "$" + base64.StdEncoding.EncodeToString(key)
}

func (s *site) write(name, content string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// load is the configuration of a text.
func (s *site) load(text string) *config.Config {
	s.t.Helper()
	s.write("wicket.yaml", text+"\ndata_dir: "+engine.TestData+"\n")
	cfg, _, err := config.Load(config.Sources{Files: []string{filepath.Join(s.dir, "wicket.yaml")}})
	if err != nil {
		s.t.Fatal(err)
	}
	return cfg
}

func (s *site) start(text string) *engine.Engine {
	s.t.Helper()
	e, err := engine.Start(engine.Options{Config: s.load(text), Log: slog.New(slog.NewTextHandler(s, nil))})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		select {
		case <-e.Done():
		default:
			_ = e.Stop(context.Background())
		}
	})
	return e
}

// admitted connects with a user's password, or without both, and reports
// whether that was let in. No verdict at all is an error (§3.2.2.3 of 3.1.1).
func admitted(bind, user, password string) (bool, error) {
	c, err := net.Dial("tcp", bind)
	if err != nil {
		return false, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Write(connect(user, password)); err != nil {
		return false, err
	}
	var connack [4]byte
	if _, err := io.ReadFull(c, connack[:]); err != nil {
		return false, err
	}
	switch code := connack[3]; code {
	case 0:
		return true, nil
	case 4, 5: // bad user name or password, not authorized
		return false, nil
	default:
		return false, fmt.Errorf("return code %d", code)
	}
}

func connect(user, password string) []byte {
	p := mqtt.Connect{
		Version: mqtt.V311, CleanStart: true, KeepAlive: 60,
		HasUsername: user != "", Username: []byte(user), HasPassword: user != "", Password: []byte(password),
	}
	return p.Append(nil, mqtt.V311)
}

// Clients that connect while plugins are swapped get the verdict that both
// configurations give.
func TestReloadUnderConnectingClients(t *testing.T) {
	s := newSite(t)
	e := s.start(standard)
	bind := e.Listeners()[0].Bind
	cases := []struct {
		user, password string
		in             bool
	}{{"", "", true}, {"alice", "right", true}, {"alice", "wrong", false}, {"mallory", "right", false}}
	done := make(chan struct{})
	var clients sync.WaitGroup
	for i := range 24 {
		clients.Go(func() {
			for c := cases[max(0, i-20)]; ; {
				select {
				case <-done:
					return
				default:
				}
				if in, err := admitted(bind, c.user, c.password); err != nil || in != c.in {
					t.Errorf("%q with %q: in is %t and %v, want %t", c.user, c.password, in, err, c.in)
					return
				}
			}
		})
	}
	for i := range 6 {
		s.write("first", fmt.Sprintf("# %d\nalice:%s\n", i, hash("right")))
		s.write("second", fmt.Sprintf("# %d\n", i))
		if err := e.Reload(s.load(standard)); err != nil {
			t.Error(err)
		}
	}
	close(done)
	clients.Wait()
}

// A reload that cannot be had changes nothing.
func TestReloadKeepsWhatWorks(t *testing.T) {
	s := newSite(t)
	e := s.start(standard)
	bind := e.Listeners()[0].Bind
	faults := map[string]func() string{
		"users file": func() string { s.write("first", "alice\n"); return standard },
		"module": func() string {
			s.write("other.wasm", "\x00asm\x01\x00\x00\x00")
			return strings.Replace(standard, "second: { file: \"builtin:password", "second: { file: \"other.wasm", 1)
		},
		"certificate": func() string {
			s.write("crt", "none")
			s.write("key", "none")
			return strings.Replace(standard, `tls: { default: { bind: "127.0.0.1:0"`,
				`tls: { default: { bind: "127.0.0.1:0", tls: { certfile: crt, keyfile: key }`, 1)
		},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			before := fault()
			if err := e.Reload(s.load(before)); err == nil {
				t.Fatal("the reload succeeded")
			}
			s.write("first", "alice:"+hash("right")+"\n")
			for password, want := range map[string]bool{"right": true, "wrong": false} {
				if in, err := admitted(bind, "alice", password); err != nil || in != want {
					t.Errorf("password %q: in is %t and %v, want %t", password, in, err, want)
				}
			}
		})
	}
	s.write("first", "alice:"+hash("new")+"\n")
	if err := e.Reload(s.load(standard)); err != nil {
		t.Fatal(err)
	}
	if in, err := admitted(bind, "alice", "new"); err != nil || !in {
		t.Errorf("the new password: in is %t and %v", in, err)
	}
}

// A start that fails leaves nothing behind, and names all that is wrong.
func TestFailedStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cases := map[string]struct {
		change func(s *site, text string) string
		names  []string
	}{
		"port": {func(_ *site, text string) string {
			return strings.Replace(text, "127.0.0.1:0", taken.Addr().String(), 1)
		}, []string{"tcp:default", taken.Addr().String()}},
		"users file and certificate": {func(s *site, text string) string {
			s.write("second", "bob\n")
			s.write("crt", "none")
			s.write("key", "none")
			return strings.Replace(text, `tls: { default: { bind: "127.0.0.1:0"`,
				`tls: { default: { bind: "127.0.0.1:0", tls: { certfile: crt, keyfile: key }`, 1)
		}, []string{"second", "tls:default"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			s := newSite(t)
			_, err := engine.Start(engine.Options{Config: s.load(c.change(s, standard)), Log: slog.New(slog.NewTextHandler(s, nil))})
			if err == nil {
				t.Fatal("it started")
			}
			for _, part := range c.names {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not name %s", err, part)
				}
			}
			goleak.VerifyNone(t, before)
		})
	}
}

// Stop does not wait longer than the grace for peers that take nothing, nor
// for a reload that is still letting go of old plugins.
func TestStopWithinGrace(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s := newSite(t)
	e := s.start(standard)
	deaf, err := net.Dial("tcp", e.Listeners()[0].Bind)
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	defer goleak.VerifyNone(t, before)
	flood(deaf)
	s.write("first", "# changed\n")
	if err := e.Reload(s.load(standard)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := e.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	if d := time.Since(began); d > 3*time.Second {
		t.Errorf("Stop took %s, the grace is 2s", d)
	}
	if err := e.Reload(s.load(standard)); err == nil {
		t.Error("a broker that has stopped was reloaded") // and would leave what it starts behind
	}
}

// flood makes a client send itself messages until nobody takes any more.
func flood(c net.Conn) {
	subscribe := mqtt.Subscribe{PacketID: 1, Filters: []mqtt.Subscription{{Filter: []byte("a"), QoS: 1}}}
	publish := mqtt.Publish{Topic: []byte("a"), QoS: 1, PacketID: 1, Payload: make([]byte, 100_000)}
	_, _ = c.Write(subscribe.Append(connect("alice", "right"), mqtt.V311))
	for range 100 {
		_ = c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := c.Write(publish.Append(nil, mqtt.V311)); err != nil {
			return
		}
	}
}
