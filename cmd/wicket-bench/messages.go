package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/cmd/wicket-bench/load"
	"github.com/wicketmq/wicket/cmd/wicket-bench/peer"
	"github.com/wicketmq/wicket/cmd/wicket-bench/report"
)

// common is what commands with clients share.
type common struct {
	target  target
	spec    load.Spec
	timing  timing
	version string
	output  output
}

func (m *common) flags(c *cobra.Command) {
	f := c.Flags()
	m.target.flags(f)
	m.output.flags(f)
	f.StringVarP(&m.version, "version", "V", "3.1.1", "protocol version, 3.1.1 or 5.0")
	f.IntVar(&m.spec.Sources, "sources", 0, "addresses of 127.0.0.0/8 to come from; 0 leaves it to the kernel")
	f.StringVarP(&m.spec.Username, "username", "u", "", "user name `pattern`")
	f.StringVarP(&m.spec.Password, "password", "P", "", "password")
	f.StringVar(&m.spec.ClientID, "client-id", "", "client identifier `pattern`")
	f.Float64Var(&m.spec.ConnectRate, "connect-rate", 0, "connections per second; 0 is as fast as it goes")
	f.IntVar(&m.spec.Dialers, "dialers", 16, "connections made at the same time")
	f.DurationVar(&m.timing.warmup, "warmup", time.Second, "time before the measurement")
	f.DurationVarP(&m.timing.duration, "duration", "d", 10*time.Second, "time of the measurement")
	f.DurationVar(&m.timing.sample, "every", 500*time.Millisecond, "time between the points of the report's charts")
}

// with starts the broker, or looks up the one that runs, and calls f with it.
func (m *common) with(o peer.Options, f func(*peer.Broker) error) error {
	if err := m.output.check(); err != nil {
		return err
	}
	v, err := version(m.version)
	if err != nil {
		return err
	}
	m.spec.Version = v
	b, err := m.target.open(o)
	if err != nil {
		return err
	}
	if b != nil && m.target.addr == "" {
		defer b.Stop()
	}
	m.target.aim(&m.spec, b)
	return f(b)
}

// messages is a command that publishes and subscribes.
type messages struct {
	common
	count, subscribers int
}

func (m *messages) flags(c *cobra.Command) {
	m.common.flags(c)
	f := c.Flags()
	f.Uint8VarP(&m.spec.QoS, "qos", "q", 0, "QoS of messages and subscriptions")
	f.BoolVar(&m.spec.Retain, "retain", false, "ask the broker to retain messages")
	f.IntVarP(&m.spec.Payload, "size", "s", 256, "bytes of a payload")
	f.IntVarP(&m.spec.Window, "window", "w", 64, "messages of one publisher that may be on their way")
	f.Float64VarP(&m.spec.Rate, "rate", "r", 0, "messages per second of all publishers, whatever the broker does; 0 is as fast as the window allows")
	f.IntVar(&m.spec.Sample, "sample", 0, "distance between messages with a time stamp; 0 is every one with --rate, else every 64th")
}

// patterns are said in the help of commands with topics.
const patterns = `
In patterns, %i is the number of the client, %c its identifier, %u its user
name, %g its number modulo --groups, %k the number of the topic among those of
the client, %w "p" or "s" for publishers and subscribers, %r the name of the run.`

func pairCommand() *cobra.Command {
	m := &messages{}
	c := &cobra.Command{
		Use: "pair", Short: "N publishers, each with a subscriber of its own", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			setPairs(&m.spec, m.count)
			return m.run(c)
		},
	}
	m.flags(c)
	c.Flags().IntVarP(&m.count, "count", "c", 50, "number of pairs")
	return c
}

func faninCommand() *cobra.Command {
	m := &messages{}
	c := &cobra.Command{
		Use: "fanin", Short: "N publishers, M subscribers with wildcards, each message to one of them", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			setFanin(&m.spec, m.count, m.subscribers)
			return m.run(c)
		},
	}
	m.flags(c)
	c.Flags().IntVarP(&m.count, "count", "c", 100, "number of publishers")
	c.Flags().IntVarP(&m.subscribers, "subscribers", "S", 1, "number of subscribers")
	return c
}

