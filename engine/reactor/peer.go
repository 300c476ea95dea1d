package reactor

import (
	"crypto/tls"
	"net"
	"net/netip"
	"slices"

	"github.com/wicketmq/wicket/engine/auth"
)

// Peer implements broker.Link: the address of the other side, IPv4 unmapped.
func (c *conn) Peer() netip.AddrPort {
	a, ok := c.gc.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addrOf(a.IP).WithZone(a.Zone), uint16(a.Port))
}

// TLS implements broker.Link. Verified is true whenever there is a chain: the
// handshake refuses one that does not lead to an anchor. The certificates go
// with the answer, for they are the largest part of an idle connection.
func (c *conn) TLS() *auth.TLS {
	if c.tls == nil {
		return nil
	}
	s := c.tls.State()
	t := &auth.TLS{
		Version:    tls.VersionName(s.Version),
		Suite:      tls.CipherSuiteName(s.CipherSuite),
		ServerName: s.ServerName,
		ALPN:       s.NegotiatedProtocol,
		Resumed:    s.DidResume,
		Chain:      slices.Clone(s.PeerCertificates),
		Verified:   len(s.VerifiedChains) > 0,
	}
	c.tls.Forget()
	return t
}
