package wire

import "unsafe"

// Load is given to wicket_load, once per instance.
type Load struct {
	Plugin   string `json:"plugin,omitempty"`    // name in the broker's configuration
	Config   string `json:"config,omitempty"`    // the operator's config subtree as JSON
	Files    []File `json:"files,omitempty"`     // contents of the config keys that end in _file
	Features uint64 `json:"features,omitempty"`  // optional imports that were granted
	ABIMinor uint32 `json:"abi_minor,omitempty"` // minor version of the host

	Upstreams []string `json:"upstreams,omitempty"` // names that an HTTPRequest may have
}

// Decode reads the message; see the package comment for who owns b.
func (m *Load) Decode(b []byte) error {
	*m = Load{}
	r := reader{b: b}
	for r.next() {
		switch r.num {
		case 1:
			m.Plugin = r.string()
		case 2:
			m.Config = r.string()
		case 3:
			m.Files = append(m.Files, File{})
			r.embedded(m.Files[len(m.Files)-1].Decode(r.bytes()))
		case 4:
			m.Features = r.u64()
		case 5:
			m.ABIMinor = r.u32()
		case 6:
			m.Upstreams = append(m.Upstreams, r.string())
		}
	}
	return r.err()
}

// Append writes the message to dst.
func (m *Load) Append(dst []byte) []byte {
	dst = appendBytes(dst, 1, m.Plugin)
	dst = appendBytes(dst, 2, m.Config)
	for i := range m.Files {
		dst = appendMessage(dst, 3, &m.Files[i])
	}
	dst = appendUint(dst, 4, m.Features)
	dst = appendUint(dst, 5, uint64(m.ABIMinor))
	for _, name := range m.Upstreams {
		dst = appendElement(dst, 6, name)
	}
	return dst
}

// File is a file that the operator named in the plugin's config and the host
// has read.
type File struct {
	Key     string `json:"key,omitempty"`  // the config key, such as "users_file"
	Path    string `json:"path,omitempty"` // as the operator wrote it, for messages
	Content []byte `json:"content,omitempty"`
}

// Decode reads the message; see the package comment for who owns b.
func (m *File) Decode(b []byte) error {
	*m = File{}
	r := reader{b: b}
	for r.next() {
		switch r.num {
		case 1:
			m.Key = r.string()
		case 2:
			m.Path = r.string()
		case 3:
			m.Content = r.bytes()
		}
	}
	return r.err()
}

// Append writes the message to dst.
func (m *File) Append(dst []byte) []byte {
	dst = appendBytes(dst, 1, m.Key)
	dst = appendBytes(dst, 2, m.Path)
	return appendBytes(dst, 3, m.Content)
}

// Property is a key with its value.
type Property struct {
	Key   string `json:"key,omitempty"`
	Value string `json:"value,omitempty"`
}

// Decode reads the message; see the package comment for who owns b.
func (m *Property) Decode(b []byte) error {
	*m = Property{}
	r := reader{b: b}
	for r.next() {
		switch r.num {
		case 1:
			m.Key = r.string()
		case 2:
			m.Value = r.string()
		}
	}
	return r.err()
}

// Append writes the message to dst.
func (m *Property) Append(dst []byte) []byte {
	return appendBytes(appendBytes(dst, 1, m.Key), 2, m.Value)
}

func (r *reader) property(list []Property) []Property {
	list = append(list, Property{})
	m := &list[len(list)-1]
	if b := r.bytes(); !m.short(b) {
		r.embedded(m.Decode(b))
	}
	return list
}

// short reads a property of the form that Append gives short ones, which most
// have: key and value, each of 1 to 127 bytes. It changes nothing otherwise.
func (m *Property) short(b []byte) bool {
	if len(b) < 6 || b[0] != 1<<3|typeBytes || b[1] >= 0x80 {
		return false
	}
	value := 2 + int(b[1]) // where its header is
	if value+2 >= len(b) || b[value] != 2<<3|typeBytes || b[value+1] >= 0x80 || value+2+int(b[value+1]) != len(b) {
		return false
	}
	m.Key = unsafe.String(&b[2], value-2)
	m.Value = unsafe.String(&b[value+2], len(b)-value-2)
	return true
}

func appendProperties(dst []byte, num uint64, list []Property) []byte {
	for i := range list {
		m := &list[i]
		k, v := len(m.Key), len(m.Value)
		if k == 0 || v == 0 || k+v >= 0x7c || num > 15 {
			dst = appendMessage(dst, num, m)
			continue
		}
		dst = append(dst, byte(num<<3|typeBytes), byte(4+k+v), 1<<3|typeBytes, byte(k))
		dst = append(append(dst, m.Key...), 2<<3|typeBytes, byte(v))
		dst = append(dst, m.Value...)
	}
	return dst
}

