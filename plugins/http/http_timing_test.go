//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
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
	if os.Getenv("HTTP_SERVER") == "" {
		os.Exit(m.Run())
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"result":"allow","is_superuser":false,"acl":[{"permission":"allow","action":"all","topic":"devices/${clientid}/#"}]}`)
	}))
	fmt.Println(s.URL)
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent has ended
}

func startServer(b *testing.B) (url string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "HTTP_SERVER=1")
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
	return strings.TrimSpace(line)
}

// processTime is the processor time of this process.
func processTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Skip(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkBackend compares a CONNECT that the plugin asks about with the same
// request made by a client of net/http: cpu-ns/op is what this process spends,
// the server being another one (D6). Eight are under way at a time.
func BenchmarkBackend(b *testing.B) {
	url := startServer(b)
	measure := func(b *testing.B, one func()) {
		work := make(chan int)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range work {
					one()
				}
			})
		}
		begin := processTime(b)
		b.ResetTimer()
		for i := range b.N {
			work <- i
		}
		close(work)
		wg.Wait()
		b.ReportMetric(float64(processTime(b)-begin)/float64(b.N), "cpu-ns/op")
	}
	b.Run("native", func(b *testing.B) {
		client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxConnsPerHost: 8, MaxIdleConnsPerHost: 8}}
		measure(b, func() {
			body, _ := json.Marshal(map[string]string{"username": "alice", "password": "s3cret"})
			res, err := client.Post(url+"/auth?clientid=c1", "application/json", strings.NewReader(string(body)))
			if err != nil {
				b.Error(err)
				return
			}
			defer res.Body.Close()
			var answer struct {
				Result string
				ACL    []map[string]any
			}
			if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.Result != "allow" {
				b.Error(answer, err)
			}
		})
	})
	b.Run("plugin", func(b *testing.B) {
		set := upstream.NewSet(func(upstream.State) {})
		change, err := set.Prepare(map[string]upstream.Options{"auth": {URL: url}})
		if err != nil {
			b.Fatal(err)
		}
		change.Apply()
		defer set.Close()
		h, err := wasm.NewHost(wasm.HostOptions{Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		defer h.Close()
		module, _ := plugins.Builtin("http")
		p, err := h.Open(context.Background(), wasm.Options{Name: "http", Module: module, Grants: []string{"http"}, Config: []byte(config),
			Upstreams: map[string]wasm.Sender{"auth": set.Lookup("auth")},
			Limits:    wasm.Limits{AuthenticateSlice: time.Second, Wall: time.Minute}})
		if err != nil {
			b.Fatal(err)
		}
		defer p.Close(context.Background())
		measure(b, func() {
			done := make(chan auth.Verdict, 1)
			p.Authenticate(&auth.Request{ClientID: "c1", Username: "alice", HasUsername: true, Password: []byte("s3cret"), HasPassword: true},
				func(v auth.Verdict) { done <- v })
			if v := <-done; v.Decision != auth.Allow || len(v.Rules) != 1 {
				b.Errorf("%+v", v)
			}
		})
	})
}
