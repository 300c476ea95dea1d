package cases

import (
	"slices"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/transport/hello"
)

// ClientHello is what somebody claims who begins a TLS handshake. What is not
// written has the value of an ordinary client of TLS 1.3 from 192.0.2.1, and the
// fingerprint is made of the rest.
type ClientHello struct {
	Listener         string   `yaml:"listener,omitempty"`
	Peer             string   `yaml:"peer,omitempty"` // address, or address:port
	Proxy            *Proxy   `yaml:"proxy,omitempty"`
	ServerName       string   `yaml:"server_name,omitempty"`
	ALPN             []string `yaml:"alpn,omitempty"`
	Versions         []uint16 `yaml:"versions,omitempty"` // such as 0x0304
	Suites           []uint16 `yaml:"suites,omitempty"`
	Extensions       []uint16 `yaml:"extensions,omitempty"`
	Groups           []uint16 `yaml:"groups,omitempty"`
	SignatureSchemes []uint16 `yaml:"signature_schemes,omitempty"`
	JA4              string   `yaml:"ja4,omitempty"`
}

func (c *ClientHello) hello() (*auth.ClientHello, error) {
	h := &auth.ClientHello{
		Listener: or(c.Listener, "tls:default"), ServerName: c.ServerName, ALPN: c.ALPN, Extensions: c.Extensions,
		Versions:         orList(c.Versions, 0x0304, 0x0303),
		Suites:           orList(c.Suites, 0x1301, 0x1302, 0x1303),
		Groups:           orList(c.Groups, 29, 23),
		SignatureSchemes: orList(c.SignatureSchemes, 0x0403, 0x0804),
	}
	if h.Extensions == nil {
		h.Extensions = []uint16{10, 13, 43, 51}
		if len(c.ALPN) > 0 {
			h.Extensions = slices.Insert(h.Extensions, 0, 16)
		}
		if c.ServerName != "" {
			h.Extensions = slices.Insert(h.Extensions, 0, 0)
		}
	}
	h.JA4 = or(c.JA4, (&hello.Hello{
		ALPN: h.ALPN, Versions: h.Versions, Suites: h.Suites, Extensions: h.Extensions, SignatureSchemes: h.SignatureSchemes,
	}).JA4())
	var err error
	if h.Peer, err = address(or(c.Peer, "192.0.2.1")); err != nil {
		return nil, err
	}
	h.Proxy, err = c.Proxy.header()
	return h, err
}

func orList(list []uint16, other ...uint16) []uint16 {
	if list == nil {
		return other
	}
	return list
}

// Hello implements auth.Greeter.
func (t *trial) Hello(h *auth.ClientHello, done func(auth.Verdict)) {
	t.plugin.Hello(h, t.noting(done))
}

// greet asks about a ClientHello.
func (t *trial) greet(c *ClientHello) error {
	h, err := c.hello()
	if err != nil {
		return err
	}
	done := make(chan struct{})
	t.gate.Hello(h, func(auth.Greeting) { close(done) })
	<-done
	return nil
}
