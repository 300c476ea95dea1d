package mqtttest

import "github.com/wicketmq/wicket/engine/mqtt"

var subscribeCases = []Case{
	{Name: "SUBSCRIBE 3.x", Versions: v3, Hex: `82 <0001 "a/b" 00>`, Packet: &mqtt.Subscribe{PacketID: 1, Filters: []mqtt.Subscription{{Filter: b("a/b")}}}},
	{
		Name: "SUBSCRIBE 3.x three filters", Versions: v3, Hex: `82 <000a "a/+" 00 "b/#" 01 "$SYS/#" 02>`,
		Packet: &mqtt.Subscribe{PacketID: 10, Filters: []mqtt.Subscription{{Filter: b("a/+")}, {Filter: b("b/#"), QoS: 1}, {Filter: b("$SYS/#"), QoS: 2}}},
	},
	{
		Name: "SUBSCRIBE 3.x the same filter twice", Versions: v3, Hex: `82 <000a "a" 00 "a" 01>`,
		Packet: &mqtt.Subscribe{PacketID: 10, Filters: []mqtt.Subscription{{Filter: b("a")}, {Filter: b("a"), QoS: 1}}},
	},
	{Name: "SUBSCRIBE 3.1 again", Versions: v31, Hex: `8a <0001 "a" 01>`, Packet: &mqtt.Subscribe{PacketID: 1, Filters: []mqtt.Subscription{{Filter: b("a"), QoS: 1}}}, NonCanonical: true},
	{Name: "SUBSCRIBE 5.0", Versions: v5, Hex: `82 <0001 <> "a/b" 00>`, Packet: &mqtt.Subscribe{PacketID: 1, Filters: []mqtt.Subscription{{Filter: b("a/b")}}}},
	{
		Name: "SUBSCRIBE 5.0 all options", Versions: v5, Hex: `82 <0001 <> "a" 01 "b" 04 "c" 08 "d" 10 "e" 20 "f" 2e>`,
		Packet: &mqtt.Subscribe{PacketID: 1, Filters: []mqtt.Subscription{
			{Filter: b("a"), QoS: 1}, {Filter: b("b"), NoLocal: true}, {Filter: b("c"), RetainAsPublished: true},
			{Filter: b("d"), RetainHandling: 1}, {Filter: b("e"), RetainHandling: 2},
			{Filter: b("f"), QoS: 2, NoLocal: true, RetainAsPublished: true, RetainHandling: 2},
		}},
	}, {
		Name: "SUBSCRIBE 5.0 all properties", Versions: v5, Hex: `82 <0001 <0b 07 26 "k" "v"> "a/b" 00>`,
		Packet: &mqtt.Subscribe{PacketID: 1, SubscriptionID: 7, User: user("k", "v"), Filters: []mqtt.Subscription{{Filter: b("a/b")}}},
	}, {
		Name: "SUBSCRIBE 5.0 greatest subscription identifier", Versions: v5, Hex: `82 <0001 <0b ffffff7f> "a/b" 00>`,
		Packet: &mqtt.Subscribe{PacketID: 1, SubscriptionID: 268435455, Filters: []mqtt.Subscription{{Filter: b("a/b")}}},
	}, {
		Name: "SUBSCRIBE 5.0 properties in another order", Versions: v5, NonCanonical: true, Hex: `82 <0001 <26 "k" "v" 0b 07> "a/b" 00>`,
		Packet: &mqtt.Subscribe{PacketID: 1, SubscriptionID: 7, User: user("k", "v"), Filters: []mqtt.Subscription{{Filter: b("a/b")}}},
	}, {
		Name: "SUBSCRIBE 5.0 shared", Versions: v5, Hex: `82 <0001 <> "$share/g/a/+" 09>`,
		Packet: &mqtt.Subscribe{PacketID: 1, Filters: []mqtt.Subscription{{Filter: b("$share/g/a/+"), QoS: 1, RetainAsPublished: true}}},
	}, {
		Name: "SUBSCRIBE 3.x empty filter", Versions: v3, Rule: "MQTT-4.7.3-1", Refuse: mqtt.TopicFilterInvalid, Hex: `82 <0001 "" 00>`,
		Packet: &mqtt.Subscribe{PacketID: 1, Filters: []mqtt.Subscription{{Filter: b("")}}},
	}, {
		Name: "SUBSCRIBE 5.0 filter with a misplaced wildcard", Versions: v5, Rule: "MQTT-4.7.1-1", Refuse: mqtt.TopicFilterInvalid, Hex: `82 <0001 <> "a/#/b" 00>`,
		Packet: &mqtt.Subscribe{PacketID: 1, Filters: []mqtt.Subscription{{Filter: b("a/#/b")}}},
	},

	{Name: "SUBSCRIBE empty body", Versions: every, Hex: `82 <>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "SUBSCRIBE again", Versions: v311, Hex: `8a <0001 "a" 00>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-2.1.3-1"},
	{Name: "SUBSCRIBE 5.0 again", Versions: v5, Hex: `8a <0001 <> "a" 00>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-2.1.3-1"},
	{Name: "SUBSCRIBE packet id 0", Versions: every, Hex: `82 <0000 00 "a" 00>`, Reason: mqtt.ProtocolError, Rule: "MQTT-2.2.1-3"},
	{Name: "SUBSCRIBE 3.x no filter", Versions: v3, Hex: `82 <0001>`, Reason: mqtt.ProtocolError, Rule: "MQTT-3.8.3-2"},
	{Name: "SUBSCRIBE 5.0 no filter", Versions: v5, Hex: `82 <0001 <>>`, Reason: mqtt.ProtocolError, Rule: "MQTT-3.8.3-2"},
	{Name: "SUBSCRIBE 5.0 properties and no filter", Versions: v5, Hex: `82 <0001 <0b 01>>`, Reason: mqtt.ProtocolError, Rule: "MQTT-3.8.3-2"},
	{Name: "SUBSCRIBE 5.0 no property length", Versions: v5, Hex: `82 <0001>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "SUBSCRIBE 3.x no options", Versions: v3, Hex: `82 <0001 "a">`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "SUBSCRIBE 5.0 second filter without options", Versions: v5, Hex: `82 <0001 <> "a" 00 "b">`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "SUBSCRIBE 3.x filter longer than the packet", Versions: v3, Hex: `82 <0001 0009 'a' 00>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "SUBSCRIBE 3.x QoS 3", Versions: v3, Hex: `82 <0001 "a" 03>`, Reason: mqtt.ProtocolError, Rule: "§3.8.3.1"},
	{Name: "SUBSCRIBE 5.0 QoS 3", Versions: v5, Hex: `82 <0001 <> "a" 03>`, Reason: mqtt.ProtocolError, Rule: "§3.8.3.1"},
	{Name: "SUBSCRIBE 3.x options of 5.0", Versions: v3, Hex: `82 <0001 "a" 04>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-3.8.3-5"},
	{Name: "SUBSCRIBE 5.0 Retain Handling 3", Versions: v5, Hex: `82 <0001 <> "a" 30>`, Reason: mqtt.ProtocolError, Rule: "§3.8.3.1"},
	{Name: "SUBSCRIBE 5.0 reserved option 6", Versions: v5, Hex: `82 <0001 <> "a" 40>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-3.8.3-5"},
	{Name: "SUBSCRIBE 5.0 reserved option 7", Versions: v5, Hex: `82 <0001 <> "a" 80>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-3.8.3-5"},
	{Name: "SUBSCRIBE 5.0 reserved option in the second filter", Versions: v5, Hex: `82 <0001 <> "a" 00 "b" c1>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-3.8.3-5"},
	{Name: "SUBSCRIBE 5.0 shared with No Local", Versions: v5, Hex: `82 <0001 <> "$share/g/a" 04>`, Reason: mqtt.ProtocolError, Rule: "MQTT-3.8.3-4"},
	{Name: "SUBSCRIBE 5.0 subscription identifier 0", Versions: v5, Hex: `82 <0001 <0b 00> "a" 00>`, Reason: mqtt.ProtocolError, Rule: "§3.8.2.1.2"},
	{Name: "SUBSCRIBE 5.0 subscription identifier twice", Versions: v5, Hex: `82 <0001 <0b 01 0b 02> "a" 00>`, Reason: mqtt.ProtocolError, Rule: "§2.2.2.2"},
	{Name: "SUBSCRIBE 5.0 subscription identifier too great", Versions: v5, Hex: `82 <0001 <0b 80808080 01> "a" 00>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.5-1"},
	{Name: "SUBSCRIBE 5.0 with Reason String", Versions: v5, Hex: `82 <0001 <1f "r"> "a" 00>`, Reason: mqtt.MalformedPacket, Rule: "§2.2.2.2"},
	{Name: "SUBSCRIBE 3.x filter with NUL", Versions: v3, Hex: `82 <0001 [61 00] 00>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-2"},
	{Name: "SUBSCRIBE 5.0 filter not UTF-8", Versions: v5, Hex: `82 <0001 <> [ff] 00>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-1"},
}

var unsubscribeCases = []Case{
	{Name: "UNSUBSCRIBE 3.x", Versions: v3, Hex: `a2 <0001 "a/b">`, Packet: &mqtt.Unsubscribe{PacketID: 1, Filters: [][]byte{b("a/b")}}},
	{Name: "UNSUBSCRIBE 3.x three filters", Versions: v3, Hex: `a2 <0001 "a/+" "b/#" "c">`, Packet: &mqtt.Unsubscribe{PacketID: 1, Filters: [][]byte{b("a/+"), b("b/#"), b("c")}}},
	{Name: "UNSUBSCRIBE 3.1 again", Versions: v31, Hex: `aa <0001 "a">`, Packet: &mqtt.Unsubscribe{PacketID: 1, Filters: [][]byte{b("a")}}, NonCanonical: true},
	{Name: "UNSUBSCRIBE 5.0", Versions: v5, Hex: `a2 <0001 <> "a/b">`, Packet: &mqtt.Unsubscribe{PacketID: 1, Filters: [][]byte{b("a/b")}}},
	{Name: "UNSUBSCRIBE 5.0 user properties", Versions: v5, Hex: `a2 <0001 <26 "k" "v" 26 "l" ""> "a" "b">`, Packet: &mqtt.Unsubscribe{PacketID: 1, User: user("k", "v", "l", ""), Filters: [][]byte{b("a"), b("b")}}},
	{Name: "UNSUBSCRIBE 3.x empty filter", Versions: v3, Rule: "MQTT-4.7.3-1", Refuse: mqtt.TopicFilterInvalid, Hex: `a2 <0001 "">`, Packet: &mqtt.Unsubscribe{PacketID: 1, Filters: [][]byte{b("")}}},

	{Name: "UNSUBSCRIBE empty body", Versions: every, Hex: `a2 <>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "UNSUBSCRIBE again", Versions: v311, Hex: `aa <0001 "a">`, Reason: mqtt.MalformedPacket, Rule: "MQTT-2.1.3-1"},
	{Name: "UNSUBSCRIBE packet id 0", Versions: every, Hex: `a2 <0000 00 "a">`, Reason: mqtt.ProtocolError, Rule: "MQTT-2.2.1-3"},
	{Name: "UNSUBSCRIBE 3.x no filter", Versions: v3, Hex: `a2 <0001>`, Reason: mqtt.ProtocolError, Rule: "MQTT-3.10.3-2"},
	{Name: "UNSUBSCRIBE 5.0 no filter", Versions: v5, Hex: `a2 <0001 <>>`, Reason: mqtt.ProtocolError, Rule: "MQTT-3.10.3-2"},
	{Name: "UNSUBSCRIBE 5.0 no property length", Versions: v5, Hex: `a2 <0001>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "UNSUBSCRIBE 3.x filter longer than the packet", Versions: v3, Hex: `a2 <0001 0002 'a'>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "UNSUBSCRIBE 3.x with options", Versions: v3, Hex: `a2 <0001 "a" 00>`, Reason: mqtt.MalformedPacket, Rule: "§2.1.4"},
	{Name: "UNSUBSCRIBE 5.0 with a subscription identifier", Versions: v5, Hex: `a2 <0001 <0b 01> "a">`, Reason: mqtt.MalformedPacket, Rule: "§2.2.2.2"},
	{Name: "UNSUBSCRIBE 5.0 filter not UTF-8", Versions: v5, Hex: `a2 <0001 <> "a" [ed a0 80]>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-1"},
	{Name: "UNSUBSCRIBE 3.x filter with NUL", Versions: v3, Hex: `a2 <0001 [00]>`, Reason: mqtt.MalformedPacket, Rule: "MQTT-1.5.4-2"},
}
