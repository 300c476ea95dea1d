package tlsio

import (
	"bytes"

	"github.com/wicketmq/wicket/engine/cert"
)

// NotTLS is the error for a peer whose first bytes are no TLS handshake
// record.
type NotTLS struct {
	Found string // what the bytes look like: a stable word for logs and counters
	Hint  string // a sentence that tells the operator what to do
}

func (e *NotTLS) Error() string {
	return "not a TLS handshake but " + e.Found + ": " + e.Hint
}

// HandshakeReason makes [cert.Classify] know it.
func (*NotTLS) HandshakeReason() cert.Reason { return cert.ReasonNotTLS }

// first bytes that people are known to send to a TLS port.
var mistakes = []struct {
	prefix string
	err    *NotTLS
}{
	{"\x10", &NotTLS{"MQTT", "the client speaks MQTT without TLS; give it a TLS address or a tcp listener"}},
	{"\r\n\r\n\x00\r\nQUIT\n", proxyHeader},
	{"PROXY ", proxyHeader},
	{"\x16\x01\x01", &NotTLS{"TLCP", "the client speaks TLCP (GB/T 38636); this listener speaks TLS"}},
	{"GET ", plainHTTP},
	{"HEAD ", plainHTTP},
	{"POST ", plainHTTP},
	{"PUT ", plainHTTP},
	{"PATCH ", plainHTTP},
	{"DELETE ", plainHTTP},
	{"OPTIONS ", plainHTTP},
	{"CONNECT ", plainHTTP},
	{"TRACE ", plainHTTP},
	{"PRI * HTTP/2", plainHTTP},
}

var (
	plainHTTP   = &NotTLS{"HTTP", "the client speaks HTTP without TLS to an MQTT listener"}
	proxyHeader = &NotTLS{"PROXY header", "a proxy in front sends the PROXY protocol; switch proxy_protocol on for this listener"}
	oldHello    = &NotTLS{"SSL 2.0", "the client opens with an SSL 2.0 hello, which is prohibited (RFC 6176)"}
	unknown     = &NotTLS{"unknown bytes", "the client speaks some other protocol"}
)

// Sniff looks at the first bytes of a connection and names what is not a TLS
// handshake record, in a [*NotTLS]. It returns nil for as long as the bytes
// may become one. The minor version of the first record is not looked at: it
// means nothing (RFC 8446 section 5.1), and crypto/tls answers a version that
// it does not speak with the right alert.
func Sniff(first []byte) error {
	if n := min(len(first), 2); bytes.Equal(first[:n], []byte{typeHandshake, 3}[:n]) {
		return nil
	}
	for _, m := range mistakes {
		if n := min(len(first), len(m.prefix)); n >= min(4, len(m.prefix)) && string(first[:n]) == m.prefix[:n] {
			return m.err
		}
	}
	if len(first) >= 5 && first[0]&0x80 != 0 && first[2] == 1 && first[3] <= 3 {
		return oldHello
	}
	return unknown
}
