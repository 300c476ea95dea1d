package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wicketmq/wicket/engine/alarm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// journal is a log that a test reads.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// serve answers for b on a socket of its own and returns a client.
func serve(t *testing.T, b Broker, change ...func(*Server)) (*Client, *journal) {
	t.Helper()
	var log journal
	socket := listen(t, filepath.Join(home(t), "control.sock"))
	s := &Server{log: slog.New(slog.NewTextHandler(&log, nil)), served: make(chan struct{}), allowed: ownerOrRoot}
	for _, f := range change {
		f(s)
	}
	s.start(socket, b)
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return NewClient(socket.Path()), &log
}

// full is a broker that can do everything.
func full() (Broker, *[]string) {
	var mu sync.Mutex
	var done []string
	do := func(what string) func(context.Context) error {
		return func(ctx context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			done = append(done, what)
			if _, ok := ctx.Deadline(); !ok {
				return errors.New("no deadline")
			}
			return nil
		}
	}
	return Broker{
		Status: func() Status {
			return Status{Version: "1", Listeners: []Listener{{Name: "tls:default"}}, Alarms: []alarm.Alarm{{Name: "a"}}}
		},
		Certificates:        func() []Certificate { return []Certificate{{Listener: "tls:default"}} },
		CRLs:                func() []CRL { return []CRL{{Source: "http://crl"}} },
		Staples:             func() []Staple { return []Staple{{Responder: "http://ocsp"}} },
		Plugins:             func() []Plugin { return []Plugin{{Name: "p"}} },
		Metrics:             http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "up 1") }),
		Reload:              do("reload"),
		RefreshCertificates: do("certificates"),
		RefreshCRLs:         do("crls"),
		ClearCRLs:           do("clear"),
		RefreshStaples:      do("staples"),
	}, &done
}

func TestPaths(t *testing.T) {
	b, done := full()
	c, log := serve(t, b)
	for path, want := range map[string]string{
		"/v1/status": `"version":"1"`, "/v1/listeners": `[{"name":"tls:default"`, "/v1/alarms": `[{"name":"a"`,
		"/v1/certificates": `[{"listener":"tls:default"`, "/v1/crls": `[{"source":"http://crl"`,
		"/v1/staples": `"responder":"http://ocsp"`, "/v1/plugins": `[{"name":"p"`, "/metrics": "up 1",
	} {
		body, err := c.Get(t.Context(), path)
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s: %s (%v), want %s", path, body, err, want)
		}
	}
	if log.String() != "" {
		t.Errorf("looking is logged:\n%s", log)
	}
	for _, action := range []string{"POST /v1/reload", "POST /v1/certificates/refresh", "POST /v1/crls/refresh", "DELETE /v1/crls", "POST /v1/staples/refresh"} {
		method, path, _ := strings.Cut(action, " ")
		if err := c.Do(t.Context(), method, path); err != nil {
			t.Errorf("%s: %v", action, err)
		}
		if !strings.Contains(log.String(), "path="+path) {
			t.Errorf("%s is not logged:\n%s", action, log)
		}
	}
	if got := strings.Join(*done, " "); got != "reload certificates crls clear staples" {
		t.Errorf("done: %s", got)
	}
	status, err := Look[Status](t.Context(), c, "/v1/status")
	if err != nil || status.Listeners[0].Name != "tls:default" {
		t.Errorf("%+v (%v)", status, err)
	}
}

func TestProblems(t *testing.T) {
	b := Broker{
		Status:  func() Status { panic("oops") },
		Reload:  func(context.Context) error { return errors.New("wicket.yaml:3: no such key") },
		Plugins: func() []Plugin { return nil },
	}
	c, log := serve(t, b)
	for _, test := range []struct{ method, path, says string }{
		{"GET", "/v1/status", "a bug here"},
		{"GET", "/v1/crls", "knows no GET /v1/crls"},
		{"GET", "/metrics", "knows no GET /metrics"},
		{"GET", "/", "knows no GET /"},
		{"POST", "/v1/plugins", "knows no POST /v1/plugins"},
		{"POST", "/v1/reload", "wicket.yaml:3: no such key"},
	} {
		if err := c.Do(t.Context(), test.method, test.path); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s %s: %v, want %q", test.method, test.path, err, test.says)
		}
	}
	if !strings.Contains(log.String(), "bug: a panic") || !strings.Contains(log.String(), "oops") {
		t.Errorf("the panic is not logged:\n%s", log)
	}
	if _, err := Look[Status](t.Context(), c, "/v1/plugins"); err != nil {
		t.Errorf("null is no answer: %v", err)
	}
}

