package meter

// walker rewrites the code of one function after the other.
type walker struct {
	m   *module
	pay payment

	src    []byte // the function as it was
	copied int    // so much of src has been answered for in out
	out    []byte

	frames  []frame  // the function and the blocks around
	regions []region // the function and the loops around
	leaf    bool     // nothing but plain code so far
	weight
}

// frame is a block that has not ended.
type frame struct {
	op   byte
	pays bool // it has a region of its own

	params, results int64
	base            int64 // height of the operand stack below its parameters
}

// region is code that is paid for at one place.
type region struct {
	price int // where in out the price belongs; 0: it is not paid for yet
	from  int // where in src the part begins that is not in bytes yet
	bytes int
	extra int // units besides
}

// function rewrites the locals and the code of a function of the given type. A
// small leaf is left as it is: those who call it pay.
func (w *walker) function(r *reader, typ uint32) {
	w.src, w.copied, w.weight = r.B, 0, weight{}
	w.out, w.frames, w.regions, w.leaf = w.out[:0], w.frames[:0], w.regions[:0], true
	var locals uint64
	r.vector(func() {
		locals += uint64(r.U32())
		r.valueType()
	})
	if locals > maxLocals {
		r.Failf("has %d locals; the limit is %d", locals, maxLocals)
	}
	if w.m.locals += locals; w.m.locals > maxAllLocals {
		r.Failf("and those before it have more than %d locals", maxAllLocals)
	}
	w.frames = append(w.frames, frame{op: opBlock, pays: true})
	w.regions = append(w.regions, region{from: w.at(r)})
	for len(w.frames) > 0 && r.Err == nil {
		w.instruction(r)
	}
	w.weigh(r, int64(len(w.src)), int64(locals)+int64(w.m.params[typ]), &w.m.weight)
	if w.leaf && len(w.src) <= leafBytes {
		w.out, w.copied = w.out[:0], 0
	}
	w.copy(w.at(r))
}

// at returns how much of src has been read.
func (w *walker) at(r *reader) int { return len(w.src) - len(r.B) }

// copy takes src as it is up to a position.
func (w *walker) copy(end int) {
	w.out = append(w.out, w.src[w.copied:end]...)
	w.copied = end
}

// open writes the code that pays for the innermost region.
func (w *walker) open(at int) {
	w.copy(at)
	w.out = append(w.out, w.pay.before...)
	w.out = append(w.out, opI32Const)
	w.regions[len(w.regions)-1].price = len(w.out)
	w.out = appendFixed(w.out)
	w.out = append(w.out, w.pay.after...)
}

// close ends a region: its price is known now.
func (w *walker) close(at int) {
	last := len(w.regions) - 1
	g := w.regions[last]
	g.bytes += at - g.from
	setFixed(w.out[g.price:], min(1+g.bytes/UnitBytes+g.extra, maxFixed))
	w.regions = w.regions[:last]
	if last > 0 {
		w.regions[last-1].from = at
	}
}

// slow adds units to the price of the innermost region.
func (w *walker) slow(units int) {
	w.leaf = false
	w.regions[len(w.regions)-1].extra += units
}

// pass notes that values go along with one of n branches that are written here.
func (w *walker) pass(n, values int64) {
	w.values += n * values
	w.regions[len(w.regions)-1].bytes += int(values) * valueBytes
}

// access adds what a load or store costs besides its bytes.
func (w *walker) access() { w.regions[len(w.regions)-1].bytes += accessBytes }

// instruction rewrites the next instruction.
func (w *walker) instruction(r *reader) {
	at := w.at(r)
	op := r.Byte()
	w.push(int64(effects[op]))
	// A function may pay as late as its first branch. If that is a loop, one
	// payment is for both.
	if w.regions[0].price == 0 && branches(op) && op != opLoop {
		w.open(at)
	}
	switch i := immediates[op]; i {
	case control:
		w.control(op, at, r)
	case refused:
		if r.Err == nil {
			r.Failf("uses the instruction 0x%02x (%s)", op, proposal(op))
		}
	case memory:
		w.access()
		r.immediate(i)
	case memoryZero: // memory.grow, which the engine carries out in Go, or memory.size
		w.slow(leaveCost)
		r.immediate(i)
	default:
		r.immediate(i)
	}
}

