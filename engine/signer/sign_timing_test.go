//go:build linux

package signer

import (
	"io"
	"testing"
	"time"
)

// BenchmarkSign compares a signature of RSA-2048 made in place with one made
// apart, which takes the way there and back besides:
//
//	go test -run '^$' -bench Sign ./engine/signer
func BenchmarkSign(b *testing.B) {
	c := newCrowd(b, 1, io.Discard)
	c.timing.patience = time.Minute
	k := c.Key(rsaKey())
	eventually(b, k, "a signature of the process", func() bool { return c.Stats().Apart > 0 })
	for _, apart := range []bool{false, true} {
		b.Run(map[bool]string{false: "in place", true: "apart"}[apart], func(b *testing.B) {
			c.on.Store(apart)
			before := c.Stats()
			for b.Loop() {
				sign(b, k)
			}
			if after := c.Stats(); (after.Apart > before.Apart) != apart {
				b.Fatalf("%+v", after)
			}
		})
	}
}
