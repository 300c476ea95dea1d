package proxy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
)

// v2 builds a header of version 2.
func v2(command, family byte, body ...[]byte) []byte {
	b := append([]byte(signature2), command, family, 0, 0)
	for _, part := range body {
		b = append(b, part...)
	}
	binary.BigEndian.PutUint16(b[14:], uint16(len(b)-fixed2))
	return b
}

// tlv builds a type-length-value vector.
func tlv(kind byte, value ...[]byte) []byte {
	v := bytes.Join(value, nil)
	return append(binary.BigEndian.AppendUint16([]byte{kind}, uint16(len(v))), v...)
}

func ssl(client byte, verify uint32, sub ...[]byte) []byte {
	return tlv(typeSSL, binary.BigEndian.AppendUint32([]byte{client}, verify), bytes.Join(sub, nil))
}

var (
	inet  = []byte{192, 0, 2, 1, 198, 51, 100, 1, 0xC0, 1, 0x22, 0xB3}
	inet6 = append(append(append([]byte{0x20, 1, 0x0d, 0xb8, 15: 1}, 0x20, 1, 0x0d, 0xb8), make([]byte, 11)...), 2, 0xC0, 1, 0x22, 0xB3)
)

// sealed fills the CRC32C TLV, which must be the last one, in.
func sealed(h []byte) []byte {
	clear(h[len(h)-4:])
	binary.BigEndian.PutUint32(h[len(h)-4:], crc32.Checksum(h, crc32.MakeTable(crc32.Castagnoli)))
	return h
}

// example is one row of the golden table: bytes and what they say.
type example struct{ name, bytes, want string }

