package config

import (
	"encoding/json"
	"reflect"
	"slices"
)

// JSONSchema is the JSON Schema (draft 2020-12) of a configuration file, for
// editors. conf/wicket.schema.json is this text.
func JSONSchema() string {
	top := sectionSchema(schema())
	top["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	top["title"] = "Wicket configuration"
	text, err := json.MarshalIndent(top, "", "  ")
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return string(text) + "\n"
}

func sectionSchema(f *field) map[string]any {
	props := map[string]any{}
	var required []string
	for _, c := range f.children {
		props[c.key] = fieldSchema(c)
		if c.required {
			required = append(required, c.key)
		}
	}
	s := map[string]any{"type": "object", "properties": props, "additionalProperties": false}
	if required != nil {
		s["required"] = required
	}
	return s
}

func fieldSchema(f *field) map[string]any {
	var s map[string]any
	switch f.kind {
	case section:
		s = sectionSchema(f)
		s["type"] = []string{"object", "null"}
	case named:
		s = map[string]any{
			"type":              []string{"object", "null"},
			"patternProperties": map[string]any{validName.String(): sectionSchema(f.elem)}, "additionalProperties": false,
		}
	case free:
		s = map[string]any{"type": []string{"object", "null"}}
	case list:
		s = map[string]any{"type": "array", "items": textSchema(f)}
	default:
		s = leafSchema(f)
	}
	s["description"] = f.doc
	if f.def != "" {
		s["default"] = fromText(f, f.def)
	}
	return s
}

func textSchema(f *field) map[string]any {
	if words := f.enumValues(); words != nil {
		if slices.Contains(words, "true") || slices.Contains(words, "false") {
			return map[string]any{"enum": append([]any{true, false}, anys(words)...)}
		}
		return map[string]any{"enum": words}
	}
	return map[string]any{"type": "string"}
}

func leafSchema(f *field) map[string]any {
	switch {
	case f.typ == durationType:
		pattern := `^[0-9]+d$|^([0-9]+d)?([0-9.]+(ns|us|µs|ms|s|m|h))+$`
		if f.infinity != "" {
			pattern += "|^infinity$"
		}
		return map[string]any{"type": "string", "pattern": pattern}
	case f.typ == sizeType:
		return map[string]any{"type": []string{"string", "integer"}, "pattern": `^[0-9]+ *([KMGTkmgt]?[Bb])?$`, "minimum": 0}
	case f.typ == rateType:
		return map[string]any{"type": []string{"string", "integer"}, "pattern": `^[0-9]+(/[0-9a-zµ]+)?$|^infinity$`, "minimum": 1}
	case f.typ == bindType:
		return map[string]any{"type": []string{"string", "integer"}, "minimum": 0, "maximum": 65535}
	case f.typ.Kind() == reflect.Bool:
		return map[string]any{"type": "boolean"}
	case f.typ.Kind() == reflect.Int:
		s := map[string]any{"type": "integer"}
		if f.min != "" {
			s["minimum"] = f.bound(f.min)
		}
		if f.max != "" {
			s["maximum"] = f.bound(f.max)
		}
		if f.infinity != "" {
			return map[string]any{"anyOf": []any{s, map[string]any{"const": "infinity"}}}
		}
		return s
	}
	return textSchema(f)
}

func anys(words []string) []any {
	out := make([]any, len(words))
	for i, w := range words {
		out[i] = w
	}
	return out
}
