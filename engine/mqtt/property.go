package mqtt

import (
	"encoding/binary"
	"iter"
)

// The property identifiers (§2.2.2.2, table 2-4).
const (
	propPayloadFormat       = 0x01
	propMessageExpiry       = 0x02
	propContentType         = 0x03
	propResponseTopic       = 0x08
	propCorrelationData     = 0x09
	propSubscriptionID      = 0x0B
	propSessionExpiry       = 0x11
	propAssignedClientID    = 0x12
	propServerKeepAlive     = 0x13
	propAuthMethod          = 0x15
	propAuthData            = 0x16
	propRequestProblemInfo  = 0x17
	propWillDelay           = 0x18
	propRequestResponseInfo = 0x19
	propResponseInfo        = 0x1A
	propServerReference     = 0x1C
	propReasonString        = 0x1F
	propReceiveMaximum      = 0x21
	propTopicAliasMaximum   = 0x22
	propTopicAlias          = 0x23
	propMaximumQoS          = 0x24
	propRetainAvailable     = 0x25
	propUser                = 0x26
	propMaximumPacketSize   = 0x27
	propWildcardSubs        = 0x28
	propSubscriptionIDs     = 0x29
	propSharedSubs          = 0x2A
)

// kind is the data type of a property's value.
type kind byte

const (
	kindNone   kind = iota // not a property
	kindBool               // a byte, 0 or 1
	kindUint16             // Two Byte Integer
	kindUint32             // Four Byte Integer
	kindVarint             // Variable Byte Integer
	kindBinary             // Binary Data
	kindString             // UTF-8 Encoded String
	kindPair               // UTF-8 String Pair
)

// property is a row of the property table.
type property struct {
	name    string
	kind    kind
	in      typeSet // the packets (and the will) that may carry it
	nonzero string  // the rule that forbids the value 0, "" when 0 is allowed
	many    typeSet // where it may occur more than once
}

const inMessage = inPublish | inWill

// properties is the property table (§2.2.2.2, table 2-4). Every byte property
// of MQTT 5.0 allows the values 0 and 1 only.
var properties = [...]property{
	propPayloadFormat:       {name: "Payload Format Indicator", kind: kindBool, in: inMessage},
	propMessageExpiry:       {name: "Message Expiry Interval", kind: kindUint32, in: inMessage},
	propContentType:         {name: "Content Type", kind: kindString, in: inMessage},
	propResponseTopic:       {name: "Response Topic", kind: kindString, in: inMessage},
	propCorrelationData:     {name: "Correlation Data", kind: kindBinary, in: inMessage},
	propSubscriptionID:      {name: "Subscription Identifier", kind: kindVarint, in: inPublish | inSubscribe, nonzero: "§3.8.2.1.2", many: inPublish},
	propSessionExpiry:       {name: "Session Expiry Interval", kind: kindUint32, in: inConnect | inClosers},
	propAssignedClientID:    {name: "Assigned Client Identifier", kind: kindString, in: inConnack},
	propServerKeepAlive:     {name: "Server Keep Alive", kind: kindUint16, in: inConnack},
	propAuthMethod:          {name: "Authentication Method", kind: kindString, in: inConnect | inConnack | inAuth},
	propAuthData:            {name: "Authentication Data", kind: kindBinary, in: inConnect | inConnack | inAuth},
	propRequestProblemInfo:  {name: "Request Problem Information", kind: kindBool, in: inConnect},
	propWillDelay:           {name: "Will Delay Interval", kind: kindUint32, in: inWill},
	propRequestResponseInfo: {name: "Request Response Information", kind: kindBool, in: inConnect},
	propResponseInfo:        {name: "Response Information", kind: kindString, in: inConnack},
	propServerReference:     {name: "Server Reference", kind: kindString, in: inClosers},
	propReasonString:        {name: "Reason String", kind: kindString, in: inReasons},
	propReceiveMaximum:      {name: "Receive Maximum", kind: kindUint16, in: inConnect | inConnack, nonzero: "§3.1.2.11.3"},
	propTopicAliasMaximum:   {name: "Topic Alias Maximum", kind: kindUint16, in: inConnect | inConnack},
	propTopicAlias:          {name: "Topic Alias", kind: kindUint16, in: inPublish, nonzero: "MQTT-3.3.2-8"},
	propMaximumQoS:          {name: "Maximum QoS", kind: kindBool, in: inConnack},
	propRetainAvailable:     {name: "Retain Available", kind: kindBool, in: inConnack},
	propUser:                {name: "User Property", kind: kindPair, in: inReasons | inMessage | inConnect | inSubscribe | inUnsubscribe, many: inReasons | inMessage | inConnect | inSubscribe | inUnsubscribe},
	propMaximumPacketSize:   {name: "Maximum Packet Size", kind: kindUint32, in: inConnect | inConnack, nonzero: "§3.1.2.11.4"},
	propWildcardSubs:        {name: "Wildcard Subscription Available", kind: kindBool, in: inConnack},
	propSubscriptionIDs:     {name: "Subscription Identifier Available", kind: kindBool, in: inConnack},
	propSharedSubs:          {name: "Shared Subscription Available", kind: kindBool, in: inConnack},
}

