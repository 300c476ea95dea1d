package identity

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/wire"
)

// device is the certificate that most tests show, as the broker answers about
// it. MD5 and the like are not real: what matters is which one is asked for.
var device = broker{
	{wicket.CertCommonNames, 0}: "sensor-17", {wicket.CertSubject, 0}: "CN=sensor-17,O=Acme,C=DE",
	{wicket.CertOrganization, 0}: "Acme", {wicket.CertOrganizationalUnit, 0}: "lab", {wicket.CertOrganizationalUnit, 1}: "roof",
	{wicket.CertSANDNS, 0}: "sensor-17.example", {wicket.CertSANURI, 0}: "urn:x:1", {wicket.CertSANURI, 1}: "spiffe://acme/role/pump",
	{wicket.CertSANEmail, 0}: "s17@example", {wicket.CertSANIP, 0}: "192.0.2.17", {wicket.CertIssuer, 0}: "CN=CA",
	{wicket.CertSerial, 0}: "01ff", {wicket.CertSHA256, 0}: "aa", {wicket.CertSPKISHA256, 0}: "bb", {wicket.CertMD5, 0}: "cc",
	{wicket.CertPEM, 0}: "MIIB", {wicket.CertDER, 0}: "\x30\x82",
}

type broker map[struct {
	field wicket.CertField
	index int
}]string

func (b broker) Certificate(f wicket.CertField, i int) (string, bool) {
	v, ok := b[struct {
		field wicket.CertField
		index int
	}{f, i}]
	return v, ok
}

func (b broker) VerifyPassword(string, []byte) (bool, error) { return false, errors.ErrUnsupported }

// client is alice on a listener, with a verified certificate.
func client(listener string) *wicket.Connect {
	return &wicket.Connect{
		ClientID: "explorer", Username: "alice", HasUsername: true, Listener: listener, Peer: "192.0.2.7:51234",
		TLS:            &wicket.TLS{SNI: "mqtt.example", CertificatePresented: true, CertificateVerified: true},
		UserProperties: []wicket.Property{{Key: "region", Value: "eu"}, {Key: "region", Value: "us"}},
	}
}

// bare is alice without a certificate.
func bare(listener string) *wicket.Connect {
	c := client(listener)
	c.TLS = &wicket.TLS{SNI: "mqtt.example"}
	return c
}

