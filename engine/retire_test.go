package engine

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/config"
	"github.com/wicketmq/wicket/engine/mqtt"
)

// holder is a decider that answers Next when it is told to.
type holder struct{ asked chan func(auth.Verdict) }

func (*holder) Name() string                                            { return "holder" }
func (*holder) Hears(q auth.Question) bool                              { return q == auth.Authentication }
func (h *holder) Authenticate(_ *auth.Request, done func(auth.Verdict)) { h.asked <- done }
func (*holder) Authorize(*auth.Access, func(auth.Verdict))              {}

// A client whose question is half way through the chain when a reload comes
// is asked about at the rest of the old chain, which is still there.
func TestReloadInTheMiddleOfAChain(t *testing.T) {
	for name, contents := range map[string][]string{"replaced": {"# changed"}, "kept, then replaced": {"", "# changed"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reloadInTheMiddle(t, contents)
		})
	}
}

// reloadInTheMiddle reloads once for each content of the users file.
func reloadInTheMiddle(t *testing.T, contents []string) {
	users := filepath.Join(t.TempDir(), "users")
	load := func(content string) *config.Config {
		if err := os.WriteFile(users, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, _, err := config.Load(config.Sources{Base: config.Development, Overrides: []config.Override{
			{Key: "data_dir", Value: TestData}, {Key: "plugins.password.config.users_file", Value: users},
			{Key: "auth.anonymous", Value: "allow"}, {Key: "loops", Value: "1"},
			{Key: "listeners.tcp.default.bind", Value: "127.0.0.1:0"}, {Key: "listeners.tls.default.enable", Value: "false"},
		}})
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	e, err := Start(Options{Config: load(""), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Stop(context.Background()) }()
	h, last := &holder{make(chan func(auth.Verdict), 1)}, e.plugins["password"]
	gate, err := auth.NewGate(auth.Options{Chain: []auth.Decider{h, last}, Anonymous: auth.AnonymousAllow})
	if err != nil {
		t.Fatal(err)
	}
	e.gate.Store(gate)

	c, err := net.Dial("tcp", e.Listeners()[0].Bind)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	connect := mqtt.Connect{Version: mqtt.V311, CleanStart: true}
	if _, err := c.Write(connect.Append(nil, mqtt.V311)); err != nil {
		t.Fatal(err)
	}
	answer := <-h.asked
	for _, content := range contents {
		if err := e.Reload(load(content)); err != nil {
			t.Fatal(err)
		}
	}
	if e.plugins["password"] == last {
		t.Fatal("the plugin was not replaced")
	}
	for end := time.Now().Add(leftAlone * 5 / 4); time.Now().Before(end) && answers(last); {
	}
	answer(auth.Verdict{Decision: auth.Next})
	connack := make([]byte, 4)
	if _, err := io.ReadFull(c, connack); err != nil || connack[3] != 0 {
		t.Errorf("CONNACK % x and %v, want code 0", connack, err)
	}
	for end := time.Now().Add(5 * time.Second); answers(last); {
		if time.Now().After(end) {
			t.Fatal("the old plugin is still there")
		}
	}
}

// answers reports whether a plugin is at work.
func answers(p *plugin) bool {
	time.Sleep(20 * time.Millisecond)
	verdict := make(chan auth.Verdict, 1)
	p.Authenticate(&auth.Request{ClientID: "c"}, func(v auth.Verdict) { verdict <- v })
	return (<-verdict).Decision == auth.Next
}
