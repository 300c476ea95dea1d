package report

import (
	"fmt"
	"slices"
)

// Comparison is what two brokers have done with the same loads.
type Comparison struct {
	Suite   string  `json:"suite"`
	Command string  `json:"command"`
	Commit  string  `json:"commit"`
	Date    string  `json:"date"`
	Machine Machine `json:"machine"`
	Rounds  int     `json:"rounds"`
	A       Side    `json:"a"`
	B       Side    `json:"b"`
	Rows    []Row   `json:"rows"`
}

// Side is one of the brokers.
type Side struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Row is one load: less is better in every unit.
type Row struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	A    Values `json:"a"`
	B    Values `json:"b"`
	// Ratio is the median of A divided by B in each round, and Low and High
	// the least and the greatest.
	Ratio float64 `json:"ratio"`
	Low   float64 `json:"ratio_low"`
	High  float64 `json:"ratio_high"`
}

// Values are the measurements of one side.
type Values struct {
	Rounds []float64 `json:"rounds"`
	Median float64   `json:"median"`
	// Rate is operations per second, OwnCPU what the load generator used for
	// one, both medians.
	Rate   float64 `json:"operations_per_second,omitempty"`
	OwnCPU float64 `json:"own_cpu_us_per_operation,omitempty"`
	P50    float64 `json:"p50_us,omitempty"`
	P999   float64 `json:"p99.9_us,omitempty"`
	CPU    float64 `json:"broker_cpu_us_per_operation,omitempty"`
	R2     float64 `json:"r2,omitempty"`
	Lost   uint64  `json:"lost,omitempty"`
	Note   string  `json:"note,omitempty"`
	// Readings are those of a density, Latency the distribution of the last
	// round.
	Readings []Reading `json:"readings,omitempty"`
	Latency  *Latency  `json:"latency_us,omitempty"`

	rates, own, p50, p999, cpu []float64
}

// AddCPU adds a round of which processor time is compared.
func (v *Values) AddCPU(r Run, resume bool) {
	v.Rounds = append(v.Rounds, r.BrokerCPU)
	v.add(r)
	if resume && r.Resumed*10 < r.Operations*9 {
		v.Note = fmt.Sprintf("resumed %.0f %%", 100*float64(r.Resumed)/float64(max(r.Operations, 1)))
	}
}

// AddLatency adds a round of which the latency is compared.
func (v *Values) AddLatency(r Run) {
	l := r.Latency
	if l == nil {
		l = &Latency{}
	}
	v.Rounds, v.Latency = append(v.Rounds, l.P99), l
	v.p50, v.p999, v.cpu = append(v.p50, l.P50), append(v.p999, l.P999), append(v.cpu, r.BrokerCPU)
	v.add(r)
}

func (v *Values) add(r Run) {
	v.rates, v.own = append(v.rates, r.Rate), append(v.own, r.OwnCPU)
	v.Lost += r.Lost
}

// AddDensity adds a round of which memory is compared.
func (v *Values) AddDensity(d Density) {
	v.Rounds = append(v.Rounds, d.RSSSlope)
	v.R2, v.Readings = d.R2, d.Readings
}

// Summarize computes medians and ratios from the rounds.
func (r *Row) Summarize() {
	for _, v := range []*Values{&r.A, &r.B} {
		v.Median = Median(v.Rounds)
		v.Rate, v.OwnCPU = Median(v.rates), Median(v.own)
		v.P50, v.P999, v.CPU = Median(v.p50), Median(v.p999), Median(v.cpu)
	}
	var ratios []float64
	for i := range min(len(r.A.Rounds), len(r.B.Rounds)) {
		if r.B.Rounds[i] > 0 {
			ratios = append(ratios, r.A.Rounds[i]/r.B.Rounds[i])
		}
	}
	if len(ratios) > 0 {
		r.Ratio, r.Low, r.High = Median(ratios), slices.Min(ratios), slices.Max(ratios)
	}
}

// String is the row as a line for people.
func (r Row) String() string {
	s := fmt.Sprintf("%-55s %9s %9s %-22s ×%.2f", r.Name, number(r.A.Median), number(r.B.Median), r.Unit, r.Ratio)
	if len(r.A.Rounds) > 1 {
		s += fmt.Sprintf(" (%.2f–%.2f)", r.Low, r.High)
	}
	if r.A.OwnCPU > 0 {
		s += fmt.Sprintf("  own %s, %s", number(r.A.OwnCPU), number(r.B.OwnCPU))
	}
	for _, note := range []string{r.A.Note, r.B.Note} {
		if note != "" {
			s += "  " + note
		}
	}
	return s
}

// number writes three digits, more where there are more before the point.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