// Authenticate is given to wicket_authenticate: a CONNECT that wants in, with
// what is known about its connection.
type Authenticate struct {
	ClientID       string     `json:"client_id,omitempty"`
	Username       string     `json:"username,omitempty"`
	Password       []byte     `json:"password,omitempty"`
	Protocol       uint32     `json:"protocol,omitempty"` // 3 (MQTT 3.1), 4 (3.1.1) or 5
	CleanStart     bool       `json:"clean_start,omitempty"`
	KeepAlive      uint32     `json:"keepalive,omitempty"`      // seconds
	SessionExpiry  uint32     `json:"session_expiry,omitempty"` // seconds
	Listener       string     `json:"listener,omitempty"`       // name, such as "tls:default"
	Transport      string     `json:"transport,omitempty"`      // tcp, tls, ws or wss
	Peer           string     `json:"peer,omitempty"`           // "192.0.2.7:51234"
	Proxy          *Proxy     `json:"proxy,omitempty"`          // nil without a PROXY header
	TLS            *TLS       `json:"tls,omitempty"`            // nil on a plain transport
	Attributes     []Property `json:"attributes,omitempty"`     // given by the plugins asked before
	AuthMethod     string     `json:"auth_method,omitempty"`
	AuthData       []byte     `json:"auth_data,omitempty"`
	Will           *Will      `json:"will,omitempty"` // nil without a will message
	UserProperties []Property `json:"user_properties,omitempty"`
	HasUsername    bool       `json:"has_username,omitempty"` // an empty user name is not an absent one
	HasPassword    bool       `json:"has_password,omitempty"`

	// The names as the client gave them: the plugins asked before may have
	// replaced Username and ClientID.
	ConnectUsername string `json:"connect_username,omitempty"`
	ConnectClientID string `json:"connect_client_id,omitempty"`

	// Reauthenticate says that the client is in already and shows itself again.
	Reauthenticate bool `json:"reauthenticate,omitempty"`
}

// Decode reads the message; see the package comment for who owns b.
func (m *Authenticate) Decode(b []byte) error {
	*m = Authenticate{}
	r := reader{b: b}
	for r.next() {
		switch r.num {
		case 1:
			m.ClientID = r.string()
		case 2:
			m.Username = r.string()
		case 3:
			m.Password = r.bytes()
		case 4:
			m.Protocol = r.u32()
		case 5:
			m.CleanStart = r.bool()
		case 6:
			m.KeepAlive = r.u32()
		case 7:
			m.SessionExpiry = r.u32()
		case 8:
			m.Listener = r.string()
		case 9:
			m.Transport = r.string()
		case 10:
			m.Peer = r.string()
		case 11:
			m.Proxy = new(Proxy)
			r.embedded(m.Proxy.Decode(r.bytes()))
		case 12:
			m.TLS = new(TLS)
			r.embedded(m.TLS.Decode(r.bytes()))
		case 13:
			m.Attributes = r.property(m.Attributes)
		case 14:
			m.AuthMethod = r.string()
		case 15:
			m.AuthData = r.bytes()
		case 16:
			m.Will = new(Will)
			r.embedded(m.Will.Decode(r.bytes()))
		case 17:
			m.UserProperties = r.property(m.UserProperties)
		case 18:
			m.HasUsername = r.bool()
		case 19:
			m.HasPassword = r.bool()
		case 20:
			m.ConnectUsername = r.string()
		case 21:
			m.ConnectClientID = r.string()
		case 22:
			m.Reauthenticate = r.bool()
		}
	}
	return r.err()
}

// Append writes the message to dst.
func (m *Authenticate) Append(dst []byte) []byte {
	dst = appendBytes(dst, 1, m.ClientID)
	dst = appendBytes(dst, 2, m.Username)
	dst = appendBytes(dst, 3, m.Password)
	dst = appendUint(dst, 4, uint64(m.Protocol))
	dst = appendBool(dst, 5, m.CleanStart)
	dst = appendUint(dst, 6, uint64(m.KeepAlive))
	dst = appendUint(dst, 7, uint64(m.SessionExpiry))
	dst = appendBytes(dst, 8, m.Listener)
	dst = appendBytes(dst, 9, m.Transport)
	dst = appendBytes(dst, 10, m.Peer)
	if m.Proxy != nil {
		dst = appendMessage(dst, 11, m.Proxy)
	}
	if m.TLS != nil {
		dst = appendMessage(dst, 12, m.TLS)
	}
	dst = appendProperties(dst, 13, m.Attributes)
	dst = appendBytes(dst, 14, m.AuthMethod)
	dst = appendBytes(dst, 15, m.AuthData)
	if m.Will != nil {
		dst = appendMessage(dst, 16, m.Will)
	}
	dst = appendProperties(dst, 17, m.UserProperties)
	dst = appendBool(dst, 18, m.HasUsername)
	dst = appendBool(dst, 19, m.HasPassword)
	dst = appendBytes(dst, 20, m.ConnectUsername)
	dst = appendBytes(dst, 21, m.ConnectClientID)
	return appendBool(dst, 22, m.Reauthenticate)
}

