package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Socket is a claimed control socket. Until [Serve] takes it, those who
// connect wait.
type Socket struct {
	path string
	net.Listener
	lock *os.File // held for as long as the process lives
}

// Path is where the socket lies.
func (s *Socket) Path() string { return s.path }

// Listen claims a path. A socket that a dead process left behind is replaced;
// while another process holds the path, Listen fails and names it.
//
// The claim is a lock on the file beside it, path + ".lock", which the kernel
// gives up with the process, however that ends.
func Listen(path string) (*Socket, error) {
	if err := checkLength(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the directory of control.socket %q: %w", path, err)
	}
	lock, err := claim(path)
	if err != nil {
		return nil, err
	}
	l, err := bind(path)
	if err != nil {
		lock.Close()
		return nil, err
	}
	return &Socket{path: path, Listener: l, lock: lock}, nil
}

// Close ends listening, removes the socket and gives up the claim.
func (s *Socket) Close() error {
	return errors.Join(s.Listener.Close(), s.lock.Close())
}

// maxPath is the longest path of a socket, without the NUL that ends it.
const maxPath = len(syscall.RawSockaddrUnix{}.Path) - 1

func checkLength(path string) error {
	if len(path) <= maxPath {
		return nil
	}
	return fmt.Errorf("cannot use %q as control.socket: its %d bytes are more than the %d that the system has for the path of a socket; set control.socket to a shorter path, such as /run/wicket/control.sock",
		path, len(path), maxPath)
}

// claim locks the file beside the socket and writes the process id there.
func claim(path string) (*os.File, error) {
	name := path + ".lock"
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot claim control.socket: %w", err)
	}
	locked, err := lock(f)
	if err == nil && locked {
		if err = f.Truncate(0); err == nil {
			_, err = fmt.Fprintf(f, "%d\n", os.Getpid())
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot claim control.socket: cannot lock %q: %w", name, err)
	}
	if !locked {
		defer f.Close()
		return nil, &InUseError{Path: path, By: owner(f)}
	}
	return f, nil
}

// owner names the process that has locked the file.
func owner(f *os.File) string {
	var pid int
	if _, err := fmt.Fscan(f, &pid); err != nil {
		return "another process"
	}
	return fmt.Sprintf("process %d", pid)
}

// InUseError says that somebody else holds the path.
type InUseError struct {
	Path string
	By   string // "process 4711", or less when that is not known
}

func (e *InUseError) Error() string {
	return fmt.Sprintf("cannot claim control.socket %q: %s, another broker, uses it; stop that one, or give this one a data_dir of its own", e.Path, e.By)
}

// bind replaces what a dead process left behind; the caller holds the lock.
func bind(path string) (net.Listener, error) {
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("cannot open control.socket: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("cannot open control.socket %q: something that is no socket lies there; move it away, or set control.socket to another path", path)
	case alive(path):
		return nil, &InUseError{Path: path, By: "another process"}
	default:
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("cannot replace the control.socket of a dead process: %w", err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("cannot open control.socket %q: %w", path, innermost(err))
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("cannot open control.socket: %w", err)
	}
	return l, nil
}

// alive reports whether somebody listens on a socket.
func alive(path string) bool {
	c, err := net.DialTimeout("unix", path, time.Second)
	if err != nil {
		return !errors.Is(err, syscall.ECONNREFUSED)
	}
	c.Close()
	return true
}

// innermost drops the parts of a network error that our own sentence says.
func innermost(err error) error {
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e
	}
	return err
}
