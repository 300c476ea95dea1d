package emqx

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of what is read.
const (
	maxFileSize = 1 << 20 // bytes of one file
	maxIncludes = 64      // files that are included, in all
	maxDepth    = 32      // sections, lists, includes and substitutions within each other
	maxValues   = 100_000 // values of all files, with what substitutions repeat
	maxText     = 64 << 10
)

// The grammars.
const (
	grammar4 = "EMQX 4"
	grammar5 = "EMQX 5"
)

// reader reads a file and those that it includes into one tree. The first
// error ends the reading: everything that loops looks at dead.
type reader struct {
	options Options
	folders folders
	file    string
	grammar string
	depth   int // of includes
	values  int
	files   []string
	errors  []Finding
}

// read returns the tree of a text; it is complete when r.errors is empty.
func (r *reader) read(text []byte) *value {
	root := sectionAt(Place{})
	r.grammar = grammarOf(text)
	r.readInto(root, text)
	if r.grammar == grammar5 && !r.dead() {
		root = (&resolver{reader: r, root: root}).top()
	}
	return root
}

func (r *reader) dead() bool { return len(r.errors) > 0 }

// readInto adds what a text says to a section.
func (r *reader) readInto(root *value, text []byte) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if len(text) > maxFileSize {
		r.fail(0, "", "the file is larger than 1 MB")
		return
	}
	if i := badByte(text); i >= 0 {
		r.fail(1+bytes.Count(text[:i], []byte{'\n'}), "", "this is not text: byte 0x%02x", text[i])
		return
	}
	s := &scanner{reader: r, text: text, line: 1}
	if r.grammar == grammar4 {
		s.flat(root)
		return
	}
	s.document(root)
}

// fail notes why the file cannot be read; what comes after the first reason
// would be a consequence of it.
func (r *reader) fail(line int, key, format string, args ...any) {
	if !r.dead() {
		r.errors = append(r.errors, Finding{Place: Place{r.file, line}, Key: key, Text: fmt.Sprintf(format, args...)})
	}
}

// spend counts a value against the budget of the import.
func (r *reader) spend(line int) {
	if r.values++; r.values > maxValues {
		r.fail(line, "", "the file holds more than %d values", maxValues)
	}
}

// include reads another file into a section. Its name is relative to the file
// that includes it.
func (r *reader) include(line int, name string, into *value) {
	bad := ""
	switch {
	case name == "":
		bad = "the name of the file is missing"
	case strings.Contains(name, "://"):
		bad = fmt.Sprintf("%q is fetched from elsewhere, which an import never does; copy it beside this file", name)
	case strings.ContainsAny(name, "*?["):
		bad = fmt.Sprintf("%q is a pattern; include each file by its name", name)
	case r.depth >= maxDepth || len(r.files) >= maxIncludes:
		bad = fmt.Sprintf("%q is one file too many: does a file include itself?", name)
	}
	if bad != "" {
		r.fail(line, "include", "%s", bad)
		return
	}
	if etc, ok := strings.CutPrefix(name, "${EMQX_ETC_DIR}/"); ok {
		name = filepath.Join(r.folders.vars["EMQX_ETC_DIR"], etc)
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(r.file), name)
	}
	data, err := r.options.ReadFile(name)
	if err != nil {
		var at *fs.PathError
		if errors.As(err, &at) {
			err = at.Err
		}
		r.fail(line, "include", "cannot read %q: %v", name, err)
		return
	}
	r.files = append(r.files, name)
	outer := r.file
	r.file, r.depth = name, r.depth+1
	r.readInto(into, data)
	r.file, r.depth = outer, r.depth-1
}

// badByte is the index of a byte that no text file has, or -1.
func badByte(text []byte) int {
	if i := bytes.IndexFunc(text, func(c rune) bool { return c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == 0x7f }); i >= 0 {
		return i
	}
	for i := 0; i < len(text); {
		c, n := utf8.DecodeRune(text[i:])
		if c == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// flatLine is a line of a 4.x file: a comment, an include, or key = value.
var flatLine = regexp.MustCompile(`^\s*(#.*|include\s.*|[A-Za-z0-9_$-]+(\.[A-Za-z0-9_$%/-]+)*\s*=.*)?$`)

// onlyFive are the first words of keys that 4.x does not have.
var onlyFive = []string{
	"listeners", "zones", "authentication", "authorization", "dashboard", "psk_authentication", "flapping_detect",
	"crl_cache", "retainer", "api_key", "bridges", "connectors", "actions", "sources", "gateway", "telemetry",
}

// onlyFour are those that 5.x does not have.
var onlyFour = []string{
	"listener", "zone", "auth", "acl_nomatch", "acl_deny_action", "acl_file", "allow_anonymous", "enable_acl_cache",
	"acl_cache_max_size", "acl_cache_ttl", "flapping_detect_policy", "module", "psk", "web", "bridge", "management",
}

// grammarOf tells the grammar by the content: a file whose every line is
// key = value is of 4.x, unless it has a key that only 5.x knows. Keys that
// both know decide nothing; then quotes, brackets and substitutions do.
func grammarOf(text []byte) string {
	four, marks := false, false
	for line := range bytes.Lines(text) {
		line := strings.TrimRight(strings.TrimPrefix(string(line), "\ufeff"), "\r\n")
		if !flatLine.MatchString(line) {
			return grammar5
		}
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") {
			continue
		}
		key, _, _ := strings.Cut(line, "=")
		word, _, _ := strings.Cut(strings.TrimSpace(key), ".")
		if slices.Contains(onlyFive, word) {
			return grammar5
		}
		four = four || slices.Contains(onlyFour, word)
		marks = marks || strings.ContainsAny(line, `"[{(`)
	}
	if four || !marks {
		return grammar4
	}
	return grammar5
}
