package mqtttest

import "github.com/wicketmq/wicket/engine/mqtt"

var publishCases = []Case{
	{Name: "PUBLISH 3.x QoS 0", Versions: v3, Hex: `30 <"a/b" 'hello'>`, Packet: &mqtt.Publish{Topic: b("a/b"), Payload: b("hello")}},
	{Name: "PUBLISH 3.x QoS 1", Versions: v3, Hex: `32 <"a/b" 000a 'hello'>`, Packet: &mqtt.Publish{QoS: 1, PacketID: 10, Topic: b("a/b"), Payload: b("hello")}},
	{Name: "PUBLISH 3.x QoS 2", Versions: v3, Hex: `34 <"a/b" ffff 'hello'>`, Packet: &mqtt.Publish{QoS: 2, PacketID: 65535, Topic: b("a/b"), Payload: b("hello")}},
	{Name: "PUBLISH 3.x retained", Versions: v3, Hex: `31 <"a/b" 'hello'>`, Packet: &mqtt.Publish{Retain: true, Topic: b("a/b"), Payload: b("hello")}},
	{Name: "PUBLISH 3.x again", Versions: v3, Hex: `3a <"a/b" 0001 'hello'>`, Packet: &mqtt.Publish{Dup: true, QoS: 1, PacketID: 1, Topic: b("a/b"), Payload: b("hello")}},
	{Name: "PUBLISH 3.x QoS 2 again, retained", Versions: v3, Hex: `3d <"a/b" 0001 'hello'>`, Packet: &mqtt.Publish{Dup: true, Retain: true, QoS: 2, PacketID: 1, Topic: b("a/b"), Payload: b("hello")}},
	{Name: "PUBLISH 3.x empty payload", Versions: v3, Hex: `31 <"a/b">`, Packet: &mqtt.Publish{Retain: true, Topic: b("a/b"), Payload: b("")}},
	{Name: "PUBLISH 3.x QoS 1 empty payload", Versions: v3, Hex: `32 <"a" 0100>`, Packet: &mqtt.Publish{QoS: 1, PacketID: 256, Topic: b("a"), Payload: b("")}},
	{Name: "PUBLISH 3.x binary payload", Versions: v3, Hex: `30 <"a" 00 ff 00 c0>`, Packet: &mqtt.Publish{Topic: b("a"), Payload: b("\x00\xff\x00\xc0")}},
	{Name: "PUBLISH 3.x topic is a separator", Versions: v3, Hex: `30 <"/">`, Packet: &mqtt.Publish{Topic: b("/"), Payload: b("")}},
	{Name: "PUBLISH 3.x topic with a space", Versions: v3, Rule: "MQTT-4.7.3-1", Hex: `30 <"Accounts payable">`, Packet: &mqtt.Publish{Topic: b("Accounts payable"), Payload: b("")}},
	{Name: "PUBLISH 3.x topic beyond ASCII", Versions: v3, Hex: `30 <"größe/世界/🚪">`, Packet: &mqtt.Publish{Topic: b("größe/世界/🚪"), Payload: b("")}},
	{Name: "PUBLISH 3.x topic with a byte order mark", Versions: v3, Rule: "MQTT-1.5.4-3", Hex: `30 <[efbbbf 61]>`, Packet: &mqtt.Publish{Topic: b("\ufeffa"), Payload: b("")}},
	{Name: "PUBLISH 3.x topic with a control character", Versions: v3, Hex: `30 <[01 61 7f]>`, Packet: &mqtt.Publish{Topic: b("\x01a\x7f"), Payload: b("")}},
	{Name: "PUBLISH 3.x topic of seven bytes", Versions: v3, Hex: `30 <"abcdefg">`, Packet: &mqtt.Publish{Topic: b("abcdefg"), Payload: b("")}},
	{Name: "PUBLISH 3.x topic of eight bytes", Versions: v3, Hex: `30 <"abcdefgh">`, Packet: &mqtt.Publish{Topic: b("abcdefgh"), Payload: b("")}},
	{Name: "PUBLISH 3.x topic of seventeen bytes", Versions: v3, Hex: `30 <"abcdefgh/abcdefgh">`, Packet: &mqtt.Publish{Topic: b("abcdefgh/abcdefgh"), Payload: b("")}},
	{Name: "PUBLISH 3.x length of two bytes", Versions: v3, Hex: `30 <"a" {200 78}>`, Packet: &mqtt.Publish{Topic: b("a"), Payload: repeat('x', 200)}},
	{Name: "PUBLISH 3.x length 127", Versions: v3, Hex: `30 7f "a" {124 78}`, Packet: &mqtt.Publish{Topic: b("a"), Payload: repeat('x', 124)}},
	{Name: "PUBLISH 3.x length 128", Versions: v3, Hex: `30 8001 "a" {125 78}`, Packet: &mqtt.Publish{Topic: b("a"), Payload: repeat('x', 125)}},
	{Name: "PUBLISH 3.x length 16383", Versions: v3, Hex: `30 ff7f "a" {16380 78}`, Packet: &mqtt.Publish{Topic: b("a"), Payload: repeat('x', 16380)}},
	{Name: "PUBLISH 3.x length 16384", Versions: v3, Hex: `30 808001 "a" {16381 78}`, Packet: &mqtt.Publish{Topic: b("a"), Payload: repeat('x', 16381)}},
	{Name: "PUBLISH 3.x topic of 65535 bytes", Versions: v3, Hex: `30 <[{65535 61}]>`, Packet: &mqtt.Publish{Topic: repeat('a', 65535), Payload: b("")}},

	{Name: "PUBLISH 5.0 QoS 0", Versions: v5, Hex: `30 <"a/b" <> 'hello'>`, Packet: &mqtt.Publish{Topic: b("a/b"), Payload: b("hello")}},
	{Name: "PUBLISH 5.0 QoS 1", Versions: v5, Hex: `32 <"a/b" 000a <> 'hello'>`, Packet: &mqtt.Publish{QoS: 1, PacketID: 10, Topic: b("a/b"), Payload: b("hello")}},
	{Name: "PUBLISH 5.0 QoS 2 again, retained", Versions: v5, Hex: `3d <"a/b" 0001 <> 'hello'>`, Packet: &mqtt.Publish{Dup: true, Retain: true, QoS: 2, PacketID: 1, Topic: b("a/b"), Payload: b("hello")}},
	{Name: "PUBLISH 5.0 empty payload", Versions: v5, Hex: `31 <"a/b" <>>`, Packet: &mqtt.Publish{Retain: true, Topic: b("a/b"), Payload: b("")}},
	{
		Name: "PUBLISH 5.0 all properties a client may send", Versions: v5,
		Hex: `32 <"a/b" 000a
			<01 01  02 0000003c  03 "application/json"  08 "answers/me"  09 [00 ff]  23 0007  26 "k" "v"  26 "k" "w">
			'{}'>`,
		Packet: &mqtt.Publish{QoS: 1, PacketID: 10, Topic: b("a/b"), Payload: b("{}"), Properties: mqtt.PublishProperties{
			PayloadFormat: 1, HasMessageExpiry: true, MessageExpiry: 60, ContentType: b("application/json"), ResponseTopic: b("answers/me"),
			CorrelationData: b("\x00\xff"), HasTopicAlias: true, TopicAlias: 7, User: user("k", "v", "k", "w"),
		}},
	}, {
		Name: "PUBLISH 5.0 subscription identifiers", Versions: v5, Rule: "MQTT-3.3.4-6", Refuse: mqtt.ProtocolError,
		Hex: `30 <"a" <0b 01  0b ffffff7f  0b 8001> 'x'>`,
		Packet: &mqtt.Publish{Topic: b("a"), Payload: b("x"), Properties: mqtt.PublishProperties{
			SubscriptionIDs: []uint32{1, 268435455, 128},
		}},
	}, {
		Name: "PUBLISH 5.0 alias in place of the topic", Versions: v5,
		Hex:    `30 <"" <23 0001> 'x'>`,
		Packet: &mqtt.Publish{Topic: b(""), Payload: b("x"), Properties: mqtt.PublishProperties{HasTopicAlias: true, TopicAlias: 1}},
	}, {
		Name: "PUBLISH 5.0 greatest alias", Versions: v5,
		Hex:    `30 <"a" <23 ffff> 'x'>`,
		Packet: &mqtt.Publish{Topic: b("a"), Payload: b("x"), Properties: mqtt.PublishProperties{HasTopicAlias: true, TopicAlias: 65535}},
	}, {
		Name: "PUBLISH 5.0 empty optional strings", Versions: v5,
		Hex: `30 <"a" <03 ""  09 ""  26 "" ""> 'x'>`,
		Packet: &mqtt.Publish{Topic: b("a"), Payload: b("x"), Properties: mqtt.PublishProperties{
			ContentType: b(""), CorrelationData: b(""), User: user("", ""),
		}},
	}, {
		Name: "PUBLISH 5.0 Message Expiry 0", Versions: v5,
		Hex:    `30 <"a" <02 00000000> 'x'>`,
		Packet: &mqtt.Publish{Topic: b("a"), Payload: b("x"), Properties: mqtt.PublishProperties{HasMessageExpiry: true}},
	}, {
		Name: "PUBLISH 5.0 Payload Format 0", Versions: v5, NonCanonical: true,
		Hex:    `30 <"a" <01 00> 'x'>`,
		Packet: &mqtt.Publish{Topic: b("a"), Payload: b("x")},
	}, {
		Name: "PUBLISH 5.0 user properties among others", Versions: v5, Rule: "MQTT-3.3.2-18", NonCanonical: true,
		Hex: `30 <"a" <26 "z" "1"  03 "t"  26 "a" "2"  02 00000001  26 "z" "3"  23 0001> 'x'>`,
		Packet: &mqtt.Publish{Topic: b("a"), Payload: b("x"), Properties: mqtt.PublishProperties{
			ContentType: b("t"), HasMessageExpiry: true, MessageExpiry: 1, HasTopicAlias: true, TopicAlias: 1,
			User: user("z", "1", "a", "2", "z", "3"),
		}},
	}, {
		Name: "PUBLISH 5.0 property length of two bytes", Versions: v5,
		Hex: `30 <"a" <26 "k" [{200 76}]> 'x'>`,
		Packet: &mqtt.Publish{Topic: b("a"), Payload: b("x"), Properties: mqtt.PublishProperties{
			User: user("k", string(repeat('v', 200))),
		}},
	},
}

