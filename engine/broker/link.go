package broker

import (
	"net/netip"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/wheel"
)

// Link is the byte side of one connection, as the broker sees it; the reactor
// implements it. Every method is called on the event loop that owns the
// connection, and none of them blocks.
type Link interface {
	// Peer is the address of the client: that of a PROXY header, where there
	// is one, or of the socket.
	Peer() netip.AddrPort

	// TLS is what the handshake has established, nil on a plain transport. It
	// is asked for once, at CONNECT: the link lets go of the certificates.
	TLS() *auth.TLS

	// Proxy is what a trusted proxy has told of the client, nil without one.
	// It is asked for once, at CONNECT.
	Proxy() *auth.Proxy

	// Out returns the buffer of bytes queued in this turn, for the caller to
	// append whole encoded packets to and to put back with SetOut before it
	// returns. The loop flushes after the event or at the end of the turn,
	// never from inside a call of the broker.
	Out() []byte
	SetOut([]byte)

	// Unsent is the number of bytes queued but not yet taken by the socket:
	// this turn's bytes and the transport's backlog.
	Unsent() int

	// Pause stops reading from the peer, Resume starts again; on Resume the
	// link feeds what it has buffered before it reads more, in a later step
	// of the same turn (never from inside the call).
	Pause()
	Resume()

	// Arm asks for one call of Client.Expire at the tick given, replacing
	// an earlier request; 0 disarms. A link has one timer.
	Arm(at wheel.Tick)

	// Close flushes what is queued and closes the connection after this
	// turn. The broker calls it once; Client.Lost does nothing after it.
	// reason is a short stable word for logs and counters.
	Close(reason string)
}