// Proxy is what a trusted proxy has said of the client in a PROXY header.
type Proxy struct {
	Version     uint32 `json:"version,omitempty"`     // 1 or 2
	Source      string `json:"source,omitempty"`      // the client's own address, as Authenticate.Peer
	Destination string `json:"destination,omitempty"` // where the client has connected to
	CommonName  string `json:"common_name,omitempty"` // of the client's certificate, if the proxy has verified it
	Verified    bool   `json:"verified,omitempty"`    // there is such a certificate
	Via         string `json:"via,omitempty"`         // the proxy's own address
	ServerName  string `json:"server_name,omitempty"` // what the client asked the proxy for
	ALPN        string `json:"alpn,omitempty"`
	TLSVersion  string `json:"tls_version,omitempty"` // empty when the client came to the proxy in the clear
	Cipher      string `json:"cipher,omitempty"`
}

// Decode reads the message; see the package comment for who owns b.
func (m *Proxy) Decode(b []byte) error {
	*m = Proxy{}
	r := reader{b: b}
	for r.next() {
		switch r.num {
		case 1:
			m.Version = r.u32()
		case 2:
			m.Source = r.string()
		case 3:
			m.Destination = r.string()
		case 4:
			m.CommonName = r.string()
		case 5:
			m.Verified = r.bool()
		case 6:
			m.Via = r.string()
		case 7:
			m.ServerName = r.string()
		case 8:
			m.ALPN = r.string()
		case 9:
			m.TLSVersion = r.string()
		case 10:
			m.Cipher = r.string()
		}
	}
	return r.err()
}

// Append writes the message to dst.
func (m *Proxy) Append(dst []byte) []byte {
	dst = appendUint(dst, 1, uint64(m.Version))
	dst = appendBytes(dst, 2, m.Source)
	dst = appendBytes(dst, 3, m.Destination)
	dst = appendBytes(dst, 4, m.CommonName)
	dst = appendBool(dst, 5, m.Verified)
	dst = appendBytes(dst, 6, m.Via)
	dst = appendBytes(dst, 7, m.ServerName)
	dst = appendBytes(dst, 8, m.ALPN)
	dst = appendBytes(dst, 9, m.TLSVersion)
	return appendBytes(dst, 10, m.Cipher)
}

// TLS is what the handshake of the connection established. CommonName, Subject,
// SAN and Serial are those of a verified certificate and empty otherwise. When
// the client's TLS ended at a proxy the handshake is the proxy's, and nothing of
// a certificate is here: see Proxy.
type TLS struct {
	Version              string   `json:"version,omitempty"` // "TLS 1.3"
	Suite                string   `json:"suite,omitempty"`   // IANA name
	SNI                  string   `json:"sni,omitempty"`
	ALPN                 string   `json:"alpn,omitempty"`
	Resumed              bool     `json:"resumed,omitempty"`
	PSKIdentity          string   `json:"psk_identity,omitempty"`
	CertificatePresented bool     `json:"certificate_presented,omitempty"`
	CertificateVerified  bool     `json:"certificate_verified,omitempty"`
	CommonName           string   `json:"common_name,omitempty"`
	Subject              string   `json:"subject,omitempty"`     // RFC 4514 text
	SAN                  []string `json:"san,omitempty"`         // "dns:x", "ip:x", "email:x", "uri:x"
	Fingerprint          string   `json:"fingerprint,omitempty"` // SHA-256 of the DER, lower-case hex
	Serial               string   `json:"serial,omitempty"`      // lower-case hex, an even number of digits
}

// Decode reads the message; see the package comment for who owns b.
func (m *TLS) Decode(b []byte) error {
	*m = TLS{}
	r := reader{b: b}
	for r.next() {
		switch r.num {
		case 1:
			m.Version = r.string()
		case 2:
			m.Suite = r.string()
		case 3:
			m.SNI = r.string()
		case 4:
			m.ALPN = r.string()
		case 5:
			m.Resumed = r.bool()
		case 6:
			m.PSKIdentity = r.string()
		case 7:
			m.CertificatePresented = r.bool()
		case 8:
			m.CertificateVerified = r.bool()
		case 9:
			m.CommonName = r.string()
		case 10:
			m.Subject = r.string()
		case 11:
			m.SAN = append(m.SAN, r.string())
		case 12:
			m.Fingerprint = r.string()
		case 13:
			m.Serial = r.string()
		}
	}
	return r.err()
}

