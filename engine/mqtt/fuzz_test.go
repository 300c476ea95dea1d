package mqtt_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/mqtt/mqtttest"
)

// fuzzType fuzzes the body and flags of one packet type in all versions: what
// decodes must encode, and decode again to the same.
func fuzzType(f *testing.F, t mqtt.Type) {
	for _, c := range mqtttest.Cases {
		packet := c.Bytes()
		h, err := mqtt.ParseHeader(packet)
		if err != nil || h.Type != t || h.Len() > len(packet) || len(packet) > 1000 {
			continue
		}
		for _, v := range c.Versions {
			f.Add(byte(v), h.Flags, packet[h.Size:h.Len()])
		}
	}
	f.Fuzz(func(tt *testing.T, level, flags byte, body []byte) {
		v := mqtt.Version(3 + level%3)
		got, err := mqtttest.DecodeBody(t, v, flags&0x0F, body)
		if err != nil {
			mustBeError(tt, err)
			return
		}
		mustRoundTrip(tt, t, v, got)
	})
}

func FuzzConnect(f *testing.F)     { fuzzType(f, mqtt.TypeConnect) }
func FuzzConnack(f *testing.F)     { fuzzType(f, mqtt.TypeConnack) }
func FuzzPublish(f *testing.F)     { fuzzType(f, mqtt.TypePublish) }
func FuzzPuback(f *testing.F)      { fuzzType(f, mqtt.TypePuback) }
func FuzzPubrec(f *testing.F)      { fuzzType(f, mqtt.TypePubrec) }
func FuzzPubrel(f *testing.F)      { fuzzType(f, mqtt.TypePubrel) }
func FuzzPubcomp(f *testing.F)     { fuzzType(f, mqtt.TypePubcomp) }
func FuzzSubscribe(f *testing.F)   { fuzzType(f, mqtt.TypeSubscribe) }
func FuzzSuback(f *testing.F)      { fuzzType(f, mqtt.TypeSuback) }
func FuzzUnsubscribe(f *testing.F) { fuzzType(f, mqtt.TypeUnsubscribe) }
func FuzzUnsuback(f *testing.F)    { fuzzType(f, mqtt.TypeUnsuback) }
func FuzzDisconnect(f *testing.F)  { fuzzType(f, mqtt.TypeDisconnect) }
func FuzzAuth(f *testing.F)        { fuzzType(f, mqtt.TypeAuth) }

// FuzzParseHeader: a header has the same meaning whatever follows it, every
// part of it is either short or wrong, and its encoding is unique.
func FuzzParseHeader(f *testing.F) {
	for _, c := range mqtttest.Cases {
		f.Add(c.Bytes()[:min(6, len(c.Bytes()))])
	}
	f.Fuzz(func(t *testing.T, window []byte) {
		h, err := mqtt.ParseHeader(window)
		switch {
		case errors.Is(err, mqtt.ErrShort):
			if len(window) >= 5 {
				t.Errorf("%x is short with %d bytes", window, len(window))
			}
			return
		case err != nil:
			mustBeError(t, err)
			return
		}
		if h.Size < 2 || h.Size > min(5, len(window)) || h.Remaining > mqtt.MaxRemaining || h.Remaining < 0 {
			t.Fatalf("%x is %+v", window, h)
		}
		for n := range h.Size {
			if _, err := mqtt.ParseHeader(window[:n]); !errors.Is(err, mqtt.ErrShort) {
				t.Errorf("the first %d bytes of %x: %v, want ErrShort", n, window, err)
			}
		}
		if again, err := mqtt.ParseHeader(window[:h.Size]); err != nil || again != h {
			t.Errorf("%x alone is %+v, %v; with more bytes %+v", window[:h.Size], again, err, h)
		}
		length := h.Remaining
		for i, c := range window[1:h.Size] {
			length -= int(c&0x7F) << (7 * i)
		}
		if length != 0 {
			t.Errorf("%x has Remaining %d", window, h.Remaining)
		}
	})
}

// FuzzSplit: however a byte stream is split, the same packets come out and
// the same error ends it.
func FuzzSplit(f *testing.F) {
	f.Add(validStream(mqtt.V311), []byte{1})
	f.Add(validStream(mqtt.V50), []byte{3, 0, 7})
	for _, c := range mqtttest.Cases {
		if b := c.Bytes(); len(b) < 200 {
			f.Add(append(mqtt.AppendPingreq(nil), b...), []byte{2, 5})
		}
	}
	f.Fuzz(func(t *testing.T, stream, sizes []byte) {
		whole, wholeErr := frame(stream, nil)
		split, splitErr := frame(stream, sizes)
		if mqtt.ReasonOf(wholeErr) != mqtt.ReasonOf(splitErr) {
			t.Errorf("whole: %v, split: %v", wholeErr, splitErr)
		}
		if len(whole) != len(split) {
			t.Fatalf("whole: %d packets, split: %d", len(whole), len(split))
		}
		for i := range whole {
			if !bytes.Equal(whole[i], split[i]) {
				t.Errorf("packet %d: whole %x, split %x", i, whole[i], split[i])
			}
		}
	})
}

func TestSplitAtEveryByte(t *testing.T) {
	for _, v := range []mqtt.Version{mqtt.V31, mqtt.V311, mqtt.V50} {
		stream := validStream(v)
		want, err := frame(stream, nil)
		if err != nil || len(want) < 20 {
			t.Fatalf("%v: %d packets, %v", v, len(want), err)
		}
		for size := 1; size < 20; size++ {
			got, err := frame(stream, []byte{byte(size)})
			if err != nil || !bytes.Equal(bytes.Join(got, nil), stream) || len(got) != len(want) {
				t.Errorf("%v in pieces of %d bytes: %d packets, %v, want %d", v, size, len(got), err, len(want))
			}
		}
	}
}

// frame receives stream in pieces of the sizes in turn (all at once when there
// are none) into a window, as a connection does, and returns its packets.
func frame(stream, sizes []byte) (packets [][]byte, err error) {
	var window []byte
	for i := 0; len(stream) > 0; i++ {
		n := len(stream)
		if len(sizes) > 0 {
			n = min(n, max(1, int(sizes[i%len(sizes)])))
		}
		window = append(window, stream[:n]...)
		stream = stream[n:]
		for {
			packet, rest, err := mqtttest.Next(window)
			if errors.Is(err, mqtttest.ErrIncomplete) {
				break
			}
			if err != nil {
				return packets, err
			}
			packets = append(packets, bytes.Clone(packet))
			window = rest
		}
	}
	return packets, nil
}

// validStream is all valid packets of a version up to 1000 bytes, one after another.
func validStream(v mqtt.Version) (stream []byte) {
	for _, c := range mqtttest.Cases {
		for _, of := range c.Versions {
			if b := c.Bytes(); of == v && c.Valid() && len(b) <= 1000 {
				stream = append(stream, b...)
			}
		}
	}
	return stream
}
