package meter

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/wasm/format"
)

// of is a module with a function of type (i32) -> () and a type of k parameters
// and k results, which is type 1.
func of(k int, locals uint64, code ...[]byte) []byte {
	body := cat([]byte{1}, uv(locals), []byte{typeI32}, cat(code...), []byte{opEnd})
	values := bytes.Repeat([]byte{typeI32}, k)
	return assemble(map[byte][]byte{
		format.SectionType:     cat([]byte{2, typeFunction, 1, typeI32, 0, typeFunction}, uv(uint64(k)), values, uv(uint64(k)), values),
		format.SectionFunction: {1, 0},
		format.SectionTable:    {1, typeFuncref, 1, 1, 1},
		format.SectionMemory:   {1, 0, 1},
		format.SectionCode:     cat([]byte{1}, uv(uint64(len(body))), body),
	})
}

func times(n int, code ...byte) []byte { return bytes.Repeat(code, n) }

// TestBombs: small modules that would keep the compiler busy for minutes, take
// gigabytes or end the process are refused; half as much is not.
func TestBombs(t *testing.T) {
	load := []byte{opLocalGet, 0, 0x28, 0, 0}
	store := []byte{opLocalGet, 0, 0x36, 0, 0}
	leave := []byte{opBlock, emptyBlock, opLocalGet, 0, opBrIf, 0, opEnd}
	for _, tc := range []struct {
		name   string
		bomb   func(n int) []byte
		n      int
		reason string
	}{
		{"branches to one block", func(n int) []byte {
			return of(0, 0, []byte{opBlock, emptyBlock}, times(n, opLocalGet, 0, opBrIf, 0), []byte{opEnd})
		}, 1 << 14, "branches"},
		{"nested ifs, which overflow the compiler's stack", func(n int) []byte {
			return of(0, 0, times(n, opI32Const, 0, opIf, emptyBlock), times(n, opEnd))
		}, 1<<13 + 1, "branches"},
		{"nested loops", func(n int) []byte {
			return of(0, 0, times(n, opLoop, emptyBlock), times(n, opEnd))
		}, 1<<12 + 1, "branches"},
		{"a jump table", func(n int) []byte {
			return of(0, 0, []byte{opLocalGet, 0, opBrTable}, uv(uint64(n)), times(n+1, 0))
		}, 1 << 14, "branches"},
		{"a jump table with values", func(n int) []byte {
			return of(1000, 0, times(1000, opLocalGet, 0), []byte{opBlock, 1, opLocalGet, 0, opBrTable}, uv(uint64(n)), times(n+1, 0), []byte{opEnd}, times(1000, 0x1a))
		}, 240, "values"},
		{"memory.fill", func(n int) []byte {
			return of(0, 0, times(n, opLocalGet, 0, opLocalGet, 0, opLocalGet, 0, opMisc, 11, 0))
		}, 1821, "branches"},
		{"values on the stack", func(n int) []byte {
			return of(0, 0, times(1000, load...), times(n, leave...), times(1000, store...))
		}, 1050, "values alive"},
		{"values from memory, as vectors", func(n int) []byte {
			return of(0, 0, times(1000, opLocalGet, 0, opVector, 0, 0, 0), times(n, leave...), times(1000, 0x1a))
		}, 1050, "values alive"},
		{"values in locals", func(n int) []byte {
			return of(0, 1000, times(n, leave...))
		}, 1050, "up to 1002 values"},
		{"values in loops", func(n int) []byte {
			return of(0, 200, times(n, opLoop, emptyBlock), times(n, opEnd))
		}, 530, "530 loops"},
		{"blocks with values", func(n int) []byte {
			return of(1000, 0, times(1000, opLocalGet, 0), times(n, opBlock, 1, opEnd), times(1000, 0x1a))
		}, 140, "values"},
		{"calls with values", func(n int) []byte {
			return of(1000, 0, times(1000, opLocalGet, 0), times(n, opLocalGet, 0, opCallIndirect, 1, 0), times(1000, 0x1a))
		}, 135, "weigh"},
		{"calls", func(n int) []byte {
			return of(0, 0, times(n, opLocalGet, 0, opCall, 0))
		}, 50_000, "weigh"},
		{"vector instructions", func(n int) []byte {
			return of(0, 0, []byte{opLocalGet, 0, opVector, 15}, times(n, opVector, 98), []byte{0x1a}) // i8x16.popcnt
		}, 32_000, "weigh"},
		{"plain code", func(n int) []byte {
			return of(0, 0, times(n, opI32Const, 0, 0x1a))
		}, 700_000, "weigh"},
		{"locals of many functions", func(n int) []byte {
			return assemble(map[byte][]byte{
				format.SectionType:     {1, typeFunction, 0, 0},
				format.SectionFunction: append(uv(uint64(n)), times(n, 0)...),
				format.SectionCode:     append(uv(uint64(n)), times(n, cat([]byte{6, 1}, uv(50_000), []byte{typeI32, opEnd})...)...),
			})
		}, 22, "and those before it have more than 1048576 locals"},
		{"vector instructions of many functions", func(n int) []byte { // machine code of gigabytes
			body := cat([]byte{0, opLocalGet, 0, opVector, 15}, times(15_900, opVector, 98), []byte{0x1a, opEnd})
			return assemble(map[byte][]byte{
				format.SectionType:     {1, typeFunction, 1, typeI32, 0},
				format.SectionFunction: append(uv(uint64(n)), times(n, 0)...),
				format.SectionCode:     append(uv(uint64(n)), times(n, cat(uv(uint64(len(body))), body)...)...),
			})
		}, 66, "and those before it weigh more than 67108864"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := Rewrite(tc.bomb(tc.n)); err == nil || !strings.Contains(err.Error(), tc.reason) {
				t.Errorf("%v, want %q", err, tc.reason)
			}
			half := tc.bomb(tc.n / 2)
			out, err := Rewrite(half)
			if err != nil {
				t.Fatal(err)
			}
			if err := valid(half); err != nil {
				t.Errorf("the engine refuses the original: the test shows nothing: %v", err)
			}
			if err := valid(out); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestHeight: the walker's idea of the height of the operand stack is right:
// where a function ends by running out of code, its results are what is left.
func TestHeight(t *testing.T) {
	live := 0
	for _, name := range guests(t) {
		m, err := split(read(t, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range sectionOrder {
			if id == format.SectionCode {
				break
			}
			if _, err := m.rewrite(id); err != nil {
				t.Fatal(err)
			}
		}
		r := newReader(m.sections[format.SectionCode])
		n := 0
		r.vector(func() {
			typ := m.defined[n]
			n++
			body := newReader(r.Take(r.U32()))
			w := walker{m: m, pay: m.payment(), src: body.B}
			body.vector(func() { body.U32(); body.valueType() })
			w.frames = []frame{{op: opBlock, pays: true}}
			w.regions = []region{{}}
			dead := false
			for len(body.B) > 1 && body.Err == nil {
				op := body.B[0]
				dead = op == 0 || op == opBr || op == opBrTable || op == opReturn
				w.instruction(body)
			}
			if dead || body.Err != nil {
				return
			}
			live++
			if int(w.height) != m.results[typ] {
				t.Errorf("%s: function %d ends with %d values, not %d", name, len(m.imports)+n-1, w.height, m.results[typ])
			}
		})
		if r.Err != nil {
			t.Fatal(name, r.Err)
		}
	}
	if live < 100 {
		t.Errorf("only %d functions", live)
	}
}

// TestValuesCost: a turn of a loop that passes a thousand values on costs more
// than its few bytes.
func TestValuesCost(t *testing.T) {
	const k = 1000
	count := []byte{opI32Const, 0, opI32Const, 0, 0x28, 0, 0, opI32Const, 1, 0x6a, 0x36, 0, 0} // at address 0
	turn := cat([]byte{opLoop, 1}, count, []byte{opI32Const, 7, opBr, 0, opEnd})
	pay := []byte{opI32Const, 0, opIf, emptyBlock, opEnd} // the function does, so that the loop does for itself
	binary := of(k, 0, pay, times(k, opI32Const, 1), turn, times(k, 0x1a))
	m, err := split(binary)
	if err != nil {
		t.Fatal(err)
	}
	m.sections[format.SectionExport] = cat([]byte{2, 1, 'f', format.KindFunction, 0, 6}, []byte("memory"), []byte{format.KindMemory, 0})
	bodies := map[byte][]byte{}
	for id, body := range m.sections {
		bodies[byte(id)] = body
	}
	asked := 0
	guest, _, err := instance(t, rewrite(t, assemble(bodies)), func() int32 {
		if asked++; asked > 2 { // the first is for an empty fuel
			return -1
		}
		return Full
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := guest.ExportedFunction("f").Call(t.Context(), 0); !errors.Is(err, errStopped) {
		t.Fatal(err)
	}
	turns, _ := guest.Memory().ReadUint32Le(0)
	if most := uint32(2 * Full * UnitBytes / (k * valueBytes)); turns == 0 || turns > most {
		t.Errorf("%d turns for two fillings, want at most %d", turns, most)
	}
}
