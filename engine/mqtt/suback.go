package mqtt

// errNoReasons: both packets have one reason code per filter ([MQTT-3.9.3-1],
// [MQTT-3.11.3-1]), and a request has at least one filter.
var errNoReasons = protocolError("MQTT-3.9.3-1", "acknowledgement without a reason code")

// Decode decodes the body of a SUBACK into p, whose Reasons are used again.
// The failure of MQTT 3.1.1, 0x80, is [UnspecifiedError].
func (p *Suback) Decode(v Version, flags byte, body []byte) error {
	return p.decode(TypeSuback, v, flags, body)
}

// Decode decodes the body of an UNSUBACK into p, whose Reasons are used again
// and remain empty in MQTT 3.x.
func (p *Unsuback) Decode(v Version, flags byte, body []byte) error {
	return (*Suback)(p).decode(TypeUnsuback, v, flags, body)
}

func (p *Suback) decode(t Type, v Version, flags byte, body []byte) error {
	*p = Suback{Reasons: p.Reasons[:0]}
	if err := checkFixedFlags(v, t, flags); err != nil {
		return err
	}
	r := reader{rest: body}
	p.PacketID = r.packetID()
	if v < V50 && t == TypeUnsuback {
		return r.end()
	}
	if v >= V50 {
		if len(r.rest) == 0 {
			r.fail(errTruncated)
		}
		p.ReasonString, p.User = r.reasonProperties(1 << t)
	}
	if r.err == nil && len(r.rest) == 0 {
		r.fail(errNoReasons)
	}
	for len(r.rest) > 0 {
		reason := Reason(r.byte())
		if !reason.AllowedIn(t) || v < V50 && reason > GrantedQoS2 && reason != Reason(failure3) {
			return errReason
		}
		p.Reasons = append(p.Reasons, reason)
	}
	return r.end()
}

func (p *Suback) write(w *propWriter) {
	w.bytes(propReasonString, p.ReasonString)
	w.user(p.User)
}

func (p *Suback) sizes(t Type, v Version) (props, remaining int) {
	switch {
	case v < V50 && t == TypeUnsuback:
		return 0, 2
	case v < V50:
		return 0, 2 + len(p.Reasons)
	}
	w := propWriter{sizing: true}
	p.write(&w)
	return w.size, 2 + varintSize(w.size) + w.size + len(p.Reasons)
}

func (p *Suback) append(dst []byte, t Type, v Version) []byte {
	props, remaining := p.sizes(t, v)
	dst = appendHeader(dst, t, 0, remaining)
	dst = append(dst, byte(p.PacketID>>8), byte(p.PacketID))
	if v >= V50 {
		w := propWriter{dst: appendVarint(dst, props)}
		p.write(&w)
		dst = w.dst
	} else if t == TypeUnsuback {
		return dst
	}
	for _, reason := range p.Reasons {
		if v < V50 {
			dst = append(dst, reason.suback3())
		} else {
			dst = append(dst, byte(reason))
		}
	}
	return dst
}

// Size is the number of bytes that Append appends.
func (p *Suback) Size(v Version) int {
	_, remaining := p.sizes(TypeSuback, v)
	return packetSize(remaining)
}

// Append appends the packet. In MQTT 3.x every failure is 0x80.
func (p *Suback) Append(dst []byte, v Version) []byte { return p.append(dst, TypeSuback, v) }

// Size is the number of bytes that Append appends.
func (p *Unsuback) Size(v Version) int {
	_, remaining := (*Suback)(p).sizes(TypeUnsuback, v)
	return packetSize(remaining)
}

// Append appends the packet. In MQTT 3.x it is the packet identifier alone.
func (p *Unsuback) Append(dst []byte, v Version) []byte {
	return (*Suback)(p).append(dst, TypeUnsuback, v)
}
