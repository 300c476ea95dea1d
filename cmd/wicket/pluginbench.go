package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/sdk/plugintest/cases"
)

func pluginBenchCommand() *cobra.Command {
	var where, only, output string
	var l cases.Load
	c := &cobra.Command{
		Use:   "bench FILE.wasm|builtin:NAME",
		Short: "Measure what one event costs a plugin",
		Long: `Ask one instance of a plugin the first question of a case over and over, and show
events per second, the time from question to answer, the time in the guest, and
what an instance takes. Stand-ins answer for upstreams at once, so that what is
measured is the plugin and its host.`,
		Example: `  wicket plugin bench door.wasm --case cases.yaml
  wicket plugin bench door.wasm --run 'a known user' --time 10s --callers 64`,
		Args: exactly("the module", 1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			if l.Callers < 1 || l.Time <= 0 {
				return usageError{errors.New("--callers and --time have to be more than nothing")}
			}
			return bench(c, args[0], where, only, output, l)
		},
	}
	f := c.Flags()
	f.StringVar(&where, "case", ".", "a `file` or directory of cases")
	f.StringVar(&only, "run", "", "the first case whose name has this `text` in it")
	f.DurationVar(&l.Time, "time", 3*time.Second, "how long to ask")
	f.IntVar(&l.Callers, "callers", 1, "questions at a time")
	f.StringVarP(&output, "output", "o", "table", "table for people, json for programs")
	return c
}

func bench(c *cobra.Command, name, where, only, output string, l cases.Load) error {
	suites, err := cases.Read(where)
	if err != nil {
		return err
	}
	suite, one := firstCase(suites, only)
	if one == nil {
		return fmt.Errorf("no case that asks something has %q in its name", only)
	}
	binary, err := module(name)
	if err != nil {
		return fmt.Errorf("cannot read plugin: %w", err)
	}
	runner, err := cases.NewRunner(binary, name, moduleCache())
	if err != nil {
		return err
	}
	defer runner.Close()
	f, err := runner.Bench(c.Context(), suite, one, l)
	if err != nil {
		return fmt.Errorf("cannot measure %q: %w", name, err)
	}
	if output == "json" {
		e := json.NewEncoder(c.OutOrStdout())
		e.SetIndent("", "  ")
		return e.Encode(f)
	}
	for _, row := range [][2]string{
		{"case", one.Name}, {"events", fmt.Sprintf("%d, %.0f a second", f.Events, f.PerSecond)},
		{"p50", short(f.P50)}, {"p99", short(f.P99)},
		{"in the guest", fmt.Sprintf("%s an event, %.1f calls", short(f.Guest), f.Calls)},
		{"no answer", fmt.Sprint(f.Faults)},
		{"instance", fmt.Sprintf("%s, started in %s", size(int64(f.Memory)), short(f.Start))},
		{"plugin", fmt.Sprintf("opened in %s, compiled before", short(f.Open))},
	} {
		fmt.Fprintf(c.OutOrStdout(), "%-13s %s\n", row[0], row[1])
	}
	return nil
}

// firstCase is the first one that asks something.
func firstCase(suites []*cases.Suite, only string) (*cases.Suite, *cases.Case) {
	for _, s := range suites {
		for _, c := range s.Cases {
			if strings.Contains(c.Name, only) && (c.Authenticate != nil || c.Authorize != nil) {
				return s, c
			}
		}
	}
	return nil, nil
}

// short is a time with three digits.
func short(d time.Duration) string {
	for unit := time.Duration(1); ; unit *= 10 {
		if d < 1000*unit {
			return d.Round(unit).String()
		}
	}
}
