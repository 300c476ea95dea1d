package wasm

import (
	"encoding/binary"

	"github.com/wicketmq/wicket/engine/auth"
)

var _ auth.Greeter = (*Plugin)(nil)

// Hello implements auth.Greeter; see Authenticate. The time of the question ends
// with that of the handshake.
func (p *Plugin) Hello(h *auth.ClientHello, done func(auth.Verdict)) {
	p.ask(&request{hello: h, done: done})
}

// room is how many requests may be unanswered for this one to be asked. Whoever
// can open a connection can send a hello, so these leave half of it to clients
// that have come further.
func (p *Plugin) room(r *request) int64 {
	if r.hello != nil {
		return max(int64(p.limits.InFlight)/2, 1)
	}
	return int64(p.limits.InFlight)
}

func appendHello(b []byte, h *auth.ClientHello) []byte {
	b = appendText(b, 1, h.Listener)
	b = appendPeer(b, 2, h.Peer)
	if h.Proxy != nil {
		b = appendProxy(b, 3, h.Peer, h.Proxy)
	}
	b = appendText(b, 4, h.ServerName)
	for _, name := range h.ALPN {
		b = appendElement(b, 5, name)
	}
	b = appendNumbers(b, 6, h.Versions)
	b = appendNumbers(b, 7, h.Suites)
	b = appendNumbers(b, 8, h.Extensions)
	b = appendNumbers(b, 9, h.Groups)
	b = appendNumbers(b, 10, h.SignatureSchemes)
	return appendText(b, 11, h.JA4)
}

// appendNumbers appends a repeated field that is not packed; zeros are entries
// like any other.
func appendNumbers(b []byte, field int, list []uint16) []byte {
	for _, n := range list {
		b = binary.AppendUvarint(appendTag(b, field, wireVarint), uint64(n))
	}
	return b
}
