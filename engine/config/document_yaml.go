package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// yaml reads one YAML document whose top is a mapping. Aliases are followed,
// within the budget of the file; merge keys and tags of one's own are not.
func (d *document) yaml(data []byte) map[string]any {
	var root yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	switch err := dec.Decode(&root); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		d.yamlError(err)
		return nil
	}
	var second yaml.Node
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		if err != nil {
			d.yamlError(err)
		} else {
			d.fail(second.Line, nil, "the file holds more than one YAML document; put each in a file of its own")
		}
		return nil
	}
	top := root.Content[0]
	if top.Kind == yaml.ScalarNode && top.ShortTag() == "!!null" {
		return nil
	}
	if top.Kind != yaml.MappingNode {
		d.fail(top.Line, nil, "a configuration starts with a key, such as \"listeners:\"")
		return nil
	}
	return d.yamlMap(top, nil)
}

func (d *document) yamlMap(n *yaml.Node, path []string) map[string]any {
	out := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Kind != yaml.ScalarNode {
			d.fail(k.Line, path, "a key must be a plain text")
			continue
		}
		if k.ShortTag() == "!!merge" {
			d.fail(k.Line, path, "merge keys (<<) are not supported; write the settings out")
			continue
		}
		p := below(path, k.Value)
		if !d.key(k.Line, p, out) {
			continue
		}
		if value, ok := d.yamlValue(v, p); ok {
			out[k.Value] = value
		}
	}
	return out
}

func (d *document) yamlValue(n *yaml.Node, path []string) (any, bool) {
	if !d.spend(n.Line) {
		return nil, false
	}
	if len(path) > maxDepth {
		d.fail(n.Line, path[:3], "lists are nested more than %d deep", maxDepth)
		return nil, false
	}
	switch n.Kind {
	case yaml.AliasNode:
		return d.yamlValue(n.Alias, path)
	case yaml.MappingNode:
		return d.yamlMap(n, path), true
	case yaml.SequenceNode:
		out := make([]any, 0, len(n.Content))
		for i, c := range n.Content {
			p := element(path, i)
			d.lines[pathKey(p)] = c.Line
			if value, ok := d.yamlValue(c, p); ok {
				out = append(out, value)
			}
		}
		return out, true
	}
	return d.yamlScalar(n, path)
}

func (d *document) yamlScalar(n *yaml.Node, path []string) (any, bool) {
	switch n.ShortTag() {
	case "!!str", "!!timestamp":
		return n.Value, true
	case "!!int", "!!float", "!!bool", "!!null":
		var value any
		if err := n.Decode(&value); err != nil {
			d.fail(n.Line, path, "%q cannot be read: %v", n.Value, err)
			return nil, false
		}
		return whole(value), true
	}
	d.fail(n.Line, path, "the tag %s is not supported", n.Tag)
	return nil, false
}

// whole turns every whole number into an int64 where it fits.
func whole(value any) any {
	switch n := value.(type) {
	case int:
		return int64(n)
	case uint64:
		if n>>63 == 0 {
			return int64(n)
		}
	}
	return value
}

var (
	yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)
	// The reader counts lines from 0 in the errors of its parser, and from 1
	// in those of its scanner.
	yamlParser = regexp.MustCompile(`^did not find expected (<|node content|'-'|key|',')`)
)

// yamlError notes a syntax error at the line that its text names.
func (d *document) yamlError(err error) {
	text, line := err.Error(), 0
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = strings.TrimPrefix(text, m[0])
		if line > 0 && yamlParser.MatchString(text) {
			line++
		}
	}
	d.fail(line, nil, "this is not YAML: %s", text)
}
