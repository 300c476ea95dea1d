package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/wicketmq/wicket/cmd/wicket-bench/load"
	"github.com/wicketmq/wicket/cmd/wicket-bench/peer"
	"github.com/wicketmq/wicket/cmd/wicket-bench/report"
)

// phase is one load of a scenario or a suite, as it is written in YAML. What
// is left out has the value that the subcommand of the same name has.
type phase struct {
	Name        string        `yaml:"name"`
	Load        string        `yaml:"load"` // pair, fanin, fanout, wildcard, pub, sub, connect, density
	Transport   string        `yaml:"transport"`
	Key         string        `yaml:"key"`
	Version     string        `yaml:"version"`
	Publishers  int           `yaml:"publishers"`
	Subscribers int           `yaml:"subscribers"`
	Topic       string        `yaml:"topic"`
	Filters     int           `yaml:"filters"`
	QoS         uint8         `yaml:"qos"`
	Size        int           `yaml:"size"`
	Window      int           `yaml:"window"`
	Rate        float64       `yaml:"rate"`
	Resume      bool          `yaml:"resume"`
	X25519      bool          `yaml:"x25519"` // the only key exchange offered
	Dialers     int           `yaml:"dialers"`
	ConnectRate float64       `yaml:"connect_rate"`
	Username    string        `yaml:"username"`
	Password    string        `yaml:"password"`
	Steps       []int         `yaml:"steps"` // of density
	Warmup      time.Duration `yaml:"warmup"`
	Duration    time.Duration `yaml:"duration"`
	// Mix are loads that run side by side in this phase.
	Mix []phase `yaml:"mix"`
}

// Loads of a phase.
const (
	pairLoad     = "pair"
	faninLoad    = "fanin"
	fanoutLoad   = "fanout"
	wildcardLoad = "wildcard"
	pubLoad      = "pub"
	subLoad      = "sub"
	connectLoad  = "connect"
	densityLoad  = "density"
)

var loads = []string{pairLoad, faninLoad, fanoutLoad, wildcardLoad, pubLoad, subLoad, connectLoad, densityLoad}

