package backend

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/wicketmq/wicket/plugins/preset"
	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/wire"
)

// locked is a server for goroutines that really run at the same time, which
// those of a guest do not.
type locked struct {
	*server
	mu sync.Mutex
}

func (l *locked) HTTP(r *wicket.HTTPRequest) (*wicket.HTTPResponse, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.server.HTTP(r)
}

// asked returns the request that a configuration makes of a client.
func asked(t *testing.T, config string, c *wicket.Connect) wicket.HTTPRequest {
	t.Helper()
	s := says(204, "", "")
	s.certs = map[wicket.CertField]string{wicket.CertSubject: "CN=sensor,O=Acme", wicket.CertCommonNames: "sensor", wicket.CertPEM: strings.Repeat("QUJD", 20)}
	b, _, err := New(load(config))
	if err != nil {
		t.Fatalf("%s: %v", config, err)
	}
	if v := b.Authenticate(wicket.TestContext(s), c); v.Code() != wicket.CodeAllow || len(s.asked) != 1 {
		t.Fatalf("%s: %v, asked %d times", config, v.Code(), len(s.asked))
	}
	return s.asked[0]
}

// AHTTP-01, AHTTP-02, AHTTP-03: requests as they go out.
func TestRequests(t *testing.T) {
	standard := []wicket.Property{{Key: "accept", Value: mediaJSON}, {Key: "cache-control", Value: "no-cache"}}
	post := func(kind string) []wicket.Property {
		return append([]wicket.Property{{Key: "content-type", Value: kind}}, standard...)
	}
	for _, c := range []struct {
		name, config string
		want         wicket.HTTPRequest
	}{
		{"post", loginConfig, wicket.HTTPRequest{Method: "POST", Path: "/auth", Headers: post(mediaJSON), Body: []byte(`{"username":"alice","password":"s3cret"}`)}},
		{"get", `{"upstream":"auth","method":"GET","path":"/a/${clientid}?fixed=1","body":{"u":"${username}","n":1,"b":true,"z":null}}`,
			wicket.HTTPRequest{Method: "GET", Path: "/a/c1?fixed=1&u=alice&n=1&b=true&z=", Headers: standard}},
		{"get without a query", `{"upstream":"auth","method":"get","body":{"u":"${username}@${peerhost}"}}`,
			wicket.HTTPRequest{Method: "GET", Path: "?u=alice%402001%3Adb8%3A%3A7", Headers: standard}},
		{"form", `{"upstream":"auth","method":"post","path":"/auth","headers":{"Content-Type":"application/x-www-form-urlencoded; charset=utf-8"},"body":{"u x":"${username}","p":"a b&c"}}`,
			wicket.HTTPRequest{Method: "POST", Path: "/auth", Headers: append([]wicket.Property{{Key: "content-type", Value: mediaForm + "; charset=utf-8"}}, standard...),
				Body: []byte("u%20x=alice&p=a%20b%26c")}},
		{"shape", `{"upstream":"auth","method":"post","path":"/a","body":{"list":["${clientid}",1,{"k":null,"${username}":[]}],"o":{},"f":1.50,"t":true}}`,
			wicket.HTTPRequest{Method: "POST", Path: "/a", Headers: post(mediaJSON), Body: []byte(`{"list":["c1",1,{"k":null,"alice":[]}],"o":{},"f":1.50,"t":true}`)}},
		{"headers", `{"upstream":"auth","method":"get","path":"/a","headers":{"X-User":"u=${username}","Accept":"*/*"}}`,
			wicket.HTTPRequest{Method: "GET", Path: "/a", Headers: []wicket.Property{{Key: "x-user", Value: "u=alice"}, {Key: "accept", Value: "*/*"}, {Key: "cache-control", Value: "no-cache"}}}},
		{"fields", `{"upstream":"other","method":"get","request_timeout":"1s500ms","path":"/${username}/${peerhost}/${peerport}/${peername}/${listener}/${zone}/${mountpoint}/${proto_name}/${proto_ver}/${client_attrs.site}/${client_attrs.none}/${cert_common_name}/${cert_subject}"}`,
			wicket.HTTPRequest{Upstream: "other", Method: "GET", Timeout: 1500, Headers: standard,
				Path: "/alice/2001%3Adb8%3A%3A7/51234/%5B2001%3Adb8%3A%3A7%5D%3A51234/tls%3Adefault/default//MQTT/4/7//sensor/CN%3Dsensor%2CO%3DAcme"}},
		{"pem", `{"upstream":"auth","method":"post","path":"/a","body":{"pem":"${cert_pem}"}}`,
			wicket.HTTPRequest{Method: "POST", Path: "/a", Headers: post(mediaJSON), Body: []byte(`{"pem":"-----BEGIN CERTIFICATE-----\u000a` + strings.Repeat("QUJD", 16) +
				`\u000aQUJDQUJDQUJDQUJD\u000a-----END CERTIFICATE-----\u000a"}`)}},
		{"escape", `{"upstream":"auth","method":"post","path":"/a","body":{"k":"${$}{username} $ ${$} ${username} {x} $x ${"}}`,
			wicket.HTTPRequest{Method: "POST", Path: "/a", Headers: post(mediaJSON), Body: []byte(`{"k":"${username} $ $ alice {x} $x ${"}`)}},
		{"literal text of a URI", `{"upstream":"auth","method":"get","path":"/a b/%20/ä?x=1&y={z}"}`,
			wicket.HTTPRequest{Method: "GET", Path: "/a%20b/%20/%C3%A4?x=1&y=%7Bz%7D", Headers: standard}},
		{"percent is text", `{"upstream":"auth","method":"post","path":"/%c","body":{"k":"%u"}}`,
			wicket.HTTPRequest{Method: "POST", Path: "/%c", Headers: post(mediaJSON), Body: []byte(`{"k":"%u"}`)}},
	} {
		if c.want.Upstream == "" {
			c.want.Upstream = "auth"
		}
		got := asked(t, c.config, alice())
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n%+v\n%s\nwant\n%+v\n%s", c.name, got, got.Body, c.want, c.want.Body)
		}
	}
}

