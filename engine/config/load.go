package config

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
)

// EnvPrefix starts the name of every environment variable that is a key.
const EnvPrefix = "WICKET_"

// delimiter is what koanf puts between the parts of a flat key. Names of
// plugins have dots; no name has a NUL.
const delimiter = "\x00"

// Sources says where a configuration comes from. Later sources win: the
// defaults, the files in order, the environment, the overrides. Sections are
// merged; a list replaces a list.
type Sources struct {
	Files []string // .yaml, .yml, .toml or .json; see Convert

	// Base is a YAML text that stands in for the files when there are none,
	// such as [Development]. Its relative paths start at data_dir.
	Base string

	// Env holds NAME=value pairs as from [os.Environ]; those that start with
	// [EnvPrefix] are read, and each must be the name of a key.
	Env []string

	Overrides []Override // from the command line

	// Convert turns files that end in .conf or .hocon into YAML; nil means
	// that there are no such files.
	Convert func(name string, data []byte) Converted
}

// Converted is a file of another program as YAML, see [Sources]. What it says
// is reported at the lines of the file that it was made from.
type Converted struct {
	YAML     []byte
	Origins  []Origin  // of each line of YAML; File and Line
	Files    []string  // further files that were read: a change of one is a change
	Problems []Problem // why it cannot be used; then YAML does not count
	Warnings []Problem
}

// Override is a value given on the command line.
type Override struct {
	Key   string // dotted, as [JoinKey] writes it
	Value string // written as in the environment
	Flag  string // for error messages, such as "--listen"
}

// Report is what [Load] has to say beside the configuration.
type Report struct {
	Warnings []Problem
	origins  map[string]Origin
	digest   digest   // of the files as they were read
	named    []string // files that the configuration names
	stamp    digest   // of what the system notes of them, before anybody read them
	missing  bool     // one of them was not there
	included []string // files that converted files are made of
}

// Origin returns where the value of a dotted key came from; it is the zero
// Origin for a default.
func (r *Report) Origin(key string) Origin {
	path, err := SplitKey(key)
	if err != nil {
		return Origin{}
	}
	return r.origins[pathKey(path)]
}

// Problem is a mistake that somebody else has found in the value of a key; the
// nearest section above it says where, when the key is not there.
func (r *Report) Problem(text string, path ...string) Problem {
	return Problem{originOf(r.origins, path), JoinKey(path...), text}
}

// Load reads, merges and checks the sources. It returns a complete
// configuration, or [Errors] with everything that is wrong. Each call starts
// from nothing, so a configuration loaded earlier is never touched. The report
// is never nil.
func Load(src Sources) (*Config, *Report, error) { return load(src, readFile) }

// load is Load with another way to read files.
func load(src Sources, read func(string) ([]byte, error)) (*Config, *Report, error) {
	l := loader{
		read:   read,
		merged: koanf.New(delimiter),
		report: &Report{origins: map[string]Origin{}},
	}
	l.files(src)
	l.texts(envTexts(src.Env))
	l.texts(overrideTexts(src.Overrides))

	d := decoder{origins: l.report.origins, problems: l.problems, dir: l.dir}
	cfg := d.config(l.merged.Raw())
	v := validator{cfg: cfg, origins: d.origins, problems: d.problems}
	v.run()

	l.report.Warnings = append(l.report.Warnings, v.warnings...)
	sortProblems(l.report.Warnings)
	if len(v.problems) > 0 {
		sortProblems(v.problems)
		return nil, l.report, Errors(v.problems)
	}
	l.report.named = l.report.included
	for _, n := range namedFiles(cfg) {
		l.report.named = append(l.report.named, n.name)
		_, err := os.Stat(n.name)
		l.report.missing = l.report.missing || err != nil
	}
	l.report.stamp = stamp(l.report.named)
	return cfg, l.report, nil
}

// loader merges the layers and remembers where each value came from.
type loader struct {
	read     func(string) ([]byte, error)
	merged   *koanf.Koanf
	report   *Report
	problems []Problem
	rank     int
	dir      string // of the first file: where default paths start
}

