package mqtttest

import "github.com/wicketmq/wicket/engine/mqtt"

var disconnectCases = []Case{
	{Name: "DISCONNECT", Versions: every, Hex: `e0 00`, Packet: &mqtt.Disconnect{}},
	{Name: "DISCONNECT 5.0 with will", Versions: v5, Hex: `e0 <04>`, Packet: &mqtt.Disconnect{Reason: mqtt.DisconnectWithWill}},
	{Name: "DISCONNECT 5.0 taken over", Versions: v5, Hex: `e0 <8e>`, Packet: &mqtt.Disconnect{Reason: mqtt.SessionTakenOver}},
	{Name: "DISCONNECT 5.0 normal, written out", Versions: v5, Hex: `e0 <00>`, Packet: &mqtt.Disconnect{}, NonCanonical: true},
	{Name: "DISCONNECT 5.0 no properties, written out", Versions: v5, Hex: `e0 <8b <>>`, Packet: &mqtt.Disconnect{Reason: mqtt.ServerShuttingDown}, NonCanonical: true},
	{Name: "DISCONNECT 5.0 Session Expiry", Versions: v5, Hex: `e0 <00 <11 0000000a>>`, Packet: &mqtt.Disconnect{HasSessionExpiry: true, SessionExpiry: 10}},
	{Name: "DISCONNECT 5.0 Session Expiry 0", Versions: v5, Hex: `e0 <00 <11 00000000>>`, Packet: &mqtt.Disconnect{HasSessionExpiry: true}},
	{
		Name: "DISCONNECT 5.0 all properties", Versions: v5, Hex: `e0 <9c <11 00000001  1c "other:1883"  1f "busy"  26 "k" "v">>`,
		Packet: &mqtt.Disconnect{Reason: mqtt.UseAnotherServer, HasSessionExpiry: true, SessionExpiry: 1,
			ServerReference: b("other:1883"), ReasonString: b("busy"), User: user("k", "v")},
	},
	{Name: "DISCONNECT 3.x with a body", Versions: v3, Hex: `e0 <00>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "DISCONNECT 5.0 unknown reason", Versions: v5, Hex: `e0 <03>`, Reason: mqtt.ProtocolError, Rule: "§2.4"},
	{Name: "DISCONNECT 5.0 reason of CONNACK", Versions: v5, Hex: `e0 <86 <>>`, Reason: mqtt.ProtocolError, Rule: "§2.4"},
	{Name: "DISCONNECT 5.0 Session Expiry twice", Versions: v5, Hex: `e0 <00 <11 00000001 11 00000001>>`, Reason: mqtt.ProtocolError, Rule: "§2.2.2.2"},
	{Name: "DISCONNECT 5.0 with Receive Maximum", Versions: v5, Hex: `e0 <00 <21 0001>>`, Reason: mqtt.MalformedPacket, Rule: "§2.2.2.2"},
	{Name: "DISCONNECT 5.0 Session Expiry cut", Versions: v5, Hex: `e0 <00 <11 000001>>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "DISCONNECT 5.0 trailing byte", Versions: v5, Hex: `e0 <00 <> 00>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "DISCONNECT 5.0 Reason String not UTF-8", Versions: v5, Hex: `e0 <00 <1f [80]>>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-1"},
}

var authCases = []Case{
	{Name: "AUTH empty", Versions: v5, Hex: `f0 00`, Packet: &mqtt.Auth{}},
	{Name: "AUTH continue", Versions: v5, Hex: `f0 <18 <15 "m" 16 [00 01]>>`, Packet: &mqtt.Auth{Reason: mqtt.ContinueAuthentication, Method: b("m"), Data: b("\x00\x01")}},
	{Name: "AUTH again", Versions: v5, Hex: `f0 <19 <15 "m">>`, Packet: &mqtt.Auth{Reason: mqtt.Reauthenticate, Method: b("m")}},
	{
		Name: "AUTH all properties", Versions: v5, Hex: `f0 <00 <15 "m" 16 "" 1f "done" 26 "k" "v">>`,
		Packet: &mqtt.Auth{Method: b("m"), Data: b(""), ReasonString: b("done"), User: user("k", "v")},
	},
	{Name: "AUTH in 3.x", Versions: v3, Hex: `f0 00`, Reason: mqtt.ProtocolError, Rule: "§3.15"},
	{Name: "AUTH reason without method", Versions: v5, Hex: `f0 <18 <>>`, Reason: mqtt.ProtocolError, Rule: "§3.15.2.2.2"},
	{Name: "AUTH reason alone", Versions: v5, Hex: `f0 <18>`, Reason: mqtt.ProtocolError, Rule: "§3.15.2.2.2"},
	{Name: "AUTH data without method", Versions: v5, Hex: `f0 <18 <16 [01]>>`, Reason: mqtt.ProtocolError, Rule: "§3.15.2.2.2"},
	{Name: "AUTH unknown reason", Versions: v5, Hex: `f0 <17 <15 "m">>`, Reason: mqtt.ProtocolError, Rule: "§2.4"},
	{Name: "AUTH reason of CONNACK", Versions: v5, Hex: `f0 <87 <15 "m">>`, Reason: mqtt.ProtocolError, Rule: "§2.4"},
	{Name: "AUTH method twice", Versions: v5, Hex: `f0 <18 <15 "m" 15 "m">>`, Reason: mqtt.ProtocolError, Rule: "§2.2.2.2"},
	{Name: "AUTH method not UTF-8", Versions: v5, Hex: `f0 <18 <15 [ff]>>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-1"},
	{Name: "AUTH with Topic Alias", Versions: v5, Hex: `f0 <18 <15 "m" 23 0001>>`, Reason: mqtt.MalformedPacket, Rule: "§2.2.2.2"},
	{Name: "AUTH trailing byte", Versions: v5, Hex: `f0 <18 <15 "m"> 00>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
}
