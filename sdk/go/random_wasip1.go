//go:build wasip1

package wicket

import "unsafe"

//go:wasmimport wicket random
func hostRandom(ptr unsafe.Pointer, size uint32)

// Random fills b from the broker's cryptographic source; at most 1 MiB at once.
// Package crypto/rand does the same and makes a module a megabyte larger.
func Random(b []byte) { hostRandom(unsafe.Pointer(unsafe.SliceData(b)), uint32(len(b))) }
