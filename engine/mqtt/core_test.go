package mqtt

import (
	"bytes"
	"testing"
)

func TestCoreRoundTrip(t *testing.T) {
	for _, v := range []Version{V31, V311, V50} {
		c := Connect{Version: v, ClientID: []byte("abc"), HasUsername: true, Username: []byte("u"), HasPassword: true, Password: []byte("p"),
			Will: &Will{Topic: []byte("w"), QoS: 1, Retain: true}, Properties: ConnectProperties{RequestProblemInfo: true}}
		b := c.Append(nil, v)
		if len(b) != c.Size(v) {
			t.Errorf("size %d, want %d", c.Size(v), len(b))
		}
		h, err := ParseHeader(b)
		if err != nil || h.Len() != len(b) {
			t.Fatal(h, err, len(b))
		}
		var d Connect
		if err := d.Decode(b[h.Size:]); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(d.Append(nil, v), b) {
			t.Errorf("%x", d.Append(nil, v))
		}
		p := Publish{QoS: 1, PacketID: 7, Topic: []byte("a/b"), Payload: []byte("hello")}
		p.Properties.User = AppendUserProperty(nil, "k", "v")
		b, off := AppendPublish(nil, v, &p)
		SetPacketID(b, off, 9)
		h, err = ParseHeader(b)
		if err != nil {
			t.Fatal(err)
		}
		var q Publish
		if err := q.Decode(v, h.Flags, b[h.Size:]); err != nil {
			t.Fatal(err)
		}
		if q.PacketID != 9 || string(q.Topic) != "a/b" || string(q.Payload) != "hello" {
			t.Errorf("%+v", q)
		}
	}
}
