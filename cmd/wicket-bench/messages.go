package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/cmd/wicket-bench/load"
	"github.com/wicketmq/wicket/cmd/wicket-bench/peer"
	"github.com/wicketmq/wicket/cmd/wicket-bench/report"
)

// messages is a command that publishes and subscribes.
type messages struct {
	target  target
	spec    load.Spec
	timing  timing
	version string
	qos     uint8
	output  output
}

func (m *messages) flags(c *cobra.Command) {
	f := c.Flags()
	m.target.flags(f)
	m.output.flags(f)
	f.StringVarP(&m.version, "version", "V", "3.1.1", "protocol version, 3.1.1 or 5.0")
	f.Uint8VarP(&m.qos, "qos", "q", 0, "QoS of messages and subscriptions")
	f.IntVarP(&m.spec.Payload, "size", "s", 256, "bytes of a payload")
	f.IntVarP(&m.spec.Window, "window", "w", 64, "messages of one publisher that may be on their way")
	f.Float64VarP(&m.spec.Rate, "rate", "r", 0, "messages per second of all publishers, whatever the broker does; 0 is as fast as the window allows")
	f.IntVar(&m.spec.Sample, "sample", 0, "distance between messages with a time stamp; 0 is every one with --rate, else every 64th")
	f.Float64Var(&m.spec.ConnectRate, "connect-rate", 0, "connections per second; 0 is as fast as it goes")
	f.IntVar(&m.spec.Sources, "sources", 0, "addresses of 127.0.0.0/8 to come from")
	f.StringVarP(&m.spec.Username, "username", "u", "", "user name pattern")
	f.StringVarP(&m.spec.Password, "password", "P", "", "password")
	f.StringVar(&m.spec.ClientID, "client-id", "", "client identifier pattern")
	f.DurationVar(&m.timing.warmup, "warmup", time.Second, "time before the measurement")
	f.DurationVarP(&m.timing.duration, "duration", "d", 10*time.Second, "time of the measurement")
	f.DurationVar(&m.timing.sample, "every", 500*time.Millisecond, "time between the points of the report's charts")
}

func pairCommand() *cobra.Command {
	m, pairs := &messages{}, 50
	c := &cobra.Command{
		Use: "pair", Short: "N publishers, each with a subscriber of its own", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			setPairs(&m.spec, pairs)
			return m.run(c)
		},
	}
	m.flags(c)
	c.Flags().IntVarP(&pairs, "count", "c", pairs, "number of pairs")
	return c
}

func setPairs(s *load.Spec, pairs int) {
	s.Publishers, s.Subscribers, s.Fan = pairs, pairs, 1
	s.Topic, s.Filter = "bench/%r/%i", "bench/%r/%i"
}

// run starts the broker, connects, measures and reports.
func (m *messages) run(c *cobra.Command) error {
	b, err := m.target.open(peer.Options{})
	if err != nil {
		return err
	}
	if b != nil && m.target.addr == "" {
		defer b.Stop()
	}
	if m.spec.Version, err = version(m.version); err != nil {
		return err
	}
	m.spec.QoS = m.qos
	m.target.aim(&m.spec, b)
	run, err := m.measure(c.Context(), c.Name(), b)
	if err != nil {
		return err
	}
	return m.output.write(c.OutOrStdout(), []report.Run{run})
}

func (m *messages) measure(ctx context.Context, name string, b *peer.Broker) (report.Run, error) {
	g, err := load.Start(ctx, m.spec)
	if err != nil {
		return report.Run{}, err
	}
	defer g.Close()
	show := newProgress()
	defer show.clear()
	return measure(ctx, name, g, b, m.timing, show)
}
