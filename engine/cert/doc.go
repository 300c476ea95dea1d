// Package cert owns certificates: it loads and checks the files of a TLS
// listener, says in one sentence what is wrong with them, makes the
// [crypto/tls.Config] that verifies clients, names the reason of a failed
// handshake, extracts a client's identity from its certificate, and makes a
// certificate authority for development.
//
// Loading reads files and belongs to start and reload, never to an event loop.
// Everything made here is safe for use by any goroutine, and immutable except
// for what a [Bundle] serves, which it swaps atomically.
package cert
