package wasm

import (
	"bytes"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/auth"
)

// TestWiped: once a request is over nothing of it is left in the guest's memory
// that the host has put there, whether it fitted into the buffer there was, or
// into a larger one, or into none.
func TestWiped(t *testing.T) {
	for _, name := range []string{"minimal", "behave", "http", "buffer_4k"} {
		o := Options{Workers: 1, Module: guest(t, name), Grants: []string{GrantHTTP, GrantPassword}}
		p := open(t, newHost(t, HostOptions{}), o)
		for _, size := range []int{0, 3000, 5000, 20_000, 60_000} {
			req := &auth.Request{ClientID: "allow", Username: "u", Password: []byte("secret"), AuthData: []byte(strings.Repeat("x", size))}
			c := make(chan auth.Verdict, 1)
			p.Authenticate(req, func(v auth.Verdict) { c <- v })
			wait(t, c)
			answer(t, p, "next") // the worker has done what it does after an answer
			i := p.workers[0].cur
			mem, _ := i.mem.Read(0, i.mem.Size())
			if at := bytes.Index(mem, []byte("secret")); at >= 0 {
				t.Errorf("%s: a password before %d bytes is left at %d", name, size, at)
			}
		}
	}
}