// propReader reads the properties of one block. After next has returned
// true, id and number or data are the property; user properties are checked
// and remembered by their place, not returned.
type propReader struct {
	reader
	block     []byte
	in        typeSet // exactly one bit
	seen      uint64  // identifiers so far
	id        byte
	number    uint32
	data      []byte
	userStart int
	userEnd   int // 0 when there is no user property
}

// next reads up to the next property that is not a user property; false at
// the end of the block and after an error.
func (r *propReader) next() bool {
	for len(r.rest) > 0 {
		start := len(r.block) - len(r.rest)
		r.id = r.byte()
		if !r.admit() {
			return false
		}
		r.value(properties[r.id].kind)
		if r.err != nil {
			return false
		}
		if r.id != propUser {
			return r.inRange()
		}
		if r.userEnd == 0 {
			r.userStart = start
		}
		r.userEnd = len(r.block) - len(r.rest)
	}
	return false
}

// admit checks that the identifier may stand here (§2.2.2.2).
func (r *propReader) admit() bool {
	if int(r.id) >= len(properties) || properties[r.id].in&r.in == 0 {
		r.fail(malformed("§2.2.2.2", "property is not defined for this packet"))
		return false
	}
	bit := uint64(1) << r.id
	if r.seen&bit != 0 && properties[r.id].many&r.in == 0 {
		r.fail(protocolError("§2.2.2.2", properties[r.id].name+" occurs twice"))
		return false
	}
	r.seen |= bit
	return true
}

// value reads a value of kind k into number or data; of a pair it reads both
// strings and keeps none.
func (r *propReader) value(k kind) {
	r.number, r.data = 0, nil
	switch k {
	case kindBool:
		r.number = uint32(r.byte())
	case kindUint16:
		r.number = uint32(r.uint16())
	case kindUint32:
		r.number = r.uint32()
	case kindVarint:
		r.number = uint32(r.varint())
	case kindBinary:
		r.data = r.binary()
	case kindString:
		r.data = r.string()
	case kindPair:
		r.string()
		r.string()
	}
}

// inRange checks the value against its range.
func (r *propReader) inRange() bool {
	spec := &properties[r.id]
	switch {
	case spec.kind == kindBool && r.number > 1:
		r.fail(protocolError("§2.2.2.2", spec.name+" is neither 0 nor 1"))
	case spec.nonzero != "" && r.number == 0 && r.id == propTopicAlias:
		r.fail(&Error{Reason: TopicAliasInvalid, Rule: spec.nonzero, Text: "Topic Alias is 0"})
	case spec.nonzero != "" && r.number == 0:
		r.fail(protocolError(spec.nonzero, spec.name+" is 0"))
	case r.id == propResponseTopic && hasWildcard(r.data):
		r.fail(protocolError("MQTT-3.3.2-14", "Response Topic contains a wildcard"))
	}
	return r.err == nil
}

