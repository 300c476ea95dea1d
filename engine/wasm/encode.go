package wasm

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
	"unicode/utf8"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/cert"
)

// The functions of this file append messages of sdk/wicket.proto to b. Zero
// values are left out. They are given the guest's input buffer as a slice of
// length 0, so that a message that fits is written in place; one that does
// not ends up in a slice of its own.

// Wire types of the protobuf encoding. The ABI uses the first two; fields of
// the others are skipped.
const (
	wireVarint  = 0
	wireBytes   = 2
	wireFixed64 = 1
	wireFixed32 = 5
)

func appendTag(b []byte, field, wire int) []byte {
	return binary.AppendUvarint(b, uint64(field<<3|wire))
}

func appendUint(b []byte, field int, v uint64) []byte {
	if v == 0 {
		return b
	}
	return binary.AppendUvarint(appendTag(b, field, wireVarint), v)
}

func appendBool(b []byte, field int, v bool) []byte {
	if !v {
		return b
	}
	return append(appendTag(b, field, wireVarint), 1)
}

func appendText[T string | []byte](b []byte, field int, v T) []byte {
	if len(v) == 0 {
		return b
	}
	return appendElement(b, field, v)
}

// appendForeign appends a name that a peer has made and nobody has looked at. One
// that is not UTF-8 is left out: a guest that refuses the message would leave the
// client to on_error, and with U+FFFD in it two names could become one.
func appendForeign(b []byte, field int, s string) []byte {
	if !utf8.ValidString(s) {
		return b
	}
	return appendText(b, field, s)
}

// appendElement appends one entry of a repeated field, empty or not.
func appendElement[T string | []byte](b []byte, field int, v T) []byte {
	b = binary.AppendUvarint(appendTag(b, field, wireBytes), uint64(len(v)))
	return append(b, v...)
}

// beginMessage reserves one byte for the length of a nested message.
func beginMessage(b []byte, field int) (_ []byte, mark int) {
	b = append(appendTag(b, field, wireBytes), 0)
	return b, len(b)
}

// endMessage fills in the length of the message that begins at mark.
func endMessage(b []byte, mark int) []byte {
	n := len(b) - mark
	if n < 0x80 {
		b[mark-1] = byte(n)
		return b
	}
	var length [binary.MaxVarintLen64]byte
	size := binary.PutUvarint(length[:], uint64(n))
	b = append(b, length[:size-1]...)
	copy(b[mark-1+size:], b[mark:mark+n])
	copy(b[mark-1:], length[:size])
	return b
}

func appendProperty(b []byte, field int, key, value string) []byte {
	b, mark := beginMessage(b, field)
	b = appendText(b, 1, key)
	b = appendText(b, 2, value)
	return endMessage(b, mark)
}

func appendLoad(b []byte, p *Plugin) []byte {
	b = appendText(b, 1, p.name)
	b = appendText(b, 2, string(p.config))
	for i := range p.files {
		var mark int
		b, mark = beginMessage(b, 3)
		b = appendText(b, 1, p.files[i].Key)
		b = appendText(b, 2, p.files[i].Path)
		b = appendText(b, 3, p.files[i].Content)
		b = endMessage(b, mark)
	}
	b = appendUint(b, 4, p.features)
	b = appendUint(b, 5, abiMinor)
	for _, name := range sortedKeys(p.upstreams) {
		b = appendElement(b, 6, name)
	}
	return b
}

func appendAuthenticate(b []byte, r *auth.Request) []byte {
	b = appendText(b, 1, r.ClientID)
	b = appendText(b, 2, r.Username)
	b = appendText(b, 3, r.Password)
	b = appendUint(b, 4, uint64(r.Version))
	b = appendBool(b, 5, r.CleanStart)
	b = appendUint(b, 6, uint64(r.KeepAlive))
	b = appendUint(b, 7, uint64(r.SessionExpiry))
	b = appendText(b, 8, r.Listener)
	b = appendText(b, 9, r.Transport)
	b = appendPeer(b, 10, r.Peer)
	if r.Proxy != nil {
		b = appendProxy(b, 11, r.Peer, r.Proxy)
	}
	if r.TLS != nil {
		b = appendTLS(b, 12, r)
	}
	b = appendAttributes(b, 13, r.Attributes)
	b = appendText(b, 14, r.AuthMethod)
	b = appendText(b, 15, r.AuthData)
	if w := r.Will; w != nil {
		var mark int
		b, mark = beginMessage(b, 16)
		b = appendText(b, 1, w.Topic)
		b = appendUint(b, 2, uint64(w.QoS))
		b = appendBool(b, 3, w.Retain)
		b = endMessage(b, mark)
	}
	for i := range r.UserProperties {
		b = appendProperty(b, 17, r.UserProperties[i].Key, r.UserProperties[i].Value)
	}
	b = appendBool(b, 18, r.HasUsername)
	b = appendBool(b, 19, r.HasPassword)
	b = appendText(b, 20, r.ConnectUsername)
	b = appendText(b, 21, r.ConnectClientID)
	return appendBool(b, 22, r.Reauthenticate)
}

