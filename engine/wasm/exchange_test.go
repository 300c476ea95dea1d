package wasm

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
)

// begin asks the Go guest about a client with an authentication method; the
// guest repeats what it says.
func begin(t *testing.T, p *Plugin, data string) auth.Verdict {
	t.Helper()
	c := make(chan auth.Verdict, 1)
	p.Authenticate(&auth.Request{ClientID: "c", Username: "talk", HasUsername: true, AuthMethod: "ECHO", AuthData: []byte(data)},
		func(v auth.Verdict) { c <- v })
	return wait(t, c)
}

func goOn(t *testing.T, v auth.Verdict, data string) auth.Verdict {
	t.Helper()
	if v.Decision != auth.Continue {
		t.Fatalf("no exchange: %+v", v)
	}
	c := make(chan auth.Verdict, 1)
	v.Dialog.Continue([]byte(data), func(v auth.Verdict) { c <- v })
	return wait(t, c)
}

func openTalk(t *testing.T, o Options) *Plugin {
	t.Helper()
	o.Module = goGuest(t)
	if o.Limits.AuthenticateSlice == 0 {
		o.Limits.AuthenticateSlice = time.Second
	}
	return open(t, newHost(t, HostOptions{CacheDir: goCache}), o)
}

// rested expects that no exchange is left.
func rested(t *testing.T, p *Plugin) {
	t.Helper()
	until(t, "no exchange is left", func() bool { s := p.Stats(); return s.Exchanging == 0 && s.InFlight == 0 })
}

// An exchange stays with its instance, however many there are, and its host calls
// belong to the question that is open.
func TestExchange(t *testing.T) {
	p := openTalk(t, Options{Workers: 3})
	var wg sync.WaitGroup
	for n := range 30 {
		wg.Go(func() {
			v := begin(t, p, "hi")
			for k := range 5 {
				word := fmt.Sprint(n, k)
				if v = goOn(t, v, word); string(v.AuthData) != word+"?" {
					t.Errorf("%q: %+v", word, v)
				}
			}
			if v = goOn(t, v, "allow"); v.Decision != auth.Allow || string(v.AuthData) != "welcome" || v.Default != auth.Allow {
				t.Errorf("%+v", v)
			}
		})
	}
	wg.Wait()
	for _, c := range []struct {
		word string
		want auth.Decision
	}{{"plain", auth.Allow}, {"deny", auth.Deny}, {"next", auth.Next}, {"panic", auth.Deny}} {
		if v := goOn(t, begin(t, p, "hi"), c.word); v.Decision != c.want {
			t.Errorf("%s: %+v", c.word, v)
		}
	}
	rested(t, p)
	if s := p.Stats(); len(s.Faults) > 0 || s.Continued != 30*6+4 || s.Ignored > 0 {
		t.Errorf("%+v", s)
	}
}

// The guest hears of an end, and that what it says then is for nobody.
func TestExchangeEnd(t *testing.T) {
	p := openTalk(t, Options{Workers: 1})
	var all []auth.Verdict
	for range 100 {
		all = append(all, begin(t, p, "hi"))
	}
	if n := p.Stats().Exchanging; n != 100 {
		t.Errorf("%d exchanges", n)
	}
	for _, v := range all {
		v.Dialog.End()
	}
	rested(t, p)
	// The guest has answered all of them to itself, and serves on.
	if v := wait(t, askAs(p, "allow")); v.Decision != auth.Allow {
		t.Errorf("%+v", v)
	}
	if s := p.Stats(); len(s.Faults) > 0 || s.Ignored > 0 {
		t.Errorf("%+v", s)
	}
}

// A host call in an exchange is one of its question, whose time it ends with.
func TestExchangeCalls(t *testing.T) {
	release := make(chan struct{})
	h := newHost(t, HostOptions{CacheDir: goCache, HashWorkers: 1, Verify: func(string, []byte) (bool, error) { <-release; return true, nil }})
	p := open(t, h, Options{Workers: 1, Module: goGuest(t), OnError: auth.Next,
		Limits: Limits{AuthenticateSlice: time.Second, Wall: 300 * time.Millisecond}})
	v := goOn(t, begin(t, p, "hi"), "verify")
	denied(t, v, mqtt.ServerUnavailable) // and not Next: nobody else can go on
	close(release)
	rested(t, p)
	if v := goOn(t, begin(t, p, "hi"), "verify"); v.Decision != auth.Allow {
		t.Errorf("%+v", v)
	}
}

