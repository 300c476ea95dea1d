package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/cmd/wicket-bench/peer"
	"github.com/wicketmq/wicket/cmd/wicket-bench/report"
)

// reconnect is the command that lets everybody come and go at once.
type reconnect struct {
	common
	count, storms, every int
}

func reconnectCommand() *cobra.Command {
	r := &reconnect{}
	c := &cobra.Command{
		Use: "reconnect", Short: "Storms: everybody comes at once and goes at once, over and over",
		Long: `Connect all clients as fast as it goes, each with a session and one
subscription, let all go at the same time, and do it again. After the first
storms and then every so often the broker's anonymous memory is read twice, with
everybody connected and with nobody left, each time after a garbage collection
where the broker can be told to make one. The slopes over the storms are what a
leak would show in.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return r.with(peer.Options{}, func(b *peer.Broker) error { return r.run(c, b) })
		},
	}
	r.flags(c)
	f := c.Flags()
	f.IntVarP(&r.count, "count", "c", 15000, "number of connections")
	f.IntVar(&r.storms, "storms", 100, "how often")
	f.IntVar(&r.every, "read-every", 10, "storms between two readings of memory")
	r.spec.Dialers = 64
	c.Flags().Lookup("dialers").DefValue = "64"
	return c
}

func (r *reconnect) run(c *cobra.Command, b *peer.Broker) error {
	if b == nil {
		return errors.New("the broker's memory can be read with --pid only")
	}
	r.spec.Subscribers, r.spec.Filter = r.count, "device/%i/cmd"
	if r.spec.Sources == 0 {
		r.spec.Sources = 200 // a closed connection keeps its port for a minute
	}
	show := newProgress()
	defer show.clear()
	result := report.Storms{Broker: b.Name, Transport: r.target.transport, Clients: r.count}
	for n := 1; n <= r.storms; n++ {
		show.line("%s: storm %d of %d", b.Name, n, r.storms)
		read := n <= 2 || n%r.every == 0 || n == r.storms
		s, err := r.storm(c.Context(), b, read)
		if err != nil {
			return fmt.Errorf("storm %d: %w", n, err)
		}
		if read {
			s.Storm = n
			result.Readings = append(result.Readings, s)
		}
	}
	show.clear()
	result.Fit()
	if r.output.format == "json" {
		return report.JSON(c.OutOrStdout(), result)
	}
	return report.StormsTable(c.OutOrStdout(), result)
}

// storm lets everybody in and out.
func (r *reconnect) storm(ctx context.Context, b *peer.Broker, read bool) (s report.Storm, err error) {
	l, err := newClients(r.spec, r.target.workers)
	if err != nil {
		return s, err
	}
	start := time.Now()
	err = l.Connect(ctx, r.count, 0)
	s.Seconds = time.Since(start).Seconds()
	if err == nil && read {
		var u peer.Usage
		u, err = b.Settled()
		s.Full = u.RSS
	}
	l.Close()
	if err != nil || !read {
		return s, err
	}
	u, err := r.empty(ctx, b)
	s.Empty, s.Heap, s.Goroutines = u.RSS, u.Heap, u.Goroutines
	return s, err
}

// empty reads the broker once it has noticed that everybody has gone.
func (r *reconnect) empty(ctx context.Context, b *peer.Broker) (peer.Usage, error) {
	for {
		if err := sleep(ctx, time.Second); err != nil {
			return peer.Usage{}, err
		}
		u, err := b.Settled()
		if err != nil || u.Transport == 0 {
			return u, err
		}
	}
}
