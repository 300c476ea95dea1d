//go:build unix

package password

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func add(line string) func([]byte) ([]byte, error) {
	return func(content []byte) ([]byte, error) { return append(content, line+"\n"...), nil }
}

func TestEditFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	if err := EditFile(path, add("one")); err != nil {
		t.Fatal(err)
	}
	expect(t, path, "one\n", 0o600)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := EditFile(path, add("two")); err != nil {
		t.Fatal(err)
	}
	expect(t, path, "one\ntwo\n", 0o640)

	refused := errors.New("no")
	if err := EditFile(path, func([]byte) ([]byte, error) { return nil, refused }); !errors.Is(err, refused) {
		t.Errorf("error %v", err)
	}
	expect(t, path, "one\ntwo\n", 0o640)
	expectAlone(t, path)
}

func TestEditFileThroughLink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.Symlink("target", link); err != nil {
		t.Fatal(err)
	}
	if err := EditFile(link, add("x")); err == nil {
		t.Error("a dangling link: no error")
	}
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := EditFile(link, add("x")); err != nil {
		t.Fatal(err)
	}
	expect(t, target, "x\n", 0o600)
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link was replaced")
	}
}

func TestEditFileRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := EditFile(dir, add("x")); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a directory: %v", err)
	}
	if err := EditFile(filepath.Join(dir, "no", "users"), add("x")); err == nil {
		t.Error("a missing directory: no error")
	}
}

func TestEditFileConcurrently(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if err := EditFile(path, add(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	content, err := os.ReadFile(path)
	if err != nil || len(strings.Fields(string(content))) != 20 {
		t.Errorf("%v: edits were lost: %q", err, content)
	}
	expectAlone(t, path)
}

func expect(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != content {
		t.Errorf("content %q, %v, want %q", got, err, content)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != mode {
		t.Errorf("mode %v, %v, want %v", info.Mode(), err, mode)
	}
}

func expectAlone(t *testing.T, path string) {
	t.Helper()
	if list, err := os.ReadDir(filepath.Dir(path)); err != nil || len(list) != 1 {
		t.Errorf("files were left behind: %v, %v", list, err)
	}
}
