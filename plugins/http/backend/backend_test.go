package backend

import (
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/plugins/preset"
	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/wire"
)

// now is the clock of the tests, in milliseconds.
const now = 1_700_000_000_000

// server is an upstream, and the certificate of the client.
type server struct {
	answer func(*wicket.HTTPRequest) (*wicket.HTTPResponse, error)
	certs  map[wicket.CertField]string
	asked  []wicket.HTTPRequest
}

func (s *server) HTTP(r *wicket.HTTPRequest) (*wicket.HTTPResponse, error) {
	asked := *r // the plugin uses its memory again
	asked.Path, asked.Body = strings.Clone(r.Path), slices.Clone(r.Body)
	s.asked = append(s.asked, asked)
	return s.answer(r)
}
func (s *server) Now() int64                                  { return now }
func (s *server) VerifyPassword(string, []byte) (bool, error) { return false, wicket.ErrNotGranted }
func (s *server) Certificate(f wicket.CertField, i int) (string, bool) {
	v, ok := s.certs[f]
	return v, ok && i == 0
}

// says returns a server with one answer.
func says(status uint32, contentType, body string) *server {
	return &server{answer: func(*wicket.HTTPRequest) (*wicket.HTTPResponse, error) {
		return &wicket.HTTPResponse{Status: status, Headers: []wicket.Property{{Key: "Content-Type", Value: contentType}}, Body: []byte(body)}, nil
	}}
}

func fails(err error) *server {
	return &server{answer: func(*wicket.HTTPRequest) (*wicket.HTTPResponse, error) { return nil, err }}
}

func alice() *wicket.Connect {
	return &wicket.Connect{ClientID: "c1", Username: "alice", HasUsername: true, Password: []byte("s3cret"), HasPassword: true,
		Protocol: 4, Listener: "tls:default", Peer: "[2001:db8::7]:51234", Attributes: []wicket.Property{{Key: "site", Value: "7"}}}
}

func load(config string) *wicket.LoadInfo {
	return &wicket.LoadInfo{Load: wire.Load{Plugin: "http", Config: config, Upstreams: []string{"auth", "other"}}}
}

func open(t testing.TB, config string) *Backend {
	t.Helper()
	b, notes, err := New(load(config))
	if err != nil || len(notes) > 0 {
		t.Fatalf("%s: %v, %q", config, err, notes)
	}
	return b
}

const loginConfig = `{"upstream":"auth","method":"post","path":"/auth","body":{"username":"${username}","password":"${password}"}}`

