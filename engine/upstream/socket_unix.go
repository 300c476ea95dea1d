//go:build unix

package upstream

import (
	"net"
	"syscall"
)

// socket writes to a connection what the system takes at once. One goroutine
// at a time may use it.
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
