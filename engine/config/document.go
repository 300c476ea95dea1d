package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	maxFileSize = 1 << 20 // bytes of one configuration file
	maxDepth    = 32      // sections within sections
	maxNodes    = 100_000 // values of one file, with what aliases repeat
)

// document reads one file for koanf (it is a koanf.Parser) and remembers the
// line of each key. It collects problems instead of stopping at the first,
// and leaves out of the tree what it could not read.
type document struct {
	origin   Origin // File or Base
	format   string // "yaml", "toml" or "json"
	lines    map[string]int
	problems []Problem
	nodes    int
}

// formatOf tells the format of a file by its name.
func formatOf(name string) (string, error) {
	switch ext := strings.ToLower(filepath.Ext(name)); ext {
	case ".yaml", ".yml":
		return "yaml", nil
	case ".toml", ".json":
		return ext[1:], nil
	case ".conf", ".hocon":
		return "conf", nil
	}
	return "", errFormat
}

var (
	errFormat    = errors.New("cannot tell its format: the name must end in .yaml, .yml, .toml or .json, or in .conf or .hocon when it is a file of EMQX")
	errNoConvert = errors.New("files of EMQX (.conf, .hocon) cannot be read here; \"wicket import\" turns them into YAML")
)

// readFile reads a regular file of bounded size.
func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read the file: %w", errors.Unwrap(err))
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("cannot read the file: it is not a regular file")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read the file: %w", errors.Unwrap(err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the file: %w", errors.Unwrap(err))
	}
	if len(data) > maxFileSize {
		return nil, fmt.Errorf("cannot read the file: it is larger than %s", ByteSize(maxFileSize))
	}
	return data, nil
}

// Unmarshal implements koanf.Parser. It returns no error: see d.problems.
func (d *document) Unmarshal(data []byte) (tree map[string]any, _ error) {
	d.lines = map[string]int{}
	defer func() {
		// The readers are other people's; a panic of theirs is one more way
		// to say that the file makes no sense.
		if r := recover(); r != nil {
			d.fail(0, nil, "cannot read the file as %s: %v", strings.ToUpper(d.format), r)
			tree = map[string]any{}
		}
	}()
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	switch d.format {
	case "json":
		tree = d.json(data)
	case "toml":
		tree = d.toml(data)
	default:
		tree = d.yaml(data)
	}
	if tree == nil {
		tree = map[string]any{}
	}
	dropEmpty(tree, schema())
	return tree, nil
}

// Marshal implements koanf.Parser; nothing calls it.
func (d *document) Marshal(map[string]any) ([]byte, error) {
	return nil, errors.ErrUnsupported
}

// fail notes a problem at a line.
func (d *document) fail(line int, path []string, format string, args ...any) {
	o := d.origin
	o.Line = line
	d.problems = append(d.problems, Problem{o, JoinKey(path...), fmt.Sprintf(format, args...)})
}

// key notes where a key stands and reports whether it may be used.
func (d *document) key(line int, path []string, seen map[string]any) bool {
	name := path[len(path)-1]
	switch {
	case name == "" || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		d.fail(line, path[:len(path)-1], "a key here is empty or has control characters")
		return false
	case len(path) > maxDepth:
		d.fail(line, path[:3], "sections are nested more than %d deep", maxDepth)
		return false
	}
	if _, dup := seen[name]; dup {
		d.fail(line, path, "the key is here twice, first in line %d; keep one of them", d.lines[pathKey(path)])
		return false
	}
	d.lines[pathKey(path)] = line
	return true
}

// spend counts a value against the budget of the file.
func (d *document) spend(line int) bool {
	d.nodes++
	if d.nodes == maxNodes {
		d.fail(line, nil, "the file holds more than %d values", maxNodes)
	}
	return d.nodes < maxNodes
}

// dropEmpty removes sections without content ("mqtt:" and nothing below), so
// that they neither count as values nor hide those of an earlier file.
func dropEmpty(tree map[string]any, f *field) {
	for key, value := range tree {
		c := f.child(key)
		if c == nil || c.kind != section && c.kind != named {
			continue
		}
		if value == nil && f.kind != named {
			delete(tree, key)
		} else if sub, ok := value.(map[string]any); ok {
			dropEmpty(sub, c)
		}
	}
}

// element extends a path by the index of a list element.
func element(path []string, i int) []string {
	return append(path[:len(path):len(path)], strconv.Itoa(i))
}

// below extends a path by a key.
func below(path []string, key string) []string {
	return append(path[:len(path):len(path)], key)
}
