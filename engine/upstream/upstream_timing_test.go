package upstream

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// memory is what Go has in use for objects and stacks.
func memory() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// TestMemory: 20,000 requests in flight take 64 MB at most, the server's side
// of them in this process included (D2).
func TestMemory(t *testing.T) {
	if raceDetector || testing.Short() {
		t.Skip("memory says nothing under the race detector")
	}
	for _, test := range []struct {
		name  string
		http2 bool
		pool  int
	}{{"8 of HTTP/1.1", false, 8}, {"512 of HTTP/1.1", false, 512}, {"800 in HTTP/2", true, 8}} {
		t.Run(test.name, func(t *testing.T) {
			ca := newAuthority(t, "CA")
			free := make(chan struct{})
			var began atomic.Int32
			server := serve(t, ca.leaf(t, "127.0.0.1"), nil, test.http2, func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				began.Add(1)
				<-free
			})
			o := trusting(server, ca)
			o.PoolSize, o.RequestTimeout = test.pool, time.Minute
			s, u := open(t, o)
			within(t, 5*time.Second, "connected", func() bool { return u.State().Health == Connected })
			before, goroutines := memory(), runtime.NumGoroutine()
			const n = 20_000
			var left sync.WaitGroup
			left.Add(n)
			var failed atomic.Int32
			for i := range n {
				body := fmt.Appendf(nil, `{"username":"user-%d","password":"%064d","clientid":"client-%d"}`, i, i, i)
				u.Send(t.Context(), Request{
					Method: "POST", Path: "/auth", Body: body,
					Header: []Header{{"content-type", "application/json"}, {"accept", "application/json"}},
				}, func(_ Response, err error) {
					if err != nil {
						failed.Add(1)
					}
					left.Done()
				})
			}
			onWire := min(test.pool, u.s.PoolSize)
			if test.http2 {
				onWire *= MaxStreams
			}
			within(t, 20*time.Second, "the server has as many as it can", func() bool { return int(began.Load()) == onWire })
			took := memory() - before
			t.Logf("%d in flight, %d of them on the wire: %.1f MB more, %d goroutines more", n, onWire, float64(took)/(1<<20), runtime.NumGoroutine()-goroutines)
			if took > 64<<20 {
				t.Errorf("they take %d MB", took>>20)
			}
			if test.pool < 100 && !test.http2 { // it would take long
				s.Close()
				close(free)
				left.Wait()
				return
			}
			close(free)
			left.Wait()
			if failed.Load() != 0 {
				t.Errorf("%d failed", failed.Load())
			}
		})
	}
}

// BenchmarkExchange is a request to an HTTPS server in this process, against
// plain net/http doing the same.
func BenchmarkExchange(b *testing.B) {
	body := []byte(`{"username":"u","password":"p"}`)
	for _, http2 := range []bool{false, true} {
		ca := newAuthority(b, "CA")
		server := serve(b, ca.leaf(b, "127.0.0.1"), nil, http2, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"result":"allow"}`)
		})
		name := map[bool]string{false: "HTTP1", true: "HTTP2"}[http2]
		b.Run(name+"/upstream", func(b *testing.B) {
			_, u := open(b, trusting(server, ca))
			b.ReportAllocs()
			parallel(b, func() error {
				done := make(chan error, 1)
				u.Send(b.Context(), Request{Method: "POST", Path: "/auth", Body: body, Header: []Header{{"Content-Type", "application/json"}}},
					func(_ Response, err error) { done <- err })
				return <-done
			})
		})
		b.Run(name+"/net-http", func(b *testing.B) {
			client := &http.Client{Transport: &http.Transport{
				TLSClientConfig: &tls.Config{RootCAs: ca.pool()}, MaxConnsPerHost: 8, MaxIdleConnsPerHost: 8, ForceAttemptHTTP2: http2,
			}, Timeout: 5 * time.Second}
			defer client.CloseIdleConnections()
			b.ReportAllocs()
			parallel(b, func() error {
				resp, err := client.Post(server.URL+"/auth", "application/json", bytes.NewReader(body))
				if err != nil {
					return err
				}
				defer resp.Body.Close()
				_, err = io.ReadAll(resp.Body)
				return err
			})
		})
	}
}

// parallel runs eight at a time.
func parallel(b *testing.B, f func() error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for next.Add(1) <= int64(b.N) {
				if err := f(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkSend is what a caller pays for a request that waits.
func BenchmarkSend(b *testing.B) {
	server := serve(b, newAuthority(b, "CA").leaf(b, "127.0.0.1"), nil, false, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	_, u := open(b, Options{URL: server.URL, PoolSize: 1, MaxInFlight: 1 << 30, RequestTimeout: time.Minute})
	r := Request{Method: "POST", Path: "/auth?c=client-1", Header: []Header{{"content-type", "application/json"}}}
	b.ReportAllocs()
	for range b.N {
		u.Send(b.Context(), r, func(Response, error) {})
	}
	b.StopTimer()
}

func BenchmarkCheck(b *testing.B) {
	r := Request{Method: "POST", Path: "/v1/auth?clientid=" + strings.Repeat("c", 20), Header: []Header{{"content-type", "application/json"}, {"accept", "application/json"}}}
	b.ReportAllocs()
	for b.Loop() {
		if err := check(&r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAnswer is what it takes to read an answer that has arrived.
func BenchmarkAnswer(b *testing.B) {
	const text = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Sun, 22 Nov 2026 04:07:01 GMT\r\nContent-Length: 18\r\n\r\n" + `{"result":"allow"}`
	b.Run("here", func(b *testing.B) {
		l, in, r := reading("", 64<<10), strings.NewReader(""), new(Request)
		b.ReportAllocs()
		for b.Loop() {
			in.Reset(text)
			l.br.Reset(in)
			if out, again, err := l.answer(r, nil); err != nil || !again || out.Status != 200 {
				b.Fatal(out, again, err)
			}
		}
	})
	b.Run("net-http", func(b *testing.B) {
		c, in := &conn{s: &settings{Options: Options{MaxResponse: 64 << 10}}}, strings.NewReader("")
		br := bufio.NewReader(in)
		b.ReportAllocs()
		for b.Loop() {
			in.Reset(text)
			br.Reset(in)
			res, err := http.ReadResponse(br, nil)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := c.read(res); err != nil || len(list(res.Header)) != 3 {
				b.Fatal(err)
			}
		}
	})
}
