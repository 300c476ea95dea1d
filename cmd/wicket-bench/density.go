package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

// density measures the memory of idle connections.
type density struct {
	program    string
	steps      []int
	transports []string
	settle     time.Duration
	output     string
	out        io.Writer
}

// reading is what the broker holds at one number of connections.
type reading struct {
	Connections int   `json:"connections"`
	RSS         int64 `json:"rss_anon_bytes"`
	Heap        int64 `json:"heap_bytes"`
	Goroutines  int   `json:"goroutines"`
}

// densityResult is the outcome for one transport.
type densityResult struct {
	Transport string    `json:"transport"`
	Readings  []reading `json:"readings"`
	RSSSlope  float64   `json:"rss_bytes_per_connection"`
	HeapSlope float64   `json:"heap_bytes_per_connection"`
	R2        float64   `json:"r2"`
}

func densityCommand() *cobra.Command {
	d := density{}
	c := &cobra.Command{
		Use:   "density",
		Short: "Bytes per idle connection, as a fitted slope",
		Long: `Start the broker, open idle connections step by step, each with a session and
one subscription (and, for mtls, a certificate of its own), and read the
broker's anonymous memory (RssAnon) after a garbage collection at every step.
The slope of the line through the readings is what one more connection costs.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { d.out = c.OutOrStdout(); return d.run() },
	}
	f := c.Flags()
	f.StringVar(&d.program, "wicket", besideMe("wicket"), "the broker's `program`")
	f.IntSliceVar(&d.steps, "steps", []int{2000, 5000, 10000, 15000, 19000}, "numbers of connections")
	f.StringSliceVar(&d.transports, "transports", []string{string(plain), string(oneWay), string(mutual)}, "plain, tls, mtls")
	f.DurationVar(&d.settle, "settle", 2*time.Second, "quiet time before a reading")
	f.StringVarP(&d.output, "output", "o", "table", "table or json")
	return c
}

// besideMe is the path of another program in the same directory.
func besideMe(name string) string {
	me, err := os.Executable()
	if err != nil {
		return name
	}
	return filepath.Join(filepath.Dir(me), name)
}

func (d *density) run() error {
	slices.Sort(d.steps)
	var results []densityResult
	for _, t := range d.transports {
		r, err := d.measure(transport(t))
		if err != nil {
			return fmt.Errorf("cannot measure %s: %w", t, err)
		}
		results = append(results, r)
		if d.output == "table" {
			d.print(r)
		}
	}
	if d.output == "json" {
		return json.NewEncoder(d.out).Encode(results)
	}
	return nil
}

func (d *density) measure(t transport) (densityResult, error) {
	result := densityResult{Transport: string(t)}
	var extra []string
	if t == mutual {
		extra = []string{"--set", "listeners.tls.default.tls.verify=verify_peer",
			"--set", "listeners.tls.default.tls.fail_if_no_peer_cert=true"}
	}
	w, addrs, err := startWicket(d.program, extra...)
	if err != nil {
		return result, err
	}
	defer w.stop()
	dial, err := newDialer(w, addrs, t)
	if err != nil {
		return result, err
	}
	var conns []net.Conn
	defer func() { closeAll(conns) }()
	for _, step := range d.steps {
		if conns, err = dial.openTo(conns, step); err != nil {
			return result, err
		}
		time.Sleep(d.settle)
		r, err := w.reading(step)
		if err != nil {
			return result, err
		}
		result.Readings = append(result.Readings, r)
	}
	result.fit()
	return result, nil
}

func closeAll(conns []net.Conn) {
	for _, c := range conns {
		if c != nil {
			c.Close()
		}
	}
}

// reading collects garbage in the broker and reads its memory.
func (w *wicket) reading(want int) (reading, error) {
	s, err := w.snapshot()
	if err != nil {
		return reading{}, err
	}
	if s.Connections != want {
		return reading{}, fmt.Errorf("the broker has %d connections, not %d", s.Connections, want)
	}
	rss, err := anonymous(w.cmd.Process.Pid)
	return reading{want, rss, s.Heap, s.Goroutines}, err
}

func (r *densityResult) fit() {
	rss, heap := make([]point, 0, len(r.Readings)), make([]point, 0, len(r.Readings))
	for _, x := range r.Readings {
		rss = append(rss, point{float64(x.Connections), float64(x.RSS)})
		heap = append(heap, point{float64(x.Connections), float64(x.Heap)})
	}
	l := fit(rss)
	r.RSSSlope, r.R2, r.HeapSlope = l.slope, l.r2, fit(heap).slope
}

func (d *density) print(r densityResult) {
	fmt.Fprintf(d.out, "%s\n%12s %14s %14s %11s\n", r.Transport, "connections", "RssAnon", "heap", "goroutines")
	for _, x := range r.Readings {
		fmt.Fprintf(d.out, "%12d %14d %14d %11d\n", x.Connections, x.RSS, x.Heap, x.Goroutines)
	}
	fmt.Fprintf(d.out, "per connection: %.0f bytes resident (r² %.4f), %.0f bytes of heap\n\n", r.RSSSlope, r.R2, r.HeapSlope)
}

// newDialer reads what the broker's development authority has made.
func newDialer(w *wicket, addrs map[string]string, t transport) (*dialer, error) {
	d := &dialer{transport: t, addr: addrs["tls:default"], roots: x509.NewCertPool()}
	if t == plain {
		d.addr = addrs["tcp:default"]
		return d, nil
	}
	ca, err := os.ReadFile(w.file("ca.pem"))
	if err != nil {
		return nil, err
	}
	if !d.roots.AppendCertsFromPEM(ca) {
		return nil, errors.New("cannot read the development authority")
	}
	if t == mutual {
		authority, err := tls.LoadX509KeyPair(w.file("ca.pem"), w.file("ca.key"))
		if err != nil {
			return nil, err
		}
		d.authority = &authority
	}
	return d, nil
}
