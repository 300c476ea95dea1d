package wasm

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// wasiBadFile says that there is no such descriptor; wasiIO that a write failed.
const (
	wasiBadFile = 8
	wasiIO      = 29
)

// maxVectors is the most buffers of one fd_write; so many has Linux.
const maxVectors = 1024

// linkWASI offers the functions of WASI preview 1 and returns their signatures.
// The engine's are kept where they look at nothing but a few words. Its
// poll_oneoff would sleep, its path_open copy, and its fd_write run through a
// list, as long as the guest says.
func linkWASI(ctx context.Context, r wazero.Runtime) (map[string]string, error) {
	b := r.NewHostModuleBuilder(moduleWASI)
	wasi_snapshot_preview1.NewFunctionExporter().ExportFunctions(b)
	c, err := b.Compile(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot link module %q: %w", moduleWASI, err)
	}
	defer c.Close(ctx)
	signatures := map[string]string{}
	for name, def := range c.ExportedFunctions() {
		signatures[name] = signatureText(def)
		if f := wasiFunc(name); f != nil {
			b.NewFunctionBuilder().WithGoModuleFunction(f, def.ParamTypes(), def.ResultTypes()).Export(name)
		}
	}
	if _, err := b.Instantiate(ctx); err != nil {
		return nil, fmt.Errorf("cannot link module %q: %w", moduleWASI, err)
	}
	return signatures, nil
}

// wasiFunc returns the host's own function of that name, nil for the engine's.
func wasiFunc(name string) api.GoModuleFunc {
	switch name {
	case "poll_oneoff":
		return pollOneoff
	case "fd_write":
		return fdWrite
	}
	if strings.HasPrefix(name, "path_") || strings.HasPrefix(name, "sock_") ||
		slices.Contains([]string{"fd_read", "fd_pread", "fd_pwrite", "fd_readdir"}, name) {
		return func(_ context.Context, _ api.Module, stack []uint64) { stack[0] = wasiBadFile }
	}
	return nil
}

// fdWrite writes to descriptors 1 and 2, whose lines go to the log.
func fdWrite(ctx context.Context, mod api.Module, stack []uint64) {
	fd, list, n, written := uint32(stack[0]), uint32(stack[1]), uint32(stack[2]), uint32(stack[3])
	stack[0] = writeVectors(instanceOf(ctx), mod.Memory(), fd, list, n, written)
}

func writeVectors(i *instance, mem api.Memory, fd, list, n, written uint32) uint64 {
	if fd != 1 && fd != 2 {
		return wasiBadFile
	}
	if n > maxVectors {
		return wasiInvalid
	}
	vectors, ok := mem.Read(list, n*8) // address and size of each
	if !ok {
		return wasiFault
	}
	var total uint32
	for ; len(vectors) > 0; vectors = vectors[8:] {
		b, ok := mem.Read(binary.LittleEndian.Uint32(vectors), binary.LittleEndian.Uint32(vectors[4:]))
		if !ok {
			return wasiFault
		}
		if _, err := i.out.Write(b); err != nil {
			return wasiIO
		}
		total += uint32(len(b))
	}
	if !mem.WriteUint32Le(written, total) {
		return wasiFault
	}
	return wasiOK
}
