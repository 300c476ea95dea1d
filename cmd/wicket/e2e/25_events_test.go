package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// collector takes what the plugin audit sends.
type collector struct {
	mu    sync.Mutex
	lines []string
	fails int // requests to be refused first
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fails > 0 {
		c.fails--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	c.lines = slices.AppendSeq(c.lines, strings.Lines(string(body)))
	w.WriteHeader(http.StatusNoContent)
}

// event waits for an event that has all of these parts.
func (c *collector) event(t *testing.T, parts ...string) {
	t.Helper()
	has := func(line string) bool {
		return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(line, p) })
	}
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		c.mu.Lock()
		lines := slices.Clone(c.lines)
		c.mu.Unlock()
		if slices.ContainsFunc(lines, has) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("no event with %q in\n%s", parts, strings.Join(lines, ""))
		}
	}
}

// A broker tells an HTTP server what happens to its clients, keeps one out that
// comes too often, over a reload too, and shows what its plugins count.
func TestAuditAndRateLimit(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	events := &collector{fails: 1}
	server := httptest.NewServer(events)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	yaml := `
data_dir: data
listeners: { tcp: { default: { bind: 127.0.0.1:0 } } }
upstreams: { siem: { url: "` + server.URL + `" } }
plugins:
  calm:  { file: "builtin:ratelimit", config: { limits: [{ by: clientid, rate: 3/h }] } }
  trail:
    file: "builtin:audit"
    upstreams: [siem]
    events: [connected, disconnected, refused, subscribed, denied]
    config: { upstream: siem, path: /events, interval_ms: 100 }
auth: { chain: [calm], anonymous: allow }
authz: { no_match: allow, rules: ["deny subscribe secret/#"] }
`
	config := write(t, filepath.Join(dir, "wicket.yaml"), yaml)
	p := start(t, "-c", config)
	comes := func(id string) (*wire, byte) {
		w := dial(t, p.addr("tcp:default"), "")
		return w, w.enters(id, "", "")
	}
	w, code := comes("a")
	if code != 0 {
		t.Fatalf("code %d", code)
	}
	w.may("open/+", "secret/x")
	w.Close()
	for _, end := range [][]string{
		{`"event":"connected"`, `"client_id":"a"`, `"decider":"anonymous"`},
		{`"event":"subscribed"`}, {`"event":"denied"`, `"action":"subscribe"`, `{"topic":"secret/x"`},
		{`"event":"disconnected"`, `"client_id":"a"`},
	} {
		events.event(t, end...)
	}
	if _, code := comes("a"); code != 0 {
		t.Errorf("the second time: code %d", code)
	}

	// The plugin is replaced, and goes on counting.
	other := strings.Replace(yaml, "3/h }] }", "3/h }], when_full: deny }", 1)
	write(t, config, other)
	p.hangup("configuration reloaded")
	if _, code := comes("a"); code != 0 {
		t.Errorf("the third time: code %d", code)
	}
	if _, code := comes("a"); code == 0 {
		t.Error("let in the fourth time")
	}
	events.event(t, `"event":"refused"`, `"decider":"calm"`, `"reason":159`)
	if _, code := comes("b"); code != 0 {
		t.Errorf("another client: code %d", code)
	}

	// A plugin that is replaced sends what still waits.
	write(t, config, strings.Replace(other, "interval_ms: 100", "interval_ms: 3600000", 1))
	p.hangup("configuration reloaded")
	if _, code := comes("late"); code != 0 {
		t.Errorf("code %d", code)
	}
	write(t, config, other)
	p.hangup("configuration reloaded")
	events.event(t, `"event":"connected"`, `"client_id":"late"`)

	f := figures(t, dir)
	for name, want := range map[string]float64{
		`wicket_custom_ratelimit_refused_total{by="clientid",plugin="calm"}`: 1,
		`wicket_custom_audit_lost_total{plugin="trail",where="upstream"}`:    0,
		`wicket_plugin_events_dropped_total{plugin="trail"}`:                 0,
		`wicket_plugin_kv_keys{plugin="calm"}`:                               3,
		`wicket_plugin_decisions_total{decision="allow",plugin="trail"}`:     0,
		`wicket_plugin_faults_total{kind="deadline",plugin="trail"}`:         0,
		`wicket_plugin_kv_refused_total{plugin="calm"}`:                      0,
		`wicket_plugin_breaker_open{plugin="trail"}`:                         0,
		`wicket_custom_ratelimit_full_total{plugin="calm"}`:                  0,
		`wicket_custom_audit_lost_total{plugin="trail",where="buffer"}`:      0,
		`wicket_custom_audit_lost_total{plugin="trail",where="broker"}`:      0,
	} {
		if got := f[name]; got != want {
			t.Errorf("%s is %g, want %g", name, got, want)
		}
	}
	if f[`wicket_custom_audit_sent_total{plugin="trail"}`] < 6 {
		t.Errorf("%g events were sent", f[`wicket_custom_audit_sent_total{plugin="trail"}`])
	}
	if r := must(t, dir, binary, "plugin", "list", "-c", config); !strings.Contains(r.out, "trail") {
		t.Errorf("plugin list prints\n%s", r.out)
	}
}
