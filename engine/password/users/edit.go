package users

import (
	"bytes"
	"errors"
	"strings"

	"github.com/wicketmq/wicket/engine/password/encoded"
)

// Set returns content with the given hash for name: in the user's line, whose
// rules stay, or in a new line at the end. Every other line stays as it is.
// Content that Parse refuses is not edited.
func Set(content []byte, name, hash string) ([]byte, error) {
	if err := ValidName(name); err != nil {
		return nil, err
	}
	if _, err := encoded.Parse(hash); err != nil {
		return nil, err
	}
	at, err := find(content, name)
	if err != nil {
		return nil, err
	}
	entry := name + ":" + hash
	if at == 0 {
		out := bytes.Clone(content)
		if len(out) > 0 && out[len(out)-1] != '\n' {
			out = append(out, '\n')
		}
		return append(append(out, entry...), '\n'), nil
	}
	var out []byte
	number := 0
	for line := range bytes.Lines(content) {
		if number++; number == at {
			end := line[len(bytes.TrimRight(line, "\r\n")):]
			line = append([]byte(entry), end...)
		}
		out = append(out, line...)
	}
	return out, nil
}

// ErrNoUser says that a name to be deleted is not in the file.
var ErrNoUser = errors.New("no such user")

// Delete returns content without name and its rules; comments stay.
func Delete(content []byte, name string) ([]byte, error) {
	at, err := find(content, name)
	if err != nil {
		return nil, err
	}
	if at == 0 {
		return nil, ErrNoUser
	}
	var out []byte
	number := 0
	deleting := false
	for line := range bytes.Lines(content) {
		number++
		switch kindOf(strings.TrimRight(string(line), "\r\n")) {
		case user:
			deleting = number == at
		case empty:
			out = append(out, line...)
			continue
		}
		if !deleting {
			out = append(out, line...)
		}
	}
	return out, nil
}

// find returns the line of a user, or 0.
func find(content []byte, name string) (int, error) {
	list, err := Parse(content)
	if err != nil {
		return 0, err
	}
	for _, u := range list {
		if u.Name == name {
			return u.Line, nil
		}
	}
	return 0, nil
}
