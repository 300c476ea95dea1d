package wicket

import "github.com/wicketmq/wicket/sdk/go/wire"

// ClientHello is what somebody claims who begins a TLS handshake; package wire
// documents each field.
type ClientHello = wire.ClientHello

// OnClientHello registers the handler of TLS handshakes: it is asked before any
// of it is computed, and long before there is a CONNECT. Deny ends the
// connection with the alert access_denied; Allow and Next let it come, Next
// after the other plugins have been asked. Of a Verdict only its Text counts
// besides, and goes to the broker's log.
//
// Everything in a ClientHello is the client's own claim. The handler is asked for
// each connection, of which there may be a flood: let it be short. One that
// never waits is better registered with OnClientHelloNow.
func OnClientHello(f func(*Context, *ClientHello) Verdict) {
	handlers.hello, handlers.now.hello = f, false
}

// OnClientHelloNow registers a handler of TLS handshakes that never waits; see
// OnAuthenticateNow.
func OnClientHelloNow(f func(*Context, *ClientHello) Verdict) {
	handlers.hello, handlers.now.hello = f, true
}
