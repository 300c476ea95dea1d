package wicket

import (
	"errors"
	"strings"
)

// Lines returns the lines of the file that the operator named under key, without
// blanks around them, and without those that are empty or begin with #. The error
// says that the config has no such key.
func (l *LoadInfo) Lines(key string) ([]string, error) {
	file, ok := l.File(key)
	if !ok {
		return nil, errors.New(key + ": name the file")
	}
	var list []string
	for line := range strings.Lines(string(file.Content)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			list = append(list, line)
		}
	}
	return list, nil
}