// With its instance an exchange is lost; a new one begins with another.
func TestExchangeFault(t *testing.T) {
	p := openTalk(t, Options{Workers: 1, Limits: Limits{AuthenticateSlice: 300 * time.Millisecond}})
	v, other := begin(t, p, "hi"), begin(t, p, "hi")
	denied(t, goOn(t, v, "spin"), mqtt.ServerUnavailable)
	denied(t, goOn(t, other, "allow"), mqtt.ServerUnavailable)
	other.Dialog.End()
	rested(t, p)
	until(t, "a new instance", func() bool { return p.Stats().Up == 1 })
	if v := goOn(t, begin(t, p, "hi"), "allow"); v.Decision != auth.Allow {
		t.Errorf("%+v", v)
	}
}

// There is a limit to what clients that never answer can make a plugin keep, and
// those beyond it are told at once, the guest too.
func TestExchangeLimit(t *testing.T) {
	p := openTalk(t, Options{Workers: 1, Limits: Limits{InFlight: 3}})
	first := begin(t, p, "hi")
	begin(t, p, "hi")
	last := begin(t, p, "hi")
	denied(t, begin(t, p, "hi"), mqtt.ServerBusy)
	if v := goOn(t, first, "allow"); v.Decision != auth.Allow {
		t.Errorf("%+v", v)
	}
	begin(t, p, "hi")
	if n := p.Stats().Exchanging; n != 3 {
		t.Errorf("%d exchanges", n)
	}
	last.Dialog.End()
	until(t, "one has ended", func() bool { return p.Stats().Exchanging == 2 })
}

// Clients that never answer leave places to those from elsewhere.
func TestExchangeSources(t *testing.T) {
	p := openTalk(t, Options{Workers: 1, Limits: Limits{InFlight: 12}})
	from := func(peer string) auth.Verdict {
		c := make(chan auth.Verdict, 1)
		p.Authenticate(&auth.Request{Username: "talk", HasUsername: true, AuthMethod: "ECHO", AuthData: []byte("hi"),
			Peer: netip.MustParseAddrPort(peer)}, func(v auth.Verdict) { c <- v })
		return wait(t, c)
	}
	for n := range 12 {
		if v := from(fmt.Sprintf("[2001:db8::%d]:1", n)); v.Decision != auth.Continue {
			denied(t, v, mqtt.ServerBusy)
		}
	}
	v := from("192.0.2.1:1")
	if v = goOn(t, v, "allow"); v.Decision != auth.Allow {
		t.Errorf("somebody else: %+v", v)
	}
	until(t, "those beyond are over", func() bool { return p.Stats().Exchanging == 4 })
}

// Clients that send much and never answer do not use up the guest's memory, and
// leave room to those from elsewhere.
func TestExchangeMemory(t *testing.T) {
	p := openTalk(t, Options{Workers: 1})
	much := strings.Repeat("x", 60_000)
	from := func(peer, data string) auth.Verdict {
		c := make(chan auth.Verdict, 1)
		p.Authenticate(&auth.Request{Username: "talk", HasUsername: true, AuthMethod: "ECHO", AuthData: []byte(data),
			Peer: netip.MustParseAddrPort(peer)}, func(v auth.Verdict) { c <- v })
		return wait(t, c)
	}
	n := 0
	for v := from("192.0.2.1:1", much); v.Decision == auth.Continue; v = from("192.0.2.1:1", much) {
		if n++; n > 2000 {
			t.Fatal("no end")
		}
	}
	if n < 50 {
		t.Errorf("only %d exchanges", n)
	}
	v := from("192.0.2.2:1", "hi")
	for range 5 { // what is said later counts too
		if v = goOn(t, v, much); v.Decision != auth.Continue {
			t.Fatalf("somebody else: %+v", v)
		}
	}
	if v = goOn(t, v, "allow"); v.Decision != auth.Allow {
		t.Errorf("somebody else: %+v", v)
	}
	if s := p.Stats(); len(s.Faults) > 0 || s.Exchanging != n {
		t.Errorf("%d exchanges, want %d; faults %v", s.Exchanging, n, s.Faults)
	}
}

