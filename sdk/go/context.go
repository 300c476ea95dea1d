package wicket

import "errors"

// Context is one request under way: what a handler asks the broker about it.
// It is of no use once the request is answered.
type Context struct {
	req     int64
	instant bool // the handler may not wait
	worker  *worker
	fake    Host // set by TestContext only
}

// The errors of the calls that wait for the broker.
var (
	ErrNotGranted = errors.New("the operator has not granted this to the plugin")
	ErrCannotWait = errors.New("a handler registered as Now cannot wait")
	ErrBusy       = errors.New("too many calls in flight")
	ErrTimeout    = errors.New("the call took too long")
	ErrMalformed  = errors.New("the broker could not read the request")
	ErrFailed     = errors.New("the call failed")
)

// VerifyPassword asks the broker whether password has the given hash: a PHC
// string (argon2id, pbkdf2-sha256, pbkdf2-sha512), a bcrypt string, or one of
// mosquitto's $6$ and $7$ forms. The work is done by the broker's own workers
// in constant time with respect to the password; the handler waits. It needs
// the grant "password". ErrMalformed says that the hash cannot be used.
func (c *Context) VerifyPassword(hash string, password []byte) (bool, error) {
	if c.fake != nil {
		return c.fake.VerifyPassword(hash, password)
	}
	if c.instant {
		return false, ErrCannotWait
	}
	return c.verifyPassword(hash, password)
}

// HTTP asks an upstream: an HTTP server that the operator has named and has
// granted to the plugin, by the grant "http" and its list of upstreams. The
// handler waits for the answer, which is a response whatever its status, a
// redirect included. The error says that there is none; it is one of the Err
// values with the broker's sentence. The call ends before the time of the
// request is over, so that the handler can still answer.
//
// Put what a client says into a path with EscapePath and EscapeQuery only.
func (c *Context) HTTP(r HTTPRequest) (*HTTPResponse, error) {
	if c.fake != nil {
		if h, ok := c.fake.(HTTPHost); ok {
			return h.HTTP(&r)
		}
		return nil, ErrNotGranted
	}
	if c.instant {
		return nil, ErrCannotWait
	}
	return c.http(&r)
}

// Now returns the wall clock in milliseconds since 1970.
func (c *Context) Now() int64 {
	if h, ok := c.fake.(Clock); ok {
		return h.Now()
	}
	return c.now()
}

// CertField is a selector of Context.Certificate.
type CertField int32

// The fields of a client certificate. Those with an index can occur more than
// once.
const (
	CertSubject            CertField = 0  // RFC 4514 text
	CertCommonName         CertField = 1  // by index
	CertSANDNS             CertField = 2  // by index
	CertSANURI             CertField = 3  // by index
	CertSANEmail           CertField = 4  // by index
	CertSANIP              CertField = 5  // by index
	CertSerial             CertField = 6  // lower-case hex
	CertIssuer             CertField = 7  // RFC 4514 text
	CertNotBefore          CertField = 8  // Unix seconds, decimal text
	CertNotAfter           CertField = 9  // Unix seconds, decimal text
	CertSHA256             CertField = 10 // fingerprint of the DER, lower-case hex
	CertSPKISHA256         CertField = 11 // fingerprint of the public key, lower-case hex
	CertDER                CertField = 12 // by index: the chain, leaf first
	CertOrganization       CertField = 13 // by index
	CertOrganizationalUnit CertField = 14 // by index
	CertMD5                CertField = 15 // of the DER, lower-case hex; a name, no proof of anything
	CertPEM                CertField = 16 // Base64 of the DER without header lines and line breaks
	CertCommonNames        CertField = 17 // all of them in their order, joined by ","
	CertExtKeyUsage        CertField = 18 // by index: key purposes as dotted OIDs
)

// Certificate returns a field of the client's certificate; ok is false when
// there is no certificate or no such field. Of one that is not verified only
// CertDER, CertSHA256 and CertSPKISHA256 are given. One that a trusted proxy has
// verified has common names, of which the subject is made too, and nothing else.
func (c *Context) Certificate(field CertField, index int) (value string, ok bool) {
	if c.fake != nil {
		return c.fake.Certificate(field, index)
	}
	return c.certificate(field, index)
}

// Host stands in for the broker in tests of handlers.
type Host interface {
	VerifyPassword(hash string, password []byte) (bool, error)
	Certificate(field CertField, index int) (value string, ok bool)
}

// HTTPHost is a Host that has upstreams.
type HTTPHost interface {
	HTTP(*HTTPRequest) (*HTTPResponse, error)
}

// Clock is a Host with a time of its own, in milliseconds since 1970.
type Clock interface{ Now() int64 }

// TestContext returns a Context that asks h, for tests of handlers with go
// test on the host. For HTTP h has to be an HTTPHost too; Upstreams is one.
func TestContext(h Host) *Context { return &Context{req: 1, fake: h} }

// Debug writes a line to the broker's log. The broker limits the rate.
func Debug(text string) { log(0, text) }

// Info writes a line to the broker's log.
func Info(text string) { log(1, text) }

// Warn writes a line to the broker's log.
func Warn(text string) { log(2, text) }

// Error writes a line to the broker's log.
func Error(text string) { log(3, text) }
