package mqtt_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// allowedFlags are the flags of the types for which 0 is not the only value.
var allowedFlags = map[byte][]byte{
	0: {}, 3: {0, 1, 2, 3, 4, 5, 10, 11, 12, 13}, // PUBLISH: no QoS 3, no DUP with QoS 0
	6: {2, 10}, 8: {2, 10}, 10: {2, 10}, // with DUP: MQTT 3.1
}

// naiveHeader says what ParseHeader must answer, straight from §2.1: "short",
// "wrong", or "ok" with the length.
func naiveHeader(w []byte) (outcome string, size, remaining int) {
	if len(w) == 0 {
		return "short", 0, 0
	}
	typ, flags := w[0]>>4, w[0]&0x0F
	list, special := allowedFlags[typ]
	if !special {
		list = []byte{0}
	}
	if !slices.Contains(list, flags) {
		return "wrong", 0, 0
	}
	for i := 1; ; i++ {
		if i > 4 {
			return "wrong", 0, 0
		}
		if i == len(w) {
			return "short", 0, 0
		}
		remaining += int(w[i]%128) << (7 * (i - 1))
		if w[i] < 128 {
			if w[i] == 0 && i > 1 || remaining > 0 && (typ == 12 || typ == 13) {
				return "wrong", 0, 0
			}
			return "ok", i + 1, remaining
		}
	}
}

// Every first byte with every length field made of the bytes at the edges.
func TestParseHeaderAgainstModel(t *testing.T) {
	edges := []byte{0, 1, 0x7F, 0x80, 0xFF}
	var check func(window []byte)
	check = func(window []byte) {
		outcome, size, remaining := naiveHeader(window)
		h, err := mqtt.ParseHeader(window)
		got := "ok"
		switch {
		case errors.Is(err, mqtt.ErrShort):
			got = "short"
		case err != nil:
			got = "wrong"
		}
		if got != outcome || h.Size != size || h.Remaining != remaining {
			t.Fatalf("% x: got %s %+v (%v), want %s, size %d, remaining %d", window, got, h, err, outcome, size, remaining)
		}
		if len(window) == 6 {
			return
		}
		for _, c := range edges {
			check(append(window[:len(window):len(window)], c))
		}
	}
	check(nil)
	for first := range 256 {
		check([]byte{byte(first)})
	}
}
