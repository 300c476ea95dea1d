//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/upstream"
	"github.com/wicketmq/wicket/engine/wasm"
	"github.com/wicketmq/wicket/plugins"
)

// TestMain lets a second process of the test be the HTTP server, so that its
// processor time is not counted.
func TestMain(m *testing.M) {
	scheme, distinct := strings.CutSuffix(os.Getenv("HTTP_SERVER"), distinct)
	if scheme == "" {
		os.Exit(m.Run())
	}
	var answers atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		client := "${clientid}"
		if distinct {
			client = fmt.Sprintf("client%05d", answers.Add(1)%100_000)
		}
		_, _ = io.WriteString(w, `{"result":"allow","is_superuser":false,"acl":[{"permission":"allow","action":"all","topic":"devices/`+client+`/#"}]}`)
	}))
	if scheme == "http" {
		s.Start()
		fmt.Println(s.URL, "-")
	} else {
		s.StartTLS()
		fmt.Println(s.URL, base64.StdEncoding.EncodeToString(s.Certificate().Raw))
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent has ended
}

// distinct marks a server that says something else each time.
const distinct = "-distinct"

// startServer starts the server and returns its URL and certificate.
func startServer(b *testing.B, scheme string) (url string, cert *x509.Certificate) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "HTTP_SERVER="+scheme)
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	url, text, _ := strings.Cut(strings.TrimSpace(line), " ")
	if der, err := base64.StdEncoding.DecodeString(text); err == nil {
		if cert, err = x509.ParseCertificate(der); err != nil {
			b.Fatal(err)
		}
	}
	return url, cert
}

// processTime is the processor time of this process.
func processTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Skip(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

var alice = auth.Request{ClientID: "c1", Username: "alice", HasUsername: true, Password: []byte("s3cret"), HasPassword: true}

// native is how a broker in Go would ask the server itself: a client of
// net/http, encoding/json, and the same request and answer as the plugin's.
func native(server string, root *x509.Certificate) func(*auth.Request) error {
	t := &http.Transport{MaxConnsPerHost: 8, MaxIdleConnsPerHost: 8}
	if root != nil {
		t.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool()}
		t.TLSClientConfig.RootCAs.AddCert(root)
	}
	client := &http.Client{Timeout: 5 * time.Second, Transport: t}
	return func(a *auth.Request) error {
		body, err := json.Marshal(map[string]string{"username": a.Username, "password": string(a.Password)})
		if err != nil {
			return err
		}
		r, err := http.NewRequest(http.MethodPost, server+"/auth?clientid="+url.QueryEscape(a.ClientID), bytes.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json")
		r.Header.Set("Cache-Control", "no-cache")
		res, err := client.Do(r)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		text, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
		if err != nil {
			return err
		}
		var answer struct {
			Result      string
			IsSuperuser bool `json:"is_superuser"`
			ACL         []struct{ Permission, Action, Topic string }
		}
		if err := json.Unmarshal(text, &answer); err != nil {
			return err
		}
		if answer.Result != "allow" || len(answer.ACL) != 1 {
			return fmt.Errorf("%+v", answer)
		}
		return nil
	}
}

// plugin asks by way of the plugin in the broker's host.
func plugin(b *testing.B, server string, root *x509.Certificate) func(*auth.Request) error {
	set := upstream.NewSet(nil)
	b.Cleanup(set.Close)
	o := upstream.Options{URL: server}
	if root != nil {
		o.TLS = upstream.TLSOptions{Verify: true, Roots: []*x509.Certificate{root}, Depth: 10}
	}
	change, err := set.Prepare(map[string]upstream.Options{"auth": o})
	if err != nil {
		b.Fatal(err)
	}
	change.Apply()
	h, err := wasm.NewHost(wasm.HostOptions{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = h.Close() })
	module, _ := plugins.Builtin("http")
	p, err := h.Open(context.Background(), wasm.Options{Name: "http", Module: module, Grants: []string{"http"}, Config: []byte(config),
		Upstreams: map[string]wasm.Sender{"auth": set.Lookup("auth")},
		Limits:    wasm.Limits{AuthenticateSlice: time.Second, Wall: time.Minute}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.Close(context.Background()) })
	return func(a *auth.Request) error {
		done := make(chan auth.Verdict, 1)
		p.Authenticate(a, func(v auth.Verdict) { done <- v })
		if v := <-done; v.Decision != auth.Allow || len(v.Rules) != 1 {
			return fmt.Errorf("%+v", v)
		}
		return nil
	}
}

// ask makes requests, eight at a time, and returns the processor time of this
// process.
func ask(b *testing.B, n int, one func(*auth.Request) error) time.Duration {
	var wg sync.WaitGroup
	var next atomic.Int64
	begin := processTime(b)
	for range 8 {
		wg.Go(func() {
			for next.Add(1) <= int64(n) {
				if err := one(&alice); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return processTime(b) - begin
}

// BenchmarkBackend is what a CONNECT costs that the plugin asks about, beside
// the same request from a client of net/http (D6). The server is another
// process, and the two take turns, so that they find the machine alike: the
// figures are processor time of this process for each. A server says the same of
// each client, in rules with a placeholder, or something else.
func BenchmarkBackend(b *testing.B) {
	for _, scheme := range []string{"http", "http" + distinct, "https"} {
		b.Run(scheme, func(b *testing.B) {
			server, root := startServer(b, scheme)
			both := [2]func(*auth.Request) error{native(server, root), plugin(b, server, root)}
			const turn = 500
			var took [2]time.Duration
			for i := range both {
				ask(b, turn, both[i]) // connections, caches
			}
			b.ResetTimer()
			for left := b.N; left > 0; left -= turn {
				for i := range both {
					took[i] += ask(b, min(turn, left), both[i])
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(took[0])/float64(b.N)/1e3, "native-cpu-µs")
			b.ReportMetric(float64(took[1])/float64(b.N)/1e3, "plugin-cpu-µs")
			b.ReportMetric(float64(took[1])/float64(took[0]), "times")
		})
	}
}
