package meter

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/wicketmq/wicket/engine/wasm/format"
)

// valid reports what the engine says of a module; it need not be one that can
// be linked.
func valid(binary []byte) error {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithDebugInfoEnabled(false))
	defer r.Close(ctx)
	_, err := r.CompileModule(ctx, binary)
	return err
}

// small is a module with a function of type (i32) -> i32 and one global. Its
// sections may be replaced.
func small(code []byte, replace map[byte][]byte) []byte {
	bodies := map[byte][]byte{
		format.SectionType:     {2, typeFunction, 1, typeI32, 1, typeI32, typeFunction, 0, 0},
		format.SectionFunction: {1, 0},
		format.SectionTable:    {1, typeFuncref, 0, 1},
		format.SectionMemory:   {1, 0, 1},
		format.SectionGlobal:   {1, typeI32, 1, opI32Const, 0, opEnd},
		format.SectionExport:   {1, 1, 'f', format.KindFunction, 0},
		format.SectionCode:     cat([]byte{1}, binary.AppendUvarint(nil, uint64(len(code)+2)), []byte{0}, code, []byte{opEnd}),
	}
	for id, body := range replace {
		bodies[id] = body
	}
	return assemble(bodies)
}

// TestOutOfReach: what is added to a module cannot be named by it. Each of
// these would be valid once there is more to refer to.
func TestOutOfReach(t *testing.T) {
	answer := []byte{opLocalGet, 0}
	for _, tc := range []struct {
		name   string
		module []byte
		want   string
	}{
		{"fuel read", small([]byte{opGlobalGet, 1}, nil), "refers to global 1 of 1"},
		{"fuel written", small([]byte{opI32Const, 0, opGlobalSet, 1, opLocalGet, 0}, nil), "refers to global 1 of 1"},
		{"length", small([]byte{opGlobalGet, 2}, nil), "refers to global 2 of 1"},
		{"fuel in dead code", small([]byte{0, opGlobalGet, 1}, nil), "refers to global 1 of 1"},
		{"fuel exported", small(answer, map[byte][]byte{format.SectionExport: {1, 1, 'g', format.KindGlobal, 1}}), "refers to global 1 of 1"},
		{"fuel in a constant", small(answer, map[byte][]byte{format.SectionGlobal: {1, typeI32, 0, opGlobalGet, 1, opEnd}}), "refers to global 1 of 0"},
		{"fuel as an offset", small(answer, map[byte][]byte{format.SectionData: {1, 0, opGlobalGet, 1, opEnd, 0}}), "refers to global 1 of 1"},
		{"fuel as an element", small(answer, map[byte][]byte{format.SectionElement: {1, 0, opGlobalGet, 1, opEnd, 0}}), "refers to global 1 of 1"},
		{"refill called", small([]byte{opCall, 1}, nil), "refers to function 1 of 1"},
		{"refill referred to", small([]byte{opRefFunc, 1, 0x1a, opLocalGet, 0}, nil), "refers to function 1 of 1"},
		{"refill exported", small(answer, map[byte][]byte{format.SectionExport: {1, 1, 'f', format.KindFunction, 1}}), "refers to function 1 of 1"},
		{"refill started", small(answer, map[byte][]byte{format.SectionStart: {1}}), "refers to function 1 of 1"},
		{"refill in a table", small(answer, map[byte][]byte{format.SectionElement: {1, 0, opI32Const, 0, opEnd, 1, 1}}), "refers to function 1 of 1"},
		{"refill in an expression", small(answer, map[byte][]byte{format.SectionElement: {1, 4, opI32Const, 0, opEnd, 1, opRefFunc, 1, opEnd}}), "refers to function 1 of 1"},
		{"refill imported", small(answer, map[byte][]byte{format.SectionImport: cat([]byte{1}, appendName(nil, Module), appendName(nil, Refill), []byte{format.KindFunction, 0})}),
			`imports from "wicket_meter"`},
		{"type of a function", small(answer, map[byte][]byte{format.SectionFunction: {1, 2}}), "refers to type 2 of 2"},
		{"type of a block", small([]byte{opBlock, 2, opLocalGet, 0, opEnd}, nil), "refers to type 2 of 2"},
		{"type of a call", small([]byte{opI32Const, 0, opCallIndirect, 2, 0}, nil), "refers to type 2 of 2"},
		{"type of an import", small(answer, map[byte][]byte{format.SectionImport: cat([]byte{1, 0, 0, format.KindFunction, 2})}), "refers to type 2 of 2"},
	} {
		_, err := Rewrite(tc.module)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
		if !strings.HasPrefix(tc.name, "refill imported") && valid(tc.module) == nil {
			t.Errorf("%s: the engine accepts the original: the test shows nothing", tc.name)
		}
	}
	if err := valid(rewrite(t, small(answer, nil))); err != nil {
		t.Error(err)
	}
}

