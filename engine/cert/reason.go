package cert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// Reason is the class of a failed handshake: a short stable word for logs and
// counters.
type Reason string

// The reasons. Those about certificates speak of the client's.
const (
	ReasonNoCert       Reason = "no_cert"    // required and not given
	ReasonUnknownCA    Reason = "unknown_ca" // leads to no authority of cacertfile
	ReasonExpired      Reason = "expired"    // expired or not yet valid
	ReasonRevoked      Reason = "revoked"
	ReasonUndetermined Reason = "revocation_unknown" // nobody could tell whether it is revoked
	ReasonTooDeep      Reason = "too_deep"           // more intermediates than depth
	ReasonBadUsage     Reason = "bad_usage"          // not for client authentication, or not for what verify_peer_ext_key_usage asks
	ReasonBadCert      Reason = "bad_cert"           // malformed or badly signed
	ReasonBadName      Reason = "bad_name"           // control characters in a name
	ReasonVersion      Reason = "version"            // no protocol version in common
	ReasonCipher       Reason = "cipher"             // no cipher suite, key exchange or signature in common
	ReasonALPN         Reason = "alpn"               // no application protocol in common
	ReasonNoServerCert Reason = "no_server_cert"     // ours is awaited from the ACME authority
	ReasonTimeout      Reason = "timeout"            // not finished in time
	ReasonEOF          Reason = "eof"                // the client went away
	ReasonRefused      Reason = "refused_by_client"  // the client sent an alert, as when it does not trust our certificate
	ReasonNotTLS       Reason = "not_tls"            // some other protocol
	ReasonFlood        Reason = "flood"              // more bytes than a handshake needs
	ReasonGaveWay      Reason = "gave_way"           // too many at a time, most of them from its address
	ReasonProtocol     Reason = "protocol"           // any other violation of TLS
	ReasonInternal     Reason = "internal"           // a defect of ours
)

// Reasons lists all reasons.
var Reasons = []Reason{
	ReasonNoCert, ReasonUnknownCA, ReasonExpired, ReasonRevoked, ReasonUndetermined, ReasonTooDeep, ReasonBadUsage, ReasonBadCert, ReasonBadName,
	ReasonVersion, ReasonCipher, ReasonALPN, ReasonNoServerCert, ReasonTimeout, ReasonEOF, ReasonRefused, ReasonNotTLS, ReasonFlood, ReasonGaveWay, ReasonProtocol, ReasonInternal,
}

// HandshakeError is a failed handshake with its reason and, when the client
// showed a certificate that was refused, that certificate's identity: its own
// claim, not verified, with control characters escaped and cut to a length fit
// for a log line.
type HandshakeError struct {
	Reason   Reason
	Subject  string    // RFC 4514
	Serial   string    // lower-case hexadecimal
	NotAfter time.Time // zero without a certificate
	Err      error
}

func (e *HandshakeError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *HandshakeError) Unwrap() error { return e.Err }

// maxLogged is the most that is kept of a subject for a log line.
const maxLogged = 256

// Explain wraps the error of a server's handshake in a [*HandshakeError]; nil
// stays nil.
func Explain(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*HandshakeError](err); ok {
		return e
	}
	e := &HandshakeError{Reason: Classify(err), Err: err}
	if v, ok := errors.AsType[*tls.CertificateVerificationError](err); ok && len(v.UnverifiedCertificates) > 0 {
		e.identify(v.UnverifiedCertificates[0])
	}
	return e
}

func (e *HandshakeError) identify(leaf *x509.Certificate) {
	e.Subject = Subject(leaf.RawSubject)
	if len(e.Subject) > maxLogged {
		e.Subject = e.Subject[:maxLogged] + "..."
	}
	e.Serial = Serial(leaf)
	e.NotAfter = leaf.NotAfter
}

// Classify returns the reason of a server's handshake error, or "" for nil. An
// error that knows its reason says so in a method HandshakeReason() Reason.
func Classify(err error) Reason {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*HandshakeError](err); ok {
		return e.Reason
	}
	if e, ok := errors.AsType[interface {
		error
		HandshakeReason() Reason
	}](err); ok {
		return e.HandshakeReason()
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return classifyVerify(e.Err)
	}
	if e, ok := errors.AsType[tls.RecordHeaderError](err); ok && e.Conn != nil {
		return ReasonNotTLS
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "remote error" {
		return ReasonRefused
	}
	if r := classifyTransport(err); r != "" {
		return r
	}
	return classifyText(err.Error())
}

func classifyVerify(err error) Reason {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return ReasonUnknownCA
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		switch e.Reason {
		case x509.Expired:
			return ReasonExpired
		case x509.IncompatibleUsage:
			return ReasonBadUsage
		}
	}
	return ReasonBadCert
}

func classifyTransport(err error) Reason {
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return ReasonTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, context.Canceled), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return ReasonEOF
	}
	return ""
}

// texts of crypto/tls's errors that have no type of their own. The handshakes
// of this package's tests provoke them, so a new wording is noticed.
var texts = []struct {
	part   string
	reason Reason
}{
	{"client didn't provide a certificate", ReasonNoCert},
	{"client offered only unsupported versions", ReasonVersion},
	{"unsupported SSLv2 handshake", ReasonVersion},
	{"inappropriate protocol fallback", ReasonVersion},
	{"no cipher suite supported", ReasonCipher},
	{"no key exchanges supported", ReasonCipher},
	{"incompatible point formats", ReasonCipher},
	{"signature algorithms", ReasonCipher},
	{"unsupported application protocols", ReasonALPN},
	{"client certificate", ReasonBadCert},
	{"client sent certificate", ReasonBadCert},
}

func classifyText(text string) Reason {
	for _, t := range texts {
		if strings.Contains(text, t.part) {
			return t.reason
		}
	}
	return ReasonProtocol
}
