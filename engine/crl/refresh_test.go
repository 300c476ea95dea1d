package crl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wicketmq/wicket/engine/fetch"
)

// script is a server in memory, for tests whose clock is turned by hand.
type script struct {
	mu     sync.Mutex
	answer func(ctx context.Context, url string) ([]byte, error)
	etag   string
	asked  []time.Duration // since the beginning
	begin  time.Time
	etags  []string // sent along
}

func (s *script) GetIf(ctx context.Context, url, etag, _ string) (fetch.Response, error) {
	s.mu.Lock()
	s.asked = append(s.asked, time.Since(s.begin))
	s.etags = append(s.etags, etag)
	answer, tag := s.answer, s.etag
	s.mu.Unlock()
	if tag != "" && etag == tag {
		return fetch.Response{NotModified: true}, nil
	}
	b, err := answer(ctx, url)
	return fetch.Response{Body: b, ETag: tag}, err
}

func (s *script) serve(b []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = func(context.Context, string) ([]byte, error) { return b, err }
}

// times returns when it was asked and forgets it.
func (s *script) times() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return fmt.Sprint(asked)
}

func (s *script) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

var errDown = errors.New("connection refused")

// world is a cache in a synctest bubble with one list that has been fetched.
type world struct {
	*testing.T
	server          *script
	root, device    *entity
	cache           *Cache
	strict, lenient *Checker

	mu      sync.Mutex
	told    []string // healths
	changes atomic.Int32
}

func inWorld(t *testing.T, f func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, server: &script{begin: time.Now()}}
		w.root = issue(t, "root", nil, ca)
		w.device = issue(t, "device", w.root, at("http://ca.test/list"))
		w.cache = NewCache(Options{
			OnChange: func() { w.changes.Add(1) },
			OnState: func(s State) {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.told = append(w.told, string(s.Health))
			},
		})
		w.cache.fetcher = w.server
		w.strict = newChecker(t, w.cache, CheckerOptions{})
		w.lenient = newChecker(t, w.cache, CheckerOptions{AllowStale: true, AllowUnavailable: true})
		defer w.cache.Close()
		f(w)
	})
}

func (w *world) check(strict, lenient string) {
	w.Helper()
	wants(w, w.strict.Check(w.Context(), path(w.device, w.root)), strict)
	wants(w, w.lenient.Check(w.Context(), path(w.device, w.root)), lenient)
}

func (w *world) pass(d time.Duration) {
	time.Sleep(d) // of the bubble
	synctest.Wait()
}

func (w *world) wantTimes(want string) {
	w.Helper()
	if got := w.server.times(); got != want {
		w.Errorf("asked at %s, want %s", got, want)
	}
}

func (w *world) wantTold(want string) {
	w.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if got := strings.Join(w.told, " "); got != want {
		w.Errorf("told %q, want %q", got, want)
	}
	w.told = nil
}

// A list is asked for in intervals, conditionally, and taken when it is newer.
func TestRefresh(t *testing.T) {
	inWorld(t, func(w *world) {
		w.server.etag = "1"
		w.server.serve(w.root.publish(w, nil), nil)
		w.check("", "")
		w.pass(31 * time.Minute)
		w.wantTimes("[0s 15m0s 30m0s]")
		if got := fmt.Sprintf("%q", w.server.etags); got != `["" "1" "1"]` {
			w.Errorf("sent %s", got)
		}
		if err := w.cache.Refresh(w.Context()); err != nil || w.server.etags[3] != "" { // not by the server's word
			w.Errorf("%v, sent %q", err, w.server.etags)
		}
		s := w.cache.State()[0]
		if !s.FetchedAt.Equal(w.server.begin.Add(31*time.Minute)) || !s.NextFetch.Equal(w.server.begin.Add(46*time.Minute)) || s.Health != Current {
			w.Errorf("%+v", s)
		}
		w.server.etag = "2"
		w.server.serve(w.root.publish(w, nil, w.device), nil)
		w.check("", "")
		w.pass(15 * time.Minute)
		w.check("revoked", "revoked")
		if err := w.lenient.Known(path(w.device, w.root)); err == nil {
			w.Error("not known")
		}
		if n := w.changes.Load(); n != 1 {
			w.Errorf("%d changes", n)
		}
		w.wantTold("current")
	})
}

