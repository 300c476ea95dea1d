package mqtt_test

import (
	"errors"
	"fmt"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// A connection frames what it has received, and decodes complete packets in
// place.
func ExampleParseHeader() {
	publish := mqtt.Publish{Topic: []byte("door/1"), Payload: []byte("open")}
	window := mqtt.AppendPingreq(publish.Append(nil, mqtt.V311))
	window = append(window, 0x40) // the first byte of a PUBACK

	var p mqtt.Publish
	for {
		h, err := mqtt.ParseHeader(window)
		if errors.Is(err, mqtt.ErrShort) || err == nil && h.Len() > len(window) {
			fmt.Println("wait for more after", len(window), "byte")
			return
		}
		if err != nil {
			fmt.Println("close:", mqtt.ReasonOf(err))
			return
		}
		body := window[h.Size:h.Len()]
		window = window[h.Len():]
		switch h.Type {
		case mqtt.TypePublish:
			if err := p.Decode(mqtt.V311, h.Flags, body); err != nil {
				fmt.Println("close:", err)
				return
			}
			fmt.Printf("%s: %s\n", p.Topic, p.Payload)
		default:
			fmt.Println(h.Type)
		}
	}
	// Output:
	// door/1: open
	// PINGREQ
	// wait for more after 1 byte
}

// One encoding serves many receivers; each copy gets its own identifier.
func ExampleAppendPublish() {
	p := mqtt.Publish{QoS: 1, Topic: []byte("a"), Payload: []byte("x")}
	encoded, offset := mqtt.AppendPublish(nil, mqtt.V50, &p)
	for id := uint16(1); id <= 2; id++ {
		out := append([]byte(nil), encoded...)
		mqtt.SetPacketID(out, offset, id)
		fmt.Printf("% x\n", out)
	}
	// Output:
	// 32 07 00 01 61 00 01 00 78
	// 32 07 00 01 61 00 02 00 78
}

func ExampleUserProperties_All() {
	var u mqtt.UserProperties
	u = mqtt.AppendUserProperty(u, "site", "berlin")
	u = mqtt.AppendUserProperty(u, "unit", "°C")
	for name, value := range u.All() {
		fmt.Printf("%s=%s\n", name, value)
	}
	// Output:
	// site=berlin
	// unit=°C
}
