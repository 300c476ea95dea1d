package wasm

import (
	"strings"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
)

func TestAnswers(t *testing.T) {
	p := open(t, newHost(t, HostOptions{}), Options{Workers: 1})
	for _, tc := range []struct {
		client string
		want   auth.Verdict
	}{
		{"deny", auth.Verdict{}},
		{"allow", auth.Verdict{Decision: auth.Allow}},
		{"next", auth.Verdict{Decision: auth.Next}},
		{"host", auth.Verdict{Decision: auth.Allow}},
		{"2 resolve twice", auth.Verdict{Decision: auth.Allow}},
		{"x foreign", auth.Verdict{}},
		{"verify", auth.Verdict{Decision: auth.Allow}},
		{"Wrong", auth.Verdict{}},
		{"-1", auth.Verdict{Reason: mqtt.ServerUnavailable}},
	} {
		v := answer(t, p, tc.client)
		if v.Decision != tc.want.Decision || v.Reason != tc.want.Reason || v.Default != tc.want.Default {
			t.Errorf("%q: %+v, want %+v", tc.client, v, tc.want)
		}
	}
	s := p.Stats()
	if len(s.Faults) > 0 || s.Ignored != 5 || s.InFlight != 0 || s.Requests != 9 {
		t.Errorf("%+v", s)
	}

	v := answer(t, p, "rules")
	want := auth.Rule{Permit: true, Actions: auth.Publish | auth.Subscribe, Filter: "a/#"}
	if v.Decision != auth.Allow || len(v.Rules) != 1 || v.Rules[0] != want || v.Default != auth.Allow || v.TTL != time.Second {
		t.Errorf("%+v", v)
	}
}

// TestLargeRequest: a message of any size reaches a guest that has a buffer
// for it; one without loses the request and nothing else.
func TestLargeRequest(t *testing.T) {
	h := newHost(t, HostOptions{})
	large := func(p *Plugin, client string, size int) auth.Verdict {
		c := make(chan auth.Verdict, 1)
		p.Authenticate(&auth.Request{ClientID: client, Password: []byte(strings.Repeat("x", size))}, func(v auth.Verdict) { c <- v })
		return wait(t, c)
	}
	p := open(t, h, Options{Workers: 1})
	small := open(t, h, Options{Workers: 1, Module: guest(t, "buffer_small")})
	tiny := open(t, h, Options{Workers: 1, Module: guest(t, "buffer_4k")})
	for _, size := range []int{10, 4000, 5000, 65535, 1 << 20, 10} {
		if v := large(p, "allow", size); v.Decision != auth.Allow {
			t.Errorf("%d bytes: %+v", size, v)
		}
		v := large(tiny, "allow", size)
		if fits := size <= 4000; fits != (v.Decision == auth.Allow) || !fits && v.Reason != mqtt.ServerUnavailable {
			t.Errorf("%d bytes for a guest with 4 KiB: %+v", size, v)
		}
	}
	for _, p := range []*Plugin{p, tiny} {
		if s := p.Stats(); len(s.Faults) > 0 {
			t.Errorf("%v", s.Faults)
		}
	}
	denied(t, large(small, "allow", 1<<20), mqtt.ServerUnavailable) // claims to have a buffer of any size
	if s := small.Stats(); s.Faults[FaultPointer] != 1 {
		t.Errorf("%v", s.Faults)
	}
}

// TestTooLargeToAsk: nobody is permitted a topic because the question about it is too
// large for the guest, also where on_error and authz.no_match would let it pass.
func TestTooLargeToAsk(t *testing.T) {
	p := open(t, newHost(t, HostOptions{}), Options{Workers: 1, OnError: auth.Next, Limits: Limits{MemoryPages: 4}})
	much := strings.Repeat("x", 60_000)
	c := make(chan auth.Verdict, 1)
	p.Authorize(&auth.Access{ClientID: "allow", Items: []auth.Item{{Topic: "secret"}, {Topic: much}, {Topic: much}, {Topic: much}, {Topic: much}, {Topic: much}}}, func(v auth.Verdict) { c <- v })
	if v := wait(t, c); v.Decision != auth.Deny || len(v.Items) > 0 {
		t.Errorf("%+v", v)
	}
	p.Authenticate(&auth.Request{ClientID: "allow", UserProperties: []auth.Property{{Key: much, Value: much}, {Key: much, Value: much}, {Key: much}}}, func(v auth.Verdict) { c <- v })
	if v := wait(t, c); v.Decision != auth.Next { // which lets nobody in
		t.Errorf("%+v", v)
	}
}

// TestOversized: a packet of very many parts does not reach the guest.
func TestOversized(t *testing.T) {
	p := open(t, newHost(t, HostOptions{}), Options{Workers: 1})
	c := make(chan auth.Verdict, 1)
	for n, want := range map[int]auth.Decision{maxAskedProperties: auth.Allow, maxAskedProperties + 1: auth.Deny} {
		p.Authenticate(&auth.Request{ClientID: "allow", UserProperties: make([]auth.Property, n)}, func(v auth.Verdict) { c <- v })
		if v := wait(t, c); v.Decision != want {
			t.Errorf("%d properties: %+v", n, v)
		}
	}
	for n, want := range map[int]auth.Decision{maxAskedItems: auth.Allow, maxAskedItems + 1: auth.Deny} {
		p.Authorize(&auth.Access{ClientID: "allow", Items: make([]auth.Item, n)}, func(v auth.Verdict) { c <- v })
		if v := wait(t, c); v.Decision != want {
			t.Errorf("%d items: %+v", n, v)
		}
	}
	if s := p.Stats(); s.TooLarge != 2 || len(s.Faults) > 0 {
		t.Errorf("%+v", s)
	}
}
