package mqtttest

import (
	"fmt"
	"slices"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// ackCases are the cases that all four acknowledgements share, then those in
// which they differ.
var ackCases = slices.Concat(
	acksOf("PUBACK", 0x40, "10", mqtt.NoMatchingSubscribers, "92"),
	acksOf("PUBREC", 0x50, "87", mqtt.NotAuthorized, "92"),
	acksOf("PUBREL", 0x62, "92", mqtt.PacketIDNotFound, "80"),
	acksOf("PUBCOMP", 0x70, "92", mqtt.PacketIDNotFound, "10"),
	[]Case{
		{Name: "PUBREL 3.1 again", Versions: v31, Hex: `6a <0001>`, Packet: &mqtt.Ack{PacketID: 1}, NonCanonical: true},
		{Name: "PUBREL again", Versions: since, Hex: `6a <0001>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-2.1.3-1"},
		{Name: "PUBACK 5.0 quota exceeded", Versions: v5, Hex: `40 <0001 97>`, Packet: &mqtt.Ack{PacketID: 1, Reason: mqtt.QuotaExceeded}},
		{Name: "PUBREC 5.0 payload format invalid", Versions: v5, Hex: `50 <0001 99>`, Packet: &mqtt.Ack{PacketID: 1, Reason: mqtt.PayloadFormatInvalid}},
	},
)

// acksOf are the cases of one packet type; reason is a reason it may carry,
// wrong one that it must not.
func acksOf(name string, first byte, code string, reason mqtt.Reason, wrong string) []Case {
	cases := []Case{
		{Name: "", Versions: every, Hex: `<0001>`, Packet: &mqtt.Ack{PacketID: 1}},
		{Name: " greatest packet id", Versions: every, Hex: `<ffff>`, Packet: &mqtt.Ack{PacketID: 65535}},
		{Name: " 5.0 reason", Versions: v5, Hex: `<0001 ` + code + `>`, Packet: &mqtt.Ack{PacketID: 1, Reason: reason}},
		{Name: " 5.0 success written out", Versions: v5, Hex: `<0001 00>`, Packet: &mqtt.Ack{PacketID: 1}, NonCanonical: true},
		{Name: " 5.0 no properties written out", Versions: v5, Hex: `<0001 00 <>>`, Packet: &mqtt.Ack{PacketID: 1}, NonCanonical: true},
		{Name: " 5.0 reason string", Versions: v5, Hex: `<0001 ` + code + ` <1f "why">>`, Packet: &mqtt.Ack{PacketID: 1, Reason: reason, ReasonString: b("why")}},
		{Name: " 5.0 success with user property", Versions: v5, Hex: `<0001 00 <26 "k" "v">>`, Packet: &mqtt.Ack{PacketID: 1, User: user("k", "v")}},
		{Name: " 5.0 all properties", Versions: v5, Hex: `<0001 00 <1f "" 26 "k" "v" 26 "k" "v">>`, Packet: &mqtt.Ack{PacketID: 1, ReasonString: b(""), User: user("k", "v", "k", "v")}},

		{Name: " empty body", Versions: every, Hex: `<>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
		{Name: " half a packet id", Versions: every, Hex: `<01>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
		{Name: " packet id 0", Versions: every, Hex: `<0000>`, Reason: mqtt.ProtocolError, Rule: "MQTT-2.2.1-3"},
		{Name: " 3.x too long", Versions: v3, Hex: `<0001 00>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
		{Name: " 5.0 reason of another packet", Versions: v5, Hex: `<0001 ` + wrong + `>`, Reason: mqtt.ProtocolError, Rule: "§2.4"},
		{Name: " 5.0 unknown reason", Versions: v5, Hex: `<0001 ff>`, Reason: mqtt.ProtocolError, Rule: "§2.4"},
		{Name: " 5.0 reason string twice", Versions: v5, Hex: `<0001 00 <1f "a" 1f "b">>`, Reason: mqtt.ProtocolError, Rule: "§2.2.2.2"},
		{Name: " 5.0 reason string not UTF-8", Versions: v5, Hex: `<0001 00 <1f [c0]>>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-1"},
		{Name: " 5.0 with Content Type", Versions: v5, Hex: `<0001 00 <03 "t">>`, Reason: mqtt.MalformedPacket, Rule: "§2.2.2.2"},
		{Name: " 5.0 property length beyond the packet", Versions: v5, Hex: `<0001 00 01>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
		{Name: " 5.0 trailing byte", Versions: v5, Hex: `<0001 00 <> 00>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	}
	for i := range cases {
		cases[i].Name = name + cases[i].Name
		cases[i].Hex = fmt.Sprintf("%02x %s", first, cases[i].Hex)
	}
	return cases
}
