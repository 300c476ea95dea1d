// Package mqtt owns the bytes of MQTT 3.1, 3.1.1 and 5.0: framing, decoding,
// encoding, properties and reason codes. It knows nothing of sessions,
// sockets or time, starts no goroutine and holds no state, so any goroutine
// may call it.
//
// # Reading
//
// [ParseHeader] frames a window of received bytes; when the window holds
// Header.Len() bytes, the packet's Decode gets the bytes after the fixed
// header. Decode works in place: every slice of a decoded packet aliases the
// body and is valid as long as the body is. Decode resets the struct but
// keeps the capacity of Filters, Reasons and SubscriptionIDs, so a struct that
// is used again for the next packet costs no allocation; a copy of the struct
// shares these three with it. After an error the struct's contents mean
// nothing, except Connect.Version.
//
// PINGREQ and PINGRESP have no body: ParseHeader checks all of them. The
// packets of 3.x (DISCONNECT included) have no properties and no reason codes;
// their Decode leaves these fields zero.
//
// Decode checks everything that can be seen in one packet alone. What depends
// on the connection is the caller's: the direction (a client must not send
// CONNACK, nor a PUBLISH with a Subscription Identifier, [MQTT-3.3.4-6]), the
// limits both sides announced, packet identifiers in use, topic alias ranges,
// the syntax of topic filters, and which reason codes and properties only one
// side may send.
//
// # Optional fields
//
// For optional []byte fields nil means absent and an empty non-nil slice means
// present and empty. Optional numbers have a Has field where zero is a value.
//
// # Writing
//
// Append adds one encoded packet to the caller's buffer and returns the grown
// buffer; it allocates only when the buffer lacks capacity. Size says how many
// bytes Append would add, for checks against the peer's Maximum Packet Size
// ([MQTT-3.1.2-24]). Append never fails: the caller has validated what it
// sends. A string or binary field over 65,535 bytes, a packet over 268,435,455
// bytes, or a value the specification forbids is the caller's bug; nothing is
// truncated and the encoded packet is then not valid MQTT. Properties are
// written in ascending order of their identifiers.
//
// See [AppendPublish] for encoding a PUBLISH once for many receivers.
package mqtt
