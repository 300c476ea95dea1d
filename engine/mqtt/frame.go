package mqtt

// MaxRemaining is the greatest Remaining Length (§2.1.4), 256 MiB - 1.
const MaxRemaining = 268_435_455

// maxVarint is the greatest number of bytes of a variable byte integer (§1.5.5).
const maxVarint = 4

// Header is the fixed header of a packet (§2.1.1).
type Header struct {
	Type      Type
	Flags     byte // the low four bits of the first byte
	Size      int  // bytes of the fixed header itself, 2 to 5
	Remaining int  // bytes of the body that follows
}

// Len is the length of the whole packet in bytes.
func (h Header) Len() int { return h.Size + h.Remaining }

// ParseHeader reads the fixed header at the start of window, which may hold
// any part of a byte stream, and never looks beyond it. It returns [ErrShort]
// when more bytes are needed, and an [*Error] as soon as the bytes at hand
// cannot become a packet of any version: reserved type 0, reserved flags
// [MQTT-2.1.3-1], QoS 3 [MQTT-3.3.1-4], DUP with QoS 0 [MQTT-3.3.1-2], a length
// that is not in its shortest form [MQTT-1.5.5-1], a PINGREQ or PINGRESP with
// a body. It does not know the version of the connection: AUTH passes.
//
// It never allocates, and the caller compares Len with its own limit before
// it makes room for the body.
func ParseHeader(window []byte) (Header, error) {
	if len(window) == 0 {
		return Header{}, ErrShort
	}
	h := Header{Type: Type(window[0] >> 4), Flags: window[0] & 0x0F}
	if err := checkFlags(h.Type, h.Flags); err != nil {
		return Header{}, err
	}
	if len(window) > 1 && window[1] < 0x80 { // most packets are short
		h.Size, h.Remaining = 2, int(window[1])
	} else {
		n, size, err := parseVarint(window[1:])
		if err != nil {
			return Header{}, err
		}
		h.Size, h.Remaining = 1+size, n
	}
	if h.Remaining != 0 && (h.Type == TypePingreq || h.Type == TypePingresp) {
		return Header{}, errTrailing
	}
	return h, nil
}

// parseVarint reads a variable byte integer (§1.5.5) and the number of bytes
// it takes; ErrShort when b ends inside it.
func parseVarint(b []byte) (value, size int, err error) {
	for i, c := range b {
		value |= int(c&0x7F) << (7 * i)
		switch {
		case c >= 0x80 && i == maxVarint-1:
			return 0, 0, errVarint
		case c >= 0x80:
			continue
		case c == 0 && i > 0:
			return 0, 0, errVarint // a shorter form exists
		}
		return value, i + 1, nil
	}
	return 0, 0, ErrShort
}

// Errors of the fixed header's flags.
var (
	errReservedType = malformed("§2.1.2", "packet type 0 is reserved")
	errQoS3         = malformed("MQTT-3.3.1-4", "PUBLISH with QoS 3")
	errDupQoS0      = malformed("MQTT-3.3.1-2", "PUBLISH with DUP and QoS 0")
)

// The flags of the fixed header (§2.1.3).
const (
	flagRetain   = 0x01
	flagQoS      = 0x06
	flagDup      = 0x08
	flagReserved = 0x02 // the fixed value for PUBREL, SUBSCRIBE and UNSUBSCRIBE
)

// checkFlags rejects flags that no version of MQTT allows for the type.
func checkFlags(t Type, flags byte) error {
	switch t {
	case TypePublish:
		return checkPublishFlags(flags)
	case TypePubrel, TypeSubscribe, TypeUnsubscribe:
		// MQTT 3.1 calls these QoS 1 messages and sets DUP when it sends
		// them again; Decode, which knows the version, rejects it later.
		if flags&^flagDup != flagReserved {
			return errFlags
		}
	case TypeReserved:
		return errReservedType
	default:
		if flags != 0 {
			return errFlags
		}
	}
	return nil
}

func checkPublishFlags(flags byte) error {
	switch {
	case flags&flagQoS == flagQoS:
		return errQoS3
	case flags&(flagQoS|flagDup) == flagDup:
		return errDupQoS0
	case flags > 0x0F:
		return errFlags
	}
	return nil
}

// checkFixedFlags is checkFlags for a known version: only 3.1 allows DUP on
// PUBREL, SUBSCRIBE and UNSUBSCRIBE [MQTT-2.1.3-1].
func checkFixedFlags(v Version, t Type, flags byte) error {
	if v != V31 && t != TypePublish && flags&flagDup != 0 {
		return errFlags
	}
	return checkFlags(t, flags)
}

// appendHeader appends the first byte and the Remaining Length.
func appendHeader(dst []byte, t Type, flags byte, remaining int) []byte {
	return appendVarint(append(dst, byte(t)<<4|flags), remaining)
}

// appendVarint appends a variable byte integer in its shortest form.
func appendVarint(dst []byte, n int) []byte {
	for n >= 0x80 {
		dst = append(dst, byte(n)|0x80)
		n >>= 7
	}
	return append(dst, byte(n))
}

// varintSize is the number of bytes that appendVarint appends.
func varintSize(n int) int {
	size := 1
	for n >>= 7; n > 0; n >>= 7 {
		size++
	}
	return size
}

// packetSize is the size of a whole packet from its Remaining Length.
func packetSize(remaining int) int { return 1 + varintSize(remaining) + remaining }

// AppendPingreq appends a PINGREQ (§3.12).
func AppendPingreq(dst []byte) []byte { return append(dst, byte(TypePingreq)<<4, 0) }

// AppendPingresp appends a PINGRESP (§3.13).
func AppendPingresp(dst []byte) []byte { return append(dst, byte(TypePingresp)<<4, 0) }
