package config

import (
	_ "embed"
	"fmt"
	"strings"
)

// referenceIntro is the part of the reference page that is written by hand.
//
//go:embed reference.md
var referenceIntro string

// Reference is the reference page of all keys. docs/configuration.md is this
// text.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceIntro)
	table := func(title string, f *field) {
		fmt.Fprintf(&b, "\n## %s\n\n", title)
		if f.doc != "" {
			fmt.Fprintf(&b, "%s\n\n", f.doc)
		}
		b.WriteString("| key | type | default | a change takes effect | meaning |\n|---|---|---|---|---|\n")
		for _, c := range f.children {
			if c.kind != section && c.kind != named {
				referenceRow(&b, c)
			}
		}
	}
	table("Top level", schema())
	schema().walk(nil, func(*field) string { return "NAME" }, func(path []string, f *field) {
		switch {
		case f.kind == named:
			inner := *f.elem
			inner.doc = f.doc
			table("`"+JoinKey(below(path, "NAME")...)+"`", &inner)
		case f.kind == section && hasValues(f):
			table("`"+JoinKey(path...)+"`", f)
		}
	})
	return b.String()
}

func hasValues(f *field) bool {
	for _, c := range f.children {
		if c.kind != section && c.kind != named {
			return true
		}
	}
	return false
}

func referenceRow(b *strings.Builder, f *field) {
	def, when := "", "on reload"
	switch {
	case f.required:
		def = "required"
	case f.def != "" || f.kind == list:
		def = "`" + sampleDefault(f) + "`"
	}
	if f.restart {
		when = "at restart"
	}
	fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", f.key, strings.ReplaceAll(f.typeName(), "|", "or"), def, when, f.doc+bounds(f))
}

// bounds is the sentence about min and max.
func bounds(f *field) string {
	text := ""
	switch {
	case f.min != "" && f.max != "":
		text = fmt.Sprintf(" From %s to %s", f.min, f.max)
	case f.min != "":
		text = fmt.Sprintf(" At least %s", f.min)
	case f.max != "":
		text = fmt.Sprintf(" At most %s", f.max)
	default:
		return ""
	}
	if f.infinity != "" {
		text += ", or infinity"
	}
	return text + "."
}
