package wasm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
)

// openCache opens the directory of compiled modules, or a cache in memory for
// an empty name. Whoever can write there runs code in this process, so it
// must belong to us and be writable by nobody else.
func openCache(dir string) (wazero.CompilationCache, error) {
	if dir == "" {
		return wazero.NewCompilationCache(), nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot create compile cache %q: %w", dir, err)
	}
	if err := checkCache(dir); err != nil {
		return nil, err
	}
	trimCache(dir, maxCache)
	c, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot open compile cache %q: %w", dir, err)
	}
	return c, nil
}

// checkCache refuses a directory tree with an entry that somebody else could
// change. A link is refused because its target was not looked at.
func checkCache(dir string) error {
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return fmt.Errorf("cannot open compile cache %q: %w", dir, err)
	}
	return filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("cannot read compile cache %q: %w", dir, err)
		}
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) { // another process tidies up
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read compile cache %q: %w", dir, err)
		}
		if why := unsafeEntry(info); why != "" {
			return fmt.Errorf("refusing compile cache %q: %q %s; whoever can write there can run code here (chmod -R go-w, chown)",
				dir, path, why)
		}
		return nil
	})
}

// maxCache bounds the compiled modules on disk, in bytes: some fifty of stock Go.
// Each version of a plugin that was ever loaded or built leaves one.
const maxCache = 512 << 20

// trimCache removes the modules that were compiled first, until the rest takes no
// more than limit bytes. One that is in use is in memory, and is compiled again at
// a later start. Other processes may trim at the same time.
func trimCache(dir string, limit int64) {
	var size int64
	entries := cacheEntries(dir)
	for _, e := range entries {
		size += e.size
	}
	slices.SortFunc(entries, func(a, b cacheEntry) int { return a.compiled.Compare(b.compiled) })
	for _, e := range entries {
		if size <= limit {
			return
		}
		_ = os.Remove(e.path)
		size -= e.size
	}
}

// purgeCache removes all compiled modules, after one of them turned out to be
// unreadable.
func purgeCache(dir string) {
	for _, e := range cacheEntries(dir) {
		_ = os.Remove(e.path)
	}
}

// cacheEntry is the file of one compiled module.
type cacheEntry struct {
	path     string
	size     int64
	compiled time.Time
}

// cacheEntries lists what the cache itself has made, and nothing else that may lie
// there, of whichever version; nothing for an empty name.
func cacheEntries(dir string) (out []cacheEntry) {
	if dir == "" {
		return nil
	}
	versions, _ := filepath.Glob(filepath.Join(dir, "wazero-*"))
	for _, v := range versions {
		entries, _ := os.ReadDir(v)
		for _, e := range entries {
			info, err := e.Info()
			if err == nil && info.Mode().IsRegular() && strings.Trim(e.Name(), "0123456789abcdef") == "" {
				out = append(out, cacheEntry{filepath.Join(v, e.Name()), info.Size(), info.ModTime()})
			}
		}
	}
	return out
}
