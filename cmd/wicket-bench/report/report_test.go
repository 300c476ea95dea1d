package report

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	name = "testdata/" + name
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update writes it anew); got:\n%s", name, got)
	}
}

func exampleRun() Run {
	return Run{
		Name: "pair", Broker: "wicket", Clients: 100, Seconds: 2, Sent: 2010, Received: 2000, Lost: 10, Operations: 2000,
		Rate: 1000, BrokerCPU: 1.25, OwnCPU: 0.5, RSS: 7_000_000,
		Latency: &Latency{Count: 2000, P50: 40, P90: 60, P99: 90, P999: 120.5, Max: 300, CDF: []Point{{40, 0.5}, {300, 1}}},
		Series:  []Sample{{Second: 1, Rate: 900, RSS: 6_900_000, CPU: 0.4}, {Second: 2, Rate: 1100, RSS: 7_000_000, CPU: 0.5}},
	}
}

func exampleComparison() Comparison {
	c := Comparison{
		Suite: "peer", Command: "wicket-bench compare --suite peer", Commit: "0123456789ab", Date: "2026-11-01", Rounds: 3,
		Machine: Machine{CPU: "Some Processor", Cores: 2, OS: "linux", Kernel: "6.1.0", Arch: "amd64", Go: "go1.26"},
		A:       Side{"wicket", "1.0"}, B: Side{"mosquitto", "2.0.11"},
	}
	memory := Row{Name: "idle connection", Unit: "B per connection"}
	memory.A.AddDensity(Density{RSSSlope: 1200, R2: 1, Readings: []Reading{{Connections: 1, RSS: 100}, {Connections: 2, RSS: 1300}}})
	memory.B.AddDensity(Density{RSSSlope: 1800, R2: 1, Readings: []Reading{{Connections: 1, RSS: 100}, {Connections: 2, RSS: 1900}}})
	cpu := Row{Name: "resumed", Unit: "µs CPU per connection"}
	for i, us := range []float64{30, 10, 20} {
		cpu.A.AddCPU(Run{BrokerCPU: us, Rate: 100 * us, OwnCPU: us / 10, Operations: 100, Resumed: 0}, true)
		cpu.B.AddCPU(Run{BrokerCPU: 20, Rate: 50, OwnCPU: 9, Operations: 100, Resumed: 100, Lost: uint64(i)}, true)
	}
	late := Row{Name: "4,000/s", Unit: "µs latency, p99"}
	late.A.AddLatency(exampleRun())
	late.B.AddLatency(Run{})
	for _, r := range []*Row{&memory, &cpu, &late} {
		r.Summarize()
		c.Rows = append(c.Rows, *r)
	}
	return c
}

func exampleDensity() Density {
	d := Density{Broker: "wicket", Transport: "tls", Readings: []Reading{
		{Connections: 1000, RSS: 6_000_000, Heap: 4_000_000, Goroutines: 13, IdleCPU: 7.5, Pause: 120},
		{Connections: 2000, RSS: 11_000_000, Heap: 8_000_000, Goroutines: 13, IdleCPU: 7.25, Pause: 95},
	}}
	d.Fit()
	return d
}

// The first storm finds everything cold, so the slopes begin at the second.
func exampleStorms() Storms {
	s := Storms{Broker: "wicket", Transport: "plain", Clients: 5000, Readings: []Storm{
		{Storm: 1, Seconds: 0.5, Full: 8_000_000, Empty: 3_000_000, Heap: 1_000_000, Goroutines: 13},
		{Storm: 2, Seconds: 0.25, Full: 9_000_000, Empty: 4_000_000, Heap: 1_000_000, Goroutines: 13},
		{Storm: 12, Seconds: 0.25, Full: 9_010_000, Empty: 4_000_000, Heap: 1_000_000, Goroutines: 13},
	}}
	s.Fit()
	return s
}

