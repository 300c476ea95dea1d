package main

import (
	"strings"
	"testing"

	"github.com/wicketmq/wicket/plugins"
	"github.com/wicketmq/wicket/plugins/scram/client"
	"github.com/wicketmq/wicket/sdk/go/wire"
	"github.com/wicketmq/wicket/sdk/tck/harness"
)

// The user of RFC 7677 section 3, whose password is pencil.
const file = "user:SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=\n"

func open(tb testing.TB) *harness.Guest {
	module, _ := plugins.Builtin("scram")
	return harness.Open(tb, module)
}

func loadFile(g *harness.Guest, config, content string) int32 {
	return g.Load(&wire.Load{Plugin: "scram", Config: config, Files: []wire.File{{Key: "users_file", Path: "etc/users", Content: []byte(content)}}})
}

// begin sends the first message and returns what the guest asks.
func begin(tb testing.TB, g *harness.Guest, req int64, c *client.Client) []byte {
	tb.Helper()
	code := g.Authenticate(req, &wire.Authenticate{ClientID: "c1", Protocol: 5, AuthMethod: c.Mechanism, AuthData: c.First()})
	if code != wire.Pending || g.Answers[req].Code != wire.Continue {
		tb.Fatalf("returned %d, resolved %+v", code, g.Answers[req])
	}
	return g.Answers[req].AuthData
}

func finish(tb testing.TB, g *harness.Guest, req, exchange int64, c *client.Client, asked []byte) harness.Answer {
	tb.Helper()
	final, err := c.Final(asked)
	if err != nil {
		tb.Fatal(err)
	}
	g.Continue(req, &wire.AuthContinue{Exchange: uint64(exchange), AuthMethod: c.Mechanism, AuthData: final})
	return g.Answers[req]
}

func TestLogin(t *testing.T) {
	g := open(t)
	if code := loadFile(g, `{"users_file":"users"}`, file); code != 0 {
		t.Fatalf("load: %d, %q", code, g.Logs)
	}
	right := &client.Client{Mechanism: "SCRAM-SHA-256", User: "user", Password: "pencil", Nonce: "abc"}
	wrong := &client.Client{Mechanism: "SCRAM-SHA-256", User: "user", Password: "pencils", Nonce: "abc"}
	nobody := &client.Client{Mechanism: "SCRAM-SHA-256", User: "nobody", Password: "pencil", Nonce: "abc"}
	a, b, c := begin(t, g, 1, right), begin(t, g, 2, wrong), begin(t, g, 3, nobody) // side by side
	if string(a) == string(b) {
		t.Error("two exchanges have one nonce")
	}
	if v := finish(t, g, 4, 3, nobody, c); v.Code != wire.Deny || v.Reason != 0x87 {
		t.Errorf("nobody: %+v", v)
	}
	if v := finish(t, g, 5, 2, wrong, b); v.Code != wire.Deny || v.Reason != 0x87 {
		t.Errorf("wrong password: %+v", v)
	}
	if v := finish(t, g, 6, 1, right, a); v.Code != wire.Allow || v.Username != "user" || right.Verify(v.AuthData) != nil {
		t.Errorf("%+v", v)
	}
	if code := g.Authenticate(7, &wire.Authenticate{ClientID: "c1", Username: "user", HasUsername: true}); code != wire.Next {
		t.Errorf("no method: %d", code)
	}
	if len(g.Logs) > 0 {
		t.Errorf("logged %q", g.Logs)
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, tt := range []struct{ config, content, log string }{
		{`{"users_file":"users","algorithm":"md5"}`, file, "want sha256 or sha512"},
		{`{"users_file":"users"}`, "user:pencil\n", "line 1"},
	} {
		g := open(t)
		if code := loadFile(g, tt.config, tt.content); code == 0 || !strings.Contains(strings.Join(g.Logs, "\n"), tt.log) {
			t.Errorf("load: %d, %q, want %q", code, g.Logs, tt.log)
		}
	}
	g := open(t)
	if code := loadFile(g, `{"users_file":"users"}`, "# nobody\n"); code != 0 || len(g.Logs) != 1 || !strings.Contains(g.Logs[0], "nobody can log in") {
		t.Errorf("without users: %d, %q", code, g.Logs)
	}
}
