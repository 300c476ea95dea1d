package wasm

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
)

// TestPending: thousands of requests wait on one instance without a goroutine
// each, and are answered in whatever order the guest likes.
func TestPending(t *testing.T) {
	const n = 2000
	p := open(t, newHost(t, HostOptions{}), Options{Workers: 1, Limits: Limits{Queue: n, Wall: time.Minute}})
	answer(t, p, "allow")
	before := runtime.NumGoroutine()
	answers := make([]<-chan auth.Verdict, n)
	for i := range answers {
		answers[i] = ask(p, fmt.Sprintf("pending %d", i))
	}
	until(t, "all asked", func() bool { return p.Stats().Queued == 0 })
	if s := p.Stats(); s.InFlight != n {
		t.Errorf("in flight: %d", s.InFlight)
	}
	// The engine's watcher of the last calls may take a moment to end.
	until(t, "no goroutine for a pending request", func() bool { return runtime.NumGoroutine() <= before+2 })
	if v := answer(t, p, "another"); v.Decision != auth.Allow {
		t.Errorf("served meanwhile: %+v", v)
	}
	answer(t, p, "talk")
	for i, c := range answers {
		if v := wait(t, c); v.Decision != auth.Allow {
			t.Fatalf("request %d: %+v", i, v)
		}
	}
	if s := p.Stats(); s.InFlight != 0 || s.Faults[FaultDeadline] > 0 {
		t.Errorf("%+v", s)
	}
}

// TestStorm: above the cap the answer is "server busy", at once and without a
// guest call; below it everybody is served.
func TestStorm(t *testing.T) {
	const storm, limit = 10_000, 500
	p := open(t, newHost(t, HostOptions{}), Options{Workers: 1, Limits: Limits{InFlight: limit, Queue: limit, Wall: time.Minute}})
	for range limit {
		ask(p, "pending")
	}
	calls := p.Stats().Calls
	until(t, "all asked", func() bool { return p.Stats().Queued == 0 })
	if got := p.Stats().Calls - calls; got > limit {
		t.Errorf("%d calls", got)
	}
	calls = p.Stats().Calls
	for range storm {
		select {
		case v := <-ask(p, "allow"):
			denied(t, v, mqtt.ServerBusy)
		default:
			t.Fatal("no answer at once")
		}
	}
	c := make(chan auth.Verdict, 1)
	p.Authorize(&auth.Access{ClientID: "allow"}, func(v auth.Verdict) { c <- v })
	if v := wait(t, c); v.Decision != auth.Deny || v.TTL >= 0 {
		t.Errorf("authorize: %+v; a denial for want of room must not be cached", v)
	}
	if s := p.Stats(); s.Busy != storm+1 || s.Calls != calls || s.InFlight != limit {
		t.Errorf("%+v", s)
	}
}

// TestStormServed: a storm within the caps is queued and served, from many
// goroutines to many workers.
func TestStormServed(t *testing.T) {
	p := open(t, newHost(t, HostOptions{}), Options{Workers: 4, Limits: Limits{Wall: time.Minute, AuthenticateSlice: time.Minute}})
	var allowed, busy atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				wg.Add(1)
				p.Authenticate(&auth.Request{ClientID: "allow"}, func(v auth.Verdict) {
					switch {
					case v.Decision == auth.Allow:
						allowed.Add(1)
					case v.Reason == mqtt.ServerBusy:
						busy.Add(1)
					}
					wg.Done()
				})
			}
		})
	}
	wg.Wait()
	if allowed.Load()+busy.Load() != 4000 || allowed.Load() < 1024 {
		t.Errorf("%d allowed, %d busy", allowed.Load(), busy.Load())
	}
	if s := p.Stats(); s.Allowed != uint64(allowed.Load()) || s.InFlight != 0 {
		t.Errorf("%+v", s)
	}
}