// Spec 2.7 and AHTTP-04: what each answer means for a client.
func TestLoginAnswers(t *testing.T) {
	const js = "application/json"
	in, out, next := wicket.CodeAllow, wicket.CodeDeny, wicket.CodeNext
	for _, c := range []struct {
		status     uint32
		kind, body string
		want       wicket.Code
		failure    bool // on_backend_error decides
	}{
		{204, "", "", in, false},
		{200, js, `{"result":"allow"}`, in, false},
		{200, js + "; charset=utf-8", ` {"result":"allow","more":[1]} `, in, false},
		{200, "APPLICATION/JSON", `{"result":"deny","is_superuser":true}`, out, false},
		{200, js, `{"result":"ignore"}`, next, false},
		{200, mediaForm, `result=allow&is_superuser=false`, in, false},
		{200, mediaForm, `result=deny`, out, false},
		{200, mediaForm, `a=b%20c+d`, next, true},
		{200, js, `{"result":"yes"}`, next, true},
		{200, js, `{"result":"allow","result":"deny"}`, next, true},
		{200, mediaForm, `result=allow&result=deny`, next, true},
		{200, js, `{"result":true}`, next, true},
		{200, js, `{}`, next, true},
		{200, js, `["allow"]`, next, true},
		{200, js, `{"result":"allow"`, next, true},
		{200, js, "", next, true},
		{200, "", `{"result":"allow"}`, next, true},
		{200, "text/plain", `{"result":"allow"}`, next, true},
		{200, mediaForm, "result=%zz", next, true},
		{200, mediaForm, "result=allow&x=%ff", next, true},
		{200, js, `{"result":"allow","pad":"` + strings.Repeat("x", maxAnswer) + `"}`, next, true},
		{201, js, `{"result":"allow"}`, next, true},
		{301, "", "", next, true}, {401, "", "", next, true}, {403, "", "", next, true}, {404, "", "", next, true}, {500, "", "", next, true}, {0, "", "", next, true},
	} {
		b := open(t, loginConfig)
		v := b.Authenticate(wicket.TestContext(says(c.status, c.kind, c.body)), alice())
		if v.Code() != c.want {
			t.Errorf("%d %s %.60s: %v, want %v", c.status, c.kind, c.body, v.Code(), c.want)
		}
		if d := v.Detail(); v.Code() == in && !reflect.DeepEqual(d, wire.Decision{Default: wire.Next}) {
			t.Errorf("%d %s %.60s: %+v", c.status, c.kind, c.body, d)
		}
		b = open(t, strings.Replace(loginConfig, "{", `{"on_backend_error":"deny",`, 1))
		v = b.Authenticate(wicket.TestContext(says(c.status, c.kind, c.body)), alice())
		if denied := v.Code() == out && v.Detail().Reason == 0x88; denied != c.failure {
			t.Errorf("on_backend_error deny, %d %s %.60s: %v %+v", c.status, c.kind, c.body, v.Code(), v.Detail())
		}
	}
	for _, err := range []error{wicket.ErrTimeout, wicket.ErrBusy, wicket.ErrFailed, wicket.ErrNotGranted, errors.New("other")} {
		if v := open(t, loginConfig).Authenticate(wicket.TestContext(fails(err)), alice()); v.Code() != next {
			t.Errorf("%v: %v", err, v.Code())
		}
	}
}

// AHTTP-05, AUTHN-06, AUTHN-07: what an answer may say beside the result.
func TestLoginDetails(t *testing.T) {
	in := wire.Decision{Default: wire.Next}
	with := func(f func(*wire.Decision)) wire.Decision { d := in; f(&d); return d }
	super := with(func(d *wire.Decision) { d.Superuser = true })
	expires := with(func(d *wire.Decision) { d.ExpireAt = now/1000 + 3 })
	attrs := with(func(d *wire.Decision) {
		d.Attributes = []wire.Property{{Key: "role", Value: "admin"}, {Key: "A-1_b", Value: ""}}
	})
	for fields, want := range map[string]wire.Decision{
		`"is_superuser":true`:                             super,
		`"is_superuser":"true"`:                           super,
		`"is_superuser":1`:                                super,
		`"is_superuser":false`:                            in,
		`"is_superuser":"yes"`:                            in,
		`"is_superuser":0`:                                in,
		`"is_superuser":null,"expire_at":null,"acl":null`: in,
		`"expire_at":1700000003`:                          expires,
		`"client_attrs":{"role":"admin","A-1_b":""}`:      attrs,
		`"client_attrs":{"role":"admin","_x":"1","":"2","a b":"3","n":4,"nul":"\u0000","A-1_b":""}`: attrs,
		`"client_attrs":"role"`: in,
	} {
		v := open(t, loginConfig).Authenticate(wicket.TestContext(says(200, mediaJSON, `{"result":"allow",`+fields+`}`)), alice())
		if v.Code() != wicket.CodeAllow || !reflect.DeepEqual(v.Detail(), want) {
			t.Errorf("%s: %v %+v, want %+v", fields, v.Code(), v.Detail(), want)
		}
	}
	v := open(t, loginConfig).Authenticate(wicket.TestContext(says(200, mediaForm,
		`result=allow&is_superuser=1&expire_at=1700000003&client_attrs=%7B%22role%22%3A%22admin%22%7D&acl=%5B%5D`)), alice())
	if d := v.Detail(); v.Code() != wicket.CodeAllow || !d.Superuser || d.ExpireAt != 1700000003 || len(d.Attributes) != 1 {
		t.Errorf("form: %v %+v", v.Code(), d)
	}
	many := strings.Repeat(`{"permission":"allow","action":"all","topic":"t"},`, preset.MaxRules)
	for _, fields := range []string{
		`"expire_at":1700000000`, `"expire_at":1699999999`, `"expire_at":0`, `"expire_at":-1`, `"expire_at":1700000003000`, `"expire_at":1700000003.5`,
		`"expire_at":"1700000003"`, `"expire_at":99999999999999999999`, `"acl":"x"`, `"acl":[1]`, `"acl":[{}]`, `"acl":[` + many + `{"permission":"allow","action":"all","topic":"t"}]`,
		`"client_attrs":{` + func() string {
			var b strings.Builder
			for i := range preset.MaxAttributes {
				b.WriteString(`"a` + strings.Repeat("x", i%200) + string(rune('a'+i/200)) + `":"",`)
			}
			return b.String() + `"last":"x"}`
		}(),
	} {
		v := open(t, loginConfig).Authenticate(wicket.TestContext(says(200, mediaJSON, `{"result":"allow",`+fields+`}`)), alice())
		if v.Code() != wicket.CodeDeny || v.Detail().Reason != 0x86 {
			t.Errorf("%.80s: %v %.200v", fields, v.Code(), v.Detail())
		}
	}
}

