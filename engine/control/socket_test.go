package control

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// home is a directory short enough for a socket.
func home(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func listen(t *testing.T, path string) *Socket {
	t.Helper()
	s, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestListenModes(t *testing.T) {
	path := filepath.Join(home(t), "new", "control.sock")
	s := listen(t, path)
	for name, want := range map[string]fs.FileMode{
		path: fs.ModeSocket | 0o600, path + ".lock": 0o600, filepath.Dir(path): fs.ModeDir | 0o700,
	} {
		if info, err := os.Stat(name); err != nil || info.Mode() != want {
			t.Errorf("%s: mode %v (%v), want %v", name, info.Mode(), err, want)
		}
	}
	if s.Path() != path {
		t.Errorf("path %q", s.Path())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
	listen(t, path)
}

func TestListenReplacesTheSocketOfADeadProcess(t *testing.T) {
	path := filepath.Join(home(t), "control.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("nothing is left behind: %v", err)
	}
	listen(t, path)
}

func TestListenRefuses(t *testing.T) {
	dir := home(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	listen(t, in("held"))
	other, err := net.Listen("unix", in("foreign")) // without our lock
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	if err := os.WriteFile(in("file"), []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	long := in(strings.Repeat("x", 200))
	for _, test := range []struct {
		path string
		says []string
	}{
		{in("held"), []string{`held"`, "process " + strconv.Itoa(os.Getpid()), "data_dir of its own"}},
		{in("foreign"), []string{`foreign"`, "another process"}},
		{in("file"), []string{`file"`, "no socket lies there"}},
		{in("file/control.sock"), []string{"not a directory"}},
		{long, []string{"bytes are more than the 107", "control.socket"}},
	} {
		s, err := Listen(test.path)
		if err == nil {
			s.Close()
			t.Errorf("%s: no error", test.path)
			continue
		}
		for _, part := range test.says {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q is not said: %v", part, err)
			}
		}
	}
	if text, _ := os.ReadFile(in("file")); string(text) != "precious" {
		t.Errorf("the file was touched: %q", text)
	}
	if s, err := Listen(in("foreign")); err == nil {
		s.Close()
		t.Error("a second try takes a foreign socket")
	}
	exact := in(strings.Repeat("x", maxPath-len(dir)-1))
	listen(t, exact)
}
