package reactor

import (
	"cmp"
	"net/netip"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/proxy"
)

// aside is what few connections have; the others pay for a nil pointer.
type aside struct {
	peer netip.AddrPort // the client's address by the PROXY header; invalid without one
	told *auth.Proxy    // what else the header told; taken at CONNECT
	kept *kept          // the certificate, where it may have to be judged again
}

// setAside returns the connection's aside, made when it is missing.
func (c *conn) setAside() *aside {
	if c.aside == nil {
		c.aside = &aside{}
	}
	return c.aside
}

// introduce takes over what a PROXY header says. A proxy that speaks for
// itself, or does not know the client, leaves the addresses of the socket as
// they are (PROXY-04, PROXY-05).
func (c *conn) introduce(h *proxy.Header) {
	if h.Local {
		return
	}
	told := &auth.Proxy{
		Version:     uint8(h.Version),
		Via:         c.Peer(),
		Destination: h.Destination,
		ServerName:  string(h.Authority),
		ALPN:        string(h.ALPN),
	}
	if h.TLS.Used {
		told.TLSVersion = cmp.Or(string(h.TLS.Version), "TLS")
		told.Cipher = string(h.TLS.Cipher)
	}
	if h.TLS.Verified() { // anything else would be a name that nobody has checked (PROXY-07)
		told.CommonName = string(h.TLS.CommonName)
	}
	a := c.setAside()
	a.peer, a.told = h.Source, told
}

// Proxy implements broker.Link.
func (c *conn) Proxy() *auth.Proxy {
	if c.aside == nil {
		return nil
	}
	told := c.aside.told
	c.aside.told = nil
	return told
}
