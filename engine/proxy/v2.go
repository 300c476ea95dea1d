package proxy

import (
	"encoding/binary"
	"net/netip"
)

const (
	fixed2   = 16   // signature, command, family, length
	maxBody2 = 4096 // addresses and TLVs; those of a proxy are some hundred bytes
)

// Families and transports (section 2.2).
const (
	unspec = 0x00
	tcp4   = 0x11
	udp4   = 0x12
	tcp6   = 0x21
	udp6   = 0x22
	unix   = 0x31
	unixDG = 0x32
)

// parse2 reads the binary header (section 2.2).
func (h *Header) parse2(window []byte) (n int, err error) {
	if len(window) <= len(signature2) {
		return 0, ErrShort
	}
	switch command := window[12]; command {
	case 0x20:
		h.Local = true
	case 0x21:
	default:
		return 0, invalid("command %#02x is neither LOCAL nor PROXY of version 2 (section 2.2)", command)
	}
	if len(window) < fixed2 {
		return 0, ErrShort
	}
	h.Version = 2
	length := int(binary.BigEndian.Uint16(window[14:]))
	if length > maxBody2 {
		return 0, invalid("%d bytes are more than the %d that are taken", length, maxBody2)
	}
	addresses := 0
	if !h.Local { // whose family is ignored
		if addresses, err = addressLength(window[13]); err != nil {
			return 0, err
		}
	}
	if length < addresses {
		return 0, invalid("%d bytes are too few for the addresses (section 2.2)", length)
	}
	n = fixed2 + length
	if len(window) < n {
		return 0, ErrShort
	}
	if addresses == 0 { // nobody knows where its TLVs begin, if there are any
		return n, nil
	}
	h.addresses2(window[fixed2 : fixed2+addresses])
	return n, h.tlvs(window[:n:n], fixed2+addresses)
}

// addressLength is the number of bytes of a family's addresses.
func addressLength(family byte) (int, error) {
	switch family {
	case unspec: // accepted with the addresses of the socket
		return 0, nil
	case tcp4:
		return 12, nil
	case tcp6:
		return 36, nil
	case udp4, udp6, unix, unixDG:
		return 0, ErrUnsupported
	}
	return 0, invalid("family and transport %#02x are not assigned (section 2.2)", family)
}

// addresses2 reads two addresses, then two ports.
func (h *Header) addresses2(b []byte) {
	size := (len(b) - 4) / 2
	from, _ := netip.AddrFromSlice(b[:size])
	to, _ := netip.AddrFromSlice(b[size : 2*size])
	ports := b[2*size:]
	h.Source = netip.AddrPortFrom(from.Unmap(), binary.BigEndian.Uint16(ports))
	h.Destination = netip.AddrPortFrom(to.Unmap(), binary.BigEndian.Uint16(ports[2:]))
}
