package upstream

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func ok(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }

// TestTLS: AHTTP-07 to AHTTP-10, J7 lines 3 and 4, U-57.
func TestTLS(t *testing.T) {
	ca, other := newAuthority(t, "CA"), newAuthority(t, "other")
	between := ca.below(t, "between")
	mine, stranger := ca.leaf(t, "broker"), other.leaf(t, "broker")
	here, there, wild := ca.leaf(t, "127.0.0.1"), ca.leaf(t, "auth.example.com"), ca.leaf(t, "*.example.com")
	deep := between.leaf(t, "127.0.0.1", between)
	for _, test := range []struct {
		name    string
		show    tls.Certificate
		clients *authority
		newest  uint16
		change  func(o *Options)
		want    string // in the error; empty for an answer
	}{
		{"good", here, nil, 0, func(*Options) {}, ""},
		{"wrong CA", here, nil, 0, func(o *Options) { o.TLS.Roots = []*x509.Certificate{other.cert} }, "unknown authority"},
		{"system roots", here, nil, 0, func(o *Options) { o.TLS.Roots = nil }, "unknown authority"},
		{"several CAs", here, nil, 0, func(o *Options) { o.TLS.Roots = []*x509.Certificate{other.cert, ca.cert} }, ""},
		{"wrong CA, verify_none", here, nil, 0, func(o *Options) { o.TLS.Verify, o.TLS.Roots = false, []*x509.Certificate{other.cert} }, ""},
		{"wrong name", there, nil, 0, func(*Options) {}, "cannot validate certificate for 127.0.0.1"},
		{"other name", there, nil, 0, func(o *Options) { o.TLS.ServerName = "auth.example.com" }, ""},
		{"wildcard", wild, nil, 0, func(o *Options) { o.TLS.ServerName = "auth.example.com" }, ""},
		{"wildcard two levels below", wild, nil, 0, func(o *Options) { o.TLS.ServerName = "a.auth.example.com" }, "not a.auth.example.com"},
		{"wrong other name", there, nil, 0, func(o *Options) { o.TLS.ServerName = "b.example.com" }, "not b.example.com"},
		{"no name", there, nil, 0, func(o *Options) { o.TLS.NoName = true }, ""},
		{"no name, wrong CA", there, nil, 0, func(o *Options) { o.TLS.NoName, o.TLS.Roots = true, []*x509.Certificate{other.cert} }, "unknown authority"},
		{"intermediate", deep, nil, 0, func(o *Options) { o.TLS.Depth = 1 }, ""},
		{"too deep", deep, nil, 0, func(o *Options) { o.TLS.Depth = 0 }, "depth"},
		{"too deep without a name", deep, nil, 0, func(o *Options) { o.TLS.Depth, o.TLS.NoName = 0, true }, "depth"},
		{"too old", here, nil, tls.VersionTLS12, func(o *Options) { o.TLS.MinVersion = tls.VersionTLS13 }, "protocol version"},
		{"client certificate", here, ca, 0, func(o *Options) { o.TLS.Certificate = &mine }, ""},
		{"client certificate, TLS 1.2", here, ca, tls.VersionTLS12, func(o *Options) { o.TLS.Certificate = &mine }, ""},
		{"no client certificate", here, ca, 0, func(*Options) {}, "certfile"},
		{"no client certificate, TLS 1.2", here, ca, tls.VersionTLS12, func(*Options) {}, "TLS handshake"},
		{"strange client certificate", here, ca, 0, func(o *Options) { o.TLS.Certificate = &stranger }, "certfile"},
	} {
		t.Run(test.name, func(t *testing.T) {
			protocols(t, func(t *testing.T, http2 bool) {
				server := serve(t, test.show, test.clients, http2, ok, func(c *tls.Config) { c.MaxVersion = test.newest })
				o := trusting(server, ca)
				test.change(&o)
				_, u := open(t, o)
				got := ask(t, u, Request{})
				if test.want == "" {
					if got.err != nil || string(got.Body) != "ok" {
						t.Fatalf("got %q, %v", got.Body, got.err)
					}
					return
				}
				if k := kind(t, got.err); k != TLS && k != Open || !strings.Contains(got.err.Error(), test.want) {
					t.Fatalf("%v: %v, want tls: %s", k, got.err, test.want)
				}
				if s := u.State(); s.Health != Disconnected || !strings.Contains(s.LastError, test.want) {
					t.Errorf("state is %s, %q", s.Health, s.LastError)
				}
			})
		})
	}
}

