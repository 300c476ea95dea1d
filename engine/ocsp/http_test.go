package ocsp

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/wicketmq/wicket/engine/fetch"
)

// serve runs a responder over HTTP in this process and returns its URL.
func serve(t *testing.T, f http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s.URL
}

// answers reads the question as a responder does and signs the answer.
func answers(t *testing.T, root *entity) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		der, err := io.ReadAll(r.Body)
		if r.Method == http.MethodGet {
			var text string
			if text, err = url.PathUnescape(r.RequestURI[strings.LastIndexByte(r.RequestURI, '/')+1:]); err == nil {
				der, err = base64.StdEncoding.DecodeString(text)
			}
		}
		q, parse := ocsp.ParseRequest(der)
		if err != nil || parse != nil {
			t.Errorf("%s %s: %v %v", r.Method, r.RequestURI, err, parse)
			return
		}
		now := time.Now()
		a, err := ocsp.CreateResponse(root.cert, root.cert, ocsp.Response{
			SerialNumber: q.SerialNumber, ThisUpdate: now.Add(-time.Minute), NextUpdate: now.Add(time.Hour),
		}, root.key)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/ocsp-response")
		_, _ = w.Write(a)
	}
}

// TestHTTP is OCSP-05 over sockets, with responders that serve and that fail.
func TestHTTP(t *testing.T) {
	root := issue(t, "Root", nil, ca)
	leaf := issue(t, "leaf", root, nil)
	q := ask(t, leaf, root)
	text := url.QueryEscape(base64.StdEncoding.EncodeToString(q.der))
	long := "/" + strings.Repeat("long", 60)
	tests := []struct {
		name    string
		path    string // of the responder's URL
		want    string // in the error
		request string // that the responder must see
		handler http.HandlerFunc
	}{
		{name: "root", request: "GET /" + text},
		{name: "slash", path: "/", request: "GET /" + text},
		{name: "path", path: "/ocsp", request: "GET /ocsp/" + text},
		{name: "path and slash", path: "/ocsp/", request: "GET /ocsp/" + text},
		{name: "long", path: long, request: "POST " + long},
		{name: "query", path: "/ocsp?tenant=1", request: "POST /ocsp?tenant=1"},
		{name: "HTTP 500", want: "500 Internal Server Error", handler: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
		}},
		{name: "HTTP 404", want: "404 Not Found", handler: http.NotFound},
		{name: "garbage", want: "cannot use the answer", handler: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "it works")
		}},
		{name: "huge", want: "larger than", handler: func(w http.ResponseWriter, _ *http.Request) {
			for range 2 << 10 {
				_, _ = w.Write(make([]byte, 1<<10))
			}
		}},
		{name: "above an answer's size", want: "larger than 32 KB", handler: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(make([]byte, maxAnswer+1))
		}},
		{name: "slow", want: "no answer in time", handler: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
		{name: "slow body", want: "no answer in time", handler: func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte{0x30})
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var seen string
			handler := test.handler
			if handler == nil {
				handler = answers(t, root)
			}
			base := serve(t, func(w http.ResponseWriter, r *http.Request) {
				seen = r.Method + " " + r.RequestURI
				handler(w, r)
			})
			timeout := 10 * time.Second
			if strings.HasPrefix(test.name, "slow") {
				timeout = 50 * time.Millisecond
			}
			a, err := q.ask(context.Background(), fetch.New(fetch.Options{}), base+test.path, timeout)
			switch {
			case test.want == "" && (err != nil || a.Status != Good):
				t.Errorf("%+v, %v", a, err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error %v, want %q", err, test.want)
			case test.request != "" && seen != test.request:
				t.Errorf("the responder saw %q, want %q", seen, test.request)
			}
		})
	}
}

// TestHTTPHosts asks no host that the options of the fetcher do not name: not
// by a certificate's word, not by a redirect.
func TestHTTPHosts(t *testing.T) {
	root := issue(t, "Root", nil, ca)
	leaf := issue(t, "leaf", root, nil)
	base := serve(t, answers(t, root))
	f := fetch.New(fetch.Options{AllowedHosts: []string{"ocsp.example"}})
	if _, err := ask(t, leaf, root).ask(t.Context(), f, base, time.Second); err == nil || !strings.Contains(err.Error(), "not one of those allowed") {
		t.Error(err)
	}
}
