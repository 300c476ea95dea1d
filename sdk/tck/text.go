package tck

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/wicketmq/wicket/sdk/go/wire"
)

// Text returns what the guest of the kit says of a message that it has read, as
// guests/README.md describes: a *wire.Load, *wire.Authenticate, *wire.Authorize,
// *wire.Event, *wire.ClientHello or *wire.HTTPResponse.
func Text(message any) string {
	var t text
	switch m := message.(type) {
	case *wire.Load:
		t.load(m)
	case *wire.Authenticate:
		t.authenticate(m)
	case *wire.Authorize:
		t.authorize(m)
	case *wire.Event:
		t.event(m)
	case *wire.ClientHello:
		t.hello(m)
	case *wire.HTTPResponse:
		t.number(1, uint64(m.Status))
		t.properties(2, m.Headers)
		t.hex(3, m.Body)
	default:
		panic(fmt.Sprintf("tck.Text of a %T", message))
	}
	return t.String()
}

// text writes NUMBER=VALUE; for each field that is not zero.
type text struct{ strings.Builder }

func (t *text) element(num int, v string) { t.WriteString(strconv.Itoa(num) + "=" + v + ";") }

func (t *text) string(num int, v string) {
	if v != "" {
		t.element(num, v)
	}
}

func (t *text) number(num int, v uint64) {
	if v != 0 {
		t.element(num, strconv.FormatUint(v, 10))
	}
}

func (t *text) bool(num int, v bool) {
	if v {
		t.element(num, "1")
	}
}

func (t *text) hex(num int, v []byte) {
	if len(v) > 1024 {
		t.element(num, "#"+strconv.Itoa(len(v)))
		return
	}
	t.string(num, fmt.Sprintf("%x", v))
}

func (t *text) message(num int, f func(*text)) {
	var inner text
	f(&inner)
	t.element(num, "{"+inner.String()+"}")
}

func (t *text) strings(num int, list []string) {
	for _, v := range list {
		t.element(num, v)
	}
}

func (t *text) properties(num int, list []wire.Property) {
	for _, p := range list {
		t.message(num, func(t *text) {
			t.string(1, p.Key)
			t.string(2, p.Value)
		})
	}
}

func (t *text) load(m *wire.Load) {
	t.string(1, m.Plugin)
	t.string(2, m.Config)
	for _, f := range m.Files {
		t.message(3, func(t *text) {
			t.string(1, f.Key)
			t.string(2, f.Path)
			t.hex(3, f.Content)
		})
	}
	t.number(4, m.Features)
	t.number(5, uint64(m.ABIMinor))
	t.strings(6, m.Upstreams)
}

func (t *text) authenticate(m *wire.Authenticate) {
	t.string(1, m.ClientID)
	t.string(2, m.Username)
	t.hex(3, m.Password)
	t.number(4, uint64(m.Protocol))
	t.bool(5, m.CleanStart)
	t.number(6, uint64(m.KeepAlive))
	t.number(7, uint64(m.SessionExpiry))
	t.string(8, m.Listener)
	t.string(9, m.Transport)
	t.string(10, m.Peer)
	if m.Proxy != nil {
		t.message(11, func(t *text) { t.proxy(m.Proxy) })
	}
	if m.TLS != nil {
		t.message(12, func(t *text) { t.tls(m.TLS) })
	}
	t.properties(13, m.Attributes)
	t.string(14, m.AuthMethod)
	t.hex(15, m.AuthData)
	if m.Will != nil {
		t.message(16, func(t *text) {
			t.string(1, m.Will.Topic)
			t.number(2, uint64(m.Will.QoS))
			t.bool(3, m.Will.Retain)
		})
	}
	t.properties(17, m.UserProperties)
	t.bool(18, m.HasUsername)
	t.bool(19, m.HasPassword)
	t.string(20, m.ConnectUsername)
	t.string(21, m.ConnectClientID)
}

func (t *text) proxy(m *wire.Proxy) {
	t.number(1, uint64(m.Version))
	t.string(2, m.Source)
	t.string(3, m.Destination)
	t.string(4, m.CommonName)
	t.bool(5, m.Verified)
	t.string(6, m.Via)
	t.string(7, m.ServerName)
	t.string(8, m.ALPN)
	t.string(9, m.TLSVersion)
	t.string(10, m.Cipher)
}

func (t *text) tls(m *wire.TLS) {
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
}

func (t *text) authorize(m *wire.Authorize) {
	t.string(1, m.ClientID)
	t.string(2, m.Username)
	t.properties(3, m.Attributes)
	t.number(4, uint64(m.Action))
	t.topics(5, m.Topics)
	t.string(6, m.Listener)
	t.string(7, m.Peer)
}

func (t *text) hello(m *wire.ClientHello) {
	t.string(1, m.Listener)
	t.string(2, m.Peer)
	if m.Proxy != nil {
		t.message(3, func(t *text) { t.proxy(m.Proxy) })
	}
	t.string(4, m.ServerName)
	t.strings(5, m.ALPN)
	for i, list := range [][]uint32{m.Versions, m.Suites, m.Extensions, m.Groups, m.SignatureSchemes} {
		for _, n := range list {
			t.element(6+i, strconv.FormatUint(uint64(n), 10))
		}
	}
	t.string(11, m.JA4)
}

func (t *text) topics(num int, list []wire.Topic) {
	for _, topic := range list {
		t.message(num, func(t *text) {
			t.string(1, topic.Topic)
			t.number(2, uint64(topic.QoS))
			t.bool(3, topic.Retain)
			t.string(4, topic.Share)
		})
	}
}

func (t *text) event(m *wire.Event) {
	t.number(1, uint64(m.Kind))
	t.number(2, m.TimeMS)
	t.string(3, m.ClientID)
	t.string(4, m.Username)
	t.string(5, m.Listener)
	t.string(6, m.Peer)
	t.number(7, uint64(m.Reason))
	t.string(8, m.ReasonText)
	t.topics(9, m.Topics)
	t.number(10, m.Dropped)
	t.string(11, m.Decider)
	t.properties(12, m.Attributes)
	t.number(13, uint64(m.Action))
}
