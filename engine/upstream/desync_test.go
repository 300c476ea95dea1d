//go:build unix

package upstream

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestSurplus: what a server sends behind an answer is not the answer to the
// call that waits for the connection, also where reading has ended just between
// the two, and with TLS around them.
func TestSurplus(t *testing.T) {
	ca := newAuthority(t, "CA")
	show := ca.leaf(t, "127.0.0.1")
	const evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
	for _, size := range []int{0, 10, 2048, 5000, 40_000} {
		body := strings.Repeat("x", size)
		for _, https := range []bool{false, true} {
			t.Run(fmt.Sprint(size, https), func(t *testing.T) {
				answer := speaks(func(c net.Conn, _ *http.Request, _ int) bool {
					_, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s%s%s", size, body, evil, evil)
					return err == nil
				})
				o := Options{PoolSize: 1, MaxResponse: 1 << 20, RequestTimeout: 20 * time.Second, Breaker: Breaker{Failures: 1 << 30}}
				if o.URL = raw(t, answer); https {
					o.URL = strings.Replace(raw(t, func(c net.Conn) { answer(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{show}})) }), "http:", "https:", 1)
				}
				_, u := open(t, o)
				var all sync.WaitGroup
				for range 20 { // all but the first wait for the connection
					all.Add(1)
					u.Send(t.Context(), Request{}, func(r Response, err error) {
						defer all.Done()
						if err != nil || string(r.Body) != body {
							t.Errorf("%d bytes, %.10q, %v", len(r.Body), r.Body, err)
						}
					})
				}
				all.Wait()
			})
		}
	}
}

// TestReuse: a connection takes one call after the other, whatever the size of
// the answers.
func TestReuse(t *testing.T) {
	for _, size := range []int{0, 1, 2047, 2048, 4096, 5000, 60_000} {
		_, u := open(t, Options{PoolSize: 1, URL: raw(t, speaks(func(c net.Conn, _ *http.Request, n int) bool {
			_, err := fmt.Fprintf(c, "HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n%s", 210+n, size, make([]byte, size))
			return err == nil
		}))})
		for n := 1; n < 5; n++ {
			if got := ask(t, u, Request{}); got.err != nil || got.Status != 210+n || len(got.Body) != size {
				t.Errorf("%d of %d bytes: %d, %v", n, size, got.Status, got.err)
			}
		}
	}
}

// TestNoContent: an answer without content that has a length ends the connection:
// the server may have sent the content, too (RFC 9110 section 8.6).
func TestNoContent(t *testing.T) {
	for text, again := range map[string]bool{"": true, "Content-Length: 0\r\n": true, "Content-Length: 4\r\n": false, "Transfer-Encoding: chunked\r\n": false} {
		got, goesOn, err := reading("HTTP/1.1 204 No Content\r\n"+text+"\r\n", 100).answer(&Request{}, nil)
		if err != nil || got.Status != 204 || len(got.Body) != 0 || goesOn != again {
			t.Errorf("%q: %+v, goes on: %v, %v", text, got, goesOn, err)
		}
	}
}

// idleEnd is a connection that a server closes with 408 just when a request is
// to be written, of which it has nothing.
type idleEnd struct {
	net.Conn
	begun chan struct{}
	text  io.Reader
}

func (c *idleEnd) Write([]byte) (int, error) {
	close(c.begun)
	return 0, io.ErrClosedPipe
}

func (c *idleEnd) Read(p []byte) (int, error) {
	<-c.begun
	return c.text.Read(p)
}

// TestUnwritten: what a server has said before it had any of a request is not the
// answer to it.
func TestUnwritten(t *testing.T) {
	set := NewSet(nil)
	defer set.Close()
	dials := 0
	set.dial = func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		if dials++; dials == 1 {
			return &idleEnd{ours, make(chan struct{}), strings.NewReader("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")}, nil
		}
		go says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false)(theirs)
		return ours, nil
	}
	configure(t, set, Options{URL: "http://h", PoolSize: 1})
	if got := ask(t, set.Lookup("backend"), Request{}); got.err != nil || got.Status != 200 {
		t.Errorf("%d, %v", got.Status, got.err)
	}
}

// TestAbortedLate: a connection whose call is given up when its answer has just
// been read takes no other, which would be told that it was given up.
func TestAbortedLate(t *testing.T) {
	_, u := open(t, Options{URL: closed(t)})
	ours, theirs := net.Pipe()
	defer theirs.Close()
	u.mu.Lock()
	c := &conn{up: u, s: u.s, taken: true}
	c.line = newLine(c, newTap(ours), ours) // nobody reads it: next is about to call worked
	c.cc = c.line
	u.conns = append(u.conns, c)
	one := &call{up: u, ctx: context.Background(), done: func(_ Response, err error) {
		if err != nil {
			t.Error(err)
		}
	}, until: time.Now().Add(time.Minute)}
	u.deadlines.push(one)
	u.wire(c, one)
	u.bytes += one.size()
	one.abort(errTimeout) // between next's look at the line and worked
	u.mu.Unlock()
	u.worked(c, one, Response{Status: 200}, nil, time.Millisecond)
	u.mu.Lock()
	defer u.mu.Unlock()
	if !c.retired || c.spare {
		t.Error("the connection is still in use")
	}
}

// TestDeaf: a server that reads nothing keeps nobody from going on, neither who
// sends nor who reads, and what was asked of it ends in time.
func TestDeaf(t *testing.T) {
	_, u := open(t, Options{PoolSize: 2, URL: raw(t, func(net.Conn) {}), RequestTimeout: 200 * time.Millisecond, Breaker: Breaker{Failures: 1 << 30}})
	within(t, 5*time.Second, "connected", func() bool { return u.State().Connections > 0 })
	small(t, u)
	got := make(chan error, 20)
	for range cap(got) {
		u.Send(t.Context(), Request{Method: "POST", Body: bytes.Repeat([]byte("x"), MaxBody)}, func(_ Response, err error) { got <- err })
	}
	for range cap(got) {
		if err := <-got; kind(t, err) != Timeout {
			t.Error(err)
		}
	}
	within(t, time.Second, "nothing is on the wire", func() bool {
		u.mu.Lock()
		defer u.mu.Unlock()
		return u.onWire == 0 && u.bytes == 0 && len(u.watches) == 0 && len(u.deadlines) == 0
	})
}
