package report

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// JSON writes a value as indented JSON.
func JSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// Table writes runs for people.
func Table(w io.Writer, runs []Run) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "load\tbroker\t/s\tbroker µs\town µs\tp50 µs\tp99 µs\tp99.9 µs\tmax µs\tRSS MB\tlost\t")
	for _, r := range runs {
		l := r.Latency
		if l == nil {
			l = r.Connect
		}
		if l == nil {
			l = &Latency{}
		}
		fmt.Fprintf(t, "%s\t%s\t%.0f\t%.2f\t%.2f\t%.0f\t%.0f\t%.0f\t%.0f\t%.1f\t%d\t\n", r.Name, r.Broker, r.Rate,
			r.BrokerCPU, r.OwnCPU, l.P50, l.P99, l.P999, l.Max, float64(r.RSS)/1e6, r.Lost)
	}
	return t.Flush()
}
