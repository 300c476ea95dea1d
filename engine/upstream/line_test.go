package upstream

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// speaks answers each request of a connection with what answer says; after
// false the connection is closed.
func speaks(answer func(c net.Conn, r *http.Request, n int) bool) func(net.Conn) {
	return func(c net.Conn) {
		defer c.Close()
		in := bufio.NewReader(c)
		for n := 1; ; n++ {
			r, err := http.ReadRequest(in)
			if err != nil || !answer(c, r, n) {
				return
			}
		}
	}
}

// TestInterim: interim answers are passed over, but not for ever (RFC 9110
// section 15.2).
func TestInterim(t *testing.T) {
	const hint = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
	for n, want := range map[int]Kind{0: 0, maxInterim: 0, maxInterim + 1: Broken} {
		_, u := open(t, Options{URL: raw(t, says(strings.Repeat(hint, n)+"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false))})
		got := ask(t, u, Request{})
		if kind(t, got.err) != want || want == 0 && (got.Status != 200 || string(got.Body) != "ok") {
			t.Errorf("%d interim answers: %d %q, %v", n, got.Status, got.Body, got.err)
		}
	}
}

// TestHead: an answer to HEAD has no body, whatever its length says, and the
// connection goes on.
func TestHead(t *testing.T) {
	_, u := open(t, Options{PoolSize: 1, URL: raw(t, speaks(func(c net.Conn, _ *http.Request, n int) bool {
		_, err := fmt.Fprintf(c, "HTTP/1.1 %d X\r\nContent-Length: 1000\r\n\r\n", 200+n)
		return err == nil
	}))})
	for n := 1; n < 4; n++ {
		if got := ask(t, u, Request{Method: "HEAD"}); got.err != nil || got.Status != 200+n || len(got.Body) != 0 {
			t.Errorf("%d %q, %v", got.Status, got.Body, got.err)
		}
	}
}

// TestUnasked: what a server sends behind an answer, or before a request, is
// nobody's answer.
func TestUnasked(t *testing.T) {
	const answer, more = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
	for name, serve := range map[string]func(net.Conn){
		"behind": speaks(func(c net.Conn, _ *http.Request, _ int) bool {
			_, err := io.WriteString(c, answer+more)
			return err == nil
		}),
		"later": speaks(func(c net.Conn, _ *http.Request, _ int) bool {
			_, _ = io.WriteString(c, answer)
			time.Sleep(5 * time.Millisecond)
			_, err := io.WriteString(c, more)
			return err == nil
		}),
	} {
		t.Run(name, func(t *testing.T) {
			_, u := open(t, Options{URL: raw(t, serve), PoolSize: 1})
			for range 20 {
				got := ask(t, u, Request{})
				if got.err != nil || string(got.Body) != "ok" {
					t.Fatalf("%q, %v", got.Body, got.err)
				}
				within(t, time.Second, "the connection is gone", func() bool { return u.State().Connections == 0 })
			}
		})
	}
}

// TestEarly: a server that answers without reading a large body is understood,
// and its connection is not used again.
func TestEarly(t *testing.T) {
	set := NewSet(nil)
	defer set.Close()
	set.dial = func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe() // without buffers
		go func() {
			_, _ = io.ReadFull(theirs, make([]byte, 100))
			_, _ = io.WriteString(theirs, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
		}()
		return ours, nil
	}
	configure(t, set, Options{URL: "http://h", PoolSize: 1})
	u := set.Lookup("backend")
	for range 3 {
		if got := ask(t, u, Request{Method: "POST", Body: make([]byte, 2*smallBody)}); got.err != nil || got.Status != 413 {
			t.Errorf("%d, %v", got.Status, got.err)
		}
	}
}

// TestWhose: answers belong to their requests, whatever the server does between
// them, and nobody waits for ever.
func TestWhose(t *testing.T) {
	_, u := open(t, Options{PoolSize: 4, RequestTimeout: 100 * time.Millisecond, Breaker: Breaker{Failures: 1 << 30},
		URL: raw(t, speaks(func(c net.Conn, r *http.Request, _ int) bool {
			body, _ := io.ReadAll(r.Body)
			answer := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			switch rand.N(30) {
			case 0:
				time.Sleep(150 * time.Millisecond) // too late for this one
			case 1:
				_, _ = c.Write(answer[:len(answer)/2])
				return false
			case 2:
				return false
			case 3:
				_, _ = c.Write(answer)
				return false
			}
			_, err := c.Write(answer)
			return err == nil
		}))})
	var clients sync.WaitGroup
	for client := range 8 {
		clients.Go(func() {
			for n := range 200 {
				body := bytes.Repeat(fmt.Appendf(nil, "%d of %d;", n, client), 1+rand.N(2000))
				got := ask(t, u, Request{Method: "POST", Body: body})
				if got.err == nil && !bytes.Equal(got.Body, body) {
					t.Errorf("answer of %d bytes to a request of %d: %.50q", len(got.Body), len(body), got.Body)
				}
			}
		})
	}
	clients.Wait()
	if s := u.State(); s.OnWire != 0 || s.Queued != 0 || s.Answered < 800 {
		t.Errorf("%+v", s)
	}
}

// TestAppendRequest: a request is on the wire what net/http makes of it.
func TestAppendRequest(t *testing.T) {
	for _, base := range []string{"http://h", "https://h:8443/base/", "http://[fe80::1%25eth0]:80/a%20b"} {
		s, err := newSettings(Options{URL: base, Authorization: "Bearer x"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []Request{
			{}, {Method: "POST"}, {Method: "DELETE"}, {Path: "?"}, {Path: "/"}, {Path: "/a?b=%20c"}, {Method: "HEAD", Path: "?x"},
			{Method: "PUT", Path: "/x", Body: []byte("body"), Header: []Header{{"content-TYPE", " a/b\t"}, {"x-1", ""}, {"X-1", "2"}, {"user-agent", "me"}, {"connection", "close"}}},
		} {
			got, err := s.appendRequest(nil, &r)
			if err != nil {
				t.Fatal(err)
			}
			want, err := s.request(t.Context(), &r)
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := want.Write(&b); err != nil {
				t.Fatal(err)
			}
			if a, b := sortedLines(got), sortedLines(b.Bytes()); a != b {
				t.Errorf("%s %+v:\n%s\nnot\n%s", base, r, a, b)
			}
		}
		for _, bad := range []Request{{Path: "/a b"}, {Path: "/x\r\nHost: y"}, {Path: "/../x"}, {Header: []Header{{"a", "b\r\nc: d"}}}, {Header: []Header{{"a:b", "c"}}}, {Header: []Header{{"Host", "x"}}}} {
			if b, err := s.appendRequest(nil, &bad); err == nil {
				t.Errorf("%+v: %q", bad, b)
			}
		}
	}
}

// sortedLines is a message whose fields are in one order.
func sortedLines(message []byte) string {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(message)))
	if err != nil {
		return err.Error()
	}
	first, _, _ := strings.Cut(string(message), "\r\n")
	body, _ := io.ReadAll(r.Body)
	var b bytes.Buffer
	_ = r.Header.Write(&b)
	return fmt.Sprintf("%s\n%s\n%s\n%d %s", first, r.Host, b.String(), r.ContentLength, body)
}