func TestProblemIsOfItsMediaType(t *testing.T) {
	c, _ := serve(t, Broker{})
	answer, err := c.http.Get("http://wicket/nothing")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var p Problem
	if err := json.NewDecoder(answer.Body).Decode(&p); err != nil {
		t.Fatal(err)
	}
	if kind := answer.Header.Get("Content-Type"); kind != "application/problem+json" || p.Status != 404 || p.Title != "Not Found" {
		t.Errorf("%s %+v", kind, p)
	}
}

func TestOnlyTheOwnerAndRoot(t *testing.T) {
	b, done := full()
	var asked int
	c, log := serve(t, b, func(s *Server) { s.allowed = func(uid int) bool { asked = uid; return false } })
	err := c.Do(t.Context(), "POST", "/v1/reload")
	if err == nil || !strings.Contains(err.Error(), "may not control this broker") || len(*done) > 0 {
		t.Errorf("%v, done %q", err, *done)
	}
	if asked != os.Geteuid() {
		t.Errorf("the kernel says that user %d asks, want %d", asked, os.Geteuid())
	}
	if !strings.Contains(log.String(), "control request refused") {
		t.Errorf("not logged:\n%s", log)
	}
	for uid, want := range map[int]bool{0: true, os.Geteuid(): true, os.Geteuid() + 1: false, -1: false} {
		if ownerOrRoot(uid) != want {
			t.Errorf("user %d: want %t", uid, want)
		}
	}
}

// A connection whose peer the kernel does not tell is nobody's.
func TestWithPeerFailsClosed(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if uid := withPeer(t.Context(), a).Value(peer{}); uid != -1 {
		t.Errorf("user %v, want -1", uid)
	}
}

func TestHeaderIsBounded(t *testing.T) {
	c, _ := serve(t, Broker{})
	conn, err := net.Dial("unix", c.path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nLong: %s\r\n\r\n", strings.Repeat("x", 1<<20))
	line, _ := bufio.NewReader(conn).ReadString('\n')
	if !strings.Contains(line, "431") {
		t.Errorf("answer %q, want 431", line)
	}
}

// More clients than places: all are answered in the end.
func TestPlaces(t *testing.T) {
	release := make(chan struct{})
	c, _ := serve(t, Broker{Reload: func(context.Context) error { <-release; return nil }})
	var wg sync.WaitGroup
	for range 2 * maxConnections {
		wg.Go(func() {
			if err := c.Do(context.Background(), "POST", "/v1/reload"); err != nil {
				t.Error(err)
			}
		})
	}
	close(release)
	wg.Wait()
}

// Close waits for an answer that is on its way, and cuts it at its end.
func TestClose(t *testing.T) {
	socket := listen(t, filepath.Join(home(t), "control.sock"))
	entered := make(chan struct{})
	s := Serve(socket, Broker{Reload: func(ctx context.Context) error { close(entered); <-ctx.Done(); return ctx.Err() }}, slog.New(slog.DiscardHandler))
	failed := make(chan error)
	go func() { failed <- NewClient(socket.Path()).Do(context.Background(), "POST", "/v1/reload") }()
	<-entered
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close: %v, want its deadline", err)
	}
	if err := <-failed; err == nil {
		t.Error("the request was answered")
	}
	if again, err := Listen(socket.Path()); err != nil {
		t.Errorf("the claim is not given up: %v", err)
	} else {
		again.Close()
	}
}

func TestClientSentences(t *testing.T) {
	dir := home(t)
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{
		"none":                   "no broker answers on",
		"file":                   "no broker answers on",
		"file/control.sock":      "no broker answers on",
		strings.Repeat("x", 200): "bytes are more than the 107",
	} {
		_, err := NewClient(filepath.Join(dir, path)).Get(t.Context(), "/v1/status")
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", path, err, says)
		}
	}
	path := filepath.Join(dir, "else")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1<<10))
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
			c.Close()
		}
	}()
	if _, err := Look[Status](t.Context(), NewClient(path), "/v1/status"); err == nil || !strings.Contains(err.Error(), "of another version") {
		t.Errorf("%v", err)
	}
}