func fanoutCommand() *cobra.Command {
	m := &messages{}
	c := &cobra.Command{
		Use: "fanout", Short: "N publishers, M subscribers, each message to all of them", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			setFanout(&m.spec, m.count, m.subscribers)
			return m.run(c)
		},
	}
	m.flags(c)
	c.Flags().IntVarP(&m.count, "count", "c", 1, "number of publishers")
	c.Flags().IntVarP(&m.subscribers, "subscribers", "S", 1000, "number of subscribers")
	return c
}

func pubCommand() *cobra.Command {
	m := &messages{}
	c := &cobra.Command{
		Use: "pub", Short: "Publishers alone", Long: "Publish, and leave it to others to subscribe.\n" + patterns, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			m.spec.Publishers = m.count
			return m.run(c)
		},
	}
	m.flags(c)
	m.topicFlags(c, &m.spec.Topic, "topic", &m.spec.Topics, "topics")
	c.Flags().IntVarP(&m.count, "count", "c", 100, "number of publishers")
	return c
}

func subCommand() *cobra.Command {
	m := &messages{}
	c := &cobra.Command{
		Use: "sub", Short: "Subscribers alone", Long: "Subscribe, and count what others publish.\n" + patterns, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			m.spec.Subscribers = m.count
			return m.run(c)
		},
	}
	m.flags(c)
	m.topicFlags(c, &m.spec.Filter, "topic", &m.spec.Filters, "filters")
	c.Flags().IntVarP(&m.count, "count", "c", 100, "number of subscribers")
	return c
}

func (m *messages) topicFlags(c *cobra.Command, pattern *string, name string, each *int, count string) {
	f := c.Flags()
	f.StringVarP(pattern, name, "t", "bench/%i", "topic `pattern`")
	f.IntVar(each, count, 1, "number of them that each client has")
	f.IntVar(&m.spec.Groups, "groups", 1, "modulus of %g")
}

func setPairs(s *load.Spec, pairs int) {
	s.Publishers, s.Subscribers, s.Fan = pairs, pairs, 1
	s.Topic, s.Filter = "bench/%r/%i", "bench/%r/%i"
}

func setFanin(s *load.Spec, publishers, subscribers int) {
	s.Publishers, s.Subscribers, s.Fan, s.Groups = publishers, subscribers, 1, subscribers
	s.Topic, s.Filter = "bench/%r/%g/%i", "bench/%r/%g/+"
}

func setFanout(s *load.Spec, publishers, subscribers int) {
	s.Publishers, s.Subscribers, s.Fan = publishers, subscribers, subscribers
	s.Topic, s.Filter = "bench/%r/all", "bench/%r/all"
}

// setWildcards makes as many wildcard subscriptions as there are subscribers
// times filters; each message matches one of them.
func setWildcards(s *load.Spec, clients, filters int) {
	s.Publishers, s.Subscribers, s.Fan = clients, clients, 1
	s.Topic, s.Topics = "bench/%r/%i/%k/a/temperature", filters
	s.Filter, s.Filters = "bench/%r/%i/%k/+/temperature", filters
}

// run starts the broker, connects, measures and reports.
func (m *messages) run(c *cobra.Command) error {
	return m.with(peer.Options{}, func(b *peer.Broker) error {
		run, err := m.measure(c.Context(), c.Name(), b)
		if err != nil {
			return err
		}
		return m.output.write(c.OutOrStdout(), []report.Run{run})
	})
}

func (m *messages) measure(ctx context.Context, name string, b *peer.Broker) (report.Run, error) {
	g, err := startLoad(ctx, m.spec, m.target.workers)
	if err != nil {
		return report.Run{}, err
	}
	defer g.Close()
	show := newProgress()
	defer show.clear()
	t := m.timing
	t.idle = m.spec.Publishers == 0 // others may be quiet
	return measure(ctx, name, g, b, t, show)
}
