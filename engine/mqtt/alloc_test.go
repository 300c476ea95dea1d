package mqtt_test

import (
	"testing"

	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/mqtt/mqtttest"
)

// noAllocs fails when f allocates once it is warm.
func noAllocs(t *testing.T, what string, f func()) {
	t.Helper()
	f()
	if n := testing.AllocsPerRun(100, f); n != 0 {
		t.Errorf("%s: %v allocations, want 0", what, n)
	}
}

// packetOf splits a packet in the table's notation into header and body.
func packetOf(t testing.TB, notation string) (mqtt.Header, []byte) {
	packet, _ := mqtttest.Parse(notation)
	h, err := mqtt.ParseHeader(packet)
	if err != nil {
		t.Fatal(err)
	}
	return h, packet[h.Size:]
}

const richPublish = `32 <"a/b/c" 000a <01 01  02 0000003c  03 "application/json"  08 "r"  09 [00 ff]  0b 07  23 0007  26 "k" "v"> {100 78}>`

func TestPublishDoesNotAllocate(t *testing.T) {
	for _, c := range []struct {
		v        mqtt.Version
		notation string
	}{
		{mqtt.V311, `32 <"a/b/c" 000a {100 78}>`},
		{mqtt.V50, `32 <"a/b/c" 000a <> {100 78}>`},
		{mqtt.V50, richPublish},
	} {
		h, body := packetOf(t, c.notation)
		var p mqtt.Publish
		noAllocs(t, "decode "+c.notation, func() {
			if err := p.Decode(c.v, h.Flags, body); err != nil {
				t.Fatal(err)
			}
		})
		out := make([]byte, 0, 1024)
		noAllocs(t, "append "+c.notation, func() { out = p.Append(out[:0], c.v) })
		noAllocs(t, "size "+c.notation, func() { _ = p.Size(c.v) })
	}
}

func TestAcksDoNotAllocate(t *testing.T) {
	for _, v := range []mqtt.Version{mqtt.V311, mqtt.V50} {
		for _, typ := range []mqtt.Type{mqtt.TypePuback, mqtt.TypePubrec, mqtt.TypePubrel, mqtt.TypePubcomp} {
			var p mqtt.Ack
			packet := (&mqtt.Ack{PacketID: 9}).Append(nil, v, typ)
			out := make([]byte, 0, 64)
			noAllocs(t, typ.String(), func() {
				h, err := mqtt.ParseHeader(packet)
				if err != nil {
					t.Fatal(err)
				}
				if err := p.Decode(typ, v, h.Flags, packet[h.Size:]); err != nil {
					t.Fatal(err)
				}
				out = p.Append(out[:0], v, typ)
			})
		}
	}
	h, body := packetOf(t, `40 <0001 10 <1f "why" 26 "k" "v">>`)
	var p mqtt.Ack
	out := make([]byte, 0, 64)
	noAllocs(t, "PUBACK with properties", func() {
		if err := p.Decode(h.Type, mqtt.V50, h.Flags, body); err != nil {
			t.Fatal(err)
		}
		out = p.Append(out[:0], mqtt.V50, h.Type)
	})
}

func TestPingDoesNotAllocate(t *testing.T) {
	out := make([]byte, 0, 8)
	noAllocs(t, "PINGREQ, PINGRESP", func() {
		out = mqtt.AppendPingresp(mqtt.AppendPingreq(out[:0]))
		if _, err := mqtt.ParseHeader(out); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSubscribeDoesNotAllocateAgain(t *testing.T) {
	h, body := packetOf(t, `82 <0001 <0b 07 26 "k" "v"> "a/b" 01 "c/+/d" 02 "$share/g/e" 00>`)
	var p mqtt.Subscribe
	noAllocs(t, "SUBSCRIBE", func() {
		if err := p.Decode(mqtt.V50, h.Flags, body); err != nil || len(p.Filters) != 3 {
			t.Fatal(err, p)
		}
	})
	h, body = packetOf(t, `a2 <0001 <> "a/b" "c/+/d">`)
	var u mqtt.Unsubscribe
	noAllocs(t, "UNSUBSCRIBE", func() {
		if err := u.Decode(mqtt.V50, h.Flags, body); err != nil || len(u.Filters) != 2 {
			t.Fatal(err, u)
		}
	})
}

// Garbage costs nothing either: the common errors are made once.
func TestMalformedHeadersDoNotAllocate(t *testing.T) {
	for _, packet := range []string{"00 00", "36 00", "82 ffffffff 01", "83 00", "c0 01 00"} {
		window, _ := mqtttest.Parse(packet)
		noAllocs(t, packet, func() {
			if _, err := mqtt.ParseHeader(window); err == nil {
				t.Fatal("no error")
			}
		})
	}
	noAllocs(t, "short", func() { _, _ = mqtt.ParseHeader(nil) })
}
