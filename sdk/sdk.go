// Package sdk carries the plugin SDKs as source, so that a new plugin gets, from
// the program itself and without a network, the one that fits its broker.
package sdk

import (
	"embed"
	"io/fs"
	"path"
	"strings"
)

//go:embed go c/wicket.h rust/Cargo.toml rust/src
//go:embed assemblyscript/assembly assemblyscript/asconfig.json assemblyscript/package.json
var files embed.FS

// Files calls f with the name, relative to the SDK's directory, and the content
// of each file of an SDK that plugins need; language is its directory.
func Files(language string, f func(name string, content []byte) error) error {
	return fs.WalkDir(files, language, func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && e.Name() == "testdata":
			return fs.SkipDir
		case e.IsDir() || strings.HasSuffix(name, "_test.go") || path.Ext(name) == ".md":
			return nil
		}
		content, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		return f(strings.TrimPrefix(name, language+"/"), content)
	})
}
