package wasm

import (
	"context"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
)

// BenchmarkGuardedCall is one call into a guest that does nothing: the price
// of the deadline.
func BenchmarkGuardedCall(b *testing.B) {
	p := open(b, newHost(b, HostOptions{}), Options{Workers: 1, Module: guest(b, "minimal")})
	i := newInstance(p.workers[0])
	if err := i.start(); err != nil {
		b.Fatal(err)
	}
	defer i.close()
	b.ReportAllocs()
	for b.Loop() {
		if err := i.call(&i.abi, time.Second); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkAuthenticate(b *testing.B, p *Plugin, r *auth.Request) {
	b.ReportAllocs()
	c := make(chan auth.Verdict, 1)
	done := func(v auth.Verdict) { c <- v }
	before := p.Stats()
	for b.Loop() {
		p.Authenticate(r, done)
		if v := <-c; v.Decision != auth.Allow {
			b.Fatalf("%+v", v)
		}
	}
	after := p.Stats()
	b.ReportMetric(float64(after.CallTime-before.CallTime)/float64(after.Requests-before.Requests), "guest-ns/op")
}

// BenchmarkAuthenticate is the way of a request to a worker and back, alone,
// in a guest written by hand.
func BenchmarkAuthenticate(b *testing.B) {
	benchmarkAuthenticate(b, open(b, newHost(b, HostOptions{}), Options{Workers: 1}), &auth.Request{ClientID: "rules"})
}

// BenchmarkAuthenticateGo is the same through the Go SDK.
func BenchmarkAuthenticateGo(b *testing.B) {
	p := open(b, newHost(b, HostOptions{CacheDir: goCache}), Options{Workers: 1, Module: goGuest(b)})
	r := fullRequest()
	r.Username = "allow"
	benchmarkAuthenticate(b, p, r)
}

// BenchmarkAuthenticateLoaded keeps all workers busy.
func BenchmarkAuthenticateLoaded(b *testing.B) {
	p := open(b, newHost(b, HostOptions{}), Options{})
	r := &auth.Request{ClientID: "allow"}
	room := make(chan struct{}, 512)
	done := func(auth.Verdict) { <-room }
	b.ReportAllocs()
	for b.Loop() {
		room <- struct{}{}
		p.Authenticate(r, done)
	}
	for range cap(room) {
		room <- struct{}{}
	}
}

// BenchmarkBusy is the answer of a plugin that is full.
func BenchmarkBusy(b *testing.B) {
	p := open(b, newHost(b, HostOptions{}), Options{Workers: 1, Limits: Limits{InFlight: 1, Wall: time.Hour}})
	ask(p, "pending")
	r := &auth.Request{ClientID: "x"}
	done := func(auth.Verdict) {}
	b.ReportAllocs()
	for b.Loop() {
		p.Authenticate(r, done)
	}
}

func BenchmarkEncode(b *testing.B) {
	r := fullRequest()
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		appendAuthenticate(buf[:0], r)
	}
}

func BenchmarkEncodeCertificate(b *testing.B) {
	r := withCert(certificate(b), true)
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		appendTLS(buf[:0], 12, r)
	}
}

func BenchmarkDecision(b *testing.B) {
	text := "\x22\x07\x08\x01\x1a\x03a/#\x22\x07\x08\x01\x1a\x03b/#\x28\x01\x30\xe8\x07"
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeDecision(codeAllow, text, 0); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStart is a new instance, from compiled code.
func BenchmarkStart(b *testing.B) {
	for name, module := range map[string]func(testing.TB) []byte{
		"wat": func(t testing.TB) []byte { return guest(t, "behave") },
		"go":  goGuest,
	} {
		b.Run(name, func(b *testing.B) {
			p := open(b, newHost(b, HostOptions{}), Options{Workers: 1, Module: module(b)})
			for b.Loop() {
				i := newInstance(p.workers[0])
				if err := i.start(); err != nil {
					b.Fatal(err)
				}
				i.close()
			}
		})
	}
}

// BenchmarkOpen is loading a Go plugin whose code is in the disk cache.
func BenchmarkOpen(b *testing.B) {
	module := goGuest(b)
	dir := b.TempDir()
	cycle := func() {
		h := newHost(b, HostOptions{CacheDir: dir})
		p, err := h.Open(context.Background(), Options{Name: "p", Module: module, Workers: 1, Grants: []string{GrantPassword}})
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Close(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	cycle()
	for b.Loop() {
		cycle()
	}
}

// BenchmarkScan reads the sections of a Go guest.
func BenchmarkScan(b *testing.B) {
	module := goGuest(b)
	for b.Loop() {
		if _, err := scan(module); err != nil {
			b.Fatal(err)
		}
	}
}
