package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/cmd/wicket-bench/peer"
	"github.com/wicketmq/wicket/cmd/wicket-bench/report"
)

// compare is the command that measures two brokers in turn.
type compare struct {
	names    [2]string
	programs [2]string
	suite    string
	only     string
	rounds   int
	duration time.Duration
	pin      bool
	format   string
	files    struct{ json, markdown, html string }

	out  io.Writer
	show progress
	pool map[string]*peer.Broker
}

func compareCommand() *cobra.Command {
	k := &compare{pool: map[string]*peer.Broker{}}
	c := &cobra.Command{
		Use: "compare", Short: "Two brokers, the same loads, in turn",
		Long: `Start two brokers and give them the same loads in turn, A B A B, so that what
else the machine does meets both. Each row reports the median of either side and
the ratio of the rounds, A divided by B: its median and its range. Both run all
the time, but only one has work.

A broker is wicket, mosquitto, or a command line with {plain} {tls} {cert} {key}
{ca} {dir}. A suite is "peer", or a YAML file of phases as "scenario" takes.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			k.out, k.show = c.OutOrStdout(), newProgress()
			return k.run(c.Context())
		},
	}
	f := c.Flags()
	f.StringVar(&k.names[0], "a", "wicket", "the first `broker`")
	f.StringVar(&k.names[1], "b", "mosquitto", "the second `broker`")
	f.StringVar(&k.programs[0], "a-program", "", "`path` of the first one's program")
	f.StringVar(&k.programs[1], "b-program", "", "`path` of the second one's program")
	f.StringVar(&k.suite, "suite", "peer", "peer, or a YAML `file`")
	f.StringVar(&k.only, "only", "", "rows whose name matches this `expression`")
	f.IntVar(&k.rounds, "rounds", 3, "times that each broker gets each load")
	f.DurationVarP(&k.duration, "duration", "d", 2*time.Second, "time of a measurement of the suite peer")
	f.BoolVar(&k.pin, "pin", runtime.NumCPU() > 1, "bind the brokers to processor 0 and the load to the others")
	f.StringVarP(&k.format, "output", "o", "table", "table or json")
	f.StringVar(&k.files.json, "json", "", "write the results to this `file`")
	f.StringVar(&k.files.markdown, "markdown", "", "write a page of Markdown to this `file`")
	f.StringVar(&k.files.html, "html", "", "write a report with charts to this `file`")
	return c
}

func (k *compare) run(ctx context.Context) error {
	if k.format != "table" && k.format != "json" {
		return fmt.Errorf("output %q is neither table nor json", k.format)
	}
	rows, err := k.rows()
	if err != nil {
		return err
	}
	defer k.stop()
	result := report.Comparison{
		Suite: filepath.Base(k.suite), Command: k.command(), Commit: report.Commit(), Machine: report.ThisMachine(),
		Date: time.Now().UTC().Format(time.DateOnly), Rounds: k.rounds,
	}
	for _, r := range rows {
		line, err := k.row(ctx, r)
		k.show.clear()
		if err != nil {
			return err
		}
		result.Rows = append(result.Rows, line)
		if k.format == "table" {
			fmt.Fprintln(k.out, line.String())
		}
	}
	result.A, result.B = k.side(0), k.side(1)
	return k.write(result)
}

// command is the command line without paths.
func (k *compare) command() string {
	if k.suite == "peer" && k.names == [2]string{"wicket", "mosquitto"} {
		return fmt.Sprintf("wicket-bench compare --suite peer --rounds %d --duration %v", k.rounds, k.duration)
	}
	return fmt.Sprintf("wicket-bench compare --rounds %d", k.rounds)
}

func (k *compare) rows() ([]row, error) {
	only, err := regexp.Compile(k.only)
	if err != nil {
		return nil, fmt.Errorf("cannot read --only: %w", err)
	}
	all := peerSuite(k.duration)
	if k.suite != "peer" {
		if all, err = fileSuite(k.suite); err != nil {
			return nil, err
		}
	}
	var rows []row
	for _, r := range all {
		if err := r.phase.complete(); err != nil {
			return nil, err
		}
		if only.MatchString(r.phase.Name) {
			rows = append(rows, r)
		}
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("no row matches %q", k.only)
	}
	return rows, nil
}

// target is how one side is reached.
func (k *compare) target(side int, p phase) target {
	return target{broker: k.names[side], program: k.programs[side], transport: p.Transport, key: p.Key, server: "localhost", pin: k.pin}
}

// broker returns a broker of one side with the listeners that a phase needs,
// and starts it when there is none yet.
func (k *compare) broker(side int, p phase) (*peer.Broker, error) {
	id := fmt.Sprintf("%d %s %t", side, p.Key, p.Transport == mutual)
	if b := k.pool[id]; b != nil {
		return b, nil
	}
	t := k.target(side, p)
	b, err := t.open(peer.Options{})
	if err == nil {
		k.pool[id] = b
	}
	return b, err
}

func (k *compare) stop() {
	for _, b := range k.pool {
		b.Stop()
	}
}

// side describes one side's broker.
func (k *compare) side(n int) report.Side {
	for id, b := range k.pool {
		if id[0] == byte('0'+n) {
			return report.Side{Name: b.Name, Version: b.Version}
		}
	}
	return report.Side{Name: k.names[n]}
}

// row measures one row, in turn.
func (k *compare) row(ctx context.Context, r row) (report.Row, error) {
	line := report.Row{Name: r.phase.Name, Unit: r.metric.unit(r.phase)}
	rounds := k.rounds
	if r.metric == memory {
		rounds = 1 // its spread is the fit's
	}
	for round := range rounds {
		for side, into := range []*report.Values{&line.A, &line.B} {
			k.show.line("%s: %s, round %d", r.phase.Name, k.names[side], round+1)
			if err := k.once(ctx, r, side, into); err != nil {
				return line, fmt.Errorf("%s, %s: %w", r.phase.Name, k.names[side], err)
			}
		}
	}
	line.Summarize()
	return line, nil
}

// once measures one side of a row once.
func (k *compare) once(ctx context.Context, r row, side int, into *report.Values) error {
	if r.metric == memory {
		d, err := r.phase.density(ctx, k.target(side, r.phase), progress{})
		into.AddDensity(d)
		return err
	}
	b, err := k.broker(side, r.phase)
	if err != nil {
		return err
	}
	runs, err := r.phase.run(ctx, b, k.target(side, r.phase), progress{})
	if err != nil {
		return err
	}
	if r.metric == p99Latency {
		into.AddLatency(runs[0])
		return nil
	}
	into.AddCPU(runs[0], r.phase.Resume)
	return nil
}

func (k *compare) write(c report.Comparison) error {
	if k.format == "json" {
		if err := report.JSON(k.out, c); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		name  string
		write func(io.Writer, report.Comparison) error
	}{
		{k.files.json, func(w io.Writer, c report.Comparison) error { return report.JSON(w, c) }},
		{k.files.markdown, report.Markdown},
		{k.files.html, report.ComparisonHTML},
	} {
		if f.name == "" {
			continue
		}
		if err := writeFile(f.name, func(w io.Writer) error { return f.write(w, c) }); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes a file in one go, so that a failure leaves an old one be.
func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(".", ".wicket-bench-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Chmod(f.Name(), 0o644); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