// examples are complete headers.
var examples = []example{
	{"v1 IPv4", "PROXY TCP4 192.0.2.1 198.51.100.1 49153 8883\r\n", "v1 192.0.2.1:49153>198.51.100.1:8883"},
	{"v1 longest IPv4", "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "v1 255.255.255.255:65535>255.255.255.255:65535"},
	{"v1 ports 0", "PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "v1 0.0.0.0:0>0.0.0.0:0"},
	{"v1 IPv6", "PROXY TCP6 2001:db8::1 ::1 49153 8883\r\n", "v1 [2001:db8::1]:49153>[::1]:8883"},
	{"v1 longest IPv6", "PROXY TCP6 " + strings.Repeat("ffff:", 7) + "ffff " + strings.Repeat("ffff:", 7) + "ffff 65535 65535\r\n",
		"v1 [" + strings.Repeat("ffff:", 7) + "ffff]:65535>[" + strings.Repeat("ffff:", 7) + "ffff]:65535"},
	{"v1 IPv4 in IPv6", "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.1 1 2\r\n", "v1 192.0.2.1:1>198.51.100.1:2"},
	{"v1 unknown", "PROXY UNKNOWN\r\n", "v1"},
	{"v1 unknown with addresses", "PROXY UNKNOWN ffff:f::1 x y z\r\n", "v1"},
	{"v1 unknown, longest", "PROXY UNKNOWN " + strings.Repeat("x", 107-16) + "\r\n", "v1"},

	{"v2 local", string(v2(0x20, 0)), "v2 local"},
	{"v2 local with a block", string(v2(0x20, 0x11, inet, tlv(typeALPN, []byte("mqtt")))), "v2 local"},
	{"v2 local of an unknown family", string(v2(0x20, 0xFF, []byte{1, 2, 3})), "v2 local"},
	{"v2 IPv4", string(v2(0x21, 0x11, inet)), "v2 192.0.2.1:49153>198.51.100.1:8883"},
	{"v2 IPv6", string(v2(0x21, 0x21, inet6)), "v2 [2001:db8::1]:49153>[2001:db8::2]:8883"},
	{"v2 unspecified", string(v2(0x21, 0)), "v2"},
	{"v2 unspecified with a block", string(v2(0x21, 0, []byte{0x20, 0xFF})), "v2"},
	{"v2 TLVs", string(v2(0x21, 0x11, inet, tlv(typeALPN, []byte("mqtt")), tlv(typeAuthority, []byte("broker.example")), tlv(typeNamespace, []byte("blue")))),
		"v2 192.0.2.1:49153>198.51.100.1:8883 alpn=mqtt authority=broker.example netns=blue"},
	{"v2 padding, unique id and vendors", string(v2(0x21, 0x11, inet, tlv(4), tlv(4, make([]byte, 9)), tlv(5, []byte{1, 0xFF}), tlv(0xEA, []byte{1}), tlv(0xEA, []byte{2}), tlv(0xEE), tlv(0xE0, make([]byte, 8)))),
		"v2 192.0.2.1:49153>198.51.100.1:8883"},
	{"v2 checksum", string(sealed(v2(0x21, 0x11, inet, tlv(typeALPN, []byte("mqtt")), tlv(typeCRC32C, make([]byte, 4))))),
		"v2 192.0.2.1:49153>198.51.100.1:8883 alpn=mqtt"},
	{"v2 TLS without a certificate", string(v2(0x21, 0x11, inet, ssl(1, 0, tlv(subVersion, []byte("TLSv1.3"))))),
		"v2 192.0.2.1:49153>198.51.100.1:8883 tls=TLSv1.3"},
	{"v2 TLS with a certificate", string(v2(0x21, 0x11, inet, ssl(7, 0, tlv(subVersion, []byte("TLSv1.3")), tlv(subCN, []byte("Gerät 7")), tlv(subCipher, []byte("TLS_AES_128_GCM_SHA256")), tlv(subSignature, []byte("RSA-SHA256")), tlv(subKey, []byte("RSA2048"))))),
		"v2 192.0.2.1:49153>198.51.100.1:8883 tls=TLSv1.3 cn=Gerät 7 verified cipher=TLS_AES_128_GCM_SHA256 sig=RSA-SHA256 key=RSA2048"},
	{"v2 TLS resumed", string(v2(0x21, 0x11, inet, ssl(5, 0, tlv(subCN, []byte("a"))))), "v2 192.0.2.1:49153>198.51.100.1:8883 tls= cn=a verified"},
	{"v2 certificate not verified", string(v2(0x21, 0x11, inet, ssl(3, 18, tlv(subCN, []byte("a"))))), "v2 192.0.2.1:49153>198.51.100.1:8883 tls= cn=a"},
	{"v2 name without a certificate", string(v2(0x21, 0x11, inet, ssl(1, 0, tlv(subCN, []byte("a"))))), "v2 192.0.2.1:49153>198.51.100.1:8883 tls= cn=a"},
	{"v2 certificate without TLS", string(v2(0x21, 0x11, inet, ssl(6, 0, tlv(subCN, []byte("a"))))), "v2 192.0.2.1:49153>198.51.100.1:8883 cn=a"},
	{"v2 unknown TLVs in SSL", string(v2(0x21, 0x11, inet, ssl(1, 1, tlv(0x2F, []byte("x")), tlv(0x2F), tlv(0x28, []byte{0x30})))), "v2 192.0.2.1:49153>198.51.100.1:8883 tls="},
	{"v2 largest", string(v2(0x21, 0x11, inet, tlv(4, make([]byte, maxBody2-12-3)))), "v2 192.0.2.1:49153>198.51.100.1:8883"},
}

// describe writes a header as the golden table does.
func describe(h Header) string {
	out := fmt.Sprintf("v%d", h.Version)
	if h.Local {
		out += " local"
	}
	if h.Source.IsValid() {
		out += fmt.Sprintf(" %s>%s", h.Source, h.Destination)
	}
	add := func(name string, b []byte) {
		if len(b) > 0 {
			out += " " + name + "=" + string(b)
		}
	}
	add("alpn", h.ALPN)
	add("authority", h.Authority)
	add("netns", h.Namespace)
	if h.TLS.Used {
		out += " tls=" + string(h.TLS.Version)
	}
	add("cn", h.TLS.CommonName)
	if h.TLS.Verified() {
		out += " verified"
	}
	add("cipher", h.TLS.Cipher)
	add("sig", h.TLS.Signature)
	add("key", h.TLS.Key)
	return out
}

// What comes behind the header is not touched, and no beginning of it is taken
// for the whole.
func TestParse(t *testing.T) {
	for _, e := range examples {
		t.Run(e.name, func(t *testing.T) {
			h, n, err := Parse([]byte(e.bytes + "\x10\x00PROXY"))
			if err != nil || n != len(e.bytes) {
				t.Fatalf("%d bytes and %v, want %d bytes", n, err, len(e.bytes))
			}
			if got := describe(h); got != e.want {
				t.Errorf("got  %s\nwant %s", got, e.want)
			}
			for i := range len(e.bytes) {
				if h, n, err := Parse([]byte(e.bytes[:i])); err != ErrShort || n != 0 || h.Version != 0 {
					t.Fatalf("the first %d bytes of %d: %+v, %d, %v", i, len(e.bytes), h, n, err)
				}
			}
		})
	}
}

// bad are bytes that no more bytes can make good, and a word of the error.
var bad = []example{
	{"TLS", "\x16\x03\x01\x02\x00", "begin"},
	{"MQTT", "\x10\x0c", "begin"},
	{"another signature", "\r\n\r\n\x01", "begin"},
	{"lower case", "proxy ", "begin"},
	{"tabs", "PROXY\tTCP4", "begin"},

	{"v1 too long", "PROXY UNKNOWN " + strings.Repeat("x", 107), "within 107"},
	{"v1 one byte too long", "PROXY UNKNOWN " + strings.Repeat("x", 107-15) + "\r\n", "within 107"},
	{"v1 no carriage return", "PROXY UNKNOWN\n", "carriage return"},
	{"v1 no family", "PROXY \r\n", "TCP4"},
	{"v1 other family", "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", "TCP4"},
	{"v1 two spaces", "PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "TCP4"},
	{"v1 unknown with a tail", "PROXY UNKNOWNX\r\n", "TCP4"},
	{"v1 IPv6 as TCP4", "PROXY TCP4 ::1 ::1 1 2\r\n", "addresses"},
	{"v1 IPv4 as TCP6", "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", "addresses"},
	{"v1 leading zero", "PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n", "addresses"},
	{"v1 hexadecimal", "PROXY TCP4 0x7f.0.0.1 1.2.3.4 1 2\r\n", "addresses"},
	{"v1 short address", "PROXY TCP4 127.1 1.2.3.4 1 2\r\n", "addresses"},
	{"v1 zone", "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", "addresses"},
	{"v1 brackets", "PROXY TCP6 [::1] ::1 1 2\r\n", "addresses"},
	{"v1 no addresses", "PROXY TCP4\r\n", "addresses"},
	{"v1 no ports", "PROXY TCP4 1.2.3.4 1.2.3.4\r\n", "ports"},
	{"v1 one port", "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "ports"},
	{"v1 three ports", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", "ports"},
	{"v1 space at the end", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", "ports"},
	{"v1 port too large", "PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", "ports"},
	{"v1 port far too large", "PROXY TCP4 1.2.3.4 1.2.3.4 100000 2\r\n", "ports"},
	{"v1 port with a zero", "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", "ports"},
	{"v1 signed port", "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n", "ports"},
	{"v1 NUL", "PROXY TCP4 1.2.3.4\x00 1.2.3.4 1 2\r\n", "addresses"},

	{"v2 version 1", signature2 + "\x11", "command"},
	{"v2 command 2", signature2 + "\x22", "command"},
	{"v2 version 3", signature2 + "\x31", "command"},
	{"v2 too long", signature2 + "\x21\x11\x10\x01", "4097"},
	{"v2 local too long", signature2 + "\x20\x00\xff\xff", "65535"},
	{"v2 UDP over IPv4", signature2 + "\x21\x12\x00\x0c", "another protocol"},
	{"v2 UDP over IPv6", signature2 + "\x21\x22\x00\x24", "another protocol"},
	{"v2 UNIX", signature2 + "\x21\x31\x00\xd8", "another protocol"},
	{"v2 UNIX datagram", signature2 + "\x21\x32\x00\xd8", "another protocol"},
	{"v2 family 4", signature2 + "\x21\x41\x00\x0c", "not assigned"},
	{"v2 transport 3", signature2 + "\x21\x13\x00\x0c", "not assigned"},
	{"v2 IPv4 without transport", signature2 + "\x21\x10\x00\x0c", "not assigned"},
	{"v2 short IPv4", signature2 + "\x21\x11\x00\x0b", "too few"},
	{"v2 short IPv6", signature2 + "\x21\x21\x00\x23", "too few"},
	{"v2 one byte behind the addresses", string(v2(0x21, 0x11, inet, []byte{4})), "beyond its end"},
	{"v2 TLV cut", string(v2(0x21, 0x11, inet, []byte{4, 0, 2, 0})), "beyond its end"},
	{"v2 TLV of 64 KiB", string(v2(0x21, 0x11, inet, []byte{typeAuthority, 0xFF, 0xFF, 'x'})), "beyond its end"},
	{"v2 second TLV cut", string(v2(0x21, 0x11, inet, tlv(typeALPN, []byte("mqtt")), []byte{typeSSL, 0})), "beyond its end"},
	{"v2 TLV in SSL cut", string(v2(0x21, 0x11, inet, ssl(3, 0, []byte{subCN, 0, 9, 'a'}))), "beyond its end"},
	{"v2 TLV in SSL runs into the next", string(v2(0x21, 0x11, inet, ssl(3, 0, []byte{subCN, 0, 4, 'a'}), tlv(typeNamespace))), "beyond its end"},
	{"v2 short SSL", string(v2(0x21, 0x11, inet, tlv(typeSSL, []byte{3, 0, 0, 0}))), "SSL TLV of 4"},
	{"v2 two SSL", string(v2(0x21, 0x11, inet, ssl(1, 1), ssl(3, 0, tlv(subCN, []byte("root"))))), "twice"},
	{"v2 two names", string(v2(0x21, 0x11, inet, ssl(3, 0, tlv(subCN, []byte("a")), tlv(subCN, []byte("b"))))), "twice"},
	{"v2 two authorities", string(v2(0x21, 0x11, inet, tlv(typeAuthority, []byte("a")), tlv(typeAuthority, []byte("b")))), "twice"},
	{"v2 NUL in the name", string(v2(0x21, 0x11, inet, ssl(3, 0, tlv(subCN, []byte("admin\x00.example"))))), "control character in the common name"},
	{"v2 line break in the authority", string(v2(0x21, 0x11, inet, tlv(typeAuthority, []byte("a\r\nb")))), "control character in the authority"},
	{"v2 C1 control", string(v2(0x21, 0x11, inet, ssl(3, 0, tlv(subCN, []byte("a\u0085"))))), "control character"},
	{"v2 DEL", string(v2(0x21, 0x11, inet, tlv(typeALPN, []byte("\x7f")))), "control character in ALPN"},
	{"v2 Latin-1 name", string(v2(0x21, 0x11, inet, ssl(3, 0, tlv(subCN, []byte("Ger\xe4t"))))), "not UTF-8"},
	{"v2 short checksum", string(v2(0x21, 0x11, inet, tlv(typeCRC32C, make([]byte, 3)))), "checksum of 3"},
	{"v2 wrong checksum", string(v2(0x21, 0x11, inet, tlv(typeCRC32C, []byte{1, 2, 3, 4}))), "checksum is wrong"},
}

func TestRefused(t *testing.T) {
	for _, e := range bad {
		t.Run(e.name, func(t *testing.T) {
			_, n, err := Parse([]byte(e.bytes))
			if err == nil || err == ErrShort || n != 0 || !strings.Contains(err.Error(), e.want) {
				t.Errorf("%d bytes and %v; want an error that says %q", n, err, e.want)
			}
			for i := range len(e.bytes) { // and none of its beginnings is a header
				if _, n, err := Parse([]byte(e.bytes[:i])); err == nil {
					t.Fatalf("the first %d bytes are a header of %d", i, n)
				}
			}
		})
	}
	for _, e := range bad {
		absent := e.want == "begin"
		unsupported := e.want == "another protocol"
		_, _, err := Parse([]byte(e.bytes))
		if errors.Is(err, ErrAbsent) != absent || errors.Is(err, ErrUnsupported) != unsupported {
			t.Errorf("%s: %v", e.name, err)
		}
	}
}

// Every bit of a sealed header is protected.
func TestChecksumCoversAll(t *testing.T) {
	good := sealed(v2(0x21, 0x11, inet, ssl(3, 0, tlv(subCN, []byte("device"))), tlv(typeCRC32C, make([]byte, 4))))
	if _, _, err := Parse(good); err != nil {
		t.Fatal(err)
	}
	for i := fixed2; i < len(good); i++ {
		damaged := bytes.Clone(good)
		damaged[i] ^= 0x40
		if _, _, err := Parse(damaged); err == nil && !ignoresChecksum(damaged) {
			t.Errorf("byte %d may be changed", i)
		}
	}
}

// ignoresChecksum reports whether damage has hidden the checksum itself, which
// nobody can notice.
func ignoresChecksum(h []byte) bool { return h[len(h)-7] != typeCRC32C }

// A window of the greatest length is never too short.
func TestMaxLength(t *testing.T) {
	for _, start := range []string{"", "PROXY ", signature2 + "\x21\x11\x10\x00", signature2 + "\x20\x00\x10\x00", signature2} {
		window := append([]byte(start), make([]byte, MaxLength-len(start))...)
		if _, _, err := Parse(window); err == ErrShort {
			t.Errorf("%q and zeros: more is wanted", start)
		}
	}
}

func TestAnnounced(t *testing.T) {
	for text, want := range map[string]bool{
		"PROXY TCP4 1.2.3.4": true, "PROXY": true, "PROX": false, "\r\n\r\n\x00": true, "\r\n\r\n": false, "": false,
		"\x10\x0c\x00\x04MQTT": false, "PROXIES": false,
	} {
		if got := Announced([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// What a header says lies in the window.
func TestSlicesAreBounded(t *testing.T) {
	b := append(v2(0x21, 0x11, inet, ssl(3, 0, tlv(subCN, []byte("abc")))), "next"...)
	h, _, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(h.TLS.CommonName, "overwritten"...)
	if !bytes.HasSuffix(b, []byte("abcnext")) {
		t.Error("appending to a name changes what comes behind the header")
	}
}