// CRL-06: the list stays, is asked for again after 5 s and then less and less
// often, and what is wrong is told once.
func TestRefreshFails(t *testing.T) {
	inWorld(t, func(w *world) {
		w.server.serve(w.root.publish(w, nil), nil)
		w.check("", "")
		w.server.serve(nil, errDown)
		w.pass(15*time.Minute + 5*time.Minute)
		w.wantTimes("[0s 15m0s 15m5s 15m15s 15m35s 16m15s 17m15s 18m15s 19m15s]")
		w.check("", "")
		w.wantTold("current unreachable")
		w.server.serve(w.root.publish(w, nil), nil)
		w.pass(20 * time.Minute)
		w.wantTimes("[20m15s 35m15s]")
		w.wantTold("current")
	})
}

// CRL-09, U-37: alarm before nextUpdate, and policy after it.
func TestExpiry(t *testing.T) {
	inWorld(t, func(w *world) {
		w.server.serve(w.root.publish(w, nil), nil) // for 24 h
		w.check("", "")
		w.server.serve(nil, errDown)
		w.pass(20 * time.Hour)
		w.wantTold("current unreachable")
		w.pass(24*time.Hour - 144*time.Minute - 20*time.Hour)
		w.wantTold("expiring")
		w.check("", "")
		w.pass(144 * time.Minute)
		w.wantTold("")
		w.check("", "")
		w.pass(time.Second)
		w.wantTold("stale")
		w.check("out of date since 2000-01-02T00:00:00Z; connection refused", "")
		if s := w.cache.State()[0]; s.Health != Stale || !strings.Contains(s.String(), "connection refused; publish a newer one") {
			w.Errorf("%s", s)
		}
		w.server.times()
		w.server.serve(w.root.publish(w, nil), nil)
		w.pass(time.Minute)
		w.check("", "")
		w.wantTold("current")
	})
}

// Before nextUpdate it is asked for more and more often, for somebody may
// publish at the last moment; a list that is out of date as the server has it
// is a failure.
func TestRefreshBeforeNextUpdate(t *testing.T) {
	inWorld(t, func(w *world) {
		w.server.serve(w.root.publish(w, validity(0, 10*time.Minute)), nil)
		w.check("", "")
		w.pass(10*time.Minute + 12*time.Second)
		w.wantTimes("[0s 5m0s 7m30s 8m45s 9m22.5s 9m41.25s 9m50.625s 9m55.625s 10m0.625s 10m5.625s]")
		w.check("out of date", "")
		w.wantTold("current stale")
		w.server.serve(w.root.publish(w, nil), nil)
		w.pass(time.Minute)
		w.wantTold("current")
		w.check("", "")
	})
}

// A list that never could be had is asked for when somebody needs it, not more
// often than after the pauses of failed refreshes, and not in between.
func TestMissing(t *testing.T) {
	inWorld(t, func(w *world) {
		w.server.serve(nil, errDown)
		for range 100 {
			w.check("connection refused", "")
		}
		w.wantTimes("[0s]")
		w.pass(time.Hour)
		w.wantTimes("[]")
		for range 70 {
			w.check("connection refused", "")
			w.pass(time.Second)
		}
		w.wantTimes("[1h0m0s 1h0m10s 1h0m30s]")
		w.wantTold("missing")
		w.server.serve(w.root.publish(w, nil), nil)
		w.check("", "")
		w.wantTold("current")
	})
}

