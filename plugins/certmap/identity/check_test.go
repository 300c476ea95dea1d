package identity

import (
	"maps"
	"reflect"
	"strings"
	"testing"

	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/wire"
)

// unverified is alice with a certificate that nobody has verified.
func unverified(string) *wicket.Connect {
	c := client("tls:default")
	c.TLS.CertificateVerified = false
	return c
}

// Spec MAP-12: which field a check looks at, and that a certificate that is not
// verified has none, whatever a broker may tell of it.
func TestCheckFields(t *testing.T) {
	for _, c := range []struct {
		match         string
		holds, claims bool // with a verified certificate; with another one
	}{
		{`{"cn":"sensor-*"}`, true, false}, {`{"cn":"Sensor-*"}`, false, false}, {`{"dn":"CN=*,O=Acme,C=DE"}`, true, false},
		{`{"san_dns":"*.example"}`, true, false}, {`{"san_uri":"spiffe://acme/*"}`, true, false}, {`{"san_uri":"*none*"}`, false, false},
		{`{"san_email":"s17@example"}`, true, false}, {`{"serial":"01ff"}`, true, false}, {`{"sha256":"a*"}`, true, false}, {`{"issuer":"CN=CA"}`, true, false},
		{`{"username":"alice"}`, true, true}, {`{"client_id":"expl*"}`, true, true}, {`{"listener":"tls:*"}`, true, true}, {`{"peerhost":"192.0.2.7"}`, true, true},
		{`{"attributes.role":"pump"}`, true, false}, {`{"attributes.none":"*"}`, false, false},
		{`{"cn":"sensor-17","username":"alice"}`, true, false}, {`{"cn":"sensor-17","username":"bob"}`, false, false},
		{`[{"san_uri":"urn:*"},{"san_uri":"spiffe:*"}]`, true, false}, {`[{"cn":"sensor-17"},{"username":"bob"}]`, false, false},
	} {
		for _, result := range []string{"allow", "deny"} {
			m := mapper(t, `{"attributes":{"role":"san_uri|prefix(\"spiffe://acme/role/\")","none":"san_dns|prefix(\"no\")"},"checks":[{"match":`+c.match+`,"result":"`+result+`"}]}`)
			for client, want := range map[*wicket.Connect]bool{client("tls:default"): c.holds, unverified(""): c.claims} {
				b := device
				if !client.TLS.CertificateVerified && strings.Contains(c.match, "attributes") {
					b = broker{} // whose values the templates take
				}
				code := wicket.CodeNext
				if want {
					code = results[result]
				}
				if v := m.Authenticate(wicket.TestContext(b), client); v.Code() != code {
					t.Errorf("%s %s, verified %v: %v", result, c.match, client.TLS.CertificateVerified, v.Code())
				}
			}
		}
	}
}

// Spec MAP-12: the first check that holds decides, and what it says is done.
func TestChecks(t *testing.T) {
	const two = `"checks":[{"match":{"cn":"sensor-17"},"result":"allow"},{"match":{"cn":"sensor-*"},"result":"deny"},{"match":{"cn":"*"},"result":"ignore"}]`
	allowed := named("sensor-17", "")
	allowed.Rules = []wire.Rule{{Permit: true, Actions: wire.Publish | wire.Subscribe, Filter: "a/#"}}
	scram := client("")
	scram.AuthMethod = "SCRAM-SHA-256"
	sensor := func(cn string) broker {
		b := maps.Clone(device)
		b[struct {
			field wicket.CertField
			index int
		}{wicket.CertCommonNames, 0}] = cn
		return b
	}
	for _, c := range []struct {
		name, config string
		c            *wicket.Connect
		b            broker
		code         wicket.Code
		want         wire.Decision
	}{
		{"allow, with rules and default", `{"username":"cn","rules":["allow all a/#"],"default":"deny",` + two + `}`, client(""), device, wicket.CodeAllow, allowed},
		{"deny", `{"username":"cn",` + two + `}`, client(""), sensor("sensor-18"), wicket.CodeDeny, refused(0x87, "checks[1] refuses the client")},
		{"ignore, over accept", `{"username":"cn","accept":true,` + two + `}`, client(""), sensor("pump"), wicket.CodeNext, named("pump", "")},
		{"none holds", `{"username":"cn",` + two + `}`, bare(""), broker{}, wicket.CodeNext, wire.Decision{}},
		{"none holds, accept", `{"username":"cn","accept":true,"checks":[{"match":{"cn":"pump"},"result":"deny"}]}`, client(""), device,
			wicket.CodeAllow, wire.Decision{Username: "sensor-17", Default: wire.Next}},
		{"deny, over accept", `{"username":"cn","accept":true,"checks":[{"match":{"cn":"sensor-17"},"result":"deny"}]}`, client(""), device,
			wicket.CodeDeny, refused(0x87, "checks[0] refuses the client")},
		{"required comes first", `{"username":"cn","required":true,"checks":[{"match":{"listener":"*"},"result":"allow"}]}`, bare("tls:default"), broker{},
			wicket.CodeDeny, refused(0x87, "a verified client certificate is required")},
		{"checks alone", `{"checks":[{"match":{"peerhost":"192.0.2.*"},"result":"allow"}]}`, bare(""), broker{}, wicket.CodeAllow, wire.Decision{Default: wire.Next}},
		{"allow, authentication method", `{"username":"cn",` + two + `}`, scram, device, wicket.CodeNext, named("sensor-17", "")},
		{"deny, authentication method", `{"checks":[{"match":{"cn":"*"},"result":"deny"}]}`, scram, device, wicket.CodeDeny, refused(0x87, "checks[0] refuses the client")},
		{"the mapped user name counts", `{"username":"cn","checks":[{"match":{"username":"alice"},"result":"deny"}]}`, client(""), device, wicket.CodeNext, named("sensor-17", "")},
		{"an unclean name is refused all the same", `{"username":"cn","checks":[{"match":{"cn":"*"},"result":"allow"}]}`, client(""), sensor("a\x00"),
			wicket.CodeDeny, refused(0x87, "the user name has a control character")},
		{"a listener's own", `{` + two + `,"listeners":{"tls:a":{"checks":[]}}}`, client("tls:a"), device, wicket.CodeNext, wire.Decision{}},
		{"those for all, on a listener", `{` + two + `,"listeners":{"tls:a":{"username":"dn"}}}`, client("tls:a"), sensor("sensor-18"),
			wicket.CodeDeny, refused(0x87, "checks[1] refuses the client")},
	} {
		v := mapper(t, c.config).Authenticate(wicket.TestContext(c.b), c.c)
		if v.Code() != c.code || !reflect.DeepEqual(v.Detail(), c.want) {
			t.Errorf("%s: %v %+v, want %v %+v", c.name, v.Code(), v.Detail(), c.code, c.want)
		}
	}
}