// TestHandOver: requests queued behind one that costs its worker the instance
// are served by another worker.
func TestHandOver(t *testing.T) {
	p := open(t, newHost(t, HostOptions{}), Options{Workers: 2, Limits: Limits{AuthenticateSlice: 100 * time.Millisecond}})
	culprit := ask(p, "loop")
	until(t, "it runs", func() bool { return p.Stats().Queued == 0 })
	var answers []<-chan auth.Verdict
	for range 200 {
		answers = append(answers, ask(p, "allow"))
	}
	denied(t, wait(t, culprit), mqtt.ServerUnavailable)
	for _, c := range answers {
		if v := wait(t, c); v.Decision != auth.Allow {
			t.Fatalf("%+v", v)
		}
	}
}

// TestReload swaps the plugin again and again under load: every request is
// answered once, by the old or the new one, or told to try again.
func TestReload(t *testing.T) {
	h := newHost(t, HostOptions{})
	var cur atomic.Pointer[Plugin]
	cur.Store(open(t, h, Options{Workers: 2}))
	stop := make(chan struct{})
	var asked, answered, late atomic.Int64
	var wg sync.WaitGroup
	for n := range 4 {
		client := []string{"allow", "verify", "rules", "allow"}[n]
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				asked.Add(1)
				c := make(chan struct{})
				cur.Load().Authenticate(&auth.Request{ClientID: client}, func(v auth.Verdict) {
					answered.Add(1)
					switch {
					case v.Decision == auth.Allow:
					case v.Reason == mqtt.ServerUnavailable:
						late.Add(1)
					default:
						t.Errorf("%s: %+v", client, v)
					}
					close(c) // panics when called twice
				})
				<-c
			}
		})
	}
	for range 30 {
		old := cur.Swap(open(t, h, Options{Workers: 2}))
		if err := old.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
	if asked.Load() != answered.Load() || late.Load() > asked.Load()/100+30 {
		t.Errorf("%d asked, %d answered, %d of them too late", asked.Load(), answered.Load(), late.Load())
	}
}

// TestWall: a request that the guest never answers is answered by policy at the deadline;
// an answer after that is ignored.
func TestWall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, newHost(t, HostOptions{}), Options{Workers: 1, Limits: Limits{Wall: 5 * time.Second}})
		begin := time.Now()
		first := ask(p, "pending")
		time.Sleep(time.Second)
		second := ask(p, "pending")
		denied(t, <-first, mqtt.ServerUnavailable)
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("first ended after %v", took)
		}
		denied(t, <-second, mqtt.ServerUnavailable)
		if took := time.Since(begin); took != 6*time.Second {
			t.Errorf("second ended after %v", took)
		}
		if v := <-ask(p, "too late"); v.Decision != auth.Allow { // resolves both
			t.Errorf("%+v", v)
		}
		if s := p.Stats(); s.Expired != 2 || s.Ignored != 2 || s.InFlight != 0 || len(s.Faults) > 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestWallWhileDown: requests that wait for a replacement have a deadline too.
func TestWallWhileDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, newHost(t, HostOptions{}), Options{Workers: 1, Limits: Limits{Wall: 50 * time.Millisecond}})
		denied(t, <-ask(p, "unreachable"), mqtt.ServerUnavailable)
		begin := time.Now()
		denied(t, <-ask(p, "allow"), mqtt.ServerUnavailable)
		if took := time.Since(begin); took != 50*time.Millisecond {
			t.Errorf("took %v", took)
		}
		time.Sleep(backoffFirst)
		if v := <-ask(p, "allow"); v.Decision != auth.Allow {
			t.Errorf("%+v", v)
		}
	})
}

// TestClose: requests in flight get their answer, those that the guest never
// answers are denied at the deadline, later ones at once.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := newHost(t, HostOptions{Verify: func(string, []byte) (bool, error) { <-release; return true, nil }})
		p := open(t, h, Options{Workers: 2})
		hashing, forever := ask(p, "verify"), ask(p, "pending")
		synctest.Wait()
		begin := time.Now()
		closed := make(chan error, 1)
		go func() { closed <- p.Close(context.Background()) }()
		synctest.Wait()
		straggler := ask(p, "allow")
		close(release)
		if v := <-straggler; v.Decision != auth.Allow {
			t.Errorf("while it drains: %+v", v)
		}
		if v := <-hashing; v.Decision != auth.Allow {
			t.Errorf("in flight: %+v", v)
		}
		denied(t, <-forever, mqtt.ServerUnavailable)
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("took %v", took)
		}
		denied(t, <-ask(p, "allow"), mqtt.ServerUnavailable)
	})
}

