package cases

import (
	"fmt"
	"net/netip"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
)

// Connect is a client that wants in. What is not written has the value of an
// ordinary client: MQTT 5.0 over TCP from 192.0.2.1.
type Connect struct {
	ClientID       string            `yaml:"client_id,omitempty"`
	Username       *string           `yaml:"username,omitempty"`
	Password       *string           `yaml:"password,omitempty"` // text, or !!binary with Base64
	Version        int               `yaml:"version,omitempty"`  // 3, 4 or 5
	CleanStart     *bool             `yaml:"clean_start,omitempty"`
	KeepAlive      uint16            `yaml:"keepalive,omitempty"`      // seconds
	SessionExpiry  uint32            `yaml:"session_expiry,omitempty"` // seconds
	Listener       string            `yaml:"listener,omitempty"`
	Transport      string            `yaml:"transport,omitempty"` // tcp, tls, ws or wss
	Peer           string            `yaml:"peer,omitempty"`      // address, or address:port
	TLS            *TLS              `yaml:"tls,omitempty"`
	Proxy          *Proxy            `yaml:"proxy,omitempty"`
	AuthMethod     string            `yaml:"auth_method,omitempty"`
	AuthData       string            `yaml:"auth_data,omitempty"`
	Reauthenticate bool              `yaml:"reauthenticate,omitempty"` // the client is in, under these names
	Will           *Topic            `yaml:"will,omitempty"`
	UserProperties []string          `yaml:"user_properties,omitempty"` // "key: value"
	Attributes     map[string]string `yaml:"attributes,omitempty"`      // given by the plugins asked before
}

// TLS is what the handshake has established.
type TLS struct {
	Version     string       `yaml:"version,omitempty"`
	Cipher      string       `yaml:"cipher,omitempty"`
	ServerName  string       `yaml:"server_name,omitempty"`
	ALPN        string       `yaml:"alpn,omitempty"`
	Resumed     bool         `yaml:"resumed,omitempty"`
	Certificate *Certificate `yaml:"certificate,omitempty"`
	Verified    *bool        `yaml:"verified,omitempty"` // of the certificate; true unless said
}

// Proxy is what a proxy in front of the broker has told.
type Proxy struct {
	Version     uint8  `yaml:"version,omitempty"`
	Via         string `yaml:"via,omitempty"`
	Destination string `yaml:"destination,omitempty"`
	ServerName  string `yaml:"server_name,omitempty"`
	ALPN        string `yaml:"alpn,omitempty"`
	TLSVersion  string `yaml:"tls_version,omitempty"`
	Cipher      string `yaml:"cipher,omitempty"`
	CommonName  string `yaml:"common_name,omitempty"`
}

// Access is a question about topics.
type Access struct {
	ClientID   string            `yaml:"client_id,omitempty"`
	Username   string            `yaml:"username,omitempty"`
	Attributes map[string]string `yaml:"attributes,omitempty"`
	Listener   string            `yaml:"listener,omitempty"`
	Peer       string            `yaml:"peer,omitempty"`
	Action     string            `yaml:"action"` // publish or subscribe
	Topics     []Topic           `yaml:"topics"`
}

// Topic is a topic name or filter; a text alone is one with QoS 0.
type Topic struct {
	Topic  string `yaml:"topic"`
	QoS    byte   `yaml:"qos,omitempty"`
	Retain bool   `yaml:"retain,omitempty"`
	Share  string `yaml:"share,omitempty"`
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (t *Topic) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		t.Topic = n.Value
		return nil
	}
	type plain Topic
	return strict(n, (*plain)(t))
}

