package identity

import (
	"strings"

	wicket "github.com/wicketmq/wicket/sdk/go"
)

// reading is a client whose names are looked for. Those that are found count
// for the templates after (spec MAP-09).
type reading struct {
	ctx      *wicket.Context
	c        *wicket.Connect
	username string
	clientID string
}

// certified reports whether the client has proved to hold a trusted
// certificate, to the broker or to a trusted proxy.
func (r *reading) certified() bool {
	return r.c.TLS != nil && r.c.TLS.CertificateVerified || r.c.Proxy != nil && r.c.Proxy.Verified
}

// field is something that is known of a client.
type field struct {
	name   string
	proven bool // part of a verified certificate; else the client says what it likes
	many   bool // may have several values
	get    func(r *reading, index int) string
}

// fields are all that a mapping can name, beside user_property.NAME.
var fields = []field{
	{"cn", true, false, func(r *reading, i int) string { return r.cert(wicket.CertCommonNames, i) }},
	{"dn", true, false, func(r *reading, i int) string { return r.cert(wicket.CertSubject, i) }},
	{"o", true, true, func(r *reading, i int) string { return r.cert(wicket.CertOrganization, i) }},
	{"ou", true, true, func(r *reading, i int) string { return r.cert(wicket.CertOrganizationalUnit, i) }},
	{"san_dns", true, true, func(r *reading, i int) string { return r.cert(wicket.CertSANDNS, i) }},
	{"san_uri", true, true, func(r *reading, i int) string { return r.cert(wicket.CertSANURI, i) }},
	{"san_email", true, true, func(r *reading, i int) string { return r.cert(wicket.CertSANEmail, i) }},
	{"san_ip", true, true, func(r *reading, i int) string { return r.cert(wicket.CertSANIP, i) }},
	{"issuer", true, false, func(r *reading, i int) string { return r.cert(wicket.CertIssuer, i) }},
	{"serial", true, false, func(r *reading, i int) string { return r.cert(wicket.CertSerial, i) }},
	{"sha256", true, false, func(r *reading, i int) string { return r.proved(wicket.CertSHA256, i) }},
	{"spki_sha256", true, false, func(r *reading, i int) string { return r.proved(wicket.CertSPKISHA256, i) }},
	{"md5", true, false, func(r *reading, i int) string { return r.cert(wicket.CertMD5, i) }},
	{"pem", true, false, func(r *reading, i int) string { return r.cert(wicket.CertPEM, i) }},
	{"crt", true, false, func(r *reading, i int) string { return r.cert(wicket.CertPEM, i) }},
	{"proxy_cn", true, false, func(r *reading, i int) string { return r.proxyName(i) }},
	{"sni", false, false, func(r *reading, i int) string { return single(r.serverName(), i) }},
	{"username", false, false, func(r *reading, i int) string { return single(r.username, i) }},
	{"clientid", false, false, func(r *reading, i int) string { return single(r.clientID, i) }},
	{"listener", false, false, func(r *reading, i int) string { return single(r.c.Listener, i) }},
	{"peerhost", false, false, func(r *reading, i int) string { return single(host(r.c.Peer), i) }},
}

const userProperty = "user_property."

// fieldNamed finds a field by its name.
func fieldNamed(name string) (field, bool) {
	for _, f := range fields {
		if f.name == name {
			return f, true
		}
	}
	if key, ok := strings.CutPrefix(name, userProperty); ok && key != "" {
		return field{name, false, true, func(r *reading, i int) string { return r.property(key, i) }}, true
	}
	return field{}, false
}

// fieldNames lists the fields for an error.
func fieldNames() string {
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	return strings.Join(append(names, userProperty+"NAME"), ", ")
}

// cert returns a field that the broker gives of verified certificates only.
func (r *reading) cert(f wicket.CertField, i int) string {
	v, _ := r.ctx.Certificate(f, i)
	return v
}

// proved returns a field that the broker gives of any certificate: here it has
// to be a verified one as well (spec U-55).
func (r *reading) proved(f wicket.CertField, i int) string {
	if r.c.TLS == nil || !r.c.TLS.CertificateVerified {
		return ""
	}
	return r.cert(f, i)
}

func (r *reading) proxyName(i int) string {
	if p := r.c.Proxy; p != nil && p.Verified {
		return single(p.CommonName, i)
	}
	return ""
}

// serverName is what the client has asked for: the proxy, where its TLS ended
// there, else the broker.
func (r *reading) serverName() string {
	if p := r.c.Proxy; p != nil && p.ServerName != "" {
		return p.ServerName
	}
	if r.c.TLS != nil {
		return r.c.TLS.SNI
	}
	return ""
}

func (r *reading) property(key string, i int) string {
	for _, p := range r.c.UserProperties {
		if p.Key != key {
			continue
		}
		if i == 0 {
			return p.Value
		}
		i--
	}
	return ""
}

// single is a field that has one value.
func single(v string, i int) string {
	if i > 0 {
		return ""
	}
	return v
}

// host cuts the port off an address such as "192.0.2.7:51234" or "[::1]:51234".
func host(peer string) string {
	colon := strings.LastIndexByte(peer, ':')
	if colon < 0 {
		return ""
	}
	return strings.Trim(peer[:colon], "[]")
}
