package meter

import (
	"context"
	"fmt"
	"hash/crc32"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// linkAll offers a module whatever functions it imports. Each writes its
// arguments down and returns zeros.
func linkAll(ctx context.Context, r wazero.Runtime, c wazero.CompiledModule, log *strings.Builder, fill func() int32) error {
	modules := map[string]wazero.HostModuleBuilder{}
	for _, def := range c.ImportedFunctions() {
		from, name, _ := def.Import()
		if modules[from] == nil {
			modules[from] = r.NewHostModuleBuilder(from)
		}
		f := func(_ context.Context, _ api.Module, stack []uint64) {
			fmt.Fprint(log, name, words(def.ParamTypes(), stack), ";")
			clear(stack)
		}
		if from == Module {
			f = func(_ context.Context, _ api.Module, stack []uint64) { stack[0] = api.EncodeI32(fill()) }
		}
		modules[from].NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(f), def.ParamTypes(), def.ResultTypes()).Export(name)
	}
	for _, b := range modules {
		if _, err := b.Instantiate(ctx); err != nil {
			return err
		}
	}
	return nil
}

// numeric reports whether all types are numbers of one word.
func numeric(types []api.ValueType) bool {
	return !slices.ContainsFunc(types, func(t api.ValueType) bool { return t < api.ValueTypeF64 })
}

// words returns values without what is behind those of 32 bits; of vectors and
// references nothing, for the API has no form of the ones and the others differ
// from run to run.
func words(types []api.ValueType, stack []uint64) []uint64 {
	if !numeric(types) {
		return nil
	}
	list := slices.Clone(stack[:len(types)])
	for i, t := range types {
		if t == api.ValueTypeI32 || t == api.ValueTypeF32 {
			list[i] = uint64(uint32(list[i]))
		}
	}
	return list
}

// behaviour calls the exports of a module that another tool has made, and
// writes down what comes of it. hangLimitInitializer gives them as many turns of
// loops and calls as they may have.
func behaviour(t *testing.T, binary []byte, fill func() int32) string {
	t.Helper()
	ctx := context.Background()
	r := engine(t)
	defer r.Close(ctx)
	c, err := r.CompileModule(ctx, binary)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := linkAll(ctx, r, c, &b, fill); err != nil {
		t.Fatal(err)
	}
	m, err := r.InstantiateModule(ctx, c, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return b.String() + firstLine(err)
	}
	for round := range 3 {
		for _, name := range slices.Sorted(maps.Keys(c.ExportedFunctions())) {
			def := c.ExportedFunctions()[name]
			if !numeric(def.ParamTypes()) {
				continue
			}
			if hang := m.ExportedFunction("hangLimitInitializer"); hang != nil {
				_, _ = hang.Call(ctx)
			}
			args := make([]uint64, len(def.ParamTypes()))
			for i := range args {
				args[i] = []uint64{0, 1<<31 - 1, 0x4045000000000000}[round] * uint64(i+1)
			}
			args = words(def.ParamTypes(), args)
			got, err := m.ExportedFunction(name).Call(ctx, args...)
			if err == nil {
				got = words(def.ResultTypes(), got)
			}
			fmt.Fprintf(&b, "%s%x=%x", name, args, got)
			if err != nil {
				fmt.Fprint(&b, " ", firstLine(err))
			}
			b.WriteByte('\n')
		}
		if mem := m.Memory(); mem != nil {
			all, _ := mem.Read(0, mem.Size())
			fmt.Fprintf(&b, "%d bytes, %x\n", len(all), crc32.ChecksumIEEE(all))
		}
	}
	return b.String()
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// same compares what a module does with and without paying.
func same(t *testing.T, name string, binary []byte) (asked int) {
	t.Helper()
	out, err := Rewrite(binary)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	want := behaviour(t, binary, nil)
	if strings.Contains(want, "stack overflow") { // it comes at another depth
		return 0
	}
	filling := int32(crc32.ChecksumIEEE(binary) % 50)
	if got := behaviour(t, out, func() int32 { asked++; return filling }); got != want {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
	return asked
}

// TestForeignPrograms: random code of another tool's making does the same when
// it pays for it. The modules were made by TestSoakForeignPrograms.
func TestForeignPrograms(t *testing.T) {
	list, err := filepath.Glob("testdata/random/*.wasm")
	if err != nil || len(list) == 0 {
		t.Fatal("no modules", err)
	}
	asked := 0
	for _, name := range list {
		asked += same(t, name, read(t, name))
	}
	if asked == 0 {
		t.Error("never asked")
	}
}
