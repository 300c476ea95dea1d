package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

const maxBrackets = 256 // opening brackets in a TOML file before they close

// toml reads a TOML text. Values come from the decoder, lines from a second
// pass over its syntax tree; elements of an array of tables have the line of
// the array.
func (d *document) toml(data []byte) map[string]any {
	if bracketDepth(data) > maxBrackets {
		d.fail(0, nil, "brackets are nested more than %d deep", maxBrackets)
		return nil
	}
	tree := map[string]any{}
	if err := toml.Unmarshal(data, &tree); err != nil {
		var line int
		var at *toml.DecodeError
		if errors.As(err, &at) {
			line, _ = at.Position()
		} else {
			line = d.tomlLines(data)
		}
		d.fail(line, nil, "this is not TOML: %s", strings.TrimPrefix(err.Error(), "toml: "))
		return nil
	}
	d.tomlLines(data)
	return d.tomlMap(tree, nil)
}

// bracketDepth returns how deep brackets nest; the decoder recurses on them
// without a bound. Those in texts and comments count too: the limit is far
// above what anybody writes.
func bracketDepth(data []byte) (deepest int) {
	depth := 0
	for _, c := range data {
		switch c {
		case '[', '{':
			depth++
			deepest = max(deepest, depth)
		case ']', '}':
			depth = max(depth-1, 0)
		}
	}
	return deepest
}

// tomlMap checks keys and gives values the types that the other formats use.
func (d *document) tomlMap(in map[string]any, path []string) map[string]any {
	out := make(map[string]any, len(in))
	for name, value := range in {
		p := below(path, name)
		line := d.lines[pathKey(p)]
		if d.spend(line) && d.key(line, p, out) {
			out[name] = d.tomlValue(value, p)
		}
	}
	return out
}

func (d *document) tomlValue(value any, path []string) any {
	switch v := value.(type) {
	case map[string]any:
		return d.tomlMap(v, path)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = d.tomlValue(v[i], element(path, i))
		}
		return out
	case string, bool, int64, float64:
		return v
	}
	return fmt.Sprint(value) // a date or time
}

// tomlLines fills d.lines and returns the line of the last key that was
// there before, or 0.
func (d *document) tomlLines(data []byte) (again int) {
	var p unstable.Parser
	p.Reset(data)
	at, line := 0, 1
	var table []string
	var walk func(prefix []string, n *unstable.Node)
	walk = func(prefix []string, n *unstable.Node) {
		path := prefix[:len(prefix):len(prefix)]
		for it := n.Key(); it.Next() && len(path) <= maxDepth; { // deeper ones are refused
			k := it.Node()
			path = append(path, string(k.Data))
			if off := int(k.Raw.Offset); off > at && off <= len(data) {
				line += bytes.Count(data[at:off], []byte{'\n'})
				at = off
			}
			if _, known := d.lines[pathKey(path)]; !known {
				d.lines[pathKey(path)] = line
			} else if it.IsLast() {
				again = line
			}
		}
		if n.Kind != unstable.KeyValue {
			table = path
			return
		}
		if v := n.Value(); v.Kind == unstable.InlineTable {
			for it := v.Children(); it.Next(); {
				walk(path, it.Node())
			}
		}
	}
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			walk(nil, e)
		case unstable.KeyValue:
			walk(table, e)
		}
	}
	return again
}
