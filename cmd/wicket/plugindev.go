package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/cmd/wicket/scaffold"
	"github.com/wicketmq/wicket/engine/control"
	"github.com/wicketmq/wicket/sdk/plugintest/cases"
)

// dev is one run of wicket plugin dev.
type dev struct {
	dir, file string
	broker    *control.Client // nil: none
	out       io.Writer
}

func pluginDevCommand() *cobra.Command {
	var socket, file string
	c := &cobra.Command{
		Use:   "dev [DIR]",
		Short: "Build a plugin and run its cases at each change, and swap it into a running broker",
		Long: `Build the plugin in a directory, the current one unless named, run its cases, and
do so again at each change, until interrupted. The module is replaced only when
all cases pass; a running broker whose configuration names the file then swaps it
without losing a client. With --broker-socket the line of each round says when
the broker has it, or that it does not.`,
		Example: `  wicket plugin dev
  wicket plugin dev door --broker-socket /var/lib/wicket/control.sock`,
		Args: atMostOne("the directory of a plugin"),
		RunE: func(c *cobra.Command, args []string) (err error) {
			d := dev{dir: ".", out: c.OutOrStdout()}
			if len(args) > 0 {
				d.dir = args[0]
			}
			if d.file, err = output(d.dir, file); err != nil {
				return err
			}
			if socket != "" {
				d.broker = control.NewClient(socket)
			}
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt)
			defer stop()
			return d.run(ctx)
		},
	}
	c.Flags().StringVar(&socket, "broker-socket", "", "control socket of a running broker, a `path`")
	c.Flags().StringVar(&file, "out", "", "the module to write, a `file`")
	return c
}

// sourcesEvery is how often the sources are looked at. It is cheap, and works on every
// file system, also those of containers and networks.
const sourcesEvery = 250 * time.Millisecond

func (d *dev) run(ctx context.Context) error {
	tick := time.NewTicker(sourcesEvery)
	defer tick.Stop()
	last := ""
	for {
		state, err := d.state()
		if err != nil {
			return err
		}
		if state != last {
			last = state
			begin := time.Now()
			said := d.round(ctx)
			if ctx.Err() != nil {
				return nil
			}
			fmt.Fprintf(d.out, "%s  %s (%s)\n", begin.Format(time.TimeOnly), said, time.Since(begin).Round(10*time.Millisecond))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// state changes with every file that the plugin or its cases are made of.
func (d *dev) state() (string, error) {
	sum := sha256.New()
	note := func(file string, info os.FileInfo) {
		fmt.Fprintln(sum, file, info.Size(), info.ModTime().UnixNano())
	}
	if err := scaffold.Sources(d.dir, note); err != nil {
		return "", err
	}
	for _, pattern := range []string{"*.yaml", "cases/*.yaml"} {
		found, err := filepath.Glob(filepath.Join(d.dir, pattern))
		if err != nil {
			return "", err
		}
		for _, file := range found {
			if info, err := os.Stat(file); err == nil {
				note(file, info)
			}
		}
	}
	return string(sum.Sum(nil)), nil
}

// round builds, tests, and puts the module in its place. It says in a line what
// has come of it; what a compiler or a case has to say stands above.
func (d *dev) round(ctx context.Context) string {
	dir, err := os.MkdirTemp(filepath.Dir(d.file), ".wicket-dev-") // beside it: a rename must do
	if err != nil {
		return err.Error()
	}
	defer os.RemoveAll(dir)
	next := filepath.Join(dir, filepath.Base(d.file))
	if err := scaffold.Build(ctx, d.dir, next); err != nil {
		return err.Error()
	}
	suites, err := cases.Read(d.dir)
	if err != nil {
		return err.Error()
	}
	results, err := runCases(ctx, next, suites, "")
	if err != nil {
		return err.Error()
	}
	var failed []*cases.Result
	for _, r := range results {
		if !r.Pass {
			failed = append(failed, r)
		}
	}
	if len(failed) > 0 {
		printResults(d.out, failed)
		return fmt.Sprintf("%d of %d cases pass; the old module stays", len(results)-len(failed), len(results))
	}
	sum, err := hashOf(next)
	if err == nil {
		err = os.Rename(next, d.file)
	}
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d cases pass%s", len(results), d.live(ctx, sum))
}

func hashOf(file string) (string, error) {
	content, err := os.ReadFile(file)
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:]), err
}

// live waits until the broker has a module.
func (d *dev) live(ctx context.Context, sum string) string {
	if d.broker == nil {
		return ""
	}
	begin := time.Now()
	const patience = 10 * time.Second
	for time.Since(begin) < patience && ctx.Err() == nil {
		list, err := control.Look[[]control.Plugin](ctx, d.broker, "/v1/plugins")
		var away *control.NotRunningError
		if errors.As(err, &away) {
			return "; no broker is running there"
		} else if err != nil {
			return "; " + err.Error()
		}
		for _, p := range list {
			if p.SHA256 == sum {
				return fmt.Sprintf("; live as %q after %s", p.Name, time.Since(begin).Round(10*time.Millisecond))
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Sprintf("; the broker has not loaded it in %s: see its log, and whether its configuration names this file", patience)
}
