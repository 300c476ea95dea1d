package ban

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxFile bounds what is read of a file of bans.
const maxFile = 64 << 20

// Open returns the list that is kept in a file; a file that does not exist is an
// empty list. One with a fault is an error: to begin without it would let in
// who was kept out.
func Open(path string) (*List, error) {
	l := &List{path: path}
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return l, nil
	case err != nil:
		return nil, fmt.Errorf("cannot read the bans: %w", err)
	}
	defer f.Close()
	if err := l.read(io.LimitReader(f, maxFile)); err != nil {
		return nil, fmt.Errorf("cannot read the bans in %q: %w", path, err)
	}
	return l, nil
}

// read reads entries, one JSON object per line.
func (l *List) read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var e Entry
		err := json.Unmarshal(lines.Bytes(), &e)
		var pattern *regexp.Regexp
		if err == nil {
			pattern, err = e.normal()
		}
		if err == nil && len(l.entries) >= maxEntries {
			err = fmt.Errorf("more than %d bans", maxEntries)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if !e.over(l.time()) && l.entries[key{e.Kind, e.Who}] == nil {
			l.put(e, pattern)
		}
	}
	return lines.Err()
}

// save writes the file anew, whole or not at all; the lock is held.
func (l *List) save() error {
	if l.path == "" {
		return nil
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	for _, h := range l.entries {
		if err := e.Encode(&h.Entry); err != nil {
			return fmt.Errorf("cannot write the bans: %w", err)
		}
	}
	if err := replace(l.path, out.Bytes()); err != nil {
		return fmt.Errorf("cannot write the bans to %q: %w", l.path, err)
	}
	return nil
}

// replace puts content in the place of a file. CreateTemp makes it 0600.
func replace(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// Bootstrap reads bans from a CSV file, if there is no file of bans yet (spec
// BAN-03). Its first line names the columns: as and who, and if wanted reason,
// by, at and until, times as RFC 3339 writes them or as Unix seconds. Rows with
// a fault are left out; skipped tells why.
func (l *List) Bootstrap(path string) (loaded int, skipped []error, err error) {
	if _, err := os.Stat(l.path); l.path != "" && !errors.Is(err, fs.ErrNotExist) {
		return 0, nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, nil, fmt.Errorf("cannot read the first bans: %w", err)
	}
	defer f.Close()
	rows := csv.NewReader(io.LimitReader(f, maxFile))
	rows.FieldsPerRecord = -1
	names, err := rows.Read()
	if err != nil {
		return 0, nil, fmt.Errorf("cannot read the first bans in %q: its first line names the columns: %w", path, err)
	}
	columns := map[string]int{}
	for i, name := range names {
		columns[strings.TrimSpace(name)] = i
	}
	if _, ok := columns["as"]; !ok {
		return 0, nil, fmt.Errorf("cannot read the first bans in %q: its first line names no column \"as\"", path)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		line, _ := rows.FieldPos(0)
		if err == nil {
			err = l.addRow(columns, row)
		}
		if err != nil {
			skipped = append(skipped, fmt.Errorf("%s, line %d: %w", path, line, err))
			continue
		}
		loaded++
	}
	return loaded, skipped, l.save()
}

func (l *List) addRow(columns map[string]int, row []string) error {
	get := func(name string) string {
		if i, ok := columns[name]; ok && i < len(row) {
			return strings.TrimSpace(row[i])
		}
		return ""
	}
	e := Entry{Kind: Kind(get("as")), Who: get("who"), Reason: get("reason"), By: get("by")}
	var err error
	if e.At, err = ParseTime(get("at")); err != nil {
		return err
	}
	if e.At.IsZero() {
		e.At = l.time().UTC().Truncate(time.Second)
	}
	if e.Until, err = ParseTime(get("until")); err != nil {
		return err
	}
	pattern, err := e.normal()
	switch {
	case err != nil:
		return err
	case e.over(l.time()):
		return fmt.Errorf("the ban has ended at %s", e.Until.UTC().Format(time.RFC3339))
	case l.entries[key{e.Kind, e.Who}] != nil:
		return fmt.Errorf("%s %q is there twice", e.Kind, e.Who)
	case len(l.entries) >= maxEntries, pattern != nil && len(l.patterns) >= maxPatterns:
		return errors.New("there are too many")
	}
	l.put(e, pattern)
	return nil
}

// ParseTime reads a time as RFC 3339 writes it, or Unix seconds; empty, or
// infinity, is the zero time.
func ParseTime(text string) (time.Time, error) {
	if text == "" || text == "infinity" {
		return time.Time{}, nil
	}
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(seconds, 0).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%q is no time: write 2026-12-31T23:59:59Z", text)
	}
	return t, nil
}
