package mqtt_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/mqtt/mqtttest"
)

// eachCase runs f for every case of the golden table in every version.
func eachCase(t *testing.T, f func(t *testing.T, c mqtttest.Case, v mqtt.Version)) {
	for _, c := range mqtttest.Cases {
		for _, v := range c.Versions {
			t.Run(c.Name+"/"+v.String(), func(t *testing.T) { f(t, c, v) })
		}
	}
}

// eachValid is eachCase for the valid packets.
func eachValid(t *testing.T, f func(t *testing.T, c mqtttest.Case, v mqtt.Version)) {
	eachCase(t, func(t *testing.T, c mqtttest.Case, v mqtt.Version) {
		if c.Valid() {
			f(t, c, v)
		}
	})
}

func TestGoldenDecode(t *testing.T) {
	eachCase(t, func(t *testing.T, c mqtttest.Case, v mqtt.Version) {
		got, err := mqtttest.Decode(v, c.Bytes())
		if c.Valid() {
			if err != nil {
				t.Fatalf("cannot decode %s: %v", c.Hex, err)
			}
			if !mqtttest.Equal(got, c.Packet) {
				t.Errorf("decoded %s\n got %+v\nwant %+v", c.Hex, got, c.Packet)
			}
			return
		}
		var e *mqtt.Error
		if !errors.As(err, &e) {
			t.Fatalf("decoded %s: got %v, %v, want %v [%s]", c.Hex, got, err, c.Reason, c.Rule)
		}
		if e.Reason != c.Reason || e.Rule != c.Rule {
			t.Errorf("decoded %s: got %v, want %v [%s]", c.Hex, e, c.Reason, c.Rule)
		}
	})
}

func TestGoldenAppend(t *testing.T) {
	eachValid(t, func(t *testing.T, c mqtttest.Case, v mqtt.Version) {
		want := c.Bytes()
		prefix := []byte("prefix")
		got := mqtttest.Append(prefix, c.Type(), v, c.Packet)
		if !bytes.HasPrefix(got, prefix) {
			t.Fatal("Append changed the bytes before the packet")
		}
		got = got[len(prefix):]
		if size := mqtttest.Size(v, c.Packet); size != len(got) {
			t.Errorf("Size is %d, Append wrote %d bytes", size, len(got))
		}
		if c.NonCanonical == bytes.Equal(got, want) {
			t.Errorf("encoded\n got %x\nwant %x (non-canonical: %v)", got, want, c.NonCanonical)
		}
		again, err := mqtttest.Decode(v, got)
		if err != nil || !mqtttest.Equal(again, c.Packet) {
			t.Errorf("encoded %x decodes to\n got %+v, %v\nwant %+v", got, again, err, c.Packet)
		}
	})
}

func TestGoldenTableIsSound(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range mqtttest.Cases {
		for _, v := range c.Versions {
			if key := c.Name + "/" + v.String(); seen[key] {
				t.Errorf("%s occurs twice", key)
			} else {
				seen[key] = true
			}
		}
		if len(c.Versions) == 0 {
			t.Errorf("%s has no version", c.Name)
		}
		if !c.Valid() && (c.Rule == "" || c.Packet != nil || c.NonCanonical || c.Refuse != mqtt.Success) {
			t.Errorf("%s is invalid and lacks a rule or has a packet", c.Name)
		}
	}
	t.Logf("%d cases, %d with versions", len(mqtttest.Cases), len(seen))
}
