package mqtt

// Decode decodes the body of a DISCONNECT.
func (p *Disconnect) Decode(v Version, flags byte, body []byte) error {
	*p = Disconnect{}
	if err := checkFixedFlags(v, TypeDisconnect, flags); err != nil {
		return err
	}
	r := reader{rest: body}
	if v < V50 || len(body) == 0 { // Normal disconnection (§3.14.2.1)
		return r.end()
	}
	p.Reason = Reason(r.byte())
	if !p.Reason.AllowedIn(TypeDisconnect) {
		return errReason
	}
	if len(r.rest) == 0 { // a Remaining Length below 2: no properties
		return nil
	}
	props := r.properties(inDisconnect)
	for props.next() {
		p.set(&props)
	}
	p.User = props.user()
	r.join(&props)
	return r.end()
}

func (p *Disconnect) set(r *propReader) {
	switch r.id {
	case propSessionExpiry:
		p.SessionExpiry, p.HasSessionExpiry = r.number, true
	case propServerReference:
		p.ServerReference = r.data
	case propReasonString:
		p.ReasonString = r.data
	}
}

func (p *Disconnect) write(w *propWriter) {
	if p.HasSessionExpiry {
		w.uint32(propSessionExpiry, p.SessionExpiry)
	}
	w.bytes(propServerReference, p.ServerReference)
	w.bytes(propReasonString, p.ReasonString)
	w.user(p.User)
}

func (p *Disconnect) sizes(v Version) (props, remaining int) {
	if v < V50 {
		return 0, 0
	}
	w := propWriter{sizing: true}
	p.write(&w)
	switch {
	case w.size > 0:
		return w.size, 1 + varintSize(w.size) + w.size
	case p.Reason != Success:
		return 0, 1
	}
	return 0, 0
}

// Size is the number of bytes that Append appends.
func (p *Disconnect) Size(v Version) int {
	_, remaining := p.sizes(v)
	return packetSize(remaining)
}

// Append appends the packet in the shortest form that says all of it. In MQTT
// 3.x it has no body, and only clients may send it.
func (p *Disconnect) Append(dst []byte, v Version) []byte {
	props, remaining := p.sizes(v)
	dst = appendHeader(dst, TypeDisconnect, 0, remaining)
	if remaining > 0 {
		dst = append(dst, byte(p.Reason))
	}
	if props > 0 {
		w := propWriter{dst: appendVarint(dst, props)}
		p.write(&w)
		dst = w.dst
	}
	return dst
}
