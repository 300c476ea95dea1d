package mqtttest

import "github.com/wicketmq/wicket/engine/mqtt"

var frameCases = []Case{
	{Name: "PINGREQ", Versions: every, Hex: `c0 00`},
	{Name: "PINGRESP", Versions: every, Hex: `d0 00`},

	{Name: "PINGREQ with a body", Versions: every, Hex: `c0 <00>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "PINGRESP with a body", Versions: every, Hex: `d0 <00>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "PINGREQ with flags", Versions: every, Hex: `c1 00`, Reason: mqtt.MalformedPacket, Rule: "MQTT-2.1.3-1"},
	{Name: "PINGREQ with a long length", Versions: every, Hex: `c0 80 00`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.5-1"},
	{Name: "PINGRESP with flags", Versions: every, Hex: `d8 00`, Reason: mqtt.MalformedPacket, Rule: "MQTT-2.1.3-1"},
	{Name: "RESERVED type 0", Versions: every, Hex: `00 00`, Reason: mqtt.MalformedPacket, Rule: "§2.1.2"},
	{Name: "RESERVED type 0 with flags", Versions: every, Hex: `0f 00`, Reason: mqtt.MalformedPacket, Rule: "§2.1.2"},
	{Name: "PUBLISH length of five bytes", Versions: every, Hex: `30 ff ff ff ff 01`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.5-1"},
	{Name: "PUBLISH length of five bytes, smallest", Versions: every, Hex: `30 80 80 80 80 00`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.5-1"},
	{Name: "PUBLISH length 5 in two bytes", Versions: every, Hex: `30 85 00 "a" 00 00`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.5-1"},
	{Name: "PUBLISH length 5 in four bytes", Versions: every, Hex: `30 85 80 80 00 "a" 00 00`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.5-1"},
	{Name: "CONNECT with flags", Versions: since, Hex: `11 <"MQTT" 04 02 003c "c">`, Reason: mqtt.MalformedPacket, Rule: "MQTT-2.1.3-1"},
	{Name: "CONNACK with flags", Versions: every, Hex: `28 <00 00>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-2.1.3-1"},
	{Name: "PUBACK with flags", Versions: every, Hex: `42 <0001>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-2.1.3-1"},
	{Name: "PUBREC with flags", Versions: every, Hex: `52 <0001>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-2.1.3-1"},
	{Name: "PUBREL without flags", Versions: every, Hex: `60 <0001>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-2.1.3-1"},
	{Name: "PUBREL with retain", Versions: every, Hex: `63 <0001>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-2.1.3-1"},
	{Name: "PUBREL with QoS 2", Versions: every, Hex: `64 <0001>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-2.1.3-1"},
	{Name: "PUBCOMP with flags", Versions: every, Hex: `71 <0001>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-2.1.3-1"},
	{Name: "SUBSCRIBE without flags", Versions: every, Hex: `80 <0001 00 "a" 00>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-2.1.3-1"},
	{Name: "SUBSCRIBE with all flags", Versions: every, Hex: `8f <0001 00 "a" 00>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-2.1.3-1"},
	{Name: "SUBACK with flags", Versions: every, Hex: `91 <0001 00>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-2.1.3-1"},
	{Name: "UNSUBSCRIBE without flags", Versions: every, Hex: `a0 <0001 "a">`, Reason: mqtt.MalformedPacket, Rule: "MQTT-2.1.3-1"},
	{Name: "UNSUBACK with flags", Versions: every, Hex: `b2 <0001>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-2.1.3-1"},
	{Name: "DISCONNECT with flags", Versions: every, Hex: `e1 00`, Reason: mqtt.MalformedPacket, Rule: "MQTT-2.1.3-1"},
	{Name: "AUTH with flags", Versions: v5, Hex: `f1 00`, Reason: mqtt.MalformedPacket, Rule: "MQTT-2.1.3-1"},
}
