//go:build unix

package wasm

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// unsafeEntry says why a file or directory of the cache cannot be trusted, or
// returns "".
func unsafeEntry(info fs.FileInfo) string {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return "is a symbolic link"
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Sprintf("is writable by others (mode %04o)", info.Mode().Perm())
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return fmt.Sprintf("belongs to user %d, not to %d", st.Uid, os.Geteuid())
	}
	return ""
}
