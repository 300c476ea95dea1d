package wasm

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Settings turns an operator's config into what a guest is given: JSON, and the
// content of the files named by keys that end in _file. Paths start at dir. The
// error names the key, from "config" on.
func Settings(dir string, config map[string]any) (json.RawMessage, []File, error) {
	raw, err := json.Marshal(config)
	if err != nil {
		return nil, nil, fmt.Errorf("config cannot be written as JSON: %w", err)
	}
	var files []File
	for _, key := range slices.Sorted(maps.Keys(config)) {
		path, ok := config[key].(string)
		if !ok || !strings.HasSuffix(key, "_file") {
			continue
		}
		name := path
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, nil, fmt.Errorf("config.%s: %w", key, err)
		}
		files = append(files, File{Key: key, Path: path, Content: content})
	}
	return raw, files, nil
}
