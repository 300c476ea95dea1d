// Package upstream asks HTTP servers that the operator has named, on behalf of
// plugins. A guest chooses the path below the upstream's URL, headers and a
// body; never the host, the scheme, the TLS material or the authorization.
//
// A [Set] holds the upstreams of a broker by name. [Upstream.Send] returns at
// once, on whatever goroutine it is called, an event loop included. A request
// waits in a queue that costs a few hundred bytes each. Goroutines belong to
// the connections, one to each of HTTP/1.1, and to what is on the wire over
// HTTP/2. Its done is called exactly once, on any goroutine, and must
// not block. The Request's strings and slices belong to the package until done
// is called, the Response's to the caller from then on.
//
// There are no retries, no redirects, no cookies, no compression and no proxy
// from the environment. A connection on which a request timed out takes no
// further one, nor does one on which more has come than the answer. When a server
// keeps failing, a breaker refuses requests at once and looks for the server by
// itself, at growing, jittered intervals; when it is back, requests are let
// through one by one at first, so that a crowd does not knock it over again.
package upstream

import (
	"fmt"
	"time"
)

// Request is a question to an upstream.
type Request struct {
	Method string // GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS; empty means GET

	// Path is put after the path of the upstream's URL, with its query: empty,
	// or percent-encoded as it goes on the wire (RFC 3986), "/auth?x=%20" or
	// "?x=1". One that could leave the upstream's path is refused.
	Path string

	Header  []Header
	Body    []byte
	Timeout time.Duration // from Send to the end of the answer; 0 or more than request_timeout means that
}

// Header is one field of a header section (RFC 9110 section 5).
type Header struct{ Name, Value string }

// Response is what an upstream answered, whatever its status; a redirect is
// one like any other.
type Response struct {
	Status int
	Header []Header // by name
	Body   []byte
}

// Kind says in a word why a request has no response.
type Kind uint8

// The kinds. Those up to [Broken] are the upstream's failures, which its
// breaker counts; the others are not.
const (
	Timeout    Kind = iota + 1 // no complete answer in time, the time in the queue included
	Refused                    // no connection: refused, unreachable, no such name
	TLS                        // no TLS: the handshake failed, on either side
	Broken                     // the connection broke off, or the answer is not HTTP
	Busy                       // too many requests in flight; not sent
	Open                       // the breaker is open; not sent
	TooLarge                   // the answer is larger than max_response
	BadRequest                 // the request is not one that may be sent
	Canceled                   // the context ended, or the upstream was closed
)

// Kinds lists all kinds.
var Kinds = []Kind{Timeout, Refused, TLS, Broken, Busy, Open, TooLarge, BadRequest, Canceled}

var kindNames = [...]string{
	Timeout: "timeout", Refused: "refused", TLS: "tls", Broken: "broken", Busy: "busy",
	Open: "breaker_open", TooLarge: "too_large", BadRequest: "bad_request", Canceled: "canceled",
}

// String is the kind as logs and counters call it.
func (k Kind) String() string {
	if int(k) < len(kindNames) && k > 0 {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Error is why a request has no response. Its text names the upstream, never
// what was sent.
type Error struct {
	Upstream string
	Kind     Kind
	Err      error
}

func (e *Error) Error() string {
	return fmt.Sprintf("cannot ask upstream %q: %s", e.Upstream, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
