package mqtttest

import "github.com/wicketmq/wicket/engine/mqtt"

var connackCases = []Case{
	{Name: "CONNACK 3.x accepted", Versions: v3, Hex: `20 <00 00>`, Packet: &mqtt.Connack{}},
	{Name: "CONNACK 3.1.1 session present", Versions: v311, Rule: "MQTT-3.2.2-3", Hex: `20 <01 00>`, Packet: &mqtt.Connack{SessionPresent: true}},
	{Name: "CONNACK 3.1 reserved byte", Versions: v31, Hex: `20 <01 00>`, Packet: &mqtt.Connack{}, NonCanonical: true},
	{Name: "CONNACK 3.x version", Versions: v3, Hex: `20 <00 01>`, Packet: &mqtt.Connack{Reason: mqtt.UnsupportedProtocolVersion}},
	{Name: "CONNACK 3.x identifier", Versions: v3, Hex: `20 <00 02>`, Packet: &mqtt.Connack{Reason: mqtt.ClientIDNotValid}},
	{Name: "CONNACK 3.x unavailable", Versions: v3, Hex: `20 <00 03>`, Packet: &mqtt.Connack{Reason: mqtt.ServerUnavailable}},
	{Name: "CONNACK 3.x credentials", Versions: v3, Hex: `20 <00 04>`, Packet: &mqtt.Connack{Reason: mqtt.BadUsernameOrPassword}},
	{Name: "CONNACK 3.x not authorized", Versions: v3, Hex: `20 <00 05>`, Packet: &mqtt.Connack{Reason: mqtt.NotAuthorized}},
	{Name: "CONNACK 5.0 success", Versions: v5, Hex: `20 <00 00 <>>`, Packet: &mqtt.Connack{}},
	{Name: "CONNACK 5.0 session present", Versions: v5, Rule: "MQTT-3.2.2-3", Hex: `20 <01 00 <>>`, Packet: &mqtt.Connack{SessionPresent: true}},
	{Name: "CONNACK 5.0 refused", Versions: v5, Hex: `20 <00 87 <>>`, Packet: &mqtt.Connack{Reason: mqtt.NotAuthorized}},
	{Name: "CONNACK 5.0 connection rate", Versions: v5, Hex: `20 <00 9f <>>`, Packet: &mqtt.Connack{Reason: mqtt.ConnectionRateExceeded}},
	{
		Name: "CONNACK 5.0 all properties", Versions: v5,
		Hex: `20 <00 00
			<11 00000e10  12 "auto-1"  13 001e  15 "m"  16 [01 02]  1a "resp/"  1c "other:1883"  1f "hello"
			 21 0064  22 000a  24 01  25 00  26 "k" "v"  27 00001000  28 00  29 00  2a 00>>`,
		Packet: &mqtt.Connack{Properties: mqtt.ConnackProperties{
			SessionExpiry: 3600, HasSessionExpiry: true, AssignedClientID: b("auto-1"), ServerKeepAlive: 30, HasServerKeepAlive: true,
			AuthMethod: b("m"), AuthData: b("\x01\x02"), ResponseInformation: b("resp/"), ServerReference: b("other:1883"),
			ReasonString: b("hello"), ReceiveMaximum: 100, TopicAliasMaximum: 10, MaximumQoS: 1, HasMaximumQoS: true, NoRetain: true,
			User: user("k", "v"), MaximumPacketSize: 4096, NoWildcardSubs: true, NoSubscriptionIDs: true, NoSharedSubs: true,
		}},
	}, {
		Name: "CONNACK 5.0 zero values that count", Versions: v5,
		Hex: `20 <00 00 <11 00000000  13 0000  24 00>>`,
		Packet: &mqtt.Connack{Properties: mqtt.ConnackProperties{
			HasSessionExpiry: true, HasServerKeepAlive: true, HasMaximumQoS: true,
		}},
	}, {
		Name: "CONNACK 5.0 defaults written out", Versions: v5, NonCanonical: true,
		Hex:    `20 <00 00 <2a 01  29 01  28 01  25 01  22 0000>>`,
		Packet: &mqtt.Connack{},
	},

	{Name: "CONNACK 3.x return code 6", Versions: v3, Hex: `20 <00 06>`, Reason: mqtt.ProtocolError, Rule: "§2.4"},
	{Name: "CONNACK 3.x return code 0x87", Versions: v3, Hex: `20 <00 87>`, Reason: mqtt.ProtocolError, Rule: "§2.4"},
	{Name: "CONNACK 3.1.1 reserved flags", Versions: v311, Hex: `20 <02 00>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-3.2.2-1"},
	{Name: "CONNACK 3.1.1 session present and refused", Versions: v311, Hex: `20 <01 05>`, Reason: mqtt.ProtocolError, Rule: "MQTT-3.2.2-6"},
	{Name: "CONNACK 3.x too long", Versions: v3, Hex: `20 <00 00 00>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "CONNACK too short", Versions: every, Hex: `20 <00>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "CONNACK 5.0 without property length", Versions: v5, Hex: `20 <00 00>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "CONNACK 5.0 reserved flags", Versions: v5, Hex: `20 <81 00 <>>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-3.2.2-1"},
	{Name: "CONNACK 5.0 session present and refused", Versions: v5, Hex: `20 <01 87 <>>`, Reason: mqtt.ProtocolError, Rule: "MQTT-3.2.2-6"},
	{Name: "CONNACK 5.0 reason of another packet", Versions: v5, Hex: `20 <00 8e <>>`, Reason: mqtt.ProtocolError, Rule: "§2.4"},
	{Name: "CONNACK 5.0 return code of 3.x", Versions: v5, Hex: `20 <00 05 <>>`, Reason: mqtt.ProtocolError, Rule: "§2.4"},
	{Name: "CONNACK 5.0 Maximum QoS 2", Versions: v5, Hex: `20 <00 00 <24 02>>`, Reason: mqtt.ProtocolError, Rule: "§2.2.2.2"},
	{Name: "CONNACK 5.0 Retain Available 2", Versions: v5, Hex: `20 <00 00 <25 02>>`, Reason: mqtt.ProtocolError, Rule: "§2.2.2.2"},
	{Name: "CONNACK 5.0 Receive Maximum 0", Versions: v5, Hex: `20 <00 00 <21 0000>>`, Reason: mqtt.ProtocolError, Rule: "§3.1.2.11.3"},
	{Name: "CONNACK 5.0 Maximum Packet Size 0", Versions: v5, Hex: `20 <00 00 <27 00000000>>`, Reason: mqtt.ProtocolError, Rule: "§3.1.2.11.4"},
	{Name: "CONNACK 5.0 Server Keep Alive twice", Versions: v5, Hex: `20 <00 00 <13 0001 13 0001>>`, Reason: mqtt.ProtocolError, Rule: "§2.2.2.2"},
	{Name: "CONNACK 5.0 with Will Delay", Versions: v5, Hex: `20 <00 00 <18 00000001>>`, Reason: mqtt.MalformedPacket, Rule: "§2.2.2.2"},
	{Name: "CONNACK 5.0 trailing byte", Versions: v5, Hex: `20 <00 00 <> 00>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "CONNACK 5.0 Reason String not UTF-8", Versions: v5, Hex: `20 <00 80 <1f [fe]>>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-1"},
}
