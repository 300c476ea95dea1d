package scaffold

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/wicketmq/wicket/sdk"
)

// A directory that New made has the SDK in it. Others, such as a folder of
// examples or a copy of one, are built with the SDK that is in this program.

// sdkIn returns the directory, from that of the plugin, below which its own SDK is:
// wicket, or what a package manager has put it into. Empty for none.
func (l *lang) sdkIn(dir string) string {
	for _, root := range []string{"wicket", "node_modules"} {
		if info, err := os.Stat(filepath.Join(dir, root, filepath.FromSlash(l.sdk))); err == nil && info.IsDir() {
			return root
		}
	}
	return ""
}

// lend writes the SDK that is in this program below a directory.
func (l *lang) lend(root string) error {
	return sdk.Files(l.name, func(name string, content []byte) error {
		return write(filepath.Join(root, filepath.FromSlash(l.sdk), filepath.FromSlash(name)), content)
	})
}

// module is the directory of the Go module that a directory belongs to; empty for
// none.
func module(dir string) string {
	dir, err := filepath.Abs(dir)
	for ; err == nil; dir = filepath.Dir(dir) {
		if info, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil && !info.IsDir() {
			return dir
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return ""
}

// overlay writes below root what New would add to a plugin in Go, and returns the
// file by which the toolchain sees it in dir, where nothing is written.
func (l *lang) overlay(dir, root string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for _, name := range []string{"go.mod", "wicket/go.mod"} {
		if err := render(path(l.name)+"/"+name+".tmpl", filepath.Join(root, name), plugin{Name: filepath.Base(dir), SDK: "wicket"}); err != nil {
			return "", err
		}
	}
	if err := l.lend(filepath.Join(root, "wicket")); err != nil {
		return "", err
	}
	replace := map[string]string{}
	err = filepath.WalkDir(root, func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, file)
		replace[filepath.Join(dir, name)] = file
		return err
	})
	if err != nil {
		return "", err
	}
	content, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(root, "overlay.json")
	return file, os.WriteFile(file, content, 0o600)
}
