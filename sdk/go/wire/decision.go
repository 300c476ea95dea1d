package wire

// The decision codes: what wicket_authenticate and wicket_authorize return,
// the code argument of resolve, and the values of Decision.Codes.
const (
	Deny     = 0
	Allow    = 1
	Next     = 2 // no opinion: ask the next plugin of the chain
	Pending  = 3 // returned only: resolve follows
	Continue = 4 // enhanced authentication: the client is to send more
)

// Decision is given by the guest to resolve, beside the decision code.
type Decision struct {
	Reason         uint32     `json:"reason,omitempty"` // MQTT 5.0 reason code of a denial
	ReasonText     string     `json:"reason_text,omitempty"`
	Superuser      bool       `json:"superuser,omitempty"`
	Rules          []Rule     `json:"rules,omitempty"`
	Default        uint32     `json:"default,omitempty"`    // Deny, Allow or Next when no rule matches
	TTL            int64      `json:"ttl_ms,omitempty"`     // authorize: cache time in milliseconds; 0 host default, <0 never
	ExpireAt       uint64     `json:"expire_at,omitempty"`  // Unix seconds; the client is disconnected then
	Attributes     []Property `json:"attributes,omitempty"` // remembered with the session, usable in rules
	Username       string     `json:"username,omitempty"`   // replaces the client's
	ClientID       string     `json:"client_id,omitempty"`  // assigned client id
	UserProperties []Property `json:"user_properties,omitempty"`
	AuthData       []byte     `json:"auth_data,omitempty"`
	Limits         *Limits    `json:"limits,omitempty"` // nil keeps the host's
	Mountpoint     string     `json:"mountpoint,omitempty"`
	Codes          []uint32   `json:"codes,omitempty"` // authorize: one decision code per topic
}

// Decode reads the message; see the package comment for who owns b.
func (m *Decision) Decode(b []byte) error {
	*m = Decision{}
	r := reader{b: b}
	for r.next() {
		switch r.num {
		case 1:
			m.Reason = r.u32()
		case 2:
			m.ReasonText = r.string()
		case 3:
			m.Superuser = r.bool()
		case 4:
			m.Rules = append(m.Rules, Rule{})
			r.embedded(m.Rules[len(m.Rules)-1].Decode(r.bytes()))
		case 5:
			m.Default = r.u32()
		case 6:
			m.TTL = int64(r.u64())
		case 7:
			m.ExpireAt = r.u64()
		case 8:
			m.Attributes = r.property(m.Attributes)
		case 9:
			m.Username = r.string()
		case 10:
			m.ClientID = r.string()
		case 11:
			m.UserProperties = r.property(m.UserProperties)
		case 12:
			m.AuthData = r.bytes()
		case 13:
			m.Limits = new(Limits)
			r.embedded(m.Limits.Decode(r.bytes()))
		case 14:
			m.Mountpoint = r.string()
		case 15:
			m.Codes = r.codes(m.Codes)
		}
	}
	return r.err()
}

// codes reads one element, or a whole packed list: generated code of other
// languages packs whatever a schema says.
func (r *reader) codes(list []uint32) []uint32 {
	if r.typ == typeVarint {
		return append(list, r.u32())
	}
	packed := r.bytes()
	for i := 0; i < len(packed) && !r.bad; {
		var code uint64
		if code, i = varint(packed, i); i < 0 || code > 1<<32-1 {
			r.fail()
			break
		}
		list = append(list, uint32(code))
	}
	return list
}

// Append writes the message to dst.
func (m *Decision) Append(dst []byte) []byte {
	dst = appendUint(dst, 1, uint64(m.Reason))
	dst = appendBytes(dst, 2, m.ReasonText)
	dst = appendBool(dst, 3, m.Superuser)
	for i := range m.Rules {
		dst = appendMessage(dst, 4, &m.Rules[i])
	}
	dst = appendUint(dst, 5, uint64(m.Default))
	dst = appendUint(dst, 6, uint64(m.TTL))
	dst = appendUint(dst, 7, m.ExpireAt)
	dst = appendProperties(dst, 8, m.Attributes)
	dst = appendBytes(dst, 9, m.Username)
	dst = appendBytes(dst, 10, m.ClientID)
	dst = appendProperties(dst, 11, m.UserProperties)
	dst = appendBytes(dst, 12, m.AuthData)
	if m.Limits != nil {
		dst = appendMessage(dst, 13, m.Limits)
	}
	dst = appendBytes(dst, 14, m.Mountpoint)
	for _, code := range m.Codes {
		dst = appendVarint(appendKey(dst, 15, typeVarint), uint64(code))
	}
	return dst
}

