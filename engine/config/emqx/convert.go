package emqx

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wicketmq/wicket/engine/cert"
	"github.com/wicketmq/wicket/engine/config"
)

// convert turns a value into what stands in the YAML.
type convert func(c *conversion, v *value) outcome

// outcome is a value, or why there is none.
type outcome struct {
	value any    // string, word, bool, int, []string
	lost  string // it is good in EMQX and cannot be had here
	bad   string // it is good nowhere
	skip  bool   // it means the same as no key at all
}

// word is a text that needs no quotes in YAML.
type word string

func bad(format string, args ...any) outcome { return outcome{bad: fmt.Sprintf(format, args...)} }

// scalar returns the text of a value, or says that it is none.
func scalar(v *value) (string, *outcome) {
	if v.kind != text {
		o := bad("one value is expected here")
		return "", &o
	}
	return strings.TrimSpace(v.text), nil
}

func asText(_ *conversion, v *value) outcome {
	s, o := scalar(v)
	if o != nil {
		return *o
	}
	return outcome{value: s, skip: s == ""}
}

func asBool(_ *conversion, v *value) outcome {
	s, o := scalar(v)
	switch s = strings.ToLower(s); {
	case o != nil:
		return *o
	case isTrue(s):
		return outcome{value: true}
	case isFalse(s):
		return outcome{value: false}
	}
	return bad("%q is neither true nor false", shorten(s))
}

// asWord takes one of some words.
func asWord(words ...string) convert {
	return func(_ *conversion, v *value) outcome {
		s, o := scalar(v)
		if o != nil {
			return *o
		}
		if !slices.Contains(words, strings.ToLower(s)) {
			return bad("%q is none of %s", shorten(s), strings.Join(words, ", "))
		}
		return outcome{value: word(strings.ToLower(s))}
	}
}