// complete fills in defaults and finds mistakes.
func (p *phase) complete() error {
	if len(p.Mix) > 0 {
		for i := range p.Mix {
			m := &p.Mix[i]
			m.Name = orDefault(m.Name, p.Name)
			m.Warmup, m.Duration = orDefault(p.Warmup, time.Second), orDefault(p.Duration, 10*time.Second)
			if err := m.complete(); err != nil {
				return err
			}
			if m.Load == densityLoad || len(m.Mix) > 0 {
				return fmt.Errorf("phase %q: a mix holds loads that run side by side, not %q", p.Name, m.Load)
			}
		}
		return nil
	}
	p.Name = orDefault(p.Name, p.Load)
	p.Transport = orDefault(p.Transport, plain)
	p.Key = orDefault(p.Key, string(peer.ECDSA))
	p.Version = orDefault(p.Version, "3.1.1")
	p.Warmup = orDefault(p.Warmup, time.Second)
	p.Duration = orDefault(p.Duration, 10*time.Second)
	if !slices.Contains(loads, p.Load) {
		return fmt.Errorf("phase %q: load %q is none of %v", p.Name, p.Load, loads)
	}
	if !slices.Contains([]string{plain, oneWay, mutual}, p.Transport) {
		return fmt.Errorf("phase %q: transport %q is none of plain, tls and mtls", p.Name, p.Transport)
	}
	_, err := version(p.Version)
	return err
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// spec is the load of the phase, without an address.
func (p *phase) spec() load.Spec {
	s := load.Spec{
		QoS: p.QoS, Payload: orDefault(p.Size, 256), Window: p.Window, Rate: p.Rate,
		Dialers: p.Dialers, ConnectRate: p.ConnectRate, Username: p.Username, Password: p.Password,
	}
	s.Version, _ = version(p.Version)
	switch p.Load {
	case pairLoad:
		setPairs(&s, orDefault(p.Publishers, 50))
	case faninLoad:
		setFanin(&s, orDefault(p.Publishers, 100), orDefault(p.Subscribers, 1))
	case fanoutLoad:
		setFanout(&s, orDefault(p.Publishers, 1), orDefault(p.Subscribers, 1000))
	case wildcardLoad:
		setWildcards(&s, orDefault(p.Publishers, 50), orDefault(p.Filters, 200))
	case pubLoad:
		s.Publishers, s.Topic = orDefault(p.Publishers, 100), orDefault(p.Topic, "bench/%i")
	case subLoad:
		s.Subscribers, s.Filter, s.Filters = orDefault(p.Subscribers, 100), orDefault(p.Topic, "bench/%i"), p.Filters
	case connectLoad:
		s.Sources = 200
	}
	return s
}

// start makes the generator of the phase, connected where it keeps its
// connections.
func (p *phase) start(ctx context.Context, b *peer.Broker, t target, run string) (generator, error) {
	s := p.spec()
	s.Run = run
	t.transport, t.x25519 = p.Transport, t.x25519 || p.X25519
	t.aim(&s, b)
	if p.Load == connectLoad {
		return load.NewStorm(s, p.Resume)
	}
	return startLoad(ctx, s, t.workers)
}

// run runs the phase against a broker. A mix gives a run for each load in it;
// the broker's CPU is then told for all of them together.
func (p *phase) run(ctx context.Context, b *peer.Broker, t target, show progress) ([]report.Run, error) {
	parts := p.Mix
	if len(parts) == 0 {
		parts = []phase{*p}
	}
	var all mixed
	defer func() { all.Close() }()
	for i := range parts {
		g, err := parts[i].start(ctx, b, t, fmt.Sprintf("bench%d", i))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		all = append(all, g)
	}
	timing := timing{parts[0].Warmup, parts[0].Duration, 500 * time.Millisecond, len(parts) == 1 && p.Load == subLoad}
	if len(all) == 1 {
		r, err := measure(ctx, p.Name, all[0], b, timing, show)
		return []report.Run{r}, err
	}
	total, err := measure(ctx, p.Name, all, b, timing, show)
	runs := []report.Run{total}
	for i, g := range all {
		r := newRun(parts[i].Name+"/"+parts[i].Load, g.Measured())
		r.Broker = total.Broker
		runs = append(runs, r)
	}
	return runs, err
}

// density runs a phase of that kind against a broker started for it.
func (p *phase) density(ctx context.Context, t target, show progress) (report.Density, error) {
	d := density{target: t, steps: p.Steps, settle: time.Second}
	if len(d.steps) == 0 {
		d.steps = []int{1000, 2000, 4000}
	}
	return d.measure(ctx, p.Transport, show)
}

// mixed are several loads that run side by side.
type mixed []generator

// Go begins all of them.
func (m mixed) Go() {
	for _, g := range m {
		g.Go()
	}
}

// Mark begins the measured part of all of them.
func (m mixed) Mark() {
	for _, g := range m {
		g.Mark()
	}
}

// Counts adds them up.
func (m mixed) Counts() (c load.Counts) {
	for _, g := range m {
		c = c.Add(g.Counts())
	}
	return c
}

// Measured adds them up.
func (m mixed) Measured() (r load.Result) {
	for i, g := range m {
		if one := g.Measured(); i == 0 {
			r = one
		} else {
			r.Merge(one)
		}
	}
	return r
}

// Stop ends all of them.
func (m mixed) Stop(patience time.Duration) (missing int) {
	for _, g := range m {
		missing += g.Stop(patience)
	}
	return missing
}

// Revive sets all of them going again.
func (m mixed) Revive() {
	for _, g := range m {
		g.Revive()
	}
}

// Close disconnects all of them.
func (m mixed) Close() {
	for _, g := range m {
		g.Close()
	}
}

// Err returns the first failure.
func (m mixed) Err() error {
	for _, g := range m {
		if err := g.Err(); err != nil {
			return err
		}
	}
	return nil
}
