package upstream

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// protocols runs a test over HTTP/1.1 and HTTP/2.
func protocols(t *testing.T, f func(t *testing.T, http2 bool)) {
	for _, http2 := range []bool{false, true} {
		t.Run(map[bool]string{false: "HTTP/1.1", true: "HTTP/2"}[http2], func(t *testing.T) { f(t, http2) })
	}
}

func TestExchange(t *testing.T) {
	protocols(t, func(t *testing.T, http2 bool) {
		ca := newAuthority(t, "CA")
		server := serve(t, ca.leaf(t, "127.0.0.1"), ca, http2, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("Content-Type", "application/json")
			w.Header().Add("X-Two", "b")
			w.Header().Add("X-Two", "a")
			w.WriteHeader(http.StatusTeapot)
			fmt.Fprintf(w, "%s %s %s|%s|%s|%s|%s|%s|%s", r.Method, r.RequestURI, r.Proto, r.Header.Get("Authorization"), r.Header.Get("X-Name"), r.Host, body,
				r.TLS.PeerCertificates[0].Subject.CommonName, r.UserAgent())
		})
		o := trusting(server, ca)
		pair := ca.leaf(t, "broker")
		o.URL, o.TLS.Certificate, o.Authorization = server.URL+"/v1/", &pair, "Bearer sesame"
		_, u := open(t, o)
		got := ask(t, u, Request{Method: "POST", Path: "/auth?c=%0D%0A", Header: []Header{{"x-name", "n"}, {"connection", "close"}, {"content-length", "3"}}, Body: []byte("hello")})
		if got.err != nil {
			t.Fatal(got.err)
		}
		want := fmt.Sprintf("POST /v1/auth?c=%%0D%%0A HTTP/%s|Bearer sesame|n|%s|hello|broker|wicket", map[bool]string{false: "1.1", true: "2.0"}[http2], strings.TrimPrefix(server.URL, "https://"))
		if got.Status != http.StatusTeapot || string(got.Body) != want {
			t.Errorf("got %d %s\nwant %s", got.Status, got.Body, want)
		}
		var two []string
		for _, h := range got.Header {
			if h.Name == "X-Two" {
				two = append(two, h.Value)
			}
		}
		if strings.Join(two, ",") != "b,a" {
			t.Errorf("X-Two is %v", two)
		}
		s := u.State()
		if s.Health != Connected || s.Answered != 1 || s.HTTP2 != http2 || s.Connections != 1 || s.LastError != "" {
			t.Errorf("state is %+v", s)
		}
	})
}
