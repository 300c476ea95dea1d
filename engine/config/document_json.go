package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// jsonReader walks the tokens of a JSON text, which, unlike json.Unmarshal,
// shows duplicate keys and lines.
type jsonReader struct {
	*document
	data []byte
	dec  *json.Decoder
	at   int // offset up to which lines were counted
	line int
}

func (d *document) json(data []byte) map[string]any {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil
	}
	r := &jsonReader{document: d, data: data, dec: json.NewDecoder(bytes.NewReader(data)), line: 1}
	r.dec.UseNumber()
	value, err := r.value(nil)
	if err == nil {
		if _, err = r.dec.Token(); err == nil {
			err = errors.New("there is more text after the end")
		} else if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		d.fail(r.here(), nil, "this is not JSON: %v", err)
		return nil
	}
	tree, ok := value.(map[string]any)
	if !ok {
		d.fail(1, nil, "a configuration is a JSON object")
	}
	return tree
}

// here is the line of the token read last.
func (r *jsonReader) here() int {
	end := min(int(r.dec.InputOffset()), len(r.data))
	r.line += bytes.Count(r.data[r.at:end], []byte{'\n'})
	r.at = end
	return r.line
}

func (r *jsonReader) value(path []string) (any, error) {
	t, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	line := r.here()
	if !r.spend(line) || len(path) > maxDepth {
		return nil, errors.New("it is too large or nested too deep")
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '{' {
			return r.object(path)
		}
		return r.array(path)
	case json.Number:
		if n, err := t.Int64(); err == nil {
			return n, nil
		}
		return t.Float64()
	}
	return t, nil
}

func (r *jsonReader) object(path []string) (any, error) {
	out := map[string]any{}
	for r.dec.More() {
		t, err := r.dec.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		p := below(path, name)
		use := r.key(r.here(), p, out)
		value, err := r.value(p)
		if err != nil {
			return nil, err
		}
		if use {
			out[name] = value
		}
	}
	_, err := r.dec.Token()
	return out, err
}

func (r *jsonReader) array(path []string) (any, error) {
	out := []any{}
	for r.dec.More() {
		p := element(path, len(out))
		value, err := r.value(p)
		if err != nil {
			return nil, err
		}
		r.lines[pathKey(p)] = r.line
		out = append(out, value)
	}
	_, err := r.dec.Token()
	return out, err
}
