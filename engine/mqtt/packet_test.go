package mqtt_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/mqtt/mqtttest"
)

func TestParseHeader(t *testing.T) {
	for _, c := range []struct {
		hex  string
		want mqtt.Header
	}{
		{"c0 00", mqtt.Header{Type: mqtt.TypePingreq, Size: 2}},
		{"30 7f", mqtt.Header{Type: mqtt.TypePublish, Size: 2, Remaining: 127}},
		{"3d 8001", mqtt.Header{Type: mqtt.TypePublish, Flags: 0x0D, Size: 3, Remaining: 128}},
		{"30 ff7f", mqtt.Header{Type: mqtt.TypePublish, Size: 3, Remaining: 16383}},
		{"30 808001", mqtt.Header{Type: mqtt.TypePublish, Size: 4, Remaining: 16384}},
		{"30 ffff7f", mqtt.Header{Type: mqtt.TypePublish, Size: 4, Remaining: 2097151}},
		{"30 80808001", mqtt.Header{Type: mqtt.TypePublish, Size: 5, Remaining: 2097152}},
		{"30 ffffff7f", mqtt.Header{Type: mqtt.TypePublish, Size: 5, Remaining: mqtt.MaxRemaining}},
		{"f0 00", mqtt.Header{Type: mqtt.TypeAuth, Size: 2}},
		{"6a 02", mqtt.Header{Type: mqtt.TypePubrel, Flags: 0x0A, Size: 2, Remaining: 2}},
	} {
		window, _ := mqtttest.Parse(c.hex)
		if got, err := mqtt.ParseHeader(window); err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v, want %+v", c.hex, got, err, c.want)
		}
		if c.want.Len() != c.want.Size+c.want.Remaining {
			t.Errorf("%s: Len is %d", c.hex, c.want.Len())
		}
	}
}

// Wrong flags show in the first byte, without a second.
func TestParseHeaderFailsEarly(t *testing.T) {
	for first := range 256 {
		_, err := mqtt.ParseHeader([]byte{byte(first)})
		_, full := mqtt.ParseHeader([]byte{byte(first), 0})
		if full == nil != errors.Is(err, mqtt.ErrShort) {
			t.Errorf("first byte %02x: %v alone, %v with a length", first, err, full)
		}
	}
}

// The version of a CONNECT that is refused decides the form of the answer.
func TestVersionOfRefusedConnect(t *testing.T) {
	for _, c := range []struct {
		body string
		want mqtt.Version
	}{
		{`"MQTT" 06 02 003c 00 "c"`, mqtt.V50},
		{`"MQTT" 7f`, mqtt.V50},
		{`"MQTT" 85`, mqtt.V50},
		{`"MQTT" 84 02 003c "c"`, mqtt.V311},
		{`"MQTT" 03 02 003c "c"`, mqtt.V311},
		{`"MQTT" 00 02 003c "c"`, mqtt.V311},
		{`"MQIsdp" 04 02 003c "c"`, mqtt.V31},
		{`"MQIsdp" 83 02 003c "c"`, mqtt.V31},
		{`"HTTP" 05 02 003c "c"`, mqtt.V311},
	} {
		body, _ := mqtttest.Parse(c.body)
		var p mqtt.Connect
		err := p.Decode(body)
		if mqtt.ReasonOf(err) != mqtt.UnsupportedProtocolVersion || p.Version != c.want {
			t.Errorf("%s: version %v, %v, want version %v", c.body, p.Version, err, c.want)
		}
	}
}

// A CONNECT that is malformed later has its version.
func TestVersionOfMalformedConnect(t *testing.T) {
	for _, c := range mqtttest.Cases {
		if c.Type() != mqtt.TypeConnect || c.Valid() || c.Reason == mqtt.UnsupportedProtocolVersion || c.Rule == "MQTT-2.1.3-1" {
			continue
		}
		var p mqtt.Connect
		if err := p.Decode(c.Bytes()[2:]); err == nil || p.Version != c.Versions[0] {
			t.Errorf("%s: version %v, %v, want %v", c.Name, p.Version, err, c.Versions[0])
		}
	}
}

// A struct that was used before decodes as a new one does.
func TestDecodeResets(t *testing.T) {
	used := map[mqtt.Type]any{}
	eachValid(t, func(t *testing.T, c mqtttest.Case, v mqtt.Version) {
		packet := c.Bytes()
		h, _ := mqtt.ParseHeader(packet)
		if used[h.Type] == nil {
			used[h.Type] = mqtttest.New(h.Type)
		}
		var err error
		switch p := used[h.Type].(type) {
		case nil:
			return
		case *mqtt.Connect:
			err = p.Decode(packet[h.Size:])
		case *mqtt.Ack:
			err = p.Decode(h.Type, v, h.Flags, packet[h.Size:])
		case interface {
			Decode(mqtt.Version, byte, []byte) error
		}:
			err = p.Decode(v, h.Flags, packet[h.Size:])
		}
		if err != nil || !mqtttest.Equal(used[h.Type], c.Packet) {
			t.Errorf("got %+v, %v, want %+v", used[h.Type], err, c.Packet)
		}
	})
}