// ZHTTP-01.
func TestAccessRequest(t *testing.T) {
	s := says(204, "", "")
	b := open(t, `{"upstream":"auth","authorization":{"upstream":"other","method":"post","path":"/acl/${clientid}",
		"body":{"u":"${username}","h":"${peerhost}","p":"${proto_name}","m":"${mountpoint}","t":"${topic}","a":"${action}","x":"${access}","q":"${qos}","r":"${retain}","s":"${client_attrs.site}"}}}`)
	a := &wicket.Access{ClientID: "c1", Username: "alice", Action: wicket.Publish, Peer: "192.0.2.7:5", Attributes: []wicket.Property{{Key: "site", Value: "7"}},
		Topics: []wicket.Topic{{Topic: `a"/+`, QoS: 1, Retain: true}}}
	b.Authorize(wicket.TestContext(s), a)
	if got, want := string(s.asked[0].Body), `{"u":"alice","h":"192.0.2.7","p":"MQTT","m":"","t":"a\"/+","a":"publish","x":"2","q":"1","r":"true","s":"7"}`; got != want || s.asked[0].Upstream != "other" {
		t.Errorf("%s of %s", got, s.asked[0].Upstream)
	}
	a.Action, a.Topics[0].Retain = wicket.Subscribe, false
	b.Authorize(wicket.TestContext(s), a)
	if got, want := string(s.asked[1].Body), `{"u":"alice","h":"192.0.2.7","p":"MQTT","m":"","t":"a\"/+","a":"subscribe","x":"1","q":"1","r":"false","s":"7"}`; got != want {
		t.Error(got)
	}
}

