package hello

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// JA4 is the fingerprint of a hello in the form of JA4: the kind of client, in
// the clear, and hashes of what it can do. The order in which a client lists its
// cipher suites and extensions, which some change each time, does not count.
//
//	t13d1516h2_8daaf6152771_e5627efa2ab1
//	│││ │ │ │  │            └ extensions, sorted, and signature schemes
//	│││ │ │ │  └ cipher suites, sorted
//	│││ │ │ └ first and last character of the first ALPN protocol, or 00
//	│││ │ └ number of extensions
//	│││ └ number of cipher suites
//	││└ d: asks for a server name, i: for none
//	│└ highest version
//	└ over TCP
func (h *Hello) JA4() string {
	out := make([]byte, 0, 36)
	out = append(out, 't')
	out = append(out, h.version()...)
	if slices.Contains(h.Extensions, extServerName) {
		out = append(out, 'd')
	} else {
		out = append(out, 'i')
	}
	out = appendCount(out, len(h.Suites))
	out = appendCount(out, len(h.Extensions))
	out = append(h.appendProtocol(out), '_')
	out = append(appendHash(out, appendList(nil, sorted(h.Suites))), '_')
	return string(appendHash(out, h.abilities()))
}

// version is the highest one in two characters.
func (h *Hello) version() string {
	if len(h.Versions) > 0 {
		switch slices.Max(h.Versions) {
		case 0x0304:
			return "13"
		case 0x0303:
			return "12"
		case 0x0302:
			return "11"
		case 0x0301:
			return "10"
		case 0x0300:
			return "s3"
		}
	}
	return "00"
}

// appendProtocol appends the first and the last character of the first
// protocol, or those of its hexadecimal form when either is no letter or digit.
func (h *Hello) appendProtocol(b []byte) []byte {
	name := h.first
	if name == "" && len(h.ALPN) > 0 {
		name = h.ALPN[0]
	}
	if name == "" {
		return append(b, "00"...)
	}
	first, last := name[0], name[len(name)-1]
	if !alphanumeric(first) || !alphanumeric(last) {
		return append(b, hexadecimal[first>>4], hexadecimal[last&15])
	}
	return append(b, first, last)
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// abilities lists extensions but for server_name and ALPN, whose content is no
// property of the client, and behind them signature schemes.
func (h *Hello) abilities() []byte {
	personal := func(n uint16) bool { return n == extServerName || n == extALPN }
	list := appendList(nil, slices.DeleteFunc(sorted(h.Extensions), personal))
	if len(h.SignatureSchemes) > 0 {
		list = appendList(append(list, '_'), h.SignatureSchemes)
	}
	return list
}

func sorted(list []uint16) []uint16 {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

func appendCount(b []byte, n int) []byte {
	n = min(n, 99)
	return append(b, byte('0'+n/10), byte('0'+n%10))
}

// appendList appends numbers in hexadecimal with commas between them.
func appendList(b []byte, list []uint16) []byte {
	for i, n := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, hexadecimal[n>>12], hexadecimal[n>>8&15], hexadecimal[n>>4&15], hexadecimal[n&15])
	}
	return b
}

// appendHash appends the first twelve characters of a list's SHA-256, or zeros
// for an empty list.
func appendHash(b, list []byte) []byte {
	if len(list) == 0 {
		return append(b, "000000000000"...)
	}
	sum := sha256.Sum256(list)
	return hex.AppendEncode(b, sum[:6])
}
