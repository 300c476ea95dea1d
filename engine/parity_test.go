package engine_test

import (
	"fmt"
	"go/ast"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// parityRow is a row of docs/parity.md.
type parityRow struct {
	line               int
	id, what, status   string
	keys, proof, extra string
}

// claim is a test that a row names.
type claim struct{ pkg, test string }

var (
	rowPattern    = regexp.MustCompile(`^\| *([A-Z]+-[0-9]+) *\|`)
	statusPattern = regexp.MustCompile(`^(done|not yet|(partly|differs): \S.*)$`)
	claimPattern  = regexp.MustCompile("^`([a-z0-9/-]+): ([A-Za-z0-9_, ]+)`$")
	testPattern   = regexp.MustCompile(`^(Test|Fuzz|Benchmark)[A-Z]\w*$`)
	keyPattern    = regexp.MustCompile("`([^`]+)`")
)

// docs/parity.md has a row for each ID, with a status that is one, and what is
// said to be there is shown by tests that exist.
func TestParity(t *testing.T) {
	tests := testFunctions(t)
	reference := referenceText(t)
	seen := map[string]int{}
	for _, r := range parityRows(t) {
		if before, twice := seen[r.id]; twice {
			t.Errorf("docs/parity.md:%d: %s has a row in line %d already", r.line, r.id, before)
		}
		seen[r.id] = r.line
		for _, problem := range r.problems(tests, reference) {
			t.Errorf("docs/parity.md:%d: %s: %s", r.line, r.id, problem)
		}
	}
	wanted := strings.Fields(readText(t, "testdata/parity-ids.txt"))
	for _, id := range wanted {
		if seen[id] == 0 {
			t.Errorf("docs/parity.md has no row for %s", id)
		}
		delete(seen, id)
	}
	for _, id := range slices.Sorted(maps.Keys(seen)) {
		t.Errorf("docs/parity.md:%d: %s is no ID of the specification", seen[id], id)
	}
}

// What TestParity finds wrong with rows.
func TestParityFinds(t *testing.T) {
	tests := map[claim]bool{{"engine/a", "TestA"}: true, {"engine/a", "TestB"}: true, {"cmd/b", "FuzzC"}: true}
	reference := "| `key` | text |"
	for _, tt := range []struct{ row, want string }{
		{"| X-1 | what | done | `a.key` | `engine/a: TestA, TestB`<br>`cmd/b: FuzzC` |", ""},
		{"| X-1 | what | partly: the rest | | `engine/a: TestA` |", ""},
		{"| X-1 | what | differs: better | | `engine/a: TestA` |", ""},
		{"| X-1 | what | not yet | | |", ""},
		{"| X-1 | what | done | | |", "names no test"},
		{"| X-1 | what | partly: the rest | | |", "names no test"},
		{"| X-1 | what | partly | | `engine/a: TestA` |", `status "partly" is none of`},
		{"| X-1 | what | partly: | | `engine/a: TestA` |", `status "partly:" is none of`},
		{"| X-1 | what | almost | | `engine/a: TestA` |", `status "almost" is none of`},
		{"| X-1 | what | not yet | | `engine/a: TestA` |", "is not there yet and names tests"},
		{"| X-1 | what | done | | `engine/a: TestC` |", "there is no TestC in engine/a"},
		{"| X-1 | what | done | | `engine/b: TestA` |", "there is no TestA in engine/b"},
		{"| X-1 | what | done | | `engine/a: Helper` |", `"Helper" is the name of no test`},
		{"| X-1 | what | done | | engine/a: TestA |", "is not `package: Test, Test`"},
		{"| X-1 | what | done | `a.lock` | `engine/a: TestA` |", `no reference knows the key "a.lock"`},
		{"| X-1 | what | done | `wicket fly` | `engine/a: TestA` |", ""},
		{"| X-1 | | done | | `engine/a: TestA` |", "does not say what it is"},
		{"| X-1 | what | done | |", "has 4 cells"},
		{"| X-1 | what | done | | | |", "has 6 cells"},
	} {
		got := strings.Join(parseRow(1, tt.row).problems(tests, reference), "; ")
		if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s\n%q, want %q", tt.row, got, tt.want)
		}
	}
}

// parityRows reads the tables of the page.
func parityRows(t *testing.T) []parityRow {
	t.Helper()
	var out []parityRow
	for i, line := range strings.Split(readText(t, "../docs/parity.md"), "\n") {
		if rowPattern.MatchString(line) {
			out = append(out, parseRow(i+1, line))
		}
	}
	return out
}

func parseRow(line int, text string) parityRow {
	cells := strings.Split(strings.TrimSuffix(strings.TrimPrefix(text, "|"), "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	if len(cells) != 5 {
		return parityRow{line: line, id: cells[0], extra: fmt.Sprintf("has %d cells, want 5", len(cells))}
	}
	return parityRow{line: line, id: cells[0], what: cells[1], status: cells[2], keys: cells[3], proof: cells[4]}
}

func (r parityRow) problems(tests map[claim]bool, reference string) (out []string) {
	if r.extra != "" {
		return []string{r.extra}
	}
	if r.what == "" {
		out = append(out, "it does not say what it is")
	}
	if !statusPattern.MatchString(r.status) {
		out = append(out, fmt.Sprintf("status %q is none of: done; partly: what is missing; differs: why; not yet", r.status))
	}
	for _, key := range keyPattern.FindAllStringSubmatch(r.keys, -1) {
		if !knownKey(key[1], reference) {
			out = append(out, fmt.Sprintf("no reference knows the key %q", key[1]))
		}
	}
	claims, problems := r.claims()
	out = append(out, problems...)
	switch {
	case r.status == "not yet" && len(claims) > 0:
		out = append(out, "it is not there yet and names tests")
	case r.status != "not yet" && len(claims)+len(problems) == 0:
		out = append(out, "it names no test")
	}
	for _, c := range claims {
		if !tests[c] {
			out = append(out, fmt.Sprintf("there is no %s in %s", c.test, c.pkg))
		}
	}
	return out
}

// claims are the tests that the row names.
func (r parityRow) claims() (out []claim, problems []string) {
	if r.proof == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(r.proof, "<br>") {
		m := claimPattern.FindStringSubmatch(part)
		if m == nil {
			problems = append(problems, fmt.Sprintf("%s is not `package: Test, Test`", part))
			continue
		}
		for name := range strings.SplitSeq(m[2], ", ") {
			if !testPattern.MatchString(name) {
				problems = append(problems, fmt.Sprintf("%q is the name of no test", name))
				continue
			}
			out = append(out, claim{m[1], name})
		}
	}
	return out, problems
}

// knownKey reports whether a reference page has a row for the last word of a
// key. What has spaces is a command.
func knownKey(key, reference string) bool {
	last := key[strings.LastIndexByte(key, '.')+1:]
	return strings.Contains(key, " ") || strings.Contains(reference, "| `"+last+"` |")
}

// referenceText is where settings are explained.
func referenceText(t *testing.T) string {
	t.Helper()
	return readText(t, "../docs/configuration.md") + readText(t, "../plugins/certmap/README.md") + readText(t, "../plugins/http/README.md") + readText(t, "../plugins/jwt/README.md") + readText(t, "../plugins/scram/README.md")
}

// testFunctions are all tests of the repository, whatever their build tags.
func testFunctions(t *testing.T) map[claim]bool {
	t.Helper()
	out := map[claim]bool{}
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && testPattern.MatchString(f.Name.Name) {
				out[claim{s.dir, f.Name.Name}] = true
			}
		}
	}
	return out
}

func readText(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