func mapper(t testing.TB, text string) *Mapper {
	t.Helper()
	m, _, err := New(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m
}

func named(username, clientID string, attributes ...string) wire.Decision {
	d := wire.Decision{Username: username, ClientID: clientID}
	for i := 0; i < len(attributes); i += 2 {
		d.Attributes = append(d.Attributes, wire.Property{Key: attributes[i], Value: attributes[i+1]})
	}
	return d
}

func refused(reason uint32, text string) wire.Decision {
	return wire.Decision{Reason: reason, ReasonText: text}
}

// Spec MAP-01, MAP-02, MAP-04..07, MAP-13, T-12: each field as a user name, of a
// verified certificate and without one.
func TestFields(t *testing.T) {
	for _, c := range []struct{ field, want string }{
		{"cn", "sensor-17"}, {"dn", "CN=sensor-17,O=Acme,C=DE"}, {"o", "Acme"}, {"ou", "lab"}, {"ou[1]", "roof"}, {"ou[2]", ""},
		{"san_dns", "sensor-17.example"}, {"san_uri", "urn:x:1"}, {"san_uri[1]", "spiffe://acme/role/pump"}, {"san_email", "s17@example"},
		{"san_ip", "192.0.2.17"}, {"issuer", "CN=CA"}, {"serial", "01ff"}, {"sha256", "aa"}, {"spki_sha256", "bb"}, {"md5", "cc"},
		{"pem", "MIIB"}, {"crt", "MIIB"}, {"proxy_cn", ""},
	} {
		m := mapper(t, `{"username":"`+c.field+`"}`)
		if v := m.Authenticate(wicket.TestContext(device), client("tls:default")); v.Code() != wicket.CodeNext || !reflect.DeepEqual(v.Detail(), named(c.want, "")) {
			t.Errorf("%s: %v %+v, want %q", c.field, v.Code(), v.Detail(), c.want)
		}
		// U-55: the broker gives hashes of unverified certificates as well.
		if v := m.Authenticate(wicket.TestContext(broker{{wicket.CertSHA256, 0}: "aa", {wicket.CertSPKISHA256, 0}: "bb"}), bare("tls:default")); v.Code() != wicket.CodeNext || !reflect.DeepEqual(v.Detail(), wire.Decision{}) {
			t.Errorf("%s, not verified: %v %+v", c.field, v.Code(), v.Detail())
		}
	}
}

// What the client says itself can be a name too, and none of it needs TLS.
func TestClaims(t *testing.T) {
	for _, c := range []struct{ field, want, plain string }{
		{"sni", "mqtt.example", ""}, {"username", "alice", "alice"}, {"clientid", "explorer", "explorer"}, {"listener", "tls:default", "tls:default"},
		{"peerhost", "192.0.2.7", "192.0.2.7"}, {"user_property.region", "eu", "eu"}, {"user_property.region[1]", "us", "us"},
		{"user_property.region[2]", "", ""}, {"user_property.none", "", ""},
	} {
		m := mapper(t, `{"attributes":{"a":"`+c.field+`"}}`)
		plain := client("tls:default")
		plain.TLS = nil
		for want, c := range map[string]*wicket.Connect{c.want: client("tls:default"), c.plain: plain} {
			v := m.Authenticate(wicket.TestContext(broker{}), c)
			got := v.Detail()
			if want == "" && len(got.Attributes) == 0 { // MAP-10: an empty value is not set
				continue
			}
			if !reflect.DeepEqual(got, named("", "", "a", want)) {
				t.Errorf("%+v: %+v, want %q", c, got, want)
			}
		}
	}
	for peer, want := range map[string]string{"[2001:db8::7]:51234": "2001:db8::7", "": "", "x": ""} {
		if got := host(peer); got != want {
			t.Errorf("%s: %q", peer, got)
		}
	}
}

// Spec MAP-07, U-18: a certificate that a trusted proxy has verified.
func TestProxy(t *testing.T) {
	c := client("tcp:behind")
	c.TLS = nil
	c.Proxy = &wicket.Proxy{Version: 2, CommonName: "edge-1", Verified: true, ServerName: "front.example", TLSVersion: "TLSv1.3"}
	told := broker{{wicket.CertCommonNames, 0}: "edge-1", {wicket.CertSubject, 0}: "edge-1"}
	m := mapper(t, `{"username":"cn","client_id":"${proxy_cn}@${sni}","attributes":{"dn":"dn","md5":"md5"}}`)
	if v := m.Authenticate(wicket.TestContext(told), c); !reflect.DeepEqual(v.Detail(), named("edge-1", "edge-1@front.example", "dn", "edge-1")) {
		t.Errorf("%+v", v.Detail())
	}
	c.Proxy.Verified = false
	if v := m.Authenticate(wicket.TestContext(broker{}), c); !reflect.DeepEqual(v.Detail(), wire.Decision{}) {
		t.Errorf("not verified: %+v", v.Detail())
	}
}

// Spec MAP-09 and U-16: in which order names are made, and out of what.
func TestOrder(t *testing.T) {
	for _, c := range []struct {
		name, config string
		c            *wicket.Connect
		want         wire.Decision
	}{
		{"both", `{"username":"cn","client_id":"serial"}`, client(""), named("sensor-17", "01ff")},
		{"the new user name counts", `{"username":"cn","client_id":"${username}-1","attributes":{"u":"username","c":"clientid"}}`, client(""),
			named("sensor-17", "sensor-17-1", "u", "sensor-17", "c", "sensor-17-1")},
		{"the client's own counts without", `{"username":"cn","client_id":"${username}-1"}`, bare(""), named("", "alice-1")},
		{"user name as client id", `{"peer_cert_as_username":"cn","use_username_as_clientid":true}`, client(""), named("sensor-17", "sensor-17")},
		{"user name as client id, over the certificate's", `{"username":"cn","client_id":"md5","use_username_as_clientid":true}`, client(""), named("sensor-17", "sensor-17")},
		{"user name as client id, without a certificate", `{"peer_cert_as_username":"cn","use_username_as_clientid":true}`, bare(""), named("", "alice")},
		{"EMQX's words", `{"peer_cert_as_username":"dn","peer_cert_as_clientid":"md5"}`, client(""), named("CN=sensor-17,O=Acme,C=DE", "cc")},
		{"EMQX's words, one disabled", `{"peer_cert_as_username":"cn","peer_cert_as_clientid":"disabled"}`, client(""), named("sensor-17", "")},
		{"a missing attribute is not set", `{"attributes":{"role":"san_uri|prefix(\"none:\")","cn":"cn","off":"disabled"}}`, client(""), named("", "", "cn", "sensor-17")},
	} {
		v := mapper(t, c.config).Authenticate(wicket.TestContext(certificateOf(c.c)), c.c)
		if v.Code() != wicket.CodeNext || !reflect.DeepEqual(v.Detail(), c.want) {
			t.Errorf("%s: %v %+v, want %+v", c.name, v.Code(), v.Detail(), c.want)
		}
	}
	none := bare("")
	none.Username, none.HasUsername = "", false
	v := mapper(t, `{"use_username_as_clientid":true}`).Authenticate(wicket.TestContext(broker{}), none)
	if v.Code() != wicket.CodeDeny || !reflect.DeepEqual(v.Detail(), refused(0x85, "the user name is the client id, and it is empty")) {
		t.Errorf("no user name: %v %+v", v.Code(), v.Detail())
	}
}

func certificateOf(c *wicket.Connect) broker {
	if c.TLS == nil || !c.TLS.CertificateVerified {
		return broker{}
	}
	return device
}

func TestRequired(t *testing.T) {
	empty := client("")
	for _, c := range []struct {
		name, config string
		c            *wicket.Connect
		b            broker
		want         string
	}{
		{"no certificate", `{"username":"cn","required":true}`, bare(""), broker{}, "a verified client certificate is required"},
		{"no common name", `{"username":"cn","required":true}`, empty, broker{}, "the client certificate gives no user name"},
		{"no client id", `{"username":"cn","client_id":"san_uri|prefix(\"none:\")","required":true}`, client(""), device, "the client certificate gives no client id"},
		{"no SNI", `{"client_id":"${sni}-${clientid}","required":true}`, &wicket.Connect{ClientID: "c"}, broker{}, "nothing gives a client id"},
		{"no certificate to accept", `{"username":"cn","required":true,"accept":true}`, bare(""), broker{}, "a verified client certificate is required"},
	} {
		v := mapper(t, c.config).Authenticate(wicket.TestContext(c.b), c.c)
		if v.Code() != wicket.CodeDeny || !reflect.DeepEqual(v.Detail(), refused(0x87, c.want)) {
			t.Errorf("%s: %v %+v, want %q", c.name, v.Code(), v.Detail(), c.want)
		}
	}
	// Attributes are never required.
	v := mapper(t, `{"username":"cn","attributes":{"role":"san_uri|prefix(\"none:\")"},"required":true}`).Authenticate(wicket.TestContext(device), client(""))
	if v.Code() != wicket.CodeNext {
		t.Errorf("a missing attribute: %v %+v", v.Code(), v.Detail())
	}
}

// Spec MAP-11: a certificate that is enough, and what is not enough.
func TestAccept(t *testing.T) {
	const config = `{"username":"cn","accept":true,"rules":["allow publish devices/${username}/#","deny all #"],"default":"allow"}`
	granted := named("sensor-17", "")
	granted.Rules = []wire.Rule{{Permit: true, Actions: wire.Publish, Filter: "devices/${username}/#"}, {Actions: wire.Publish | wire.Subscribe, Filter: "#"}}
	granted.Default = wire.Allow
	scram := client("")
	scram.AuthMethod = "SCRAM-SHA-256"
	claimed := bare("")
	claimed.TLS.CertificatePresented = true
	for _, c := range []struct {
		name, config string
		c            *wicket.Connect
		b            broker
		code         wicket.Code
		want         wire.Decision
	}{
		{"certificate", config, client(""), device, wicket.CodeAllow, granted},
		{"no rules", `{"client_id":"cn","accept":true}`, client(""), device, wicket.CodeAllow, wire.Decision{ClientID: "sensor-17", Default: wire.Next}},
		{"no certificate", config, bare(""), broker{}, wicket.CodeNext, wire.Decision{}},
		{"unverified certificate", config, claimed, broker{}, wicket.CodeNext, wire.Decision{}},
		{"certificate without the name", config, client(""), broker{}, wicket.CodeNext, wire.Decision{}},
		{"certificate without one of the names", `{"username":"cn","client_id":"san_uri|prefix(\"none:\")","accept":true}`, client(""), device,
			wicket.CodeNext, named("sensor-17", "")},
		{"authentication method", config, scram, device, wicket.CodeNext, named("sensor-17", "")},
		{"not asked for", `{"username":"cn"}`, client(""), device, wicket.CodeNext, named("sensor-17", "")},
	} {
		v := mapper(t, c.config).Authenticate(wicket.TestContext(c.b), c.c)
		if v.Code() != c.code || !reflect.DeepEqual(v.Detail(), c.want) {
			t.Errorf("%s: %v %+v, want %v %+v", c.name, v.Code(), v.Detail(), c.code, c.want)
		}
	}
	// The prepared verdict is not changed by the names of a client.
	m := mapper(t, config)
	m.Authenticate(wicket.TestContext(device), client(""))
	if d := m.global.allow.Detail(); d.Username != "" || d.Attributes != nil {
		t.Errorf("%+v", d)
	}
}

// Spec MAP-03, T-24: a listener's block goes before the settings for all, key by
// key.
func TestListeners(t *testing.T) {
	m := mapper(t, `{"username":"cn","attributes":{"a":"cn","b":"serial"},"listeners":{
		"tls:dn":{"peer_cert_as_username":"dn"},
		"tls:none":{"username":"disabled","attributes":{}},
		"tls:more":{"client_id":"md5","attributes":{"c":"o"}},
		"tls:strict":{"required":true,"accept":true},
		"tls:same":{}}}`)
	for listener, want := range map[string]wire.Decision{
		"tls:dn":    named("CN=sensor-17,O=Acme,C=DE", "", "a", "sensor-17", "b", "01ff"),
		"tls:none":  {},
		"tls:more":  named("sensor-17", "cc", "c", "Acme"),
		"tls:same":  named("sensor-17", "", "a", "sensor-17", "b", "01ff"),
		"tls:other": named("sensor-17", "", "a", "sensor-17", "b", "01ff"),
	} {
		if v := m.Authenticate(wicket.TestContext(device), client(listener)); v.Code() != wicket.CodeNext || !reflect.DeepEqual(v.Detail(), want) {
			t.Errorf("%s: %v %+v, want %+v", listener, v.Code(), v.Detail(), want)
		}
	}
	if v := m.Authenticate(wicket.TestContext(device), client("tls:strict")); v.Code() != wicket.CodeAllow {
		t.Errorf("tls:strict: %v", v.Code())
	}
	if v := m.Authenticate(wicket.TestContext(broker{}), bare("tls:strict")); v.Code() != wicket.CodeDeny {
		t.Errorf("tls:strict without a certificate: %v", v.Code())
	}
	// required and accept for all mean nothing where nothing is mapped.
	m = mapper(t, `{"username":"cn","required":true,"accept":true,"listeners":{"tls:none":{"username":"disabled"}}}`)
	for b, c := range map[*broker]*wicket.Connect{&device: client("tls:none"), {}: bare("tls:none")} {
		if v := m.Authenticate(wicket.TestContext(*b), c); v.Code() != wicket.CodeNext || !reflect.DeepEqual(v.Detail(), wire.Decision{}) {
			t.Errorf("tls:none: %v %+v", v.Code(), v.Detail())
		}
	}
	m = mapper(t, `{"username":"cn"}`)
	if v := m.Authenticate(wicket.TestContext(broker{}), bare("tls:other")); v.Code() != wicket.CodeNext {
		t.Errorf("tls:other without a certificate: %v", v.Code())
	}
}

// Spec MAP-08: a name that could be an injection elsewhere is nobody's.
func TestUncleanNames(t *testing.T) {
	for value, why := range map[string]string{
		"a\r\nX-Admin: 1": "has a control character", "a\x00": "has a control character", "a\x7f": "has a control character",
		"a\u0085": "has a control character", "\xff": "is no UTF-8", strings.Repeat("x", 65536): "is longer than 65535 bytes",
	} {
		b := broker{{wicket.CertCommonNames, 0}: value}
		for config, what := range map[string]string{
			`{"username":"cn","accept":true}`: "user name", `{"client_id":"cn"}`: "client id", `{"attributes":{"a":"cn"}}`: "attribute a",
		} {
			v := mapper(t, config).Authenticate(wicket.TestContext(b), client(""))
			if v.Code() != wicket.CodeDeny || !reflect.DeepEqual(v.Detail(), refused(0x87, "the "+what+" "+why)) {
				t.Errorf("%.20q as %s: %v %+v", value, what, v.Code(), v.Detail())
			}
		}
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct{ config, want string }{
		{``, `the config maps nothing: give username, client_id, attributes or checks, such as username: cn`},
		{`{"username":"disabled"}`, `the config maps nothing`},
		{`{"usrname":"cn"}`, `usrname: no such key; there are username, peer_cert_as_username, client_id`},
		{`{"username":"cm"}`, `username: no such field "cm"; there are cn, dn,`},
		{`{"username":"device-${cm}"}`, `username: no such field "cm"`},
		{`{"username":5}`, `username: want text, not a number`},
		{`{"username":"cn","peer_cert_as_username":"cn"}`, `peer_cert_as_username: is username in EMQX's words; give one of them`},
		{`{"peer_cert_as_username":"san_uri"}`, `peer_cert_as_username: want one of disabled, cn, dn, crt, pem, md5; username takes more`},
		{`{"client_id":"crt"}`, `client_id: crt is the certificate in DER, which no client id can be: take "pem" (its Base64), "md5" or "sha256"`},
		{`{"client_id":"x-${crt}"}`, `client_id: crt is`},
		{`{"peer_cert_as_clientid":"crt"}`, `peer_cert_as_clientid: crt is`},
		{`{"attributes":{"my role":"cn"}}`, `attributes.my role: an attribute's name has letters`},
		{`{"attributes":{"role":"cn|lowr"}}`, `attributes.role: no such function "lowr"; there are lower,`},
		{`{"attributes":["cn"]}`, `attributes: want keys with values, not a list`},
		{`{"attributes":{"a":"cn"},"required":true}`, `required: nothing can be missing: map username or client_id too`},
		{`{"attributes":{"a":"cn"},"accept":true}`, `accept: a client that is let in by its certificate needs a name from it`},
		{`{"username":"sni","accept":true}`, `username: with accept a user name is made of the certificate alone`},
		{`{"username":"${cn}-${clientid}","accept":true}`, `username: with accept`},
		{`{"username":"cn","rules":["allow all #"]}`, `rules: rules and default are for clients that accept or a check lets in`},
		{`{"username":"cn","default":"allow"}`, `rules: rules and default are for`},
		{`{"username":"cn","accept":true,"default":"ask"}`, `default: want allow, deny or next`},
		{`{"username":"cn","accept":true,"rules":["allow all #","alow all #"]}`, `rules[1]: want superuser, allow or deny, not "alow"`},
		{`{"username":"cn","listeners":{"default":{}}}`, `listeners.default: want a listener's type and name, such as tls:default`},
		{`{"username":"cn","listeners":{"tls:a":{"username":"x","listeners":{}}}}`, `listeners.tls:a.username: no such field "x"`},
		{`{"username":"cn","listeners":{"tls:a":{"username":"disabled","accept":true}}}`, `listeners.tls:a.accept: a client that is let in`},
		{`{"username":"cn","listeners":{"tls:a":{"username":"disabled","required":true}}}`, `listeners.tls:a.required: nothing can be missing`},
		{`{"username":"cn","listeners":{"tls:a":1}}`, `listeners.tls:a: want keys with values, not a number`},
		{`[`, `the plugin's config is no JSON`},
	} {
		if _, _, err := New(c.config); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.config, err, c.want)
		}
	}
	if _, _, err := New(`{"username":"x","client_id":"y","listeners":{"tls:a":{"listeners":{}}}}`); err == nil ||
		!strings.Contains(err.Error(), "; client_id: no such field") || !strings.Contains(err.Error(), "; listeners.tls:a.listeners: no such key") {
		t.Errorf("not all faults at once: %v", err)
	}
}

