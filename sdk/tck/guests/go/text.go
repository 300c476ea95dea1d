package main

import (
	"encoding/hex"
	"strconv"

	wicket "github.com/wicketmq/wicket/sdk/go"
)

// text is NUMBER=VALUE; for each field that is not zero.
type text []byte

func (t *text) put(num int, v string) {
	*t = append(append(append(strconv.AppendInt(*t, int64(num), 10), '='), v...), ';')
}

func (t *text) string(num int, v string) {
	if v != "" {
		t.put(num, v)
	}
}

func (t *text) number(num int, v uint64) {
	if v != 0 {
		t.put(num, strconv.FormatUint(v, 10))
	}
}

func (t *text) bool(num int, v bool) {
	if v {
		t.put(num, "1")
	}
}

func (t *text) hex(num int, v []byte) {
	if len(v) > 1024 {
		t.put(num, "#"+strconv.Itoa(len(v)))
		return
	}
	t.string(num, hex.EncodeToString(v))
}

func (t *text) part(num int, v text) { t.put(num, "{"+string(v)+"}") }

func (t *text) strings(num int, list []string) {
	for _, v := range list {
		t.put(num, v)
	}
}

func (t *text) properties(num int, list []wicket.Property) {
	for _, p := range list {
		var v text
		v.string(1, p.Key)
		v.string(2, p.Value)
		t.part(num, v)
	}
}

func connectText(c *wicket.Connect) string {
	var t text
	t.string(1, c.ClientID)
	t.string(2, c.Username)
	t.hex(3, c.Password)
	t.number(4, uint64(c.Protocol))
	t.bool(5, c.CleanStart)
	t.number(6, uint64(c.KeepAlive))
	t.number(7, uint64(c.SessionExpiry))
	t.string(8, c.Listener)
	t.string(9, c.Transport)
	t.string(10, c.Peer)
	if c.Proxy != nil {
		t.part(11, proxyText(c.Proxy))
	}
	if c.TLS != nil {
		t.part(12, tlsText(c.TLS))
	}
	t.properties(13, c.Attributes)
	t.string(14, c.AuthMethod)
	t.hex(15, c.AuthData)
	if c.Will != nil {
		var v text
		v.string(1, c.Will.Topic)
		v.number(2, uint64(c.Will.QoS))
		v.bool(3, c.Will.Retain)
		t.part(16, v)
	}
	t.properties(17, c.UserProperties)
	t.bool(18, c.HasUsername)
	t.bool(19, c.HasPassword)
	t.string(20, c.ConnectUsername)
	t.string(21, c.ConnectClientID)
	return string(t)
}

func proxyText(p *wicket.Proxy) (t text) {
	t.number(1, uint64(p.Version))
	t.string(2, p.Source)
	t.string(3, p.Destination)
	t.string(4, p.CommonName)
	t.bool(5, p.Verified)
	t.string(6, p.Via)
	t.string(7, p.ServerName)
	t.string(8, p.ALPN)
	t.string(9, p.TLSVersion)
	t.string(10, p.Cipher)
	return t
}

func tlsText(m *wicket.TLS) (t text) {
	t.string(1, m.Version)
	t.string(2, m.Suite)
	t.string(3, m.SNI)
	t.string(4, m.ALPN)
	t.bool(5, m.Resumed)
	t.string(6, m.PSKIdentity)
	t.bool(7, m.CertificatePresented)
	t.bool(8, m.CertificateVerified)
	t.string(9, m.CommonName)
	t.string(10, m.Subject)
	t.strings(11, m.SAN)
	t.string(12, m.Fingerprint)
	t.string(13, m.Serial)
	return t
}

func accessText(a *wicket.Access) string {
	var t text
	t.string(1, a.ClientID)
	t.string(2, a.Username)
	t.properties(3, a.Attributes)
	t.number(4, uint64(a.Action))
	t.topics(5, a.Topics)
	t.string(6, a.Listener)
	t.string(7, a.Peer)
	return string(t)
}

func loadText(l *wicket.LoadInfo) string {
	var t text
	t.string(1, l.Plugin)
	t.string(2, l.Config)
	for _, f := range l.Files {
		var v text
		v.string(1, f.Key)
		v.string(2, f.Path)
		v.hex(3, f.Content)
		t.part(3, v)
	}
	t.number(4, l.Features)
	t.number(5, uint64(l.ABIMinor))
	t.strings(6, l.Upstreams)
	return string(t)
}

func (t *text) topics(num int, list []wicket.Topic) {
	for _, topic := range list {
		var v text
		v.string(1, topic.Topic)
		v.number(2, uint64(topic.QoS))
		v.bool(3, topic.Retain)
		v.string(4, topic.Share)
		t.part(num, v)
	}
}

func helloText(h *wicket.ClientHello) string {
	var t text
	t.string(1, h.Listener)
	t.string(2, h.Peer)
	if h.Proxy != nil {
		t.part(3, proxyText(h.Proxy))
	}
	t.string(4, h.ServerName)
	t.strings(5, h.ALPN)
	for i, list := range [...][]uint32{h.Versions, h.Suites, h.Extensions, h.Groups, h.SignatureSchemes} {
		for _, n := range list {
			t.put(6+i, strconv.FormatUint(uint64(n), 10))
		}
	}
	t.string(11, h.JA4)
	return string(t)
}

func eventText(e *wicket.Event) string {
	var t text
	t.number(1, uint64(e.Kind))
	t.number(2, e.TimeMS)
	t.string(3, e.ClientID)
	t.string(4, e.Username)
	t.string(5, e.Listener)
	t.string(6, e.Peer)
	t.number(7, uint64(e.Reason))
	t.string(8, e.ReasonText)
	t.topics(9, e.Topics)
	t.number(10, e.Dropped)
	t.string(11, e.Decider)
	t.properties(12, e.Attributes)
	t.number(13, uint64(e.Action))
	return string(t)
}
