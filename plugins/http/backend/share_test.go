package backend

import (
	"cmp"
	"strings"
	"testing"

	wicket "github.com/wicketmq/wicket/sdk/go"
)

// crowd is a server that other clients come to while it is asked.
type crowd struct {
	later
	meanwhile func()
	given     []wicket.Verdict
}

func (c *crowd) HTTP(r *wicket.HTTPRequest) (*wicket.HTTPResponse, error) {
	if f := c.meanwhile; f != nil {
		c.meanwhile = nil
		f()
	}
	return c.server.HTTP(r)
}

func (c *crowd) Answer(v wicket.Verdict) { c.given = append(c.given, v) }

// AHTTP-13: clients whose request would be the same as one under way wait for its
// answer, and any other has its own.
func TestShareRequests(t *testing.T) {
	const settings = `{"upstream":"auth","share_requests":"1s","method":"post","path":"/auth","headers":{"x-host":"${peerhost}"},
		"body":{"user":"${username}","password":"${password}","cn":"${cert_common_name}"}}`
	for _, test := range []struct {
		name    string
		after   int64 // milliseconds
		change  func(*wicket.Connect)
		cn      string
		shares  bool
		setting string
	}{
		{name: "the same", shares: true},
		{name: "what the server is not told", shares: true, change: func(c *wicket.Connect) { c.ClientID, c.Peer = "c2", "[2001:db8::7]:1" }},
		{name: "in the last millisecond", shares: true, after: 999},
		{name: "too late", after: 1000},
		{name: "another password", change: func(c *wicket.Connect) { c.Password = []byte("s3creT") }},
		{name: "no password", change: func(c *wicket.Connect) { c.Password = nil }},
		{name: "another user", change: func(c *wicket.Connect) { c.Username = "alicf" }},
		{name: "another split", change: func(c *wicket.Connect) { c.Username, c.Password = "alic", []byte("es3cret") }},
		{name: "another address", change: func(c *wicket.Connect) { c.Peer = "[2001:db8::8]:51234" }},
		{name: "another certificate", cn: "sensor-2"},
		{name: "off", setting: strings.Replace(settings, `"share_requests":"1s",`, "", 1)},
	} {
		b := open(t, cmp.Or(test.setting, settings))
		first := &crowd{later: later{server: says(200, mediaJSON, `{"result":"allow","client_attrs":{"a":"b"}}`), now: now}}
		first.certs = map[wicket.CertField]string{wicket.CertCommonNames: "sensor"}
		second := &crowd{later: later{server: &server{answer: says(204, "", "").answer, certs: first.certs}, now: now + test.after}}
		if test.cn != "" {
			second.certs = map[wicket.CertField]string{wicket.CertCommonNames: test.cn}
		}
		c := alice()
		if test.change != nil {
			test.change(c)
		}
		var v2 wicket.Verdict
		first.meanwhile = func() { v2 = b.Authenticate(wicket.TestContext(second), c) }
		v1 := b.Authenticate(wicket.TestContext(first), alice())
		if v1.Code() != wicket.CodeAllow || len(v1.Detail().Attributes) != 1 || len(first.asked) != 1 || len(first.given) != 0 {
			t.Errorf("%s: first %+v, asked %d times", test.name, v1, len(first.asked))
		}
		if shares := v2.IsLater() && len(second.asked) == 0 && len(second.given) == 1; shares != test.shares || !shares && (len(second.asked) != 1 || v2.Code() != wicket.CodeAllow) {
			t.Errorf("%s: second %+v, asked %d times, given %+v", test.name, v2, len(second.asked), second.given)
		} else if shares && (second.given[0].Code() != wicket.CodeAllow || len(second.given[0].Detail().Attributes) != 1) {
			t.Errorf("%s: given %+v", test.name, second.given)
		}
		if b.login.shared != nil && len(b.login.shared.list) != 0 {
			t.Errorf("%s: %d requests are still under way", test.name, len(b.login.shared.list))
		}
	}
}

// What went wrong for one went wrong for all who waited with it; what each brings
// itself, its certificate, stays its own.
func TestSharedVerdicts(t *testing.T) {
	b := open(t, `{"upstream":"auth","share_requests":"1s","method":"get","path":"/auth?user=${username}","authorization":{"method":"get","path":"/acl?cn=${cert_common_name}"}}`)
	join := func(answer func(*wicket.HTTPRequest) (*wicket.HTTPResponse, error), cn string) (v1 wicket.Verdict, given []wicket.Verdict) {
		first, second := &crowd{later: later{server: &server{answer: answer}, now: now}}, &crowd{later: later{server: fails(wicket.ErrFailed), now: now}}
		first.certs, second.certs = map[wicket.CertField]string{wicket.CertCommonNames: "one"}, map[wicket.CertField]string{wicket.CertCommonNames: cn}
		first.meanwhile = func() { b.Authenticate(wicket.TestContext(second), alice()) }
		v1 = b.Authenticate(wicket.TestContext(first), alice())
		return v1, second.given
	}
	v, given := join(says(204, "", "").answer, "two")
	if a := v.Detail().Attributes; len(a) != 1 || a[0].Value != "one" {
		t.Errorf("%+v", a)
	}
	if len(given) != 1 || len(given[0].Detail().Attributes) != 1 || given[0].Detail().Attributes[0].Value != "two" {
		t.Errorf("%+v", given)
	}
	for _, test := range []struct {
		answer func(*wicket.HTTPRequest) (*wicket.HTTPResponse, error)
		want   wicket.Code
	}{
		{fails(wicket.ErrTimeout).answer, wicket.CodeNext},
		{fails(wicket.ErrBusy).answer, wicket.CodeNext},
		{says(500, "", "").answer, wicket.CodeNext},
		{says(200, mediaJSON, `{"result":"deny"}`).answer, wicket.CodeDeny},
		{says(200, mediaJSON, `{"result":"allow","expire_at":1}`).answer, wicket.CodeDeny},
	} {
		v, given := join(test.answer, "two")
		if v.Code() != test.want || len(given) != 1 || given[0].Code() != test.want {
			t.Errorf("%v and %v, want %v", v, given, test.want)
		}
	}
}
