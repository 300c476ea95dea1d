package upstream

import (
	"net"
	"os"
)

// tap is a connection below TLS, of which may be read what has arrived. Without
// that, an answer that is longer than its Content-Length would be the beginning
// of the next one whenever it has filled the buffers: the next call is put on the
// line at once.
type tap struct {
	net.Conn
	socket *socket // nil: it is none
	full   bool    // the last read has got all it asked for: there may be more
	now    bool    // reads do not wait
}

// errNothing is the error of a read that does not wait. crypto/tls may be read
// from again after it.
var errNothing = os.ErrDeadlineExceeded

func newTap(c net.Conn) *tap { return &tap{Conn: c, socket: newSocket(c)} }

// Read implements net.Conn.
func (t *tap) Read(p []byte) (n int, err error) {
	switch {
	case !t.now:
		n, err = t.Conn.Read(p)
	case !t.full || t.socket == nil:
		return 0, errNothing
	default:
		n, err = t.socket.read(p)
	}
	t.full = n == len(p)
	return n, err
}