// AUTHZ-06, AUTHZ-07: preset rules, new and old.
func TestRules(t *testing.T) {
	const both = wire.Publish | wire.Subscribe
	for acl, want := range map[string]wire.Decision{
		`[]`: {Default: wire.Next},
		`{}`: {},
		`[{"permission":"allow","action":"subscribe","topic":"eq t/1/#","qos":[1]},{"permission":"deny","action":"all","topic":"t/3"}]`: {
			Default: wire.Next, Rules: []wire.Rule{{Permit: true, Actions: wire.Subscribe, Filter: "t/1/#", QoS: 2, Exact: true}, {Actions: both, Filter: "t/3"}}},
		`[{"permission":"allow","action":"pub","topics":["a","b/+"],"qos":"0,2","retain":false}]`: {
			Default: wire.Next, Rules: []wire.Rule{
				{Permit: true, Actions: wire.Publish, Filter: "a", QoS: 5, Retain: wire.RetainNever},
				{Permit: true, Actions: wire.Publish, Filter: "b/+", QoS: 5, Retain: wire.RetainNever}}},
		`[{"permission":"deny","action":"publish","topic":"${clientid}/#","qos":2,"retain":"1"}]`: {
			Default: wire.Next, Rules: []wire.Rule{{Actions: wire.Publish, Filter: "${clientid}/#", QoS: 4, Retain: wire.RetainOnly}}},
		`[{"permission":"deny","action":"sub","topic":"all","retain":"all"}]`: {
			Default: wire.Next, Rules: []wire.Rule{{Actions: wire.Subscribe, Filter: "#"}, {Actions: wire.Subscribe, Filter: "$SYS/#"}}},
		`{"pub":["a"],"sub":["b/#"],"all":["c","d"]}`: {Rules: []wire.Rule{
			{Permit: true, Actions: wire.Publish, Filter: "a"}, {Permit: true, Actions: wire.Subscribe, Filter: "b/#"},
			{Permit: true, Actions: both, Filter: "c"}, {Permit: true, Actions: both, Filter: "d"}}},
	} {
		v := open(t, loginConfig).Authenticate(wicket.TestContext(says(200, mediaJSON, `{"result":"allow","acl":`+acl+`}`)), alice())
		if v.Code() != wicket.CodeAllow || !reflect.DeepEqual(v.Detail(), want) {
			t.Errorf("%s: %v %+v, want %+v", acl, v.Code(), v.Detail(), want)
		}
	}
	rule := func(more string) string { return `[{"permission":"allow","action":"all","topic":"t"` + more + `}]` }
	for _, acl := range []string{
		`[{"action":"all","topic":"t"}]`, `[{"permission":"allow","topic":"t"}]`, `[{"permission":"allow","action":"all"}]`,
		`[{"permission":"allow","action":"all","topics":[]}]`, `[{"permission":"allow","action":"all","topics":"t"}]`, `[{"permission":"perhaps","action":"all","topic":"t"}]`,
		`[{"permission":true,"action":"all","topic":"t"}]`, `[{"permission":"allow","action":"fly","topic":"t"}]`, `[{"permission":"allow","action":"all","topic":1}]`,
		rule(`,"qos":3`), rule(`,"qos":-1`), rule(`,"qos":[]`), rule(`,"qos":"0,9"`), rule(`,"qos":1.5`), rule(`,"qos":{}`), rule(`,"retain":2`), rule(`,"retain":"maybe"`),
		rule(`,"clientid":"c1"`), `[[]]`, `["allow"]`, `{"pub":"a"}`, `{"publish":["a"]}`, `{"pub":[1]}`, `true`,
		`{"pub":["a/#/b"]}`, `{"pub":["a+"]}`, `{"pub":[""]}`, `{"pub":["eq "]}`, `{"pub":["a\u0000"]}`, `{"pub":["$share/g/t"]}`, `{"pub":["` + strings.Repeat("x", 65536) + `"]}`,
	} {
		v := open(t, loginConfig).Authenticate(wicket.TestContext(says(200, mediaJSON, `{"result":"allow","acl":`+acl+`}`)), alice())
		if v.Code() != wicket.CodeDeny || v.Detail().Reason != 0x86 {
			t.Errorf("%.80s: %v %.200v", acl, v.Code(), v.Detail())
		}
	}
}

