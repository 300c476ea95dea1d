package wasm

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
)

// BenchmarkObserve is what an event costs the event loop that tells of it, and
// BenchmarkEvent what it costs until the guest has heard it.
func BenchmarkObserve(b *testing.B) {
	p := observing(b)
	p.workers[0].up.Store(false) // nobody takes them
	e := event(auth.EventConnected, "sensor-1")
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if p.Observe(e); n%512 == 511 {
			for range 512 {
				p.queue.take()
			}
		}
	}
}

func BenchmarkEvent(b *testing.B) {
	p := observing(b)
	e := event(auth.EventConnected, "sensor-1")
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		p.Observe(e)
		if n++; n%1000 == 0 {
			_ = p.Settle(context.Background())
		}
	}
	_ = p.Settle(context.Background())
	if s := p.Stats(); s.EventsDropped > 0 {
		b.Fatalf("%d dropped", s.EventsDropped)
	}
}

func observing(b *testing.B) *Plugin {
	return open(b, newHost(b, HostOptions{}), Options{
		Module: guest(b, "keeper"), Grants: keeperGrants, Workers: 1, Events: []string{"connected"},
		Limits: Limits{AuthenticateSlice: time.Second},
	})
}

// BenchmarkKVAdd is a CONNECT whose guest counts it.
func BenchmarkKVAdd(b *testing.B) {
	p := observing(b)
	c := make(chan auth.Verdict, 1)
	done := func(v auth.Verdict) { c <- v }
	var ids [1024]string
	for i := range ids {
		ids[i] = "a192.0.2." + strconv.Itoa(i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.Authenticate(&auth.Request{ClientID: ids[i%len(ids)]}, done)
		<-c
	}
}

// TestObserveAllocates nothing beside the event itself.
func TestObserveAllocatesNothing(t *testing.T) {
	k := newKeeper(t, Options{Events: []string{"connected"}})
	k.workers[0].up.Store(false)
	e, other := event(auth.EventConnected, "a"), event(auth.EventDenied, "a")
	k.Observe(e)
	if n := testing.AllocsPerRun(100, func() {
		k.Observe(e)
		k.Observe(other)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	k.workers[0].up.Store(true)
}
