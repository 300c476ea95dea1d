package mqtt

// Errors of CONNACK.
var (
	errConnackFlags   = malformed("MQTT-3.2.2-1", "reserved flags of CONNACK are set")
	errSessionRefused = protocolError("MQTT-3.2.2-6", "Session Present with a failure")
	errReason         = protocolError("§2.4", "reason code is not defined for this packet")
)

// Decode decodes the body of a CONNACK. The return codes of MQTT 3.x become
// the reason codes nearest to them.
func (p *Connack) Decode(v Version, flags byte, body []byte) error {
	*p = Connack{}
	if err := checkFixedFlags(v, TypeConnack, flags); err != nil {
		return err
	}
	r := reader{rest: body}
	ack, code := r.byte(), r.byte()
	if r.err != nil {
		return r.err
	}
	if v == V31 {
		ack = 0 // a reserved byte
	}
	if ack > 1 {
		return errConnackFlags
	}
	p.SessionPresent = ack == 1
	if v < V50 {
		return p.decode3(&r, code)
	}
	p.Reason = Reason(code)
	if !p.Reason.AllowedIn(TypeConnack) {
		return errReason
	}
	props := r.properties(inConnack)
	for props.next() {
		p.Properties.set(&props)
	}
	p.Properties.User = props.user()
	r.join(&props)
	if p.SessionPresent && p.Reason != Success {
		r.fail(errSessionRefused)
	}
	return r.end()
}

func (p *Connack) decode3(r *reader, code byte) error {
	if int(code) >= len(returnCodes3) {
		return errReason
	}
	p.Reason = returnCodes3[code]
	if p.SessionPresent && p.Reason != Success {
		r.fail(errSessionRefused)
	}
	return r.end()
}

func (p *ConnackProperties) set(r *propReader) {
	switch r.id {
	case propSessionExpiry:
		p.SessionExpiry, p.HasSessionExpiry = r.number, true
	case propAssignedClientID:
		p.AssignedClientID = r.data
	case propServerKeepAlive:
		p.ServerKeepAlive, p.HasServerKeepAlive = uint16(r.number), true
	case propAuthMethod:
		p.AuthMethod = r.data
	case propAuthData:
		p.AuthData = r.data
	case propResponseInfo:
		p.ResponseInformation = r.data
	case propServerReference:
		p.ServerReference = r.data
	case propReasonString:
		p.ReasonString = r.data
	case propReceiveMaximum:
		p.ReceiveMaximum = uint16(r.number)
	case propTopicAliasMaximum:
		p.TopicAliasMaximum = uint16(r.number)
	case propMaximumQoS:
		p.MaximumQoS, p.HasMaximumQoS = byte(r.number), true
	case propRetainAvailable:
		p.NoRetain = r.number == 0
	case propMaximumPacketSize:
		p.MaximumPacketSize = r.number
	case propWildcardSubs:
		p.NoWildcardSubs = r.number == 0
	case propSubscriptionIDs:
		p.NoSubscriptionIDs = r.number == 0
	case propSharedSubs:
		p.NoSharedSubs = r.number == 0
	}
}

func (p *ConnackProperties) write(w *propWriter) {
	if p.HasSessionExpiry {
		w.uint32(propSessionExpiry, p.SessionExpiry)
	}
	w.bytes(propAssignedClientID, p.AssignedClientID)
	if p.HasServerKeepAlive {
		w.uint16(propServerKeepAlive, p.ServerKeepAlive)
	}
	w.bytes(propAuthMethod, p.AuthMethod)
	w.bytes(propAuthData, p.AuthData)
	w.bytes(propResponseInfo, p.ResponseInformation)
	w.bytes(propServerReference, p.ServerReference)
	w.bytes(propReasonString, p.ReasonString)
	if p.ReceiveMaximum != 0 {
		w.uint16(propReceiveMaximum, p.ReceiveMaximum)
	}
	if p.TopicAliasMaximum != 0 {
		w.uint16(propTopicAliasMaximum, p.TopicAliasMaximum)
	}
	if p.HasMaximumQoS {
		w.bool(propMaximumQoS, p.MaximumQoS != 0)
	}
	if p.NoRetain {
		w.bool(propRetainAvailable, false)
	}
	w.user(p.User)
	if p.MaximumPacketSize != 0 {
		w.uint32(propMaximumPacketSize, p.MaximumPacketSize)
	}
	if p.NoWildcardSubs {
		w.bool(propWildcardSubs, false)
	}
	if p.NoSubscriptionIDs {
		w.bool(propSubscriptionIDs, false)
	}
	if p.NoSharedSubs {
		w.bool(propSharedSubs, false)
	}
}

func (p *Connack) sizes(v Version) (props, remaining int) {
	if v < V50 {
		return 0, 2
	}
	w := propWriter{sizing: true}
	p.Properties.write(&w)
	return w.size, 2 + varintSize(w.size) + w.size
}

// Size is the number of bytes that Append appends.
func (p *Connack) Size(v Version) int {
	_, remaining := p.sizes(v)
	return packetSize(remaining)
}

// Append appends the packet. For MQTT 3.x the reason becomes its return code,
// see [Reason.ReturnCode], and for 3.1, which has no Session Present flag, the
// first byte is 0.
func (p *Connack) Append(dst []byte, v Version) []byte {
	props, remaining := p.sizes(v)
	dst = appendHeader(dst, TypeConnack, 0, remaining)
	var ack byte
	if p.SessionPresent && v != V31 {
		ack = 1
	}
	if v < V50 {
		return append(dst, ack, p.Reason.ReturnCode())
	}
	w := propWriter{dst: appendVarint(append(dst, ack, byte(p.Reason)), props)}
	p.Properties.write(&w)
	return w.dst
}
