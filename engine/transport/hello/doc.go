// Package hello reads the ClientHello at the front of a TLS connection without
// any of the machinery of TLS: what a client claims before anything has been
// computed for it (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2), and a
// fingerprint of it.
//
// It is strict where crypto/tls is, so that both see the same names: whatever
// crypto/tls goes on with, [Parse] has read the same way, or refused.
//
// The functions are pure, may be called from any goroutine, and keep no slice
// that they are given.
package hello

import "github.com/wicketmq/wicket/engine/cert"

// Alerts that end a connection before its handshake (RFC 8446 section 6.2).
const (
	AlertUnexpectedMessage = 10
	AlertRecordOverflow    = 22
	AlertAccessDenied      = 49
	AlertDecodeError       = 50
)

// AppendAlert appends the record of a fatal alert in plain (RFC 8446 sections
// 5.1 and 6).
func AppendAlert(b []byte, description byte) []byte {
	return append(b, 21, 3, 3, 0, 2, 2, description)
}

// Error is what is wrong with a ClientHello.
type Error struct {
	Alert  byte // that the client deserves
	text   string
	reason cert.Reason
}

func (e *Error) Error() string { return "tls: " + e.text }

// HandshakeReason makes [cert.Classify] know it.
func (e *Error) HandshakeReason() cert.Reason { return e.reason }

var (
	errNoHello   = &Error{AlertUnexpectedMessage, "the first message is no ClientHello", cert.ReasonProtocol}
	errEmpty     = &Error{AlertUnexpectedMessage, "a fragment of the ClientHello is empty", cert.ReasonProtocol}
	errOverflow  = &Error{AlertRecordOverflow, "a record is too long", cert.ReasonProtocol}
	errTooLarge  = &Error{AlertDecodeError, "the ClientHello is larger than 64 KiB", cert.ReasonFlood}
	errFragments = &Error{AlertDecodeError, "the ClientHello comes in too many fragments", cert.ReasonFlood}
	errTooMany   = &Error{AlertDecodeError, "the ClientHello lists too many things", cert.ReasonFlood}
	errMalformed = &Error{AlertDecodeError, "the ClientHello is malformed", cert.ReasonProtocol}
)