var publishInvalid = []Case{
	{Name: "PUBLISH QoS 3", Versions: every, Hex: `36 <"a" 0001 00 'x'>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-3.3.1-4"},
	{Name: "PUBLISH QoS 3 with all flags", Versions: every, Hex: `3f <"a" 0001 00 'x'>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-3.3.1-4"},
	{Name: "PUBLISH QoS 0 again", Versions: every, Hex: `38 <"a" 00 'x'>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-3.3.1-2"},
	{Name: "PUBLISH empty body", Versions: every, Hex: `30 <>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "PUBLISH half a topic length", Versions: every, Hex: `30 <00>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "PUBLISH topic longer than the packet", Versions: every, Hex: `30 <0004 'abc'>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "PUBLISH packet id 0", Versions: every, Hex: `32 <"a" 0000 00 'x'>`, Reason: mqtt.ProtocolError, Rule: "MQTT-2.2.1-3"},
	{Name: "PUBLISH without packet id", Versions: every, Hex: `32 <"a">`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "PUBLISH half a packet id", Versions: every, Hex: `34 <"a" 01>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "PUBLISH topic with +", Versions: every, Hex: `30 <"a/+" 00>`, Reason: mqtt.TopicNameInvalid, Rule: "MQTT-3.3.2-2"},
	{Name: "PUBLISH topic with #", Versions: every, Hex: `30 <"a/#" 00>`, Reason: mqtt.TopicNameInvalid, Rule: "MQTT-3.3.2-2"},
	{Name: "PUBLISH long topic with + at the front", Versions: every, Hex: `30 <"+bcdefghijklmnop" 00>`, Reason: mqtt.TopicNameInvalid, Rule: "MQTT-3.3.2-2"},
	{Name: "PUBLISH long topic with # at the end", Versions: every, Hex: `30 <"abcdefghijklmnop#" 00>`, Reason: mqtt.TopicNameInvalid, Rule: "MQTT-3.3.2-2"},
	{Name: "PUBLISH long topic beyond ASCII with +", Versions: every, Hex: `30 <"größer/als/+/acht" 00>`, Reason: mqtt.TopicNameInvalid, Rule: "MQTT-3.3.2-2"},
	{Name: "PUBLISH topic with NUL", Versions: every, Hex: `30 <[61 00] 00>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-2"},
	{Name: "PUBLISH long topic with NUL", Versions: every, Hex: `30 <['abcdefgh' 00 'abcdefgh'] 00>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-2"},
	{Name: "PUBLISH topic with a surrogate", Versions: every, Hex: `30 <[edbfbf] 00>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-1"},
	{Name: "PUBLISH topic cut inside a character", Versions: every, Hex: `30 <[e4b8] 00>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-1"},
	{Name: "PUBLISH long topic not UTF-8", Versions: every, Hex: `30 <['abcdefghijkl' ff] 00>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-1"},
	{Name: "PUBLISH 3.x empty topic", Versions: v3, Hex: `30 <"" 'x'>`, Reason: mqtt.ProtocolError, Rule: "MQTT-4.7.3-1"},

	{Name: "PUBLISH 5.0 empty topic without alias", Versions: v5, Hex: `30 <"" <> 'x'>`, Reason: mqtt.ProtocolError, Rule: "§3.3.2.1"},
	{Name: "PUBLISH 5.0 empty topic without alias, with properties", Versions: v5, Hex: `30 <"" <01 01> 'x'>`, Reason: mqtt.ProtocolError, Rule: "§3.3.2.1"},
	{Name: "PUBLISH 5.0 without property length", Versions: v5, Hex: `30 <"a">`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "PUBLISH 5.0 QoS 1 without property length", Versions: v5, Hex: `32 <"a" 0001>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "PUBLISH 5.0 property length beyond the packet", Versions: v5, Hex: `30 <"a" 03 01 01>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "PUBLISH 5.0 property length cut", Versions: v5, Hex: `30 <"a" 80>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "PUBLISH 5.0 property length not shortest", Versions: v5, Hex: `30 <"a" 8200 01 01>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.5-1"},
	{Name: "PUBLISH 5.0 alias 0", Versions: v5, Hex: `30 <"a" <23 0000> 'x'>`, Reason: mqtt.TopicAliasInvalid, Rule: "MQTT-3.3.2-8"},
	{Name: "PUBLISH 5.0 alias twice", Versions: v5, Hex: `30 <"a" <23 0001 23 0002> 'x'>`, Reason: mqtt.ProtocolError, Rule: "§2.2.2.2"},
	{Name: "PUBLISH 5.0 Payload Format 2", Versions: v5, Hex: `30 <"a" <01 02> 'x'>`, Reason: mqtt.ProtocolError, Rule: "§2.2.2.2"},
	{Name: "PUBLISH 5.0 Payload Format twice", Versions: v5, Hex: `30 <"a" <01 01 01 01> 'x'>`, Reason: mqtt.ProtocolError, Rule: "§2.2.2.2"},
	{Name: "PUBLISH 5.0 Message Expiry twice", Versions: v5, Hex: `30 <"a" <02 00000001 02 00000001> 'x'>`, Reason: mqtt.ProtocolError, Rule: "§2.2.2.2"},
	{Name: "PUBLISH 5.0 Content Type twice", Versions: v5, Hex: `30 <"a" <03 "t" 03 "t"> 'x'>`, Reason: mqtt.ProtocolError, Rule: "§2.2.2.2"},
	{Name: "PUBLISH 5.0 Content Type not UTF-8", Versions: v5, Hex: `30 <"a" <03 [fe]> 'x'>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-1"},
	{Name: "PUBLISH 5.0 Response Topic with +", Versions: v5, Hex: `30 <"a" <08 "r/+"> 'x'>`, Reason: mqtt.ProtocolError, Rule: "MQTT-3.3.2-14"},
	{Name: "PUBLISH 5.0 Response Topic with #", Versions: v5, Hex: `30 <"a" <08 "#"> 'x'>`, Reason: mqtt.ProtocolError, Rule: "MQTT-3.3.2-14"},
	{Name: "PUBLISH 5.0 Response Topic twice", Versions: v5, Hex: `30 <"a" <08 "r" 08 "r"> 'x'>`, Reason: mqtt.ProtocolError, Rule: "§2.2.2.2"},
	{Name: "PUBLISH 5.0 Correlation Data twice", Versions: v5, Hex: `30 <"a" <09 "r" 09 "r"> 'x'>`, Reason: mqtt.ProtocolError, Rule: "§2.2.2.2"},
	{Name: "PUBLISH 5.0 subscription identifier 0", Versions: v5, Hex: `30 <"a" <0b 00> 'x'>`, Reason: mqtt.ProtocolError, Rule: "§3.8.2.1.2"},
	{Name: "PUBLISH 5.0 subscription identifier of five bytes", Versions: v5, Hex: `30 <"a" <0b ffffffff01> 'x'>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.5-1"},
	{Name: "PUBLISH 5.0 subscription identifier not shortest", Versions: v5, Hex: `30 <"a" <0b 8100> 'x'>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.5-1"},
	{Name: "PUBLISH 5.0 subscription identifier cut", Versions: v5, Hex: `30 <"a" <0b 81> 'x'>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "PUBLISH 5.0 user property value missing", Versions: v5, Hex: `30 <"a" <26 "k"> 'x'>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "PUBLISH 5.0 property identifier alone", Versions: v5, Hex: `30 <"a" <02> 'x'>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "PUBLISH 5.0 unknown property 0x2b", Versions: v5, Hex: `30 <"a" <2b 00> 'x'>`, Reason: mqtt.MalformedPacket, Rule: "§2.2.2.2"},
	{Name: "PUBLISH 5.0 unknown property 0x04", Versions: v5, Hex: `30 <"a" <04 00> 'x'>`, Reason: mqtt.MalformedPacket, Rule: "§2.2.2.2"},
	{Name: "PUBLISH 5.0 with Will Delay", Versions: v5, Hex: `30 <"a" <18 00000001> 'x'>`, Reason: mqtt.MalformedPacket, Rule: "§2.2.2.2"},
	{Name: "PUBLISH 5.0 with Reason String", Versions: v5, Hex: `30 <"a" <1f "r"> 'x'>`, Reason: mqtt.MalformedPacket, Rule: "§2.2.2.2"},
}

// repeat is n times the byte c.
func repeat(c byte, n int) []byte {
	s := make([]byte, n)
	for i := range s {
		s[i] = c
	}
	return s
}
