package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/cmd/wicket-bench/peer"
	"github.com/wicketmq/wicket/cmd/wicket-bench/report"
)

// connections is the command that opens connections and keeps them.
type connections struct {
	common
	count int
	hold  time.Duration
	churn float64
}

func connCommand() *cobra.Command {
	k := &connections{}
	c := &cobra.Command{
		Use: "conn", Short: "Connections that are made and kept",
		Long: `Connect clients at a rate (ramp) and keep them (hold). With --churn, clients
leave and come back meanwhile, so many of them each second.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return k.with(peer.Options{}, func(b *peer.Broker) error { return k.run(c, b) })
		},
	}
	k.flags(c)
	f := c.Flags()
	f.IntVarP(&k.count, "count", "c", 1000, "number of connections")
	f.DurationVar(&k.hold, "hold", 2*time.Second, "how long to keep them")
	f.Float64Var(&k.churn, "churn", 0, "connections per second that are replaced meanwhile")
	f.StringVarP(&k.spec.Filter, "topic", "t", "", "topic filter `pattern` each client subscribes to")
	f.IntVar(&k.spec.Filters, "filters", 1, "number of them that each client has")
	f.Uint8VarP(&k.spec.QoS, "qos", "q", 0, "QoS of the subscriptions")
	return c
}

func (k *connections) run(c *cobra.Command, b *peer.Broker) error {
	k.spec.Subscribers = k.count
	l, err := newClients(k.spec, k.target.workers)
	if err != nil {
		return err
	}
	defer l.Close()
	show := newProgress()
	defer show.clear()
	ramp, err := k.ramp(c.Context(), l, b)
	if err != nil {
		return err
	}
	runs := []report.Run{ramp}
	if k.hold > 0 {
		kept, err := k.keep(c.Context(), l, b, show)
		if err != nil {
			return err
		}
		runs = append(runs, kept)
	}
	show.clear()
	return k.output.write(c.OutOrStdout(), runs)
}

// ramp opens the connections.
func (k *connections) ramp(ctx context.Context, l clients, b *peer.Broker) (report.Run, error) {
	m := meter{broker: b, g: l}
	if err := m.begin(); err != nil {
		return report.Run{}, err
	}
	if err := l.Connect(ctx, k.count, 0); err != nil {
		return report.Run{}, err
	}
	return m.end("ramp")
}

// keep holds the connections and replaces some.
func (k *connections) keep(ctx context.Context, l clients, b *peer.Broker, show progress) (report.Run, error) {
	m := meter{broker: b, g: l, idle: true}
	if err := m.begin(); err != nil {
		return report.Run{}, err
	}
	done := make(chan error, 1)
	churning, stop := context.WithCancel(ctx)
	defer stop()
	go func() { done <- l.Churn(churning, k.churn) }()
	t := k.timing
	t.duration = k.hold
	err := m.watch(ctx, t, show)
	stop()
	if failed := <-done; err == nil {
		err = failed
	}
	if err != nil {
		return report.Run{}, err
	}
	return m.end("hold")
}