// TestRefused: what this host does not have is refused by name, and so is what
// the engine might read differently.
func TestRefused(t *testing.T) {
	answer := []byte{opLocalGet, 0}
	for _, tc := range []struct {
		name   string
		module []byte
		want   string
	}{
		{"empty", nil, "not a WebAssembly binary"},
		{"component", []byte("\x00asm\x0d\x00\x01\x00"), "not a WebAssembly binary"},
		{"cut in a section", small(answer, nil)[:20], "ends too early"},
		{"cut in a size", append(small(answer, nil), 0), "ends too early"},
		{"unknown section", append(small(answer, nil), 13, 0), "unknown section 13"},
		{"order", append(small(answer, nil), format.SectionType, 1, 0), "section 1, or one out of order"},
		{"twice", append(small(answer, nil), cat([]byte{format.SectionData, 1, 0}, []byte{format.SectionData, 1, 0})...), "section 11, or one out of order"},
		{"rest", small(answer, map[byte][]byte{format.SectionMemory: {1, 0, 1, 0}}), "bad memory section: has bytes behind its end"},
		{"recursive types", small(answer, map[byte][]byte{format.SectionType: {1, 0x4e, 0}}), "type of unsupported form 0x4e"},
		{"reference types", small(answer, map[byte][]byte{format.SectionType: {1, typeFunction, 1, 0x64, 0}}), "value type 0x64"},
		{"parameters", small(answer, map[byte][]byte{format.SectionType: cat([]byte{1, typeFunction}, uv(1025), bytes.Repeat([]byte{typeI32}, 1025), []byte{0})}),
			"1025 parameters; the limit is 1024"},
		{"tag import", small(answer, map[byte][]byte{format.SectionImport: {1, 0, 0, 4, 0, 0}}), "unknown kind 4"},
		{"shared memory", small(answer, map[byte][]byte{format.SectionMemory: {1, 3, 1, 1}}), "limits of unsupported form 0x03"},
		{"table with a value", small(answer, map[byte][]byte{format.SectionTable: {1, 0x40, 0, typeFuncref, 0, 1, opRefNull, typeFuncref, opEnd}}), "reference type 0x40"},
		{"extended constant", small(answer, map[byte][]byte{format.SectionGlobal: {1, typeI32, 0, opI32Const, 1, opI32Const, 1, 0x6a, opEnd}}), "constant with the instruction 0x6a"},
		{"vector constant", small(answer, map[byte][]byte{format.SectionGlobal: {1, 0x7b, 0, opVector, 13, opEnd}}), "vector instruction 0x0d"},
		{"element form", small(answer, map[byte][]byte{format.SectionElement: {1, 8}}), "element segment of unknown form 8"},
		{"data form", small(answer, map[byte][]byte{format.SectionData: {1, 3}}), "data segment of unknown form 3"},
		{"data memory", small(answer, map[byte][]byte{format.SectionData: {1, 2, 1}}), "several memories"},
		{"code missing", small(answer, map[byte][]byte{format.SectionFunction: {2, 0, 0}}), "not as much code"},
		{"code behind the end", small([]byte{opLocalGet, 0, opEnd, opLocalGet, 0}, nil), "function 0: has bytes behind its end"},
		{"code without end", small(nil, map[byte][]byte{format.SectionCode: {1, 3, 0, opLocalGet, 0}}), "function 0: ends too early"},
		{"else", small([]byte{opBlock, 0x40, opElse, opEnd, opLocalGet, 0}, nil), "else without an if"},
		{"two elses", small([]byte{opLocalGet, 0, opIf, 0x40, opElse, opElse, opEnd, opLocalGet, 0}, nil), "else without an if"},
		{"locals", small(nil, map[byte][]byte{format.SectionCode: cat([]byte{1, 8, 1}, uv(1<<31), []byte{typeI32, opEnd})}), "2147483648 locals; the limit is 50000"},
		{"long number", small([]byte{opLocalGet, 0x80, 0x80, 0x80, 0x80, 0x80, 0}, nil), "malformed number"},
		{"large number", small([]byte{opLocalGet, 0x80, 0x80, 0x80, 0x80, 0x10}, nil), "malformed number"},
		{"long constant", small([]byte{opI32Const, 0x80, 0x80, 0x80, 0x80, 0x80, 0}, nil), "malformed number"},
		{"block type", small([]byte{opBlock, 0xff, 0x7f, opLocalGet, 0, opEnd}, nil), "refers to type 16383"},
		{"negative block type", small([]byte{opBlock, 0xc0, 0x40, opEnd}, map[byte][]byte{format.SectionType: manyTypes(8300)}), "malformed block type"},
		{"select", small([]byte{opLocalGet, 0, opLocalGet, 0, opLocalGet, 0, 0x1c, 0x81, 0, typeI32}, nil), "select of several types"},
		{"second memory", small([]byte{0x3f, 1}, nil), "several memories"},
		{"copy to a second memory", small([]byte{opMisc, 10, 0, 1}, nil), "several memories"},
		{"reference to a type", small([]byte{opRefNull, 0, 0x1a, opLocalGet, 0}, nil), "reference type 0x00"},
		{"exceptions", small([]byte{0x1f, 0x40, 0}, nil), "0x1f (exception handling)"},
		{"throw", small([]byte{0x08, 0}, nil), "0x08 (exception handling)"},
		{"tail calls", small([]byte{opLocalGet, 0, 0x12, 0}, nil), "0x12 (tail calls)"},
		{"call_ref", small([]byte{0x14, 0}, nil), "0x14 (typed function references)"},
		{"br_on_null", small([]byte{0xd5, 0}, nil), "0xd5 (typed function references)"},
		{"garbage collection", small([]byte{0xfb, 0}, nil), "0xfb (garbage collection)"},
		{"threads", small([]byte{0xfe, 3, 0}, nil), "0xfe (threads)"},
		{"nothing known", small([]byte{0x27}, nil), "0x27 (no standard known here)"},
		{"wide arithmetic", small([]byte{opMisc, 19}, nil), "0xfc 19"},
		{"long second opcode", small([]byte{opLocalGet, 0, opLocalGet, 0, opLocalGet, 0, opMisc, 0x8b, 0x00, 0}, nil), "0xfc 139"},
		{"relaxed vectors", small([]byte{opVector, 0x80, 2}, nil), "unknown vector instruction"},
		{"vector in a long form", small([]byte{opVector, 0x8c, 0}, nil), "unknown vector instruction"},
	} {
		_, err := Rewrite(tc.module)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
}

func uv(n uint64) []byte { return binary.AppendUvarint(nil, n) }

func manyTypes(n int) []byte {
	b := uv(uint64(n))
	for range n {
		b = append(b, typeFunction, 1, typeI32, 1, typeI32)
	}
	return b
}

// TestForms: forms of the same that the engine reads are read alike.
func TestForms(t *testing.T) {
	for name, module := range map[string][]byte{
		"long index":        small([]byte{opLocalGet, 0x80, 0x80, 0x80, 0x80, 0}, nil),
		"long call":         small([]byte{opLocalGet, 0, opCall, 0x80, 0x80, 0}, nil),
		"long block type":   small([]byte{opLocalGet, 0, opBlock, 0x80, 0x80, 0, opEnd}, nil),
		"high block type":   small([]byte{opLocalGet, 0, opBlock, 0xc0, 0, opEnd}, map[byte][]byte{format.SectionType: manyTypes(100)}),
		"higher block type": small([]byte{opLocalGet, 0, opBlock, 0xc0, 0xc0, 0, opEnd}, map[byte][]byte{format.SectionType: manyTypes(8300)}),
		"high vector":       small([]byte{opVector, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, opVector, 0x80, 1, 0x1a, opLocalGet, 0}, nil),
		"no sections":       assemble(nil),
		"only a type":       assemble(map[byte][]byte{format.SectionType: {0}}),
		"dead block":        small([]byte{0, opBlock, 0x40, opLoop, 0x40, opEnd, opEnd}, nil),
		"elements":          small([]byte{opLocalGet, 0}, map[byte][]byte{format.SectionElement: {1, 2, 0, opI32Const, 0, opEnd, 0, 1, 0}}),
	} {
		if err := valid(module); err != nil {
			t.Errorf("%s: the engine refuses the original: %v", name, err)
		}
		out, err := Rewrite(module)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if err := valid(out); err != nil {
			t.Errorf("%s: %v\n%s", name, err, hex.Dump(out))
		}
	}
}

// TestNames: the names of functions go with their new indexes; a section that
// cannot be read is left out, for it is of no use but in messages.
func TestNames(t *testing.T) {
	imported := map[byte][]byte{
		format.SectionImport: cat([]byte{1, 0, 0, format.KindFunction, 1}),
		format.SectionExport: {1, 1, 'f', format.KindFunction, 1},
	}
	names := appendName(nil, "name")
	names = append(names, 0, 2, 1, 'm', 1, 7, 2, 0, 1, 'i', 1, 1, 'f', 2, 2, 0, 0)
	other := appendName(nil, "other")
	module := small([]byte{opLocalGet, 0}, imported)
	module = appendSection(module, format.SectionCustom, names)
	module = appendSection(module, format.SectionCustom, append(other, 1, 2, 3))
	out := rewrite(t, module)
	want := appendName(nil, "name")
	want = append(want, 1, 7, 2, 0, 1, 'i', 2, 1, 'f')
	tail := appendSection(appendSection(nil, format.SectionCustom, want), format.SectionCustom, append(other, 1, 2, 3))
	if got := string(out[max(0, len(out)-len(tail)):]); got != string(tail) {
		t.Errorf("got %x, want %x", got, tail)
	}
	bad := appendSection(small([]byte{opLocalGet, 0}, nil), format.SectionCustom, append(appendName(nil, "name"), 1, 9, 2, 0))
	if err := valid(rewrite(t, bad)); err != nil {
		t.Error(err)
	}
	many := cat([]byte{1}, uv(2+2*1000), uv(1000), bytes.Repeat([]byte{0, 0}, 1000))
	out = rewrite(t, appendSection(small([]byte{opLocalGet, 0}, nil), format.SectionCustom, append(appendName(nil, "name"), many...)))
	if len(out) > 500 {
		t.Errorf("%d bytes are left of the names of functions that there are not", len(out))
	}
}
