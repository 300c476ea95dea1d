package meter

// Opcodes that the rewriter has to know (WebAssembly 2.0 §5.4).
const (
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opLocalGet     = 0x20
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI32LtS       = 0x48
	opI32Sub       = 0x6b
	opI32ShrU      = 0x76
	opRefNull      = 0xd0
	opRefFunc      = 0xd2
	opMisc         = 0xfc
	opVector       = 0xfd

	emptyBlock  = 0x40
	vectorConst = 12
)

// immediate says what follows an opcode.
type immediate byte

const (
	refused    immediate = iota
	none                 // nothing
	control              // handled one by one
	number               // a u32: a label, local, table, data or element segment
	numbers              // two of them
	memory               // alignment and offset
	memoryZero           // the index of the memory, which is 0
	signed32
	signed64
	bytes4
	bytes8
	oneType  // a vector of one value type
	nullType // a reference type
)

// immediates holds what follows each opcode of one byte.
var immediates = func() (t [256]immediate) {
	set := func(from, to int, i immediate) {
		for op := from; op <= to; op++ {
			t[op] = i
		}
	}
	set(0x00, 0x01, none) // unreachable, nop
	set(opBlock, opElse, control)
	set(opEnd, opEnd, control)
	set(opBr, opBrTable, control)
	set(opReturn, opReturn, none)
	set(opCall, opCallIndirect, control)
	set(0x1a, 0x1b, none) // drop, select
	set(0x1c, 0x1c, oneType)
	set(0x20, 0x22, number) // local.get, set, tee
	set(opGlobalGet, opGlobalSet, control)
	set(0x25, 0x26, number) // table.get, set
	set(0x28, 0x3e, memory) // loads and stores
	set(0x3f, opMemoryGrow, memoryZero)
	set(opI32Const, opI32Const, signed32)
	set(opI64Const, opI64Const, signed64)
	set(opF32Const, opF32Const, bytes4)
	set(opF64Const, opF64Const, bytes8)
	set(0x45, 0xc4, none) // arithmetic; sign extension from 0xc0
	set(opRefNull, opRefNull, nullType)
	set(0xd1, 0xd1, none) // ref.is_null
	set(opRefFunc, opRefFunc, control)
	set(opMisc, opVector, control)
	return t
}()

// branches reports whether control may go elsewhere than to the next
// instruction, or come from elsewhere: all but plain code and the begin of a
// block, which only gives a name to its end.
func branches(op byte) bool {
	switch op {
	case opLoop, opIf, opElse, opEnd, opBr, opBrIf, opBrTable, opReturn, opCall, opCallIndirect:
		return true
	}
	return false
}

// proposal names what a refused opcode belongs to.
func proposal(op byte) string {
	switch {
	case op >= 0x06 && op <= 0x0a, op == 0x18, op == 0x19, op == 0x1f:
		return "exception handling"
	case op == 0x12, op == 0x13:
		return "tail calls"
	case op == 0x14, op == 0x15, op >= 0xd3 && op <= 0xd6:
		return "typed function references"
	case op == 0xfb:
		return "garbage collection"
	case op == 0xfe:
		return "threads"
	default:
		return "no standard known here"
	}
}

// misc describes an instruction behind 0xfc. If it works on a length, shift
// says how much of it costs a unit.
type misc struct {
	immediate immediate
	zeros     int // indexes of the memory behind it
	shift     byte
	leaves    bool // carried out in Go
}

var miscs = [...]misc{
	0: {immediate: none}, 1: {immediate: none}, 2: {immediate: none}, 3: {immediate: none}, // saturating truncation
	4: {immediate: none}, 5: {immediate: none}, 6: {immediate: none}, 7: {immediate: none},
	8:  {immediate: number, zeros: 1, shift: memoryShift},    // memory.init
	9:  {immediate: number},                                  // data.drop
	10: {immediate: none, zeros: 2, shift: memoryShift},      // memory.copy
	11: {immediate: none, zeros: 1, shift: memoryShift},      // memory.fill
	12: {immediate: numbers, shift: tableShift},              // table.init
	13: {immediate: number},                                  // elem.drop
	14: {immediate: numbers, shift: tableShift},              // table.copy
	15: {immediate: number, shift: tableShift, leaves: true}, // table.grow
	16: {immediate: number},                                  // table.size
	17: {immediate: number, shift: tableShift},               // table.fill
}

// vector describes an instruction behind 0xfd: what follows, and how many
// bytes behind that.
func vector(sub byte) (immediate, uint32) {
	switch {
	case sub <= 11: // v128.load…, v128.store
		return memory, 0
	case sub == vectorConst, sub == 13: // v128.const, i8x16.shuffle
		return none, 16
	case sub >= 21 && sub <= 34: // extract and replace lane
		return none, 1
	case sub >= 84 && sub <= 91: // load and store lane
		return memory, 1
	case sub == 92, sub == 93: // v128.load32_zero, load64_zero
		return memory, 0
	default:
		return none, 0
	}
}
