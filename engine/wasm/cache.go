package wasm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

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

// purgeCache removes compiled modules, after one of them turned out to be
// unreadable. It touches only what the cache itself made.
func purgeCache(dir string) {
	if dir == "" {
		return
	}
	versions, _ := filepath.Glob(filepath.Join(dir, "wazero-*"))
	for _, v := range versions {
		entries, _ := os.ReadDir(v)
		for _, e := range entries {
			if e.Type().IsRegular() && strings.Trim(e.Name(), "0123456789abcdef") == "" {
				_ = os.Remove(filepath.Join(v, e.Name()))
			}
		}
	}
}