// What waits in a guest has a third of its memory at most, and less of it may come
// from one source, so that large CONNECTs do not cost others theirs.
func TestWaitingMemory(t *testing.T) {
	p := open(t, newHost(t, HostOptions{}), Options{Workers: 1, Limits: Limits{MemoryPages: 32, Wall: 2 * time.Second}})
	from := func(peer string) chan auth.Verdict {
		c := make(chan auth.Verdict, 1)
		p.Authenticate(&auth.Request{ClientID: "pending", Username: strings.Repeat("x", 30_000), Peer: netip.MustParseAddrPort(peer)},
			func(v auth.Verdict) { c <- v })
		return c
	}
	for range 50 {
		from("192.0.2.1:1")
	}
	until(t, "all are asked or refused", func() bool { return p.Stats().Queued == 0 })
	if s := p.Stats(); s.InFlight < 2 || s.InFlight > 10 || s.Busy != uint64(50-s.InFlight) || len(s.Faults) > 0 {
		t.Errorf("%d wait, %d are refused, faults %v", s.InFlight, s.Busy, s.Faults)
	}
	before := p.Stats().InFlight
	from("192.0.2.2:1")
	until(t, "somebody else is asked", func() bool { s := p.Stats(); return s.Queued == 0 && s.InFlight == before+1 })
	until(t, "all have their answer", func() bool { return p.Stats().InFlight == 0 })
	from("192.0.2.1:1")
	until(t, "there is room again", func() bool { s := p.Stats(); return s.Queued == 0 && s.InFlight == 1 })
}

// What a client says in the middle of an exchange may be too much as well; the guest
// hears that it is over.
func TestExchangeTalksTooMuch(t *testing.T) {
	for _, how := range []string{"4", "m"} { // by the code, and by resolve
		p, log := openSmallTalk(t, Options{Workers: 1, Limits: Limits{MemoryPages: 20}})
		v := begin(t, p, "hi")
		for n := 0; v.Decision == auth.Continue; n++ {
			if n > 100 {
				t.Fatal("no end")
			}
			v = goOn(t, v, strings.Repeat("x", 9000)+how)
		}
		denied(t, v, mqtt.ServerBusy)
		rested(t, p)
		until(t, "the guest hears of it", func() bool { return log.ended.Load() == 1 })
		if v := begin(t, p, "hi"); v.Decision != auth.Continue {
			t.Errorf("what it had is not free again: %+v", v)
		}
	}
}

// What the queue has no room for ends the exchange, and the guest hears of it.
func TestExchangeQueueFull(t *testing.T) {
	p := openTalk(t, Options{Workers: 1, Limits: Limits{Queue: 1, AuthenticateSlice: 2 * time.Second}})
	v := begin(t, p, "hi")
	busy := make(chan auth.Verdict, 9)
	slow := begin(t, p, "hi")
	slow.Dialog.Continue([]byte("nap"), func(v auth.Verdict) { busy <- v })
	until(t, "the guest is busy", func() bool { s := p.Stats(); return s.Queued == 0 && s.InFlight == 1 })
	p.Authenticate(&auth.Request{Username: "allow", HasUsername: true}, func(v auth.Verdict) { busy <- v })
	denied(t, goOn(t, v, "allow"), mqtt.ServerBusy)
	for range 2 {
		if v := wait(t, busy); v.Dialog != nil {
			v.Dialog.End()
		}
	}
	rested(t, p)
}

// CONTINUE where there is no exchange is a fault.
func TestContinueWithoutMethod(t *testing.T) {
	p := openTalk(t, Options{Workers: 1})
	if v := wait(t, askAs(p, "talk")); v.Decision != auth.Deny {
		t.Errorf("%+v", v)
	}
	until(t, "the fault is counted", func() bool { return p.Stats().Faults[FaultMalformed] == 1 })
	rested(t, p)
}

// An exchange that nobody goes on with does not outlive its plugin.
func TestExchangeClose(t *testing.T) {
	p := openTalk(t, Options{Workers: 1})
	v := begin(t, p, "hi")
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	denied(t, goOn(t, v, "allow"), mqtt.ServerUnavailable)
	v.Dialog.End()
	if n := p.Stats().Exchanging; n != 0 {
		t.Errorf("%d exchanges", n)
	}
}

// The tests below have a small guest, so that the race detector has a look too.

func openSmallTalk(t *testing.T, o Options) (*Plugin, *memoryLog) {
	t.Helper()
	log := new(memoryLog)
	o.Module = guest(t, "talk")
	return open(t, newHost(t, HostOptions{Log: slog.New(log)}), o), log
}

