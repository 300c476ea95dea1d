// Package scaffold makes new plugins and builds them: it knows the languages
// that there is an SDK for, what a plugin in each begins with, and how its
// toolchain is called. It is used by one command at a time.
package scaffold

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

// The templates of a language are in a directory of its name. Those in common
// belong to every plugin.
//
//go:embed templates
var templates embed.FS

// name is what a plugin may be called: it becomes a key of the configuration,
// a file, a module of Go and a crate of Rust.
var name = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)

// plugin is what templates know.
type plugin struct {
	Name string
	SDK  string // where the SDK is, from the plugin's directory
}

// New makes the directory dir with a plugin in it, which is called like it. It
// touches nothing that is there already.
func New(dir, language string) error {
	l, err := named(language)
	if err != nil {
		return err
	}
	called, err := nameOf(dir)
	if err != nil {
		return err
	}
	if !name.MatchString(called) {
		return fmt.Errorf("%q cannot be the name of a plugin: begin with a letter from a to z, and go on with those, digits, - and _", called)
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("there is something in %q already", dir)
	}
	p := plugin{Name: called, SDK: "wicket"}
	for _, from := range []string{"common", language} {
		if err := fill(dir, path(from), p); err != nil {
			return fmt.Errorf("cannot make plugin %q: %w", called, err)
		}
	}
	if err := l.lend(filepath.Join(dir, p.SDK)); err != nil {
		return fmt.Errorf("cannot make plugin %q: %w", called, err)
	}
	return nil
}

// nameOf is what the plugin in a directory is called.
func nameOf(dir string) (string, error) {
	whole, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return filepath.Base(whole), nil
}

func path(language string) string { return "templates/" + language }

// fill writes the templates below a directory of them. Their names end in
// .tmpl, and dot- stands for a dot at the beginning.
func fill(dir, from string, p plugin) error {
	return fs.WalkDir(templates, from, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		to := strings.TrimSuffix(strings.TrimPrefix(name, from+"/"), ".tmpl")
		to = strings.ReplaceAll(to, "dot-", ".")
		return render(name, filepath.Join(dir, filepath.FromSlash(to)), p)
	})
}

// render writes what a template says of a plugin.
func render(name, to string, p plugin) error {
	t, err := template.New(name).Delims("[[", "]]").ParseFS(templates, name)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, filepath.Base(name), p); err != nil {
		return err
	}
	return write(to, b.Bytes())
}

func write(file string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o644)
}

// Languages are those that New knows.
func Languages() (names []string) {
	for _, l := range languages {
		names = append(names, l.name)
	}
	return names
}

func named(language string) (*lang, error) {
	i := slices.IndexFunc(languages, func(l *lang) bool { return l.name == language })
	if i < 0 {
		return nil, fmt.Errorf("there is no SDK for %q; there is one for %s", language, strings.Join(Languages(), ", "))
	}
	return languages[i], nil
}
