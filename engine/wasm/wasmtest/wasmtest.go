// Package wasmtest lets the tests of all packages share compiled modules: to
// compile a plugin written in Go takes a second and a half of a processor, to
// read it compiled a fourteenth of a second.
package wasmtest

import (
	"os"
	"path/filepath"
)

// Cache is the directory of compiled modules, bin/compiled of the checkout whose
// test this process runs, for wasm.HostOptions.CacheDir. It stays when tests end.
// Where nobody may write it is empty: to be without a cache is slow, no more.
func Cache() string {
	root := root()
	dir := filepath.Join(root, "bin", "compiled")
	if root == "" || os.MkdirAll(dir, 0o700) != nil {
		return ""
	}
	return dir
}

// root is the directory of go.mod, above that of the test's package.
func root() string {
	dir, err := os.Getwd()
	for ; err == nil && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	return ""
}
