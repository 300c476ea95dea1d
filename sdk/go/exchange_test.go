//go:build !wasip1

package wicket_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/wire"
	"github.com/wicketmq/wicket/sdk/tck/harness"
)

func talk(data string) *wire.Authenticate {
	c := connect("talk")
	c.AuthMethod, c.AuthData = "ECHO", []byte(data)
	return c
}

// say continues an exchange, and returns what the guest has resolved req with.
func say(t *testing.T, g *harness.Guest, req, exchange int64, data string) string {
	t.Helper()
	if code := g.Continue(req, &wire.AuthContinue{Exchange: uint64(exchange), AuthMethod: "ECHO", AuthData: []byte(data)}); code != wire.Pending {
		t.Fatalf("returned %d", code)
	}
	return resolved(g, req)
}

func resolved(g *harness.Guest, req int64) string {
	a, ok := g.Answers[req]
	if !ok {
		return ""
	}
	return strconv.Itoa(int(a.Code)) + " " + string(a.AuthData)
}

// A handler that asks its client for more is one straight line; the exchanges of
// many clients go on side by side.
func TestContinue(t *testing.T) {
	g := open(t)
	for _, req := range []int64{1, 2} {
		if code := g.Authenticate(req, talk("hi")); code != wire.Pending || resolved(g, req) != "4 hi?" {
			t.Fatalf("returned %d, resolved %q", code, resolved(g, req))
		}
	}
	for i, step := range []struct {
		exchange   int64
		data, want string
	}{
		{2, "b", "4 b?"}, {1, "a", "4 a?"}, {1, "", "4 ?"}, {2, "deny", "0 "}, {1, "allow", "1 welcome"},
	} {
		if got := say(t, g, int64(10+i), step.exchange, step.data); got != step.want {
			t.Errorf("%q: %q, want %q", step.data, got, step.want)
		}
	}
	if code := g.Authenticate(3, connect("allow")); code != wire.Allow {
		t.Errorf("returned %d", code)
	}
	again := talk("hi")
	again.Reauthenticate = true
	if g.Authenticate(4, again); resolved(g, 4) != "4 again hi?" {
		t.Errorf("resolved %q", resolved(g, 4))
	}
	if say(t, g, 5, 4, "panic"); resolved(g, 5) != "0 " || !strings.Contains(strings.Join(g.Logs, "\n"), "in the middle") {
		t.Errorf("resolved %q, logged %q", resolved(g, 5), g.Logs)
	}
}

// A host call in the middle belongs to the question that is open then.
func TestContinueCalls(t *testing.T) {
	g := open(t)
	g.Authenticate(1, talk("hi"))
	if code := g.Continue(2, &wire.AuthContinue{Exchange: 1, AuthData: []byte("verify")}); code != wire.Pending {
		t.Fatalf("returned %d", code)
	}
	if len(g.Calls) != 1 || g.Calls[0].Req != 2 {
		t.Fatalf("called %+v", g.Calls)
	}
	if g.Complete(g.Calls[0].ID, wire.OK, ""); g.Answers[2].Code != wire.Allow {
		t.Errorf("%+v", g.Answers[2])
	}
}

func TestContinueEnds(t *testing.T) {
	g := open(t)
	g.Authenticate(1, talk("hi"))
	g.Continue(2, &wire.AuthContinue{Exchange: 1, Ended: true})
	if _, ok := g.Answers[2]; ok || len(g.Logs) != 1 || g.Logs[0] != "1 c-talk: "+wicket.ErrEnded.Error() {
		t.Errorf("%+v, logged %q", g.Answers, g.Logs)
	}
	g.Logs = nil
	if code := g.Continue(3, &wire.AuthContinue{Exchange: 1, AuthData: []byte("allow")}); code != wire.Deny {
		t.Errorf("an exchange that is over: %d", code)
	}
	if code := g.Event("wicket_auth_continue", 4, []byte("\x08")); code >= 0 {
		t.Errorf("a message that is none: %d", code)
	}
	// A host that does not take the CONTINUE: the question was answered meanwhile.
	g.Late = true
	g.Authenticate(5, talk("hi"))
	if _, ok := g.Answers[5]; ok || len(g.Logs) != 2 {
		t.Errorf("%+v, logged %q", g.Answers, g.Logs)
	}
}

func TestContinueFake(t *testing.T) {
	asked := ""
	ctx := wicket.TestContext(wicket.Client(func(data []byte) ([]byte, error) {
		asked += string(data)
		if asked == "ab" {
			return nil, wicket.ErrEnded
		}
		return []byte("yes"), nil
	}))
	if answer, err := ctx.Continue([]byte("a")); err != nil || string(answer) != "yes" {
		t.Errorf("%q, %v", answer, err)
	}
	if _, err := ctx.Continue([]byte("b")); !errors.Is(err, wicket.ErrEnded) {
		t.Error(err)
	}
	if _, err := wicket.TestContext(wicket.Upstreams{}).Continue(nil); !errors.Is(err, wicket.ErrEnded) {
		t.Error(err)
	}
	if v := wicket.Allow().AuthData([]byte("x")); string(v.Detail().AuthData) != "x" {
		t.Errorf("%+v", v)
	}
}
