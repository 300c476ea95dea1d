package meter

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wicketmq/wicket/engine/wasm/format"
)

//go:generate wat2wasm testdata/all.wat -o testdata/all.wasm

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// guests are the modules there are in the repository.
func guests(t testing.TB) []string {
	t.Helper()
	list, err := filepath.Glob("../testdata/*.wasm")
	if err != nil || len(list) == 0 {
		t.Fatal("no guests", err)
	}
	return append(list, "testdata/all.wasm", "../../../plugins/password.wasm")
}

func engine(t testing.TB) wazero.Runtime {
	t.Helper()
	r := wazero.NewRuntimeWithConfig(context.Background(), wazero.NewRuntimeConfig().WithMemoryLimitPages(1024))
	t.Cleanup(func() { _ = r.Close(context.Background()) })
	return r
}

var errStopped = errors.New("stopped")

// instance links a module with a host that gives it fuel: as much as fill says
// or, if that is negative, none and an end.
func instance(t testing.TB, binary []byte, fill func() int32) (api.Module, *[]uint32, error) {
	t.Helper()
	ctx := context.Background()
	r := engine(t)
	var noted []uint32
	i32 := api.ValueTypeI32
	b := r.NewHostModuleBuilder("env")
	b.NewFunctionBuilder().WithGoFunction(api.GoFunc(func(_ context.Context, s []uint64) {
		s[0] = uint64(uint32(s[0]) + uint32(s[1]))
	}), []api.ValueType{i32, i32}, []api.ValueType{i32}).Export("add")
	b.NewFunctionBuilder().WithGoFunction(api.GoFunc(func(_ context.Context, s []uint64) {
		noted = append(noted, uint32(s[0]))
	}), []api.ValueType{i32}, nil).Export("start")
	b.NewFunctionBuilder().WithGoFunction(api.GoFunc(func(context.Context, []uint64) {}), nil, nil).Export("noop")
	if _, err := b.Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	b = r.NewHostModuleBuilder(Module)
	b.NewFunctionBuilder().WithGoFunction(api.GoFunc(func(_ context.Context, s []uint64) {
		n := fill()
		if n < 0 {
			panic(errStopped)
		}
		s[0] = api.EncodeI32(n)
	}), nil, []api.ValueType{i32}).Export(Refill)
	if _, err := b.Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	m, err := r.InstantiateWithConfig(ctx, binary, wazero.NewModuleConfig())
	return m, &noted, err
}

