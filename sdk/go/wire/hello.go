package wire

// ClientHello is given to wicket_client_hello: what somebody claims who begins a
// TLS handshake (RFC 8446 section 4.1.2). Nothing of it is proven. Numbers are
// those of IANA, in the order of the wire and without GREASE (RFC 8701).
type ClientHello struct {
	Listener         string   `json:"listener,omitempty"`    // name, such as "tls:default"
	Peer             string   `json:"peer,omitempty"`        // "192.0.2.7:51234"
	Proxy            *Proxy   `json:"proxy,omitempty"`       // nil without a PROXY header
	ServerName       string   `json:"server_name,omitempty"` // RFC 6066 section 3; in it and in ALPN, bytes that are not printable ASCII are \xNN
	ALPN             []string `json:"alpn,omitempty"`        // RFC 7301
	Versions         []uint32 `json:"versions,omitempty"`    // 0x0304 is TLS 1.3
	Suites           []uint32 `json:"suites,omitempty"`
	Extensions       []uint32 `json:"extensions,omitempty"`
	Groups           []uint32 `json:"groups,omitempty"`
	SignatureSchemes []uint32 `json:"signature_schemes,omitempty"`
	JA4              string   `json:"ja4,omitempty"` // fingerprint, such as "t13d1516h2_8daaf6152771_e5627efa2ab1"
}

// Decode reads the message; see the package comment for who owns b.
func (m *ClientHello) Decode(b []byte) error {
	*m = ClientHello{}
	r := reader{b: b}
	for r.next() {
		switch r.num {
		case 1:
			m.Listener = r.string()
		case 2:
			m.Peer = r.string()
		case 3:
			m.Proxy = new(Proxy)
			r.embedded(m.Proxy.Decode(r.bytes()))
		case 4:
			m.ServerName = r.string()
		case 5:
			m.ALPN = append(m.ALPN, r.string())
		case 6:
			m.Versions = r.number(m.Versions)
		case 7:
			m.Suites = r.number(m.Suites)
		case 8:
			m.Extensions = r.number(m.Extensions)
		case 9:
			m.Groups = r.number(m.Groups)
		case 10:
			m.SignatureSchemes = r.number(m.SignatureSchemes)
		case 11:
			m.JA4 = r.string()
		}
	}
	return r.err()
}

// number appends an element to a list, which begins with room for what most
// hellos have: to grow is dear in WebAssembly.
func (r *reader) number(list []uint32) []uint32 {
	if list == nil {
		list = make([]uint32, 0, 32)
	}
	return append(list, r.u32())
}

// Append writes the message to dst.
func (m *ClientHello) Append(dst []byte) []byte {
	dst = appendBytes(dst, 1, m.Listener)
	dst = appendBytes(dst, 2, m.Peer)
	if m.Proxy != nil {
		dst = appendMessage(dst, 3, m.Proxy)
	}
	dst = appendBytes(dst, 4, m.ServerName)
	for _, name := range m.ALPN {
		dst = appendElement(dst, 5, name)
	}
	for i, list := range [...][]uint32{m.Versions, m.Suites, m.Extensions, m.Groups, m.SignatureSchemes} {
		for _, n := range list {
			dst = appendVarint(appendKey(dst, uint64(6+i), typeVarint), uint64(n))
		}
	}
	return appendBytes(dst, 11, m.JA4)
}
