package mqtt

import "errors"

// ErrShort is returned by [ParseHeader] when the window ends before the fixed
// header does: wait for more bytes.
var ErrShort = errors.New("more bytes are needed for the fixed header")

// Error is a packet that breaks the protocol. The connection cannot go on:
// answer with CONNACK or DISCONNECT where the version allows, and close
// ([MQTT-4.13.1-1]).
type Error struct {
	Reason Reason // for the CONNACK or DISCONNECT of MQTT 5.0
	Rule   string // the broken rule, "MQTT-3.1.2-3", or the section, "§2.2.2.2", where it has no number
	Text   string // what is wrong; never bytes of the packet
}

// Error reads "Malformed Packet: topic is not UTF-8 [MQTT-1.5.4-1]".
func (e *Error) Error() string {
	return e.Reason.String() + ": " + e.Text + " [" + e.Rule + "]"
}

// ReasonOf is the reason code of an error of this package: Success for nil,
// UnspecifiedError for an error that carries none.
func ReasonOf(err error) Reason {
	if err == nil {
		return Success
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return UnspecifiedError
}

func malformed(rule, text string) error {
	return &Error{Reason: MalformedPacket, Rule: rule, Text: text}
}

func protocolError(rule, text string) error {
	return &Error{Reason: ProtocolError, Rule: rule, Text: text}
}

// Errors that several packets share.
var (
	errTruncated  = malformed("§2.1.4", "packet ends inside a field")
	errTrailing   = malformed("§2.1.4", "bytes after the last field")
	errVarint     = malformed("MQTT-1.5.5-1", "variable byte integer is not in its shortest form or over four bytes")
	errUTF8       = malformed("MQTT-1.5.4-1", "string is not well-formed UTF-8")
	errNUL        = malformed("MQTT-1.5.4-2", "string contains U+0000")
	errFlags      = malformed("MQTT-2.1.3-1", "reserved flags of the fixed header are wrong")
	errPacketID   = protocolError("MQTT-2.2.1-3", "packet identifier is 0")
	errNotIn3     = protocolError("§3.15", "AUTH exists in MQTT 5.0 only")
	errWildcard   = &Error{Reason: TopicNameInvalid, Rule: "MQTT-3.3.2-2", Text: "topic name contains a wildcard"}
	errEmptyTopic = &Error{Reason: TopicNameInvalid, Rule: "MQTT-4.7.3-1", Text: "topic name is empty"}
)