func TestNotes(t *testing.T) {
	const chooses = ", which a client that is accepted can choose itself: take it from the certificate"
	for config, want := range map[string]string{
		`{"username":"cn"}`:  "",
		`{"username":"crt"}`: `the user name "crt" is given as Base64 of the DER, the same as "pem": MQTT has no names of bytes`,
		`{"client_id":"cn","use_username_as_clientid":true}`:                                                                                     "use_username_as_clientid overrides client_id",
		`{"username":"cn","accept":true,"rules":["allow all a/${username}","deny all ${clientid}"]}`:                                             "",
		`{"username":"cn","accept":true,"rules":["allow all a/${clientid}"]}`:                                                                    "rules have ${clientid}" + chooses,
		`{"username":"cn","accept":true,"use_username_as_clientid":true,"rules":["allow all a/${clientid}"]}`:                                    "",
		`{"client_id":"cn","accept":true,"rules":["allow all a/${username}/${clientid}"]}`:                                                       "rules have ${username}" + chooses,
		`{"username":"cn","attributes":{"r":"user_property.r","s":"o"},"accept":true,"rules":["allow all ${client_attrs.r}/${client_attrs.s}"]}`: "rules have ${client_attrs.r}" + chooses,
		`{"username":"crt","listeners":{"tls:a":{"client_id":"cn"}}}`:                                                                            `the user name "crt" is given as Base64 of the DER, the same as "pem": MQTT has no names of bytes`,
	} {
		_, notes, err := New(config)
		if got := strings.Join(notes, "; "); err != nil || got != want {
			t.Errorf("%s: %v, %q, want %q", config, err, got, want)
		}
	}
}