func rewrite(t testing.TB, binary []byte) []byte {
	t.Helper()
	out, err := Rewrite(binary)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// transcript calls all exports of a module in turn and writes down what comes
// of it.
func transcript(t testing.TB, binary []byte, fill func() int32) string {
	t.Helper()
	m, noted, err := instance(t, binary, fill)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for round := range 2 {
		for _, name := range []string{"double", "fib", "leaves", "sum", "nested", "table", "params", "results", "indirect",
			"references", "bulk", "grow", "numbers", "vectors", "dead", "traps"} {
			for _, arg := range []uint64{0, 1, 2, 3, 11, 16} {
				got, err := m.ExportedFunction(name).Call(context.Background(), arg)
				fmt.Fprintf(&b, "%s(%d) = %v", name, arg, got)
				if err != nil {
					first, _, _ := strings.Cut(err.Error(), "\n")
					fmt.Fprintf(&b, " %s", first)
				}
				b.WriteByte('\n')
			}
		}
		mem, _ := m.Memory().Read(0, 1<<12)
		fmt.Fprintf(&b, "%d %d %x %v %d\n", round, m.Memory().Size(), mem, m.ExportedGlobal("h"), *noted)
	}
	return b.String()
}

// TestSame: a module does what it did, however often it asks for more.
func TestSame(t *testing.T) {
	binary := read(t, "testdata/all.wasm")
	want := transcript(t, binary, nil)
	for _, filling := range []int32{0, 1, 7, Full} {
		asked := 0
		got := transcript(t, rewrite(t, binary), func() int32 { asked++; return filling })
		if got != want {
			t.Errorf("filling %d: got\n%s\nwant\n%s", filling, got, want)
		}
		if asked == 0 {
			t.Errorf("filling %d: never asked", filling)
		}
	}
}

// TestValid: whatever the engine accepts of our own guests it accepts
// rewritten.
func TestValid(t *testing.T) {
	for _, name := range guests(t) {
		if testing.Short() && strings.Contains(name, "plugins") {
			continue
		}
		out := rewrite(t, read(t, name))
		c, err := wazero.NewRuntimeWithConfig(context.Background(), wazero.NewRuntimeConfigInterpreter()).
			CompileModule(context.Background(), out)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if _, err := Rewrite(out); err == nil || !strings.Contains(err.Error(), `imports from "wicket_meter"`) {
			t.Errorf("%s: a rewritten module is rewritten again: %v", name, err)
		}
	}
}

// TestStops: no function that does not end escapes, be it filled to the brim.
func TestStops(t *testing.T) {
	for name, body := range map[string]string{
		"loop":              "03400c000b",               // loop br 0 end
		"block":             "024003400c000b0b",         // block loop br 0 end end
		"if":                "41010440034041010d000b0b", // i32.const 1 if loop i32.const 1 br_if 0 end end
		"second loop":       "03400b03400c000b",         // loop end loop br 0 end
		"inner":             "0340034041000d000b0c000b", // loop loop i32.const 0 br_if 0 end br 0 end
		"from inside":       "034003400c010b0b",         // loop loop br 1 end end
		"br_table":          "034041000e010000000b",     // loop i32.const 0 br_table [0] 0 end
		"recursion":         "1001",                     // call itself
		"tail":              "41010440100105100101010b", // i32.const 1 if call else call nop end
		"recursion in loop": "034010010c000b",           // loop call br 0 end
		"indirect":          "41001100" + "00",          // i32.const 0 call_indirect (type 0)
		"import":            "034010000c000b",           // loop call import br 0 end
		"fill":              "0340" + "4100410041e0ff03fc0b000c000b",
	} {
		t.Run(name, func(t *testing.T) {
			code, err := hex.DecodeString(body)
			if err != nil {
				t.Fatal(err)
			}
			asked := 0
			m, _, err := instance(t, rewrite(t, endless(code)), func() int32 {
				if asked++; asked > 20 {
					return -1
				}
				return Full
			})
			if err != nil {
				t.Fatal(err)
			}
			_, err = m.ExportedFunction("f").Call(context.Background())
			if !errors.Is(err, errStopped) {
				t.Errorf("%v", err)
			}
		})
	}
}

// endless is a module that imports a function, which is function 0, and
// exports f, which is function 1 and entry 0 of its table, and has one local.
func endless(code []byte) []byte { return endlessIn(1, code) }

func endlessIn(pages uint64, code []byte) []byte {
	return assemble(map[byte][]byte{
		format.SectionType:     {1, typeFunction, 0, 0},
		format.SectionImport:   cat([]byte{1, 3}, []byte("env"), []byte{4}, []byte("noop"), []byte{format.KindFunction, 0}),
		format.SectionFunction: {1, 0},
		format.SectionTable:    {1, typeFuncref, 1, 1, 1},
		format.SectionMemory:   append([]byte{1, 0}, uv(pages)...),
		format.SectionExport:   cat([]byte{2, 1, 'f', format.KindFunction, 1, 6}, []byte("memory"), []byte{format.KindMemory, 0}),
		format.SectionElement:  {1, 0, opI32Const, 0, opEnd, 1, 1},
		format.SectionCode:     cat([]byte{1}, uv(uint64(len(code)+4)), []byte{1, 1, typeI32}, code, []byte{opEnd}),
	})
}

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func assemble(bodies map[byte][]byte) []byte {
	b := []byte("\x00asm\x01\x00\x00\x00")
	for _, id := range sectionOrder {
		if body := bodies[id]; body != nil {
			b = appendSection(b, id, body)
		}
	}
	return b
}

// TestFresh assembles the module again where the assembler is installed.
func TestFresh(t *testing.T) {
	tool, err := exec.LookPath("wat2wasm")
	if err != nil {
		t.Skip("no wat2wasm")
	}
	out := filepath.Join(t.TempDir(), "all.wasm")
	if msg, err := exec.Command(tool, "testdata/all.wat", "-o", out).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
	if !bytes.Equal(read(t, out), read(t, "testdata/all.wasm")) {
		t.Error("all.wat is newer than its binary; run go generate")
	}
}