// corpus is what a client may say of itself to get into places where it has no
// business (reliability item 46).
var corpus = []string{
	"", "alice", "a b", " a", "a ", "\ta", "a\r\nX-Admin: 1", "a\nb", "a\x00b", "\x7f", `a"b`, `a\`, `","result":"allow`, "a%b", "%00", "%2e%2e", "%0d%0a",
	".", "..", "/../", "../../admin", "a/b", "?x=1", "#f", "&admin=1", "a=b", "a+b", "a;b", "${clientid}", "${password}", "${$}{x}", "{{7*7}}", "%u", "'; --",
	"ä😀\u2028\u202e", "\u00a0a\u0085", strings.Repeat("x", 60_000), strings.Repeat("%", 60_000), "\xff\xfe", "a\xc3", "\xed\xa0\x80",
}

// D8: whatever a client says, in whatever position, the server reads it as the
// client has said it, in its place and nowhere else, or is not asked at all.
func TestInjection(t *testing.T) {
	for i, text := range corpus {
		for name, c := range map[string]*wicket.Connect{
			"username": {Username: text, HasPassword: true},
			"clientid": {ClientID: text, HasPassword: true},
			"password": {Password: []byte(text), HasPassword: true},
			"peername": {Peer: text, HasPassword: true},
			"listener": {Listener: text, HasPassword: true},

			"client_attrs.x": {Attributes: []wicket.Property{{Key: "x", Value: text}}, HasPassword: true},
		} {
			inject(t, fmt.Sprintf("text %d as %s", i, name), name, text, c)
		}
	}
}

// A client that has made itself something that no request can say is not thereby
// permitted what the server would deny: authz.no_match may be allow.
func TestUnaskableIsDenied(t *testing.T) {
	topic := []wicket.Topic{{Topic: "secret"}}
	for config, a := range map[string]*wicket.Access{
		`"path":"/acl/${clientid}"`:                            {ClientID: "..", Topics: topic},
		`"path":"/acl/${topic}"`:                               {ClientID: "c", Topics: []wicket.Topic{{Topic: "."}}},
		`"path":"/acl","headers":{"x-client":"${clientid}"}`:   {ClientID: " c", Topics: topic},
		`"path":"/acl", "headers":{"x-client":"${username}"}`:  {ClientID: "c", Username: "a\u0001", Topics: topic},
		`"path":"/acl",  "headers":{"x-client":"${clientid}"}`: {ClientID: "c\t", Topics: append(topic, wicket.Topic{Topic: "b"})},
	} {
		s := says(204, "", "")
		b, _, err := New(load(`{"upstream":"auth","authorization":{"method":"get",` + config + `}}`))
		if err != nil {
			t.Fatal(err)
		}
		v := b.Authorize(wicket.TestContext(s), a)
		codes := v.Detail().Codes
		if len(a.Topics) == 1 {
			codes = []uint32{uint32(v.Code())}
		}
		for _, code := range codes {
			if code != uint32(wicket.CodeDeny) {
				t.Errorf("%s: %v", config, codes)
			}
		}
		if len(s.asked) > 0 || len(codes) != len(a.Topics) {
			t.Errorf("%s: asked %d times, %d codes", config, len(s.asked), len(codes))
		}
	}
	// One that the broker does not send, since it is too long.
	b, _, err := New(load(`{"upstream":"auth","authorization":{"method":"get","path":"/${topic}"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if v := b.Authorize(wicket.TestContext(fails(wicket.ErrMalformed)), &wicket.Access{Topics: topic}); v.Code() != wicket.CodeDeny {
		t.Errorf("%v", v.Code())
	}
}

func FuzzInjection(f *testing.F) {
	for _, text := range corpus {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		inject(t, "fuzz", "username", text, &wicket.Connect{Username: text, HasPassword: true})
	})
}

// inject puts a value into every position and reads the requests as a server
// would.
func inject(t *testing.T, what, name, text string, c *wicket.Connect) {
	t.Helper()
	ask := func(config string) *wicket.HTTPRequest {
		s := says(204, "", "")
		b, _, err := New(load(strings.ReplaceAll(config, "@", "${"+name+"}")))
		if err != nil {
			t.Fatal(err)
		}
		v := b.Authenticate(wicket.TestContext(s), c)
		if len(s.asked) == 0 {
			if v.Code() != wicket.CodeNext {
				t.Errorf("%s: not asked, and %v", what, v.Code())
			}
			return nil
		}
		return &s.asked[0]
	}
	if r := ask(`{"upstream":"auth","method":"get","path":"/a/@/b"}`); r != nil {
		u, err := url.ParseRequestURI(r.Path)
		segments := strings.Split(r.Path, "/")
		if err != nil || u.RawQuery != "" || len(segments) != 4 || u.Path != "/a/"+text+"/b" {
			t.Errorf("%s in the path: %q %v", what, r.Path, err)
		}
		if base := (&url.URL{Path: "/"}).ResolveReference(u); base.EscapedPath() != u.EscapedPath() {
			t.Errorf("%s in the path: a client would go to %q", what, base.EscapedPath())
		}
	} else if text != "." && text != ".." {
		t.Errorf("%s in the path: not sent", what)
	}
	for _, config := range []string{`{"upstream":"auth","method":"get","path":"/a?v=@&end=1"}`, `{"upstream":"auth","method":"get","path":"/a","body":{"v":"@","end":"1"}}`,
		`{"upstream":"auth","method":"post","path":"/a","headers":{"content-type":"application/x-www-form-urlencoded"},"body":{"v":"@","end":"1"}}`} {
		r := ask(config)
		if r == nil {
			t.Errorf("%s in a query: not sent", what)
			continue
		}
		_, query, _ := strings.Cut(r.Path, "?")
		values, err := url.ParseQuery(query + string(r.Body))
		if err != nil || !reflect.DeepEqual(values, url.Values{"v": {text}, "end": {"1"}}) {
			t.Errorf("%s in a query: %q %v", what, values, err)
		}
	}
	r := ask(`{"upstream":"auth","method":"post","path":"/a","body":{"v":"@","@k":"-@-","end":"1"}}`)
	if r != nil {
		var got map[string]string
		if err := json.Unmarshal(r.Body, &got); err != nil || !reflect.DeepEqual(got, map[string]string{"v": text, text + "k": "-" + text + "-", "end": "1"}) {
			t.Errorf("%s in JSON: %q %v", what, got, err)
		}
	} else if utf8.ValidString(text) {
		t.Errorf("%s in JSON: not sent", what)
	}
	r = ask(`{"upstream":"auth","method":"get","path":"/a","headers":{"x-v":"@"}}`)
	if r != nil {
		if v := r.Headers[0]; v.Key != "x-v" || v.Value != text || strings.Trim(text, " \t") != text || strings.ContainsAny(text, "\r\n\x00") || len(r.Headers) != 3 {
			t.Errorf("%s in a header: %q", what, r.Headers)
		}
	}
}

// What is wrong with settings is said with its key, all at once.
func TestSettingsRefused(t *testing.T) {
	for config, want := range map[string]string{
		`{"upstream":"auth"}`:                                                       `method: missing`,
		`{"upstream":"auth","method":"put"}`:                                        `method: want get or post, not put`,
		`{"method":"get"}`:                                                          "upstream: missing: want one of those that `plugins.http.upstreams` names",
		`{"upstream":"x","method":"get"}`:                                           "upstream: \"x\" is not granted; add `plugins.http.upstreams: [x]`",
		`{"upstream":"auth","method":"get","path":"auth"}`:                          `path: want a path that begins with "/"`,
		`{"upstream":"auth","method":"get","path":"/a#b"}`:                          `path: a fragment`,
		`{"upstream":"auth","method":"get","headers":{"Content-Type":"x"}}`:         `headers.Content-Type: a get has no body`,
		`{"upstream":"auth","method":"post","headers":{"Content-Type":"text/xml"}}`: `headers.content-type: want application/json or`,
		`{"upstream":"auth","method":"get","headers":{"a b":"x"}}`:                  `headers.a b: it is not the name of a header`,
		`{"upstream":"auth","method":"get","headers":{"Host":"x"}}`:                 `headers.Host: it cannot be set: the upstream's URL says it`,
		`{"upstream":"auth","method":"get","headers":{"Authorization":"x"}}`:        `headers.Authorization: it cannot be set`,
		`{"upstream":"auth","method":"get","headers":{"x":"a\nb"}}`:                 `headers.x: a header would have a control character`,
		`{"upstream":"auth","method":"get","headers":{"x":" a"}}`:                   `headers.x: a header would begin or end with a blank`,
		`{"upstream":"auth","method":"get","headers":{"x":"a","X":"b"}}`:            `headers.X: the header is there twice`,
		`{"upstream":"auth","method":"get","body":{"a":{"b":1}}}`:                   `body.a: want text; only a JSON body has a place for an object`,
		`{"upstream":"auth","method":"get","body":"x"}`:                             `body: want keys with values, not text`,
		`{"upstream":"auth","method":"get","request_timeout":"5"}`:                  `request_timeout: want a time`,
		`{"upstream":"auth","method":"get","request_timeout":"2h"}`:                 `request_timeout: want a time`,
		`{"upstream":"auth","method":"get","request_timeout":"0s"}`:                 `request_timeout: want a time`,
		`{"upstream":"auth","method":"get","on_backend_error":"allow"}`:             `on_backend_error: want ignore or deny, not "allow"`,
		`{"upstream":"auth","method":"get","compat":"v3"}`:                          `compat: want v4 or v5`,
		`{"upstream":"auth","method":"get","params":"a=%u"}`:                        `params: no such key`,
		`{"upstream":"auth","compat":"v4","method":"get","params":"a"}`:             `params: want pairs`,
		`{"upstream":"auth","compat":"v4","method":"get","params":"a=b","body":{}}`: `params: it is another way to write body`,
		`{"upstream":"auth","method":"get","superuser":{"method":"get"}}`:           `superuser: it needs compat: v4`,
		`{"upstream":"auth","method":"get","url":"http://x"}`:                       `url: the server is an upstream`,
		`{"upstream":"auth","method":"get","ssl":{"enable":true}}`:                  `ssl: it belongs to the upstream: upstreams.NAME.tls`,
		`{"upstream":"auth","method":"get","mechanism":"jwt"}`:                      `mechanism: want password_based or nothing, not "jwt"`,
		`{"upstream":"auth","authorization":{"path":"/x"},"headers":{"a":"b"}}`:     `headers: it has no meaning without method and path`,
		`{"upstream":"auth","authorization":{"method":"get","url":"x"}}`:            `authorization.url: no such key`,
		`[]`: `not keys with values`,
		`{`:  `is no JSON`,
	} {
		if _, _, err := New(load(config)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", config, err, want)
		}
	}
}

// AUTHN-09 and others: what works, and an operator should know.
func TestSettingsNoted(t *testing.T) {
	for config, want := range map[string]string{
		`{"upstream":"auth","method":"get","path":"/${user}"}`:                                         "${user} is no placeholder here and is sent as it stands; there are clientid, username, password, peerhost",
		`{"upstream":"auth","method":"get","path":"/${topic}"}`:                                        "${topic} is no placeholder here",
		`{"upstream":"auth","authorization":{"method":"get","path":"/${password}"}}`:                   "authorization: ${password} is no placeholder here",
		`{"upstream":"auth","method":"get","path":"/?p=${password}"}`:                                  "the password is part of the URL",
		`{"upstream":"auth","method":"get","headers":{"Connection":"keep-alive"}}`:                     "the header connection speaks of the connection",
		`{"upstream":"auth","method":"get","headers":{"keep-alive":"timeout=30, max=1000"},"path":""}`: "the header keep-alive speaks",
	} {
		_, notes, err := New(load(config))
		if err != nil || len(notes) != 1 || !strings.Contains(notes[0], want) {
			t.Errorf("%s: %v, %q, want %s", config, err, notes, want)
		}
	}
	r := asked(t, `{"upstream":"auth","method":"post","path":"/${user}","body":{"${x}":"${user}"}}`, alice())
	if r.Path != "/$%7Buser%7D" || string(r.Body) != `{"${x}":"${user}"}` {
		t.Errorf("%s %s", r.Path, r.Body)
	}
	l := &wicket.LoadInfo{Load: wire.Load{Config: `{"mechanism":"password_based","backend":"http","method":"get"}`, Upstreams: []string{"one"}}}
	if b, notes, err := New(l); err != nil || len(notes) != 0 || b.login.upstream != "one" {
		t.Errorf("the only upstream: %v %q", err, notes)
	}
}

// FuzzAnswer: an answer of any form gives a verdict that the broker can read, the same
// each time, whatever was answered before. Who is let in by JSON would be by any
// reader of it: encoding/json, which takes the last of two like keys, says so too.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{`{"result":"allow","is_superuser":true,"client_attrs":{"a":"b"},"expire_at":1893456000,"acl":[{"permission":"allow","action":"all","topic":"eq t","qos":"0,1"}]}`,
		`{"result":"allow","acl":{"pub":["a/#"]}}`, `{"result":"deny"}`, "result=allow&expire_at=1893456000&acl=%5B%5D", "result=ignore",
		`{"result":"deny","result":"allow"}`, `{"result":"allow","result":"deny"}`, `{"result":"allow","res\u0075lt":"deny"}`, `{"re\u0073ult":"\u0061llow"}`,
		`{"x":{"result":"allow"}}`, `{"x":"\"result\":\"allow\""}`, `{"x":["result","allow"]}`, `{"Result":"allow"}`, `{"result":"allow\u0000"}`, `{"result":"ALLOW"}`,
		`{"result":1}`, `{"result":true}`, `{"result":null}`, `{"result":["allow"]}`, `{"result":{"allow":1}}`, "\ufeff{\"result\":\"allow\"}", `{"result":"allow"}x`,
		"{\"result\":\"allow\"}\x00", `{"result":"allow"}{"result":"deny"}`, `[{"result":"allow"}]`, `"allow"`, "allow", `{"result":"allow",}`, `{'result':'allow'}`,
		"{\"result\":\"allow\",\"x\":\"\xff\"}", `{"result":"allow","x":"\ud800"}`, `{"result":"allow","is_superuser":"true","is_superuser\u0000":1}`, `{"result":"allow","is_superuser":1.0}`,
		`{"result":"allow","is_superuser":1e0}`, `{"result":"allow","acl":{}}`, `{"result":"allow","acl":[[]]}`, `{"result":"allow","acl":"[]"}`, strings.Repeat(`{"a":`, 70) + `{"result":"allow"}` + strings.Repeat("}", 70),
	} {
		f.Add(body)
	}
	b, _, err := New(load(loginConfig))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, kind := range []string{mediaJSON, mediaForm, mediaJSON} {
			v := b.Authenticate(wicket.TestContext(says(200, kind, body)), alice())
			d := v.Detail()
			fresh := open(t, loginConfig).Authenticate(wicket.TestContext(says(200, kind, body)), alice())
			if v.Code() != fresh.Code() || !reflect.DeepEqual(d, fresh.Detail()) {
				t.Errorf("%q: %+v, and at first %+v", body, v, fresh)
			}
			var theirs map[string]any
			if kind == mediaJSON && v.Code() == wicket.CodeAllow {
				err := json.Unmarshal([]byte(body), &theirs)
				super := theirs["is_superuser"]
				if err != nil || theirs["result"] != "allow" || d.Superuser && super != true && super != "true" && super != float64(1) ||
					(theirs["acl"] != nil) != (len(d.Rules) > 0) && !emptyACL(theirs["acl"]) {
					t.Errorf("%q lets in, %+v: others read %v (%v)", body, d, theirs, err)
				}
			}
			if v.Code() == wicket.CodeAllow && kind == mediaForm && !strings.Contains(body, "allow") && !strings.Contains(body, "%") {
				t.Errorf("%q is taken for a yes", body)
			}
			for _, r := range d.Rules {
				if !preset.ValidFilter(r.Filter) || r.Actions == 0 {
					t.Errorf("%+v", r)
				}
			}
			if len(d.Rules) > preset.MaxRules || len(d.Attributes) > preset.MaxAttributes || d.ExpireAt != 0 && d.ExpireAt <= now/1000 {
				t.Errorf("%+v", d)
			}
		}
	})
}

// emptyACL reports whether there is no topic in what an answer has for acl.
func emptyACL(acl any) bool {
	switch acl := acl.(type) {
	case []any:
		return len(acl) == 0
	case map[string]any:
		for _, topics := range acl {
			if list, ok := topics.([]any); !ok || len(list) > 0 {
				return false
			}
		}
		return true
	}
	return false
}

// FuzzTemplate: text that has no placeholder in it is sent as it stands.
func FuzzTemplate(f *testing.F) {
	for _, text := range []string{"a", "${", "${}", "${$}", "${$}{x}", "$$", "${clientid}", "%c"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var notes []string
		r := &reader{asks: authentication, v4: true, notes: &notes}
		tmpl := r.read(nil, text, inHeader, asIs)
		got, err := tmpl.appendTo(nil, &subject{c: &wicket.Connect{}, ctx: wicket.TestContext(says(0, "", ""))})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.ContainsAny(text, "$%") && string(got) != text {
			t.Errorf("%q became %q", text, got)
		}
		for i := range tmpl {
			if tmpl[i].field == nil && tmpl[i].text == "" {
				t.Errorf("%q has an empty part", text)
			}
		}
	})
}
