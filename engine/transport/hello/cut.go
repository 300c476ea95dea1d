package hello

const (
	recordHeader  = 5
	messageHeader = 4
	maxPlaintext  = 1 << 14 // of a record (RFC 8446 section 5.1)
	maxMessage    = 1 << 16 // of crypto/tls; the protocol would allow 16 MiB
	typeHandshake = 22
	typeHello     = 1
)

// MaxWire is the most bytes that a ClientHello may take on the wire: the
// largest one, and headers of fragments as far as anybody has a use for them.
const MaxWire = maxMessage + 16<<10

// Cut finds the ClientHello at the front of what a client has sent, which may
// be spread over several records (RFC 8446 section 5.1). It returns the message
// with its header, which is a part of b when it lies in one record. Of a hello
// that is not complete it returns how many bytes b must have before it is worth
// to look again: as these come by far not one by one, what a client splits its
// hello into costs little. An error is an [*Error].
func Cut(b []byte) (msg []byte, need int, err error) {
	total, have := messageHeader, 0 // bytes of the message: all, and those in records so far
	var head [messageHeader]byte
	for at := 0; ; {
		if len(b)-at < recordHeader {
			return wait(len(b), at+recordHeader+max(total-have, 1))
		}
		n, err := fragment(b[at:])
		if err != nil {
			return nil, 0, err
		}
		at += recordHeader
		part := b[at:min(at+n, len(b))]
		if have < messageHeader {
			copy(head[have:], part)
			if have+len(part) >= messageHeader {
				if total, err = size(head); err != nil {
					return nil, 0, err
				}
			}
		}
		have += len(part)
		switch {
		case have >= total && at == recordHeader:
			return part[:total], 0, nil
		case have >= total:
			return join(b, total), 0, nil
		case len(part) < n:
			return wait(len(b), len(b)+max(total-have, 1))
		}
		at += n
	}
}

// fragment checks the header of a record and returns the length of its
// fragment.
func fragment(b []byte) (int, error) {
	n := int(b[3])<<8 | int(b[4])
	switch {
	case b[0] != typeHandshake || b[1] != 3:
		return 0, errNoHello
	case n == 0:
		return 0, errEmpty
	case n > maxPlaintext:
		return 0, errOverflow
	}
	return n, nil
}

// size is the length of the message that begins with head.
func size(head [messageHeader]byte) (int, error) {
	if head[0] != typeHello {
		return 0, errNoHello
	}
	n := int(head[1])<<16 | int(head[2])<<8 | int(head[3])
	if n > maxMessage {
		return 0, errTooLarge
	}
	return messageHeader + n, nil
}

func wait(have, need int) ([]byte, int, error) {
	if have > MaxWire {
		return nil, 0, errFragments
	}
	return nil, need, nil
}

// join puts the fragments of a message together.
func join(b []byte, total int) []byte {
	msg := make([]byte, 0, total)
	for len(msg) < total {
		n := int(b[3])<<8 | int(b[4])
		msg = append(msg, b[recordHeader:recordHeader+min(n, total-len(msg))]...)
		b = b[min(recordHeader+n, len(b)):]
	}
	return msg
}
