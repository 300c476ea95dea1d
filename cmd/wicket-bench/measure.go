package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wicketmq/wicket/cmd/wicket-bench/load"
	"github.com/wicketmq/wicket/cmd/wicket-bench/peer"
	"github.com/wicketmq/wicket/cmd/wicket-bench/report"
)

// generator is a load, in this process or in several others.
type generator interface {
	Go()
	Mark()
	Counts() load.Counts
	Measured() load.Result
	Stop(patience time.Duration) (missing int)
	Revive()
	Close()
	Err() error
}

// timing is how long a load runs.
type timing struct {
	warmup   time.Duration
	duration time.Duration
	sample   time.Duration // between the points of the series
	idle     bool          // nothing need happen
}

// measure runs a load whose clients are connected against a broker that may
// be read (or nil), and reports the part behind the warm-up.
func measure(ctx context.Context, name string, g generator, b *peer.Broker, t timing, show progress) (report.Run, error) {
	g.Go()
	if err := sleep(ctx, t.warmup); err != nil {
		return report.Run{}, err
	}
	m := meter{broker: b, g: g, idle: t.idle}
	if err := m.begin(); err != nil {
		return report.Run{}, err
	}
	if err := m.watch(ctx, t, show); err != nil {
		return report.Run{}, err
	}
	run, err := m.end(name)
	g.Stop(500 * time.Millisecond)
	return run, errors.Join(err, g.Err())
}

// meter reads the broker and the load while it runs.
type meter struct {
	broker *peer.Broker
	g      generator
	start  time.Time
	own    time.Duration
	usage  peer.Usage // at the begin
	series []report.Sample
	idle   bool // nothing need happen
}

func (m *meter) begin() (err error) {
	m.g.Mark()
	m.start, m.own = time.Now(), m.ownCPU()
	if m.broker != nil {
		m.usage, err = m.broker.Usage()
	}
	return err
}

// ownCPU is the processor time of the load itself.
func (m *meter) ownCPU() time.Duration {
	if w, ok := m.g.(interface{ CPU() time.Duration }); ok {
		return w.CPU()
	}
	return peer.OwnCPU()
}

// watch takes samples until the time is over. A closed loop that stands still
// because the broker has lost messages is set going again.
func (m *meter) watch(ctx context.Context, t timing, show progress) error {
	last, lastUsage, lastTime, moving := m.g.Counts(), m.usage, m.start, m.start
	for end := m.start.Add(t.duration); time.Now().Before(end); {
		if err := sleep(ctx, min(t.sample, time.Until(end))); err != nil {
			return err
		}
		now, counts := time.Now(), m.g.Counts()
		passed := now.Sub(lastTime).Seconds()
		moved := counts.Sub(last)
		s := report.Sample{Second: now.Sub(m.start).Seconds(), Rate: float64(operations(moved)) / passed}
		if m.broker != nil {
			u, err := m.broker.Usage()
			if err != nil {
				return err
			}
			s.RSS, s.CPU = u.RSS, (u.CPU-lastUsage.CPU).Seconds()/passed
			lastUsage = u
		}
		if operations(moved) > 0 || m.idle {
			moving = now
		} else if now.Sub(moving) >= still {
			m.g.Revive()
		}
		last, lastTime = counts, now
		m.series = append(m.series, s)
		show.line("%6.1f s %12.0f /s  broker %5.1f %% CPU %8.1f MB", s.Second, s.Rate, 100*s.CPU, float64(s.RSS)/1e6)
	}
	return nil
}

// still is how long nothing may happen before what is under way counts as lost.
const still = time.Second

// operations is what a load of messages counts.
func operations(c load.Counts) uint64 {
	switch {
	case c.Received > 0:
		return c.Received
	case c.Acked > 0:
		return c.Acked
	case c.Sent > 0:
		return c.Sent
	}
	return c.Connected
}

func (m *meter) end(name string) (report.Run, error) {
	r := m.g.Measured()
	own := m.ownCPU() - m.own
	n := operations(r.Counts)
	run := newRun(name, r)
	run.Clients, run.Series = int(m.g.Counts().Connected), m.series
	run.OwnCPU = report.Per(float64(own.Microseconds()), n)
	if m.broker == nil {
		return run, nil
	}
	u, err := m.broker.Usage()
	run.Broker = m.broker.Name
	run.BrokerCPU = report.Per(float64((u.CPU - m.usage.CPU).Microseconds()), n)
	run.RSS = u.RSS
	if n == 0 && !m.idle {
		err = errors.Join(err, fmt.Errorf("%s has done nothing", m.broker.Name))
	}
	return run, err
}

// newRun is what the load alone tells of a run.
func newRun(name string, r load.Result) report.Run {
	n := operations(r.Counts)
	return report.Run{
		Name: name, Seconds: r.Seconds, Sent: r.Sent, Received: r.Received, Lost: r.Lost, Dropped: r.Dropped,
		Resumed: r.Resumed, Operations: n, Rate: float64(n) / r.Seconds,
		Latency: report.NewLatency(r.Latency), Connect: report.NewLatency(r.Connect),
	}
}

// sleep waits, or ends early with the context.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
