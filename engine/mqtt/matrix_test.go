package mqtt_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/mqtt/mqtttest"
)

// carriers are packets around a property block (%s): the name in the columns
// of propertyMatrix, the packet, and the type that matters for reason codes.
var carriers = []struct{ name, packet string }{
	{"CONNECT", `10 <"MQTT" 05 02 003c <%s> "c">`},
	{"will", `10 <"MQTT" 05 06 003c <> "c" <%s> "w" "p">`},
	{"CONNACK", `20 <00 00 <%s>>`},
	{"PUBLISH", `30 <"a" <%s> 'x'>`},
	{"PUBACK", `40 <0001 00 <%s>>`},
	{"PUBREC", `50 <0001 00 <%s>>`},
	{"PUBREL", `62 <0001 00 <%s>>`},
	{"PUBCOMP", `70 <0001 00 <%s>>`},
	{"SUBSCRIBE", `82 <0001 <%s> "a" 00>`},
	{"SUBACK", `90 <0001 <%s> 00>`},
	{"UNSUBSCRIBE", `a2 <0001 <%s> "a">`},
	{"UNSUBACK", `b0 <0001 <%s> 00>`},
	{"DISCONNECT", `e0 <00 <%s>>`},
	{"AUTH", `f0 <00 <15 "m" %s>>`},
}

const anyReason = "CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH"

// propertyMatrix says which packets may carry a property (table 2-4 of the
// specification, written down a second time).
var propertyMatrix = []struct{ property, in string }{
	{`01 01`, "PUBLISH will"},
	{`02 00000001`, "PUBLISH will"},
	{`03 "s"`, "PUBLISH will"},
	{`08 "s"`, "PUBLISH will"},
	{`09 "s"`, "PUBLISH will"},
	{`0b 01`, "PUBLISH SUBSCRIBE"},
	{`11 00000001`, "CONNECT CONNACK DISCONNECT"},
	{`12 "s"`, "CONNACK"},
	{`13 0001`, "CONNACK"},
	{`15 "s"`, "CONNECT CONNACK AUTH"},
	{`16 "s"`, "CONNECT CONNACK AUTH"},
	{`17 01`, "CONNECT"},
	{`18 00000001`, "will"},
	{`19 01`, "CONNECT"},
	{`1a "s"`, "CONNACK"},
	{`1c "s"`, "CONNACK DISCONNECT"},
	{`1f "s"`, anyReason},
	{`21 0001`, "CONNECT CONNACK"},
	{`22 0001`, "CONNECT CONNACK"},
	{`23 0001`, "PUBLISH"},
	{`24 01`, "CONNACK"},
	{`25 01`, "CONNACK"},
	{`26 "k" "v"`, "CONNECT will PUBLISH SUBSCRIBE UNSUBSCRIBE " + anyReason},
	{`27 00000001`, "CONNECT CONNACK"},
	{`28 01`, "CONNACK"},
	{`29 01`, "CONNACK"},
	{`2a 01`, "CONNACK"},
}

// repeatable are the pairs that allow a property more than once.
var repeatable = map[string]string{`26 "k" "v"`: "all", `0b 01`: "PUBLISH"}

func TestPropertyMatrix(t *testing.T) {
	for _, row := range propertyMatrix {
		for _, c := range carriers {
			allowed := slices.Contains(strings.Fields(row.in), c.name)
			once, twice := mqtt.Success, mqtt.ProtocolError
			switch many := repeatable[row.property]; {
			case !allowed:
				once, twice = mqtt.MalformedPacket, mqtt.MalformedPacket
			case many == "all" || many == c.name:
				twice = mqtt.Success
			}
			expectProperty(t, c.packet, row.property, once)
			expectProperty(t, c.packet, row.property+" "+row.property, twice)
		}
	}
}

