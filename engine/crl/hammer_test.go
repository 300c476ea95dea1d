package crl

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/fetch"
)

// A server that turns against us costs no more than its bounds, and the list
// stays in force.
func TestHostileServer(t *testing.T) {
	root := issue(t, "root", nil, ca)
	w := newWeb(t)
	var hostile atomic.Value
	hostile.Store("")
	good := root.publish(t, nil)
	w.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch hostile.Load() {
		case "redirects":
			http.Redirect(rw, r, r.URL.Path, http.StatusFound)
		case "large":
			rw.Header().Set("Content-Length", "10000000000")
		case "endless":
			for block := make([]byte, 4096); ; {
				if _, err := rw.Write(block); err != nil {
					return
				}
			}
		case "drip":
			for r.Context().Err() == nil {
				rw.Write(good[:1])
				rw.(http.Flusher).Flush()
				select {
				case <-r.Context().Done():
				case <-time.After(5 * time.Millisecond):
				}
			}
		case "half":
			rw.Header().Set("Content-Length", fmt.Sprint(len(good)))
			rw.Write(good[:len(good)/2])
		case "unmodified":
			rw.WriteHeader(http.StatusNotModified)
		default:
			rw.Write(good)
		}
	})
	device := issue(t, "device", root, at(w.URL+"/list"))
	c := newCache(t, Options{MaxSize: 64 << 10})
	patient := c.fetcher
	hasty := fetch.New(fetch.Options{Timeout: 100 * time.Millisecond, MaxBody: 64 << 10})
	k := newChecker(t, c, CheckerOptions{})
	wants(t, k.Check(t.Context(), path(device, root)), "")
	for trick, want := range map[string]string{
		"redirects": "more than 3 redirects", "large": "larger than 65536 bytes", "endless": "larger than 65536 bytes",
		"drip": "no complete answer within 100ms", "half": "breaks off", "unmodified": "304 Not Modified",
	} {
		hostile.Store(trick)
		if c.fetcher = patient; trick == "drip" {
			c.fetcher = hasty
		}
		if err := c.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", trick, err, want)
		}
		wants(t, k.Check(t.Context(), path(device, root)), "")
	}
	hostile.Store("")
	c.fetcher = patient
	if err := c.Refresh(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestHammer does everything at once, for the race detector: a device that is
// good is never refused but for a list that is out of reach, one that is
// revoked never admitted.
//
//  1. eight goroutines check both devices at two listeners, eight ask what is known;
//  2. meanwhile lists are cleared, refreshed, replaced and shown, and listeners
//     with local files come and go, with room for fewer lists than there are;
//  3. the cache is closed under them.
func TestHammer(t *testing.T) {
	w := newWeb(t)
	root := issue(t, "root", nil, ca)
	urls := make([]string, 4)
	for i := range urls {
		urls[i] = fmt.Sprintf("%s/%d", w.URL, i)
	}
	var good, bad []*entity
	for _, url := range urls {
		good, bad = append(good, issue(t, "good", root, at(url))), append(bad, issue(t, "bad", root, at(url)))
	}
	body := root.publish(t, nil, bad...)
	for i := range urls {
		w.put(fmt.Sprintf("/%d", i), body)
	}
	name := filepath.Join(t.TempDir(), "ca.crl")
	if err := os.WriteFile(name, root.publish(t, validity(0, time.Hour)), 0o600); err != nil {
		t.Fatal(err)
	}
	var c *Cache
	c = NewCache(Options{Capacity: 3, OnChange: func() { c.Stats() }, OnState: func(State) { c.State() }})
	defer c.Close()
	ks := []*Checker{newChecker(t, c, CheckerOptions{}), newChecker(t, c, CheckerOptions{CheckChain: true, AllowStale: true})}

	var closing atomic.Bool
	var all sync.WaitGroup
	stop := make(chan struct{})
	loop := func(f func(i int)) {
		all.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					f(i)
				}
			}
		})
	}
	for n := range 8 {
		loop(func(i int) {
			k, pick := ks[n%2], (i+n)%len(urls)
			if err := k.Check(t.Context(), path(good[pick], root)); err != nil && !closing.Load() {
				t.Error(err)
			}
			if err := k.Check(t.Context(), path(bad[pick], root)); err == nil {
				t.Error("a revoked device is admitted")
			}
		})
		loop(func(i int) {
			if err := ks[n%2].Known([]*x509.Certificate{good[i%4].cert, root.cert}); err != nil {
				t.Error(err)
			}
		})
	}
	loop(func(i int) {
		if i%10 == 0 {
			c.Clear()
		}
		_ = c.Refresh(t.Context())
		c.State()
	})
	loop(func(int) {
		k, err := c.NewChecker(CheckerOptions{Path: name})
		if err != nil {
			t.Error(err)
			return
		}
		wants(t, k.Check(t.Context(), path(good[0], root)), "")
		k.Close()
	})
	<-time.After(300 * time.Millisecond)
	closing.Store(true)
	c.Close()
	close(stop)
	all.Wait()
}
