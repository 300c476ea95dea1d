package proxy

import (
	"bytes"
	"net/netip"
	"unsafe"
)

// maxLine is the longest line of version 1, its end included (section 2.1).
const maxLine = 107

// parse1 reads "PROXY TCP4|TCP6 source destination port port\r\n" or "PROXY
// UNKNOWN ...\r\n" (section 2.1).
func (h *Header) parse1(window []byte) (n int, err error) {
	end := bytes.IndexByte(window[:min(len(window), maxLine)], '\n')
	switch {
	case end < 0 && len(window) < maxLine:
		return 0, ErrShort
	case end < 0:
		return 0, invalid("the line does not end within %d bytes (section 2.1)", maxLine)
	case window[end-1] != '\r':
		return 0, invalid("the line ends without a carriage return (section 2.1)")
	}
	h.Version = 1
	rest := window[len(signature1) : end-1]
	family, rest, _ := bytes.Cut(rest, space)
	switch string(family) {
	case "UNKNOWN": // what follows must be ignored
	case "TCP4", "TCP6":
		err = h.addresses1(rest, family[3] == '6')
	default:
		err = invalid("%q is none of TCP4, TCP6, UNKNOWN (section 2.1)", family)
	}
	return end + 1, err
}

var space = []byte{' '}

func (h *Header) addresses1(b []byte, v6 bool) error {
	source, b, _ := bytes.Cut(b, space)
	destination, b, _ := bytes.Cut(b, space)
	sourcePort, destinationPort, _ := bytes.Cut(b, space)
	from, ok := address(source, v6)
	to, ok2 := address(destination, v6)
	if !ok || !ok2 {
		return invalid("%q and %q are not two addresses of the family (section 2.1)", source, destination)
	}
	fromPort, ok := port(sourcePort)
	toPort, ok2 := port(destinationPort)
	if !ok || !ok2 {
		return invalid("%q and %q are not two ports (section 2.1)", sourcePort, destinationPort)
	}
	h.Source, h.Destination = netip.AddrPortFrom(from, fromPort), netip.AddrPortFrom(to, toPort)
	return nil
}

// address reads an address of one family. netip refuses leading zeros, which
// would leave it open whether they mean octal.
func address(b []byte, v6 bool) (netip.Addr, bool) {
	if len(b) == 0 || bytes.IndexByte(b, '%') >= 0 { // a zone means nothing on another machine
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(unsafe.String(&b[0], len(b))) // neither keeps the text, once err is dropped
	if err != nil || a.Is4() == v6 {
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}

// port reads a decimal number up to 65535 without leading zeros.
func port(b []byte) (uint16, bool) {
	if len(b) == 0 || len(b) > 5 || len(b) > 1 && b[0] == '0' {
		return 0, false
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return uint16(n), n <= 65535
}