// raw serves bytes instead of HTTP.
func raw(t *testing.T, f func(c net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	conns := make(chan net.Conn, 10_000)
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns <- c
			go f(c)
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
		for len(conns) > 0 {
			(<-conns).Close()
		}
	})
	return "http://" + l.Addr().String()
}

// says reads a request and answers with a text.
func says(text string, end bool) func(net.Conn) {
	return func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			q, err := http.ReadRequest(r)
			if err != nil {
				c.Close()
				return
			}
			_, _ = io.Copy(io.Discard, q.Body)
			_, _ = io.WriteString(c, text)
			if end {
				c.Close()
				return
			}
		}
	}
}

// closed is the URL of a port that nobody listens on.
func closed(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return "http://" + l.Addr().String()
}

// TestFailures: each way in which a server can be bad ends in time, in a word
// (spec 2.7, J7 line 5; reliability 41).
func TestFailures(t *testing.T) {
	silent := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	drip := func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
		for {
			if _, err := io.WriteString(c, "x"); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	for name, test := range map[string]struct {
		url  string
		want Kind
		text string
	}{
		"refused":        {closed(t), Refused, "connection refused"},
		"black hole":     {raw(t, silent), Timeout, "no complete answer"},
		"TLS black hole": {strings.Replace(raw(t, silent), "http:", "https:", 1), Timeout, "no connection"},
		"drip":           {raw(t, drip), Timeout, "no complete answer"},
		"garbage":        {raw(t, says("\x00\x01\x02 what?\r\n\r\n", true)), Broken, "malformed HTTP"},
		"no answer":      {raw(t, says("", true)), Broken, "closed before"},
		"truncated":      {raw(t, says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", true)), Broken, "closed before"},
		"cut chunk":      {raw(t, says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", true)), Broken, "closed before"},
		"switch":         {raw(t, says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", true)), Broken, "101"},
		"declared large": {raw(t, says("HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\nabc", false)), TooLarge, "max_response"},
		"large":          {raw(t, says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1001\r\n"+strings.Repeat("x", 0x1001)+"\r\n0\r\n\r\n", false)), TooLarge, "max_response"},
		"endless header": {raw(t, says("HTTP/1.1 200 OK\r\n"+strings.Repeat("A: "+strings.Repeat("b", 1000)+"\r\n", 100), false)), TooLarge, "header"},
		"not TLS":        {strings.Replace(raw(t, says("HTTP/1.1 200 OK\r\n\r\n", true)), "http:", "https:", 1), TLS, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, u := open(t, Options{URL: test.url, RequestTimeout: 200 * time.Millisecond, ConnectTimeout: 5 * time.Second, MaxResponse: 4096})
			began := time.Now()
			got := ask(t, u, Request{})
			if k := kind(t, got.err); k != test.want && !(name == "refused" && k == Open || name == "not TLS" && k == Open) || !strings.Contains(got.err.Error(), test.text) {
				t.Fatalf("%v: %v, want %v: %s", k, got.err, test.want, test.text)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
			s := u.State()
			if k := kind(t, got.err); s.Failed[k] != 1 || s.Answered != 0 {
				t.Errorf("counted %v", s.Failed)
			}
		})
	}
}

// TestLargestAnswer is one byte less than too large.
func TestLargestAnswer(t *testing.T) {
	for _, header := range []string{"Content-Length: 4096\r\n\r\n%s", "Transfer-Encoding: chunked\r\n\r\n1000\r\n%s\r\n0\r\n\r\n", "Connection: close\r\n\r\n%s"} {
		text := "HTTP/1.1 200 OK\r\n" + fmt.Sprintf(header, strings.Repeat("x", 4096))
		_, u := open(t, Options{URL: raw(t, says(text, true)), MaxResponse: 4096})
		if got := ask(t, u, Request{}); got.err != nil || len(got.Body) != 4096 {
			t.Errorf("%q: %d bytes, %v", header, len(got.Body), got.err)
		}
	}
}

// TestRedirect: redirects are answers (AHTTP-06).
func TestRedirect(t *testing.T) {
	var visited atomic.Int32
	elsewhere := raw(t, func(c net.Conn) { visited.Add(1); c.Close() })
	_, u := open(t, Options{URL: raw(t, says("HTTP/1.1 302 Found\r\nLocation: "+elsewhere+"/\r\nContent-Length: 0\r\n\r\n", false))})
	got := ask(t, u, Request{})
	if got.err != nil || got.Status != 302 || visited.Load() != 0 {
		t.Errorf("got %d, %v; visited %d", got.Status, got.err, visited.Load())
	}
}

// TestStatuses: every answer is one, and none opens the breaker.
func TestStatuses(t *testing.T) {
	for _, status := range []int{200, 204, 301, 304, 403, 429, 500, 503} {
		_, u := open(t, Options{URL: raw(t, says(fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n", status), false)), Breaker: Breaker{Failures: 1}})
		for range 2 {
			if got := ask(t, u, Request{}); got.err != nil || got.Status != status {
				t.Errorf("%d: got %d, %v", status, got.Status, got.err)
			}
		}
	}
}

// TestNoProxy: the environment's proxy is for other programs.
func TestNoProxy(t *testing.T) {
	t.Setenv("HTTP_PROXY", closed(t))
	t.Setenv("NO_PROXY", "")
	_, u := open(t, Options{URL: raw(t, says("HTTP/1.1 204 X\r\n\r\n", false))})
	if got := ask(t, u, Request{}); got.err != nil {
		t.Error(got.err)
	}
}

// TestKeepAliveEnds: a server that closes connections after each answer,
// saying so or not, costs nobody a request.
func TestKeepAliveEnds(t *testing.T) {
	_, u := open(t, Options{URL: raw(t, says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true)), PoolSize: 1})
	for range 20 {
		if got := ask(t, u, Request{Method: "POST", Body: []byte("x")}); got.err != nil {
			// The answer and the end may come in two packets: then the request
			// has been written to a connection that had just ended.
			if kind(t, got.err) != Broken {
				t.Fatal(got.err)
			}
		}
		within(t, time.Second, "the connection is gone", func() bool { return u.State().Connections == 0 })
	}
	if s := u.State(); s.Answered != 20 {
		t.Errorf("answered %d of 20, failed %v", s.Answered, s.Failed)
	}
}

// TestBounds: what is beyond max_in_flight, and what is canceled.
func TestBounds(t *testing.T) {
	free := make(chan struct{})
	server := serve(t, newAuthority(t, "CA").leaf(t, "127.0.0.1"), nil, false, func(w http.ResponseWriter, r *http.Request) { <-free })
	defer close(free)
	_, u := open(t, Options{URL: server.URL, PoolSize: 1, MaxInFlight: 3})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := make(chan error, 100)
	for range 5 {
		u.Send(ctx, Request{}, func(_ Response, err error) { got <- err })
	}
	for range 2 {
		if k := kind(t, <-got); k != Busy {
			t.Errorf("got %v, want busy", k)
		}
	}
	within(t, 5*time.Second, "one is on the wire", func() bool { s := u.State(); return s.OnWire == 1 && s.Queued == 2 })
	cancel()
	for range 3 {
		if k := kind(t, <-got); k != Canceled {
			t.Errorf("got %v, want canceled", k)
		}
	}
	if s := u.State(); s.OnWire != 0 || s.Queued != 0 || u.bytes != 0 {
		t.Errorf("left over: %+v, %d bytes", s, u.bytes)
	}
	u.Send(ctx, Request{}, func(_ Response, err error) { got <- err })
	if k := kind(t, <-got); k != Canceled {
		t.Errorf("with a context that has ended: got %v, want canceled", k)
	}
	large := make([]byte, MaxBody)
	u.mu.Lock()
	u.s.MaxInFlight = 1000
	u.mu.Unlock()
	ctx, cancel = context.WithCancel(t.Context())
	for range 33 {
		u.Send(ctx, Request{Path: "/", Body: large}, func(_ Response, err error) { got <- err })
	}
	for range 2 { // a path is a byte
		if k := kind(t, <-got); k != Busy {
			t.Errorf("got %v, want busy: 32 MB", k)
		}
	}
	cancel()
	for range 31 {
		if k := kind(t, <-got); k != Canceled {
			t.Errorf("got %v, want canceled", k)
		}
	}
}

// A context that ends takes its own requests with it, waiting or on the wire, and
// nobody else's; nothing is left of it.
func TestContextsAreApart(t *testing.T) {
	protocols(t, func(t *testing.T, http2 bool) {
		ca := newAuthority(t, "CA")
		free := make(chan struct{})
		server := serve(t, ca.leaf(t, "127.0.0.1"), nil, http2, func(w http.ResponseWriter, r *http.Request) { <-free })
		_, u := open(t, trusting(server, ca))
		u.mu.Lock()
		u.s.PoolSize = 2
		u.mu.Unlock()
		one, end := context.WithCancel(t.Context())
		other, stop := context.WithCancel(t.Context())
		defer stop()
		const each = 120 // more than HTTP/2 has streams
		ended, answered := make(chan error, each), make(chan error, 2*each)
		for range each {
			u.Send(one, Request{}, func(_ Response, err error) { ended <- err })
			u.Send(other, Request{}, func(_ Response, err error) { answered <- err })
			u.Send(context.Background(), Request{}, func(_ Response, err error) { answered <- err })
		}
		within(t, 5*time.Second, "some are on the wire", func() bool { return u.State().OnWire > 1 })
		end()
		for range each {
			if k := kind(t, <-ended); k != Canceled {
				t.Errorf("got %v, want canceled", k)
			}
		}
		close(free)
		for range 2 * each {
			if err := <-answered; err != nil {
				t.Error(err)
			}
		}
		u.mu.Lock()
		defer u.mu.Unlock()
		if len(u.watches) != 0 || u.wired.n != 0 || u.queue.n != 0 {
			t.Errorf("%d contexts, %d and %d calls are left", len(u.watches), u.wired.n, u.queue.n)
		}
	})
}

// TestClose ends requests on the wire and those that wait.
func TestClose(t *testing.T) {
	protocols(t, func(t *testing.T, http2 bool) {
		ca := newAuthority(t, "CA")
		free, began := make(chan struct{}), make(chan struct{}, 10)
		server := serve(t, ca.leaf(t, "127.0.0.1"), nil, http2, func(http.ResponseWriter, *http.Request) { began <- struct{}{}; <-free })
		defer close(free)
		s, u := open(t, trusting(server, ca))
		u.mu.Lock()
		u.s.PoolSize = 1
		u.mu.Unlock()
		got := make(chan error, 3)
		for range 3 {
			u.Send(t.Context(), Request{}, func(_ Response, err error) { got <- err })
		}
		<-began
		s.Close()
		for range 3 {
			if k := kind(t, <-got); k != Canceled {
				t.Errorf("got %v, want canceled", k)
			}
		}
		if s.Lookup("backend") != nil {
			t.Error("still there")
		}
		if k := kind(t, ask(t, u, Request{}).err); k != Canceled {
			t.Errorf("got %v, want canceled", k)
		}
	})
}

// TestGoAway: a server that ends HTTP/2 connections gracefully, as load
// balancers do, loses nobody a request (RFC 9113 section 6.8).
func TestGoAway(t *testing.T) {
	ca := newAuthority(t, "CA")
	var served atomic.Int32
	server := serve(t, ca.leaf(t, "127.0.0.1"), nil, true, func(w http.ResponseWriter, r *http.Request) {
		if served.Add(1)%20 == 0 {
			w.Header().Set("Connection", "close") // GOAWAY, for net/http
		}
		fmt.Fprint(w, "ok")
	})
	_, u := open(t, trusting(server, ca))
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range 25 {
				if got := ask(t, u, Request{Method: "POST", Body: []byte("x")}); got.err != nil {
					t.Error(got.err)
				}
			}
		})
	}
	clients.Wait()
	if s := u.State(); s.Answered != 200 {
		t.Errorf("answered %d of 200, failed %v", s.Answered, s.Failed)
	}
}
