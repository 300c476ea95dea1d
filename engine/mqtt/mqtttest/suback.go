package mqtttest

import "github.com/wicketmq/wicket/engine/mqtt"

var subackCases = []Case{
	{Name: "SUBACK 3.x", Versions: v3, Hex: `90 <0001 00>`, Packet: &mqtt.Suback{PacketID: 1, Reasons: []mqtt.Reason{mqtt.Success}}},
	{
		Name: "SUBACK 3.x all codes", Versions: v3, Hex: `90 <ffff 00 01 02 80>`,
		Packet: &mqtt.Suback{PacketID: 65535, Reasons: []mqtt.Reason{mqtt.Success, mqtt.GrantedQoS1, mqtt.GrantedQoS2, mqtt.UnspecifiedError}},
	},
	{Name: "SUBACK 5.0", Versions: v5, Hex: `90 <0001 <> 02>`, Packet: &mqtt.Suback{PacketID: 1, Reasons: []mqtt.Reason{mqtt.GrantedQoS2}}},
	{
		Name: "SUBACK 5.0 all codes and properties", Versions: v5, Hex: `90 <0001 <1f "why" 26 "k" "v"> 00 01 02 80 83 87 8f 91 97 9e a1 a2>`,
		Packet: &mqtt.Suback{PacketID: 1, ReasonString: b("why"), User: user("k", "v"), Reasons: []mqtt.Reason{
			mqtt.Success, mqtt.GrantedQoS1, mqtt.GrantedQoS2, mqtt.UnspecifiedError, mqtt.ImplementationSpecificError,
			mqtt.NotAuthorized, mqtt.TopicFilterInvalid, mqtt.PacketIDInUse, mqtt.QuotaExceeded, mqtt.SharedSubsNotSupported,
			mqtt.SubIDsNotSupported, mqtt.WildcardSubsNotSupported,
		}},
	},
	{Name: "SUBACK packet id 0", Versions: every, Hex: `90 <0000 00 00>`, Reason: mqtt.ProtocolError, Rule: "MQTT-2.2.1-3"},
	{Name: "SUBACK empty body", Versions: every, Hex: `90 <>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "SUBACK 3.x no code", Versions: v3, Hex: `90 <0001>`, Reason: mqtt.ProtocolError, Rule: "MQTT-3.9.3-1"},
	{Name: "SUBACK 5.0 no code", Versions: v5, Hex: `90 <0001 <>>`, Reason: mqtt.ProtocolError, Rule: "MQTT-3.9.3-1"},
	{Name: "SUBACK 5.0 no property length", Versions: v5, Hex: `90 <0001>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "SUBACK 3.x code 3", Versions: v3, Hex: `90 <0001 03>`, Reason: mqtt.ProtocolError, Rule: "§2.4"},
	{Name: "SUBACK 3.x code of 5.0", Versions: v3, Hex: `90 <0001 00 87>`, Reason: mqtt.ProtocolError, Rule: "§2.4"},
	{Name: "SUBACK 5.0 reason of another packet", Versions: v5, Hex: `90 <0001 <> 00 10>`, Reason: mqtt.ProtocolError, Rule: "§2.4"},
	{Name: "SUBACK 5.0 reason string twice", Versions: v5, Hex: `90 <0001 <1f "a" 1f "b"> 00>`, Reason: mqtt.ProtocolError, Rule: "§2.2.2.2"},
	{Name: "SUBACK 5.0 with a subscription identifier", Versions: v5, Hex: `90 <0001 <0b 01> 00>`, Reason: mqtt.MalformedPacket, Rule: "§2.2.2.2"},

	{Name: "UNSUBACK 3.x", Versions: v3, Hex: `b0 <0001>`, Packet: &mqtt.Unsuback{PacketID: 1}},
	{Name: "UNSUBACK 5.0", Versions: v5, Hex: `b0 <0001 <> 00>`, Packet: &mqtt.Unsuback{PacketID: 1, Reasons: []mqtt.Reason{mqtt.Success}}},
	{
		Name: "UNSUBACK 5.0 all codes and properties", Versions: v5, Hex: `b0 <0001 <1f "why" 26 "k" "v"> 00 11 80 83 87 8f 91>`,
		Packet: &mqtt.Unsuback{PacketID: 1, ReasonString: b("why"), User: user("k", "v"), Reasons: []mqtt.Reason{
			mqtt.Success, mqtt.NoSubscriptionExisted, mqtt.UnspecifiedError, mqtt.ImplementationSpecificError,
			mqtt.NotAuthorized, mqtt.TopicFilterInvalid, mqtt.PacketIDInUse,
		}},
	},
	{Name: "UNSUBACK 3.x packet id 0", Versions: v3, Hex: `b0 <0000>`, Reason: mqtt.ProtocolError, Rule: "MQTT-2.2.1-3"},
	{Name: "UNSUBACK 3.x with codes", Versions: v3, Hex: `b0 <0001 00>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "UNSUBACK empty body", Versions: every, Hex: `b0 <>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "UNSUBACK 5.0 no code", Versions: v5, Hex: `b0 <0001 <>>`, Reason: mqtt.ProtocolError, Rule: "MQTT-3.9.3-1"},
	{Name: "UNSUBACK 5.0 no property length", Versions: v5, Hex: `b0 <0001>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "UNSUBACK 5.0 granted QoS 1", Versions: v5, Hex: `b0 <0001 <> 01>`, Reason: mqtt.ProtocolError, Rule: "§2.4"},
}
