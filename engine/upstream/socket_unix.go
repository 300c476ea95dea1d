//go:build unix

package upstream

import (
	"io"
	"net"
	"syscall"
)

// socket writes to a connection what the system takes at once, and reads what is
// there. One goroutine at a time may write.
type socket struct {
	raw syscall.RawConn
	try func(fd uintptr) bool
	b   []byte
	n   int
	err error
}

// newSocket returns the socket of a connection, or nil when it has none.
func newSocket(c net.Conn) *socket {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return nil
	}
	s := &socket{raw: raw}
	s.try = func(fd uintptr) bool {
		s.n, s.err = ignoring(syscall.Write(int(fd), s.b))
		for s.err == syscall.EINTR {
			s.n, s.err = ignoring(syscall.Write(int(fd), s.b))
		}
		return true
	}
	return s
}

// ignoring takes a full socket for one that has taken nothing.
func ignoring(n int, err error) (int, error) {
	if err == syscall.EAGAIN {
		return 0, nil
	}
	return max(n, 0), err
}

// write writes as much as there is room for. Nothing is wrong when that is less
// than there is.
func (s *socket) write(b []byte) (int, error) {
	s.b, s.n, s.err = b, 0, nil
	err := s.raw.Write(s.try)
	s.b = nil
	if err == nil {
		err = s.err
	}
	return s.n, err
}

// read reads what is there, or returns errNothing.
func (s *socket) read(p []byte) (n int, err error) {
	if e := s.raw.Read(func(fd uintptr) bool {
		n, err = syscall.Read(int(fd), p)
		for err == syscall.EINTR {
			n, err = syscall.Read(int(fd), p)
		}
		return true
	}); e != nil {
		return 0, e
	}
	switch {
	case err == syscall.EAGAIN:
		return 0, errNothing
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}
