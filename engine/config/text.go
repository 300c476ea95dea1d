package config

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// text is a value from the environment or the command line, its key resolved.
type text struct {
	path   []string
	field  *field
	value  string
	origin Origin
}

// kubernetes matches the variables that Kubernetes and container links add
// for a service which happens to be called wicket; they are not ours.
var kubernetes = regexp.MustCompile(`^WICKET_(SERVICE_(HOST|PORT(_.*)?)|PORT(_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?)$`)

// envTexts resolves the variables that start with [EnvPrefix]. In names, "__"
// stands between levels: WICKET_LISTENERS__TLS__DEFAULT__BIND.
func envTexts(env []string) (out []text, problems []Problem) {
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		rest, ours := strings.CutPrefix(name, EnvPrefix)
		if !ours || kubernetes.MatchString(name) {
			continue
		}
		origin := Origin{Env: name}
		path := strings.Split(strings.ToLower(rest), "__")
		f, known := schema().find(path)
		if known < len(path) {
			problems = append(problems, Problem{Origin: origin, Text: "no key has this environment name" + envHint(rest, path, f, known)})
			continue
		}
		out = append(out, text{path, f, value, origin})
	}
	return out, problems
}

// envHint proposes a name for one that is not known: known parts lead to f.
func envHint(rest string, path []string, f *field, known int) string {
	flat := strings.ReplaceAll(rest, "__", "_")
	hint := ""
	schema().walk(nil, exampleName, func(p []string, _ *field) {
		if name := EnvName(p...); hint == "" && strings.ReplaceAll(name[len(EnvPrefix):], "__", "_") == flat {
			hint = name
		}
	})
	if hint == "" {
		if n, ok := nearest(path[known], f.keys()); ok {
			fixed := append([]string(nil), path...)
			fixed[known] = n
			hint = EnvName(fixed...)
		}
	}
	if hint == "" {
		return "; \"wicket config default\" lists the keys, and two underscores stand between levels"
	}
	return "; did you mean " + hint + "?"
}

// EnvName is the environment variable of a key.
func EnvName(path ...string) string {
	name := strings.ToUpper(strings.Join(path, "__"))
	return EnvPrefix + strings.Map(func(r rune) rune {
		if r == '-' || r == '.' {
			return '_'
		}
		return r
	}, name)
}

// overrideTexts resolves what the command line sets.
func overrideTexts(overrides []Override) (out []text, problems []Problem) {
	for _, o := range overrides {
		origin := Origin{Flag: o.Flag}
		path, err := SplitKey(o.Key)
		if err != nil {
			problems = append(problems, Problem{Origin: origin, Text: err.Error()})
			continue
		}
		f, known := schema().find(path)
		if known < len(path) {
			problems = append(problems, Problem{origin, o.Key, "unknown key" + didYouMean(path[known], f.keys())})
			continue
		}
		out = append(out, text{path, f, o.Value, origin})
	}
	return out, problems
}

// find follows a path down from f and returns the last field it reached and
// the number of parts that led there.
func (f *field) find(path []string) (*field, int) {
	for i, name := range path {
		if f.kind == free {
			return f, len(path)
		}
		c := f.child(name)
		if c == nil || name == "" {
			return f, i
		}
		f = c
	}
	return f, len(path)
}

// fromText gives a text the type that the field would have in a file. A text
// that does not fit stays one, for the decoder to complain about.
func fromText(f *field, value string) any {
	switch {
	case f.kind == list:
		return listFromText(value)
	case f.kind == free:
		var tree any
		dec := json.NewDecoder(strings.NewReader(value))
		dec.UseNumber()
		if dec.Decode(&tree) == nil && !dec.More() {
			return plainJSON(tree)
		}
	case f.typ.Kind() == reflect.Bool:
		if b, err := strconv.ParseBool(value); err == nil && (value == "true" || value == "false") {
			return b
		}
	case f.typ.Kind() == reflect.Int:
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			return n
		}
	}
	return value
}

// listFromText splits at commas; an empty text is an empty list.
func listFromText(value string) any {
	out := []any{}
	if strings.TrimSpace(value) == "" {
		return out
	}
	for _, part := range strings.Split(value, ",") {
		out = append(out, strings.TrimSpace(part))
	}
	return out
}

// plainJSON replaces json.Number by int64 or float64.
func plainJSON(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		if f, err := v.Float64(); err == nil && !math.IsInf(f, 0) {
			return f
		}
		return v.String()
	case map[string]any:
		for k := range v {
			v[k] = plainJSON(v[k])
		}
	case []any:
		for i := range v {
			v[i] = plainJSON(v[i])
		}
	}
	return value
}

// exampleName names an entry of a named map in documents.
func exampleName(f *field) string { return f.example }

// Listen turns the URLs of --listen (tcp://127.0.0.1:1883, tls://[::1]:8883)
// into overrides. The first of a transport is the listener "default", the
// following are "default2", "default3" and so on.
func Listen(urls []string) ([]Override, error) {
	var out []Override
	count := map[string]int{}
	for _, u := range urls {
		transport, bind, ok := strings.Cut(u, "://")
		if _, known := schema().find([]string{"listeners", transport}); !ok || known < 2 {
			return nil, fmt.Errorf("cannot listen on %q: write tcp://ADDRESS:PORT or tls://ADDRESS:PORT", u)
		}
		if _, err := ParseBind(bind); err != nil {
			return nil, fmt.Errorf("cannot listen on %q: %w", u, err)
		}
		name := "default"
		if count[transport]++; count[transport] > 1 {
			name += strconv.Itoa(count[transport])
		}
		out = append(out, Override{JoinKey("listeners", transport, name, "bind"), bind, "--listen"})
	}
	return out, nil
}
