package engine_test

import (
	"context"
	"encoding/pem"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine"
	"github.com/wicketmq/wicket/engine/control"
)

// seen waits until the upstreams are as they should be.
func seen(t *testing.T, e *engine.Engine, ok func([]control.Upstream) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok(e.Upstreams()) {
		select {
		case <-ctx.Done():
			t.Fatalf("the upstreams are %+v", e.Upstreams())
		case <-tick.C:
		}
	}
}

// Upstreams come, change and go with reloads; one that cannot be used leaves
// everything as it is, and one that cannot be reached stops nothing but raises
// an alarm.
func TestUpstreams(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	s := newSite(t)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	s.write("ca.pem", ca)
	s.write("other.pem", ca)
	one := func(name, url, tls string) string {
		return "  " + name + ": { url: \"" + url + "\", tls: { " + tls + " } }\n"
	}
	const broker = `
loops: 1
listeners: { tcp: { default: { bind: "127.0.0.1:0" } } }
plugins: { none: { file: "builtin:none" } }
auth: { chain: [], anonymous: allow }
shutdown: { grace: 2s }
`
	good := broker + "upstreams:\n" + one("good", server.URL, "cacertfile: ca.pem")
	e := s.start(good + one("wrong", server.URL, "cacertfile: ca.pem, server_name_indication: elsewhere.example"))
	seen(t, e, func(u []control.Upstream) bool {
		return len(u) == 2 && u[0].State == "connected" && u[0].Protocol == "HTTP/1.1" && u[1].State == "disconnected" && strings.Contains(u[1].Error, "elsewhere.example")
	})
	alarmed := func() string {
		var of []string
		for _, a := range e.Status().Alarms {
			if a.Name == engine.AlarmUpstream {
				of = append(of, a.Object)
			}
		}
		return strings.Join(of, " ")
	}
	seen(t, e, func([]control.Upstream) bool { return alarmed() == "wrong" })
	err := e.Reload(s.load(good + one("bad", server.URL, "cacertfile: first") + one("worse", server.URL, "cacertfile: ca.pem, certfile: ca.pem, keyfile: ca.pem")))
	if err == nil || !strings.Contains(err.Error(), `"bad"`) || !strings.Contains(err.Error(), `"worse"`) {
		t.Errorf("two bad upstreams are reported as: %v", err)
	}
	if u := e.Upstreams(); len(u) != 2 {
		t.Errorf("after a reload that failed there are %+v", u)
	}
	if err := e.Reload(s.load(strings.Replace(good, "chain: []", "chain: [none]", 1) + one("new", server.URL, "cacertfile: ca.pem"))); err == nil {
		t.Error("a plugin that is not there is accepted")
	}
	if u := e.Upstreams(); len(u) != 2 {
		t.Errorf("after a reload that failed there are %+v", u)
	}
	if err := e.Reload(s.load(good + one("new", server.URL, "verify: verify_none"))); err != nil {
		t.Fatal(err)
	}
	seen(t, e, func(u []control.Upstream) bool {
		return len(u) == 2 && u[0].Name == "good" && u[1].Name == "new" && u[1].State == "connected" && alarmed() == ""
	})
}
