package meter

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"
)

// BenchmarkRewrite is what rewriting adds to the loading of a Go plugin.
func BenchmarkRewrite(b *testing.B) {
	module := read(b, "../../../plugins/password.wasm")
	b.SetBytes(int64(len(module)))
	var out []byte
	for b.Loop() {
		out = rewrite(b, module)
	}
	b.ReportMetric(float64(len(out))/float64(len(module)), "growth")
}

// BenchmarkInterval is the time between two questions of guests that do
// nothing but work: how late a slice may end, and how long a garbage
// collection may have to wait. The longest is what a busy machine makes of it.
func BenchmarkInterval(b *testing.B) {
	const size = 64 << 20 // as much memory as an instance may have
	chase := []byte{opLoop, emptyBlock, opLocalGet, 0}
	for range 100 {
		chase = append(chase, 0x28, 2, 0) // i32.load
	}
	chase = append(chase, 0x21, 0, opBr, 0, opEnd)
	roots := []byte{opLoop, emptyBlock, opLocalGet, 0, 0xb7} // f64.convert_i32_s
	for range 400 {
		roots = append(roots, 0x9f) // f64.sqrt
	}
	roots = append(roots, opMisc, 2, 0x21, 0, opBr, 0, opEnd)           // i32.trunc_sat_f64_s, local.set 0
	whole := []byte{0x80, 0x80, 0x80, 0x20}                             // size as a constant
	tiny := []byte{opLoop, emptyBlock, opI32Const, 0, 0x43, 1, 0, 0, 0} // f32.const of the smallest number there is
	for range 400 {
		tiny = append(tiny, 0xbb, 0xb6) // f64.promote_f32, f32.demote_f64
	}
	tiny = append(tiny, 0x38, 2, 0, opBr, 0, opEnd) // f32.store
	divide := append([]byte{opLoop, emptyBlock, opI32Const, 0}, bytes.Repeat([]byte{0x42, 0x7f}, 401)...)
	divide = cat(divide, bytes.Repeat([]byte{0x80}, 400), []byte{0x37, 3, 0, opBr, 0, opEnd}) // i64.div_u, i64.store
	for name, code := range map[string][]byte{
		"tight":  {opLoop, emptyBlock, opBr, 0, opEnd},
		"roots":  roots,
		"chase":  chase,
		"tiny":   tiny,
		"divide": divide,
		"fill":   cat([]byte{opLoop, emptyBlock, opI32Const, 0, opI32Const, 1, opI32Const}, whole, []byte{opMisc, 11, 0, opBr, 0, opEnd}),
		"copy":   cat([]byte{opLoop, emptyBlock, opI32Const, 0, opI32Const, 0, opI32Const}, whole, []byte{opMisc, 10, 0, 0, opBr, 0, opEnd}),
		"import": {opLoop, emptyBlock, opCall, 0, opBr, 0, opEnd},
	} {
		b.Run(name, func(b *testing.B) {
			var times []time.Time
			m, _, err := instance(b, rewrite(b, endlessIn(size>>16, code)), func() int32 {
				if times = append(times, time.Now()); len(times) > b.N {
					return -1
				}
				return Full
			})
			if err != nil {
				b.Fatal(err)
			}
			// A circle through all lines of the memory, in no order that a
			// processor foresees.
			mem, _ := m.Memory().Read(0, size)
			const lines = size / 64
			for i := range uint32(lines) {
				next := (i*1664525 + 1013904223) % lines
				binary.LittleEndian.PutUint32(mem[i*64:], next*64)
			}
			b.ResetTimer()
			if _, err := m.ExportedFunction("f").Call(context.Background()); !errors.Is(err, errStopped) {
				b.Error(err)
			}
			var longest time.Duration
			for i := range times[1:] {
				longest = max(longest, times[i+1].Sub(times[i]))
			}
			b.ReportMetric(float64(longest.Microseconds()), "longest-µs")
		})
	}
}
