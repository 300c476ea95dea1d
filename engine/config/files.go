package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// CheckFiles tries to open every file that the configuration names, secrets
// included, and lists those that cannot be read. What is in them is checked
// by the packages that use them. Files of the built-in configuration are made
// by the broker itself.
func CheckFiles(cfg *Config, report *Report) []Problem {
	var out []Problem
	for _, n := range namedFiles(cfg) {
		origin := originOf(report.origins, n.path)
		if origin.Base {
			continue
		}
		if err := readable(n.name, n.dir); err != nil {
			out = append(out, Problem{origin, JoinKey(n.path...), err.Error()})
		}
	}
	sortProblems(out)
	return out
}

// namedFile is a file that a configuration names, and the key that does.
type namedFile struct {
	path []string
	name string
	dir  bool // it may be a directory
}

// fileSuffix ends the settings of a plugin whose values are files.
const fileSuffix = "_file"

// namedFiles lists the files in the order of their keys.
func namedFiles(cfg *Config) []namedFile {
	var out []namedFile
	check := func(path []string, name string) { out = append(out, namedFile{path: path, name: name}) }
	values(reflect.ValueOf(cfg).Elem(), schema(), nil, func(path []string, f *field, v reflect.Value) {
		switch {
		case f.typ == secretType:
			if name, ok := strings.CutPrefix(v.Interface().(Secret).text, "file://"); ok {
				check(path, name)
			}
		case f.path == "any" && v.String() != "":
			out = append(out, namedFile{path, v.String(), true})
		case f.path == "file" && v.String() != "",
			f.path == "plugin" && !strings.HasPrefix(v.String(), BuiltinPrefix):
			check(path, v.String())
		case f.kind == free:
			dir := cfg.Plugins[path[len(path)-2]].Dir
			tree := v.Interface().(map[string]any)
			for _, key := range slices.Sorted(maps.Keys(tree)) {
				if name, ok := tree[key].(string); ok && strings.HasSuffix(key, fileSuffix) && name != "" {
					if !filepath.IsAbs(name) {
						name = filepath.Join(dir, name)
					}
					check(below(path, key), name)
				}
			}
		}
	})
	return out
}

// readable opens a file and closes it.
func readable(name string, dir bool) error {
	f, err := os.Open(name)
	if err != nil {
		remedy := ""
		switch {
		case errors.Is(err, fs.ErrNotExist):
			remedy = "; create it or correct the path"
		case errors.Is(err, fs.ErrPermission):
			remedy = "; let the broker's user read it"
		}
		var at *fs.PathError
		if errors.As(err, &at) {
			err = at.Err
		}
		return fmt.Errorf("cannot read %q: %w%s", name, err, remedy)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() && !dir {
		return fmt.Errorf("cannot read %q: it is a directory", name)
	}
	return nil
}

// values calls visit for every value of a configuration, entries of maps in
// the order of their names.
func values(v reflect.Value, f *field, path []string, visit func([]string, *field, reflect.Value)) {
	switch f.kind {
	case section:
		for _, c := range f.children {
			values(v.FieldByIndex(c.index), c, below(path, c.key), visit)
		}
	case named:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			values(v.MapIndex(k), f.elem, below(path, k.String()), visit)
		}
	default:
		visit(path, f, v)
	}
}
