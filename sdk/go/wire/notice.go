package wire

// The kinds of events.
const (
	EventConnected    = 1
	EventDisconnected = 2
	EventRefused      = 3
	EventSubscribed   = 4
	EventUnsubscribed = 5
	EventDenied       = 6
)

// Event is given to wicket_event: something that has happened to a client.
type Event struct {
	Kind       uint32     `json:"kind,omitempty"`
	TimeMS     uint64     `json:"time_ms,omitempty"` // Unix
	ClientID   string     `json:"client_id,omitempty"`
	Username   string     `json:"username,omitempty"`
	Listener   string     `json:"listener,omitempty"`
	Peer       string     `json:"peer,omitempty"`   // "192.0.2.7:51234"
	Reason     uint32     `json:"reason,omitempty"` // of Disconnected and Refused: MQTT 5.0 reason code
	ReasonText string     `json:"reason_text,omitempty"`
	Topics     []Topic    `json:"topics,omitempty"`  // of Subscribed, Unsubscribed and Denied
	Dropped    uint64     `json:"dropped,omitempty"` // events lost before this one, since the last
	Decider    string     `json:"decider,omitempty"` // of Connected and Refused: the plugin that said so
	Attributes []Property `json:"attributes,omitempty"`
	Action     uint32     `json:"action,omitempty"` // of Denied: Publish or Subscribe
}

// Decode reads the message; see the package comment for who owns b.
func (m *Event) Decode(b []byte) error {
	*m = Event{}
	r := reader{b: b}
	for r.next() {
		switch r.num {
		case 1:
			m.Kind = r.u32()
		case 2:
			m.TimeMS = r.u64()
		case 3:
			m.ClientID = r.string()
		case 4:
			m.Username = r.string()
		case 5:
			m.Listener = r.string()
		case 6:
			m.Peer = r.string()
		case 7:
			m.Reason = r.u32()
		case 8:
			m.ReasonText = r.string()
		case 9:
			var t Topic
			r.embedded(t.Decode(r.bytes()))
			m.Topics = append(m.Topics, t)
		case 10:
			m.Dropped = r.u64()
		case 11:
			m.Decider = r.string()
		case 12:
			m.Attributes = r.property(m.Attributes)
		case 13:
			m.Action = r.u32()
		}
	}
	return r.err()
}

// Append writes the message to dst.
func (m *Event) Append(dst []byte) []byte {
	dst = appendUint(dst, 1, uint64(m.Kind))
	dst = appendUint(dst, 2, m.TimeMS)
	dst = appendBytes(dst, 3, m.ClientID)
	dst = appendBytes(dst, 4, m.Username)
	dst = appendBytes(dst, 5, m.Listener)
	dst = appendBytes(dst, 6, m.Peer)
	dst = appendUint(dst, 7, uint64(m.Reason))
	dst = appendBytes(dst, 8, m.ReasonText)
	for i := range m.Topics {
		dst = appendMessage(dst, 9, &m.Topics[i])
	}
	dst = appendUint(dst, 10, m.Dropped)
	dst = appendBytes(dst, 11, m.Decider)
	dst = appendProperties(dst, 12, m.Attributes)
	return appendUint(dst, 13, uint64(m.Action))
}

// Disconnect is given by the guest to client_disconnect.
type Disconnect struct {
	ClientID   string `json:"client_id,omitempty"`
	Reason     uint32 `json:"reason,omitempty"` // of the DISCONNECT, 0x80 and above; 0 is 0x98, Administrative action
	ReasonText string `json:"reason_text,omitempty"`
	Username   string `json:"username,omitempty"` // not empty: only if the client has this name
}

// Decode reads the message; see the package comment for who owns b.
func (m *Disconnect) Decode(b []byte) error {
	*m = Disconnect{}
	r := reader{b: b}
	for r.next() {
		switch r.num {
		case 1:
			m.ClientID = r.string()
		case 2:
			m.Reason = r.u32()
		case 3:
			m.ReasonText = r.string()
		case 4:
			m.Username = r.string()
		}
	}
	return r.err()
}

// Append writes the message to dst.
func (m *Disconnect) Append(dst []byte) []byte {
	dst = appendBytes(dst, 1, m.ClientID)
	dst = appendUint(dst, 2, uint64(m.Reason))
	dst = appendBytes(dst, 3, m.ReasonText)
	return appendBytes(dst, 4, m.Username)
}

// The kinds of metrics.
const (
	MetricCounter   = 0
	MetricGauge     = 1
	MetricHistogram = 2
)

// Metric is given by the guest to metric_define.
type Metric struct {
	Name    string     `json:"name,omitempty"`
	Help    string     `json:"help,omitempty"`
	Kind    uint32     `json:"kind,omitempty"`
	Labels  []Property `json:"labels,omitempty"`
	Buckets []uint64   `json:"buckets,omitempty"` // of a histogram: upper bounds, rising
}

// Decode reads the message; see the package comment for who owns b.
func (m *Metric) Decode(b []byte) error {
	*m = Metric{}
	r := reader{b: b}
	for r.next() {
		switch r.num {
		case 1:
			m.Name = r.string()
		case 2:
			m.Help = r.string()
		case 3:
			m.Kind = r.u32()
		case 4:
			m.Labels = r.property(m.Labels)
		case 5:
			m.Buckets = append(m.Buckets, r.u64())
		}
	}
	return r.err()
}

// Append writes the message to dst.
func (m *Metric) Append(dst []byte) []byte {
	dst = appendBytes(dst, 1, m.Name)
	dst = appendBytes(dst, 2, m.Help)
	dst = appendUint(dst, 3, uint64(m.Kind))
	dst = appendProperties(dst, 4, m.Labels)
	for _, v := range m.Buckets { // an element counts even when it is 0
		dst = appendVarint(appendKey(dst, 5, typeVarint), v)
	}
	return dst
}

// PSK is what wicket_psk will be given.
type PSK struct {
	Identity string `json:"identity,omitempty"`
	Listener string `json:"listener,omitempty"`
	Peer     string `json:"peer,omitempty"`
}

// Decode reads the message; see the package comment for who owns b.
func (m *PSK) Decode(b []byte) error {
	*m = PSK{}
	r := reader{b: b}
	for r.next() {
		switch r.num {
		case 1:
			m.Identity = r.string()
		case 2:
			m.Listener = r.string()
		case 3:
			m.Peer = r.string()
		}
	}
	return r.err()
}

// Append writes the message to dst.
func (m *PSK) Append(dst []byte) []byte {
	dst = appendBytes(dst, 1, m.Identity)
	dst = appendBytes(dst, 2, m.Listener)
	return appendBytes(dst, 3, m.Peer)
}
