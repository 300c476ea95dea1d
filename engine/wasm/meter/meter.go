// Package meter rewrites WebAssembly modules so that their host can stop them.
//
// Compiled guest code runs on a goroutine that the Go scheduler cannot
// interrupt. A guest in a loop would not only run for ever: the next garbage
// collection would wait for it, and with it the whole process. So the guest
// has to come out by itself. Rewrite adds a counter, the fuel, to a module; the
// code pays from it for what it is about to do, and when the fuel is used up it
// calls a function of the host, which looks at the clock and either gives a
// new filling or ends the call with a panic.
//
// What is paid, and where:
//
//   - Each function at its entry and each loop at its header pays for its own
//     code, without the loops inside it. Whatever is executed has been paid
//     for then: there is no way to run an instruction again except through the
//     header of a loop around it, or the entry of its function.
//   - memory.fill, memory.copy and their like pay for the length they are given.
//   - A call of an imported function takes all that is left: nobody but the
//     clock knows how long it took. To that end every reference to an import,
//     in tables too, is led to a small function that makes the call.
//
// The rewritten module differs in its indexes: it imports one function more,
// behind the others, and has one more type, two more globals and a function
// for each import, all at the end. The original cannot reach them: an index
// beyond its own is refused. Names of functions follow their indexes; other
// custom sections are kept as they are, so offsets into code, as in DWARF,
// do not fit any more.
//
// The package is pure: it is called with a whole module and returns another.
// Any goroutine may call it.
package meter

import (
	"errors"
	"fmt"

	"github.com/wicketmq/wicket/engine/wasm/format"
)

// The function that a rewritten module imports, of type () -> i32. It returns
// the next filling, at most [Full], or does not return.
const (
	Module = "wicket_meter"
	Refill = "refill"
)

// Full is the usual filling. A unit is an iteration of a tiny loop or
// UnitBytes of code, one to ten nanoseconds of common code, so that the host is
// asked for more after some hundred microseconds; code that does nothing but
// miss the caches takes tens of milliseconds, as does one memory.copy of 64 MiB
// (see BenchmarkInterval).
const Full = 1 << 16

// UnitBytes is the size of code that costs one unit.
const UnitBytes = 32

// What operations cost that may take long, in units.
const (
	memoryShift = 7 // a unit for 128 bytes filled or copied
	tableShift  = 4 // a unit for 16 entries of a table
	leaveCost   = 8 // instructions that the engine carries out in Go
)

// accessBytes is what a load or store costs besides its own bytes: it may miss
// all caches.
const accessBytes = 24

// valueBytes is what each value costs that a branch or a call takes along: it
// may have to be moved in memory.
const valueBytes = 4

// Rewrite returns a copy of a module that pays for what it does. The result is
// valid if the original is; whether it is, is for the engine to say, but what
// an original may contain is decoded here strictly and by the same rules.
// Errors complete the sentence "the module …".
func Rewrite(binary []byte) ([]byte, error) {
	m, err := split(binary)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(binary)+len(binary)/2)
	out = append(out, binary[:8]...)
	for _, id := range sectionOrder {
		body, err := m.rewrite(id)
		if err != nil {
			return nil, fmt.Errorf("has a bad %s section: %w", sectionNames[id], err)
		}
		if body != nil {
			out = appendSection(out, id, body)
		}
	}
	for _, custom := range m.customs {
		out = appendSection(out, format.SectionCustom, m.custom(custom))
	}
	return out, nil
}

var errMagic = errors.New("is not a WebAssembly binary of version 1")
