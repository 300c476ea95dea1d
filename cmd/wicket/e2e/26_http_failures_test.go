package e2e

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	operate "github.com/wicketmq/wicket/engine/control"
	"github.com/wicketmq/wicket/engine/mqtt"
)

// What a server may do wrong, row by row (spec 2.7), and what becomes of a
// CONNECT and of a PUBLISH then.

// replies are by name; the name comes as user name or as topic.
var replies = map[string]func(http.ResponseWriter, *http.Request){
	"204":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
	"allow":     jsonReply(`{"result":"allow"}`),
	"deny":      jsonReply(`{"result":"deny"}`),
	"past":      jsonReply(fmt.Sprintf(`{"result":"allow","expire_at":%d}`, time.Now().Unix()-1)),
	"millis":    jsonReply(fmt.Sprintf(`{"result":"allow","expire_at":%d}`, time.Now().UnixMilli()+100_000)),
	"fraction":  jsonReply(fmt.Sprintf(`{"result":"allow","expire_at":%d.5}`, time.Now().Unix()+100)),
	"text time": jsonReply(fmt.Sprintf(`{"result":"allow","expire_at":"%d"}`, time.Now().Unix()+100)),
	"bad rule":  jsonReply(`{"result":"allow","acl":[{"permission":"perhaps","action":"all","topic":"#"}]}`),
	"ignore":    jsonReply(`{"result":"ignore"}`),
	"missing":   jsonReply(`{}`),
	"unknown":   jsonReply(`{"result":"maybe"}`),
	"bad JSON":  jsonReply(`{"result":"allow"`),
	"empty":     jsonReply(``),
	"html": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `{"result":"allow"}`)
	},
	"302":    func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/204", http.StatusFound) },
	"401":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) },
	"503":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
	"reset":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	"silent": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
}

func jsonReply(body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}
}

// The outcomes of the table, in MQTT 5.0. Answers that carry a limit or a rule
// that cannot be read refuse a CONNECT; what is asked about a topic has neither.
var (
	allowing  = []string{"204", "allow"}
	malformed = []string{"past", "millis", "fraction", "text time", "bad rule"}
	ignored   = []string{"ignore", "missing", "unknown", "bad JSON", "empty", "html", "302", "401", "503", "reset", "silent"}
)

func TestHTTPFailures(t *testing.T) {
	t.Parallel()
	dir, m, s := backendFixture(t)
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reply := replies[r.URL.Query().Get("name")]
		if reply == nil {
			reply = replies["ignore"]
		}
		reply(w, r)
	})
	newMint(t, dir, "stranger")
	other := newAuthServer(t, m, m.leaf("silent", "localhost"))
	other.Config.Handler = http.HandlerFunc(replies["silent"])
	const name = `, authorization: { method: get, path: "/acl?name=${topic}" }`
	up := func(name, host, port, tls string, timeout time.Duration) string {
		return fmt.Sprintf("  %s: { url: \"https://%s:%s\", request_timeout: %s, breaker: { failures: 1000000 }, tls: { %s } }\n", name, host, port, timeout, tls)
	}
	const brief = 50 * time.Millisecond
	dead := up("refused", "localhost", "1", goodTLS, brief) + up("nowhere", "nobody.invalid", "1", goodTLS, brief) +
		up("untrusted", "localhost", s.port(), "cacertfile: stranger.pem", brief) + up("silent", "localhost", other.port(), goodTLS, brief)
	deaf := []string{"refused", "nowhere", "untrusted", "silent"}
	asks := func(plugin string) string {
		return pluginYAML(plugin, plugin, `method: get, path: "/auth?name=${username}"`+name)
	}
	var plugins string
	for _, d := range deaf {
		plugins += asks(d)
	}
	good := up("http", "localhost", s.port(), goodTLS, 600*time.Millisecond)
	start := func(file, yaml string) *process {
		p := launchIn(t, dir, "-c", write(t, filepath.Join(dir, file), yaml))
		p.wait("listening", patience)
		return p
	}
	deny := start("deny.yaml", strings.Replace(httpYAML(good, asks("http"), "http"), "data_dir: data\n", "data_dir: data\nauthz: { no_match: deny }\n", 1))
	allow := start("allow.yaml", strings.Replace(httpYAML(good+dead, asks("http")+plugins, strings.Join(deaf, ", ")+", http"),
		"data_dir: data\n", "data_dir: others\nauthz: { no_match: allow }\n", 1))
	first, last := deny.addr("tcp:default"), allow.addr("tcp:default")
	enters := func(addr, user string, want byte) *httpClient {
		t.Helper()
		c := come(t, addr, mqtt.V50, unique("c"), user, "x")
		if c.reason() != want {
			t.Errorf("%s: CONNACK %#x, want %#x", user, c.reason(), want)
		}
		return c
	}
	for _, user := range append(malformed, "deny") {
		enters(first, user, map[bool]byte{true: 0x87, false: 0x86}[user == "deny"])
	}
	for _, user := range ignored { // nothing is left in the chain
		enters(first, user, 0x87)
	}
	// Those who cannot answer are passed over, one after the other.
	in, out := enters(last, "204", 0), enters(first, "allow", 0)
	for _, c := range []struct {
		topics         []string
		nothing, whole byte // PUBACK when no_match is deny, and when it is allow
	}{
		{allowing, 0x10, 0x10}, {[]string{"deny"}, 0x87, 0x87}, {ignored, 0x87, 0x10},
	} {
		for _, topic := range c.topics {
			if code := out.publishes(topic); code != c.nothing {
				t.Errorf("topic %q, no_match deny: PUBACK %#x, want %#x", topic, code, c.nothing)
			}
			if code := in.publishes(topic); code != c.whole {
				t.Errorf("topic %q, no_match allow: PUBACK %#x, want %#x", topic, code, c.whole)
			}
		}
	}
	list, err := operate.Look[[]operate.Plugin](t.Context(), operate.NewClient(filepath.Join(dir, "others", "control.sock")), "/v1/plugins")
	if err != nil || len(list) != len(deaf)+1 {
		t.Fatal(list, err)
	}
	for _, p := range list[:len(deaf)] {
		if p.Next != p.Requests || p.Requests == 0 {
			t.Errorf("%s was asked %d times and has ignored %d", p.Name, p.Requests, p.Next)
		}
	}
}
