package meter

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/wasm/format"
)

// FuzzRewrite: no input makes it panic; what the engine accepts it accepts
// rewritten; and what the engine refuses does not become valid.
func FuzzRewrite(f *testing.F) {
	for _, name := range guests(f) {
		if b := read(f, name); len(b) < 1<<16 {
			f.Add(b)
		}
	}
	f.Add(small([]byte{opLocalGet, 0}, nil))
	f.Add(endless([]byte{opLoop, emptyBlock, opCall, 0, opBr, 0, opEnd}))
	f.Fuzz(func(t *testing.T, binary []byte) {
		if len(binary) > 1<<12 {
			return
		}
		out, err := Rewrite(binary)
		if err != nil {
			return
		}
		// Of bad names the engine is not asked: it makes room for as many as a
		// section says it has, which may be billions. The rewriter leaves them out.
		if bytes.Contains(binary, []byte("name")) {
			return
		}
		before, after := valid(binary), valid(out)
		if (before == nil) != (after == nil) {
			t.Fatalf("before: %v; after: %v", before, after)
		}
	})
}

// maxLoops bounds the loops of a function, so that nested ones end soon.
const maxLoops = 5

// generator writes random functions that end: their loops count down.
type generator struct {
	*rand.Rand
	code  []byte
	depth int
	loops int  // so many of the locals from 4 on count turns
	turns bool // in a loop
	calls int  // functions that may be called: those before
}

func (g *generator) emit(b ...byte) { g.code = append(g.code, b...) }

// value leaves an i32 on the stack.
func (g *generator) value(depth int) {
	switch n := g.IntN(9); {
	case depth <= 0 || n < 2:
		g.emit(opI32Const, byte(g.IntN(64)))
	case n < 4:
		g.emit(opLocalGet, byte(g.IntN(4)))
	case n == 4 && g.calls > 0 && !g.turns: // it must end within a life
		g.value(depth - 1)
		g.emit(opCall, byte(1+g.IntN(g.calls)))
	case n == 5: // i32.load8_u of what is within reach
		g.value(depth - 1)
		g.emit(opI32Const, 0xff, 0x00, 0x71, 0x2d, 0, 0)
	case n == 6:
		g.emit(opGlobalGet, 0)
	case n == 7: // a block with a value
		g.emit(opBlock, typeI32)
		g.value(depth - 1)
		g.value(depth - 1)
		g.emit(opBrIf, 0, opEnd)
	default:
		g.value(depth - 1)
		g.value(depth - 1)
		g.emit([]byte{0x6a, 0x6b, 0x6c, 0x71, 0x72, 0x73, 0x74, 0x46, 0x49}[g.IntN(9)])
	}
}

// statement leaves the stack as it is. open is the number of blocks that may be
// left forwards.
func (g *generator) statement(open int) {
	g.depth++
	defer func() { g.depth-- }()
	n := g.IntN(9)
	if g.depth > 6 {
		n = 0
	}
	switch n {
	case 0:
		g.value(3)
		g.emit(0x21, byte(g.IntN(4)))
	case 1:
		g.value(3)
		g.emit(opGlobalSet, 0)
	case 2:
		g.value(2)
		g.emit(opIf, emptyBlock)
		g.statement(open + 1)
		g.emit(opElse)
		g.statement(open + 1)
		g.emit(opEnd)
	case 3:
		g.emit(opBlock, emptyBlock)
		g.statement(open + 1)
		g.value(1)
		g.emit(opBrIf, byte(g.IntN(open+1)))
		g.statement(open + 1)
		g.emit(opEnd)
	case 4:
		if g.loops == maxLoops {
			return
		}
		local, before := byte(4+g.loops), g.turns
		g.loops++
		g.turns = true
		g.emit(opI32Const, byte(g.IntN(5)), 0x21, local, opLoop, emptyBlock)
		g.statement(0)
		g.emit(opLocalGet, local, opI32Const, 1, opI32Sub, 0x22, local)
		g.emit(opI32Const, 0, 0x4a, opBrIf, 0, opEnd) // while it is above 0
		g.turns = before
	case 5: // a jump table
		g.emit(opBlock, emptyBlock, opBlock, emptyBlock)
		g.value(2)
		g.emit(opBrTable, 2, 0, 1, 0, opEnd)
		g.statement(open + 1)
		g.emit(opEnd)
	case 6: // memory.fill of a few bytes
		g.emit(opI32Const, 0)
		g.value(1)
		g.value(1)
		g.emit(opI32Const, 0xff, 0x00, 0x71, opMisc, 11, 0)
	case 7: // the imported function
		g.value(1)
		g.value(1)
		g.emit(opCall, 0, 0x21, byte(g.IntN(4)))
	default:
		g.statement(open)
		g.statement(open)
	}
}

// program is a random module of four functions, each of which may call those
// before it; f0 … f3 are exported.
func program(seed uint64) []byte {
	const functions = 4
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1))}
	code := []byte{functions}
	exports := []byte{functions + 1, 6, 'm', 'e', 'm', 'o', 'r', 'y', format.KindMemory, 0}
	for k := range byte(functions) {
		g.code, g.loops, g.calls = []byte{1, 3 + maxLoops, typeI32}, 0, int(k)
		for range 3 {
			g.statement(0)
		}
		g.value(3)
		g.emit(opEnd)
		code = append(appendU32(code, uint32(len(g.code))), g.code...)
		exports = append(exports, 2, 'f', '0'+k, format.KindFunction, 1+k)
	}
	return assemble(map[byte][]byte{
		format.SectionType:     {2, typeFunction, 1, typeI32, 1, typeI32, typeFunction, 2, typeI32, typeI32, 1, typeI32},
		format.SectionImport:   cat([]byte{1, 3}, []byte("env"), []byte{3}, []byte("add"), []byte{format.KindFunction, 1}),
		format.SectionFunction: {functions, 0, 0, 0, 0},
		format.SectionMemory:   {1, 0, 1},
		format.SectionGlobal:   {1, typeI32, 1, opI32Const, 5, opEnd},
		format.SectionExport:   exports,
		format.SectionCode:     code,
	})
}

// run calls f0 … f3 of a program and writes down what comes of it.
func run(t *testing.T, binary []byte, fill func() int32) string {
	t.Helper()
	m, _, err := instance(t, binary, fill)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for k := range 4 {
		for arg := range uint64(3) {
			got, err := m.ExportedFunction(fmt.Sprint("f", k)).Call(context.Background(), arg)
			fmt.Fprint(&b, k, arg, got, err, "\n")
		}
	}
	mem, _ := m.Memory().Read(0, 128)
	fmt.Fprintf(&b, "%x", mem)
	return b.String()
}

// TestRandomPrograms: random code does the same when it pays for it.
func TestRandomPrograms(t *testing.T) {
	n := uint64(100)
	if testing.Short() {
		n = 10
	}
	asked := 0
	for seed := range n {
		binary := program(seed)
		want := run(t, binary, nil)
		got := run(t, rewrite(t, binary), func() int32 { asked++; return int32(seed % 3) })
		if got != want {
			name := fmt.Sprintf("%s/%d.wasm", t.TempDir(), seed)
			_ = os.WriteFile(name, binary, 0o600)
			t.Fatalf("seed %d (%s): got\n%s\nwant\n%s", seed, name, got, want)
		}
	}
	if asked == 0 {
		t.Error("never asked")
	}
}
