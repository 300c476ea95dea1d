// Package control is the inside of "wicket status" and "wicket ctl": an HTTP
// server on a Unix socket that shows what a running broker does and takes
// commands, and the client for it.
//
// The socket belongs to the broker's user: mode 0600, and each connection's
// peer is asked of the kernel, so that a socket whose mode was changed is
// still for that user and root only. Nothing here is reachable over a network.
//
// The package knows nothing of the broker: what it shows and does are the
// functions of a [Broker], called from goroutines of the server, several at
// once. They return values of their own; nothing is kept or changed here.
//
// Paths are versioned: what stands below /v1 keeps its meaning, and only
// grows. Answers are JSON; errors are application/problem+json (RFC 9457).
// /metrics is for Prometheus and has a format of its own.
package control
