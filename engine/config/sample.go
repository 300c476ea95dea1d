package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Sample is the annotated configuration file: every key with its sentence and
// default, and those of [Development] set. conf/wicket.yaml is this text.
func Sample() string {
	doc := &document{format: "yaml"}
	set, _ := doc.Unmarshal([]byte(Development))
	var b strings.Builder
	b.WriteString(`# yaml-language-server: $schema=wicket.schema.json
#
# Configuration of a Wicket broker. Made by "wicket config default".
#
# A key behind a single # has the value it has by default: remove the # to
# change it. "wicket config check -c FILE" finds every mistake at once, and
# "wicket config explain KEY" says what a key means and where its value comes
# from. A section behind "# " is an example. Relative paths start at the directory of this file. The users file that
# it names is made by "wicket passwd users NAME".
`)
	sample(&b, schema(), set, 0, "#")
	return b.String()
}

// sample writes the keys below f; those in set are live, the others comments
// that begin with off.
func sample(b *strings.Builder, f *field, set map[string]any, depth int, off string) {
	indent := strings.Repeat("  ", depth)
	for _, c := range f.children {
		value, isSet := set[c.key]
		mark := off
		if isSet || c.kind == section && off == "#" {
			mark = ""
		}
		if depth == 0 {
			b.WriteString("\n")
		}
		for _, line := range wrap(c.doc, 76-len(indent)) {
			fmt.Fprintf(b, "%s## %s\n", indent, line)
		}
		switch c.kind {
		case section:
			tree, _ := value.(map[string]any)
			fmt.Fprintf(b, "%s%s%s:\n", indent, mark, c.key)
			sample(b, c, tree, depth+1, off)
		case named:
			names, _ := value.(map[string]any)
			below := off
			if !isSet { // an entry would be one more, so it is no default
				mark, below = "# ", "# "
			}
			fmt.Fprintf(b, "%s%s%s:\n%s  %s%s:\n", indent, mark, c.key, indent, mark, c.example)
			tree, _ := names[c.example].(map[string]any)
			sample(b, c.elem, tree, depth+2, below)
		default:
			text := sampleDefault(c)
			if isSet {
				text = sampleValue(value)
			}
			fmt.Fprintf(b, "%s%s%s: %s\n", indent, mark, c.key, text)
		}
	}
}

// sampleDefault is the default of a key as YAML.
func sampleDefault(f *field) string {
	switch {
	case f.kind == list:
		return "[" + strings.ReplaceAll(f.def, ",", ", ") + "]"
	case f.kind == free:
		return "{}"
	case f.def == "":
		return `""`
	}
	return f.def
}

// sampleValue writes a value of [Development] as YAML in one line.
func sampleValue(value any) string {
	switch v := value.(type) {
	case map[string]any:
		parts := []string{}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, k+": "+sampleValue(v[k]))
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	case []any:
		parts := []string{}
		for _, x := range v {
			parts = append(parts, sampleValue(x))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case string:
		if strings.Contains(v, ":") {
			return fmt.Sprintf("%q", v)
		}
	}
	return plain(value)
}

// wrap breaks a sentence into lines of at most width characters.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
