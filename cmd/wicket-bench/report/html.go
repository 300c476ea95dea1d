package report

import (
	_ "embed" // the page and its scripts
	"fmt"
	"html/template"
	"io"
)

// The page is one file: style and scripts are in it, and it loads nothing.
var (
	//go:embed page.html
	pageText string
	//go:embed page.css
	pageStyle string
	//go:embed page.js
	pageScript string
	//go:embed uplot/uPlot.iife.min.js
	chartScript string
	//go:embed uplot/uPlot.min.css
	chartStyle string
)

var page = template.Must(template.New("page").Parse(pageText))

// pageData is what the template is filled with.
type pageData struct {
	Title      string
	ChartStyle template.CSS
	Style      template.CSS
	ChartJS    template.JS
	JS         template.JS
	Facts      []fact
	Groups     []group
	Charts     []chart
}

type fact struct{ Name, Value string }

// group are the bars of one unit.
type group struct {
	Unit string
	A, B string
	Bars []bars
}

// bars are one row of a comparison. Widths are percent of the longer bar.
type bars struct {
	Name           string
	A, B           string
	WidthA, WidthB float64
	Ratio          string
	Note           string
}

// chart is drawn by the page's script: a line for each series.
type chart struct {
	Title  string   `json:"title"`
	X      string   `json:"x"`
	Y      string   `json:"y"`
	Log    bool     `json:"log,omitempty"` // x axis
	Series []series `json:"series"`
}

type series struct {
	Name string    `json:"name"`
	X    []float64 `json:"x"`
	Y    []float64 `json:"y"`
}

func writePage(w io.Writer, d pageData) error {
	d.ChartStyle, d.Style = template.CSS(chartStyle), template.CSS(pageStyle)
	d.ChartJS, d.JS = template.JS(chartScript), template.JS(pageScript)
	return page.Execute(w, d)
}

// RunsHTML writes runs as a single page with charts.
func RunsHTML(w io.Writer, runs []Run) error {
	d := pageData{Title: "wicket-bench", Facts: ThisMachine().facts()}
	for _, r := range runs {
		d.Facts = append(d.Facts, fact{r.Name + ", " + r.Broker, fmt.Sprintf(
			"%s/s, %s µs of the broker's CPU and %s µs of the load's per operation, %d lost",
			number(r.Rate), number(r.BrokerCPU), number(r.OwnCPU), r.Lost)})
	}
	d.Charts = runCharts(runs)
	return writePage(w, d)
}

func runCharts(runs []Run) []chart {
	cdf := chart{Title: "Latency", X: "µs", Y: "share at most", Log: true}
	rate := chart{Title: "Throughput", X: "seconds", Y: "operations per second"}
	memory := chart{Title: "Memory of the broker", X: "seconds", Y: "MB, anonymous"}
	for _, r := range runs {
		l := r.Latency
		if l == nil {
			l = r.Connect
		}
		if l != nil {
			cdf.Series = append(cdf.Series, l.series(r.Name))
		}
		speed, rss := series{Name: r.Name}, series{Name: r.Name}
		for _, s := range r.Series {
			speed.X, speed.Y = append(speed.X, s.Second), append(speed.Y, s.Rate)
			rss.X, rss.Y = append(rss.X, s.Second), append(rss.Y, float64(s.RSS)/1e6)
		}
		if len(r.Series) > 0 {
			rate.Series, memory.Series = append(rate.Series, speed), append(memory.Series, rss)
		}
	}
	return drawn(cdf, rate, memory)
}

// drawn leaves out charts without lines.
func drawn(charts ...chart) (out []chart) {
	for _, c := range charts {
		if len(c.Series) > 0 {
			out = append(out, c)
		}
	}
	return out
}

func (l *Latency) series(name string) series {
	s := series{Name: name}
	for _, p := range l.CDF {
		s.X, s.Y = append(s.X, max(p.Value, 1)), append(s.Y, p.Share)
	}
	return s
}

// DensityHTML writes readings of memory as a single page with charts.
func DensityHTML(w io.Writer, results []Density) error {
	d := pageData{Title: "Memory of idle connections", Facts: ThisMachine().facts()}
	c := chart{Title: "Memory of the broker", X: "connections", Y: "MB, anonymous"}
	for _, r := range results {
		d.Facts = append(d.Facts, fact{r.Broker + ", " + r.Transport, fmt.Sprintf("%.0f B per connection (r² %.4f)", r.RSSSlope, r.R2)})
		c.Series = append(c.Series, densitySeries(r.Broker+", "+r.Transport, r.Readings))
	}
	d.Charts = drawn(c)
	return writePage(w, d)
}

func densitySeries(name string, readings []Reading) series {
	s := series{Name: name}
	for _, r := range readings {
		s.X, s.Y = append(s.X, float64(r.Connections)), append(s.Y, float64(r.RSS)/1e6)
	}
	return s
}

// ComparisonHTML writes a comparison as a single page with charts.
func ComparisonHTML(w io.Writer, c Comparison) error {
	d := pageData{Title: c.A.Name + " and " + c.B.Name, Facts: c.facts()}
	for _, unit := range units(c.Rows) {
		d.Groups = append(d.Groups, newGroup(c, unit))
	}
	for _, r := range c.Rows {
		ch := chart{Title: r.Name, X: "connections", Y: "MB, anonymous"}
		for _, s := range []struct {
			name string
			v    Values
		}{{c.A.Name, r.A}, {c.B.Name, r.B}} {
			switch {
			case len(s.v.Readings) > 0:
				ch.Series = append(ch.Series, densitySeries(s.name, s.v.Readings))
			case s.v.Latency != nil:
				ch.X, ch.Y, ch.Log = "µs", "share at most", true
				ch.Series = append(ch.Series, s.v.Latency.series(s.name))
			}
		}
		d.Charts = append(d.Charts, drawn(ch)...)
	}
	return writePage(w, d)
}

func newGroup(c Comparison, unit string) group {
	g := group{Unit: unit, A: c.A.Name, B: c.B.Name}
	for _, r := range c.Rows {
		if r.Unit != unit {
			continue
		}
		longest := max(r.A.Median, r.B.Median, 1e-9)
		g.Bars = append(g.Bars, bars{
			Name: r.Name, A: number(r.A.Median), B: number(r.B.Median), Ratio: "×" + r.ratio(),
			WidthA: 100 * r.A.Median / longest, WidthB: 100 * r.B.Median / longest, Note: r.notes(c),
		})
	}
	return g
}

func (m Machine) facts() []fact {
	return []fact{{"machine", fmt.Sprintf("%s, %d cores, %s %s, %s", m.CPU, m.Cores, m.OS, m.Kernel, m.Arch)}}
}

func (c Comparison) facts() []fact {
	return append([]fact{{"command", c.Command}, {"date", c.Date}, {"commit", c.Commit},
		{c.A.Name, c.A.Version}, {c.B.Name, c.B.Version}}, c.Machine.facts()...)
}