// J5.4: a server that does not answer. Who is not admitted without waits for
// most of the handshake's time, so that he still hears why he is refused; who
// is, for half of it and for the first failure only.
func TestBlackHole(t *testing.T) {
	inWorld(t, func(w *world) {
		w.server.answer = func(ctx context.Context, _ string) ([]byte, error) {
			select {
			case <-time.After(20 * time.Second):
				return nil, errors.New("no complete answer within 20s")
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		took := func(k *Checker, want string) time.Duration {
			w.Helper()
			begin := time.Now()
			ctx, cancel := context.WithTimeout(w.Context(), 10*time.Second)
			defer cancel()
			wants(w, k.Check(ctx, path(w.device, w.root)), want)
			return time.Since(begin)
		}
		if d := took(w.lenient, ""); d != 5*time.Second {
			w.Errorf("the lenient listener took %v", d)
		}
		if d := took(w.strict, "did not arrive in time: context deadline exceeded"); d != 7500*time.Millisecond {
			w.Errorf("the strict listener took %v", d)
		}
		w.pass(8500 * time.Millisecond)
		if d := took(w.strict, "no complete answer within 20s"); d != 0 {
			w.Errorf("the strict listener took %v after a failure", d)
		}
		w.pass(10 * time.Second)
		if d := took(w.lenient, ""); d != 0 {
			w.Errorf("the lenient listener took %v while it is asked for again", d)
		}
		w.pass(time.Second)
		w.wantTimes("[0s 31s]")
		if s := w.lenient.Stats(); s.FailOpen != 2 {
			w.Errorf("%+v", s)
		}
	})
}

// A dead host holds up its own lists, not those of others.
func TestHostsApart(t *testing.T) {
	inWorld(t, func(w *world) {
		good := w.root.publish(w, nil)
		w.server.answer = func(ctx context.Context, url string) ([]byte, error) {
			if strings.Contains(url, "dead") {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			time.Sleep(time.Second)
			return good, nil
		}
		ctx, cancel := context.WithCancel(w.Context())
		var all sync.WaitGroup
		for i := range 100 {
			dead := issue(w, "dead", w.root, at(fmt.Sprintf("http://dead.test/%d", i)))
			all.Go(func() { wants(w, w.strict.Check(ctx, path(dead, w.root)), "did not arrive in time") })
		}
		synctest.Wait()
		for i := range 100 {
			live := issue(w, "live", w.root, at(fmt.Sprintf("http://live%d.test/", i)))
			all.Go(func() { wants(w, w.strict.Check(ctx, path(live, w.root)), "") })
		}
		synctest.Wait()
		if n := w.server.count(); n != maxFetches {
			w.Errorf("%d fetches at once", n)
		}
		w.pass(30 * time.Second)
		if n := w.server.count(); n != 100+maxPerServer {
			w.Errorf("%d fetches in all", n)
		}
		cancel()
		all.Wait()
	})
}

// Who asks for a refresh gets what the server has from then on, also if an
// earlier fetch is still under way.
func TestRefreshBehindAFetch(t *testing.T) {
	inWorld(t, func(w *world) {
		old, fresh := w.root.publish(w, nil), w.root.publish(w, nil, w.device)
		released := make(chan struct{})
		w.server.answer = func(context.Context, string) ([]byte, error) {
			<-released
			return old, nil
		}
		var all sync.WaitGroup
		all.Go(func() { wants(w, w.strict.Check(w.Context(), path(w.device, w.root)), "") })
		synctest.Wait()
		for range 2 { // who share what follows
			all.Go(func() {
				if err := w.cache.Refresh(w.Context()); err != nil {
					w.Error(err)
				}
				wants(w, w.strict.Known(path(w.device, w.root)), "revoked")
			})
		}
		synctest.Wait()
		w.server.serve(fresh, nil)
		close(released)
		all.Wait()
		if n := w.server.count(); n != 2 {
			w.Errorf("%d fetches, want two", n)
		}
	})
}

// Lists that were evicted or cleared are not refreshed any more.
func TestDroppedRest(t *testing.T) {
	inWorld(t, func(w *world) {
		w.server.serve(w.root.publish(w, nil), nil)
		w.cache.options.Capacity = 1
		w.check("", "")
		w.wantTold("current")
		second := issue(w, "second", w.root, at("http://ca.test/second"))
		wants(w, w.strict.Check(w.Context(), path(second, w.root)), "")
		w.wantTold("gone current")
		w.cache.Clear()
		w.wantTold("gone")
		w.server.times()
		w.pass(time.Hour)
		w.wantTimes("[]")
	})
}

// Files are looked at in intervals, and alarms come without any change.
func TestPoll(t *testing.T) {
	inWorld(t, func(w *world) {
		dir := w.TempDir()
		name := filepath.Join(dir, "ca.crl")
		if err := os.WriteFile(name, w.root.publish(w, validity(0, 10*time.Hour)), 0o600); err != nil {
			w.Fatal(err)
		}
		k := newChecker(w, w.cache, CheckerOptions{Path: dir})
		w.wantTold("current")
		w.pass(8 * time.Hour)
		w.wantTold("")
		w.pass(time.Hour + DefaultPollInterval)
		w.wantTold("expiring")
		w.pass(time.Hour)
		w.wantTold("stale")
		wants(w, k.Check(w.Context(), path(issue(w, "x", w.root, nil), w.root)), "out of date")

		if err := os.WriteFile(name, w.root.publish(w, nil, w.device), 0o600); err != nil {
			w.Fatal(err)
		}
		w.pass(DefaultPollInterval)
		w.wantTold("current")
		wants(w, k.Check(w.Context(), path(w.device, w.root)), "revoked")
		if n := w.changes.Load(); n != 1 {
			w.Errorf("%d changes", n)
		}
		if err := os.Remove(name); err != nil {
			w.Fatal(err)
		}
		w.pass(DefaultPollInterval)
		w.wantTold("gone")
		k.Close()
		w.wantTimes("[]")
	})
}

func TestMinRefreshInterval(t *testing.T) {
	c := newCache(t, Options{RefreshInterval: time.Second})
	if c.options.RefreshInterval != MinRefreshInterval {
		t.Errorf("got %v", c.options.RefreshInterval)
	}
}
