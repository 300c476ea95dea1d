package control

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// lock takes an exclusive lock on a file without waiting; false means that
// another process has it.
func lock(f *os.File) (bool, error) {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// peerUID is the user at the other end of a Unix socket, as the kernel knows
// it from connect(2).
func peerUID(c syscall.RawConn) (uid int, err error) {
	var cred *unix.Ucred
	outer := c.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err := errors.Join(outer, err); err != nil {
		return -1, err
	}
	return int(cred.Uid), nil
}
