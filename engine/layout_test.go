package engine_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the path that imports of our own packages start with.
const module = "github.com/wicketmq/wicket/"

// order lists the packages from the top of the house to its ground. A package
// may import those after it, never those before it.
var order = []string{
	"cmd/wicket",
	"cmd/wicket-bench",
	"engine",
	"engine/metric",
	"engine/control",
	"engine/config/emqx",
	"engine/config",
	"engine/reactor",
	"engine/transport/tlsio",
	"engine/transport/hello",
	"engine/proxy",
	"engine/broker",
	"engine/session",
	"engine/wasm",
	"engine/wasm/meter",
	"engine/wasm/format",
	"engine/ban",
	"engine/auth",
	"engine/password",
	"engine/password/users",
	"engine/password/encoded",
	"engine/jwt",
	"engine/upstream",
	"engine/acme",
	"engine/ocsp",
	"engine/crl",
	"engine/fetch",
	"engine/cert",
	"engine/signer",
	"engine/topic",
	"engine/mqtt",
	"engine/alarm",
	"engine/wheel",
}

// pure packages are tested in memory with a clock turned by hand: they know
// nothing of sockets, TLS, Wasm and files.
var pure = []string{"engine/broker", "engine/session", "engine/auth", "engine/topic", "engine/mqtt", "engine/alarm", "engine/wheel"}

// outside is what pure packages may not import.
var outside = regexp.MustCompile(`^(net|net/http|crypto/tls|os|os/.*|io/fs|io/ioutil|path/filepath|syscall|` +
	`golang\.org/x/sys/.*|github\.com/panjf2000/gnet/.*|github\.com/tetratelabs/wazero.*|github\.com/fsnotify/.*)$`)

const (
	maxFileLines = 900
	maxFuncLines = 100
)

// source is one parsed Go file of the repository.
type source struct {
	name  string // slash-separated, from the root of the repository
	dir   string
	test  bool
	lines int
	file  *ast.File
	set   *token.FileSet
}

// imports lists the file's import paths.
func (s *source) imports() []string {
	var out []string
	for _, i := range s.file.Imports {
		if p, err := strconv.Unquote(i.Path.Value); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// sources parses every Go file of the repository that is not generated.
func sources(t *testing.T) []*source {
	t.Helper()
	root := ".."
	var out []*source
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := e.Name()
		if e.IsDir() {
			if name != root && (strings.HasPrefix(base, ".") || base == "testdata" || base == "node_modules" || base == "bin") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") {
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, data, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil || ast.IsGenerated(file) {
			return err
		}
		rel, err := filepath.Rel(root, name)
		rel = filepath.ToSlash(rel)
		out = append(out, &source{
			name: rel, dir: path.Dir(rel), test: strings.HasSuffix(base, "_test.go"),
			lines: strings.Count(string(data), "\n"), file: file, set: set,
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("found only %d Go files: is this the repository?", len(out))
	}
	return out
}

// TestLayoutImports holds the order of the packages.
func TestLayoutImports(t *testing.T) {
	for _, s := range sources(t) {
		from := slices.Index(order, s.dir)
		if from < 0 && strings.HasPrefix(s.dir, "engine/") && !s.test && !isTestHelper(s.dir) {
			t.Errorf("%s: package %s has no place in the order of engine/layout_test.go", s.name, s.dir)
		}
		for _, p := range s.imports() {
			if !s.test && slices.Contains(pure, s.dir) && outside.MatchString(p) {
				t.Errorf("%s imports %q: %s knows nothing of sockets, TLS, Wasm and files", s.name, p, s.dir)
			}
			own, ok := strings.CutPrefix(p, module)
			if !ok || s.test {
				continue
			}
			if to := slices.Index(order, own); from >= 0 && to >= 0 && to <= from {
				t.Errorf("%s imports %s: imports run downward only", s.name, own)
			}
			if guest(s.dir) && strings.HasPrefix(own, "engine") {
				t.Errorf("%s imports %s: guests and their SDK stand apart from the engine", s.name, own)
			}
		}
	}
}

// guest reports whether a package is compiled into plugins.
func guest(dir string) bool {
	return strings.HasPrefix(dir, "sdk/go") || strings.HasPrefix(dir, "examples/")
}

// isTestHelper reports whether a package serves tests only.
func isTestHelper(dir string) bool { return strings.HasSuffix(dir, "test") }

// TestLayoutSizes keeps files and functions readable in one sitting.
func TestLayoutSizes(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		if s.lines > maxFileLines {
			t.Errorf("%s has %d lines, more than %d", s.name, s.lines, maxFileLines)
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := s.set.Position(f.End()).Line - s.set.Position(f.Pos()).Line + 1; n > maxFuncLines {
				t.Errorf("%s: function %s has %d lines, more than %d", s.name, f.Name, n, maxFuncLines)
			}
		}
	}
}

// TestLayoutComments wants a comment on each package and each exported name.
func TestLayoutComments(t *testing.T) {
	commented := map[string]bool{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		commented[s.dir] = commented[s.dir] || s.file.Doc != nil
		for _, d := range s.file.Decls {
			for _, name := range undocumented(d) {
				t.Errorf("%s: %s has no comment", s.name, name)
			}
		}
	}
	for dir, ok := range commented {
		if !ok {
			t.Errorf("package %s has no package comment", dir)
		}
	}
}

// undocumented lists the exported names of a declaration without a comment.
// Methods that only satisfy fmt.Stringer and error explain themselves.
func undocumented(d ast.Decl) []string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		obvious := d.Recv != nil && (d.Name.Name == "String" || d.Name.Name == "Error" || d.Name.Name == "Unwrap" ||
			d.Name.Name == "Len" || d.Name.Name == "Less" || d.Name.Name == "Swap")
		if d.Name.IsExported() && d.Doc == nil && !obvious && (d.Recv == nil || exportedReceiver(d.Recv)) {
			return []string{d.Name.Name}
		}
	case *ast.GenDecl:
		var out []string
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Name.IsExported() && d.Doc == nil && spec.Doc == nil {
					out = append(out, spec.Name.Name)
				}
			case *ast.ValueSpec:
				if spec.Names[0].IsExported() && d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
					out = append(out, spec.Names[0].Name)
				}
			}
		}
		return out
	}
	return nil
}

func exportedReceiver(recv *ast.FieldList) bool {
	t := recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}

// TestLayoutDependencies wants a line in DEPENDENCIES.md for each module that
// is imported, and an import for each line.
func TestLayoutDependencies(t *testing.T) {
	page, err := os.ReadFile("../DEPENDENCIES.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		listed[m[1]] = false
	}
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	for _, m := range regexp.MustCompile(`(?m)^\s+(\S+) v\S+`).FindAllStringSubmatch(string(mod), -1) {
		modules = append(modules, m[1])
	}
	for _, s := range sources(t) {
		for _, p := range s.imports() {
			m := moduleOf(p, modules)
			if m == "" {
				continue
			}
			if _, ok := listed[m]; !ok {
				t.Errorf("%s imports %s: it has no line in DEPENDENCIES.md", s.name, m)
			}
			listed[m] = true
		}
	}
	for m, used := range listed {
		if !used {
			t.Errorf("DEPENDENCIES.md lists %s, which nothing imports", m)
		}
	}
}

// moduleOf returns the longest module path that holds a package, or nothing
// for packages of the standard library and our own.
func moduleOf(pkg string, modules []string) string {
	best := ""
	for _, m := range modules {
		if (pkg == m || strings.HasPrefix(pkg, m+"/")) && len(m) > len(best) {
			best = m
		}
	}
	return best
}
