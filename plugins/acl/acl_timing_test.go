package main

import (
	"testing"

	"github.com/wicketmq/wicket/sdk/go/wire"
)

// BenchmarkAuthorize is what a session costs the first time: the event read, the
// rules found, the decision written.
func BenchmarkAuthorize(b *testing.B) {
	g := open(b, `{"rules_file":"acl.rules"}`)
	a := &wire.Authorize{ClientID: "c1", Username: "alice", Peer: "192.0.2.7:51234", Listener: "tls:default", Action: wire.Publish, Topics: []wire.Topic{{Topic: "devices/c1/t"}}}
	var req int64
	for b.Loop() {
		req++
		if code := g.Authorize(req, a); code != wire.Pending {
			b.Fatal(code)
		}
		delete(g.Answers, req)
	}
}