// expectProperty decodes the carrier with the property; a few properties need
// another beside them, and the AUTH carrier has one already.
func expectProperty(t *testing.T, carrier, property string, want mqtt.Reason) {
	t.Helper()
	switch {
	case strings.HasPrefix(property, "15") && strings.HasPrefix(carrier, "f0"):
		carrier = strings.Replace(carrier, `15 "m"`, "", 1)
	case strings.HasPrefix(property, "16") && strings.HasPrefix(carrier, "10") && want != mqtt.MalformedPacket:
		property = `15 "m" ` + property
	}
	notation := fmt.Sprintf(carrier, property)
	packet, _ := mqtttest.Parse(notation)
	got, err := mqtttest.Decode(mqtt.V50, packet)
	if mqtt.ReasonOf(err) != want {
		t.Errorf("%s: got %v, want %v", notation, err, want)
	}
	if err == nil {
		mustRoundTrip(t, mqtt.Type(packet[0]>>4), mqtt.V50, got)
	}
}

// Every identifier that the matrix does not have is unknown everywhere.
func TestUnknownProperties(t *testing.T) {
	known := map[string]bool{}
	for _, row := range propertyMatrix {
		known[row.property[:2]] = true
	}
	for id := range 256 {
		if known[fmt.Sprintf("%02x", id)] {
			continue
		}
		for _, c := range carriers {
			expectProperty(t, c.packet, fmt.Sprintf("%02x {8 00}", id), mqtt.MalformedPacket)
		}
	}
}

// Byte properties are 0 or 1.
func TestBytePropertyValues(t *testing.T) {
	for _, row := range propertyMatrix {
		if _, value, _ := strings.Cut(row.property, " "); value != "01" || row.property == "0b 01" {
			continue
		}
		for _, c := range carriers {
			if !slices.Contains(strings.Fields(row.in), c.name) {
				continue
			}
			for value := range 256 {
				want := mqtt.Success
				if value > 1 {
					want = mqtt.ProtocolError
				}
				expectProperty(t, c.packet, fmt.Sprintf("%s %02x", row.property[:2], value), want)
			}
		}
	}
}

// reasonMatrix says which codes a packet may carry (§3.2.2.2, §3.4.2.1 and
// so on, the tables of each packet).
var reasonMatrix = []struct{ packet, codes string }{
	{`20 <00 %s <>>`, "00 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f"},
	{`40 <0001 %s>`, "00 10 80 83 87 90 91 97 99"},
	{`50 <0001 %s>`, "00 10 80 83 87 90 91 97 99"},
	{`62 <0001 %s>`, "00 92"},
	{`70 <0001 %s>`, "00 92"},
	{`90 <0001 <> %s>`, "00 01 02 80 83 87 8f 91 97 9e a1 a2"},
	{`b0 <0001 <> %s>`, "00 11 80 83 87 8f 91"},
	{`e0 <%s>`, "00 04 80 81 82 83 87 89 8b 8c 8d 8e 8f 90 93 94 95 96 97 98 99 9a 9b 9c 9d 9e 9f a0 a1 a2"},
	{`f0 <%s <15 "m">>`, "00 18 19"},
}

func TestReasonMatrix(t *testing.T) {
	for _, row := range reasonMatrix {
		for code := range 256 {
			hex := fmt.Sprintf("%02x", code)
			packet, _ := mqtttest.Parse(fmt.Sprintf(row.packet, hex))
			allowed := slices.Contains(strings.Fields(row.codes), hex)
			want := mqtt.ProtocolError
			if allowed {
				want = mqtt.Success
			}
			typ := mqtt.Type(packet[0] >> 4)
			if _, err := mqtttest.Decode(mqtt.V50, packet); mqtt.ReasonOf(err) != want {
				t.Errorf("%v with reason %s: got %v, want %v", typ, hex, err, want)
			}
			if mqtt.Reason(code).AllowedIn(typ) != allowed {
				t.Errorf("Reason(0x%s).AllowedIn(%v) is %v", hex, typ, !allowed)
			}
		}
	}
}
