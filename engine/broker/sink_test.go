package broker

import (
	"net/netip"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/wheel"
)

// sinkLink is a link whose peer reads everything at once; bytes is what it
// has been sent.
type sinkLink struct {
	out    []byte
	bytes  int
	closed bool
}

func (l *sinkLink) Out() []byte { return l.out }
func (l *sinkLink) SetOut(b []byte) {
	l.bytes += len(b)
	l.out = b[:0]
}
func (l *sinkLink) Peer() netip.AddrPort { return testPeer }
func (l *sinkLink) TLS() *auth.TLS       { return nil }
func (l *sinkLink) Proxy() *auth.Proxy   { return nil }
func (l *sinkLink) Unsent() int          { return 0 }
func (l *sinkLink) Pause()               {}
func (l *sinkLink) Resume()              {}
func (l *sinkLink) Arm(wheel.Tick)       {}
func (l *sinkLink) Close(string)         { l.closed = true }
