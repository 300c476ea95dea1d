//go:build unix

package password

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// EditFile replaces the file at path by what edit makes of its content; a
// missing file has none, and edit is told so with nil. The new content is
// complete on disk before it takes the old one's place, so a reader and a
// crash see one or the other. Edits of files in one directory wait for each
// other. A new file has mode 0600; an existing one keeps its owner, and its
// mode except what it grants to everybody.
func EditFile(path string, edit func(content []byte) ([]byte, error)) error {
	path, err := resolve(path)
	if err != nil {
		return fmt.Errorf("cannot edit %q: %w", path, err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("cannot edit %q: %w", path, err)
	}
	defer dir.Close() // releases the lock
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("cannot lock directory of %q: %w", path, err)
	}
	old, content, err := read(path)
	if err != nil {
		return fmt.Errorf("cannot edit %q: %w", path, err)
	}
	if content, err = edit(content); err != nil {
		return err
	}
	if err := replace(path, old, content); err != nil {
		return fmt.Errorf("cannot write %q: %w", path, err)
	}
	return dir.Sync()
}

// resolve follows symbolic links, so that the file is replaced and not the
// link to it.
func resolve(path string) (string, error) {
	target, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, lerr := os.Lstat(path); lerr == nil {
			return path, errors.New("it is a symbolic link to nothing")
		}
		return path, nil
	}
	if err != nil {
		return path, err
	}
	return target, nil
}

// read returns a nil info and nil content for a missing file.
func read(path string) (fs.FileInfo, []byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errors.New("it is not a regular file")
	}
	content, err := os.ReadFile(path)
	if content == nil {
		content = []byte{}
	}
	return info, content, err
}

func replace(path string, old fs.FileInfo, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(content); err != nil {
		return err
	}
	if old != nil {
		if err = adopt(f, old); err != nil {
			return err
		}
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// adopt gives f the owner and mode of the file it replaces.
func adopt(f *os.File, old fs.FileInfo) error {
	want, ok := old.Sys().(*syscall.Stat_t)
	info, err := f.Stat()
	if err != nil {
		return err
	}
	have, ok2 := info.Sys().(*syscall.Stat_t)
	if ok && ok2 && (want.Uid != have.Uid || want.Gid != have.Gid) {
		if err := f.Chown(int(want.Uid), int(want.Gid)); err != nil {
			return fmt.Errorf("cannot keep its owner: %w", err)
		}
	}
	return f.Chmod(old.Mode().Perm() &^ 0o007)
}