// AUTHN-11, AUTHN-13: whom the server is not asked about.
func TestNotAsked(t *testing.T) {
	s := says(204, "", "")
	b := open(t, loginConfig)
	scram, bare := alice(), alice()
	scram.AuthMethod = "SCRAM-SHA-256"
	bare.Password, bare.HasPassword = nil, false
	for _, c := range []*wicket.Connect{scram, bare} {
		if v := b.Authenticate(wicket.TestContext(s), c); v.Code() != wicket.CodeNext {
			t.Errorf("%+v: %v", c, v.Code())
		}
	}
	if len(s.asked) != 0 {
		t.Errorf("%+v", s.asked)
	}
	empty := alice()
	empty.Password = nil
	if v := b.Authenticate(wicket.TestContext(s), empty); v.Code() != wicket.CodeAllow {
		t.Error("an empty password is not asked about")
	}
	b = open(t, `{"upstream":"auth","method":"get","path":"/auth/${cert_common_name}"}`)
	if v := b.Authenticate(wicket.TestContext(s), bare); v.Code() != wicket.CodeAllow {
		t.Error("a client without a password, of which the server does not hear")
	}
}

const accessConfig = `{"upstream":"auth","authorization":{"method":"get","path":"/acl?t=${topic}"}}`

// ZHTTP-02.
func TestAccessAnswers(t *testing.T) {
	a := &wicket.Access{ClientID: "c1", Action: wicket.Publish, Topics: []wicket.Topic{{Topic: "t"}}}
	for _, c := range []struct {
		s    *server
		want wicket.Code
		deny wicket.Code // with on_backend_error deny
	}{
		{says(204, "", ""), wicket.CodeAllow, wicket.CodeAllow},
		{says(200, mediaJSON, `{"result":"allow"}`), wicket.CodeAllow, wicket.CodeAllow},
		{says(200, mediaJSON, `{"result":"deny"}`), wicket.CodeDeny, wicket.CodeDeny},
		{says(200, mediaJSON, `{"result":"ignore"}`), wicket.CodeNext, wicket.CodeNext},
		{says(200, mediaForm, `result=allow`), wicket.CodeAllow, wicket.CodeAllow},
		{says(200, mediaJSON, `{}`), wicket.CodeNext, wicket.CodeDeny},
		{says(200, "text/plain", `allow`), wicket.CodeNext, wicket.CodeDeny},
		{says(403, mediaJSON, `{"result":"allow"}`), wicket.CodeNext, wicket.CodeDeny},
		{says(500, "", ""), wicket.CodeNext, wicket.CodeDeny},
		{fails(wicket.ErrTimeout), wicket.CodeNext, wicket.CodeDeny},
	} {
		if v := open(t, accessConfig).Authorize(wicket.TestContext(c.s), a); v.Code() != c.want {
			t.Errorf("%v, want %v", v.Code(), c.want)
		}
		b := open(t, strings.Replace(accessConfig, `"method"`, `"on_backend_error":"deny","method"`, 1))
		if v := b.Authorize(wicket.TestContext(c.s), a); v.Code() != c.deny {
			t.Errorf("deny: %v, want %v", v.Code(), c.deny)
		}
	}
}

