package mqtt

// Decode decodes the body of a packet of type t: PUBACK, PUBREC, PUBREL or
// PUBCOMP. It does not allocate.
func (p *Ack) Decode(t Type, v Version, flags byte, body []byte) error {
	*p = Ack{}
	if err := checkFixedFlags(v, t, flags); err != nil {
		return err
	}
	r := reader{rest: body}
	p.PacketID = r.packetID()
	if v >= V50 && len(r.rest) > 0 { // else Success without properties (§3.4.2.1)
		p.Reason = Reason(r.byte())
		if !p.Reason.AllowedIn(t) {
			return errReason
		}
		p.ReasonString, p.User = r.reasonProperties(1 << t)
	}
	return r.end()
}

// reasonProperties reads an optional property block that has at most a reason
// string and user properties.
func (r *reader) reasonProperties(in typeSet) (text []byte, user UserProperties) {
	if len(r.rest) == 0 {
		return nil, nil
	}
	props := r.properties(in)
	for props.next() {
		if props.id == propReasonString {
			text = props.data
		}
	}
	r.join(&props)
	return text, props.user()
}

func (p *Ack) write(w *propWriter) {
	w.bytes(propReasonString, p.ReasonString)
	w.user(p.User)
}

// sizes tells the short forms apart (§3.4.2.1, §3.4.2.2.1): a Remaining Length
// of 2 is Success, of 3 a reason alone.
func (p *Ack) sizes(v Version) (props, remaining int) {
	if v < V50 {
		return 0, 2
	}
	w := propWriter{sizing: true}
	p.write(&w)
	switch {
	case w.size > 0:
		return w.size, 3 + varintSize(w.size) + w.size
	case p.Reason != Success:
		return 0, 3
	}
	return 0, 2
}

// Size is the number of bytes that Append appends.
func (p *Ack) Size(v Version) int {
	_, remaining := p.sizes(v)
	return packetSize(remaining)
}

// Append appends the packet as one of type t, in the shortest form that says
// all of it. In MQTT 3.x it is the packet identifier alone.
func (p *Ack) Append(dst []byte, v Version, t Type) []byte {
	var flags byte
	if t == TypePubrel {
		flags = flagReserved
	}
	props, remaining := p.sizes(v)
	dst = appendHeader(dst, t, flags, remaining)
	dst = append(dst, byte(p.PacketID>>8), byte(p.PacketID))
	if remaining > 2 {
		dst = append(dst, byte(p.Reason))
	}
	if props > 0 {
		w := propWriter{dst: appendVarint(dst, props)}
		p.write(&w)
		dst = w.dst
	}
	return dst
}
