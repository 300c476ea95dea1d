package mqtt_test

import (
	"bytes"
	"testing"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// publishes are the messages of the benchmarks: a topic of 27 bytes, QoS 1.
var publishes = []struct {
	name string
	v    mqtt.Version
	size int
	rich bool // with a content type, an expiry and two user properties
}{
	{"v4/64B", mqtt.V311, 64, false},
	{"v4/1KiB", mqtt.V311, 1024, false},
	{"v5/64B", mqtt.V50, 64, false},
	{"v5/1KiB", mqtt.V50, 1024, false},
	{"v5-properties/64B", mqtt.V50, 64, true},
}

func makePublish(size int, rich bool) mqtt.Publish {
	p := mqtt.Publish{QoS: 1, PacketID: 7, Topic: []byte("plant/7/line/3/temperature1"), Payload: bytes.Repeat([]byte("x"), size)}
	if rich {
		p.Properties = mqtt.PublishProperties{HasMessageExpiry: true, MessageExpiry: 60, ContentType: []byte("application/json"),
			User: mqtt.AppendUserProperty(mqtt.AppendUserProperty(nil, "site", "berlin"), "unit", "celsius")}
	}
	return p
}

func BenchmarkDecodePublish(b *testing.B) {
	for _, c := range publishes {
		b.Run(c.name, func(b *testing.B) {
			p := makePublish(c.size, c.rich)
			packet := p.Append(nil, c.v)
			b.SetBytes(int64(len(packet)))
			b.ReportAllocs()
			for b.Loop() {
				h, err := mqtt.ParseHeader(packet)
				if err != nil {
					b.Fatal(err)
				}
				if err := p.Decode(c.v, h.Flags, packet[h.Size:]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendPublish(b *testing.B) {
	for _, c := range publishes {
		b.Run(c.name, func(b *testing.B) {
			p := makePublish(c.size, c.rich)
			out := p.Append(nil, c.v)
			b.SetBytes(int64(len(out)))
			b.ReportAllocs()
			for b.Loop() {
				out, _ = mqtt.AppendPublish(out[:0], c.v, &p)
			}
		})
	}
}

func BenchmarkSizePublish(b *testing.B) {
	p := makePublish(64, true)
	b.ReportAllocs()
	for b.Loop() {
		_ = p.Size(mqtt.V50)
	}
}

func BenchmarkPuback(b *testing.B) {
	packet := (&mqtt.Ack{PacketID: 7}).Append(nil, mqtt.V50, mqtt.TypePuback)
	out := make([]byte, 0, 16)
	var p mqtt.Ack
	b.ReportAllocs()
	for b.Loop() {
		h, _ := mqtt.ParseHeader(packet)
		if err := p.Decode(h.Type, mqtt.V50, h.Flags, packet[h.Size:]); err != nil {
			b.Fatal(err)
		}
		out = p.Append(out[:0], mqtt.V50, mqtt.TypePuback)
	}
}

// BenchmarkParseHeader frames a stream of packets of mixed sizes; the figure
// is for one packet.
func BenchmarkParseHeader(b *testing.B) {
	var stream []byte
	for _, size := range []int{0, 20, 64, 200, 1024, 20000} {
		p := makePublish(size, false)
		stream = p.Append(stream, mqtt.V311)
		stream = mqtt.AppendPingreq(stream)
	}
	b.ReportAllocs()
	rest := stream
	for b.Loop() {
		h, err := mqtt.ParseHeader(rest)
		if err != nil {
			b.Fatal(err)
		}
		if rest = rest[h.Len():]; len(rest) == 0 {
			rest = stream
		}
	}
}

func BenchmarkDecodeConnect(b *testing.B) {
	p := mqtt.Connect{Version: mqtt.V50, CleanStart: true, ClientID: []byte("sensor-0000001"), HasUsername: true, Username: []byte("user"),
		HasPassword: true, Password: []byte("secret"), Properties: mqtt.ConnectProperties{RequestProblemInfo: true, ReceiveMaximum: 100}}
	packet := p.Append(nil, mqtt.V50)
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Decode(packet[2:]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeSubscribe(b *testing.B) {
	h, body := packetOf(b, `82 <0001 <> "plant/7/#" 01 "plant/+/line/3" 02>`)
	var p mqtt.Subscribe
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Decode(mqtt.V50, h.Flags, body); err != nil {
			b.Fatal(err)
		}
	}
}
