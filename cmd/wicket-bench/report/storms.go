package report

import (
	"fmt"
	"io"
)

// Storm is what a broker holds around one storm.
type Storm struct {
	Storm      int     `json:"storm"`
	Seconds    float64 `json:"seconds"` // until everybody was in
	Full       int64   `json:"rss_anon_full_bytes"`
	Empty      int64   `json:"rss_anon_empty_bytes"`
	Heap       int64   `json:"heap_empty_bytes,omitempty"`
	Goroutines int     `json:"goroutines_empty,omitempty"`
}

// Storms are reconnect storms of one broker.
type Storms struct {
	Broker    string  `json:"broker"`
	Transport string  `json:"transport"`
	Clients   int     `json:"clients"`
	Readings  []Storm `json:"readings"`

	// FullSlope and EmptySlope are bytes per storm, without the first storm,
	// which finds everything cold. Growth is the last reading with everybody
	// connected, divided by that of the first storm.
	FullSlope  float64 `json:"full_bytes_per_storm"`
	EmptySlope float64 `json:"empty_bytes_per_storm"`
	Growth     float64 `json:"growth"`
}

// Fit computes the slopes from the readings.
func (s *Storms) Fit() {
	var full, empty []point
	for _, r := range s.Readings[min(1, len(s.Readings)):] {
		full = append(full, point{float64(r.Storm), float64(r.Full)})
		empty = append(empty, point{float64(r.Storm), float64(r.Empty)})
	}
	if len(full) < 2 {
		return
	}
	s.FullSlope, s.EmptySlope = fit(full).slope, fit(empty).slope
	s.Growth = float64(s.Readings[len(s.Readings)-1].Full) / float64(s.Readings[0].Full)
}

// StormsTable writes the readings for people.
func StormsTable(w io.Writer, s Storms) error {
	fmt.Fprintf(w, "%s, %s, %d clients\n%6s %9s %14s %14s %14s %11s\n", s.Broker, s.Transport, s.Clients,
		"storm", "seconds", "RssAnon, full", "RssAnon, empty", "heap, empty", "goroutines")
	for _, r := range s.Readings {
		fmt.Fprintf(w, "%6d %9.2f %14d %14d %14d %11d\n", r.Storm, r.Seconds, r.Full, r.Empty, r.Heap, r.Goroutines)
	}
	_, err := fmt.Fprintf(w, "per storm: %+.0f bytes with everybody connected, %+.0f with nobody; last to first storm, full: %.3f\n",
		s.FullSlope, s.EmptySlope, s.Growth)
	return err
}