// TestCloseIdle: closing does not wait when there is nothing to wait for.
func TestCloseIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, newHost(t, HostOptions{}), Options{})
		<-ask(p, "allow")
		begin := time.Now()
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("took %v", took)
		}
	})
}

// TestPasswordOutcomes: whatever happens to a hash, its request ends denied.
func TestPasswordOutcomes(t *testing.T) {
	for name, verify := range map[string]VerifyFunc{
		"mismatch": func(string, []byte) (bool, error) { return false, nil },
		"error":    func(string, []byte) (bool, error) { return true, errors.New("bad hash") },
		"panic":    func(string, []byte) (bool, error) { panic("bug") },
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t, newHost(t, HostOptions{Verify: verify}), Options{Workers: 1})
			denied(t, answer(t, p, "verify"), 0)
		})
	}
}

// TestPasswordsBounded: at most HashWorkers hashes run at once, and more than
// fit into the queue are refused.
func TestPasswordsBounded(t *testing.T) {
	var running, most atomic.Int64
	release := make(chan struct{})
	h := newHost(t, HostOptions{HashWorkers: 2, HashQueue: 3, Verify: func(string, []byte) (bool, error) {
		most.Store(max(most.Load(), running.Add(1)))
		<-release
		running.Add(-1)
		return true, nil
	}})
	p := open(t, h, Options{Workers: 1})
	var answers []<-chan auth.Verdict
	for range 2 {
		answers = append(answers, ask(p, "verify"))
	}
	until(t, "two run", func() bool { return running.Load() == 2 })
	for range 3 {
		answers = append(answers, ask(p, "verify"))
	}
	until(t, "queue is full", func() bool { return h.hashes.places.Taken() == 3 })
	denied(t, answer(t, p, "verify"), mqtt.ServerUnavailable) // the guest returns an error
	close(release)
	for _, c := range answers {
		if v := wait(t, c); v.Decision != auth.Allow {
			t.Errorf("%+v", v)
		}
	}
	if most.Load() != 2 {
		t.Errorf("%d at once", most.Load())
	}
}

// TestPasswordsTakeTurns: who sends a thousand passwords keeps nobody else waiting
// for them, and is served in the order in which they came.
func TestPasswordsTakeTurns(t *testing.T) {
	busy, release := make(chan struct{}), make(chan struct{})
	var hashed []string // by the one worker
	h := newHost(t, HostOptions{HashWorkers: 1, Verify: func(hash string, _ []byte) (bool, error) {
		if hash == "first" {
			close(busy)
			<-release
		}
		hashed = append(hashed, hash)
		return true, nil
	}})
	var all sync.WaitGroup
	come := func(from, hash string) (taken bool) {
		all.Add(1)
		if taken = h.verifyHash(netip.MustParseAddr(from), hash, nil, time.Now().Add(time.Minute), func(status, string) { all.Done() }); !taken {
			all.Done()
		}
		return taken
	}
	come("192.0.2.1", "first")
	<-busy
	for i := range 1000 {
		come("192.0.2.1", strconv.Itoa(i))
	}
	for i := range 5 { // of one network
		come(fmt.Sprintf("2001:db8::%d", i), fmt.Sprintf("six %d", i))
	}
	come("192.0.2.2", "victim")
	close(release)
	all.Wait()
	want := []string{"first", "0", "six 0", "victim", "1", "six 1", "2", "six 2", "3", "six 3", "4", "six 4", "5", "6"}
	if got := hashed[:len(want)]; !slices.Equal(got, want) || len(hashed) != 1007 || hashed[1006] != "999" {
		t.Errorf("%d hashed, in the order %v", len(hashed), got)
	}
}

