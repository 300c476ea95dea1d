package mqtt

import "encoding/binary"

// Errors of PUBLISH.
var (
	errNoTopic      = protocolError("MQTT-4.7.3-1", "topic name is empty")
	errNoTopicAlias = protocolError("§3.3.2.1", "topic name is empty and there is no Topic Alias")
)

// Decode decodes the body of a PUBLISH. It allocates only when the packet has
// more Subscription Identifiers than p.Properties.SubscriptionIDs has room for.
func (p *Publish) Decode(v Version, flags byte, body []byte) error {
	ids := p.Properties.SubscriptionIDs[:0]
	*p = Publish{} // in place: a literal with fields is built beside p and copied
	p.Properties.SubscriptionIDs = ids
	p.Dup, p.QoS, p.Retain = flags&flagDup != 0, flags&flagQoS>>1, flags&flagRetain != 0
	if err := checkPublishFlags(flags); err != nil {
		return err
	}
	r := reader{rest: body}
	p.Topic = r.name()
	if p.QoS > 0 {
		p.PacketID = r.packetID()
	}
	if v >= V50 {
		p.Properties.decode(&r)
	}
	if r.err == nil && len(p.Topic) == 0 {
		if err := p.checkAlias(v); err != nil {
			return err
		}
	}
	p.Payload = r.rest[:len(r.rest):len(r.rest)]
	return r.err
}

// checkAlias checks that an alias stands for an empty topic name.
func (p *Publish) checkAlias(v Version) error {
	switch {
	case v < V50:
		return errNoTopic
	case !p.Properties.HasTopicAlias:
		return errNoTopicAlias
	}
	return nil
}

func (p *PublishProperties) decode(r *reader) {
	if len(r.rest) > 0 && r.rest[0] == 0 { // the common case: no properties
		r.rest = r.rest[1:]
		return
	}
	props := r.properties(inPublish)
	for props.next() {
		p.set(&props)
	}
	p.User = props.user()
	r.join(&props)
}

func (p *PublishProperties) set(r *propReader) {
	switch r.id {
	case propPayloadFormat:
		p.PayloadFormat = byte(r.number)
	case propMessageExpiry:
		p.MessageExpiry, p.HasMessageExpiry = r.number, true
	case propContentType:
		p.ContentType = r.data
	case propResponseTopic:
		p.ResponseTopic = r.data
	case propCorrelationData:
		p.CorrelationData = r.data
	case propSubscriptionID:
		p.SubscriptionIDs = append(p.SubscriptionIDs, r.number)
	case propTopicAlias:
		p.TopicAlias, p.HasTopicAlias = uint16(r.number), true
	}
}

func (p *PublishProperties) write(w *propWriter) {
	p.writeMessage(w)
	for _, id := range p.SubscriptionIDs {
		w.varint(propSubscriptionID, id)
	}
	if p.HasTopicAlias {
		w.uint16(propTopicAlias, p.TopicAlias)
	}
	w.user(p.User)
}

// writeMessage writes what a PUBLISH and a will have in common, up to the user
// properties.
func (p *PublishProperties) writeMessage(w *propWriter) {
	if p.PayloadFormat != 0 {
		w.bool(propPayloadFormat, true)
	}
	if p.HasMessageExpiry {
		w.uint32(propMessageExpiry, p.MessageExpiry)
	}
	w.bytes(propContentType, p.ContentType)
	w.bytes(propResponseTopic, p.ResponseTopic)
	w.bytes(propCorrelationData, p.CorrelationData)
}

func (p *Publish) sizes(v Version) (props, remaining int) {
	remaining = 2 + len(p.Topic) + len(p.Payload)
	if p.QoS > 0 {
		remaining += 2
	}
	if v >= V50 {
		w := propWriter{sizing: true}
		p.Properties.write(&w)
		props = w.size
		remaining += varintSize(props) + props
	}
	return props, remaining
}

// Size is the number of bytes that Append appends.
func (p *Publish) Size(v Version) int {
	_, remaining := p.sizes(v)
	return packetSize(remaining)
}

// Append appends the packet. In MQTT 3.x it has no properties.
func (p *Publish) Append(dst []byte, v Version) []byte {
	dst, _ = AppendPublish(dst, v, p)
	return dst
}

// AppendPublish appends a PUBLISH and tells where its packet identifier is,
// counted from the first byte of the packet; 0 when QoS is 0. The layout is
//
//	offset 0                flags: DUP is bit 3 (0x08) of this byte
//	1                       Remaining Length, 1 to 4 bytes
//	                        topic length (2) and topic
//	packetIDOffset          packet identifier (2), only when QoS > 0
//	                        in 5.0 property length and properties
//	                        payload
//
// so that one encoding can be copied to many receivers of the same version,
// QoS and properties, each copy then getting its identifier with
// [SetPacketID] and, when sent again, its flag with [SetDup].
func AppendPublish(dst []byte, v Version, p *Publish) (out []byte, packetIDOffset int) {
	start := len(dst)
	props, remaining := p.sizes(v)
	dst = appendHeader(dst, TypePublish, p.flags(), remaining)
	dst = appendString(dst, p.Topic)
	if p.QoS > 0 {
		packetIDOffset = len(dst) - start
		dst = append(dst, byte(p.PacketID>>8), byte(p.PacketID))
	}
	if v >= V50 {
		w := propWriter{dst: appendVarint(dst, props)}
		if props > 0 {
			p.Properties.write(&w)
		}
		dst = w.dst
	}
	return append(dst, p.Payload...), packetIDOffset
}

func (p *Publish) flags() byte {
	f := p.QoS << 1
	if p.Dup {
		f |= flagDup
	}
	if p.Retain {
		f |= flagRetain
	}
	return f
}

// SetPacketID sets the packet identifier of an encoded PUBLISH at the offset
// that [AppendPublish] gave.
func SetPacketID(packet []byte, offset int, id uint16) {
	binary.BigEndian.PutUint16(packet[offset:], id)
}

// SetDup sets the DUP flag of an encoded PUBLISH with QoS > 0 [MQTT-3.3.1-1].
func SetDup(packet []byte) { packet[0] |= flagDup }