// user is the part of the block from the first user property to the last, nil
// when there is none.
func (r *propReader) user() UserProperties {
	if r.userEnd == 0 {
		return nil
	}
	return UserProperties(r.block[r.userStart:r.userEnd:r.userEnd])
}

// propWriter appends properties, or only adds up their sizes, so that one
// function per packet serves both.
type propWriter struct {
	dst    []byte
	size   int
	sizing bool
}

func (w *propWriter) bool(id byte, v bool) {
	if w.sizing {
		w.size += 2
		return
	}
	var c byte
	if v {
		c = 1
	}
	w.dst = append(w.dst, id, c)
}

func (w *propWriter) uint16(id byte, n uint16) {
	if w.sizing {
		w.size += 3
		return
	}
	w.dst = append(w.dst, id, byte(n>>8), byte(n))
}

func (w *propWriter) uint32(id byte, n uint32) {
	if w.sizing {
		w.size += 5
		return
	}
	w.dst = binary.BigEndian.AppendUint32(append(w.dst, id), n)
}

func (w *propWriter) varint(id byte, n uint32) {
	if w.sizing {
		w.size += 1 + varintSize(int(n))
		return
	}
	w.dst = appendVarint(append(w.dst, id), int(n))
}

// bytes writes a string or binary property unless it is nil, that is, absent.
func (w *propWriter) bytes(id byte, s []byte) {
	switch {
	case s == nil:
	case w.sizing:
		w.size += 3 + len(s)
	default:
		w.dst = appendString(append(w.dst, id), s)
	}
}

// user writes the user properties of u, in order ([MQTT-3.3.2-18]).
func (w *propWriter) user(u UserProperties) {
	for len(u) > 0 {
		raw, rest := u.first()
		if w.sizing {
			w.size += len(raw)
		} else {
			w.dst = append(w.dst, raw...)
		}
		u = rest
	}
}

// All yields the name and value of each user property, in order. The slices
// alias u.
func (u UserProperties) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		for raw, rest := u.first(); raw != nil; raw, rest = rest.first() {
			r := reader{rest: raw[1:]}
			if key, value := r.binary(), r.binary(); !yield(key, value) {
				return
			}
		}
	}
}

// first is the encoding of the first user property and the block after it; nil
// at the end. A block that is not well formed ends where it breaks.
func (u UserProperties) first() (raw []byte, rest UserProperties) {
	for len(u) > 0 {
		r := propReader{reader: reader{rest: u[1:]}}
		if int(u[0]) >= len(properties) || properties[u[0]].kind == kindNone {
			return nil, nil
		}
		r.skip(properties[u[0]].kind)
		if r.err != nil {
			return nil, nil
		}
		n := len(u) - len(r.rest)
		if u[0] == propUser {
			return u[:n], u[n:]
		}
		u = u[n:]
	}
	return nil, nil
}

// skip is value without the checks of strings.
func (r *propReader) skip(k kind) {
	switch k {
	case kindString:
		r.binary()
	case kindPair:
		r.binary()
		r.binary()
	default:
		r.value(k)
	}
}

// AppendUserProperty adds a user property at the end of dst. The strings are
// at most 65,535 bytes of UTF-8 without U+0000.
func AppendUserProperty(dst UserProperties, key, value string) UserProperties {
	dst = append(dst, propUser, byte(len(key)>>8), byte(len(key)))
	dst = append(dst, key...)
	dst = append(dst, byte(len(value)>>8), byte(len(value)))
	return append(dst, value...)
}

// Clone is a copy of the user properties alone: it does not alias u and has
// nothing of the other properties in the block. It is nil when there is none.
func (u UserProperties) Clone() UserProperties {
	var w propWriter
	w.user(u)
	return w.dst
}
