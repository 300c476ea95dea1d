package reactor

import (
	"crypto/tls"
	"net"
	"net/netip"
	"slices"

	"github.com/panjf2000/gnet/v2"

	"github.com/wicketmq/wicket/engine/auth"
)

// Peer implements broker.Link: the address of the client, IPv4 unmapped. It is
// that of a PROXY header, where there is one (PROXY-08), or of the socket.
func (c *conn) Peer() netip.AddrPort {
	if a := c.aside; a != nil && a.peer.IsValid() {
		return a.peer
	}
	return peerOf(c.gc)
}

// remote is Peer for crypto/tls, whose callbacks may ask.
func (c *conn) remote() net.Addr { return net.TCPAddrFromAddrPort(c.Peer()) }

// peerOf is the address of the socket's other side.
func peerOf(gc gnet.Conn) netip.AddrPort {
	a, ok := gc.RemoteAddr().(*net.TCPAddr)
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
