package backend

import (
	"encoding/binary"
	"encoding/hex"
	"testing"

	wicket "github.com/wicketmq/wicket/sdk/go"
)

// The first outputs that the authors of SipHash give for 128 bits, with the key 00
// to 0f and the texts "", 00, 00 01.
func TestSipHash(t *testing.T) {
	key := [2]uint64{0x0706050403020100, 0x0f0e0d0c0b0a0908}
	for i, want := range []string{"a3817f04ba25a8e66df67214c7550293", "da87c1d86b99af44347659119b22fc45", "8177228da4a45dc7fca38bdef60affe4"} {
		sum := sipHash(key, []byte{0, 1}[:i])
		var got []byte
		for _, w := range sum {
			got = binary.LittleEndian.AppendUint64(got, w)
		}
		if hex.EncodeToString(got) != want {
			t.Errorf("%d bytes: %x, want %s", i, got, want)
		}
	}
}

// Requests that differ anywhere have other digests, also where the same bytes are
// parted in another way, and each instance has its own.
func TestIdentity(t *testing.T) {
	d, seen := newIdentity(), map[digest]int{}
	list := []wicket.HTTPRequest{
		{}, {Path: "/ab"}, {Path: "/a", Body: []byte("b")}, {Body: []byte("/ab")}, {Path: "/ab", Method: "POST"},
		{Path: "/ab", Headers: []wicket.Property{{Key: "k", Value: "v"}}}, {Path: "/ab", Headers: []wicket.Property{{Key: "kv"}}},
		{Path: "/ab", Headers: []wicket.Property{{Value: "kv"}}}, {Upstream: "/ab"},
	}
	for i := range list {
		sum := d.of(&list[i])
		if k, twice := seen[sum]; twice {
			t.Errorf("%+v and %+v", list[k], list[i])
		}
		if seen[sum] = i; d.of(&list[i]) != sum || newIdentity().of(&list[i]) == sum {
			t.Errorf("%+v", list[i])
		}
	}
	for _, c := range d.room[:cap(d.room)] {
		if c != 0 {
			t.Fatal("a request is still there")
		}
	}
}
