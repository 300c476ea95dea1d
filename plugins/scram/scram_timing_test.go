package main

import (
	"testing"

	"github.com/wicketmq/wicket/plugins/scram/client"
	"github.com/wicketmq/wicket/sdk/go/wire"
)

// What one login costs the guest: two calls. The client's PBKDF2 is not in it.
func BenchmarkLogin(b *testing.B) {
	g := open(b)
	if loadFile(g, `{"users_file":"users"}`, file) != 0 {
		b.Fatal(g.Logs)
	}
	c := &client.Client{Mechanism: "SCRAM-SHA-256", User: "user", Password: "pencil", Nonce: "rOprNGfwEbeRWgbNEkqO"}
	first := wire.Authenticate{ClientID: "c1", Protocol: 5, AuthMethod: c.Mechanism, AuthData: c.First()}
	req := int64(0)
	for b.Loop() {
		req += 2
		g.Authenticate(req, &first)
		b.StopTimer()
		final, err := c.Final(g.Answers[req].AuthData)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		g.Continue(req+1, &wire.AuthContinue{Exchange: uint64(req), AuthMethod: c.Mechanism, AuthData: final})
		if g.Answers[req+1].Code != wire.Allow {
			b.Fatalf("%+v", g.Answers[req+1])
		}
		clear(g.Answers)
	}
}
