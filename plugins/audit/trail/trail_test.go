//go:build !wasip1

package trail

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	wicket "github.com/wicketmq/wicket/sdk/go"
)

func info(config string) *wicket.LoadInfo {
	l := new(wicket.LoadInfo)
	l.Plugin, l.Config, l.Features, l.Upstreams = "audit", config, wicket.FeatureEvents|wicket.FeatureHTTP, []string{"siem"}
	return l
}

// server is the upstream: it takes what it is sent, or not.
type server struct {
	bodies []string
	status uint32
	err    error
}

func (s *server) host() wicket.Host {
	return wicket.Upstreams{"siem": func(r *wicket.HTTPRequest) (*wicket.HTTPResponse, error) {
		s.bodies = append(s.bodies, string(r.Body))
		return &wicket.HTTPResponse{Status: s.status}, s.err
	}}
}

func start(t *testing.T, config string) (*Trail, *server, func(id string)) {
	t.Helper()
	wicket.TestReset()
	trail, err := New(info(config))
	if err != nil {
		t.Fatal(err)
	}
	wicket.OnEvent(trail.Note)
	if _, err := wicket.Every(trail.Interval, trail.Flush); err != nil {
		t.Fatal(err)
	}
	s := &server{status: 204}
	return trail, s, func(id string) {
		wicket.TestEvent(s.host(), &wicket.Event{Kind: wicket.Connected, TimeMS: 1, ClientID: id})
	}
}

func line(id string) string { return `{"time_ms":1,"event":"connected","client_id":"` + id + `"}` }

func TestBatches(t *testing.T) {
	_, s, event := start(t, `{"upstream":"siem","batch":2}`)
	event("a")
	wicket.TestAdvance(s.host(), 999)
	if len(s.bodies) != 0 {
		t.Fatalf("early: %q", s.bodies)
	}
	wicket.TestAdvance(s.host(), 1)
	event("b")
	event("c") // a whole batch does not wait
	wicket.TestAdvance(s.host(), 5000)
	if want := []string{line("a") + "\n", line("b") + "\n" + line("c") + "\n"}; strings.Join(s.bodies, "|") != strings.Join(want, "|") {
		t.Errorf("%q", s.bodies)
	}
	if wicket.TestMetric("audit_sent_total") != 3 || wicket.TestMetric("audit_waiting") != 0 {
		t.Error("the figures are wrong")
	}
}

func TestArray(t *testing.T) {
	trail, s, event := start(t, `{"upstream":"siem","format":"array","path":"/in","headers":{"X-Key":"k"}}`)
	event("a")
	event("b")
	wicket.TestAdvance(s.host(), 1000)
	if len(s.bodies) != 1 || s.bodies[0] != "["+line("a")+","+line("b")+"]" {
		t.Errorf("%q", s.bodies)
	}
	r := trail.request
	if r.Method != "POST" || r.Path != "/in" || len(r.Headers) != 2 || r.Headers[0].Value != "application/json" || r.Headers[1].Value != "k" {
		t.Errorf("%+v", r)
	}
}

// TestFailure: a batch is tried twice, and then counted; what comes after it
// goes on.
func TestFailure(t *testing.T) {
	for name, fail := range map[string]server{"status": {status: 503}, "error": {err: errors.New("no")}} {
		t.Run(name, func(t *testing.T) {
			_, s, event := start(t, `{"upstream":"siem","batch":2}`)
			s.status, s.err = fail.status, fail.err
			for _, id := range []string{"a", "b", "c", "d", "e"} {
				event(id)
			}
			if len(s.bodies) != 1 {
				t.Fatalf("%d attempts at once", len(s.bodies))
			}
			wicket.TestAdvance(s.host(), 1000)
			if len(s.bodies) != 2 || s.bodies[0] != s.bodies[1] || wicket.TestMetric("audit_lost_total", "where", "upstream") != 2 {
				t.Fatalf("%q", s.bodies)
			}
			s.status, s.err = 200, nil
			wicket.TestAdvance(s.host(), 1000)
			if wicket.TestMetric("audit_sent_total") != 3 || wicket.TestMetric("audit_waiting") != 0 {
				t.Errorf("%q", s.bodies)
			}
		})
	}
}

