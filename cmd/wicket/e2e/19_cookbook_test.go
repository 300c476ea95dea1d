package e2e

import (
	"encoding/json"
	gofmt "go/format"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// recipe is a section of docs/plugins/cookbook.md: a plugin, whole.
type recipe struct {
	title, name string            // name is that of the module, which wicket.yaml loads
	files       map[string]string // by their names, which stand in their first lines
}

var (
	recipeModule = regexp.MustCompile(`file: ([a-z-]+)\.wasm`)
	recipeFile   = regexp.MustCompile(`^(?://|#) ([a-z]+(?:\.[a-z]+)?)\n`)
	namedFile    = regexp.MustCompile(`_file: ([a-z.]+)`)
)

// recipes are those of the page. Each code block has to be one of its files.
func recipes(t *testing.T) (list []recipe) {
	t.Helper()
	sections := strings.Split(read(t, "../../../docs/plugins/cookbook.md"), "\n## ")
	if strings.Contains(sections[0], "```") {
		t.Error("a code block that belongs to no recipe")
	}
	for _, text := range sections[1:] {
		title, _, _ := strings.Cut(text, "\n")
		r := recipe{title: title, files: map[string]string{}}
		for _, block := range codeBlock.FindAllStringSubmatch(text, -1) {
			m := recipeFile.FindStringSubmatch(block[2])
			if m == nil {
				t.Fatalf("%s: no file is named by\n%s", title, block[2])
			}
			if r.files[m[1]] != "" {
				t.Errorf("%s: %s is there twice", title, m[1])
			}
			r.files[m[1]] = block[2]
		}
		if 2*len(r.files) != strings.Count(text, "```") {
			t.Errorf("%s: a code block that nobody reads", title)
		}
		if m := recipeModule.FindStringSubmatch(r.files["wicket.yaml"]); m != nil {
			r.name = m[1]
		}
		list = append(list, r)
	}
	return list
}

// What the page promises: ten recipes or more, each with a plugin that fits a
// screen, its configuration and its cases, and no file that nobody reads.
func TestCookbookPage(t *testing.T) {
	t.Parallel()
	list := recipes(t)
	if len(list) < 10 {
		t.Errorf("%d recipes", len(list))
	}
	contents, _, _ := strings.Cut(read(t, "../../../docs/plugins/cookbook.md"), "\n## ")
	for _, r := range list {
		if !strings.Contains(contents, "["+r.title+"](#"+strings.ToLower(strings.ReplaceAll(r.title, " ", "-"))+")") {
			t.Errorf("%s: the table at the top does not lead there", r.title)
		}
		if r.name == "" || r.files["cases.yaml"] == "" {
			t.Errorf("%s: has %d files, and is called %q", r.title, len(r.files), r.name)
		}
		used := []string{"main.go", "wicket.yaml", "cases.yaml"}
		for _, m := range namedFile.FindAllStringSubmatch(r.files["wicket.yaml"], -1) {
			used = append(used, m[1])
		}
		for name := range r.files {
			if !slices.Contains(used, name) {
				t.Errorf("%s: the configuration does not name %s", r.title, name)
			}
		}
		source := []byte(r.files["main.go"])
		if neat, err := gofmt.Source(source); err != nil || string(neat) != string(source) {
			t.Errorf("%s: main.go is not formatted: %v", r.title, err)
		}
		if n := strings.Count(string(source), "\n"); n > 45 {
			t.Errorf("%s: main.go has %d lines", r.title, n)
		}
	}
}

// Each recipe is followed: a new plugin, its files, build, test, and the lines of
// configuration beside a listener, with the grants that the module asks for.
// Once the compiled modules are cached this takes half a second of a CPU each.
func TestCookbook(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds plugins")
	}
	for _, r := range recipes(t) {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			parent := t.TempDir()
			must(t, parent, binary, "plugin", "new", r.name)
			dir := filepath.Join(parent, r.name)
			for name, text := range r.files {
				write(t, filepath.Join(dir, name), text)
			}
			builds(t, dir, 0)
			must(t, dir, binary, "plugin", "test")
			r.configured(t, dir)
		})
	}
}

// configured checks the configuration of a recipe.
func (r *recipe) configured(t *testing.T, dir string) {
	t.Helper()
	write(t, filepath.Join(dir, "users"), aliceLine) // of the password plugin
	write(t, filepath.Join(dir, "base.yaml"), `listeners: { tcp: { default: { bind: "127.0.0.1:0" } } }`)
	said := must(t, dir, binary, "config", "check", "-c", "base.yaml", "-c", "wicket.yaml")
	if strings.Contains(said.out+said.errOut, "warning") {
		t.Errorf("%s%s", said.out, said.errOut)
	}
	var info struct{ Grants []string }
	if err := json.Unmarshal([]byte(must(t, dir, binary, "plugin", "inspect", r.name+".wasm", "-o", "json").out), &info); err != nil {
		t.Fatal(err)
	}
	grants := "grants: [" + strings.Join(info.Grants, ", ") + "]"
	if lines := r.files["wicket.yaml"]; len(info.Grants) > 0 != strings.Contains(lines, "grants:") || len(info.Grants) > 0 && !strings.Contains(lines, grants) {
		t.Errorf("the module needs %s", grants)
	}
}
