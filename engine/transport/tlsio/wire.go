package tlsio

import (
	"net"
	"sync"
	"time"
)

// MaxBuffered is how many bytes a peer may have in flight during its
// handshake: the largest certificate message that crypto/tls takes (256 KiB)
// and room for what follows it.
const MaxBuffered = 300 << 10

// wire is the net.Conn that crypto/tls sees of a Conn.
type wire Conn

// Read gives crypto/tls the rest of one record. It blocks during the
// handshake, and returns errAgain instead in the data phase.
func (w *wire) Read(p []byte) (int, error) {
	if w.shake != nil {
		return w.shake.read(p)
	}
	if len(w.record) == 0 {
		return 0, errAgain
	}
	n := copy(p, w.record)
	w.record = w.record[n:]
	return n, nil
}

// Write queues, and so never fails for lack of room: crypto/tls latches every
// write error.
func (w *wire) Write(p []byte) (int, error) {
	if w.shake != nil {
		// p is crypto/tls's own scratch buffer.
		if err := w.shake.send(append([]byte(nil), p...)); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	w.out = append(w.out, p...)
	return len(p), nil
}

// Close is called by crypto/tls when the handshake's context ends.
func (w *wire) Close() error {
	(*Conn)(w).Abort()
	return nil
}

func (w *wire) LocalAddr() net.Addr {
	if w.shake == nil {
		return nil
	}
	return w.shake.local
}

func (w *wire) RemoteAddr() net.Addr {
	if w.shake == nil {
		return nil
	}
	return w.shake.remote
}

// AskedFor hears from [cert.Bundle] which server name the peer asks for.
func (w *wire) AskedFor(serverName string) {
	w.shake.mu.Lock()
	defer w.shake.mu.Unlock()
	w.shake.serverName = serverName
}

func (*wire) SetDeadline(time.Time) error      { return nil }
func (*wire) SetReadDeadline(time.Time) error  { return nil }
func (*wire) SetWriteDeadline(time.Time) error { return nil }

// shake is what a connection needs during its handshake only.
type shake struct {
	remote, local net.Addr
	send          func([]byte) error
	slots         *slots // nil outside a pool; written before the handshake starts
	place         place  // in the pool's crowd, which owns it

	mu      sync.Mutex
	arrived sync.Cond // signalled on bytes and on abort
	buf     []byte    // bytes fed and not yet read: buf[off:]
	off     int
	record  int   // bytes of the current record not yet read
	started bool  // the first record has been read
	waiting bool  // for the peer
	alert   byte  // the description of the last alert that came in plain
	err     error // why the handshake is over

	serverName string // that the peer has asked for
}

func newShake(remote, local net.Addr, send func([]byte) error) *shake {
	s := &shake{remote: remote, local: local, send: send}
	s.arrived.L = &s.mu
	return s
}

func (s *shake) feed(b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.buf)-s.off+len(b) > MaxBuffered {
		s.end(ErrFlood)
		return ErrFlood
	}
	if s.off == len(s.buf) || cap(s.buf)-len(s.buf) < len(b) {
		s.buf, s.off = s.buf[:copy(s.buf, s.buf[s.off:])], 0
	}
	s.buf = append(s.buf, b...)
	if !s.started {
		if err := Sniff(s.buf); err != nil {
			return err
		}
	}
	s.arrived.Signal()
	return nil
}

func (s *shake) ready() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return wholeRecord(s.buf[s.off:])
}

// read blocks for the next whole record and gives out its bytes. While it
// waits it gives up its slot of the pool, so that slow peers hold none.
func (s *shake) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.record == 0 {
		if err := s.await(); err != nil {
			return 0, err
		}
		s.started = true
		s.record = recordLength(s.buf[s.off:])
		s.noteAlert(s.buf[s.off : s.off+s.record])
	}
	n := copy(p, s.buf[s.off:s.off+s.record])
	s.off += n
	s.record -= n
	return n, nil
}

// noteAlert keeps the description of a fatal alert in plain, which two bytes of
// content give away. OpenSSL's client sends such a one when it does not trust
// the server, although TLS 1.3 has keys by then; to crypto/tls it is a record
// with a bad MAC.
func (s *shake) noteAlert(record []byte) {
	if len(record) == recordHeader+2 && record[0] == typeAlert && record[recordHeader] == fatal {
		s.alert = record[recordHeader+1]
	}
}

// await returns once a whole record is there, holding a slot again, or the
// handshake is over. Records fed before its end are read all the same: the
// last may be the alert that says why the peer went away.
func (s *shake) await() error {
	if !wholeRecord(s.buf[s.off:]) && s.err == nil {
		s.slots.release()
		s.waiting = true
		for !wholeRecord(s.buf[s.off:]) && s.err == nil {
			s.arrived.Wait()
		}
		s.waiting = false
		s.mu.Unlock()
		s.slots.acquire()
		s.mu.Lock()
	}
	if wholeRecord(s.buf[s.off:]) {
		return nil
	}
	return s.err
}

// waits reports whether the handshake can go on only when its peer does.
func (s *shake) waits() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting
}

func (s *shake) abort(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(err)
}

func (s *shake) end(err error) {
	if s.err == nil {
		s.err = err
	}
	s.arrived.Signal()
}

// rest returns the bytes behind the handshake, in a slice of their own size.
func (s *shake) rest() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]byte(nil), s.buf[s.off:]...)
}
