package mqtt

import "bytes"

// Subscription options (§3.8.3.1).
const (
	optionQoS               = 0x03
	optionNoLocal           = 0x04
	optionRetainAsPublished = 0x08
	optionRetainHandling    = 0x30
	optionReserved          = 0xC0
	optionReserved3         = 0xFC // MQTT 3.x has only the QoS

	retainHandlingShift = 4
)

// sharePrefix starts the filter of a shared subscription (§4.8.2).
const sharePrefix = "$share/"

// Errors of SUBSCRIBE and UNSUBSCRIBE.
var (
	errNoFilter       = protocolError("MQTT-3.8.3-2", "SUBSCRIBE without a filter")
	errNoUnsubFilter  = protocolError("MQTT-3.10.3-2", "UNSUBSCRIBE without a filter")
	errOptions        = malformed("MQTT-3.8.3-5", "reserved bits of the subscription options are set")
	errSubscribeQoS   = protocolError("§3.8.3.1", "subscription with QoS 3")
	errRetainHandling = protocolError("§3.8.3.1", "Retain Handling is 3")
	errNoLocalShared  = protocolError("MQTT-3.8.3-4", "No Local on a shared subscription")
)

// Decode decodes the body of a SUBSCRIBE into p, whose Filters are used again.
// The syntax of the filters is the caller's to check: each gets its own reason
// in the SUBACK.
func (p *Subscribe) Decode(v Version, flags byte, body []byte) error {
	*p = Subscribe{Filters: p.Filters[:0]}
	if err := checkFixedFlags(v, TypeSubscribe, flags); err != nil {
		return err
	}
	r := reader{rest: body}
	p.PacketID = r.packetID()
	if v >= V50 {
		props := r.properties(inSubscribe)
		for props.next() {
			p.SubscriptionID = props.number // the only one but user properties
		}
		p.User = props.user()
		r.join(&props)
	}
	if r.err == nil && len(r.rest) == 0 {
		r.fail(errNoFilter)
	}
	for len(r.rest) > 0 {
		s := Subscription{Filter: r.string()}
		options := r.byte()
		if r.err != nil {
			break
		}
		if err := s.setOptions(v, options); err != nil {
			return err
		}
		p.Filters = append(p.Filters, s)
	}
	return r.end()
}

func (s *Subscription) setOptions(v Version, options byte) error {
	reserved := byte(optionReserved)
	if v < V50 {
		reserved = optionReserved3
	}
	s.QoS = options & optionQoS
	s.NoLocal = options&optionNoLocal != 0
	s.RetainAsPublished = options&optionRetainAsPublished != 0
	s.RetainHandling = options & optionRetainHandling >> retainHandlingShift
	switch {
	case options&reserved != 0:
		return errOptions
	case s.QoS == 3:
		return errSubscribeQoS
	case s.RetainHandling == 3:
		return errRetainHandling
	case s.NoLocal && bytes.HasPrefix(s.Filter, []byte(sharePrefix)):
		return errNoLocalShared
	}
	return nil
}

// options is the options byte of the subscription.
func (s *Subscription) options(v Version) byte {
	o := s.QoS
	if v < V50 {
		return o
	}
	if s.NoLocal {
		o |= optionNoLocal
	}
	if s.RetainAsPublished {
		o |= optionRetainAsPublished
	}
	return o | s.RetainHandling<<retainHandlingShift
}

func (p *Subscribe) write(w *propWriter) {
	if p.SubscriptionID != 0 {
		w.varint(propSubscriptionID, p.SubscriptionID)
	}
	w.user(p.User)
}

func (p *Subscribe) sizes(v Version) (props, remaining int) {
	remaining = 2
	if v >= V50 {
		w := propWriter{sizing: true}
		p.write(&w)
		props = w.size
		remaining += varintSize(props) + props
	}
	for i := range p.Filters {
		remaining += 3 + len(p.Filters[i].Filter)
	}
	return props, remaining
}

// Size is the number of bytes that Append appends.
func (p *Subscribe) Size(v Version) int {
	_, remaining := p.sizes(v)
	return packetSize(remaining)
}

// Append appends the packet; MQTT 3.x keeps only filters and QoS.
func (p *Subscribe) Append(dst []byte, v Version) []byte {
	props, remaining := p.sizes(v)
	dst = appendHeader(dst, TypeSubscribe, flagReserved, remaining)
	dst = append(dst, byte(p.PacketID>>8), byte(p.PacketID))
	if v >= V50 {
		w := propWriter{dst: appendVarint(dst, props)}
		p.write(&w)
		dst = w.dst
	}
	for i := range p.Filters {
		s := &p.Filters[i]
		dst = append(appendString(dst, s.Filter), s.options(v))
	}
	return dst
}

// Decode decodes the body of an UNSUBSCRIBE into p, whose Filters are used
// again. The syntax of the filters is the caller's to check.
func (p *Unsubscribe) Decode(v Version, flags byte, body []byte) error {
	*p = Unsubscribe{Filters: p.Filters[:0]}
	if err := checkFixedFlags(v, TypeUnsubscribe, flags); err != nil {
		return err
	}
	r := reader{rest: body}
	p.PacketID = r.packetID()
	if v >= V50 {
		props := r.properties(inUnsubscribe)
		for props.next() { // only user properties are admitted
		}
		p.User = props.user()
		r.join(&props)
	}
	if r.err == nil && len(r.rest) == 0 {
		r.fail(errNoUnsubFilter)
	}
	for len(r.rest) > 0 {
		if filter := r.string(); r.err == nil {
			p.Filters = append(p.Filters, filter)
		}
	}
	return r.end()
}

func (p *Unsubscribe) sizes(v Version) (props, remaining int) {
	remaining = 2
	if v >= V50 {
		w := propWriter{sizing: true}
		w.user(p.User)
		props = w.size
		remaining += varintSize(props) + props
	}
	for _, filter := range p.Filters {
		remaining += 2 + len(filter)
	}
	return props, remaining
}

// Size is the number of bytes that Append appends.
func (p *Unsubscribe) Size(v Version) int {
	_, remaining := p.sizes(v)
	return packetSize(remaining)
}

// Append appends the packet.
func (p *Unsubscribe) Append(dst []byte, v Version) []byte {
	props, remaining := p.sizes(v)
	dst = appendHeader(dst, TypeUnsubscribe, flagReserved, remaining)
	dst = append(dst, byte(p.PacketID>>8), byte(p.PacketID))
	if v >= V50 {
		w := propWriter{dst: appendVarint(dst, props)}
		w.user(p.User)
		dst = w.dst
	}
	for _, filter := range p.Filters {
		dst = appendString(dst, filter)
	}
	return dst
}
