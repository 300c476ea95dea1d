// Package mqtttest is the golden table of MQTT packets, valid and invalid, for
// the tests of the codec and of everything that speaks MQTT on a wire. It is
// for tests only; nothing in the broker imports it.
package mqtttest

import (
	"slices"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// Case is one packet with what a decoder must make of it.
type Case struct {
	Name     string         // unique in the table, starts with the packet type
	Versions []mqtt.Version // the versions for which the expectation holds
	Hex      string         // the whole packet in the notation of [Parse]

	// Packet is a pointer to the expected struct; nil when the packet is
	// invalid or has no struct (PINGREQ, PINGRESP).
	Packet any
	// NonCanonical marks a valid packet for which the encoder chooses other
	// bytes: a default written out, another order of properties, a long form.
	NonCanonical bool

	// Reason is why the packet is invalid; Success when it is valid.
	Reason mqtt.Reason
	// Rule is the rule that an invalid packet breaks, as in [mqtt.Error], or
	// that a valid one shows, if it has one.
	Rule string
	// Refuse is the reason with which a server must refuse the packet though
	// it is well formed; Success when there is none.
	Refuse mqtt.Reason
}

// Bytes is the packet of the case, a new slice on each call.
func (c Case) Bytes() []byte {
	b, _ := Parse(c.Hex)
	return b
}

// Valid reports whether a decoder must accept the packet.
func (c Case) Valid() bool { return c.Reason == mqtt.Success }

// Type is the packet type in the first byte.
func (c Case) Type() mqtt.Type { return mqtt.Type(c.Bytes()[0] >> 4) }

// ToServer reports whether a client may send packets of this type.
func (c Case) ToServer() bool {
	switch c.Type() {
	case mqtt.TypeReserved, mqtt.TypeConnack, mqtt.TypeSuback, mqtt.TypeUnsuback, mqtt.TypePingresp:
		return false
	}
	return true
}

// Cases is the golden table.
var Cases = slices.Concat(
	frameCases,
	connectCases,
	connectInvalid,
	connackCases,
	publishCases,
	publishInvalid,
	ackCases,
	subscribeCases,
	unsubscribeCases,
	subackCases,
	disconnectCases,
	authCases,
)

// Sets of versions for the table.
var (
	v31   = []mqtt.Version{mqtt.V31}
	v311  = []mqtt.Version{mqtt.V311}
	v3    = []mqtt.Version{mqtt.V31, mqtt.V311}
	v5    = []mqtt.Version{mqtt.V50}
	since = []mqtt.Version{mqtt.V311, mqtt.V50}
	every = []mqtt.Version{mqtt.V31, mqtt.V311, mqtt.V50}
)

// b is a shorthand for the table.
func b(s string) []byte { return []byte(s) }

// user builds user properties from names and values in turn.
func user(pairs ...string) (u mqtt.UserProperties) {
	for i := 0; i < len(pairs); i += 2 {
		u = mqtt.AppendUserProperty(u, pairs[i], pairs[i+1])
	}
	return u
}
