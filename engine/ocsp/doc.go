// Package ocsp asks OCSP responders (RFC 6960, RFC 5019) whether certificates
// are revoked. A [Stapler] asks about a listener's own certificates and hands
// the answers on to be stapled to handshakes (RFC 6066 section 8, RFC 8446
// section 4.4.2.1); a [Client] asks about the certificates that clients show.
//
// No answer is believed before its signer, its certificate and its time have
// been checked: see [Answer].
//
// All methods may be called by any goroutine. Questions are asked on goroutines
// of this package, which Close ends; only [Checker.Check] waits for one, on the
// goroutine of the handshake, with its share of the processors given back.
package ocsp