// memoryLog counts the lines that say that an exchange has ended.
type memoryLog struct{ ended atomic.Int64 }

func (l *memoryLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *memoryLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *memoryLog) WithGroup(string) slog.Handler            { return l }
func (l *memoryLog) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "ended" {
		l.ended.Add(1)
	}
	return nil
}

// Many clients at once, in all the ways in which an exchange can go.
func TestExchangeStorm(t *testing.T) {
	p, _ := openSmallTalk(t, Options{Workers: 3, Limits: Limits{Wall: 5 * time.Second}})
	var wg sync.WaitGroup
	for n := range 16 {
		wg.Go(func() {
			for k := range 40 {
				v := begin(t, p, "hi")
				for range k % 3 {
					if v = goOn(t, v, "m"); string(v.AuthData) != "more" {
						t.Errorf("%+v", v)
						return
					}
				}
				switch (n + k) % 4 {
				case 0:
					v.Dialog.End()
				case 1:
					if v = goOn(t, v, "0"); v.Decision != auth.Deny {
						t.Errorf("%+v", v)
					}
				case 2:
					if v = goOn(t, v, "2"); v.Decision != auth.Next {
						t.Errorf("%+v", v)
					}
				default:
					if v = goOn(t, v, "1"); v.Decision != auth.Allow {
						t.Errorf("%+v", v)
					}
				}
			}
		})
	}
	wg.Wait()
	rested(t, p)
	if s := p.Stats(); len(s.Faults) > 0 || s.Requests != s.Allowed+s.Denied+s.Next+s.Continued {
		t.Errorf("%+v", s)
	}
}

// An instance that is replaced because it has grown stays until its exchanges are
// over, and new ones begin with the other.
func TestExchangeGrownInstance(t *testing.T) {
	p, _ := openSmallTalk(t, Options{Workers: 1})
	a, b := begin(t, p, "hi"), begin(t, p, "hi")
	a = goOn(t, a, "g")
	until(t, "another instance", func() bool { return p.Stats().Recycled == 1 })
	c := begin(t, p, "hi")
	for _, v := range []auth.Verdict{a, b, c} {
		if v = goOn(t, goOn(t, v, "m"), "1"); v.Decision != auth.Allow {
			t.Errorf("%+v", v)
		}
	}
	rested(t, p)
	if s := p.Stats(); len(s.Faults) > 0 || s.Recycled != 1 {
		t.Errorf("%+v", s)
	}
}

// An instance that fails takes its exchanges along, also those whose answer is on
// its way; the guest of another worker keeps its own.
func TestExchangeInstanceLost(t *testing.T) {
	p, log := openSmallTalk(t, Options{Workers: 1})
	a, b, c := begin(t, p, "hi"), begin(t, p, "hi"), begin(t, p, "hi")
	denied(t, goOn(t, a, "9"), mqtt.ServerUnavailable)
	denied(t, goOn(t, b, "1"), mqtt.ServerUnavailable)
	c.Dialog.End()
	rested(t, p)
	until(t, "another instance", func() bool { return p.Stats().Up == 1 })
	if v := goOn(t, begin(t, p, "hi"), "1"); v.Decision != auth.Allow {
		t.Errorf("%+v", v)
	}
	if log.ended.Load() != 0 {
		t.Error("an instance was told of the exchanges of another")
	}
}

// A question that is not answered in time ends its exchange; one that was never
// put to the guest ends it too, and then the guest is told.
func TestExchangeTime(t *testing.T) {
	p, log := openSmallTalk(t, Options{Workers: 1, OnError: auth.Next, Limits: Limits{Wall: 100 * time.Millisecond}})
	v := begin(t, p, "hi")
	denied(t, goOn(t, v, "3"), mqtt.ServerUnavailable)
	rested(t, p)
	if n := log.ended.Load(); n != 0 {
		t.Errorf("told %d times of an end that the guest has caused", n)
	}
	v = begin(t, p, "hi")
	v.Dialog.End()
	until(t, "the guest is told", func() bool { return log.ended.Load() == 1 })
	large := begin(t, p, "hi")
	denied(t, goOn(t, large, strings.Repeat("x", 65535)), mqtt.ServerUnavailable)
	until(t, "the guest is told of an answer that it has no room for", func() bool { return log.ended.Load() == 2 })
	v.Dialog.End() // once is enough
	v.Dialog.Continue([]byte("1"), func(auth.Verdict) {})
	rested(t, p)
}