func (c *Connect) request() (*auth.Request, error) {
	r := &auth.Request{
		ClientID: c.ClientID, Version: mqtt.Version(or(c.Version, 5)), CleanStart: c.CleanStart == nil || *c.CleanStart,
		KeepAlive: or(c.KeepAlive, 60), SessionExpiry: c.SessionExpiry,
		Transport: c.Transport, AuthMethod: c.AuthMethod, AuthData: []byte(c.AuthData), Attributes: c.Attributes,
		Reauthenticate: c.Reauthenticate,
	}
	if r.Version < 3 || r.Version > 5 {
		return nil, fmt.Errorf("version %d of MQTT: write 3, 4 or 5", c.Version)
	}
	if c.Username != nil {
		r.Username, r.HasUsername = *c.Username, true
	}
	if c.Password != nil {
		r.Password, r.HasPassword = []byte(*c.Password), true
	}
	if r.Transport == "" {
		r.Transport = "tcp"
		if c.TLS != nil {
			r.Transport = "tls"
		}
	}
	r.Listener = or(c.Listener, r.Transport+":default")
	if c.Reauthenticate { // the gate notes these for others
		r.ConnectClientID, r.ConnectUsername = r.ClientID, r.Username
	}
	if w := c.Will; w != nil {
		r.Will = &auth.Will{Topic: w.Topic, QoS: w.QoS, Retain: w.Retain}
	}
	for _, text := range c.UserProperties {
		key, value, _ := strings.Cut(text, ":")
		r.UserProperties = append(r.UserProperties, auth.Property{Key: key, Value: strings.TrimPrefix(value, " ")})
	}
	var err error
	if r.Peer, err = address(or(c.Peer, "192.0.2.1")); err != nil {
		return nil, err
	}
	if r.TLS, err = c.TLS.handshake(); err != nil {
		return nil, err
	}
	r.Proxy, err = c.Proxy.header()
	return r, err
}

func (t *TLS) handshake() (*auth.TLS, error) {
	if t == nil {
		return nil, nil
	}
	out := &auth.TLS{
		Version: or(t.Version, "TLS 1.3"), Suite: or(t.Cipher, "TLS_AES_128_GCM_SHA256"),
		ServerName: t.ServerName, ALPN: t.ALPN, Resumed: t.Resumed,
	}
	if t.Certificate != nil {
		var err error
		if out.Chain, err = t.Certificate.chain(); err != nil {
			return nil, err
		}
		out.Verified = t.Verified == nil || *t.Verified
	}
	return out, nil
}

func (p *Proxy) header() (out *auth.Proxy, err error) {
	if p == nil {
		return nil, nil
	}
	out = &auth.Proxy{
		Version: or(p.Version, 2), ServerName: p.ServerName, ALPN: p.ALPN,
		TLSVersion: p.TLSVersion, Cipher: p.Cipher, CommonName: p.CommonName,
	}
	if out.Via, err = address(or(p.Via, "192.0.2.200")); err != nil {
		return nil, err
	}
	out.Destination, err = address(or(p.Destination, "192.0.2.201:8883"))
	return out, err
}

func (a *Access) access() (*auth.Access, error) {
	out := &auth.Access{ClientID: a.ClientID, Username: a.Username, Attributes: a.Attributes, Listener: or(a.Listener, "tcp:default")}
	var err error
	if out.Action, err = action(a.Action); err != nil {
		return nil, err
	}
	if len(a.Topics) == 0 {
		return nil, fmt.Errorf("which topics?")
	}
	for _, t := range a.Topics {
		out.Items = append(out.Items, auth.Item{Topic: t.Topic, QoS: t.QoS, Retain: t.Retain, Share: t.Share})
	}
	out.Peer, err = address(or(a.Peer, "192.0.2.1"))
	return out, err
}

func action(text string) (auth.Action, error) {
	switch text {
	case "publish":
		return auth.Publish, nil
	case "subscribe":
		return auth.Subscribe, nil
	}
	return 0, fmt.Errorf("action %q: write publish or subscribe", text)
}

// address reads an address with or without a port.
func address(text string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(a, 50000), nil
	}
	a, err := netip.ParseAddrPort(text)
	if err != nil {
		return a, fmt.Errorf("%q is no address: write 192.0.2.1 or 192.0.2.1:50000", text)
	}
	return a, nil
}

func or[T comparable](v, other T) T {
	var zero T
	if v == zero {
		return other
	}
	return v
}
