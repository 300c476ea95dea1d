// Package reactor holds the sockets: gnet listeners and event loops, one
// connection's byte layers (plain or TLS), write coalescing, timers and
// limits. It carries bytes to a broker.Client and back and knows nothing of
// topics.
//
// # Threads
//
// gnet runs one event loop per CPU. Everything in loop.go and conn.go runs on
// the loop that owns the connection; nothing there blocks. Other goroutines
// reach a loop in two ways only: loop.post, which runs a function on it, and
// the wake-up that the broker's mailbox asks for. TLS handshakes run on the
// goroutines of a tlsio.Pool and touch a connection only through its
// tlsio.Conn.
//
// # A turn
//
// A loop handles a batch of socket events, then one run of loop.Run: mailbox,
// resumed connections, flush. What is queued for a connection leaves it in one
// write: at the end of the event when the connection has been quiet, at the
// end of the turn when it has just been written to (see quiet).
//
// # Buffers
//
// Bytes read from a socket belong to gnet and are lent to the broker for the
// length of one Feed. Bytes to be written are gathered in buffers that belong
// to the loop and are lent to a connection for one turn, so an idle
// connection owns no buffer at all.
package reactor
