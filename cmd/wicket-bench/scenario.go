package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/wicketmq/wicket/cmd/wicket-bench/peer"
	"github.com/wicketmq/wicket/cmd/wicket-bench/report"
)

// scenario is a file of phases, run one after the other.
type scenario struct {
	Phases []phase `yaml:"phases"`
}

// readScenario reads phases; an unknown key is an error.
func readScenario(data []byte) (scenario, error) {
	var s scenario
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&s); err != nil && !errors.Is(err, io.EOF) {
		return s, err
	}
	if len(s.Phases) == 0 {
		return s, errors.New("there are no phases")
	}
	for i := range s.Phases {
		if err := s.Phases[i].complete(); err != nil {
			return s, err
		}
	}
	return s, nil
}

func scenarioFile(name string) (scenario, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return scenario{}, err
	}
	s, err := readScenario(data)
	if err != nil {
		err = fmt.Errorf("cannot read scenario %q: %w", name, err)
	}
	return s, err
}

// fileSuite makes a row of each phase of a file.
func fileSuite(name string) ([]row, error) {
	s, err := scenarioFile(name)
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, p := range s.Phases {
		m := cpuPerOperation
		switch {
		case p.Load == densityLoad:
			m = memory
		case p.Rate > 0:
			m = p99Latency
		}
		rows = append(rows, row{p, m})
	}
	return rows, nil
}

func scenarioCommand() *cobra.Command {
	var t target
	var o output
	c := &cobra.Command{
		Use: "scenario FILE", Short: "Phases from a YAML file, one after the other",
		Long: `Run the phases of a file against one broker. Keys of a phase are those of the
subcommand's flags; "mix" holds loads that run side by side:

  phases:
    - name: quiet
      load: pair
      publishers: 50
      rate: 4000
      duration: 10s
    - name: reconnect storm
      duration: 10s
      mix:
        - {load: pair, publishers: 50, rate: 4000}
        - {load: connect, transport: tls, dialers: 8}`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			s, err := scenarioFile(args[0])
			if err != nil {
				return err
			}
			return s.run(c, t, o)
		},
	}
	t.flags(c.Flags())
	o.flags(c.Flags())
	return c
}

// mutual reports whether a phase needs client certificates.
func (s *scenario) mutual() bool {
	for _, p := range s.Phases {
		for _, m := range append(p.Mix, p) {
			if m.Transport == mutual {
				return true
			}
		}
	}
	return false
}

func (s *scenario) run(c *cobra.Command, t target, o output) error {
	if s.mutual() {
		t.transport = mutual // the broker asks for certificates
	}
	b, err := t.open(peer.Options{})
	if err != nil {
		return err
	}
	if b != nil && t.addr == "" {
		defer b.Stop()
	}
	show := newProgress()
	defer show.clear()
	var all []report.Run
	for _, p := range s.Phases {
		if p.Load == densityLoad {
			return fmt.Errorf("phase %q: density is a command of its own", p.Name)
		}
		runs, err := p.run(c.Context(), b, t, show)
		if err != nil {
			return err
		}
		all = append(all, runs...)
	}
	show.clear()
	return o.write(c.OutOrStdout(), all)
}
