package meter

// maxLocals is the most locals of a function. It is what browsers allow; an
// engine may expand the short notation of the binary format.
const maxLocals = 50_000

// leafBytes is the size of a function without calls and loops that need not
// pay. Each call pays as much, in case that it is of such a function.
const leafBytes = 128

func (m *module) rewriteCode(r *reader, out []byte, present bool) []byte {
	var calls [][]byte
	for i := range m.imports {
		calls = append(calls, appendBody(nil, m.caller(uint32(i))))
	}
	n := 0
	w := walker{m: m, pay: m.payment()}
	out = extend(r, out, present, func(out []byte) []byte {
		n++
		body := reader{b: r.take(r.u32())}
		w.function(&body)
		if err := body.done(); err != nil {
			r.failf("function %d: %w", len(m.imports)+n-1, err)
		}
		return appendBody(out, w.out)
	}, calls...)
	if r.err == nil && n != m.functions {
		r.fail(errCounts)
	}
	return out
}

func appendBody(b, body []byte) []byte {
	b = appendU32(b, uint32(len(body)))
	return append(b, body...)
}

// caller returns the body of the function that calls an import and takes all
// fuel.
func (m *module) caller(i uint32) []byte {
	b := []byte{0} // no locals
	for p := range m.params[m.imports[i]] {
		b = appendU32(append(b, opLocalGet), uint32(p))
	}
	b = appendU32(append(b, opCall), i)
	b = append(b, opI32Const, 0)
	b = appendU32(append(b, opGlobalSet), m.fuel())
	return append(b, opEnd)
}

// payment is the code that pays, cut where the amount belongs, which is the
// only value on the stack that it takes.
type payment struct{ before, after []byte }

func (m *module) payment() payment {
	get := appendU32([]byte{opGlobalGet}, m.fuel())
	set := appendU32([]byte{opGlobalSet}, m.fuel())
	var p payment
	p.before = get
	p.after = append(p.after, opI32Sub)
	p.after = append(p.after, set...)
	p.after = append(p.after, get...)
	p.after = append(p.after, opI32Const, 0, opI32LtS, opIf, emptyBlock, opCall)
	p.after = appendU32(p.after, uint32(len(m.imports)))
	p.after = append(p.after, set...)
	p.after = append(p.after, opEnd)
	return p
}

// walker rewrites the code of one function after the other.
type walker struct {
	m   *module
	pay payment
	out []byte

	frames  []frame  // the function and the blocks around
	regions []region // the function and the loops around
	leaf    bool     // nothing but plain code so far
}

// frame is a block that has not ended.
type frame struct {
	op    byte
	price bool // it has a region of its own
}

// region is code that is paid for at one place.
type region struct {
	price int // where in out the price belongs; 0: it is not paid for yet
	bytes int
	extra int // units besides
}

// function rewrites the locals and the code of a function. A leaf is left as
// it is: those who call it pay.
func (w *walker) function(r *reader) {
	whole := r.b
	w.out, w.frames, w.regions, w.leaf = w.out[:0], w.frames[:0], w.regions[:0], true
	w.out = verbatim(r, w.out, func() {
		var locals uint64
		r.vector(func() {
			locals += uint64(r.u32())
			r.valueType()
		})
		if locals > maxLocals {
			r.failf("has %d locals; the limit is %d", locals, maxLocals)
		}
	})
	w.frames = append(w.frames, frame{opBlock, true})
	w.regions = append(w.regions, region{})
	for len(w.frames) > 0 && r.err == nil {
		left := len(r.b)
		w.instruction(r)
		if len(w.regions) > 0 {
			w.regions[len(w.regions)-1].bytes += left - len(r.b)
		}
	}
	if w.leaf && len(whole) <= leafBytes {
		w.out = append(w.out[:0], whole...)
	}
}

// open writes the code that pays for the innermost region.
func (w *walker) open() {
	w.out = append(w.out, w.pay.before...)
	w.out = append(w.out, opI32Const)
	w.regions[len(w.regions)-1].price = len(w.out)
	w.out = appendFixed(w.out)
	w.out = append(w.out, w.pay.after...)
}

// close ends a region: its price is known now.
func (w *walker) close() {
	last := len(w.regions) - 1
	g := w.regions[last]
	w.regions = w.regions[:last]
	setFixed(w.out[g.price:], min(1+g.bytes/UnitBytes+g.extra, maxFixed))
}

// instruction rewrites the next instruction.
func (w *walker) instruction(r *reader) {
	before := r.b
	op := r.byte()
	i := immediates[op]
	// A function may pay as late as its first branch. If that is a loop, one
	// payment is for both.
	if w.regions[0].price == 0 && branches(op) && op != opLoop {
		w.open()
	}
	switch i {
	case refused:
		if r.err == nil {
			r.failf("uses the instruction 0x%02x (%s)", op, proposal(op))
		}
	case control:
		w.control(op, r)
	default:
		if op == opMemoryGrow {
			w.leaves()
		}
		w.access(i)
		r.immediate(i)
		w.out = append(w.out, before[:len(before)-len(r.b)]...)
	}
}

// leaves notes an instruction that the engine carries out in Go.
func (w *walker) leaves() { w.slow(leaveCost) }

