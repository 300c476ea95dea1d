package mqtt

// errNoAuthMethod: only the AUTH without a body has no method (§3.15.2.2.2).
var errNoAuthMethod = protocolError("§3.15.2.2.2", "AUTH without Authentication Method")

// Decode decodes the body of an AUTH; before MQTT 5.0 there is none, and
// Decode fails with [ProtocolError]. An empty body is Success without
// properties (§3.15.2.1).
func (p *Auth) Decode(v Version, flags byte, body []byte) error {
	*p = Auth{}
	if v < V50 {
		return errNotIn3
	}
	if err := checkFixedFlags(v, TypeAuth, flags); err != nil {
		return err
	}
	if len(body) == 0 {
		return nil
	}
	r := reader{rest: body}
	p.Reason = Reason(r.byte())
	if !p.Reason.AllowedIn(TypeAuth) {
		return errReason
	}
	if len(r.rest) > 0 {
		props := r.properties(inAuth)
		for props.next() {
			p.set(&props)
		}
		p.User = props.user()
		r.join(&props)
	}
	if p.Method == nil {
		r.fail(errNoAuthMethod)
	}
	return r.end()
}

func (p *Auth) set(r *propReader) {
	switch r.id {
	case propAuthMethod:
		p.Method = r.data
	case propAuthData:
		p.Data = r.data
	case propReasonString:
		p.ReasonString = r.data
	}
}

func (p *Auth) write(w *propWriter) {
	w.bytes(propAuthMethod, p.Method)
	w.bytes(propAuthData, p.Data)
	w.bytes(propReasonString, p.ReasonString)
	w.user(p.User)
}

func (p *Auth) sizes() (props, remaining int) {
	w := propWriter{sizing: true}
	p.write(&w)
	if w.size == 0 && p.Reason == Success {
		return 0, 0
	}
	return w.size, 1 + varintSize(w.size) + w.size
}

// Size is the number of bytes that Append appends.
func (p *Auth) Size(Version) int {
	_, remaining := p.sizes()
	return packetSize(remaining)
}

// Append appends the packet. Callers send it on MQTT 5.0 connections only.
func (p *Auth) Append(dst []byte, _ Version) []byte {
	props, remaining := p.sizes()
	dst = appendHeader(dst, TypeAuth, 0, remaining)
	if remaining == 0 {
		return dst
	}
	w := propWriter{dst: appendVarint(append(dst, byte(p.Reason)), props)}
	p.write(&w)
	return w.dst
}
