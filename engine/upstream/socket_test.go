//go:build unix

package upstream

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// TestSocket: what the system does not take at once is not waited for, and an
// end is noticed.
func TestSocket(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := newSocket(c)
	if n, err := s.write([]byte("hello")); n != 5 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	var last int
	for range 100 { // nobody reads
		if last, err = s.write(make([]byte, 1<<20)); last < 1<<20 || err != nil {
			break
		}
	}
	if n, err := s.write([]byte("x")); last == 1<<20 || n != 0 || err != nil {
		t.Errorf("a full socket has taken %d, and then %d, %v", last, n, err)
	}
	c.Close()
	if n, err := s.write([]byte("x")); n != 0 || err == nil {
		t.Errorf("a closed one: %d, %v", n, err)
	}
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	if newSocket(ours) != nil {
		t.Error("a pipe has no socket")
	}
}

// TestOfferSlow: Send returns although the server does not read a large request,
// which arrives whole nevertheless.
func TestOfferSlow(t *testing.T) {
	free := make(chan struct{})
	_, u := open(t, Options{PoolSize: 1, URL: raw(t, func(c net.Conn) {
		defer c.Close()
		<-free
		speaks(func(c net.Conn, r *http.Request, _ int) bool {
			body, _ := io.ReadAll(r.Body)
			_, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			return err == nil
		})(c)
	}), MaxResponse: 2 << 20})
	within(t, 5*time.Second, "connected", func() bool { return u.State().Health == Connected })
	small(t, u)
	body := bytes.Repeat([]byte("0123456789abcdef"), MaxBody/16)
	got := make(chan outcome, 1)
	u.Send(t.Context(), Request{Method: "POST", Body: body}, func(r Response, err error) { got <- outcome{r, err} })
	close(free) // here only if Send does not wait
	if o := <-got; o.err != nil || !bytes.Equal(o.Body, body) {
		t.Errorf("%d bytes, %v", len(o.Body), o.err)
	}
}

// small makes the system's buffer of the upstream's connections small.
func small(t *testing.T, u *Upstream) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, c := range u.conns {
		if err := c.line.raw.Conn.(*net.TCPConn).SetWriteBuffer(4 << 10); err != nil {
			t.Error(err)
		}
	}
}
