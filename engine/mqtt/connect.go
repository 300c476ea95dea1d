package mqtt

// The flags of CONNECT (§3.1.2.3).
const (
	connectReserved = 0x01
	connectClean    = 0x02
	connectWill     = 0x04
	connectWillQoS  = 0x18
	connectRetain   = 0x20
	connectPassword = 0x40
	connectUsername = 0x80

	willQoSShift = 3
)

// bridgeBit is set in the protocol level by bridges of some brokers; they try
// again without it when the server refuses the level.
const bridgeBit = 0x80

// Errors of CONNECT.
var (
	errProtocolName  = &Error{UnsupportedProtocolVersion, "MQTT-3.1.2-1", "protocol name is not MQTT"}
	errProtocolLevel = &Error{UnsupportedProtocolVersion, "MQTT-3.1.2-2", "protocol version is not supported"}
	errConnectFlags  = malformed("MQTT-3.1.2-3", "reserved flag of CONNECT is set")
	errWillQoS       = malformed("MQTT-3.1.2-12", "Will QoS is 3")
	errNoWillQoS     = malformed("MQTT-3.1.2-11", "Will QoS without the will flag")
	errNoWillRetain  = malformed("MQTT-3.1.2-13", "Will Retain without the will flag")
	errPasswordAlone = malformed("MQTT-3.1.2-22", "password without user name in MQTT 3") // 3.1.1 numbering
	errAuthDataAlone = protocolError("§3.1.2.11.10", "Authentication Data without Authentication Method")
)

// Decode decodes the body of a CONNECT of any version. It allocates the Will,
// if there is one, and nothing else.
//
// Version is set even when Decode fails: it is the version whose CONNACK the
// client is most likely to understand. A protocol name or level that is not
// supported is an [*Error] with [UnsupportedProtocolVersion]. Of a client
// identifier only the encoding is checked: an empty one, and in 3.1 one over
// 23 bytes, is for the caller to judge.
func (p *Connect) Decode(body []byte) error {
	*p = Connect{Version: V311, Properties: ConnectProperties{RequestProblemInfo: true}}
	r := reader{rest: body}
	name, level := r.binary(), r.byte()
	if r.err != nil {
		return r.err
	}
	if err := p.setVersion(name, level); err != nil {
		return err
	}
	flags := r.byte()
	p.KeepAlive = r.uint16()
	if r.err != nil {
		return r.err
	}
	if err := p.checkFlags(flags); err != nil {
		return err
	}
	p.CleanStart = flags&connectClean != 0
	if p.Version == V50 {
		p.Properties.decode(&r)
	}
	p.decodePayload(&r, flags)
	return r.end()
}

// setVersion checks the protocol name and level (§3.1.2.1, §3.1.2.2).
func (p *Connect) setVersion(name []byte, level byte) error {
	v := Version(level)
	switch {
	case string(name) == "MQTT" && (v == V311 || v == V50), string(name) == "MQIsdp" && v == V31:
		p.Version = v
		return nil
	case string(name) == "MQIsdp":
		p.Version = V31
	case string(name) != "MQTT":
		return errProtocolName
	case level&^bridgeBit >= byte(V50):
		p.Version = V50
	}
	return errProtocolLevel
}

// checkFlags checks the flags against each other. MQTT 3.1 leaves bit 0
// unused and tells the server to disregard the will's bits without a will.
func (p *Connect) checkFlags(flags byte) error {
	strict := p.Version != V31
	will := flags&connectWill != 0
	switch {
	case strict && flags&connectReserved != 0:
		return errConnectFlags
	case will && flags&connectWillQoS == connectWillQoS:
		return errWillQoS
	case strict && !will && flags&connectWillQoS != 0:
		return errNoWillQoS
	case strict && !will && flags&connectRetain != 0:
		return errNoWillRetain
	case p.Version != V50 && flags&connectPassword != 0 && flags&connectUsername == 0:
		return errPasswordAlone
	}
	return nil
}

// decodePayload reads client identifier, will, user name and password (§3.1.3).
func (p *Connect) decodePayload(r *reader, flags byte) {
	p.ClientID = r.string()
	if flags&connectWill != 0 {
		p.Will = decodeWill(r, p.Version, flags)
	}
	if flags&connectUsername != 0 && !p.mayEnd(r) {
		p.HasUsername, p.Username = true, r.string()
	}
	if flags&connectPassword != 0 && !p.mayEnd(r) {
		p.HasPassword, p.Password = true, r.binary()
	}
}

// mayEnd is true where MQTT 3.1 (§3.1, "User name and password flags") lets the
// payload end before the fields that the flags announce: they count as absent.
func (p *Connect) mayEnd(r *reader) bool {
	return p.Version == V31 && r.err == nil && len(r.rest) == 0
}

func decodeWill(r *reader, v Version, flags byte) *Will {
	w := &Will{
		QoS:    flags & connectWillQoS >> willQoSShift,
		Retain: flags&connectRetain != 0,
	}
	if v == V50 {
		props := r.properties(inWill)
		for props.next() {
			if props.id == propWillDelay {
				w.Delay = props.number
			} else {
				w.Properties.set(&props)
			}
		}
		w.Properties.User = props.user()
		r.join(&props)
	}
	w.Topic = r.name()
	if r.err == nil && len(w.Topic) == 0 {
		r.fail(errEmptyTopic)
	}
	w.Payload = r.binary()
	return w
}

