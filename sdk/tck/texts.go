package tck

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/sdk/go/wire"
	"github.com/wicketmq/wicket/sdk/tck/harness"
)

// textChecks are about what a client chooses: its names.
var textChecks = []Check{
	{"TEXT-01", "a text is itself, or refused: nothing else passes for it", otherTexts, ""},
	{"TEXT-02", "a text of any length is whole in a request, or the client is denied", longTexts, ""},
	{"TEXT-03", "an answer of any length is read to its end, or denies", longAnswers, ""},
}

// otherTexts are like "allow" to readers that are careless with UTF-8, with NUL
// or with lengths.
func otherTexts(t *testing.T, g *harness.Guest) {
	for i, name := range []string{
		"\xc1\xa1llow", "\xe0\x81\xa1llow", "\xf0\x80\x81\xa1llow", "\xe1llow", "allow\xff", "allow\xe2\x82", "\xed\xa0\x80allow",
		"allow\x00", "\x00allow", "allow\x00deny", "allo", "Allow", "ａｌｌｏｗ", "allow\u200b", "allow" + strings.Repeat("w", 65530),
		"\U00010061llow", string([]rune{'a' + 0x100, 'l', 'l', 'o', 'w'}),
	} {
		req := int64(2*i + 1)
		if code := g.Authenticate(req, Connect(name, "c")); code == wire.Allow {
			t.Errorf("user name %.40q is taken for \"allow\"", name)
		}
		e := &wire.Authorize{ClientID: "c", Username: name, Action: wire.Publish, Topics: []wire.Topic{{Topic: "secret"}}}
		code := g.Authorize(req+1, e)
		a, resolved := g.Answers[req+1]
		if code == wire.Allow || resolved && a.Code == wire.Allow && (len(a.Codes) != 1 || a.Codes[0] != wire.Deny) {
			t.Errorf("user name %.40q: a topic that is denied got %d %+v", name, code, a.Codes)
		}
	}
}

func longTexts(t *testing.T, g *harness.Guest) {
	req := int64(0)
	for _, piece := range []string{"x", "%", "ä", "\x00", `"`} {
		for _, size := range []int{1 << 10, 40 << 10, 65535} {
			req++
			id := strings.Repeat(piece, size/len(piece))
			code := g.Authenticate(req, Connect("escape", id))
			a, resolved := g.Answers[req]
			switch {
			case len(g.Requests) == 1:
				if r := g.Requests[0]; r.Path != "/"+escaped(id) || len(r.Body) <= len(id) {
					t.Errorf("%d of %q: asked for %d bytes with %d", size, piece, len(r.Path), len(r.Body))
				}
			case code < 0, resolved && a.Code == wire.Deny:
			default:
				t.Errorf("%d of %q: returned %d, resolved %v %d", size, piece, code, resolved, a.Code)
			}
			g.Requests = nil
		}
	}
}

// escaped is how a text stands in a path.
func escaped(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c == 'x' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func longAnswers(t *testing.T, g *harness.Guest) {
	for i, body := range []string{
		`{"x":"` + strings.Repeat("a", 4<<20) + `","result":"deny"}`,
		`{"result":"allow","x":"` + strings.Repeat("a", 4<<20),
		`{"result":"allow"` + strings.Repeat(" ", 4<<20) + `}}`,
	} {
		req := int64(i + 1)
		g.Authenticate(req, Connect("result", "c"))
		if len(g.Requests) != 1 {
			t.Fatalf("%d requests", len(g.Requests))
		}
		g.Respond(g.Requests[0].ID, &wire.HTTPResponse{Status: 200, Body: []byte(body)})
		if a, ok := g.Answers[req]; !ok || a.Code != wire.Deny {
			t.Errorf("answer %d: %v %+v", i, ok, a)
		}
		g.Requests = nil
	}
}
