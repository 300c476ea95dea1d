package proxy

import (
	"encoding/binary"
	"hash/crc32"
	"unicode/utf8"
)

// Types of TLVs (section 2.2), and of those inside of an SSL one (section
// 2.2.6). All others are ignored: NOOP, a unique id, those of vendors.
const (
	typeALPN      = 0x01
	typeAuthority = 0x02
	typeCRC32C    = 0x03
	typeSSL       = 0x20
	typeNamespace = 0x30

	subVersion   = 0x21
	subCN        = 0x22
	subCipher    = 0x23
	subSignature = 0x24
	subKey       = 0x25
)

// Bits of the client field of an SSL TLV (section 2.2.6).
const (
	clientSSL      = 0x01
	clientCertConn = 0x02
	clientCertSess = 0x04
)

// nextTLV cuts the TLV at the start of b off it. ok is false when it reaches
// beyond the end: what a sender has cut must not be taken for the whole.
func nextTLV(b []byte) (kind byte, value, rest []byte, ok bool) {
	if len(b) < 3 {
		return 0, nil, nil, false
	}
	n := 3 + int(binary.BigEndian.Uint16(b[1:]))
	if len(b) < n {
		return 0, nil, nil, false
	}
	return b[0], b[3:n:n], b[n:], true
}

// once remembers the types of which there may be one only: of two names, one
// is a lie.
type once uint64

func (o *once) again(kind byte) bool {
	if kind >= 64 {
		return false
	}
	before := *o
	*o |= 1 << kind
	return *o == before
}

// tlvs reads what follows the addresses of a header.
func (h *Header) tlvs(header []byte, start int) error {
	var seen once
	for b := header[start:]; len(b) > 0; {
		kind, value, rest, ok := nextTLV(b)
		if !ok {
			return invalid("a TLV reaches beyond its end (section 2.2)")
		}
		if err := h.tlv(kind, value, header, len(header)-len(rest)-len(value)); err != nil {
			return err
		}
		if ours(kind) && seen.again(kind) {
			return invalid("TLV %#02x comes twice", kind)
		}
		b = rest
	}
	return nil
}

func ours(kind byte) bool {
	switch kind {
	case typeALPN, typeAuthority, typeCRC32C, typeSSL, typeNamespace:
		return true
	}
	return false
}

// tlv reads the TLV whose value begins at a place in the header.
func (h *Header) tlv(kind byte, value, header []byte, at int) (err error) {
	switch kind {
	case typeALPN:
		h.ALPN, err = text("ALPN", value)
	case typeAuthority:
		h.Authority, err = text("the authority", value)
	case typeNamespace:
		h.Namespace, err = text("the network namespace", value)
	case typeSSL:
		err = h.TLS.parse(value)
	case typeCRC32C:
		err = checksum(value, header, at)
	}
	return err
}

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	zeros      = make([]byte, 4)
)

// checksum verifies the CRC of the whole header, in which its own four bytes
// count as zero (section 2.2.3).
func checksum(value, header []byte, at int) error {
	if len(value) != len(zeros) {
		return invalid("a checksum of %d bytes (section 2.2.3)", len(value))
	}
	sum := crc32.Update(0, castagnoli, header[:at])
	sum = crc32.Update(sum, castagnoli, zeros)
	sum = crc32.Update(sum, castagnoli, header[at+len(zeros):])
	if sum != binary.BigEndian.Uint32(value) {
		return invalid("the checksum is wrong (section 2.2.3)")
	}
	return nil
}

// parse reads an SSL TLV: a byte of flags, the result of the verification, and
// TLVs (section 2.2.6).
func (t *TLS) parse(b []byte) error {
	if len(b) < 5 {
		return invalid("an SSL TLV of %d bytes (section 2.2.6)", len(b))
	}
	client := b[0]
	t.Used = client&clientSSL != 0
	t.Certificate = client&(clientCertConn|clientCertSess) != 0
	t.Verify = binary.BigEndian.Uint32(b[1:])
	var seen once
	for b = b[5:]; len(b) > 0; {
		kind, value, rest, ok := nextTLV(b)
		if !ok {
			return invalid("a TLV inside of SSL reaches beyond its end (section 2.2.6)")
		}
		if err := t.tlv(kind, value); err != nil {
			return err
		}
		if kind >= subVersion && kind <= subKey && seen.again(kind) {
			return invalid("TLV %#02x inside of SSL comes twice", kind)
		}
		b = rest
	}
	return nil
}

func (t *TLS) tlv(kind byte, value []byte) (err error) {
	switch kind {
	case subVersion:
		t.Version, err = text("the TLS version", value)
	case subCN:
		t.CommonName, err = text("the common name", value)
	case subCipher:
		t.Cipher, err = text("the cipher", value)
	case subSignature:
		t.Signature, err = text("the signature algorithm", value)
	case subKey:
		t.Key, err = text("the key algorithm", value)
	}
	return err
}

// text refuses what is not UTF-8 or holds C0 or C1 control characters: such a
// name would be an injection wherever it is written next (MAP-08).
func text(what string, b []byte) ([]byte, error) {
	for i := 0; i < len(b); {
		r, size := rune(b[i]), 1
		if r >= utf8.RuneSelf {
			if r, size = utf8.DecodeRune(b[i:]); r == utf8.RuneError && size == 1 {
				return nil, invalid("%s is not UTF-8", what)
			}
		}
		if r < 0x20 || r >= 0x7F && r < 0xA0 {
			return nil, invalid("a control character in %s", what)
		}
		i += size
	}
	return b, nil
}
