package report

import (
	"fmt"
	"io"
)

// Reading is what a broker holds at one number of connections.
type Reading struct {
	Connections int   `json:"connections"`
	RSS         int64 `json:"rss_anon_bytes"`
	Heap        int64 `json:"heap_bytes,omitempty"`
	Goroutines  int   `json:"goroutines,omitempty"`

	IdleCPU float64 `json:"idle_cpu_ms_per_second"` // while nobody said anything
	Pause   float64 `json:"gc_pause_us,omitempty"`  // all loops stopped, in the collection before the reading
}

// Density is what idle connections cost on one transport.
type Density struct {
	Broker    string    `json:"broker"`
	Transport string    `json:"transport"`
	Readings  []Reading `json:"readings"`
	RSSSlope  float64   `json:"rss_bytes_per_connection"`
	HeapSlope float64   `json:"heap_bytes_per_connection,omitempty"`
	R2        float64   `json:"r2"`
}

// Fit computes the slopes from the readings.
func (d *Density) Fit() {
	rss, heap := make([]point, 0, len(d.Readings)), make([]point, 0, len(d.Readings))
	for _, r := range d.Readings {
		rss = append(rss, point{float64(r.Connections), float64(r.RSS)})
		heap = append(heap, point{float64(r.Connections), float64(r.Heap)})
	}
	l := fit(rss)
	d.RSSSlope, d.R2, d.HeapSlope = l.slope, l.r2, fit(heap).slope
}

// DensityTable writes the readings of one transport for people.
func DensityTable(w io.Writer, d Density) error {
	fmt.Fprintf(w, "%s, %s\n%12s %14s %14s %11s %16s %12s\n", d.Broker, d.Transport,
		"connections", "RssAnon", "heap", "goroutines", "idle CPU, ms/s", "GC pause, µs")
	for _, x := range d.Readings {
		fmt.Fprintf(w, "%12d %14d %14d %11d %16.2f %12.0f\n", x.Connections, x.RSS, x.Heap, x.Goroutines, x.IdleCPU, x.Pause)
	}
	_, err := fmt.Fprintf(w, "per connection: %.0f bytes resident (r² %.4f), %.0f bytes of heap\n\n", d.RSSSlope, d.R2, d.HeapSlope)
	return err
}
