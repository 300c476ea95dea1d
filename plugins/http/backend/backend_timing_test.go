package backend

import (
	"testing"

	wicket "github.com/wicketmq/wicket/sdk/go"
)

// BenchmarkAuthenticate is the plugin's own part of a CONNECT, on the host: the
// request and the answer. In a guest it takes some four times as long.
func BenchmarkAuthenticate(b *testing.B) {
	back, _, err := New(load(loginConfig))
	if err != nil {
		b.Fatal(err)
	}
	s := says(200, mediaJSON, `{"result":"allow","is_superuser":false,"acl":[{"permission":"allow","action":"all","topic":"devices/${clientid}/#"}]}`)
	res, _ := s.answer(nil)
	s.answer = func(*wicket.HTTPRequest) (*wicket.HTTPResponse, error) { return res, nil }
	ctx, c := wicket.TestContext(s), alice()
	b.ReportAllocs()
	for b.Loop() {
		s.asked = s.asked[:0]
		if v := back.Authenticate(ctx, c); v.Code() != wicket.CodeAllow {
			b.Fatal(v)
		}
	}
}