// TestPasswordsHaveSources: what a plugin asks for a client counts for the client's
// address, not for the plugin.
func TestPasswordsHaveSources(t *testing.T) {
	busy, release := make(chan struct{}, 1), make(chan struct{})
	h := newHost(t, HostOptions{HashWorkers: 1, Verify: func(string, []byte) (bool, error) {
		busy <- struct{}{}
		<-release
		return true, nil
	}})
	p := open(t, h, Options{Workers: 1})
	got := make(chan auth.Verdict, 4)
	come := func(from string) {
		p.Authenticate(&auth.Request{ClientID: "verify", Peer: netip.MustParseAddrPort(from)}, func(v auth.Verdict) { got <- v })
	}
	come("192.0.2.1:1")
	<-busy
	come("192.0.2.1:2")
	come("192.0.2.1:3")
	come("[2001:db8::1]:1")
	until(t, "three wait", func() bool { return h.hashes.places.Taken() == 3 })
	h.hashes.mu.Lock()
	one, other := h.hashes.lines[netip.MustParsePrefix("192.0.2.1/32")], h.hashes.lines[netip.MustParsePrefix("2001:db8::/64")]
	if len(h.hashes.lines) != 2 || one == nil || len(one.jobs) != 2 || other == nil || len(other.jobs) != 1 {
		t.Errorf("lines: %v", h.hashes.lines)
	}
	h.hashes.mu.Unlock()
	go func() {
		for range 3 {
			<-busy
		}
	}()
	close(release)
	for range 4 {
		if v := <-got; v.Decision != auth.Allow {
			t.Errorf("%+v", v)
		}
	}
}

// TestPasswordPlaces: a source that fills its share of the queue leaves room for
// others, and has its share again when it has been served; nothing is kept of
// those who have gone.
func TestPasswordPlaces(t *testing.T) {
	var once sync.Once
	busy, release := make(chan struct{}), make(chan struct{})
	h := newHost(t, HostOptions{HashWorkers: 1, HashQueue: 30, Verify: func(string, []byte) (bool, error) {
		once.Do(func() { close(busy) })
		<-release
		return true, nil
	}})
	come := func(from byte) bool {
		return h.verifyHash(netip.AddrFrom4([4]byte{192, 0, 2, from}), "h", nil, time.Now().Add(time.Minute), func(status, string) {})
	}
	come(1)
	<-busy
	for range 100 {
		come(1)
	}
	if n := h.hashes.places.Taken(); n != 10 {
		t.Errorf("one source has %d of 30 places", n)
	}
	for i := range byte(5) {
		if !come(10 + i) {
			t.Errorf("source %d has no place", i)
		}
	}
	close(release)
	until(t, "all are done", func() bool { return h.hashes.places.Taken() == 0 })
	if !come(1) {
		t.Error("who has been served has no place")
	}
	until(t, "it is done", func() bool { return h.hashes.places.Taken() == 0 })
	h.hashes.mu.Lock()
	defer h.hashes.mu.Unlock()
	if len(h.hashes.lines) != 0 || h.hashes.first != nil {
		t.Errorf("%d lines are left", len(h.hashes.lines))
	}
}

// TestPasswordTooLate: nobody hashes for a request that is over.
func TestPasswordTooLate(t *testing.T) {
	var calls atomic.Int64
	h := newHost(t, HostOptions{Verify: func(string, []byte) (bool, error) { calls.Add(1); return true, nil }})
	got := make(chan status, 1)
	password := []byte("secret")
	h.verifyHash(netip.Addr{}, "h", password, time.Now().Add(-time.Second), func(s status, _ string) { got <- s })
	if s := <-got; s != statusTimeout || calls.Load() != 0 || string(password) == "secret" {
		t.Errorf("status %d after %d calls, password %q", s, calls.Load(), password)
	}
}

// TestPanickingCaller: a panic in done costs one verdict, not the worker.
func TestPanickingCaller(t *testing.T) {
	p := open(t, newHost(t, HostOptions{}), Options{Workers: 1})
	p.Authenticate(&auth.Request{ClientID: "rules"}, func(auth.Verdict) { panic("bug") })
	if v := answer(t, p, "allow"); v.Decision != auth.Allow || p.Stats().InFlight != 0 {
		t.Errorf("%+v", v)
	}
}
