package mqtttest

import "github.com/wicketmq/wicket/engine/mqtt"

// defaults are the properties of a CONNECT that has none.
var defaults = mqtt.ConnectProperties{RequestProblemInfo: true}

var connectCases = []Case{
	{
		Name: "CONNECT 3.1", Versions: v31,
		Hex:    `10 <"MQIsdp" 03 02 003c "c">`,
		Packet: &mqtt.Connect{Version: mqtt.V31, CleanStart: true, KeepAlive: 60, ClientID: b("c"), Properties: defaults},
	}, {
		Name: "CONNECT 3.1.1", Versions: v311,
		Hex:    `10 <"MQTT" 04 02 003c "c">`,
		Packet: &mqtt.Connect{Version: mqtt.V311, CleanStart: true, KeepAlive: 60, ClientID: b("c"), Properties: defaults},
	}, {
		Name: "CONNECT 5.0", Versions: v5,
		Hex:    `10 <"MQTT" 05 02 003c <> "c">`,
		Packet: &mqtt.Connect{Version: mqtt.V50, CleanStart: true, KeepAlive: 60, ClientID: b("c"), Properties: defaults},
	}, {
		Name: "CONNECT 3.1.1 empty client id", Versions: v311, Rule: "MQTT-3.1.3-6",
		Hex:    `10 <"MQTT" 04 02 0000 "">`,
		Packet: &mqtt.Connect{Version: mqtt.V311, CleanStart: true, ClientID: b(""), Properties: defaults},
	}, {
		Name: "CONNECT 3.1.1 empty client id, persistent session", Versions: v311, Rule: "MQTT-3.1.3-8", // 3.1.1 numbering
		Hex:    `10 <"MQTT" 04 00 0000 "">`,
		Packet: &mqtt.Connect{Version: mqtt.V311, ClientID: b(""), Properties: defaults},
		Refuse: mqtt.ClientIDNotValid,
	}, {
		Name: "CONNECT 5.0 empty client id, persistent session", Versions: v5, Rule: "MQTT-3.1.3-6",
		Hex:    `10 <"MQTT" 05 00 0000 <> "">`,
		Packet: &mqtt.Connect{Version: mqtt.V50, ClientID: b(""), Properties: defaults},
	}, {
		Name: "CONNECT 3.1 client id over 23 bytes", Versions: v31,
		Hex:    `10 <"MQIsdp" 03 00 ffff "abcdefghijklmnopqrstuvwxyz">`,
		Packet: &mqtt.Connect{Version: mqtt.V31, KeepAlive: 65535, ClientID: b("abcdefghijklmnopqrstuvwxyz"), Properties: defaults},
	}, {
		Name: "CONNECT 5.0 client id beyond ASCII", Versions: v5, Rule: "MQTT-3.1.3-4",
		Hex:    `10 <"MQTT" 05 02 0001 <> "größe-世界-🚪">`,
		Packet: &mqtt.Connect{Version: mqtt.V50, CleanStart: true, KeepAlive: 1, ClientID: b("größe-世界-🚪"), Properties: defaults},
	}, {
		Name: "CONNECT 3.1 user name and password", Versions: v31,
		Hex: `10 <"MQIsdp" 03 c2 003c "c" "user" "secret">`,
		Packet: &mqtt.Connect{Version: mqtt.V31, CleanStart: true, KeepAlive: 60, ClientID: b("c"), Properties: defaults,
			HasUsername: true, Username: b("user"), HasPassword: true, Password: b("secret")},
	}, {
		Name: "CONNECT 3.1 user name announced, payload ends", Versions: v31, NonCanonical: true,
		Hex:    `10 <"MQIsdp" 03 82 003c "c">`,
		Packet: &mqtt.Connect{Version: mqtt.V31, CleanStart: true, KeepAlive: 60, ClientID: b("c"), Properties: defaults},
	}, {
		Name: "CONNECT 3.1 password announced, payload ends", Versions: v31, NonCanonical: true,
		Hex: `10 <"MQIsdp" 03 c2 003c "c" "user">`,
		Packet: &mqtt.Connect{Version: mqtt.V31, CleanStart: true, KeepAlive: 60, ClientID: b("c"), Properties: defaults,
			HasUsername: true, Username: b("user")},
	}, {
		Name: "CONNECT 3.1 bits without a will", Versions: v31, NonCanonical: true,
		Hex:    `10 <"MQIsdp" 03 3b 003c "c">`,
		Packet: &mqtt.Connect{Version: mqtt.V31, CleanStart: true, KeepAlive: 60, ClientID: b("c"), Properties: defaults},
	}, {
		Name: "CONNECT 3.1.1 user name only", Versions: v311, Rule: "MQTT-3.1.2-17",
		Hex: `10 <"MQTT" 04 82 003c "c" "user">`,
		Packet: &mqtt.Connect{Version: mqtt.V311, CleanStart: true, KeepAlive: 60, ClientID: b("c"), Properties: defaults,
			HasUsername: true, Username: b("user")},
	}, {
		Name: "CONNECT 3.1.1 empty user name and password", Versions: v311,
		Hex: `10 <"MQTT" 04 c0 003c "c" "" "">`,
		Packet: &mqtt.Connect{Version: mqtt.V311, KeepAlive: 60, ClientID: b("c"), Properties: defaults,
			HasUsername: true, Username: b(""), HasPassword: true, Password: b("")},
	}, {
		Name: "CONNECT 3.1.1 binary password", Versions: v311, Rule: "MQTT-3.1.2-19",
		Hex: `10 <"MQTT" 04 c2 003c "c" "user" [00 ff fe 00]>`,
		Packet: &mqtt.Connect{Version: mqtt.V311, CleanStart: true, KeepAlive: 60, ClientID: b("c"), Properties: defaults,
			HasUsername: true, Username: b("user"), HasPassword: true, Password: b("\x00\xff\xfe\x00")},
	}, {
		Name: "CONNECT 5.0 password without user name", Versions: v5,
		Hex: `10 <"MQTT" 05 42 003c <> "c" "token">`,
		Packet: &mqtt.Connect{Version: mqtt.V50, CleanStart: true, KeepAlive: 60, ClientID: b("c"), Properties: defaults,
			HasPassword: true, Password: b("token")},
	}, {
		Name: "CONNECT 3.1.1 will QoS 0", Versions: v311,
		Hex: `10 <"MQTT" 04 06 003c "c" "gone/c" "bye">`,
		Packet: &mqtt.Connect{Version: mqtt.V311, CleanStart: true, KeepAlive: 60, ClientID: b("c"), Properties: defaults,
			Will: &mqtt.Will{Topic: b("gone/c"), Payload: b("bye")}},
	}, {
		Name: "CONNECT 3.1.1 will QoS 1, retained, empty payload", Versions: v311,
		Hex: `10 <"MQTT" 04 2e 003c "c" "gone/c" "">`,
		Packet: &mqtt.Connect{Version: mqtt.V311, CleanStart: true, KeepAlive: 60, ClientID: b("c"), Properties: defaults,
			Will: &mqtt.Will{Topic: b("gone/c"), Payload: b(""), QoS: 1, Retain: true}},
	}, {
		Name: "CONNECT 3.1 will QoS 2", Versions: v31,
		Hex: `10 <"MQIsdp" 03 16 003c "c" "gone/c" "bye">`,
		Packet: &mqtt.Connect{Version: mqtt.V31, CleanStart: true, KeepAlive: 60, ClientID: b("c"), Properties: defaults,
			Will: &mqtt.Will{Topic: b("gone/c"), Payload: b("bye"), QoS: 2}},
	}, {
		Name: "CONNECT 3.1.1 everything", Versions: v311,
		Hex: `10 <"MQTT" 04 f6 000a "client" "gone/c" [00 01 02] "user" "secret">`,
		Packet: &mqtt.Connect{Version: mqtt.V311, CleanStart: true, KeepAlive: 10, ClientID: b("client"), Properties: defaults,
			Will:        &mqtt.Will{Topic: b("gone/c"), Payload: b("\x00\x01\x02"), QoS: 2, Retain: true},
			HasUsername: true, Username: b("user"), HasPassword: true, Password: b("secret")},
	}, {
		Name: "CONNECT 5.0 all properties", Versions: v5,
		Hex: `10 <"MQTT" 05 02 003c
			<11 ffffffff  15 "SCRAM-SHA-256"  16 [0001]  17 00  19 01  21 000a  22 0014  26 "k" "v"  26 "k" ""  27 00100000>
			"c">`,
		Packet: &mqtt.Connect{Version: mqtt.V50, CleanStart: true, KeepAlive: 60, ClientID: b("c"),
			Properties: mqtt.ConnectProperties{
				SessionExpiry: 0xFFFFFFFF, HasSessionExpiry: true, ReceiveMaximum: 10, MaximumPacketSize: 1 << 20,
				TopicAliasMaximum: 20, RequestResponseInfo: true,
				AuthMethod: b("SCRAM-SHA-256"), HasAuthMethod: true, AuthData: b("\x00\x01"), HasAuthData: true,
				User: user("k", "v", "k", ""),
			}},
	}, {
		Name: "CONNECT 5.0 defaults written out", Versions: v5, NonCanonical: true,
		Hex: `10 <"MQTT" 05 02 003c <11 00000000  17 01  19 00  21 ffff  22 0000> "c">`,
		Packet: &mqtt.Connect{Version: mqtt.V50, CleanStart: true, KeepAlive: 60, ClientID: b("c"),
			Properties: mqtt.ConnectProperties{HasSessionExpiry: true, RequestProblemInfo: true, ReceiveMaximum: 65535}},
	}, {
		Name: "CONNECT 5.0 properties in another order", Versions: v5, NonCanonical: true,
		Hex: `10 <"MQTT" 05 02 003c <26 "k" "v"  27 00000064  26 "l" "w"  11 0000000a> "c">`,
		Packet: &mqtt.Connect{Version: mqtt.V50, CleanStart: true, KeepAlive: 60, ClientID: b("c"),
			Properties: mqtt.ConnectProperties{HasSessionExpiry: true, SessionExpiry: 10, RequestProblemInfo: true, MaximumPacketSize: 100,
				User: user("k", "v", "l", "w")}},
	}, {
		Name: "CONNECT 5.0 empty auth method and data", Versions: v5,
		Hex: `10 <"MQTT" 05 02 003c <15 ""  16 ""> "c">`,
		Packet: &mqtt.Connect{Version: mqtt.V50, CleanStart: true, KeepAlive: 60, ClientID: b("c"),
			Properties: mqtt.ConnectProperties{RequestProblemInfo: true, AuthMethod: b(""), HasAuthMethod: true, AuthData: b(""), HasAuthData: true}},
	}, {
		Name: "CONNECT 5.0 smallest maxima", Versions: v5,
		Hex: `10 <"MQTT" 05 02 003c <21 0001  22 0001  27 00000001> "c">`,
		Packet: &mqtt.Connect{Version: mqtt.V50, CleanStart: true, KeepAlive: 60, ClientID: b("c"),
			Properties: mqtt.ConnectProperties{RequestProblemInfo: true, ReceiveMaximum: 1, TopicAliasMaximum: 1, MaximumPacketSize: 1}},
	}, {
		Name: "CONNECT 5.0 will without properties", Versions: v5,
		Hex: `10 <"MQTT" 05 0e 003c <> "c" <> "gone/c" "bye">`,
		Packet: &mqtt.Connect{Version: mqtt.V50, CleanStart: true, KeepAlive: 60, ClientID: b("c"), Properties: defaults,
			Will: &mqtt.Will{Topic: b("gone/c"), Payload: b("bye"), QoS: 1}},
	}, {
		Name: "CONNECT 5.0 will with all properties", Versions: v5,
		Hex: `10 <"MQTT" 05 36 003c <> "c"
			<01 01  02 0000000a  03 "text/plain"  08 "answer/c"  09 [ff 00]  18 0000001e  26 "k" "v">
			"gone/c" "bye">`,
		Packet: &mqtt.Connect{Version: mqtt.V50, CleanStart: true, KeepAlive: 60, ClientID: b("c"), Properties: defaults,
			Will: &mqtt.Will{Topic: b("gone/c"), Payload: b("bye"), QoS: 2, Retain: true, Delay: 30,
				Properties: mqtt.PublishProperties{PayloadFormat: 1, HasMessageExpiry: true, MessageExpiry: 10,
					ContentType: b("text/plain"), ResponseTopic: b("answer/c"), CorrelationData: b("\xff\x00"), User: user("k", "v")}}},
	}, {
		Name: "CONNECT 5.0 will properties, defaults and another order", Versions: v5, NonCanonical: true,
		Hex: `10 <"MQTT" 05 06 003c <> "c" <26 "k" "v"  18 00000000  01 00  26 "k" "v"> "gone/c" "bye">`,
		Packet: &mqtt.Connect{Version: mqtt.V50, CleanStart: true, KeepAlive: 60, ClientID: b("c"), Properties: defaults,
			Will: &mqtt.Will{Topic: b("gone/c"), Payload: b("bye"), Properties: mqtt.PublishProperties{User: user("k", "v", "k", "v")}}},
	},
}

