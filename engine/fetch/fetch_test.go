package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func TestGetSendsNothingOfOurs(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	var got *http.Request
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
		w.Header().Set("Set-Cookie", "a=b")
		io.WriteString(w, "list")
	})
	c := New(Options{UserAgent: "wicket/1"})
	for range 2 {
		r, err := c.Get(t.Context(), strings.Replace(s.URL, "http://", "http://user:secret@", 1)+"/a.crl?x=y")
		if err != nil {
			t.Fatal(err)
		}
		if string(r.Body) != "list" || r.ETag != `"v1"` || r.LastModified == "" || r.NotModified || !r.Expires.IsZero() {
			t.Errorf("got %+v", r)
		}
		if !got.Close || got.URL.RequestURI() != "/a.crl?x=y" || got.UserAgent() != "wicket/1" {
			t.Errorf("sent %s %v, close %v, %q", got.Method, got.URL, got.Close, got.UserAgent())
		}
		for _, name := range []string{"Authorization", "Cookie", "Referer", "Accept-Encoding", "If-None-Match", "If-Modified-Since"} {
			if v := got.Header.Get(name); v != "" {
				t.Errorf("sent %s: %s", name, v)
			}
		}
	}
}

func TestGetIf(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == `"v1"` || r.Header.Get("If-Modified-Since") == "then" || r.URL.Path == "/always" {
			w.WriteHeader(http.StatusNotModified)
		}
	})
	c := New(Options{})
	for _, v := range [][2]string{{`"v1"`, ""}, {"", "then"}} {
		if r, err := c.GetIf(t.Context(), s.URL, v[0], v[1]); err != nil || !r.NotModified || len(r.Body) > 0 {
			t.Errorf("%v: %+v, %v", v, r, err)
		}
	}
	if r, err := c.GetIf(t.Context(), s.URL, `"v0"`, ""); err != nil || r.NotModified {
		t.Errorf("other validator: %+v, %v", r, err)
	}
	if r, err := c.Get(t.Context(), s.URL+"/always"); err == nil {
		t.Errorf("304 without a condition is taken: %+v", r)
	}
}

func TestPost(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/", http.StatusTemporaryRedirect)
			return
		}
		b, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %v", r.Method, r.Header.Get("Content-Type"), b, err)
	})
	c := New(Options{})
	for _, path := range []string{"/", "/moved"} {
		r, err := c.Post(t.Context(), s.URL+path, "application/ocsp-request", []byte("question"))
		if want := "POST application/ocsp-request question <nil>"; err != nil || string(r.Body) != want {
			t.Errorf("%s: %q, %v; want %q", path, r.Body, err, want)
		}
	}
}

// What a server may do wrong ends in an error that names the URL and the cause.
func TestHostileServer(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/404":
			http.NotFound(w, r)
		case "/declared":
			w.Header().Set("Content-Length", "10000000000")
			w.WriteHeader(200)
		case "/endless":
			for block := bytes.Repeat([]byte("x"), 1<<10); ; {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		case "/half":
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "half")
		case "/drip":
			for {
				io.WriteString(w, "x")
				w.(http.Flusher).Flush()
				select {
				case <-release:
					return
				case <-r.Context().Done():
					return
				case <-time.After(time.Millisecond):
				}
			}
		case "/silent":
			select {
			case <-release:
			case <-r.Context().Done():
			}
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/file":
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		case "/header":
			w.Header().Set("X", strings.Repeat("x", 2*maxHeader))
		case "/partial":
			w.WriteHeader(http.StatusPartialContent)
		}
	})
	patient := New(Options{MaxBody: 10 << 10})
	hasty := New(Options{Timeout: 100 * time.Millisecond, MaxBody: 10 << 20})
	for path, cause := range map[string]string{
		"/404":      "404 Not Found",
		"/declared": "larger than 10240 bytes",
		"/endless":  "larger than 10240 bytes",
		"/half":     "breaks off after 4 bytes",
		"/drip":     "no complete answer within 100ms",
		"/silent":   "no complete answer within 100ms",
		"/loop":     "more than 3 redirects",
		"/file":     `redirected to "file:///etc/passwd": not an http or https URL`,
		"/header":   "header",
		"/partial":  "206 Partial Content",
	} {
		c := patient
		if strings.Contains(cause, "100ms") {
			c = hasty
		}
		r, err := c.Get(t.Context(), s.URL+path)
		if err == nil {
			t.Errorf("%s: %d bytes are taken", path, len(r.Body))
			continue
		}
		if !strings.Contains(err.Error(), cause) || strings.Count(err.Error(), s.URL+path) != 1 {
			t.Errorf("%s: %v; want the URL once and %q", path, err, cause)
		}
	}
}

