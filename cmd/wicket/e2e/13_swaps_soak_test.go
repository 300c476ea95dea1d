//go:build soak

package e2e

import (
	"testing"
	"time"
)

// C4 in full: half a minute, at the rates it names.
func TestSoakSwaps(t *testing.T) {
	f := swapUnderLoad(t, 30*time.Second)
	if want := 30 * swapsPerSecond * 9 / 10; len(f.swap) < want {
		t.Errorf("%d swaps, want %d: is the machine busy with something else?", len(f.swap), want)
	}
	if want := 30 * guestsPerSecond * 9 / 10; len(f.took) < want {
		t.Errorf("%d handshakes, want %d: is the machine busy with something else?", len(f.took), want)
	}
}
