// Package tlsio ends TLS on an event loop with the standard library's
// crypto/tls, unforked.
//
// A [Conn] lives through two phases. During the handshake it belongs to a
// goroutine of a [Pool]: the loop feeds bytes with [Conn.FeedHandshake], the
// goroutine blocks for them inside crypto/tls, and what it writes goes out
// through the sender given to [Server]. After the handshake the loop calls
// [Conn.Open], and from then on [Conn.Read], [Conn.Write] and the other
// methods are called on that loop only, never block, and use buffers that
// belong to the caller: they are not kept after the call returns.
//
// crypto/tls is handed one whole record at a time, in both phases. So it never
// sees the end of the input inside a record, reads nothing ahead, and has
// nothing in its input buffers between two records: they are lent to it for
// the time of a [Conn.Read], and an idle connection owns none. A record that is
// still incomplete stays in the caller's window ([Conn.Read] does not consume
// it).
package tlsio

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/wicketmq/wicket/engine/cert"
)

// Record sizes in bytes (RFC 8446 section 5.1, RFC 5246 section 6.2.3).
const (
	recordHeader    = 5
	maxCiphertext   = 16384 + 2048 // the larger of the two limits: TLS 1.2
	typeAlert       = 21
	fatal           = 2 // level of an alert
	typeHandshake   = 22
	maxRecordLength = recordHeader + maxCiphertext
)

// MaxWindow is the size in bytes of the largest record: a window this long
// always lets [Conn.Read] make progress.
const MaxWindow = maxRecordLength

var (
	// ErrFlood says that a peer sent more than [MaxBuffered] bytes during its
	// handshake before they could be consumed.
	ErrFlood error = &failure{"tls: peer sent too much during its handshake", cert.ReasonFlood}

	// ErrAborted is the result of a handshake ended by [Conn.Abort]: the
	// socket is gone, or the engine is stopping.
	ErrAborted error = &failure{"tls: connection closed during the handshake", cert.ReasonEOF}

	errNotOpen = errors.New("tls: the handshake is not complete")
)

// failure is an error of this package that knows its class.
type failure struct {
	text   string
	reason cert.Reason
}

func (e *failure) Error() string                { return e.text }
func (e *failure) HandshakeReason() cert.Reason { return e.reason }

// again is what the record layer reads when a window is used up. crypto/tls
// does not latch an error whose Temporary method reports true; [SelfTest]
// guards that.
type again struct{}

func (again) Error() string   { return "tls: more bytes needed" }
func (again) Timeout() bool   { return false }
func (again) Temporary() bool { return true }

var errAgain error = again{}

// Conn is the TLS layer of one connection. The zero value is not usable; make
// one with [Server].
type Conn struct {
	tls    *tls.Conn
	shake  *shake // handshake state; nil once open
	record []byte // the part of the current record that crypto/tls has not read yet; set only during Read
	left   []byte // bytes fed during the handshake that come after it
	out    []byte // records written by crypto/tls and not yet taken by the caller
	fail   error  // the end of the input, delivered after all data before it
	more   bool   // crypto/tls may hold decrypted bytes
}

// Server makes the server side of a TLS connection. The addresses are those
// that callbacks of cfg may ask for. send takes ciphertext during the
// handshake, on any goroutine; the slice is its own to keep.
func Server(cfg *tls.Config, remote, local net.Addr, send func([]byte) error) *Conn {
	c := &Conn{shake: newShake(remote, local, send)}
	c.tls = tls.Server((*wire)(c), cfg)
	return c
}

// FeedHandshake takes bytes from the socket during the handshake, on the loop;
// it copies them. The first bytes are checked with [Sniff]. It returns
// [ErrFlood] when more than [MaxBuffered] bytes wait.
func (c *Conn) FeedHandshake(b []byte) error {
	if c.shake == nil {
		return errors.New("tls: the handshake is over")
	}
	return c.shake.feed(b)
}

// Ready reports whether the first record is complete, so that a worker started
// now has something to do. Until then a connection costs no goroutine.
func (c *Conn) Ready() bool { return c.shake != nil && c.shake.ready() }

// Handshake runs the handshake and blocks until it is done, ctx ends, or
// [Conn.Abort] is called. Call it once, on a goroutine that may block; [Pool]
// does. An error is a [*cert.HandshakeError], which tells its reason; the
// alert for it has been sent.
func (c *Conn) Handshake(ctx context.Context) error {
	err := c.tls.HandshakeContext(ctx)
	if err != nil && c.shake.alert != 0 {
		return &cert.HandshakeError{
			Reason: cert.ReasonRefused,
			Err:    fmt.Errorf("remote error: %w", tls.AlertError(c.shake.alert)),
		}
	}
	return cert.Explain(err)
}

// Abort ends a handshake in progress once it needs more bytes than were fed;
// Handshake then returns [ErrAborted]. Any goroutine may call it, before
// [Conn.Open].
func (c *Conn) Abort() {
	if s := c.shake; s != nil {
		s.abort(ErrAborted)
	}
}

// ServerName is the server name that the peer has asked for (RFC 6066 section
// 3), as soon as its hello has come and however the handshake goes on. Call it
// before [Conn.Open]; after that, [Conn.State] has it.
func (c *Conn) ServerName() string {
	if c.shake == nil {
		return ""
	}
	c.shake.mu.Lock()
	defer c.shake.mu.Unlock()
	return c.shake.serverName
}