// files loads the files in order, or the base when there are none.
func (l *loader) files(src Sources) {
	if len(src.Files) == 0 && src.Base != "" {
		l.document([]byte(src.Base), "yaml", Origin{Base: true})
	}
	for i, name := range src.Files {
		if i == 0 {
			l.dir = filepath.Dir(name)
		}
		origin := Origin{File: name}
		data, err := l.read(name)
		l.report.digest.add(data, err)
		var format string
		if err == nil {
			format, err = formatOf(name)
			if format == "conf" && src.Convert == nil {
				err = errNoConvert
			}
		}
		if err != nil {
			l.rank++
			origin.rank = l.rank
			l.problems = append(l.problems, Problem{Origin: origin, Text: err.Error()})
			continue
		}
		if format == "conf" {
			l.converted(src.Convert(name, data), origin)
			continue
		}
		l.document(data, format, origin)
	}
}

// converted loads a file of another program by way of the YAML made of it.
func (l *loader) converted(c Converted, origin Origin) {
	l.rank++
	origin.rank = l.rank
	l.report.included = append(l.report.included, c.Files...)
	for _, list := range []struct{ to, from *[]Problem }{{&l.problems, &c.Problems}, {&l.report.Warnings, &c.Warnings}} {
		for _, p := range *list.from {
			p.Origin.rank = l.rank
			*list.to = append(*list.to, p)
		}
	}
	if len(c.Problems) > 0 {
		return
	}
	doc := &document{origin: origin, format: "yaml"}
	if err := l.merged.Load(rawbytes.Provider(c.YAML), doc); err != nil {
		doc.fail(0, nil, "%v", err)
	}
	place := func(line int) Origin {
		if line < 1 || line > len(c.Origins) || c.Origins[line-1].File == "" {
			return origin
		}
		o := c.Origins[line-1]
		o.rank = l.rank
		return o
	}
	for _, p := range doc.problems {
		p.Origin = place(p.Origin.Line)
		l.problems = append(l.problems, p)
	}
	for key, line := range doc.lines {
		l.report.origins[key] = place(line)
	}
}

func (l *loader) document(data []byte, format string, origin Origin) {
	l.rank++
	origin.rank = l.rank
	doc := &document{origin: origin, format: format}
	err := l.merged.Load(rawbytes.Provider(data), doc)
	l.problems = append(l.problems, doc.problems...)
	if err != nil {
		l.problems = append(l.problems, Problem{Origin: origin, Text: err.Error()})
	}
	for key, line := range doc.lines {
		origin.Line = line
		l.report.origins[key] = origin
	}
}

// texts merges values that were given as text, each with its path.
func (l *loader) texts(values []text, problems []Problem) {
	l.rank++
	for i := range problems {
		problems[i].Origin.rank = l.rank
	}
	l.problems = append(l.problems, problems...)
	for _, t := range values {
		t.origin.rank = l.rank
		if t.origin.Env != "" {
			t.path = l.existing(t.path)
		}
		tree := map[string]any{}
		at := tree
		for i, name := range t.path {
			l.report.origins[pathKey(t.path[:i+1])] = t.origin
			if i == len(t.path)-1 {
				at[name] = fromText(t.field, t.value)
				break
			}
			next := map[string]any{}
			at[name], at = next, next
		}
		if err := l.merged.Load(confmap.Provider(tree, ""), nil); err != nil {
			l.problems = append(l.problems, Problem{t.origin, JoinKey(t.path...), err.Error()})
		}
	}
}

// existing replaces the names in the path of a variable by those of entries
// that are there already: WICKET_PLUGINS__MY_AUTH__FILE means "My-auth" when
// a file has a plugin of that name.
func (l *loader) existing(path []string) []string {
	out := append([]string(nil), path...)
	tree, f := l.merged.Raw(), schema()
	for i, name := range out {
		if f.kind == named {
			for key := range tree {
				if EnvName(key) == EnvName(name) {
					out[i] = key
				}
			}
		}
		if f = f.child(name); f == nil {
			break
		}
		tree, _ = tree[out[i]].(map[string]any)
	}
	return out
}

// Environ returns the environment of this process, for [Sources].
func Environ() []string {
	env := os.Environ()
	slices.Sort(env)
	return env
}
