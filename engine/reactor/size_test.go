package reactor

import (
	"testing"
	"unsafe"
)

// Of conn there is one for each connection; 256 bytes is what the allocator
// gives for anything above 240. The others are for those that need them.
func TestSizes(t *testing.T) {
	for _, c := range []struct {
		name      string
		size, max uintptr
	}{
		{"conn", unsafe.Sizeof(conn{}), 256},
		{"aside", unsafe.Sizeof(aside{}), 48},
		{"kept", unsafe.Sizeof(kept{}), 64},
		{"sources", unsafe.Sizeof(sources{}), 128<<10 + 64},
	} {
		t.Logf("%-8s %d bytes", c.name, c.size)
		if c.size > c.max {
			t.Errorf("%s has %d bytes, want at most %d", c.name, c.size, c.max)
		}
	}
}