// The slices of a decoded packet cannot grow into the bytes after them.
func TestDecodedSlicesAreBounded(t *testing.T) {
	h, body := packetOf(t, richPublish)
	stream := append(bytes.Clone(body), "next packet"...)
	var p mqtt.Publish
	if err := p.Decode(mqtt.V50, h.Flags, stream[:len(body)]); err != nil {
		t.Fatal(err)
	}
	for _, s := range [][]byte{p.Topic, p.Payload, p.Properties.ContentType, p.Properties.CorrelationData, p.Properties.User} {
		_ = append(s, "overwritten"...)
	}
	if !bytes.HasSuffix(stream, []byte("next packet")) || !bytes.Equal(stream[:len(body)], body) {
		t.Errorf("append wrote into the stream: %q", stream)
	}
}

// One encoding serves many receivers: copy, set the identifier, set DUP.
func TestAppendPublishOnce(t *testing.T) {
	for _, v := range []mqtt.Version{mqtt.V31, mqtt.V311, mqtt.V50} {
		for _, size := range []int{0, 100, 200, 20000} {
			p := mqtt.Publish{QoS: 1, Topic: []byte("some/topic"), Payload: make([]byte, size)}
			p.Properties.User = mqtt.AppendUserProperty(nil, "k", "v")
			encoded, offset := mqtt.AppendPublish([]byte("prefix"), v, &p)
			one := bytes.Clone(encoded[len("prefix"):])
			mqtt.SetPacketID(one, offset, 0xABCD)
			mqtt.SetDup(one)
			got, err := mqtttest.Decode(v, one)
			if err != nil {
				t.Fatal(err)
			}
			if q := got.(*mqtt.Publish); q.PacketID != 0xABCD || !q.Dup || !bytes.Equal(q.Topic, p.Topic) || !bytes.Equal(q.Payload, p.Payload) {
				t.Errorf("%v, %d bytes: got %+v", v, size, q)
			}
		}
	}
	if _, offset := mqtt.AppendPublish(nil, mqtt.V50, &mqtt.Publish{Topic: []byte("a")}); offset != 0 {
		t.Errorf("offset %d for QoS 0, want 0", offset)
	}
}

func TestUserProperties(t *testing.T) {
	block, _ := mqtttest.Parse(`26 "a" "1"  03 "text"  26 "b" ""  02 00000001  0b 8001  26 "a" "3"  01 01  23 0001`)
	var got []string
	for k, v := range mqtt.UserProperties(block).All() {
		got = append(got, string(k)+"="+string(v))
	}
	if want := []string{"a=1", "b=", "a=3"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for range mqtt.UserProperties(block).All() {
		break // must not go on
	}
	want := mqtt.AppendUserProperty(mqtt.AppendUserProperty(mqtt.AppendUserProperty(nil, "a", "1"), "b", ""), "a", "3")
	if clone := mqtt.UserProperties(block).Clone(); !bytes.Equal(clone, want) {
		t.Errorf("Clone is %x, want %x", clone, want)
	}
	if clone := mqtt.UserProperties(block[7:15]).Clone(); clone != nil {
		t.Errorf("Clone of no user property is %x, want nil", clone)
	}
	for n := range block { // a block that breaks off ends
		for range mqtt.UserProperties(block[:n]).All() {
		}
	}
}

// The user properties of a decoded packet are only as long as they must be.
func TestUserPropertiesOfPacket(t *testing.T) {
	h, body := packetOf(t, `30 <"a" <01 01  26 "k" "v"  26 "l" "w"  23 0001> 'x'>`)
	var p mqtt.Publish
	if err := p.Decode(mqtt.V50, h.Flags, body); err != nil {
		t.Fatal(err)
	}
	want := mqtt.AppendUserProperty(mqtt.AppendUserProperty(nil, "k", "v"), "l", "w")
	if !bytes.Equal(p.Properties.User, want) {
		t.Errorf("got %x, want %x", p.Properties.User, want)
	}
}

func TestNilOptionalFieldsAreWrittenWhenAnnounced(t *testing.T) {
	p := mqtt.Connect{Version: mqtt.V50, Properties: mqtt.ConnectProperties{RequestProblemInfo: true, HasAuthMethod: true, HasAuthData: true}}
	want, _ := mqtttest.Parse(`10 <"MQTT" 05 00 0000 <15 "" 16 ""> "">`)
	if got := p.Append(nil, mqtt.V50); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

// MQTT 3.1 has no Session Present flag: its byte is reserved.
func TestConnack31HasNoSessionPresent(t *testing.T) {
	p := mqtt.Connack{SessionPresent: true}
	if got := p.Append(nil, mqtt.V31); !bytes.Equal(got, []byte{0x20, 2, 0, 0}) {
		t.Errorf("got % x", got)
	}
}
