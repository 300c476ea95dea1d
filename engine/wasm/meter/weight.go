package meter

// What the compiler needs for a function grows faster than the function: in
// time with the square of its branches and with what is looked for along them,
// in memory with the values that are alive at each. Some forty kilobytes can
// keep it busy for minutes, a chain of a million blocks overflows the host's
// own stack, and nobody can interrupt it within a function. So each function is
// weighed before. A unit of weight is some fifty bytes of the compiler's memory
// and some microseconds of its time.
const (
	maxBranches = 1 << 14 // four times what the largest function of a Go program of 14 MB has
	maxWeight   = 1 << 21 // fifteen times

	// maxAllWeight is the most that all functions weigh together, three times
	// what that program has: of a vector instruction the machine code, which
	// stays, is a hundred bytes and more.
	maxAllWeight = 1 << 26

	// maxAllLocals is the most locals of all functions together: the engine
	// writes each of them out.
	maxAllLocals = 1 << 20
)

// What weighs more than its bytes.
const (
	callWeight   = 32
	vectorWeight = 64 // of a vector instruction, which may become dozens
	valueWeight  = 8  // of a value that a call or a branch passes on
	branchWeight = 8  // of a branch, besides the values alive at it
	loopWeight   = 16 // of a value alive in a loop
)

// How many branches the compiler makes of something, those that pay included.
const (
	payBranches  = 3
	bulkBranches = 6 + payBranches // memory.fill and its like
)

// weight is what has been found in a function so far. The numbers are of 64
// bits because the largest are the product of two.
type weight struct {
	branches, loops int64
	calls, values   int64
	vectors         int64
	height, highest int64 // of the operand stack; in dead code it means nothing
}

// push moves the height of the operand stack.
func (w *weight) push(n int64) {
	w.height += n
	w.highest = max(w.highest, w.height)
}

// weigh refuses a function that costs the compiler too much.
// all is what the functions before it weigh, and then this one too.
func (w *weight) weigh(r *reader, bytes, locals int64, all *int64) {
	alive := locals + w.highest
	sum := bytes + callWeight*w.calls + vectorWeight*w.vectors + valueWeight*w.values +
		(branchWeight+alive)*w.branches + loopWeight*alive*w.loops
	switch {
	case w.branches > maxBranches:
		r.Failf("is too large to compile: it has %d branches; the limit is %d", w.branches, maxBranches)
	case sum > maxWeight:
		r.Failf("is too complex to compile: %d bytes with %d branches, %d loops and up to %d values alive weigh %d; the limit is %d",
			bytes, w.branches, w.loops, alive, sum, maxWeight)
	}
	if *all += sum; *all > maxAllWeight {
		r.Failf("and those before it weigh more than %d, which is too much to compile", maxAllWeight)
	}
}

// effects holds by how much an instruction changes the height of the operand
// stack. What is not here is handled one by one or changes nothing.
var effects = func() (t [256]int8) {
	set := func(effect int8, from, to int) {
		for op := from; op <= to; op++ {
			t[op] = effect
		}
	}
	set(-1, opIf, opIf)
	set(-1, opBrIf, opBrTable)
	set(-1, opCallIndirect, opCallIndirect)
	set(-1, 0x1a, 0x1a) // drop
	set(-2, 0x1b, 0x1c) // select
	set(1, opLocalGet, opLocalGet)
	set(-1, 0x21, 0x21) // local.set
	set(1, opGlobalGet, opGlobalGet)
	set(-1, opGlobalSet, opGlobalSet)
	set(-2, 0x26, 0x26) // table.set
	set(-2, 0x36, 0x3e) // stores
	set(1, 0x3f, 0x3f)  // memory.size
	set(1, opI32Const, opF64Const)
	set(-1, 0x46, 0x4f) // comparisons
	set(-1, 0x51, 0x66)
	set(-1, 0x6a, 0x78) // arithmetic with two operands
	set(-1, 0x7c, 0x8a)
	set(-1, 0x92, 0x98)
	set(-1, 0xa0, 0xa6)
	set(1, opRefNull, opRefNull)
	set(1, opRefFunc, opRefFunc)
	return t
}()

// miscEffects are those behind 0xfc.
var miscEffects = [...]int8{8: -3, 10: -3, 11: -3, 12: -3, 14: -3, 15: -1, 16: 1, 17: -3}

// vectorEffects are those behind 0xfd.
var vectorEffects = func() (t [256]int8) {
	set := func(effect int8, ranges ...[2]int) {
		for _, r := range ranges {
			for op := r[0]; op <= r[1]; op++ {
				t[op] = effect
			}
		}
	}
	set(1, [2]int{vectorConst, vectorConst})
	set(-2, [2]int{11, 11}, [2]int{82, 82}, [2]int{88, 91}) // stores, bitselect
	set(-1,                                                 // two operands
		[2]int{13, 14}, [2]int{23, 23}, [2]int{26, 26}, [2]int{28, 28}, [2]int{30, 30}, [2]int{32, 32}, [2]int{34, 76},
		[2]int{78, 81}, [2]int{84, 87}, [2]int{101, 102}, [2]int{107, 115}, [2]int{118, 121}, [2]int{123, 123},
		[2]int{130, 130}, [2]int{133, 134}, [2]int{139, 147}, [2]int{149, 159}, [2]int{171, 191}, [2]int{203, 223},
		[2]int{228, 235}, [2]int{240, 247})
	return t
}()