var connectInvalid = []Case{
	// Protocol name and level.
	{Name: "CONNECT unknown protocol name", Versions: v311, Hex: `10 <"MQTX" 04 02 003c "c">`, Reason: mqtt.UnsupportedProtocolVersion, Rule: "MQTT-3.1.2-1"},
	{Name: "CONNECT protocol name in small letters", Versions: v311, Hex: `10 <"mqtt" 04 02 003c "c">`, Reason: mqtt.UnsupportedProtocolVersion, Rule: "MQTT-3.1.2-1"},
	{Name: "CONNECT empty protocol name", Versions: v311, Hex: `10 <"" 04 02 003c "c">`, Reason: mqtt.UnsupportedProtocolVersion, Rule: "MQTT-3.1.2-1"},
	{Name: "CONNECT MQIsdp level 4", Versions: v311, Hex: `10 <"MQIsdp" 04 02 003c "c">`, Reason: mqtt.UnsupportedProtocolVersion, Rule: "MQTT-3.1.2-2"},
	{Name: "CONNECT MQTT level 3", Versions: v311, Hex: `10 <"MQTT" 03 02 003c "c">`, Reason: mqtt.UnsupportedProtocolVersion, Rule: "MQTT-3.1.2-2"},
	{Name: "CONNECT level 0", Versions: v311, Hex: `10 <"MQTT" 00 02 003c "c">`, Reason: mqtt.UnsupportedProtocolVersion, Rule: "MQTT-3.1.2-2"},
	{Name: "CONNECT level 6", Versions: v311, Hex: `10 <"MQTT" 06 02 003c <> "c">`, Reason: mqtt.UnsupportedProtocolVersion, Rule: "MQTT-3.1.2-2"},
	{Name: "CONNECT level 4 with the bridge bit", Versions: v311, Hex: `10 <"MQTT" 84 02 003c "c">`, Reason: mqtt.UnsupportedProtocolVersion, Rule: "MQTT-3.1.2-2"},
	{Name: "CONNECT level 6 and nothing more", Versions: v311, Hex: `10 <"MQTT" 06>`, Reason: mqtt.UnsupportedProtocolVersion, Rule: "MQTT-3.1.2-2"},

	// Flags.
	{Name: "CONNECT 3.1.1 reserved flag", Versions: v311, Hex: `10 <"MQTT" 04 03 003c "c">`, Reason: mqtt.MalformedPacket, Rule: "MQTT-3.1.2-3"},
	{Name: "CONNECT 5.0 reserved flag", Versions: v5, Hex: `10 <"MQTT" 05 03 003c <> "c">`, Reason: mqtt.MalformedPacket, Rule: "MQTT-3.1.2-3"},
	{Name: "CONNECT 3.1 will QoS 3", Versions: v31, Hex: `10 <"MQIsdp" 03 1e 003c "c" "w" "p">`, Reason: mqtt.MalformedPacket, Rule: "MQTT-3.1.2-12"},
	{Name: "CONNECT 3.1.1 will QoS 3", Versions: v311, Hex: `10 <"MQTT" 04 1e 003c "c" "w" "p">`, Reason: mqtt.MalformedPacket, Rule: "MQTT-3.1.2-12"},
	{Name: "CONNECT 5.0 will QoS 3", Versions: v5, Hex: `10 <"MQTT" 05 1e 003c <> "c" <> "w" "p">`, Reason: mqtt.MalformedPacket, Rule: "MQTT-3.1.2-12"},
	{Name: "CONNECT 3.1.1 will QoS without will", Versions: v311, Hex: `10 <"MQTT" 04 0a 003c "c">`, Reason: mqtt.MalformedPacket, Rule: "MQTT-3.1.2-11"},
	{Name: "CONNECT 5.0 will QoS without will", Versions: v5, Hex: `10 <"MQTT" 05 12 003c <> "c">`, Reason: mqtt.MalformedPacket, Rule: "MQTT-3.1.2-11"},
	{Name: "CONNECT 3.1.1 will retain without will", Versions: v311, Hex: `10 <"MQTT" 04 22 003c "c">`, Reason: mqtt.MalformedPacket, Rule: "MQTT-3.1.2-13"},
	{Name: "CONNECT 5.0 will retain without will", Versions: v5, Hex: `10 <"MQTT" 05 22 003c <> "c">`, Reason: mqtt.MalformedPacket, Rule: "MQTT-3.1.2-13"},
	{Name: "CONNECT 3.1 password without user name", Versions: v31, Hex: `10 <"MQIsdp" 03 42 003c "c" "p">`, Reason: mqtt.MalformedPacket, Rule: "MQTT-3.1.2-22"},
	{Name: "CONNECT 3.1.1 password without user name", Versions: v311, Hex: `10 <"MQTT" 04 42 003c "c" "p">`, Reason: mqtt.MalformedPacket, Rule: "MQTT-3.1.2-22"},

	// Payload.
	{Name: "CONNECT empty body", Versions: v311, Hex: `10 <>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "CONNECT 3.1.1 without client id", Versions: v311, Hex: `10 <"MQTT" 04 02 003c>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "CONNECT 3.1.1 client id longer than the packet", Versions: v311, Hex: `10 <"MQTT" 04 02 003c 0002 'c'>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "CONNECT 3.1.1 user name missing", Versions: v311, Hex: `10 <"MQTT" 04 82 003c "c">`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "CONNECT 3.1.1 password missing", Versions: v311, Hex: `10 <"MQTT" 04 c2 003c "c" "u">`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "CONNECT 3.1.1 will payload missing", Versions: v311, Hex: `10 <"MQTT" 04 06 003c "c" "w">`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "CONNECT 3.1 half a user name", Versions: v31, Hex: `10 <"MQIsdp" 03 82 003c "c" 00>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "CONNECT 3.1 trailing bytes", Versions: v31, Hex: `10 <"MQIsdp" 03 02 003c "c" "u">`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "CONNECT 3.1.1 user name without the flag", Versions: v311, Hex: `10 <"MQTT" 04 02 003c "c" "u">`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "CONNECT 5.0 trailing byte", Versions: v5, Hex: `10 <"MQTT" 05 02 003c <> "c" 00>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "CONNECT 3.1.1 client id with NUL", Versions: v311, Hex: `10 <"MQTT" 04 02 003c [61 00 62]>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-2"},
	{Name: "CONNECT 3.1.1 client id with a surrogate", Versions: v311, Hex: `10 <"MQTT" 04 02 003c [61 eda080]>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-1"},
	{Name: "CONNECT 3.1.1 client id with an overlong form", Versions: v311, Hex: `10 <"MQTT" 04 02 003c [c0 af]>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-1"},
	{Name: "CONNECT 3.1 client id with Java's NUL", Versions: v31, Hex: `10 <"MQIsdp" 03 02 003c [c0 80]>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-1"},
	{Name: "CONNECT 5.0 client id beyond Unicode", Versions: v5, Hex: `10 <"MQTT" 05 02 003c <> [f4 90 80 80]>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-1"},
	{Name: "CONNECT 5.0 user name not UTF-8", Versions: v5, Hex: `10 <"MQTT" 05 82 003c <> "c" [ff]>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-1"},
	{Name: "CONNECT 3.1.1 user name with NUL", Versions: v311, Hex: `10 <"MQTT" 04 82 003c "c" ['longer-than-8' 00]>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-2"},
	{Name: "CONNECT 3.1.1 empty will topic", Versions: v311, Hex: `10 <"MQTT" 04 06 003c "c" "" "p">`, Reason: mqtt.TopicNameInvalid, Rule: "MQTT-4.7.3-1"},
	{Name: "CONNECT 5.0 will topic with a wildcard", Versions: v5, Hex: `10 <"MQTT" 05 06 003c <> "c" <> "gone/+" "p">`, Reason: mqtt.TopicNameInvalid, Rule: "MQTT-3.3.2-2"},
	{Name: "CONNECT 5.0 will topic not UTF-8", Versions: v5, Hex: `10 <"MQTT" 05 06 003c <> "c" <> [80] "p">`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-1"},

	// Properties.
	{Name: "CONNECT 5.0 without property length", Versions: v5, Hex: `10 <"MQTT" 05 02 003c>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "CONNECT 5.0 property length beyond the packet", Versions: v5, Hex: `10 <"MQTT" 05 02 003c 05 11 0000>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "CONNECT 5.0 property length not shortest", Versions: v5, Hex: `10 <"MQTT" 05 02 003c 80 00 "c">`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.5-1"},
	{Name: "CONNECT 5.0 property length of five bytes", Versions: v5, Hex: `10 <"MQTT" 05 02 003c 80 80 80 80 01 "c">`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.5-1"},
	{Name: "CONNECT 5.0 property cut by the property length", Versions: v5, Hex: `10 <"MQTT" 05 02 003c <11 0000> "c">`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "CONNECT 5.0 user property cut", Versions: v5, Hex: `10 <"MQTT" 05 02 003c <26 "k"> "c">`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "CONNECT 5.0 unknown property", Versions: v5, Hex: `10 <"MQTT" 05 02 003c <7f 00> "c">`, Reason: mqtt.MalformedPacket, Rule: "§2.2.2.2"},
	{Name: "CONNECT 5.0 property 0", Versions: v5, Hex: `10 <"MQTT" 05 02 003c <00 00> "c">`, Reason: mqtt.MalformedPacket, Rule: "§2.2.2.2"},
	{Name: "CONNECT 5.0 property identifier of two bytes", Versions: v5, Hex: `10 <"MQTT" 05 02 003c <91 00 00000000> "c">`, Reason: mqtt.MalformedPacket, Rule: "§2.2.2.2"},
	{Name: "CONNECT 5.0 with Topic Alias", Versions: v5, Hex: `10 <"MQTT" 05 02 003c <23 0001> "c">`, Reason: mqtt.MalformedPacket, Rule: "§2.2.2.2"},
	{Name: "CONNECT 5.0 with Will Delay outside the will", Versions: v5, Hex: `10 <"MQTT" 05 02 003c <18 00000001> "c">`, Reason: mqtt.MalformedPacket, Rule: "§2.2.2.2"},
	{Name: "CONNECT 5.0 will with Session Expiry", Versions: v5, Hex: `10 <"MQTT" 05 06 003c <> "c" <11 00000001> "w" "p">`, Reason: mqtt.MalformedPacket, Rule: "§2.2.2.2"},
	{Name: "CONNECT 5.0 will with Topic Alias", Versions: v5, Hex: `10 <"MQTT" 05 06 003c <> "c" <23 0001> "w" "p">`, Reason: mqtt.MalformedPacket, Rule: "§2.2.2.2"},
	{Name: "CONNECT 5.0 Session Expiry twice", Versions: v5, Hex: `10 <"MQTT" 05 02 003c <11 00000001 11 00000001> "c">`, Reason: mqtt.ProtocolError, Rule: "§2.2.2.2"},
	{Name: "CONNECT 5.0 will delay twice", Versions: v5, Hex: `10 <"MQTT" 05 06 003c <> "c" <18 00000001 18 00000001> "w" "p">`, Reason: mqtt.ProtocolError, Rule: "§2.2.2.2"},
	{Name: "CONNECT 5.0 Receive Maximum 0", Versions: v5, Hex: `10 <"MQTT" 05 02 003c <21 0000> "c">`, Reason: mqtt.ProtocolError, Rule: "§3.1.2.11.3"},
	{Name: "CONNECT 5.0 Maximum Packet Size 0", Versions: v5, Hex: `10 <"MQTT" 05 02 003c <27 00000000> "c">`, Reason: mqtt.ProtocolError, Rule: "§3.1.2.11.4"},
	{Name: "CONNECT 5.0 Request Response Information 2", Versions: v5, Hex: `10 <"MQTT" 05 02 003c <19 02> "c">`, Reason: mqtt.ProtocolError, Rule: "§2.2.2.2"},
	{Name: "CONNECT 5.0 Request Problem Information 255", Versions: v5, Hex: `10 <"MQTT" 05 02 003c <17 ff> "c">`, Reason: mqtt.ProtocolError, Rule: "§2.2.2.2"},
	{Name: "CONNECT 5.0 will Payload Format 2", Versions: v5, Hex: `10 <"MQTT" 05 06 003c <> "c" <01 02> "w" "p">`, Reason: mqtt.ProtocolError, Rule: "§2.2.2.2"},
	{Name: "CONNECT 5.0 will Response Topic with a wildcard", Versions: v5, Hex: `10 <"MQTT" 05 06 003c <> "c" <08 "a/#"> "w" "p">`, Reason: mqtt.ProtocolError, Rule: "MQTT-3.3.2-14"},
	{Name: "CONNECT 5.0 Authentication Data alone", Versions: v5, Hex: `10 <"MQTT" 05 02 003c <16 [01]> "c">`, Reason: mqtt.ProtocolError, Rule: "§3.1.2.11.10"},
	{Name: "CONNECT 5.0 Authentication Method not UTF-8", Versions: v5, Hex: `10 <"MQTT" 05 02 003c <15 [ff]> "c">`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-1"},
	{Name: "CONNECT 5.0 user property name not UTF-8", Versions: v5, Hex: `10 <"MQTT" 05 02 003c <26 [ff] "v"> "c">`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-1"},
	{Name: "CONNECT 5.0 user property value with NUL", Versions: v5, Hex: `10 <"MQTT" 05 02 003c <26 "k" [00]> "c">`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-2"},
}
