package backend

import (
	"strconv"
	"strings"
	"unsafe"

	wicket "github.com/wicketmq/wicket/sdk/go"
)

// asks is a set of questions that a field can be part of.
type asks uint8

const (
	authentication asks = 1 << iota
	authorization

	both = authentication | authorization
)

// section is what a note about a question begins with.
func (a asks) section() string {
	if a == authorization {
		return "authorization: "
	}
	return ""
}

// subject is what a request is about: a client that wants in, or one of the
// topics that it wants to use.
type subject struct {
	ctx    *wicket.Context
	c      *wicket.Connect // nil when a topic is asked about
	access *wicket.Access
	topic  *wicket.Topic
}

// field is something that a placeholder stands for (AUTHN-09, ZHTTP-01). One
// that is missing is empty.
type field struct {
	name string
	asks asks
	get  func(s *subject, argument string) string
}

var fields = []field{
	{"clientid", both, func(s *subject, _ string) string { return s.clientID() }},
	{"username", both, func(s *subject, _ string) string { return s.username() }},
	{"password", authentication, func(s *subject, _ string) string { return text(s.c.Password) }},
	{"peerhost", both, func(s *subject, _ string) string { host, _ := s.peer(); return host }},
	{"peerport", both, func(s *subject, _ string) string { _, port := s.peer(); return port }},
	{"peername", both, func(s *subject, _ string) string { return s.peername() }},
	{"cert_subject", both, func(s *subject, _ string) string { return s.cert("cert_subject", wicket.CertSubject) }},
	{"cert_common_name", both, func(s *subject, _ string) string { return s.cert("cert_common_name", wicket.CertCommonNames) }},
	{"cert_pem", both, func(s *subject, _ string) string { return armor(s.cert("cert_pem", wicket.CertPEM)) }},
	{"listener", both, func(s *subject, _ string) string { return s.listener() }},
	{"zone", both, func(*subject, string) string { return "default" }},
	{"mountpoint", both, func(*subject, string) string { return "" }},
	{"proto_name", both, func(s *subject, _ string) string { return s.protocol() }},
	{"proto_ver", authentication, func(s *subject, _ string) string { return strconv.Itoa(int(s.c.Protocol)) }},
	{"topic", authorization, func(s *subject, _ string) string { return s.topic.Topic }},
	{"action", authorization, func(s *subject, _ string) string { return s.action("publish", "subscribe") }},
	{"access", authorization, func(s *subject, _ string) string { return s.action("2", "1") }},
	{"qos", authorization, func(s *subject, _ string) string { return strconv.Itoa(int(s.topic.QoS)) }},
	{"retain", authorization, func(s *subject, _ string) string { return strconv.FormatBool(s.topic.Retain) }},
}

// text is a text that is used before b changes.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// attribute is the field behind ${client_attrs.NAME}.
var attribute = field{attributes + "NAME", both, func(s *subject, name string) string { return s.attribute(name) }}

const attributes = "client_attrs."

// oldFields are the variables of EMQX 4 (AHTTP-14).
var oldFields = []struct {
	letter byte
	asks   asks
	field  *field
}{
	{'u', both, named("username")},
	{'c', both, named("clientid")},
	{'a', both, named("peerhost")},
	{'r', both, &field{"protocol", both, func(*subject, string) string { return "mqtt" }}},
	{'m', authorization, named("mountpoint")},
	{'t', authorization, named("topic")},
	{'A', authorization, named("access")},
	{'P', authentication, named("password")},
	{'C', authentication, named("cert_common_name")},
	{'d', authentication, named("cert_subject")},
}

func named(name string) *field {
	for i := range fields {
		if fields[i].name == name {
			return &fields[i]
		}
	}
	return nil
}

// fieldNamed finds what a placeholder stands for.
func fieldNamed(name string, a asks) (f *field, argument string) {
	if argument, ok := strings.CutPrefix(name, attributes); ok && argument != "" {
		return &attribute, argument
	}
	if f = named(name); f == nil || f.asks&a == 0 {
		return nil, ""
	}
	return f, ""
}

// fieldNames lists the placeholders of a question for a note.
func fieldNames(a asks) string {
	var names []string
	for i := range fields {
		if fields[i].asks&a != 0 {
			names = append(names, fields[i].name)
		}
	}
	return strings.Join(append(names, attribute.name), ", ")
}

func (s *subject) clientID() string {
	if s.c != nil {
		return s.c.ClientID
	}
	return s.access.ClientID
}

func (s *subject) username() string {
	if s.c != nil {
		return s.c.Username
	}
	return s.access.Username
}

func (s *subject) listener() string {
	if s.c != nil {
		return s.c.Listener
	}
	return s.access.Listener
}

// peername is the client's address with its port: "192.0.2.7:51234".
func (s *subject) peername() string {
	if s.c != nil {
		return s.c.Peer
	}
	return s.access.Peer
}

// peer takes the address apart; that of an IPv6 client loses its brackets.
func (s *subject) peer() (host, port string) {
	name := s.peername()
	i := strings.LastIndexByte(name, ':')
	if i < 0 {
		return name, ""
	}
	return strings.Trim(name[:i], "[]"), name[i+1:]
}

func (s *subject) attribute(name string) string {
	list := s.access
	if s.c != nil {
		return value(s.c.Attributes, name)
	}
	return value(list.Attributes, name)
}

func value(list []wicket.Property, key string) string {
	for i := range list {
		if list[i].Key == key {
			return list[i].Value
		}
	}
	return ""
}

// cert is a field of the client's certificate. When a topic is asked about it is
// the attribute in which remember has put it.
func (s *subject) cert(name string, f wicket.CertField) string {
	if s.c == nil {
		return s.attribute(name)
	}
	v, _ := s.ctx.Certificate(f, 0)
	return v
}

// remembered are the fields of a certificate that questions about topics may
// need, which come without it.
var remembered = []struct {
	name  string
	field wicket.CertField
}{{"cert_subject", wicket.CertSubject}, {"cert_common_name", wicket.CertCommonNames}, {"cert_pem", wicket.CertPEM}}

// remember gives a client that is let in those of its certificate's fields as
// attributes that are part of the questions about its topics (ZHTTP-01). They
// come last, so that they count and not what a server has called the same.
func (b *Backend) remember(ctx *wicket.Context, v wicket.Verdict) wicket.Verdict {
	if b.access == nil || v.Code() != wicket.CodeAllow {
		return v
	}
	for _, r := range remembered {
		if b.access.uses(r.name) {
			text, _ := ctx.Certificate(r.field, 0)
			v = v.Attribute(r.name, text)
		}
	}
	return v
}

func (s *subject) protocol() string {
	if s.c != nil && s.c.Protocol == 3 {
		return "MQIsdp"
	}
	return "MQTT"
}

func (s *subject) action(publish, subscribe string) string {
	if s.access.Action == wicket.Publish {
		return publish
	}
	return subscribe
}

// armor gives a certificate in Base64 the lines of a PEM file (RFC 7468).
func armor(text string) string {
	if text == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString("-----BEGIN CERTIFICATE-----\n")
	for len(text) > 64 {
		b.WriteString(text[:64] + "\n")
		text = text[64:]
	}
	b.WriteString(text + "\n-----END CERTIFICATE-----\n")
	return b.String()
}
