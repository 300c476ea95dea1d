// Package emqx turns configuration files of EMQX into Wicket's YAML: the flat
// keys of the 4.x line, HOCON of the 5.x line, and both in one file. It owns
// the reading of both grammars, the table of what each key becomes, and the
// rules by which an import fails closed.
//
// Authenticators and authorizers become upstreams and plugins; the rules of an
// acl.conf, which are Erlang terms, those of the plugin acl.
//
// Two things never happen: that a key disappears without a line about it, and
// that a client gets in, or may do something, because a key was lost. What is
// lost and would have kept somebody out closes the door that it guarded: a
// listener is written as disabled, or the chain denies everybody. What stands
// behind a lost link of a chain is lost with it, and a lost condition of a rule
// makes it permit less or deny more.
//
// Import may be called on any goroutine. It reads the file that it is given,
// those that this file includes and the file of rules, and nothing else; it writes
// nothing.
package emqx

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Options say where a file stands and where its YAML will.
type Options struct {
	// Base is the directory of the YAML file. Paths below it are written
	// relative to it, all others absolute. Empty makes every path absolute.
	Base string

	// Getenv looks variables up; nil means os.LookupEnv.
	Getenv func(string) (string, bool)

	// ReadFile reads files that are included; nil means a bounded read of
	// regular files.
	ReadFile func(string) ([]byte, error)

	// Secret makes a random text where a plugin needs one that EMQX has no key for;
	// nil means that what would need one is lost. It is for an import that is
	// kept: a secret that changed with each reading would be none.
	Secret func() string
}

// Place is a line of a file, from 1; Line 0 is the file as a whole.
type Place struct {
	File string
	Line int
}

// String writes the place as messages begin.
func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Finding is one line of the report: a key and what became of it.
type Finding struct {
	Place
	Key  string
	Text string
	Keys int // how many keys it is about; 0 is one
}

// String is the finding in one line: place, key, text.
func (f Finding) String() string {
	parts := make([]string, 0, 3)
	if f.File != "" {
		parts = append(parts, f.Place.String())
	}
	if f.Key != "" {
		parts = append(parts, f.Key)
	}
	return strings.Join(append(parts, f.Text), ": ")
}

// Result is what an import made. The YAML is whole only when Errors is empty.
type Result struct {
	Grammar string // "EMQX 4" (flat keys) or "EMQX 5" (HOCON)
	YAML    []byte
	Lines   []Place // of each line of YAML, where it came from; zero for our own

	Carried int       // keys of the file that the YAML holds
	Lost    []Finding // keys that it does not, each with the reason and remedy
	Closed  []Finding // doors that were shut because of what was lost
	Notes   []Finding // what was carried over and means something else here
	Errors  []Finding // why there is nothing to use

	Files []string // that were included, and that of rules
}

// Count returns how many keys were lost; a section that is lost as a whole
// counts each key in it.
func (r *Result) Count() (lost int) {
	for _, f := range r.Lost {
		lost += max(f.Keys, 1)
	}
	return lost
}

// Import reads the text of an EMQX file of the name given.
func Import(name string, text []byte, o Options) *Result {
	if o.Getenv == nil {
		o.Getenv = os.LookupEnv
	}
	if o.ReadFile == nil {
		o.ReadFile = readFile
	}
	r := &Result{}
	p := &reader{options: o, file: name, folders: foldersOf(name, o.Getenv)}
	root := p.read(text)
	r.Grammar, r.Files = p.grammar, p.files
	if len(p.errors) > 0 {
		r.Errors = p.errors
		return r
	}
	c := newConversion(r, o, p.folders, name)
	c.run(root)
	r.YAML, r.Lines = c.out.write(header(r, name), r.Lost)
	for _, list := range [][]Finding{r.Lost, r.Closed, r.Notes, r.Errors} {
		slices.SortStableFunc(list, func(a, b Finding) int {
			return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
		})
	}
	return r
}

// folders are the directories that paths of a file start from.
type folders struct {
	root string // of the installation: relative paths start here
	etc  string // EMQX_ETC_DIR
	vars map[string]string
}

// foldersOf finds the installation of a file: the parent of the directory
// "etc" that the file is in, or else the directory of the file. Variables of
// the environment go first.
func foldersOf(name string, getenv func(string) (string, bool)) folders {
	dir := filepath.Dir(name)
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	f := folders{root: dir, etc: dir}
	if filepath.Base(dir) == "etc" {
		f.root = filepath.Dir(dir)
	}
	f.vars = map[string]string{
		"EMQX_ETC_DIR":  f.etc,
		"EMQX_DATA_DIR": filepath.Join(f.root, "data"),
		"EMQX_LOG_DIR":  filepath.Join(f.root, "log"),
	}
	for v := range f.vars {
		if set, ok := getenv(v); ok && set != "" {
			f.vars[v] = set
		}
	}
	return f
}

// readFile reads a regular file of bounded size.
func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", name)
	case info.Size() > maxFileSize:
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxFileSize)
	}
	return os.ReadFile(name)
}