// Each topic of a SUBSCRIBE is asked about, and an answer that is none is not
// remembered.
func TestAccessTopics(t *testing.T) {
	s := &server{answer: func(r *wicket.HTTPRequest) (*wicket.HTTPResponse, error) {
		switch strings.TrimPrefix(r.Path, "/acl?t=") {
		case "yes":
			return &wicket.HTTPResponse{Status: 204}, nil
		case "no":
			return says(200, mediaJSON, `{"result":"deny"}`).answer(r)
		case "broken":
			return nil, wicket.ErrFailed
		}
		return &wicket.HTTPResponse{Status: 404}, nil
	}}
	serial := &locked{server: s}
	b := open(t, accessConfig)
	if b.Authenticates() || !b.Authorizes() {
		t.Error("it is to be asked about topics only")
	}
	a := &wicket.Access{ClientID: "c1", Action: wicket.Subscribe}
	for range 10 {
		a.Topics = append(a.Topics, wicket.Topic{Topic: "yes"}, wicket.Topic{Topic: "no"})
	}
	v := b.Authorize(wicket.TestContext(serial), a)
	for i, code := range v.Detail().Codes {
		if want := uint32(1 - i%2); code != want || v.Detail().TTL != 0 {
			t.Fatalf("%v", v.Detail())
		}
	}
	a.Topics = append(a.Topics, wicket.Topic{Topic: "broken"})
	v = b.Authorize(wicket.TestContext(serial), a)
	if d := v.Detail(); len(d.Codes) != 21 || d.Codes[20] != wire.Next || d.TTL >= 0 {
		t.Errorf("%v", d)
	}
}

