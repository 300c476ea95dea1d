package reactor

import (
	"crypto/tls"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/broker"
)

// info is what the broker is told about a connection.
func (c *conn) info() *broker.Info {
	i := &broker.Info{Listener: c.ln.Name, Transport: c.ln.Transport(), Peer: peerOf(c.gc)}
	if c.tls != nil {
		i.TLS = c.session
	}
	return i
}

// session is what the handshake established. Verified is true whenever there
// is a chain: the handshake refuses one that does not lead to an anchor.
func (c *conn) session() *auth.TLS {
	s := c.tls.State()
	return &auth.TLS{
		Version:    tls.VersionName(s.Version),
		Suite:      tls.CipherSuiteName(s.CipherSuite),
		ServerName: s.ServerName,
		ALPN:       s.NegotiatedProtocol,
		Resumed:    s.DidResume,
		Chain:      s.PeerCertificates,
		Verified:   len(s.VerifiedChains) > 0,
	}
}