// A name that should come from the certificate and does not lets nobody in, but
// keeps out: the client has only claimed it.
func TestCheckClaimedNames(t *testing.T) {
	for _, mapping := range []string{
		`"username":"cn","checks":[{"match":{"username":"alice"}`,
		`"client_id":"cn","checks":[{"match":{"client_id":"explorer"}`,
		`"username":"cn","use_username_as_clientid":true,"checks":[{"match":{"client_id":"alice"}`,
		`"username":"cn","client_id":"${username}-1","checks":[{"match":{"client_id":"alice-1"}`,
		`"username":"cn","attributes":{"u":"username"},"checks":[{"match":{"attributes.u":"alice"}`,
		`"client_id":"cn","attributes":{"c":"x-${clientid}"},"checks":[{"match":{"attributes.c":"x-*"}`,
	} {
		for result, want := range map[string]wicket.Code{"allow": wicket.CodeNext, "deny": wicket.CodeDeny} {
			m := mapper(t, `{`+mapping+`,"result":"`+result+`"}]}`)
			if v := m.Authenticate(wicket.TestContext(broker{}), bare("")); v.Code() != want {
				t.Errorf("%s %s: %v", result, mapping, v.Code())
			}
		}
	}
}

// Names before it do not hide the one that is denied.
func TestCheckLooksAtAllNames(t *testing.T) {
	b := broker{}
	for i := range 200 {
		b[struct {
			field wicket.CertField
			index int
		}{wicket.CertSANDNS, i}] = ""
	}
	b[struct {
		field wicket.CertField
		index int
	}{wicket.CertSANDNS, 200}] = "bad.example"
	m := mapper(t, `{"checks":[{"match":{"san_dns":"bad.*"},"result":"deny"}]}`)
	if v := m.Authenticate(wicket.TestContext(b), client("")); v.Code() != wicket.CodeDeny {
		t.Error(v.Code())
	}
	m = mapper(t, `{"checks":[{"match":{"san_uri":"*"},"result":"deny"}]}`)
	if v := m.Authenticate(wicket.TestContext(b), client("")); v.Code() != wicket.CodeNext {
		t.Error(v.Code())
	}
}