// Open switches to the data phase, on the loop, after Handshake has returned
// nil and no goroutine but the loop uses c. Bytes that came behind the
// handshake are kept for Read: call it at once, even with an empty window,
// for the socket will not announce them again.
func (c *Conn) Open() error {
	if c.shake == nil {
		return nil
	}
	if !c.tls.ConnectionState().HandshakeComplete {
		return errNotOpen
	}
	c.left = c.shake.rest()
	c.shake = nil
	letGo(buffer(c.tls, rawInput))
	letGo(buffer(c.tls, hand))
	return nil
}

// Read decrypts whole records from window into dst until dst is full or no
// whole record is left, and reports the bytes written and those of the window
// consumed; the caller presents what is not consumed again, with more behind
// it. n == 0 with a nil error means that more bytes are needed (or dst is
// empty). An error comes alone, after all data that precede it: io.EOF for the
// peer's close_notify (RFC 8446 section 6.1), anything else is fatal and the
// alert for it is among the output. After Read, output may wait (the answer to
// a KeyUpdate, RFC 8446 section 4.6.3; an alert): see [Conn.TakeOutput].
// scratch is that of the loop.
func (c *Conn) Read(window, dst []byte, scratch *Scratch) (n, consumed int, err error) {
	if c.shake != nil {
		return 0, 0, errNotOpen
	}
	raw := buffer(c.tls, rawInput)
	scratch.lend(raw)
	defer func() { scratch.takeBack(raw, c.more) }()
	for n < len(dst) && c.fail == nil {
		if !c.more {
			var used int
			c.record, used = c.next(window[consumed:])
			consumed += used
			if c.record == nil {
				return n, consumed, nil
			}
		}
		m, err := c.tls.Read(dst[n:])
		n += m
		c.more = n == len(dst)
		if err != nil && err != errAgain {
			c.fail = err
		}
	}
	c.record = nil // the window is the caller's
	if n == 0 && c.fail != nil {
		return 0, consumed, c.fail
	}
	return n, consumed, nil
}

// Pending reports whether Read has something to deliver without new bytes from
// the socket: decrypted bytes that did not fit, an error, or records that came
// with the handshake. It may report true where there turns out to be nothing.
func (c *Conn) Pending() bool {
	return c.more || c.fail != nil || wholeRecord(c.left)
}

// next cuts the next whole record off the bytes left from the handshake and
// the window. It reports how many bytes of the window it used; a nil record
// asks for more bytes.
func (c *Conn) next(window []byte) (record []byte, used int) {
	if len(c.left) == 0 {
		n := recordLength(window)
		if n == 0 || len(window) < n {
			return nil, 0
		}
		return window[:n], n
	}
	for {
		n := recordLength(c.left)
		if n != 0 && len(c.left) >= n {
			record, c.left = c.left[:n:n], c.left[n:]
			if len(c.left) == 0 {
				c.left = nil
			}
			return record, used
		}
		if n == 0 {
			n = recordHeader
		}
		k := min(n-len(c.left), len(window)-used)
		if k == 0 {
			return nil, used
		}
		c.left = append(c.left, window[used:used+k]...)
		used += k
	}
}

// recordLength returns the length of the record at the front of b, header
// included, or 0 when the header is incomplete. Of a record over the limit
// only the header counts, which is enough for crypto/tls to refuse it.
func recordLength(b []byte) int {
	if len(b) < recordHeader {
		return 0
	}
	n := int(b[3])<<8 | int(b[4])
	if n > maxCiphertext {
		return recordHeader
	}
	return recordHeader + n
}

func wholeRecord(b []byte) bool {
	n := recordLength(b)
	return n != 0 && len(b) >= n
}

// Write encrypts plain and appends the records to out, after any output that
// waits. An error is permanent; out is returned in any case, for an alert may
// be in it.
func (c *Conn) Write(plain, out []byte) ([]byte, error) {
	if c.shake != nil {
		return out, errNotOpen
	}
	c.out = c.TakeOutput(out)
	var err error
	if len(plain) > 0 {
		_, err = c.tls.Write(plain)
	}
	out, c.out = c.out, nil
	return out, err
}

// HasOutput reports whether Read has caused something to be written that was
// not taken yet, by [Conn.Write] or [Conn.TakeOutput].
func (c *Conn) HasOutput() bool { return len(c.out) > 0 }

// TakeOutput appends to out what Read caused to be written. Call it after
// every Read, unless a Write follows.
func (c *Conn) TakeOutput(out []byte) []byte {
	if len(c.out) > 0 {
		out = append(out, c.out...)
		c.out = nil
	}
	return out
}

// CloseNotify appends the close_notify alert (RFC 8446 section 6.1); nothing
// can be written after it.
func (c *Conn) CloseNotify(out []byte) []byte {
	if c.shake != nil {
		return out
	}
	c.out = c.TakeOutput(out)
	_ = c.tls.CloseWrite() // fails only when the connection has failed before
	out, c.out = c.out, nil
	return out
}

// State describes the connection. After [Conn.Forget] it holds no
// certificates.
func (c *Conn) State() tls.ConnectionState { return c.tls.ConnectionState() }

// Forget lets go of the peer's certificates, the largest part of an idle
// connection with client authentication. Call it on the loop when their fields
// have been extracted; [Conn.State] must not be asked for them again.
func (c *Conn) Forget() {
	if c.shake != nil {
		return
	}
	// These are the slices that the tls.Conn itself holds; it reads them only
	// in a handshake, and a server makes none after the first.
	s := c.tls.ConnectionState()
	clear(s.PeerCertificates)
	for _, chain := range s.VerifiedChains {
		clear(chain)
	}
	clear(s.VerifiedChains)
}

var _ io.ReadWriter = (*wire)(nil)
