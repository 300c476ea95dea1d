package main

import (
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/password"
	"github.com/wicketmq/wicket/plugins"
	"github.com/wicketmq/wicket/plugins/builtintest"
	"github.com/wicketmq/wicket/sdk/go/wire"
	"github.com/wicketmq/wicket/sdk/tck/harness"
)

const file = `# Both have the password "correct horse".
alice:$7$101$H+C5K34+8ylzLbgN$Ywq/4sxW0JCbSsHNLIWDpwHGIT45HwBc+SOg7jNNNzHp/zr/SjtYJrjlegKMaQo/WS4YWP0tgEV/gWvdvfcvQw==
  superuser
bob:$argon2id$v=19$m=4096,t=2,p=2$c29tZXNhbHQxMjM0$uDG7ZtIgYNv8EfB5XpzgVuThKWaN31mXCx7mpP4Bnb4
  allow publish devices/${clientid}/#
`

func open(tb testing.TB) *harness.Guest {
	module, _ := plugins.Builtin("password")
	return harness.Open(tb, module)
}

func loadFile(g *harness.Guest, content string) int32 {
	return g.Load(&wire.Load{
		Plugin: "password", Config: `{"users_file":"users"}`,
		Files: []wire.File{{Key: "users_file", Path: "etc/users", Content: []byte(content)}},
	})
}

// connect runs a CONNECT through the module and the broker's own verifier.
func connect(t *testing.T, g *harness.Guest, req int64, user, pass string) harness.Answer {
	t.Helper()
	code := g.Authenticate(req, &wire.Authenticate{ClientID: "c1", Username: user, HasUsername: true, Password: []byte(pass), HasPassword: true})
	if code != wire.Pending {
		t.Fatalf("returned %d", code)
	}
	call := g.Calls[len(g.Calls)-1]
	status := wire.Mismatch
	if ok, err := password.Verify(call.Hash, call.Password); err != nil {
		status = wire.Malformed
	} else if ok {
		status = wire.OK
	}
	g.Complete(call.ID, status, "")
	a, ok := g.Answers[req]
	if !ok {
		t.Fatal("not resolved")
	}
	return a
}

func TestLogin(t *testing.T) {
	g := open(t)
	if code := loadFile(g, file); code != 0 {
		t.Fatalf("load: %d, %q", code, g.Logs)
	}
	if a := connect(t, g, 1, "alice", "correct horse"); a.Code != wire.Allow || !a.Superuser {
		t.Errorf("alice: %+v", a)
	}
	if a := connect(t, g, 2, "bob", "correct horse"); a.Code != wire.Allow || a.Superuser || a.Default != wire.Deny ||
		len(a.Rules) != 1 || a.Rules[0] != (wire.Rule{Permit: true, Actions: wire.Publish, Filter: "devices/${clientid}/#"}) {
		t.Errorf("bob: %+v", a)
	}
	if a := connect(t, g, 3, "bob", "wrong"); a.Code != wire.Deny || a.Reason != 0x87 {
		t.Errorf("wrong password: %+v", a)
	}
	if a := connect(t, g, 4, "mallory", "correct horse"); a.Code != wire.Deny || a.Reason != 0x87 {
		t.Errorf("unknown user: %+v", a)
	}
	if code := g.Authenticate(5, &wire.Authenticate{ClientID: "c1"}); code != wire.Next {
		t.Errorf("anonymous: %d", code)
	}
	if len(g.Logs) != 0 {
		t.Errorf("logged %q", g.Logs)
	}
}

// The cases of cases.yaml, with the module as the broker runs it (ADB-01).
func TestCases(t *testing.T) { builtintest.Run(t, "password", "1.0", "cases.yaml") }

func TestLoadRefuses(t *testing.T) {
	for content, log := range map[string]string{
		file + "alice:x\n": `3 cannot read users file "etc/users": line 6: user "alice" is already on line 2`,
		"\x00":             `3 cannot read users file "etc/users": line 1: the text contains a control character`,
	} {
		g := open(t)
		if code := loadFile(g, content); code == 0 || strings.Join(g.Logs, "\n") != log {
			t.Errorf("load: %d, %q, want %q", code, g.Logs, log)
		}
	}
	g := open(t)
	if code := g.Load(&wire.Load{Plugin: "password"}); code == 0 || len(g.Logs) != 1 {
		t.Errorf("without users_file: %d, %q", code, g.Logs)
	}
	g = open(t)
	if code := loadFile(g, "# nobody\n"); code != 0 || len(g.Logs) != 1 || !strings.Contains(g.Logs[0], "has no users") {
		t.Errorf("without users: %d, %q", code, g.Logs)
	}
}