// access notes a load or store.
func (w *walker) access(i immediate) {
	if i == memory {
		w.regions[len(w.regions)-1].bytes += accessBytes
	}
}

// slow adds to the price of the innermost region.
func (w *walker) slow(units int) {
	w.leaf = false
	w.regions[len(w.regions)-1].extra += units
}

// control rewrites instructions that need more than being copied.
func (w *walker) control(op byte, r *reader) {
	switch op {
	case opMisc:
		w.misc(r)
		return
	case opVector:
		w.vector(r)
		return
	}
	w.out = append(w.out, op)
	switch op {
	case opBlock, opLoop, opIf:
		w.blockType(r)
		w.enter(op)
	case opElse:
		if top := &w.frames[len(w.frames)-1]; top.op == opIf {
			top.op = opElse
		} else {
			r.failf("has an else without an if")
		}
	case opEnd:
		last := len(w.frames) - 1
		if w.frames[last].price {
			w.close()
		}
		w.frames = w.frames[:last]
	case opBrTable:
		w.out = verbatim(r, w.out, func() {
			r.vector(func() { r.u32() })
			r.u32()
		})
	case opCall:
		w.out = w.m.function(r, w.out)
		w.slow(leafBytes / UnitBytes)
	case opRefFunc:
		w.out = w.m.function(r, w.out)
		w.leaves()
	case opCallIndirect:
		w.slow(leafBytes / UnitBytes)
		w.out = appendU32(w.out, r.index("type", len(w.m.params)))
		w.out = appendU32(w.out, r.u32())
	case opGlobalGet, opGlobalSet:
		w.out = appendU32(w.out, r.index("global", w.m.globals))
	}
}

// enter begins a block.
func (w *walker) enter(op byte) {
	f := frame{op: op}
	if op == opLoop {
		w.leaf = false
		if w.regions[0].price != 0 { // the function has paid
			f.price = true
			w.regions = append(w.regions, region{})
		}
		w.open()
	}
	w.frames = append(w.frames, f)
}

// blockType copies a block type: a value type, or the index of a type as a
// signed number of 33 bits.
func (w *walker) blockType(r *reader) {
	if len(r.b) > 0 && r.b[0]&0xc0 == 0x40 { // one byte, negative
		if r.b[0] == emptyBlock {
			w.out = append(w.out, r.byte())
			return
		}
		w.out = verbatim(r, w.out, r.valueType)
		return
	}
	before := r.b
	i := r.index("type", len(w.m.params))
	if r.err != nil {
		return
	}
	if n := len(before) - len(r.b); n < 5 && before[n-1]&0x40 != 0 {
		r.failf("has a malformed block type")
	}
	w.out = appendU32(w.out, i)
	if last := len(w.out) - 1; w.out[last]&0x40 != 0 { // it would be read as negative
		w.out[last] |= 0x80
		w.out = append(w.out, 0)
	}
}

// misc rewrites an instruction behind 0xfc. The second part of the opcode is a
// number; engines differ on longer forms of it.
func (w *walker) misc(r *reader) {
	sub := r.byte()
	if r.err != nil {
		return
	}
	if int(sub) >= len(miscs) {
		r.failf("uses the instruction 0xfc %d (%s)", sub, proposal(opMisc))
		return
	}
	d := &miscs[sub]
	if d.leaves {
		w.leaves()
	}
	if d.shift > 0 {
		w.leaf = false
		w.payLength(d.shift)
	}
	w.out = append(w.out, opMisc, sub)
	w.out = verbatim(r, w.out, func() {
		r.immediate(d.immediate)
		for range d.zeros {
			r.zero()
		}
	})
}

// payLength pays for the length on top of the stack and leaves it there.
func (w *walker) payLength(shift byte) {
	length := w.m.length()
	w.out = appendU32(append(w.out, opGlobalSet), length)
	w.out = append(w.out, w.pay.before...)
	w.out = appendU32(append(w.out, opGlobalGet), length)
	w.out = append(w.out, opI32Const, shift, opI32ShrU)
	w.out = append(w.out, w.pay.after...)
	w.out = appendU32(append(w.out, opGlobalGet), length)
}

// vector copies an instruction behind 0xfd. The second part of the opcode is a
// number that the engine reads as a byte, followed by a nop if it is above
// 127; other forms of the number would not mean the same to both.
func (w *walker) vector(r *reader) {
	w.out = append(w.out, opVector)
	w.out = verbatim(r, w.out, func() {
		sub := uint32(r.byte())
		if sub >= 0x80 {
			if r.byte() != 1 {
				r.failf("uses an unknown vector instruction")
			}
		}
		i, more := vector(sub)
		w.access(i)
		r.immediate(i)
		r.take(more)
	})
}

// immediate passes over what follows an opcode.
func (r *reader) immediate(i immediate) {
	switch i {
	case number:
		r.u32()
	case numbers, memory:
		r.u32()
		r.u32()
	case memoryZero:
		r.zero()
	case signed32:
		r.skipSigned(5)
	case signed64:
		r.skipSigned(10)
	case bytes4:
		r.take(4)
	case bytes8:
		r.take(8)
	case oneType:
		if r.byte() != 1 {
			r.failf("has a select of several types")
		}
		r.valueType()
	case nullType:
		r.refType()
	}
}