// AHTTP-14: EMQX 4.
func TestCompat(t *testing.T) {
	b := open(t, `{"upstream":"auth","compat":"v4","method":"post","path":"/mqtt/auth","params":"clientid=%c,username=%u,password=%P, ip=%a",
		"superuser":{"method":"post","path":"/mqtt/superuser%c3%a4","params":"clientid=%c,username=%u"},
		"authorization":{"method":"get","path":"/mqtt/acl","params":"access=%A,topic=%t,proto=%r,mount=%m,100%=x"}}`)
	s := &server{answer: func(r *wicket.HTTPRequest) (*wicket.HTTPResponse, error) {
		if r.Path == "/mqtt/superuser%c3%a4" {
			return &wicket.HTTPResponse{Status: 403}, nil
		}
		return &wicket.HTTPResponse{Status: 200}, nil
	}}
	v := b.Authenticate(wicket.TestContext(s), alice())
	if v.Code() != wicket.CodeAllow || v.Detail().Superuser || len(s.asked) != 2 {
		t.Errorf("%v %+v", v.Code(), s.asked)
	}
	if r := s.asked[0]; string(r.Body) != "clientid=c1&username=alice&password=s3cret&ip=2001%3Adb8%3A%3A7" || r.Headers[0].Value != mediaForm {
		t.Errorf("%s %v", r.Body, r.Headers)
	}
	a := &wicket.Access{ClientID: "c1", Username: "alice", Action: wicket.Subscribe, Topics: []wicket.Topic{{Topic: "a/#"}}}
	if v := b.Authorize(wicket.TestContext(s), a); v.Code() != wicket.CodeAllow {
		t.Error(v.Code())
	}
	if r := s.asked[2]; r.Path != "/mqtt/acl?access=1&topic=a%2F%23&proto=mqtt&mount=&100%25=x" {
		t.Error(r.Path)
	}
	for _, c := range []struct {
		status uint32
		body   string
		want   wicket.Code
	}{{200, "", wicket.CodeAllow}, {200, "ignore", wicket.CodeNext}, {401, "", wicket.CodeDeny}, {500, "", wicket.CodeDeny}, {204, "", wicket.CodeDeny}} {
		if v := b.Authorize(wicket.TestContext(says(c.status, "", c.body)), a); v.Code() != c.want {
			t.Errorf("%d %s: %v", c.status, c.body, v.Code())
		}
		if v := b.Authenticate(wicket.TestContext(says(c.status, "", c.body)), alice()); v.Code() != c.want || c.want == wicket.CodeAllow && !v.Detail().Superuser {
			t.Errorf("%d %s: %v", c.status, c.body, v.Code())
		}
	}
	if v := b.Authenticate(wicket.TestContext(fails(wicket.ErrTimeout)), alice()); v.Code() != wicket.CodeNext {
		t.Error(v.Code())
	}
}

// ZHTTP-01: what a question about a topic says of the certificate was seen at
// CONNECT, and no answer of a server takes its place.
func TestAccessCertificate(t *testing.T) {
	const config = `{"upstream":"auth","method":"get","path":"/login","authorization":{"method":"get","path":"/acl?cn=${cert_common_name}&s=${cert_subject}"}}`
	s := says(200, mediaJSON, `{"result":"allow","client_attrs":{"cert_common_name":"root","site":"x"}}`)
	s.certs = map[wicket.CertField]string{wicket.CertSubject: "CN=sensor,O=Acme", wicket.CertCommonNames: "sensor"}
	b := open(t, config)
	v := b.Authenticate(wicket.TestContext(s), alice())
	given := map[string]string{}
	for _, a := range v.Detail().Attributes { // of those that come twice the last counts
		given[a.Key] = a.Value
	}
	if len(given) != 3 || given["cert_common_name"] != "sensor" || given["cert_subject"] != "CN=sensor,O=Acme" || given["site"] != "x" {
		t.Errorf("%v", given)
	}
	a := &wicket.Access{ClientID: "c1", Action: wicket.Publish, Topics: []wicket.Topic{{Topic: "t"}}, Attributes: []wicket.Property{{Key: "cert_common_name", Value: given["cert_common_name"]}}}
	s.asked = nil
	b.Authorize(wicket.TestContext(s), a)
	if len(s.asked) != 1 || s.asked[0].Path != "/acl?cn=sensor&s=" {
		t.Errorf("%+v", s.asked)
	}
	if v := open(t, loginConfig).Authenticate(wicket.TestContext(s), alice()); len(v.Detail().Attributes) != 2 {
		t.Errorf("%+v", v.Detail())
	}
}

