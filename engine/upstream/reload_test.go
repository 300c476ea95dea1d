package upstream

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestRotation: with other certificates new requests use new connections, those
// on the wire end as they began, and without a change nothing happens.
func TestRotation(t *testing.T) {
	protocols(t, func(t *testing.T, http2 bool) {
		ca := newAuthority(t, "CA")
		free, began := make(chan struct{}), make(chan struct{}, 1)
		server := serve(t, ca.leaf(t, "127.0.0.1"), ca, http2, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				began <- struct{}{}
				<-free
			}
			fmt.Fprint(w, r.TLS.PeerCertificates[0].Subject.CommonName, r.Header.Get("Authorization"))
		})
		o := trusting(server, ca)
		one, two := ca.leaf(t, "one"), ca.leaf(t, "two")
		o.TLS.Certificate = &one
		s, u := open(t, o)
		if got := ask(t, u, Request{}); string(got.Body) != "one" {
			t.Fatalf("got %q, %v", got.Body, got.err)
		}
		slow := make(chan outcome, 1)
		u.Send(t.Context(), Request{Path: "/slow"}, func(r Response, err error) { slow <- outcome{r, err} })
		<-began
		before := slices.Clone(u.conns)

		again := o
		same := tls.Certificate{Certificate: one.Certificate, PrivateKey: one.PrivateKey}
		again.TLS.Certificate = &same
		configure(t, s, again)
		if !slices.Equal(before, u.conns) {
			t.Error("connections are made anew although nothing changed")
		}

		o.TLS.Certificate, o.Authorization = &two, " with a token"
		configure(t, s, o)
		if s.Lookup("backend") != u {
			t.Error("the upstream is another one")
		}
		if got := ask(t, u, Request{}); string(got.Body) != "two with a token" && string(got.Body) != "twowith a token" {
			t.Errorf("got %q, %v", got.Body, got.err)
		}
		close(free)
		if got := <-slow; got.err != nil || string(got.Body) != "one" {
			t.Errorf("the request on the wire: %q, %v", got.Body, got.err)
		}
		within(t, 5*time.Second, "the old connections are closed", func() bool {
			return !slices.ContainsFunc(before, func(c *conn) bool { return c.cc.Err() == nil })
		})
	})
}

// TestRotationUnderLoad: no request is lost while the certificate changes all
// the time.
func TestRotationUnderLoad(t *testing.T) {
	protocols(t, func(t *testing.T, http2 bool) {
		ca := newAuthority(t, "CA")
		server := serve(t, ca.leaf(t, "127.0.0.1"), ca, http2, ok)
		o := trusting(server, ca)
		pairs := []tls.Certificate{ca.leaf(t, "one"), ca.leaf(t, "two")}
		o.TLS.Certificate = &pairs[0]
		s, u := open(t, o)
		end := make(chan struct{})
		var clients sync.WaitGroup
		for range 16 {
			clients.Go(func() {
				for {
					select {
					case <-end:
						return
					default:
					}
					if got := ask(t, u, Request{Method: "POST", Body: []byte("x")}); got.err != nil {
						t.Error(got.err)
						return
					}
				}
			})
		}
		for i := range 30 {
			o.TLS.Certificate = &pairs[(i+1)%2]
			configure(t, s, o)
			time.Sleep(3 * time.Millisecond) // gives requests their turn; nothing is measured
		}
		close(end)
		clients.Wait()
	})
}

// TestChange: upstreams come and go.
func TestChange(t *testing.T) {
	url := raw(t, says("HTTP/1.1 204 X\r\n\r\n", false))
	s := NewSet(nil)
	defer s.Close()
	prepare := func(names ...string) *Change {
		wanted := map[string]Options{}
		for _, n := range names {
			wanted[n] = Options{URL: url}
		}
		c, err := s.Prepare(wanted)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	names := func() string {
		var out []string
		for _, state := range s.State() {
			out = append(out, state.Name)
		}
		return strings.Join(out, " ")
	}
	prepare("a", "b").Apply()
	b := s.Lookup("b")
	if names() != "a b" {
		t.Fatal(names())
	}
	c := prepare("b", "c")
	c.Add()
	if names() != "a b c" || s.Lookup("b") != b {
		t.Error(names())
	}
	if got := ask(t, s.Lookup("c"), Request{}); got.err != nil {
		t.Error(got.err)
	}
	c.Undo()
	if names() != "a b" {
		t.Error(names())
	}
	prepare("c").Apply()
	if names() != "c" {
		t.Error(names())
	}
	if k := kind(t, ask(t, b, Request{}).err); k != Canceled {
		t.Errorf("one that is gone says %v", k)
	}
	prepare().Apply()
	if names() != "" || s.Lookup("c") != nil {
		t.Error(names())
	}
	_, err := s.Prepare(map[string]Options{"good": {URL: url}, "bad": {URL: "x"}, "worse": {URL: url, Authorization: "a\r\nb"}})
	if err == nil || !strings.Contains(err.Error(), `"bad"`) || !strings.Contains(err.Error(), `"worse"`) || strings.Contains(err.Error(), "a\r\nb") {
		t.Error(err)
	}
}

// TestTold: a change of health is told once.
func TestTold(t *testing.T) {
	told := make(chan State, 10)
	s := NewSet(func(s State) { told <- s })
	defer s.Close()
	configure(t, s, Options{URL: closed(t)})
	if got := <-told; got.Health != Disconnected || got.Name != "backend" || !strings.Contains(got.LastError, "refused") {
		t.Errorf("told %+v", got)
	}
	configure(t, s, Options{URL: raw(t, says("HTTP/1.1 204 X\r\n\r\n", false))})
	for got := range told {
		if got.Health == Connected {
			break
		}
		if got.Health != Connecting {
			t.Errorf("told %+v", got)
		}
	}
}

func TestNilSet(t *testing.T) {
	var s *Set
	s.Close()
	if s.Lookup("a") != nil || len(s.State()) != 0 {
		t.Error("nil has something")
	}
}

// TestReplaces: an upstream is another server by these options alone.
func TestReplaces(t *testing.T) {
	ca, other := newAuthority(t, "CA"), newAuthority(t, "other")
	server := serve(t, ca.leaf(t, "127.0.0.1"), nil, false, ok)
	base := trusting(server, ca)
	s, _ := open(t, base)
	for name, tc := range map[string]struct {
		change func(*Options)
		want   bool
	}{
		"nothing":       {func(*Options) {}, false},
		"pool":          {func(o *Options) { o.PoolSize = 3 }, false},
		"time":          {func(o *Options) { o.RequestTimeout = time.Second }, false},
		"certificate":   {func(o *Options) { pair := ca.leaf(t, "client"); o.TLS.Certificate = &pair }, false},
		"url":           {func(o *Options) { o.URL += "/other" }, true},
		"authorities":   {func(o *Options) { o.TLS.Roots = trusting(server, other).TLS.Roots }, true},
		"verify":        {func(o *Options) { o.TLS.Verify = !o.TLS.Verify }, true},
		"name":          {func(o *Options) { o.TLS.ServerName = "elsewhere" }, true},
		"no name":       {func(o *Options) { o.TLS.NoName = !o.TLS.NoName }, true},
		"authorization": {func(o *Options) { o.Authorization = "Bearer x" }, false},
	} {
		o := base
		tc.change(&o)
		c, err := s.Prepare(map[string]Options{"backend": o, "new": o})
		if err != nil {
			t.Fatal(name, err)
		}
		if got := c.Replaces("backend"); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
		if c.Replaces("new") || c.Replaces("absent") {
			t.Errorf("%s: one that is new, or none, replaces another", name)
		}
	}
}