func (p *ConnectProperties) decode(r *reader) {
	props := r.properties(inConnect)
	for props.next() {
		p.set(&props)
	}
	p.User = props.user()
	if p.HasAuthData && !p.HasAuthMethod {
		props.fail(errAuthDataAlone)
	}
	r.join(&props)
}

func (p *ConnectProperties) set(r *propReader) {
	switch r.id {
	case propSessionExpiry:
		p.SessionExpiry, p.HasSessionExpiry = r.number, true
	case propReceiveMaximum:
		p.ReceiveMaximum = uint16(r.number)
	case propMaximumPacketSize:
		p.MaximumPacketSize = r.number
	case propTopicAliasMaximum:
		p.TopicAliasMaximum = uint16(r.number)
	case propRequestResponseInfo:
		p.RequestResponseInfo = r.number != 0
	case propRequestProblemInfo:
		p.RequestProblemInfo = r.number != 0
	case propAuthMethod:
		p.AuthMethod, p.HasAuthMethod = r.data, true
	case propAuthData:
		p.AuthData, p.HasAuthData = r.data, true
	}
}

// write writes the properties; the zero value of RequestProblemInfo is not the
// default of the protocol and therefore is written.
func (p *ConnectProperties) write(w *propWriter) {
	if p.HasSessionExpiry {
		w.uint32(propSessionExpiry, p.SessionExpiry)
	}
	if p.HasAuthMethod {
		w.bytes(propAuthMethod, present(p.AuthMethod))
	}
	if p.HasAuthData {
		w.bytes(propAuthData, present(p.AuthData))
	}
	if !p.RequestProblemInfo {
		w.bool(propRequestProblemInfo, false)
	}
	if p.RequestResponseInfo {
		w.bool(propRequestResponseInfo, true)
	}
	if p.ReceiveMaximum != 0 {
		w.uint16(propReceiveMaximum, p.ReceiveMaximum)
	}
	if p.TopicAliasMaximum != 0 {
		w.uint16(propTopicAliasMaximum, p.TopicAliasMaximum)
	}
	w.user(p.User)
	if p.MaximumPacketSize != 0 {
		w.uint32(propMaximumPacketSize, p.MaximumPacketSize)
	}
}

// present is b, or an empty slice in place of nil.
func present(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func (w *Will) write(pw *propWriter) {
	w.Properties.writeMessage(pw)
	if w.Delay != 0 {
		pw.uint32(propWillDelay, w.Delay)
	}
	pw.user(w.Properties.User)
}

// sizes returns the lengths of the two property blocks and the Remaining Length.
func (p *Connect) sizes(v Version) (props, willProps, remaining int) {
	remaining = 2 + len("MQTT") + 1 + 1 + 2 + 2 + len(p.ClientID)
	if v == V31 {
		remaining += len("MQIsdp") - len("MQTT")
	}
	if v == V50 {
		w := propWriter{sizing: true}
		p.Properties.write(&w)
		props = w.size
		remaining += varintSize(props) + props
	}
	if p.Will != nil {
		if v == V50 {
			w := propWriter{sizing: true}
			p.Will.write(&w)
			willProps = w.size
			remaining += varintSize(willProps) + willProps
		}
		remaining += 4 + len(p.Will.Topic) + len(p.Will.Payload)
	}
	if p.HasUsername {
		remaining += 2 + len(p.Username)
	}
	if p.HasPassword {
		remaining += 2 + len(p.Password)
	}
	return props, willProps, remaining
}

// Size is the number of bytes that Append appends.
func (p *Connect) Size(v Version) int {
	_, _, remaining := p.sizes(v)
	return packetSize(remaining)
}

// Append appends the packet, encoded for v, whatever p.Version says.
func (p *Connect) Append(dst []byte, v Version) []byte {
	props, willProps, remaining := p.sizes(v)
	dst = appendHeader(dst, TypeConnect, 0, remaining)
	if v == V31 {
		dst = append(dst, 0, 6, 'M', 'Q', 'I', 's', 'd', 'p')
	} else {
		dst = append(dst, 0, 4, 'M', 'Q', 'T', 'T')
	}
	dst = append(dst, byte(v), p.flags(), byte(p.KeepAlive>>8), byte(p.KeepAlive))
	if v == V50 {
		w := propWriter{dst: appendVarint(dst, props)}
		p.Properties.write(&w)
		dst = w.dst
	}
	dst = appendString(dst, p.ClientID)
	if p.Will != nil {
		dst = p.Will.append(dst, v, willProps)
	}
	if p.HasUsername {
		dst = appendString(dst, p.Username)
	}
	if p.HasPassword {
		dst = appendString(dst, p.Password)
	}
	return dst
}

func (w *Will) append(dst []byte, v Version, props int) []byte {
	if v == V50 {
		pw := propWriter{dst: appendVarint(dst, props)}
		w.write(&pw)
		dst = pw.dst
	}
	dst = appendString(dst, w.Topic)
	return appendString(dst, w.Payload)
}

// flags is the flags byte of CONNECT (§3.1.2.3).
func (p *Connect) flags() byte {
	var f byte
	if p.CleanStart {
		f |= connectClean
	}
	if w := p.Will; w != nil {
		f |= connectWill | w.QoS<<willQoSShift
		if w.Retain {
			f |= connectRetain
		}
	}
	if p.HasPassword {
		f |= connectPassword
	}
	if p.HasUsername {
		f |= connectUsername
	}
	return f
}
