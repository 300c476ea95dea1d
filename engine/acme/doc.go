// Package acme obtains and renews the certificates of listeners from an ACME
// authority (RFC 8555). That the broker is the server of a name is shown on the
// listener itself, by tls-alpn-01 (RFC 8737): package cert answers the
// authority's handshakes with what [Challenges] holds.
//
// The protocol's messages are those of golang.org/x/crypto/acme; what is here
// is the order of them, when to renew, and what becomes of failures. A
// [Manager] is one goroutine; its methods, and those of [Challenges], may be
// called from any. Names and paths that are handed over are not changed and not kept
// beyond the Manager. Neither keys nor the key of an external account are in
// any log or error.
package acme
