package cases

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Read reads the cases of a file, or of all files of a directory that are named
// cases.yaml or end in .cases.yaml, and of its folder cases.
func Read(name string) ([]*Suite, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read cases: %w", err)
	}
	files := []string{name}
	if info.IsDir() {
		if files, err = find(name); err != nil {
			return nil, fmt.Errorf("cannot read cases: %w", err)
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("there are no cases in %q: write cases.yaml", name)
		}
	}
	var suites []*Suite
	var errs []error
	for _, file := range files {
		s, err := readFile(file)
		suites, errs = append(suites, s), append(errs, err)
	}
	return suites, errors.Join(errs...)
}

func find(dir string) (files []string, err error) {
	for _, pattern := range []string{"cases.yaml", "*.cases.yaml", "cases/*.yaml"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

func readFile(name string) (*Suite, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	s, err := Parse(name, text)
	if err != nil {
		return nil, fmt.Errorf("cannot read cases %q: %w", name, err)
	}
	return s, nil
}

// Parse reads the text of a file of cases. Keys that it does not know, and
// questions that cannot be asked, are errors.
func Parse(name string, text []byte) (*Suite, error) {
	s := &Suite{Path: name}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(s); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(s.Cases) == 0 {
		return nil, errors.New("there is no list of cases under the key cases")
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	s.locate(&doc, strings.Split(string(text), "\n"))
	var errs []error
	for i, c := range s.Cases {
		if c == nil || c.Name == "" {
			errs = append(errs, fmt.Errorf("case %d has no name", i+1))
			continue
		}
		if err := s.check(c); err != nil {
			errs = append(errs, fmt.Errorf("line %d, case %q: %w", c.line, c.Name, err))
		}
	}
	return s, errors.Join(errs...)
}

// check asks nothing, but makes everything that the questions need.
func (s *Suite) check(c *Case) error {
	for _, step := range c.Steps() {
		if err := step.check(filepath.Dir(s.Path)); err != nil {
			return err
		}
	}
	for _, of := range []map[string][]*Answer{s.Upstreams, c.Upstreams} {
		for name, answers := range of {
			for _, a := range answers {
				if a == nil {
					return fmt.Errorf("upstream %q has an empty answer", name)
				}
				if err := a.check(); err != nil {
					return fmt.Errorf("upstream %q: %w", name, err)
				}
			}
		}
	}
	return nil
}

func (s *Step) check(dir string) (err error) {
	questions := 0
	for _, asked := range []bool{s.Authenticate != nil, s.Continue != nil, s.Leave, s.Authorize != nil, s.ClientHello != nil, s.Event != nil} {
		if asked {
			questions++
		}
	}
	switch {
	case questions == 0 && s.Expect != nil && s.Expect.Load != "":
		return nil // it does not come to a question
	case questions == 0 && s.Wait > 0:
	case questions == 0:
		return errors.New("what is asked? write authenticate, continue, leave, authorize, client_hello or event, or wait")
	case questions > 1:
		return errors.New("a step asks one thing, and these are two questions: put the second one under then")
	case s.Continue != nil, s.Leave:
	case s.Authorize != nil:
		_, err = s.Authorize.access()
	case s.ClientHello != nil:
		_, err = s.ClientHello.hello()
	case s.Event != nil:
		_, err = s.Event.event()
	default:
		if t := s.Authenticate.TLS; t != nil && t.Certificate != nil {
			t.Certificate.dir = dir
		}
		_, err = s.Authenticate.request()
	}
	if err != nil || s.Expect == nil {
		return err
	}
	for _, text := range slices.Concat(s.Expect.Permits, s.Expect.Refuses) {
		verb, _, _ := strings.Cut(text, " ")
		if _, err := action(verb); err != nil {
			return err
		}
	}
	return nil
}

// locate notes where in the text each step stands.
func (s *Suite) locate(doc *yaml.Node, lines []string) {
	if len(doc.Content) == 0 {
		return
	}
	list := child(doc.Content[0], "cases")
	if list == nil || len(list.Content) != len(s.Cases) {
		return // aliases and such: no update then
	}
	for i, item := range list.Content {
		c := s.Cases[i]
		if c == nil {
			continue
		}
		c.line = item.Line
		c.locate(item, lines)
		then := child(item, "then")
		if then == nil || len(then.Content) != len(c.Then) {
			continue
		}
		for k, n := range then.Content {
			c.Then[k].locate(n, lines)
		}
	}
}

func (s *Step) locate(n *yaml.Node, lines []string) {
	if n.Kind != yaml.MappingNode || n.Style&yaml.FlowStyle != 0 {
		return
	}
	s.line, s.column = n.Line, n.Column
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; key.Value == "expect" {
			s.at, s.end = key.Line, blockEnd(lines, key.Line, key.Column)
		}
	}
}

// blockEnd is the line after the value of the key at a line and column: the
// next one that is not further in. Empty lines at the end are not part of it.
func blockEnd(lines []string, line, column int) int {
	end := line + 1
	for n := line + 1; n <= len(lines); n++ {
		text := lines[n-1]
		trimmed := strings.TrimLeft(text, " ")
		if trimmed == "" {
			continue
		}
		if indent := len(text) - len(trimmed); indent < column {
			break
		}
		end = n + 1
	}
	return end
}

func child(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// strict decodes a node; a key that v has no field for is an error.
func strict(n *yaml.Node, v any) error {
	text, err := yaml.Marshal(n)
	if err != nil {
		return err
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	return d.Decode(v)
}

// Update writes what was answered into the file that the cases are from, where
// it is not what was expected; the rest of the file stays as it is, byte by
// byte. It returns the number of answers that it has written.
func Update(results []*Result) (n int, err error) {
	bySuite := map[*Suite][]*StepResult{}
	var order []*Suite
	for _, r := range results {
		if !slices.Contains(order, r.Suite) {
			order = append(order, r.Suite)
		}
		for _, s := range r.Steps {
			if s.Diff != "" {
				bySuite[r.Suite] = append(bySuite[r.Suite], s)
			}
		}
	}
	for _, s := range order {
		written, err := s.update(bySuite[s])
		if err != nil {
			return n, fmt.Errorf("cannot update %q: %w", s.Path, err)
		}
		n += written
	}
	return n, nil
}

func (s *Suite) update(changed []*StepResult) (n int, err error) {
	if len(changed) == 0 {
		return 0, nil
	}
	text, err := os.ReadFile(s.Path)
	if err != nil {
		return 0, err
	}
	lines := strings.Split(string(text), "\n")
	// From the end, so that lines before keep their numbers.
	slices.SortFunc(changed, func(a, b *StepResult) int { return b.Step.line - a.Step.line })
	for _, r := range changed {
		step := r.Step
		if step.line == 0 {
			return n, fmt.Errorf("a case is written in braces, or by an alias: write %q as lines", r.Name)
		}
		at, end := step.at, step.end
		if at == 0 { // after the last key of the step
			at = blockEnd(lines, step.line, step.column-1)
			end = at
		}
		block, err := expectBlock(&r.Got, step.column-1)
		if err != nil {
			return n, err
		}
		lines = slices.Concat(lines[:at-1], block, lines[end-1:])
		n++
	}
	return n, replaceFile(s.Path, strings.Join(lines, "\n"))
}

// expectBlock writes a verdict as lines that begin at a column.
func expectBlock(v *Verdict, indent int) ([]string, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(map[string]*Verdict{"expect": v}); err != nil {
		return nil, err
	}
	block := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	for i := range block {
		block[i] = strings.Repeat(" ", indent) + block[i]
	}
	return block, nil
}

func replaceFile(name, text string) error {
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(name); err == nil {
		mode = info.Mode().Perm()
	}
	next := name + ".new"
	if err := os.WriteFile(next, []byte(text), mode); err != nil {
		return err
	}
	return os.Rename(next, name)
}