func TestCheckFaults(t *testing.T) {
	const fields = `no such field; there are username, client_id, cn, dn, san_dns, san_uri, san_email, serial, sha256, issuer, listener, peerhost, attributes.NAME`
	for _, c := range []struct{ checks, want string }{
		{`{}`, `checks: want a list of checks, each with match and result, such as { match: { cn: "dev-*" }, result: allow }`},
		{`["allow"]`, `checks[0]: want match and result`},
		{`[{"match":{"cn":"*"},"result":"next"}]`, `checks[0].result: want allow, deny or ignore`},
		{`[{"match":{"cn":"*"}}]`, `checks[0].result: want allow, deny or ignore`},
		{`[{"match":{"cn":"*"},"result":"deny","is_match":"x"}]`, `checks[0].is_match: no such key; there are match, result`},
		{`[{"result":"deny"}]`, `checks[0].match: want fields with patterns, such as cn: "dev-*"`},
		{`[{"match":{},"result":"deny"}]`, `checks[0].match: want fields with patterns`},
		{`[{"match":[],"result":"deny"}]`, `checks[0].match: want fields with patterns`},
		{`[{"match":[{"cn":"*"},{}],"result":"deny"}]`, `checks[0].match[1]: want fields with patterns`},
		{`[{"match":{"cn":"*"},"result":"deny"},{"match":{"cm":"*"},"result":"deny"}]`, `checks[1].match.cm: ` + fields},
		{`[{"match":{"attributes.":"*"},"result":"deny"}]`, `checks[0].match.attributes: ` + fields},
		{`[{"match":{"password":"*"},"result":"deny"}]`, `checks[0].match.password: checks do not see passwords`},
		{`[{"match":{"cn":""},"result":"deny"}]`, `checks[0].match.cn: an empty pattern matches nobody: write "*" for any value, or leave the field out`},
		{`[{"match":{"serial":1},"result":"deny"}]`, `checks[0].match.serial: want a pattern in quotes`},
		{`[{"match":{"serial":"01FF"},"result":"deny"}]`, `checks[0].match.serial: want lower-case hexadecimal without colons`},
		{`[{"match":{"serial":"01:ff"},"result":"deny"}]`, `checks[0].match.serial: want lower-case hexadecimal without colons`},
		{`[{"match":{"serial":"1ff"},"result":"deny"}]`, `checks[0].match.serial: want an even number of digits: 01ff`},
		{`[{"match":{"sha256":"aa"},"result":"deny"}]`, `checks[0].match.sha256: want 64 digits, or "*" for those that are left out`},
		{`[{"match":{"listener":"default"},"result":"deny"}]`, `checks[0].match.listener: want a listener's type and name, such as tls:default`},
		{`[{"match":{"attributes.role":"x"},"result":"deny"}]`, `checks[0].match.attributes.role: attributes gives no "role": map it there`},
	} {
		if _, _, err := New(`{"username":"cn","checks":` + c.checks + `}`); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.checks, err, c.want)
		}
	}
	const inherited = `{"attributes":{"role":"o"},"checks":[{"match":[{"attributes.role":"x"}],"result":"deny"}],"listeners":{"tls:a":{"attributes":{"role":"disabled"}}}}`
	if _, _, err := New(inherited); err == nil || err.Error() != `listeners.tls:a.checks[0].match[0].attributes.role: attributes gives no "role": map it there` {
		t.Error(err)
	}
	if _, _, err := New(`{"chekcs":[],"username":"cn"}`); err == nil || !strings.Contains(err.Error(), "default, checks") {
		t.Errorf("the key is not listed: %v", err)
	}
}

// An allow that hangs on what the client chooses is said.
func TestCheckNotes(t *testing.T) {
	const says = "checks[0] allows a client for what it says itself: match a field of the certificate too, such as cn"
	const rules = "rules have ${username}, which a client that a check allows can choose itself: take it from the certificate, with required"
	for config, want := range map[string]string{
		`{"checks":[{"match":{"username":"a*"},"result":"allow"}]}`:                                                                             says,
		`{"checks":[{"match":{"username":"a*"},"result":"deny"}]}`:                                                                              "",
		`{"checks":[{"match":{"username":"a*","cn":"*"},"result":"allow"}]}`:                                                                    "",
		`{"checks":[{"match":{"peerhost":"10.*"},"result":"allow"}]}`:                                                                           "",
		`{"username":"cn","checks":[{"match":{"username":"a*"},"result":"allow"}]}`:                                                             "",
		`{"client_id":"sni","checks":[{"match":{"client_id":"a*"},"result":"allow"}]}`:                                                          says,
		`{"attributes":{"r":"user_property.r"},"checks":[{"match":{"attributes.r":"a*"},"result":"allow"}]}`:                                    says,
		`{"attributes":{"r":"o"},"checks":[{"match":{"attributes.r":"a*"},"result":"allow"}]}`:                                                  "",
		`{"rules":["allow all ${username}/#"],"checks":[{"match":{"cn":"*"},"result":"allow"}]}`:                                                rules,
		`{"username":"cn","rules":["allow all ${username}/#"],"checks":[{"match":{"cn":"*"},"result":"allow"}]}`:                                rules,
		`{"username":"cn","required":true,"rules":["allow all ${username}/#"],"checks":[{"match":{"cn":"*"},"result":"allow"}]}`:                "",
		`{"username":"cn","required":true,"rules":["allow all ${username}/#"],"checks":[{"match":{"cn":"*"},"result":"ignore"}],"accept":true}`: "",
	} {
		_, notes, err := New(config)
		if got := strings.Join(notes, "; "); err != nil || got != want {
			t.Errorf("%s: %v, %q, want %q", config, err, got, want)
		}
	}
}
