package backend

import (
	"testing"

	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/wire"
)

// BenchmarkAuthenticate is the plugin's own part of a CONNECT, on the host: the
// event, the request, the answer and the verdict. In a guest it takes some five
// times as long. The profile of it is ../default.pgo, by which the compiler chooses
// what it inlines: calls are dear in WebAssembly.
//
//	go test -run '^$' -bench Authenticate -benchtime 10s -cpuprofile ../default.pgo ./plugins/http/backend
func BenchmarkAuthenticate(b *testing.B) {
	back, _, err := New(load(loginConfig))
	if err != nil {
		b.Fatal(err)
	}
	event := alice().Append(nil)
	answer := (&wire.HTTPResponse{
		Status:  200,
		Headers: []wire.Property{{Key: "Content-Length", Value: "120"}, {Key: "Content-Type", Value: mediaJSON}, {Key: "Date", Value: "Sun, 22 Nov 2026 00:00:00 GMT"}},
		Body:    []byte(`{"result":"allow","is_superuser":false,"acl":[{"permission":"allow","action":"all","topic":"devices/${clientid}/#"}]}`),
	}).Append(nil)
	s, out := &server{}, []byte(nil)
	s.answer = func(r *wicket.HTTPRequest) (*wicket.HTTPResponse, error) {
		out = r.Append(out[:0])
		res := new(wicket.HTTPResponse)
		return res, res.Decode(append([]byte(nil), answer...))
	}
	b.ReportAllocs()
	for b.Loop() {
		s.asked = s.asked[:0]
		c := new(wicket.Connect)
		if err := c.Decode(append([]byte(nil), event...)); err != nil {
			b.Fatal(err)
		}
		v := back.Authenticate(wicket.TestContext(s), c)
		if v.Code() != wicket.CodeAllow {
			b.Fatal(v)
		}
		d := v.Detail()
		out = d.Append(out[:0])
	}
}
