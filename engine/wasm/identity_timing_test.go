package wasm

import (
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/plugins"
)

// BenchmarkCertmap is a CONNECT that the plugin certmap names, on one worker.
func BenchmarkCertmap(b *testing.B) {
	module, _ := plugins.Builtin("certmap")
	p := open(b, newHost(b, HostOptions{CacheDir: goCache}), Options{Workers: 1, Module: module, Grants: []string{},
		Limits: Limits{AuthenticateSlice: time.Second}, Config: []byte(`{"username":"cn","attributes":{"org":"o"}}`)})
	r := withCert(certificate(b), true)
	r.ClientID, r.Listener = "explorer", "tls:default"
	answered := make(chan struct{}, 1)
	done := func(v auth.Verdict) {
		if v.Username == "" {
			b.Error("not named")
		}
		answered <- struct{}{}
	}
	b.ReportAllocs()
	for b.Loop() {
		p.Authenticate(r, done)
		<-answered
	}
}