func TestBadURLs(t *testing.T) {
	for _, address := range []string{"", "ldap://h/cn=x", "http://", "http:///x", "file:///etc/passwd", "x", "http://h:port/", "//h/x", "http://%zz/", "http://[::1/"} {
		if _, err := New(Options{}).Get(t.Context(), address); err == nil {
			t.Errorf("%q is fetched", address)
		}
	}
	_, err := New(Options{}).Get(t.Context(), "ldap://user:secret@h/"+strings.Repeat("x", 5000))
	if err == nil || strings.Contains(err.Error(), "secret") || len(err.Error()) > 500 {
		t.Errorf("got %v", err)
	}
}

func TestRedirects(t *testing.T) {
	var hops atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization")+r.Header.Get("Referer") != "" {
			t.Errorf("sent %v", r.Header)
		}
		if hops.Add(-1) >= 0 {
			http.Redirect(w, r, "http://user:secret@"+r.Host+"/", http.StatusFound)
		}
	})
	for n := range int32(5) {
		hops.Store(n)
		if _, err := New(Options{}).Get(t.Context(), s.URL); (err == nil) != (n <= maxRedirects) {
			t.Errorf("%d redirects: %v", n, err)
		}
	}
}

func TestAllowedHosts(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "http://localhost:1/", http.StatusFound)
		}
	})
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	for _, tc := range []struct {
		hosts []string
		url   string
		want  string
	}{
		{nil, "http://127.0.0.1:" + port, ""},
		{[]string{"x", "127.0.0.1"}, "http://127.0.0.1:" + port, ""},
		{[]string{"LocalHost."}, "http://lOCALHOST:" + port, ""},
		{[]string{"localhost"}, "http://127.0.0.1:" + port, `host "127.0.0.1" is not one of those allowed`},
		{[]string{"127.0.0.1"}, "http://127.0.0.1:" + port + "/away", `redirected to "http://localhost:1/": host "localhost" is not one of those allowed`},
		{[]string{"[::1]"}, "http://[::1]:1/", "connection refused"},
	} {
		_, err := New(Options{AllowedHosts: tc.hosts}).Get(t.Context(), tc.url)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v %s: %v; want %q", tc.hosts, tc.url, err, tc.want)
		}
	}
}

func TestUnverifiedTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "list") }))
	s.Config.ErrorLog = nil
	s.StartTLS()
	defer s.Close()
	if r, err := New(Options{UnverifiedTLS: true}).Get(t.Context(), s.URL); err != nil || string(r.Body) != "list" {
		t.Errorf("%q, %v", r.Body, err)
	}
	if _, err := New(Options{}).Get(t.Context(), s.URL); err == nil {
		t.Error("an unknown server certificate is accepted")
	}
}

func TestContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	if _, err := New(Options{}).Get(ctx, s.URL); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestExpires(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tc := range []struct {
		control, age, expires string
		want                  time.Time
	}{
		{"", "", "", time.Time{}},
		{"", "", "Fri, 02 Jan 2026 04:04:05 GMT", now.Add(time.Hour)},
		{"", "", "0", time.Time{}},
		{"public, max-age=60", "", "Fri, 02 Jan 2026 04:04:05 GMT", now.Add(time.Minute)},
		{"Max-Age=60", "20", "", now.Add(40 * time.Second)},
		{"max-age=-1", "", "", time.Time{}},
		{"max-age=99999999999999999999", "", "", time.Time{}},
		{"no-store", "", "Fri, 02 Jan 2026 04:04:05 GMT", now},
		{"private, no-cache", "", "", now},
	} {
		h := http.Header{"Cache-Control": {tc.control}, "Age": {tc.age}, "Expires": {tc.expires}}
		if got := expires(h, now); !got.Equal(tc.want) {
			t.Errorf("%q %q %q: %v, want %v", tc.control, tc.age, tc.expires, got, tc.want)
		}
	}
}

// The list that replaces another within the same second must not be missed.
func TestLastModified(t *testing.T) {
	const date = "Fri, 02 Jan 2026 03:04:05 GMT"
	for modified, want := range map[string]bool{
		"": false, "yesterday": false, date: false,
		"Fri, 02 Jan 2026 03:03:06 GMT": false, "Fri, 02 Jan 2026 03:03:05 GMT": true, "Fri, 02 Jan 2026 03:05:05 GMT": false,
	} {
		got := lastModified(http.Header{"Date": {date}, "Last-Modified": {modified}})
		if (got != "") != want || want && got != modified {
			t.Errorf("%q: %q", modified, got)
		}
		if got := lastModified(http.Header{"Last-Modified": {modified}}); got != "" {
			t.Errorf("%q without a date: %q", modified, got)
		}
	}
}