func appendProxy(b []byte, field int, client netip.AddrPort, p *auth.Proxy) []byte {
	b, mark := beginMessage(b, field)
	b = appendUint(b, 1, uint64(p.Version))
	b = appendPeer(b, 2, client)
	b = appendPeer(b, 3, p.Destination)
	b = appendForeign(b, 4, p.CommonName)
	b = appendBool(b, 5, p.CommonName != "" && utf8.ValidString(p.CommonName))
	b = appendPeer(b, 6, p.Via)
	b = appendForeign(b, 7, p.ServerName)
	b = appendForeign(b, 8, p.ALPN)
	b = appendForeign(b, 9, p.TLSVersion)
	b = appendForeign(b, 10, p.Cipher)
	return endMessage(b, mark)
}

func appendAttributes(b []byte, field int, attributes map[string]string) []byte {
	if len(attributes) == 0 {
		return b
	}
	for _, k := range slices.Sorted(maps.Keys(attributes)) {
		b = appendProperty(b, field, k, attributes[k])
	}
	return b
}

// appendTLS writes what identifies a person or device only from a verified
// certificate, and nothing of one that is not the client's but a proxy's. The
// fingerprint is there without verification too: the handshake has proved
// possession of the key, which is all that pinning needs.
func appendTLS(b []byte, field int, r *auth.Request) []byte {
	t := r.TLS
	b, mark := beginMessage(b, field)
	b = appendText(b, 1, t.Version)
	b = appendText(b, 2, t.Suite)
	b = appendForeign(b, 3, t.ServerName)
	b = appendForeign(b, 4, t.ALPN)
	b = appendBool(b, 5, t.Resumed)
	if r.Handshake() == t && len(t.Chain) > 0 {
		leaf := t.Chain[0]
		b = appendBool(b, 7, true)
		if t.Verified {
			b = appendBool(b, 8, true)
			if names := cert.CommonNames(leaf.RawSubject); len(names) > 0 {
				b = appendForeign(b, 9, names[0])
			}
			b = appendForeign(b, 10, cert.Subject(leaf.RawSubject))
			for _, name := range leaf.DNSNames {
				b = appendElement(b, 11, "dns:"+name)
			}
			for _, ip := range leaf.IPAddresses {
				b = appendElement(b, 11, "ip:"+ip.String())
			}
			for _, mail := range leaf.EmailAddresses {
				b = appendElement(b, 11, "email:"+mail)
			}
			for _, uri := range leaf.URIs {
				b = appendElement(b, 11, "uri:"+uri.String())
			}
			b = appendText(b, 13, cert.Serial(leaf))
		}
		b = appendText(b, 12, fingerprint(leaf.Raw))
	}
	return endMessage(b, mark)
}

func appendAuthorize(b []byte, a *auth.Access) []byte {
	b = appendText(b, 1, a.ClientID)
	b = appendText(b, 2, a.Username)
	b = appendAttributes(b, 3, a.Attributes)
	b = appendUint(b, 4, uint64(a.Action))
	for i := range a.Items {
		b = appendTopic(b, 5, &a.Items[i])
	}
	b = appendText(b, 6, a.Listener)
	return appendPeer(b, 7, a.Peer)
}

func appendTopic(b []byte, field int, item *auth.Item) []byte {
	b, mark := beginMessage(b, field)
	b = appendText(b, 1, item.Topic)
	b = appendUint(b, 2, uint64(item.QoS))
	b = appendBool(b, 3, item.Retain)
	b = appendText(b, 4, item.Share)
	return endMessage(b, mark)
}
