package metric

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/wicketmq/wicket/engine/alarm"
	"github.com/wicketmq/wicket/engine/control"
	"github.com/wicketmq/wicket/engine/signer"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// full has something of everything, and names with characters that the format
// has to escape.
func full() Snapshot {
	return Snapshot{
		Status: control.Status{
			Version: "1.2.3", Started: noon,
			Reload:  &control.Reload{At: noon.Add(time.Hour), Error: "no"},
			Clients: control.Clients{Connected: 3, Sessions: 5, Connects: 9, Refused: 1, TakenOver: 2, KeepAlive: 4, SlowConsumers: 6, Violations: 7, Panics: 8},
			Messages: control.Messages{PacketsReceived: 100, BytesReceived: 1 << 40, Received: 60, Sent: 70, Denied: 1, NoSubscribers: 2, Wills: 3, Forwarded: 4,
				Dropped: map[string]int64{"queue_full": 5, "expired": 0}, Retained: 6, RetainedBytes: 7, RetainedRefused: 8,
				Delayed: 9, DelayedBytes: 10, DelayedRefused: 11},
			Listeners: []control.Listener{
				{Name: "tcp:default", Transport: "tcp", Connections: 2, Connected: 1, Accepted: 4, Closed: 2, Shed: map[string]uint64{"max_connections": 3}},
				{Name: "tls:default", Transport: "tls", Connections: 7, Connected: 6, MaxConnections: 100, Accepted: 10, Closed: 3, Handshakes: 8,
					Refused: map[string]uint64{"unknown_ca": 2, "no_cert": 1}, Ejected: map[string]uint64{"revoked": 1}},
			},
			Alarms: []alarm.Alarm{{Name: "certificate_expiry", Object: "tls:default", Level: alarm.Notice}, {Name: "certificate_expiry", Object: "tls:b", Level: alarm.Notice}},
		},
		Certificates: []control.Certificate{
			{Listener: "tls:default", Expires: noon.Add(48 * time.Hour)},
			{Listener: "tls:default", Name: "tenant.example", Expires: noon.Add(24 * time.Hour)},
		},
		CRLs: []control.CRL{
			{Source: "http://crl.example/\"a\"\n", State: "current", Entries: 2, ThisUpdate: noon, NextUpdate: noon, Fetched: noon},
			{Source: "http://crl.example/b\xff", State: "missing"},
		},
		Staples: []control.Staple{{Listener: "tls:default", Name: "*.tenant.example", Stapled: true, NextUpdate: noon}},
		Plugins: []control.Plugin{{
			Name: "password", SHA256: "ab", Breaker: "open", Workers: 2, Up: 1, InFlight: 3, Queued: 2, Requests: 20, Allowed: 9, Denied: 8, Next: 1,
			Calls: 21, Seconds: 0.125, Failures: map[string]uint64{"timeout": 2}, Faults: map[string]uint64{"trap": 1}, Restarts: 1,
			Events: 5, EventsDropped: 2, Disconnects: 3, KVKeys: 4, KVBytes: 1000, KVRefused: 6,
		}},
		Custom: []Custom{
			{Plugin: "ratelimit", Name: "limited_total", Help: "Clients that came too often.", Labels: map[string]string{"by": "pe\"er"}, Value: 7},
			{Plugin: "audit", Name: "limited_total", Help: "Clients that came too often.", Value: 1},
			{Plugin: "audit", Name: "buffered", Help: "Events.", Gauge: true, Value: -2},
			{Plugin: "audit", Name: "batch_events", Help: "Events of a batch.", Histogram: &control.Histogram{Bounds: []float64{10}, Counts: []uint64{1, 2}, Sum: 99}},
		},
		Upstreams: []control.Upstream{{
			Name: "backend", State: "connected", Breaker: "half-open", Connections: 3, OnWire: 2, Queued: 7, Answered: 40,
			Failed:  map[string]uint64{"timeout": 2, "refused": 0},
			Latency: control.Histogram{Bounds: []float64{0.1, 1}, Counts: []uint64{30, 9, 3}, Sum: 12.5},
		}},
		Signer:   signer.Stats{Apart: 90, InPlace: 10, Overdue: 2, Starts: 1, Running: true, CPU: 1500 * time.Millisecond},
		FailOpen: 11, AlarmsTotal: 12,
	}
}

func scrape(t *testing.T, s Snapshot) string {
	t.Helper()
	w := httptest.NewRecorder()
	Handler(func() Snapshot { return s }).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%d\n%s", w.Code, w.Body)
	}
	return w.Body.String()
}

// ours keeps what does not come from the Go runtime and the system.
func ours(text string) string {
	return strings.Join(regexp.MustCompile(`(?m)^(# \S+ )?wicket_.*\n`).FindAllString(text, -1), "")
}

func TestExposition(t *testing.T) {
	const golden = "testdata/full.prom"
	got := ours(scrape(t, full()))
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("go test ./engine/metric -update writes\n%s", got)
	}
}

// Names, units and help are as Prometheus wants them.
func TestLint(t *testing.T) {
	problems, err := promlint.New(strings.NewReader(ours(scrape(t, full())))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// A broker that has nothing yet can be scraped, and the standard collectors
// are there.
func TestEmpty(t *testing.T) {
	text := scrape(t, Snapshot{})
	for _, name := range []string{"wicket_connections 0", "go_goroutines ", "go_gc_duration_seconds_count ", "process_open_fds "} {
		if !strings.Contains(text, "\n"+name) {
			t.Errorf("%q is not in\n%s", name, text)
		}
	}
}

// Two figures of one name and labels are a defect of ours; the others are shown
// all the same.
func TestOneBadFigureHidesNoOther(t *testing.T) {
	s := full()
	s.Staples = append(s.Staples, s.Staples[0])
	if text := scrape(t, s); !strings.Contains(text, "\nwicket_connections 3\n") {
		t.Errorf("the others are gone:\n%s", text)
	}
}

func BenchmarkScrape(b *testing.B) {
	s := full()
	h := Handler(func() Snapshot { return s })
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", nil))
	}
}

// docs/operate.md lists each figure, and none that there is not.
func TestPageKnowsEveryFigure(t *testing.T) {
	page, err := os.ReadFile("../../docs/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(wicket_[a-z_]+)` \\| (gauge|counter|histogram) ").FindAllStringSubmatch(string(page), -1) {
		listed[m[1]+" "+m[2]] = true
	}
	there := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+ \S+)$`).FindAllStringSubmatch(ours(scrape(t, full())), -1) {
		if strings.HasPrefix(m[1], "wicket_custom_") { // a plugin's own, which its page lists
			continue
		}
		there[m[1]] = true
		if !listed[m[1]] {
			t.Errorf("docs/operate.md does not list %s", m[1])
		}
	}
	for name := range listed {
		if !there[name] {
			t.Errorf("docs/operate.md lists %s, which there is not", name)
		}
	}
}
