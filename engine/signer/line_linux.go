package signer

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// line is the broker's end of one pair of sockets. Whoever has taken it from
// its instance owns it.
type line struct {
	socket   *os.File
	raw      syscall.RawConn
	sequence uint32
	owed     bool // the reply to the last request has not come yet
	in, out  []byte
}

// newLine makes a pair of sockets that keep the bounds of messages. Ours waits
// in the runtime's poller, theirs blocks.
func newLine() (ours *line, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot make a pair of sockets: %w", err)
	}
	theirs = os.NewFile(uintptr(pair[1]), "signer")
	err = unix.SetNonblock(pair[0], true)
	socket := os.NewFile(uintptr(pair[0]), "signer")
	var raw syscall.RawConn
	if err == nil {
		raw, err = socket.SyscallConn()
	}
	if err != nil {
		_, _ = socket.Close(), theirs.Close()
		return nil, nil, fmt.Errorf("cannot make a pair of sockets: %w", err)
	}
	return &line{socket: socket, raw: raw, in: make([]byte, maxReply+1)}, theirs, nil
}

// errRefused says that the process cannot use the key.
var errRefused = errors.New("refused")

// ask returns the signature that r asks for with the key k. The key goes to the
// process only when that does not know it.
func (l *line) ask(r *request, k *Key, patience time.Duration) ([]byte, error) {
	if err := l.socket.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	answer, err := l.exchange(r)
	if err != nil {
		return nil, err
	}
	if answer.status == unknown {
		if r.der, err = x509.MarshalPKCS8PrivateKey(k.PrivateKey); err != nil {
			return nil, fmt.Errorf("%w: %w", errRefused, err)
		}
		if len(r.der) > maxKey {
			return nil, fmt.Errorf("%w: the key is too large", errRefused)
		}
		answer, err = l.exchange(r)
		clear(r.der)
		clear(l.out)
		if err != nil {
			return nil, err
		}
	}
	switch {
	case answer.status == failed:
		return nil, fmt.Errorf("%w: %s", errRefused, answer.body)
	case answer.status != signed || len(answer.body) != k.Size():
		return nil, errMalformed
	}
	return bytes.Clone(answer.body), nil
}

// exchange sends a request and reads its reply, whose bytes are the line's.
func (l *line) exchange(r *request) (out reply, err error) {
	l.sequence++
	r.sequence = l.sequence
	l.out = r.append(l.out[:0])
	if _, err := l.socket.Write(l.out); err != nil {
		return out, err
	}
	l.owed = true
	for l.owed {
		if err := l.read(&out); err != nil {
			return out, err
		}
		l.owed = out.sequence != l.sequence
	}
	return out, nil
}

// read reads one message, until the deadline.
func (l *line) read(out *reply) error {
	n, err := l.socket.Read(l.in)
	if err != nil {
		return err
	}
	return out.parse(l.in[:n])
}

// settled reports whether nothing is under way, and takes a late reply off the
// line without waiting for one.
func (l *line) settled() bool {
	if !l.owed {
		return true
	}
	if l.socket.SetDeadline(time.Time{}) != nil {
		return false
	}
	var late reply
	_ = l.raw.Read(func(fd uintptr) bool {
		n, err := syscall.Read(int(fd), l.in)
		if err == nil && n > 0 && late.parse(l.in[:n]) == nil {
			l.owed = late.sequence != l.sequence
		}
		return true // whatever came, or nothing
	})
	return !l.owed
}