// control rewrites instructions that need more than being copied.
func (w *walker) control(op byte, at int, r *reader) {
	switch op {
	case opBlock, opLoop, opIf:
		params, results := w.blockType(r)
		w.enter(frame{op: op, params: params, results: results}, w.at(r))
	case opElse:
		if top := &w.frames[len(w.frames)-1]; top.op == opIf {
			top.op = opElse
			w.height = top.base + top.params
		} else {
			r.Failf("has an else without an if")
		}
	case opEnd:
		last := len(w.frames) - 1
		if w.frames[last].pays {
			w.close(w.at(r))
		}
		w.height = w.frames[last].base
		w.push(w.frames[last].results)
		w.frames = w.frames[:last]
	case opBr, opBrIf:
		w.branches++
		w.pass(1, w.label(r.U32()))
	case opBrTable:
		n := int64(1)
		r.vector(func() { r.U32(); n++ })
		w.branches += n
		w.pass(n, w.label(r.U32()))
	case opCall:
		w.slow(leafBytes / UnitBytes)
		w.call(w.m.typeOf(w.reference(r)))
	case opCallIndirect:
		w.slow(leafBytes / UnitBytes)
		w.call(r.index("type", len(w.m.params)))
		r.U32()
	case opRefFunc:
		w.slow(leaveCost)
		w.reference(r)
	case opGlobalGet, opGlobalSet:
		r.index("global", w.m.globals)
	case opMisc:
		w.misc(at, r)
	case opVector:
		w.vector(r)
	}
}

// reference rewrites the index of a function and returns it as it was.
func (w *walker) reference(r *reader) uint32 {
	w.copy(w.at(r))
	i := w.m.index(r)
	w.out = appendU32(w.out, w.m.newIndex(i))
	w.copied = w.at(r)
	return i
}

// call weighs a call of a function of the given type.
func (w *walker) call(typ uint32) {
	if int(typ) >= len(w.m.params) { // there is none
		return
	}
	params, results := int64(w.m.params[typ]), int64(w.m.results[typ])
	w.calls++
	w.pass(1, params+results)
	w.push(results - params)
}

// label returns how many values a branch to a block takes along.
func (w *walker) label(depth uint32) int64 {
	if int64(depth) >= int64(len(w.frames)) { // the engine refuses it
		return 0
	}
	f := &w.frames[len(w.frames)-1-int(depth)]
	return max(f.params, f.results)
}

// enter begins a block.
func (w *walker) enter(f frame, at int) {
	f.base = w.height - f.params
	w.branches++
	w.pass(1, f.params+f.results)
	switch f.op {
	case opIf:
		w.branches++ // around it, or to its else
	case opLoop:
		w.leaf = false
		w.loops++
		w.branches += payBranches
		if w.regions[0].price != 0 { // the function has paid
			outer := &w.regions[len(w.regions)-1]
			outer.bytes += at - outer.from
			f.pays = true
			w.regions = append(w.regions, region{from: at})
		}
		w.open(at)
	}
	w.frames = append(w.frames, f)
}

// blockType reads a block type: a value type, or the index of a type as a
// signed number of 33 bits.
func (w *walker) blockType(r *reader) (params, results int64) {
	if len(r.B) > 0 && r.B[0]&0xc0 == 0x40 { // negative, in one byte
		if r.B[0] == emptyBlock {
			r.Byte()
			return 0, 0
		}
		r.valueType()
		return 0, 1
	}
	before := r.B
	typ := r.index("type", len(w.m.params))
	if n := len(before) - len(r.B); r.Err == nil && n < 5 && before[n-1]&0x40 != 0 {
		r.Failf("has a malformed block type")
	}
	if r.Err != nil {
		return 0, 0
	}
	return int64(w.m.params[typ]), int64(w.m.results[typ])
}

// misc rewrites an instruction behind 0xfc. The second part of the opcode is a
// number; engines differ on longer forms of it.
func (w *walker) misc(at int, r *reader) {
	sub := r.Byte()
	if r.Err != nil {
		return
	}
	if int(sub) >= len(miscs) {
		r.Failf("uses the instruction 0xfc %d (%s)", sub, proposal(opMisc))
		return
	}
	d := &miscs[sub]
	if d.leaves {
		w.slow(leaveCost)
	}
	if d.shift > 0 {
		w.leaf = false
		w.branches += bulkBranches
		w.copy(at)
		w.payLength(d.shift)
	}
	w.push(int64(miscEffects[sub]))
	r.immediate(d.immediate)
	for range d.zeros {
		r.zero()
	}
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

// vector reads an instruction behind 0xfd. The second part of the opcode is a
// number that the engine reads as a byte, followed by a nop if it is above
// 127; other forms of the number would not mean the same to both.
func (w *walker) vector(r *reader) {
	sub := r.Byte()
	if sub >= 0x80 && r.Byte() != 1 {
		r.Failf("uses an unknown vector instruction")
		return
	}
	w.vectors++
	w.push(int64(vectorEffects[sub]))
	i, more := vector(sub)
	if i == memory {
		w.access()
	}
	r.immediate(i)
	r.Take(more)
}