func TestGoldenReports(t *testing.T) {
	for _, c := range []struct {
		file  string
		write func(*bytes.Buffer) error
	}{
		{"run.json", func(b *bytes.Buffer) error { return JSON(b, []Run{exampleRun()}) }},
		{"run.txt", func(b *bytes.Buffer) error { return Table(b, []Run{exampleRun(), {Name: "empty"}}) }},
		{"comparison.json", func(b *bytes.Buffer) error { return JSON(b, exampleComparison()) }},
		{"density.txt", func(b *bytes.Buffer) error { return DensityTable(b, exampleDensity()) }},
		{"storms.txt", func(b *bytes.Buffer) error { return StormsTable(b, exampleStorms()) }},
		{"comparison.md", func(b *bytes.Buffer) error { return Markdown(b, exampleComparison()) }},
	} {
		var b bytes.Buffer
		if err := c.write(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, c.file, b.Bytes())
	}
}

// Ratios are paired: the median of the rounds' ratios, which need not be the
// ratio of the medians.
func TestRatiosArePaired(t *testing.T) {
	r := Row{A: Values{Rounds: []float64{1, 10, 100}}, B: Values{Rounds: []float64{2, 40, 100}}}
	r.Summarize()
	if r.A.Median != 10 || r.B.Median != 40 || r.Ratio != 0.5 || r.Low != 0.25 || r.High != 1 {
		t.Errorf("%+v", r)
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := Median(c.in); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.in, got, c.want)
		}
	}
}

// The page is whole: nothing in it is fetched from elsewhere, and names that
// look like markup stay text.
func TestPageLoadsNothing(t *testing.T) {
	hostile := exampleRun()
	hostile.Name = `</script><script>alert(1)</script>`
	var runs, comparison, density bytes.Buffer
	for _, err := range []error{RunsHTML(&runs, []Run{hostile}), ComparisonHTML(&comparison, exampleComparison()),
		DensityHTML(&density, []Density{{Broker: "b", Transport: "tls", Readings: []Reading{{Connections: 1, RSS: 2, Heap: 3}}}})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	fetched := regexp.MustCompile(`(?i)(src|href)\s*=\s*["']?(https?:)?//|@import|url\(`)
	for name, page := range map[string]string{"runs": runs.String(), "comparison": comparison.String(), "density": density.String()} {
		if m := fetched.FindString(page); m != "" {
			t.Errorf("%s: the page fetches something: %q", name, m)
		}
		if !strings.Contains(page, "uPlot") || !strings.Contains(page, `"series":`) {
			t.Errorf("%s: there are no charts in the page", name)
		}
	}
	if strings.Contains(runs.String(), "<script>alert(1)") {
		t.Error("a name is taken for markup")
	}
}

func TestLatencyOfAHistogram(t *testing.T) {
	h := hdrhistogram.New(1, 1e9, 3)
	if NewLatency(h) != nil || NewLatency(nil) != nil {
		t.Error("an empty histogram has a latency")
	}
	for us := int64(1); us <= 1000; us++ {
		_ = h.RecordValue(us * 1000)
	}
	l := NewLatency(h)
	for _, c := range []struct{ got, want float64 }{{l.P50, 500}, {l.P99, 990}, {l.P999, 999}, {l.Max, 1000}} {
		if c.got < c.want*0.998 || c.got > c.want*1.002 {
			t.Errorf("%v µs, want %v", c.got, c.want)
		}
	}
}

func TestMachineHasNoNames(t *testing.T) {
	if got := kernelVersion("6.1.0-18-cloud-amd64.some.host\n"); got != "6.1.0" {
		t.Errorf("kernel %q", got)
	}
	if got := kernelVersion("6.12.3+"); got != "6.12.3" {
		t.Errorf("kernel %q", got)
	}
	if got := cpuModel([]byte("processor\t: 0\nmodel name\t: A  Processor @ 2 GHz\n")); got != "A Processor @ 2 GHz" {
		t.Errorf("processor %q", got)
	}
}