// The values of Rule.Retain.
const (
	RetainAny   = 0
	RetainOnly  = 1
	RetainNever = 2
)

// Rule permits or forbids actions on topics. Rules are tried in order, and the
// first that matches decides. The filter may hold ${clientid}, ${username} and
// ${client_attrs.NAME} as whole levels.
type Rule struct {
	Permit  bool   `json:"permit,omitempty"`
	Actions uint32 `json:"actions,omitempty"` // bits Publish, Subscribe; 0 = both
	Filter  string `json:"filter,omitempty"`
	QoS     uint32 `json:"qos,omitempty"`    // bit n set = QoS n; 0 = any
	Retain  uint32 `json:"retain,omitempty"` // publish: RetainAny, RetainOnly or RetainNever
	Exact   bool   `json:"exact,omitempty"`  // compare the text, no wildcards
}

// Decode reads the message; see the package comment for who owns b.
func (m *Rule) Decode(b []byte) error {
	*m = Rule{}
	r := reader{b: b}
	for r.next() {
		switch r.num {
		case 1:
			m.Permit = r.bool()
		case 2:
			m.Actions = r.u32()
		case 3:
			m.Filter = r.string()
		case 4:
			m.QoS = r.u32()
		case 5:
			m.Retain = r.u32()
		case 6:
			m.Exact = r.bool()
		}
	}
	return r.err()
}

// Append writes the message to dst.
func (m *Rule) Append(dst []byte) []byte {
	dst = appendBool(dst, 1, m.Permit)
	dst = appendUint(dst, 2, uint64(m.Actions))
	dst = appendBytes(dst, 3, m.Filter)
	dst = appendUint(dst, 4, uint64(m.QoS))
	dst = appendUint(dst, 5, uint64(m.Retain))
	return appendBool(dst, 6, m.Exact)
}

// Limits are caps of one session; zero keeps the host's.
type Limits struct {
	MaxPacketSize    uint32 `json:"max_packet_size,omitempty"`
	MaxInflight      uint32 `json:"max_inflight,omitempty"`
	MaxSubscriptions uint32 `json:"max_subscriptions,omitempty"`
}

// Decode reads the message; see the package comment for who owns b.
func (m *Limits) Decode(b []byte) error {
	*m = Limits{}
	r := reader{b: b}
	for r.next() {
		switch r.num {
		case 1:
			m.MaxPacketSize = r.u32()
		case 2:
			m.MaxInflight = r.u32()
		case 3:
			m.MaxSubscriptions = r.u32()
		}
	}
	return r.err()
}

// Append writes the message to dst.
func (m *Limits) Append(dst []byte) []byte {
	dst = appendUint(dst, 1, uint64(m.MaxPacketSize))
	dst = appendUint(dst, 2, uint64(m.MaxInflight))
	return appendUint(dst, 3, uint64(m.MaxSubscriptions))
}

// Status says how an asynchronous host call ended.
type Status int32

// The statuses of wicket_completed.
const (
	OK        Status = 0 // password_verify: the password matches; http_send: there is an answer
	Mismatch  Status = 1 // password_verify: it does not
	Timeout   Status = 2
	Refused   Status = 3 // too many in flight, the upstream's breaker is open, or the host is stopping
	Malformed Status = 4 // the request could not be read
	Failed    Status = 5 // the host could not do it; the payload says why
)

// PasswordVerify is given by the guest to password_verify.
type PasswordVerify struct {
	Hash     string `json:"hash,omitempty"` // PHC string, modular crypt, or mosquitto's format
	Password []byte `json:"password,omitempty"`
}

// Decode reads the message; see the package comment for who owns b.
func (m *PasswordVerify) Decode(b []byte) error {
	*m = PasswordVerify{}
	r := reader{b: b}
	for r.next() {
		switch r.num {
		case 1:
			m.Hash = r.string()
		case 2:
			m.Password = r.bytes()
		}
	}
	return r.err()
}

// Append writes the message to dst.
func (m *PasswordVerify) Append(dst []byte) []byte {
	return appendBytes(appendBytes(dst, 1, m.Hash), 2, m.Password)
}
