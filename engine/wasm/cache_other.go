//go:build !unix

package wasm

import "io/fs"

// unsafeEntry cannot judge access control lists; it refuses links only.
func unsafeEntry(info fs.FileInfo) string {
	if info.Mode()&fs.ModeSymlink != 0 {
		return "is a symbolic link"
	}
	return ""
}
