package backend

import (
	"math/bits"

	wicket "github.com/wicketmq/wicket/sdk/go"
)

// digest stands for a request as a whole. Two requests have the same one only if
// they are the same.
type digest [2]uint64

// identity makes digests with a key that is the instance's own: no client can look
// for two requests with the same digest, and none gives a password away.
type identity struct {
	key  [2]uint64
	room []byte
}

func newIdentity() *identity {
	var key [16]byte
	wicket.Random(key[:])
	return &identity{key: [2]uint64{word(key[:8]), word(key[8:])}}
}

// of returns the digest of all that a request says.
func (d *identity) of(r *wicket.HTTPRequest) digest {
	d.room = r.Append(d.room[:0])
	sum := sipHash(d.key, d.room)
	clear(d.room)
	if cap(d.room) > mostRoom {
		d.room = nil
	}
	return sum
}

// sipHash is SipHash-2-4 with 128 bits.
func sipHash(key [2]uint64, text []byte) digest {
	s := sip{key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d ^ 0xee, key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573}
	last := uint64(len(text)) << 56
	for ; len(text) >= 8; text = text[8:] {
		s.add(word(text[:8]))
	}
	s.add(last | word(text))
	s[2] ^= 0xee
	first := s.end()
	s[1] ^= 0xdd
	return digest{first, s.end()}
}

// sip is the state of SipHash.
type sip [4]uint64

func (s *sip) add(m uint64) {
	s[3] ^= m
	s.round()
	s.round()
	s[0] ^= m
}

func (s *sip) end() uint64 {
	for range 4 {
		s.round()
	}
	return s[0] ^ s[1] ^ s[2] ^ s[3]
}

func (s *sip) round() {
	a, b, c, d := s[0], s[1], s[2], s[3]
	a += b
	b = bits.RotateLeft64(b, 13) ^ a
	a = bits.RotateLeft64(a, 32)
	c += d
	d = bits.RotateLeft64(d, 16) ^ c
	a += d
	d = bits.RotateLeft64(d, 21) ^ a
	c += b
	b = bits.RotateLeft64(b, 17) ^ c
	c = bits.RotateLeft64(c, 32)
	s[0], s[1], s[2], s[3] = a, b, c, d
}

// word reads up to eight bytes, the lowest first.
func word(b []byte) (w uint64) {
	for i := range b {
		w |= uint64(b[i]) << (8 * i)
	}
	return w
}
