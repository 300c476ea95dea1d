//go:build !unix

package wasm

import "github.com/tetratelabs/wazero/experimental"

func allocate(_, most uint64) experimental.LinearMemory {
	return &heapMemory{limit: most}
}
