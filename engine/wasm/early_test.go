package wasm

import (
	"testing"

	"github.com/wicketmq/wicket/engine/auth"
)

// TestCompletionWhileLoading: what an upstream answers to an instance that is
// being started waits until it has been: an instance gets one call at a time.
func TestCompletionWhileLoading(t *testing.T) {
	p := open(t, newHost(t, HostOptions{}), Options{
		Module: guest(t, "early"), Workers: 1,
		Grants: []string{GrantHTTP}, Upstreams: map[string]Sender{"auth": prompt{}},
	})
	for range 3 {
		until(t, "the answer was heard", func() bool { return answer(t, p, "x").Decision == auth.Allow })
		answer(t, p, "unreachable")
		until(t, "restarted", func() bool { return p.Stats().Up == 1 })
	}
	if f := p.Stats().Faults; f[FaultAbort] != 3 || len(f) != 1 {
		t.Errorf("faults %v", f)
	}
}
