package meter

// maxLocals is the most locals of a function. It is what browsers allow; an
// engine may expand the short notation of the binary format.
const maxLocals = 50_000

// leafBytes is the size of a function without calls and loops that need not
// pay. Each call pays as much, in case that it is of such a function.
const leafBytes = 32

func (m *module) rewriteCode(r *reader, out []byte, present bool) []byte {
	var calls [][]byte
	for i := range m.imports {
		calls = append(calls, appendBody(nil, m.caller(uint32(i))))
	}
	n := 0
	w := walker{m: m, pay: m.payment()}
	out = extend(r, out, present, func(out []byte) []byte {
		if n++; n > len(m.defined) {
			r.Fail(errCounts)
			return out
		}
		body := newReader(r.Take(r.U32()))
		w.function(body, m.typeOf(uint32(len(m.imports)+n-1)))
		if err := body.Done(); err != nil {
			r.Failf("function %d: %w", len(m.imports)+n-1, err)
		}
		return appendBody(out, w.out)
	}, calls...)
	if r.Err == nil && n < len(m.defined) {
		r.Fail(errCounts)
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

// immediate passes over what follows an opcode.
func (r *reader) immediate(i immediate) {
	switch i {
	case none:
	case number:
		r.U32()
	case numbers, memory:
		r.U32()
		r.U32()
	case memoryZero:
		r.zero()
	case signed32:
		r.skipSigned(5)
	case signed64:
		r.skipSigned(10)
	case bytes4:
		r.Take(4)
	case bytes8:
		r.Take(8)
	case oneType:
		if r.Byte() != 1 {
			r.Failf("has a select of several types")
		}
		r.valueType()
	case nullType:
		r.refType()
	}
}