func TestBounds(t *testing.T) {
	trail, s, event := start(t, `{"upstream":"siem","batch":1,"buffer":3}`)
	s.status = 500
	for range 10 {
		event("a")
	}
	if wicket.TestMetric("audit_lost_total", "where", "buffer") != 7 || len(trail.waiting) != 3 {
		t.Error(len(trail.waiting))
	}
	trail, s, event = start(t, `{"upstream":"siem","batch":10000,"buffer":100000}`)
	long := strings.Repeat("x", 60000)
	for range 200 {
		event(long)
	}
	if trail.bytes > maxWaiting || wicket.TestMetric("audit_lost_total", "where", "buffer") == 0 {
		t.Error(trail.bytes)
	}
	wicket.TestAdvance(s.host(), 1000)
	for _, b := range s.bodies {
		if len(b) > maxBody {
			t.Errorf("a body of %d bytes", len(b))
		}
	}
	if trail.bytes != 0 || len(trail.waiting) != 0 {
		t.Error("something is left")
	}
}

// TestEvent: every field is there, as JSON, and nothing that is not asked for.
func TestEvent(t *testing.T) {
	e := &wicket.Event{
		Kind: wicket.Denied, TimeMS: 1767225600123, ClientID: "a\"\n", Username: "u", Listener: "l", Peer: "p", Decider: "d", Action: wicket.Subscribe,
		Topics: []wicket.Topic{{Topic: "x/#", QoS: 1, Share: "g"}, {Topic: "y", Retain: true}}, Dropped: 7,
		Attributes: []wicket.Property{{Key: "k", Value: "v"}, {Key: "l"}},
	}
	for attributes, want := range map[bool]string{
		false: `{"time_ms":1767225600123,"event":"denied","client_id":"a\"\u000a","username":"u","listener":"l","peer":"p","decider":"d","action":"subscribe","topics":[{"topic":"x/#","qos":1,"share":"g"},{"topic":"y","qos":0,"retain":true}],"lost_before":7}`,
		true:  `{"time_ms":1767225600123,"event":"denied","client_id":"a\"\u000a","username":"u","listener":"l","peer":"p","decider":"d","action":"subscribe","topics":[{"topic":"x/#","qos":1,"share":"g"},{"topic":"y","qos":0,"retain":true}],"attributes":{"k":"v","l":""},"lost_before":7}`,
	} {
		if got := string((&Trail{attributes: attributes}).encode(e)); got != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	}
	gone := string((&Trail{}).encode(&wicket.Event{Kind: wicket.Disconnected, TimeMS: 1, ReasonText: "kicked"}))
	if gone != `{"time_ms":1,"event":"disconnected","reason":0,"reason_text":"kicked"}` {
		t.Error(gone)
	}
	many := &wicket.Event{Kind: wicket.Subscribed, Topics: make([]wicket.Topic, 100_000)}
	var read struct {
		Topics []any `json:"topics"`
		More   int   `json:"more_topics"`
	}
	if b := (&Trail{}).encode(many); len(b) > maxEvent+70_000 || json.Unmarshal(b, &read) != nil || len(read.Topics)+read.More != 100_000 {
		t.Errorf("%d bytes, %d topics and %d more", len(b), len(read.Topics), read.More)
	}
}

func TestRefused(t *testing.T) {
	for config, want := range map[string]string{
		`{}`:                                       "upstream: want the name",
		`{"upstream":"other"}`:                     "plugins.audit.upstreams: [other]",
		`{"upstream":"siem","format":"xml"}`:       "format: want lines or array",
		`{"upstream":"siem","batch":0}`:            "batch: want a number from 1",
		`{"upstream":"siem","interval_ms":1}`:      "interval_ms: want a number from 100",
		`{"upstream":"siem","batch":9,"buffer":8}`: "buffer: want no less than batch",
		`{"upstream":"siem","bach":9}`:             "bach: no such key",
	} {
		if _, err := New(info(config)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", config, err, want)
		}
	}
	l := info(`{"upstream":"siem"}`)
	l.Features = wicket.FeatureHTTP
	if _, err := New(l); err == nil || !strings.Contains(err.Error(), "plugins.audit.events") {
		t.Error(err)
	}
}
