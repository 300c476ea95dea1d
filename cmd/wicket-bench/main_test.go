package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/cmd/wicket-bench/load"
	"github.com/wicketmq/wicket/cmd/wicket-bench/peer"
	"github.com/wicketmq/wicket/cmd/wicket-bench/report"
)

// programs is the directory with wicket and wicket-bench, built for the tests.
var programs string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "wicket-bench-test-")
	if err != nil {
		panic(err)
	}
	programs = dir
	build := exec.Command("go", "build", "-o", dir, "../wicket", ".")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "cannot build the programs:", err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// bench runs wicket-bench in a directory of its own.
func bench(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	c := exec.Command(filepath.Join(programs, "wicket-bench"), args...)
	c.Dir = t.TempDir()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err = c.Run(); err != nil {
		err = fmt.Errorf("wicket-bench %s: %w\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out.String(), err
}

// quick is what makes a run short.
var quick = []string{"-d", "300ms", "--warmup", "100ms", "--every", "100ms", "-o", "json"}

func runs(t *testing.T, args ...string) []report.Run {
	t.Helper()
	out, err := bench(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	var r []report.Run
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return r
}

// Each subcommand against a wicket that it starts.
func TestSubcommands(t *testing.T) {
	for _, line := range []string{
		"pair -c 3 -q 0",
		"pair -c 3 -q 1 -V 5.0 -r 500",
		"pair -c 2 -q 2 --transport tls",
		"pair -c 4 -q 1 --transport mtls --workers 2",
		"fanin -c 4 -S 2 -q 1",
		"fanout -c 1 -S 5 -q 2",
		"pub -c 2 -q 1",
		"pub -c 2 -q 0 -r 1000",
		"conn -c 20 --hold 200ms -t dev/%i --churn 50",
		"handshake --dialers 2 --x25519",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			for _, r := range runs(t, append(strings.Fields(line), quick...)...) {
				if r.Operations == 0 || r.Lost > 0 || r.Dropped > 0 {
					t.Errorf("%s: %d operations, %d lost, %d dropped", r.Name, r.Operations, r.Lost, r.Dropped)
				}
				if r.BrokerCPU <= 0 || r.OwnCPU <= 0 || r.RSS == 0 || r.Broker != "wicket" {
					t.Errorf("%s: readings are missing: %+v", r.Name, r)
				}
				if l := r.Latency; l != nil && (l.P50 <= 0 || l.P50 > l.P99 || l.P99 > l.P999 || l.P999 > l.Max*1.001) {
					t.Errorf("%s: latency %+v", r.Name, l)
				}
			}
		})
	}
}

func TestOpenLoopKeepsItsRate(t *testing.T) {
	// A stall of the machine is caught up after it, so the time is long enough for one.
	r := runs(t, append(append([]string{"pair", "-c", "5", "-r", "2000"}, quick...), "-d", "1s")...)[0]
	if r.Rate < 1500 || r.Rate > 2500 {
		t.Errorf("%.0f deliveries per second, want about 2000", r.Rate)
	}
	if r.Latency == nil || r.Latency.Count < 200 {
		t.Errorf("every message of an open loop has a time stamp, but there are %+v", r.Latency)
	}
}

func TestAuth(t *testing.T) {
	t.Parallel()
	r := runs(t, append(append([]string{"auth", "--dialers", "2"}, quick...), "-d", "1s")...)[0]
	if r.Operations == 0 || r.Dropped > 0 {
		t.Errorf("%d admitted, %d refused", r.Operations, r.Dropped)
	}
	args := append([]string{"auth", "--broker", filepath.Join(programs, "wicket") +
		" run --data {dir} --listen tcp://127.0.0.1:{plain} --log-level error"}, quick...)
	if _, err := bench(t, args...); err == nil || !strings.Contains(err.Error(), "cannot connect") {
		t.Errorf("a broker that refuses everybody: error %v", err)
	}
}

func TestDensity(t *testing.T) {
	t.Parallel()
	out, err := bench(t, "density", "--steps", "20,10", "--transports", "plain,mtls", "--settle", "10ms", "-o", "json", "--html", "d.html")
	if err != nil {
		t.Fatal(err)
	}
	var d []report.Density
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatal(err)
	}
	if len(d) != 2 || len(d[1].Readings) != 2 || d[1].Readings[1].Connections != 20 || d[1].Readings[1].Heap == 0 {
		t.Errorf("%+v", d)
	}
}

const twoPhases = `
phases:
  - {name: quiet, load: pair, publishers: 2, rate: 500, duration: 200ms, warmup: 50ms}
  - name: storm
    duration: 200ms
    warmup: 50ms
    mix:
      - {load: fanout, subscribers: 3, rate: 200}
      - {load: connect, transport: tls, dialers: 2}
`

func TestScenarioAndCompare(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "s.yaml")
	if err := os.WriteFile(file, []byte(twoPhases), 0o600); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range runs(t, "scenario", file, "-o", "json") {
		names = append(names, r.Name)
		if r.Operations == 0 {
			t.Errorf("%s has done nothing", r.Name)
		}
	}
	if want := []string{"quiet", "storm", "storm/fanout", "storm/connect"}; !slices.Equal(names, want) {
		t.Errorf("runs %q, want %q", names, want)
	}
	out, err := bench(t, "compare", "--b", "wicket", "--suite", file, "--only", "quiet", "--rounds", "2", "--pin=false",
		"-o", "json", "--json", "p.json", "--markdown", "p.md", "--html", "p.html")
	if err != nil {
		t.Fatal(err)
	}
	var c report.Comparison
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Rows) != 1 || len(c.Rows[0].A.Rounds) != 2 || c.Rows[0].Ratio <= 0 || c.A.Version == "" {
		t.Errorf("%+v", c)
	}
	if strings.Contains(out, programs) || strings.Contains(out, file) {
		t.Error("results name a path")
	}
}

func TestScenarioMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "no phases",
		"phases: [{load: pear}]":               `load "pear"`,
		"phases: [{load: pair, qoss: 1}]":      "qoss",
		"phases: [{load: pair, transport: x}]": `transport "x"`,
		"phases: [{load: pair, version: 3.1}]": `"3.1"`,
		"phases: [{mix: [{load: density}]}]":   "side by side",
		"phases: [{load: pair, duration: 5}]":  "Duration",
	} {
		if _, err := readScenario([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one about %q", text, err, want)
		}
	}
}

// Shares of workers add up, and numbers of clients do not meet.
func TestSplit(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*load.Spec)
		subs int
	}{
		{"pairs", func(s *load.Spec) { setPairs(s, 7) }, 7},
		{"fan-in", func(s *load.Spec) { setFanin(s, 10, 3) }, 3},
		{"fan-out", func(s *load.Spec) { setFanout(s, 2, 8) }, 8},
	} {
		s := load.Spec{Rate: 900}
		c.set(&s)
		var pubs, subs int
		var rate float64
		seen := map[string]bool{}
		for _, p := range split(s, 3) {
			pubs, subs, rate = pubs+p.Publishers, subs+p.Subscribers, rate+p.Rate
			for n := range p.Subscribers {
				id := fmt.Sprint(p.Run, " ", p.First+n)
				if seen[id] {
					t.Errorf("%s: subscriber %s twice", c.name, id)
				}
				seen[id] = true
			}
		}
		if pubs != s.Publishers || subs != c.subs || rate < 899 || rate > 901 {
			t.Errorf("%s: %d publishers, %d subscribers, rate %v", c.name, pubs, subs, rate)
		}
	}
}

func TestPeerSuiteIsWhole(t *testing.T) {
	names := map[string]bool{}
	for _, r := range peerSuite(1e9) {
		if err := r.phase.complete(); err != nil {
			t.Error(err)
		}
		if names[r.phase.Name] {
			t.Errorf("row %q twice", r.phase.Name)
		}
		names[r.phase.Name] = true
	}
	if len(names) < 30 {
		t.Errorf("%d rows", len(names))
	}
}

func TestMistakesOfTheCommandLine(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"pair --transport ws":           "transport",
		"pair -V 3.1":                   "3.1.1 nor 5.0",
		"pair -q 3":                     "QoS 3",
		"pair -o xml":                   "xml",
		"handshake --transport plain":   "--transport",
		"pair --broker no-such-program": "cannot start",
		"compare --only nothing-at-all": "no row",
		"scenario no-such-file":         "no-such-file",
	} {
		if _, err := bench(t, strings.Fields(line)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one about %q", line, err, want)
		}
	}
}

// A broker that runs already: one process publishes, another subscribes.
func TestSubscribersOfOthers(t *testing.T) {
	t.Parallel()
	b, err := peer.Start("wicket", filepath.Join(programs, "wicket"), peer.Options{CPU: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Stop()
	there := []string{"--addr", b.Plain, "--pid", strconv.Itoa(b.PID)}
	quiet := runs(t, slices.Concat([]string{"sub", "-c", "3", "-t", "other/%i"}, there, quick)...)[0]
	if quiet.Operations != 0 || quiet.Clients != 3 {
		t.Errorf("nobody publishes, but %d clients got %d messages", quiet.Clients, quiet.Operations)
	}
	published := make(chan []report.Run, 1)
	go func() {
		defer close(published)
		published <- runs(t, slices.Concat([]string{"pub", "-c", "3", "-r", "300", "-t", "other/%i", "-d", "2s", "-o", "json"}, there)...)
	}()
	heard := runs(t, slices.Concat([]string{"sub", "-c", "3", "-t", "other/%i"}, there, []string{"-d", "800ms", "--warmup", "1200ms", "-o", "json"})...)[0]
	if r := <-published; len(r) == 0 || r[0].Sent < 400 {
		t.Errorf("published: %+v", r)
	}
	// After a stall of the machine the publisher catches up, with no more than all it has: 3 s of them.
	if heard.Received < 100 || heard.Received > 900 {
		t.Errorf("%d messages of about 240", heard.Received)
	}
}

// Everybody comes and goes twice, and the broker is found empty after each.
func TestReconnect(t *testing.T) {
	out, err := bench(t, "reconnect", "-c", "50", "--storms", "2", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var s report.Storms
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatal(err)
	}
	if s.Clients != 50 || len(s.Readings) != 2 || s.Readings[1].Storm != 2 || s.Readings[1].Full == 0 || s.Readings[1].Empty == 0 {
		t.Errorf("%+v", s)
	}
}

// Silent sockets are counted as such: no client of the broker is behind them.
func TestDensityBare(t *testing.T) {
	out, err := bench(t, "density", "--bare", "--steps", "20,40", "--transports", "plain", "--settle", "200ms", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var d []report.Density
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatal(err)
	}
	if len(d) != 1 || len(d[0].Readings) != 2 || d[0].Readings[1].Connections != 40 || d[0].Readings[1].Pause == 0 {
		t.Errorf("%+v", d)
	}
}