// texts reads a list, or a text with commas.
func texts(v *value) ([]string, *outcome) {
	var out []string
	for _, e := range v.elements() {
		s, o := scalar(e)
		if o != nil {
			return nil, o
		}
		for part := range strings.SplitSeq(s, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out, nil
}

func asWords(_ *conversion, v *value) outcome {
	list, o := texts(v)
	if o != nil {
		return *o
	}
	return outcome{value: list, skip: len(list) == 0}
}

// asRules keeps the order of access rules: that of the list, or of the numbers
// behind access.
func asRules(_ *conversion, v *value) outcome {
	var out []string
	for _, e := range v.elements() {
		s, o := scalar(e)
		if o != nil {
			return *o
		}
		out = append(out, strings.Join(strings.Fields(s), " "))
	}
	return outcome{value: out}
}

func asBind(_ *conversion, v *value) outcome {
	s, o := scalar(v)
	if o != nil {
		return *o
	}
	if i := strings.LastIndexByte(s, ':'); i > 0 && strings.Contains(s[:i], ":") && s[0] != '[' {
		s = "[" + s[:i] + "]" + s[i:] // ::1:8883
	}
	b, err := config.ParseBind(s)
	if err != nil {
		return outcome{bad: err.Error()}
	}
	return outcome{value: b.String()}
}

// asCount takes a number within bounds, or infinity.
func asCount(least, most int) convert {
	return func(c *conversion, v *value) outcome {
		if s, _ := scalar(v); s == "infinity" {
			return outcome{value: word(s)}
		}
		return asNumber(least, most)(c, v)
	}
}

// asLimit is asNumber for keys where 0 and infinity mean no limit, which is
// written as the most that there can be.
func asLimit(most int) convert {
	return func(c *conversion, v *value) outcome {
		if s, _ := scalar(v); s == "0" || s == "infinity" {
			return outcome{value: most}
		}
		return asNumber(1, most)(c, v)
	}
}

func asNumber(least, most int) convert {
	return func(_ *conversion, v *value) outcome {
		s, o := scalar(v)
		if o != nil {
			return *o
		}
		n, err := strconv.Atoi(s)
		switch {
		case err != nil:
			return bad("%q is not a whole number", shorten(s))
		case n < least || n > most:
			return outcome{lost: fmt.Sprintf("%d is not between %d and %d; the default stands", n, least, most)}
		}
		return outcome{value: n}
	}
}

func asRate(_ *conversion, v *value) outcome {
	s, o := scalar(v)
	if o != nil {
		return *o
	}
	r, err := config.ParseRate(strings.ToLower(strings.ReplaceAll(s, " ", "")))
	if err != nil {
		return outcome{bad: err.Error()}
	}
	return outcome{value: word(r.String())}
}

// asDuration reads the durations of EMQX; a number alone is milliseconds.
func asDuration(_ *conversion, v *value) outcome {
	s, o := scalar(v)
	if o != nil {
		return *o
	}
	if s = strings.ToLower(s); s == "infinity" {
		return outcome{lost: "there is no infinity here; the default stands"}
	}
	if n, err := strconv.ParseUint(s, 10, 40); err == nil {
		return outcome{value: word(config.FormatDuration(time.Duration(n) * time.Millisecond))}
	}
	d, err := config.ParseDuration(s)
	if err != nil {
		return outcome{bad: err.Error()}
	}
	return outcome{value: word(config.FormatDuration(d))}
}

func asSize(_ *conversion, v *value) outcome {
	s, o := scalar(v)
	if o != nil {
		return *o
	}
	n, err := config.ParseByteSize(s)
	if err != nil {
		return outcome{bad: err.Error()}
	}
	return outcome{value: word(n.String())}
}

// asSecret never repeats the value in a message.
func asSecret(c *conversion, v *value) outcome {
	s, o := scalar(v)
	if o != nil {
		return *o
	}
	if name, ok := strings.CutPrefix(s, "file://"); ok && !filepath.IsAbs(name) {
		s = "file://" + filepath.Join(c.folders.root, name)
	}
	return outcome{value: s, skip: s == ""}
}

// asPath makes a path of EMQX one of here.
func asPath(c *conversion, v *value) outcome {
	s, o := scalar(v)
	switch {
	case o != nil:
		return *o
	case s == "":
		return outcome{skip: true}
	case strings.Contains(s, "-----BEGIN"):
		return bad("the file holds the certificate itself; write it to a file of its own and name that")
	}
	name, missing := c.expand(s)
	if missing != "" {
		return bad("the variable %s is not known; write the path out", missing)
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(c.folders.root, name)
	}
	return outcome{value: c.relative(name)}
}

// expand replaces the variable that a path begins with.
func (c *conversion) expand(name string) (path, missing string) {
	name = strings.Replace(name, "{{ platform_etc_dir }}", "${EMQX_ETC_DIR}", 1)
	variable, rest, ok := strings.Cut(strings.TrimPrefix(name, "${"), "}")
	if !strings.HasPrefix(name, "${") || !ok {
		return name, ""
	}
	dir, known := c.folders.vars[variable]
	if !known {
		if dir, known = c.options.Getenv(variable); !known {
			return "", variable
		}
	}
	return filepath.Join(dir, rest), ""
}

// relative writes a path below the directory of the YAML relative to it.
func (c *conversion) relative(name string) string {
	name = filepath.Clean(name)
	if c.options.Base == "" {
		return name
	}
	base, err := filepath.Abs(c.options.Base)
	if err != nil {
		return name
	}
	if rel, err := filepath.Rel(base, name); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return name
}

func asLogLevel(_ *conversion, v *value) outcome {
	s, o := scalar(v)
	if o != nil {
		return *o
	}
	level, ok := map[string]word{
		"debug": "debug", "info": "info", "notice": "info", "warning": "warn", "error": "error",
		"critical": "error", "alert": "error", "emergency": "error",
	}[strings.ToLower(s)]
	if !ok {
		return bad("%q is no level of a log", shorten(s))
	}
	return outcome{value: level}
}

// ciphers carries the suites over that can be had. A list of which nothing is left
// shuts the listener: its clients were to have those and no others.
func (c *conversion) ciphers(k *key) {
	list, o := texts(k.val)
	if o != nil {
		c.fail(k.at, k.String(), "%s", o.bad)
		return
	}
	kept, gone := suites(list)
	if len(gone) > 0 {
		lost := *k
		lost.val = &value{kind: text}
		lost.rule = &rule{shuts: none}
		if len(kept) == 0 {
			lost.rule = &rule{shuts: listener}
		}
		c.lose(&lost, fmt.Sprintf("%d of %d: %s", len(gone), len(gone)+len(kept), strings.Join(gone, ", ")))
	}
	if len(kept) > 0 {
		c.write(k, k.fill(k.rule.to), kept)
	} else if len(gone) == 0 {
		c.Carried++ // empty: the default
	}
}

// suites divides a list into what can be had and what cannot, with the reason.
func suites(list []string) (kept, gone []string) {
	for _, s := range list {
		for name := range strings.SplitSeq(s, ":") {
			if why := cert.SuiteProblem(name); why != "" {
				gone = append(gone, fmt.Sprintf("%s (%s)", shorten(name), why))
				continue
			}
			kept = append(kept, name)
		}
	}
	return kept, gone
}

// tickets carries session_tickets over; certificates are looked at again at
// every resumption anyway.
func (c *conversion) tickets(k *key) {
	s, _ := scalar(k.val)
	switch s {
	case "disabled":
	case "stateless", "stateless_with_cert":
		s = "stateless"
	default:
		c.fail(k.at, k.String(), "%q is none of disabled, stateless, stateless_with_cert", shorten(s))
		return
	}
	c.write(k, k.fill(k.rule.to), word(s))
}
