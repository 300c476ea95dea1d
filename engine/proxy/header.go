package proxy

import (
	"errors"
	"fmt"
	"net/netip"
)

// The signatures (sections 2.1 and 2.2). No other protocol that a broker could
// be sent starts like the second one, by design.
const (
	signature1 = "PROXY "
	signature2 = "\r\n\r\n\x00\r\nQUIT\n"
)

// MaxLength is the most bytes that a header has: 16 and the largest body of
// version 2 that is taken. A window of this length never gets [ErrShort].
const MaxLength = fixed2 + maxBody2

var (
	// ErrShort says that the window holds the beginning of a header.
	ErrShort = errors.New("the PROXY header is not complete")

	// ErrAbsent says that the window begins with something else.
	ErrAbsent = errors.New("the connection does not begin with a PROXY header")

	// ErrUnsupported says that the header is in order and speaks of something
	// that is no TCP connection: a datagram, or a socket of the proxy's machine.
	ErrUnsupported = errors.New("the PROXY header is about another protocol than TCP")
)

// Header is what a PROXY header tells.
type Header struct {
	Version int // 1 or 2

	// Local says that the proxy speaks for itself, as in a health check
	// (LOCAL, section 2.2): the addresses of the socket are the true ones, and
	// nothing below is set.
	Local bool

	// Source is the client, Destination what it connected to; IPv4 is
	// unmapped. Both are invalid when the proxy does not know (UNKNOWN, UNSPEC).
	Source      netip.AddrPort
	Destination netip.AddrPort

	// The rest may come with the addresses of version 2 and is empty otherwise. Names
	// are UTF-8 without control characters.
	ALPN      []byte // section 2.2.1
	Authority []byte // section 2.2.2: the host name that the client asked for
	Namespace []byte // section 2.2.7
	TLS       TLS
}

// TLS is what the proxy says of the client's TLS (section 2.2.6).
type TLS struct {
	Used        bool   // the client came over TLS
	Certificate bool   // it presented a certificate, in this connection or in the session that it resumes
	Verify      uint32 // 0 = the proxy has verified that certificate
	Version     []byte
	CommonName  []byte
	Cipher      []byte
	Signature   []byte // algorithm that signed the proxy's certificate
	Key         []byte // algorithm of the key of the proxy's certificate
}

// Verified reports whether the client has presented a certificate and the
// proxy has verified it. CommonName is nobody's name otherwise (PROXY-07).
func (t *TLS) Verified() bool { return t.Used && t.Certificate && t.Verify == 0 }

// Parse reads the header at the start of a connection and returns its length.
// The error is [ErrShort] as long as the window is the beginning of a header
// and no byte of it is wrong, [ErrAbsent], [ErrUnsupported], or one that says
// what is wrong.
func Parse(window []byte) (h Header, n int, err error) {
	switch {
	case begins(window, signature2):
		n, err = h.parse2(window)
	case begins(window, signature1):
		n, err = h.parse1(window)
	default:
		err = ErrAbsent
	}
	if err != nil {
		return Header{}, 0, err
	}
	return h, n, nil
}

// Announced reports whether bytes are surely the beginning of a PROXY header,
// for a hint to those who do not expect one.
func Announced(window []byte) bool {
	return len(window) >= 5 && (begins(window, signature1) || begins(window, signature2))
}

// begins reports whether the window starts with the signature, as far as it
// goes.
func begins(window []byte, signature string) bool {
	n := min(len(window), len(signature))
	return string(window[:n]) == signature[:n]
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("invalid PROXY header: "+format, args...)
}
