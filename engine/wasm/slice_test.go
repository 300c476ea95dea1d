package wasm

import (
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// TestSpin: there is no way of not answering that outlasts the slice or holds
// up a garbage collection.
func TestSpin(t *testing.T) {
	h := newHost(t, HostOptions{})
	for name, client := range map[string]string{
		"tight": "a", "blocks": "b", "inner loop": "c", "jump table": "d", "arms": "e",
		"recursion": "f", "tree": "g", "leaves": "h", "fill": "i", "copy": "j",
		"clock": "k", "random": "l", "import in a table": "m", "write": "n", "empty writes": "o",
	} {
		t.Run(name, func(t *testing.T) {
			const slice = 30 * time.Millisecond
			p := open(t, h, Options{Workers: 1, Module: guest(t, "spin"), Limits: Limits{AuthenticateSlice: slice, Wall: time.Minute}})
			begin := time.Now()
			collecting(t, func() { denied(t, answer(t, p, client), mqtt.ServerUnavailable) })
			took := time.Since(begin)
			if s := p.Stats(); s.Faults[FaultDeadline] != 1 {
				t.Errorf("faults %v", s.Faults)
			}
			if took < slice || took > slice+slack {
				t.Errorf("took %v", took)
			}
			t.Log(took)
		})
	}
}