// AHTTP-13: a denial is remembered for the same request, and nothing else is.
func TestRememberDenials(t *testing.T) {
	b := open(t, strings.Replace(loginConfig, "{", `{"remember_denials":"5s",`, 1))
	s := &server{answer: says(200, mediaJSON, `{"result":"deny"}`).answer}
	ctx := &later{server: s, now: now}
	try := func(c *wicket.Connect, want wicket.Code, asked int) {
		t.Helper()
		if v := b.Authenticate(wicket.TestContext(ctx), c); v.Code() != want || len(s.asked) != asked {
			t.Errorf("%d after %d requests, want %d after %d", v.Code(), len(s.asked), want, asked)
		}
	}
	try(alice(), wicket.CodeDeny, 1)
	try(alice(), wicket.CodeDeny, 1)
	other := alice()
	other.Password = []byte("right")
	s.answer = says(204, "", "").answer
	try(other, wicket.CodeAllow, 2)
	try(other, wicket.CodeAllow, 3)
	try(alice(), wicket.CodeDeny, 3)
	ctx.now += 5000
	s.answer = fails(wicket.ErrTimeout).answer
	try(alice(), wicket.CodeNext, 4)
	try(alice(), wicket.CodeNext, 5)
	s.answer = says(200, mediaJSON, `{"result":"deny"}`).answer
	for i := range mostDenials + 1 {
		c := alice()
		c.Password = strconv.AppendInt(nil, int64(i), 10)
		try(c, wicket.CodeDeny, 6+i)
	}
	if len(b.login.denials.list) != 1 {
		t.Errorf("%d are remembered", len(b.login.denials.list))
	}
}

// An answer that has been seen is the same verdict again, as long as nothing else
// decides: not when it says how long the client may stay, and not in another type.
func TestAnswerAgain(t *testing.T) {
	b := open(t, loginConfig)
	ctx := &later{server: says(0, "", ""), now: now}
	try := func(kind, body string) wicket.Verdict {
		ctx.answer = says(200, kind, body).answer
		return b.Authenticate(wicket.TestContext(ctx), alice())
	}
	const rules = `{"result":"allow","is_superuser":true,"client_attrs":{"a":"b"},"acl":[{"permission":"allow","action":"all","topic":"t"}]}`
	first := try(mediaJSON, rules)
	changed := first.Attribute("more", "x").Rule(wicket.DenyAll("#")).Superuser()
	if again := try(mediaJSON, rules); !reflect.DeepEqual(again, first) || len(again.Detail().Rules) != 1 || len(changed.Detail().Rules) != 2 {
		t.Errorf("%+v, first %+v", again.Detail(), first.Detail())
	}
	if v := try("text/plain", rules); v.Code() != wicket.CodeNext {
		t.Errorf("another type: %v", v.Code())
	}
	short := strings.Replace(rules, "true", "10 ", 1)
	if v := try(mediaJSON, short); v.Detail().Superuser {
		t.Errorf("as long as the first: %+v", v.Detail())
	}
	for _, test := range []struct {
		result string
		want   wicket.Code
	}{{"allow", wicket.CodeAllow}, {"deny ", wicket.CodeNext}, {"deny", wicket.CodeDeny}, {"ignore", wicket.CodeNext}, {"", wicket.CodeNext}} {
		for range 2 {
			if v := try(mediaJSON, `{"result":"`+test.result+`"}`); v.Code() != test.want {
				t.Errorf("%s: %v", test.result, v.Code())
			}
		}
	}
	expires := `{"result":"allow","expire_at":` + strconv.FormatInt(now/1000+3, 10) + `}`
	if v := try(mediaJSON, expires); v.Code() != wicket.CodeAllow || v.Detail().ExpireAt == 0 {
		t.Errorf("%+v", v.Detail())
	}
	ctx.now += 4000
	if v := try(mediaJSON, expires); v.Code() != wicket.CodeDeny {
		t.Errorf("after it has expired: %v", v.Code())
	}
}

// later is a server with a clock that goes on.
type later struct {
	*server
	now int64
}

func (l *later) Now() int64 { return l.now }
