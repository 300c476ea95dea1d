package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/cmd/wicket-bench/load"
	"github.com/wicketmq/wicket/cmd/wicket-bench/peer"
	"github.com/wicketmq/wicket/cmd/wicket-bench/report"
	"github.com/wicketmq/wicket/engine/mqtt"
)

// density measures the memory of idle connections.
type density struct {
	target     target
	steps      []int
	transports []string
	settle     time.Duration
	output     output
	sources    int
	bare       bool
}

func densityCommand() *cobra.Command {
	d := &density{}
	var wicket string
	c := &cobra.Command{
		Use:   "density",
		Short: "Bytes per idle connection, as a fitted slope",
		Long: `Start the broker, open idle connections step by step, each with a session and
one subscription (and, for mtls, a certificate of its own), and read the
broker's anonymous memory (RssAnon) at every step, after a garbage collection
where the broker can be told to make one. The slope of the line through the
readings is what one more connection costs. With it go the goroutines, the
processor time while nobody says anything, and the pause of the collection.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if wicket != "" {
				d.target.broker, d.target.program = "wicket", wicket
			}
			return d.run(c.Context(), c.OutOrStdout())
		},
	}
	f := c.Flags()
	d.target.flags(f)
	d.output.flags(f)
	f.StringVar(&wicket, "wicket", "", "the `program` of wicket: short for --broker wicket --program")
	f.IntSliceVar(&d.steps, "steps", []int{2000, 5000, 10000, 15000, 19000}, "numbers of connections")
	f.StringSliceVar(&d.transports, "transports", []string{plain, oneWay, mutual}, "plain, tls, mtls")
	f.DurationVar(&d.settle, "settle", 2*time.Second, "quiet time before a reading")
	f.BoolVar(&d.bare, "bare", false, "sockets that have said nothing yet, instead of sessions with a subscription")
	f.IntVar(&d.sources, "sources", 0, "addresses of 127.0.0.0/8 to come from; 0 leaves it to the kernel")
	return c
}

func (d *density) run(ctx context.Context, out io.Writer) error {
	if err := d.output.check(); err != nil {
		return err
	}
	slices.Sort(d.steps)
	var results []report.Density
	show := newProgress()
	for _, t := range d.transports {
		r, err := d.measure(ctx, t, show)
		show.clear()
		if err != nil {
			return fmt.Errorf("cannot measure %s: %w", t, err)
		}
		results = append(results, r)
		if d.output.format == "table" {
			if err := report.DensityTable(out, r); err != nil {
				return err
			}
		}
	}
	return d.output.writeDensity(out, results)
}

func (d *density) measure(ctx context.Context, transport string, show progress) (report.Density, error) {
	t := d.target
	t.transport = transport
	o := peer.Options{}
	if d.bare {
		o.Extra = []string{"--set", "mqtt.idle_timeout=10m"} // wicket's; nobody else lets them wait that long
	}
	b, err := t.open(o)
	if err != nil {
		return report.Density{}, err
	}
	if t.addr == "" {
		defer b.Stop()
	}
	if b == nil {
		return report.Density{}, fmt.Errorf("the memory of %s can be read with --pid only", t.addr)
	}
	spec := load.Spec{Version: mqtt.V311, ClientID: "device-%i", Filter: "device/%i/cmd", Sources: d.sources, Subscribers: d.steps[len(d.steps)-1]}
	spec.Silent = d.bare
	t.aim(&spec, b)
	l, err := newClients(spec, t.workers)
	if err != nil {
		return report.Density{}, err
	}
	defer l.Close()
	result := report.Density{Transport: transport, Broker: b.Name}
	for _, step := range d.steps {
		show.line("%s %s: %d connections", b.Name, transport, step)
		r, err := d.reading(ctx, l, b, step)
		if err != nil {
			return result, err
		}
		result.Readings = append(result.Readings, r)
	}
	result.Fit()
	return result, nil
}

// reading connects more clients and reads the broker when it is quiet.
func (d *density) reading(ctx context.Context, l clients, b *peer.Broker, step int) (report.Reading, error) {
	if err := l.Connect(ctx, step, 0); err != nil {
		return report.Reading{}, err
	}
	idle, err := d.idle(ctx, b)
	if err != nil {
		return report.Reading{}, err
	}
	if got := int(l.Counts().Connected); got != step {
		return report.Reading{}, fmt.Errorf("there are %d connections, not %d", got, step)
	}
	u, err := b.Settled()
	if err == nil && u.Transport > 0 && (u.Transport != step || u.Connections != step && !d.bare) {
		err = fmt.Errorf("the broker has %d sockets and %d clients, not %d", u.Transport, u.Connections, step)
	}
	return report.Reading{
		Connections: step, RSS: u.RSS, Heap: u.Heap, Goroutines: u.Goroutines,
		IdleCPU: idle, Pause: float64(u.Pause) / 1e3,
	}, err
}

// idle lets the broker come to rest, and returns the milliseconds of processor
// time that it uses in a second then.
func (d *density) idle(ctx context.Context, b *peer.Broker) (float64, error) {
	if err := sleep(ctx, d.settle/2); err != nil {
		return 0, err
	}
	before, err := b.Usage()
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := sleep(ctx, d.settle/2); err != nil {
		return 0, err
	}
	after, err := b.Usage()
	return (after.CPU - before.CPU).Seconds() * 1e3 / time.Since(start).Seconds(), err
}
