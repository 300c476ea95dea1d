package mqtt_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/mqtt/mqtttest"
)

// A packet of which bytes are missing is never taken for a packet.
func TestTruncatedStream(t *testing.T) {
	eachValid(t, func(t *testing.T, c mqtttest.Case, v mqtt.Version) {
		packet := c.Bytes()
		for _, n := range cuts(len(packet)) {
			if _, _, err := mqtttest.Next(packet[:n]); !errors.Is(err, mqtttest.ErrIncomplete) {
				t.Fatalf("the first %d of %d bytes: got %v, want ErrIncomplete", n, len(packet), err)
			}
		}
	})
}

// A body that ends early, with a fixed header that says so, is an error
// wherever the format has no shorter packet.
func TestTruncatedBody(t *testing.T) {
	eachValid(t, func(t *testing.T, c mqtttest.Case, v mqtt.Version) {
		packet := c.Bytes()
		h, err := mqtt.ParseHeader(packet)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range cuts(h.Remaining) {
			body := bytes.Clone(packet[h.Size : h.Size+n]) // so that a read past the end shows
			got, err := mqtttest.DecodeBody(h.Type, v, h.Flags, body)
			if err != nil {
				mustBeError(t, err)
				continue
			}
			if !mayEndAt(v, h, n, c.Packet) {
				t.Errorf("the first %d bytes of the body of %d decode to %+v", n, h.Remaining, got)
			}
			mustRoundTrip(t, h.Type, v, got)
		}
	})
}

// mayEndAt reports whether a body cut after n bytes may be a packet.
func mayEndAt(v mqtt.Version, h mqtt.Header, n int, packet any) bool {
	switch p := packet.(type) {
	case *mqtt.Publish: // a shorter payload
		return n >= h.Remaining-len(p.Payload)
	case *mqtt.Ack: // without reason, or without properties (§3.4.2.1)
		return v == mqtt.V50 && (n == 2 || n == 3)
	case *mqtt.Disconnect: // the same (§3.14.2.1)
		return v == mqtt.V50 && n <= 1
	case *mqtt.Auth: // §3.15.2.1
		return n == 0
	case *mqtt.Connect: // MQTT 3.1 allows user name and password to be missing
		if p.HasPassword {
			h.Remaining -= 2 + len(p.Password)
		}
		return v == mqtt.V31 && (n == h.Remaining || p.HasUsername && n == h.Remaining-2-len(p.Username))
	case *mqtt.Subscribe:
		for i := len(p.Filters) - 1; i > 0; i-- { // fewer filters
			h.Remaining -= 3 + len(p.Filters[i].Filter)
			if n == h.Remaining {
				return true
			}
		}
	case *mqtt.Unsubscribe:
		for i := len(p.Filters) - 1; i > 0; i-- {
			h.Remaining -= 2 + len(p.Filters[i])
			if n == h.Remaining {
				return true
			}
		}
	case *mqtt.Suback: // fewer reasons
		return n > h.Remaining-len(p.Reasons)
	case *mqtt.Unsuback:
		return n > h.Remaining-len(p.Reasons)
	}
	return false
}

// A length field one too small or too great is noticed, except where the
// bytes make another packet, which then must be one in every respect.
func TestWrongLengths(t *testing.T) {
	eachValid(t, func(t *testing.T, c mqtttest.Case, v mqtt.Version) {
		_, lengths := mqtttest.Parse(c.Hex)
		for _, l := range lengths {
			for _, delta := range []byte{1, 0xFF} {
				packet := c.Bytes()
				packet[l.Offset+l.Size-1] += delta
				if l.Offset == 1 { // the remaining length: match it, or no decoder sees it
					packet = resize(packet)
				}
				got, err := decodeAny(v, packet)
				if err != nil {
					continue
				}
				if _, ok := got.(*mqtt.Publish); !ok && l.Offset != 1 {
					t.Errorf("length %d %+d: %x decodes to %+v", l.Offset, int8(delta), packet, got)
				}
				mustRoundTrip(t, c.Type(), v, got)
			}
		}
	})
}

// resize cuts or fills a packet to the length that its fixed header says.
func resize(packet []byte) []byte {
	h, err := mqtt.ParseHeader(packet)
	if err != nil {
		return packet
	}
	return append(packet, make([]byte, max(0, h.Len()-len(packet)))...)[:h.Len()]
}

// Any byte of a packet may be wrong.
func TestWrongBytes(t *testing.T) {
	eachCase(t, func(t *testing.T, c mqtttest.Case, v mqtt.Version) {
		packet := c.Bytes()
		for _, i := range cuts(len(packet)) {
			for _, b := range []byte{0, 1, packet[i] + 1, packet[i] - 1, packet[i] ^ 0x80, 0xFF} {
				wrong := bytes.Clone(packet)
				wrong[i] = b
				if got, err := decodeAny(v, wrong); err == nil {
					mustRoundTrip(t, mqtt.Type(wrong[0]>>4), v, got)
				}
			}
		}
	})
}

// decodeAny decodes a packet; the errors are those of the codec.
func decodeAny(v mqtt.Version, packet []byte) (any, error) {
	packet, _, err := mqtttest.Next(packet)
	if err != nil {
		return nil, err
	}
	return mqtttest.Decode(v, packet)
}

// cuts are the places to cut n bytes: all of them, but of long packets only
// those near the ends.
func cuts(n int) (at []int) {
	for i := range n {
		if i < 100 || n-i < 10 {
			at = append(at, i)
		}
	}
	return at
}

func mustBeError(t *testing.T, err error) {
	t.Helper()
	var e *mqtt.Error
	if !errors.As(err, &e) || e.Rule == "" || e.Text == "" || !e.Reason.IsError() {
		t.Errorf("error %v is not an *Error with reason, rule and text", err)
	}
}

// mustRoundTrip encodes a decoded packet, decodes that and compares.
func mustRoundTrip(t *testing.T, typ mqtt.Type, v mqtt.Version, packet any) {
	t.Helper()
	if c, ok := packet.(*mqtt.Connect); ok {
		v = c.Version
	}
	encoded := mqtttest.Append(nil, typ, v, packet)
	if size := mqtttest.Size(v, packet); size != len(encoded) {
		t.Errorf("Size of %+v is %d, Append wrote %d bytes", packet, size, len(encoded))
	}
	again, err := mqtttest.Decode(v, encoded)
	if err != nil {
		t.Fatalf("cannot decode %x, encoded from %+v: %v", encoded, packet, err)
	}
	if !mqtttest.Equal(again, packet) {
		t.Errorf("encoded %x\n got %+v\nwant %+v", encoded, again, packet)
	}
}
