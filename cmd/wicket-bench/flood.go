package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/wicketmq/wicket/cmd/wicket-bench/peer"
	"github.com/wicketmq/wicket/cmd/wicket-bench/report"
)

// flood is the command that measures what others notice of a handshake flood.
type flood struct {
	messages
	floodDialers int
	rounds       int
}

func floodCommand() *cobra.Command {
	f := &flood{}
	c := &cobra.Command{
		Use: "flood", Short: "Latency of clients that are in, without and with a flood of TLS handshakes",
		Long: `Pairs of clients exchange messages at a fixed rate over a plain listener. Then
the same again while another process makes as many full TLS handshakes as it
can, and so on in turn. With a key of --key rsa, the default here, a handshake costs the broker
about three times what it costs the flood, so that the broker is what is
saturated and not the generator. The flood itself runs when nobody else wants
the processor (SCHED_IDLE), as the work of other machines that it stands for.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			setPairs(&f.spec, f.count)
			return f.with(peer.Options{}, func(b *peer.Broker) error { return f.run(c, b) })
		},
	}
	f.flags(c)
	f.spec.Rate, f.target.key = 4000, string(peer.RSA)
	c.Flags().Lookup("rate").DefValue, c.Flags().Lookup("key").DefValue = "4000", f.target.key
	c.Flags().IntVarP(&f.count, "count", "c", 50, "number of pairs")
	c.Flags().IntVar(&f.rounds, "rounds", 3, "times that each is measured, in turn")
	c.Flags().IntVar(&f.floodDialers, "flood-dialers", 64, "handshakes under way at the same time")
	return c
}

func (f *flood) run(c *cobra.Command, b *peer.Broker) error {
	switch {
	case b == nil || b.PKI == nil:
		return errors.New("flood measures a broker that it has started")
	case f.rounds < 1:
		return fmt.Errorf("--rounds %d: there has to be one", f.rounds)
	}
	var runs []report.Run
	var rates, before, after, ratios []float64
	for range f.rounds {
		quiet, err := f.measure(c.Context(), "quiet", b)
		if err != nil {
			return err
		}
		rate, flooded, err := f.flooded(c.Context(), b)
		if err != nil {
			return err
		}
		runs = append(runs, quiet, flooded)
		rates, before, after = append(rates, rate), append(before, quiet.Latency.P99), append(after, flooded.Latency.P99)
		ratios = append(ratios, flooded.Latency.P99/quiet.Latency.P99)
	}
	if f.output.format == "table" {
		defer func() {
			fmt.Fprintf(c.OutOrStdout(), "flood: %.0f handshakes/s; p99 %.0f µs quiet, %.0f µs flooded: ×%.2f (%.2f–%.2f), medians of %d rounds\n",
				report.Median(rates), report.Median(before), report.Median(after),
				report.Median(ratios), slices.Min(ratios), slices.Max(ratios), f.rounds)
		}()
	}
	return f.output.write(c.OutOrStdout(), runs)
}

// flooded measures while another process makes handshakes, and returns their
// rate.
func (f *flood) flooded(ctx context.Context, b *peer.Broker) (rate float64, run report.Run, err error) {
	before, err := f.start(ctx, b)
	if err != nil {
		return 0, run, err
	}
	defer before.stop()
	if err := sleep(ctx, time.Second); err != nil { // it has to come up to speed
		return 0, run, err
	}
	first, err := b.Handshakes()
	if err != nil {
		return 0, run, err
	}
	start := time.Now()
	run, err = f.measure(ctx, "flooded", b)
	if err != nil {
		return 0, run, err
	}
	last, err := b.Handshakes()
	return float64(last-first) / time.Since(start).Seconds(), run, err
}

type running struct{ cmd *exec.Cmd }

func (r running) stop() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

// start starts the flood.
func (f *flood) start(ctx context.Context, b *peer.Broker) (running, error) {
	me, err := os.Executable()
	if err != nil {
		return running{}, err
	}
	cmd := exec.CommandContext(ctx, me, "handshake", "--addr", b.Secure, "--cafile", b.PKI.File("ca.pem"),
		"--server-name", f.target.server, "--dialers", strconv.Itoa(f.floodDialers), "--duration", "1h", "--x25519")
	cmd.Stderr = os.Stderr
	return running{cmd}, startIdle(cmd)
}

// startIdle starts a program that gets a processor when nobody else wants it
// (sched(7), SCHED_IDLE). It inherits that of the thread which starts it, and
// the thread ends with its goroutine.
func startIdle(cmd *exec.Cmd) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		idle := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}
		if err := unix.SchedSetAttr(0, &idle, 0); err != nil {
			result <- fmt.Errorf("cannot give %q a low priority: %w", cmd.Path, err)
			return
		}
		result <- cmd.Start()
	}()
	return <-result
}