// Append writes the message to dst.
func (m *TLS) Append(dst []byte) []byte {
	dst = appendBytes(dst, 1, m.Version)
	dst = appendBytes(dst, 2, m.Suite)
	dst = appendBytes(dst, 3, m.SNI)
	dst = appendBytes(dst, 4, m.ALPN)
	dst = appendBool(dst, 5, m.Resumed)
	dst = appendBytes(dst, 6, m.PSKIdentity)
	dst = appendBool(dst, 7, m.CertificatePresented)
	dst = appendBool(dst, 8, m.CertificateVerified)
	dst = appendBytes(dst, 9, m.CommonName)
	dst = appendBytes(dst, 10, m.Subject)
	for _, name := range m.SAN {
		dst = appendElement(dst, 11, name)
	}
	dst = appendBytes(dst, 12, m.Fingerprint)
	return appendBytes(dst, 13, m.Serial)
}

// Will is the part of a will message that a decision looks at.
type Will struct {
	Topic  string `json:"topic,omitempty"`
	QoS    uint32 `json:"qos,omitempty"`
	Retain bool   `json:"retain,omitempty"`
}

// Decode reads the message; see the package comment for who owns b.
func (m *Will) Decode(b []byte) error {
	*m = Will{}
	r := reader{b: b}
	for r.next() {
		switch r.num {
		case 1:
			m.Topic = r.string()
		case 2:
			m.QoS = r.u32()
		case 3:
			m.Retain = r.bool()
		}
	}
	return r.err()
}

// Append writes the message to dst.
func (m *Will) Append(dst []byte) []byte {
	dst = appendBytes(dst, 1, m.Topic)
	dst = appendUint(dst, 2, uint64(m.QoS))
	return appendBool(dst, 3, m.Retain)
}

// The actions of Authorize.Action, and the bits of Rule.Actions.
const (
	Publish   = 1
	Subscribe = 2
)

// Authorize is given to wicket_authorize: all topics of one packet.
type Authorize struct {
	ClientID   string     `json:"client_id,omitempty"`
	Username   string     `json:"username,omitempty"`
	Attributes []Property `json:"attributes,omitempty"`
	Action     uint32     `json:"action,omitempty"` // Publish or Subscribe
	Topics     []Topic    `json:"topics,omitempty"`
	Listener   string     `json:"listener,omitempty"`
	Peer       string     `json:"peer,omitempty"`
}

// Decode reads the message; see the package comment for who owns b.
func (m *Authorize) Decode(b []byte) error {
	*m = Authorize{}
	return m.Redecode(b)
}

// Redecode is Decode into the lists that the message has.
func (m *Authorize) Redecode(b []byte) error {
	*m = Authorize{Attributes: m.Attributes[:0], Topics: m.Topics[:0]}
	r := reader{b: b}
	for r.next() {
		switch r.num {
		case 1:
			m.ClientID = r.string()
		case 2:
			m.Username = r.string()
		case 3:
			m.Attributes = r.property(m.Attributes)
		case 4:
			m.Action = r.u32()
		case 5:
			m.Topics = append(m.Topics, Topic{})
			r.embedded(m.Topics[len(m.Topics)-1].Decode(r.bytes()))
		case 6:
			m.Listener = r.string()
		case 7:
			m.Peer = r.string()
		}
	}
	return r.err()
}

// Append writes the message to dst.
func (m *Authorize) Append(dst []byte) []byte {
	dst = appendBytes(dst, 1, m.ClientID)
	dst = appendBytes(dst, 2, m.Username)
	dst = appendProperties(dst, 3, m.Attributes)
	dst = appendUint(dst, 4, uint64(m.Action))
	for i := range m.Topics {
		dst = appendMessage(dst, 5, &m.Topics[i])
	}
	dst = appendBytes(dst, 6, m.Listener)
	return appendBytes(dst, 7, m.Peer)
}

// Topic is one topic name (publish) or filter (subscribe) of an Authorize.
type Topic struct {
	Topic  string `json:"topic,omitempty"` // a filter comes without its $share prefix
	QoS    uint32 `json:"qos,omitempty"`
	Retain bool   `json:"retain,omitempty"`
	Share  string `json:"share,omitempty"` // share name, or empty
}

// Decode reads the message; see the package comment for who owns b.
func (m *Topic) Decode(b []byte) error {
	*m = Topic{}
	r := reader{b: b}
	for r.next() {
		switch r.num {
		case 1:
			m.Topic = r.string()
		case 2:
			m.QoS = r.u32()
		case 3:
			m.Retain = r.bool()
		case 4:
			m.Share = r.string()
		}
	}
	return r.err()
}

// Append writes the message to dst.
func (m *Topic) Append(dst []byte) []byte {
	dst = appendBytes(dst, 1, m.Topic)
	dst = appendUint(dst, 2, uint64(m.QoS))
	dst = appendBool(dst, 3, m.Retain)
	return appendBytes(dst, 4, m.Share)
}
