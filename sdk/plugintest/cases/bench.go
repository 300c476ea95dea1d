package cases

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/wicketmq/wicket/engine/auth"
)

// Load says how a case is asked over and over.
type Load struct {
	Time    time.Duration // how long
	Callers int           // questions at a time
}

// Figures are what a plugin with one instance costs.
type Figures struct {
	Events    uint64        `json:"events"`
	PerSecond float64       `json:"events_per_second"`
	P50       time.Duration `json:"p50_ns"` // from question to answer, waiting for the instance included
	P99       time.Duration `json:"p99_ns"`
	Guest     time.Duration `json:"guest_ns_per_event"` // by the clock, in the guest
	Calls     float64       `json:"calls_per_event"`    // into the guest
	Memory    uint32        `json:"start_memory"`       // bytes of an instance before it is configured
	Start     time.Duration `json:"start_ns"`           // of an instance, compiled
	Open      time.Duration `json:"open_ns"`            // of the plugin, from the cache of compiled modules
	Faults    uint64        `json:"faults"`             // questions that it gave no answer to
}

// maxLatency is the longest time that is told apart, in nanoseconds.
const maxLatency = int64(time.Minute)

// Bench asks the first question of a case for a while. Answers of upstreams cost
// nothing here, and are not compared with what is expected.
func (r *Runner) Bench(ctx context.Context, s *Suite, c *Case, l Load) (*Figures, error) {
	r.log.clear()
	begin := time.Now()
	t, err := r.open(ctx, s, c)
	if err != nil {
		return nil, err
	}
	defer t.close()
	f := &Figures{Open: time.Since(begin), Start: r.Info.Start, Memory: r.Info.StartMemory}
	if _, err := t.ask(&c.Step); err != nil { // warm, and known to work
		return nil, err
	}
	before := t.plugin.Stats()
	begin = time.Now()
	all, err := t.storm(ctx, &c.Step, l)
	if err != nil {
		return nil, err
	}
	took, after := time.Since(begin), t.plugin.Stats()
	f.Events = uint64(all.TotalCount())
	if f.Events == 0 {
		return nil, fmt.Errorf("the plugin has answered nothing in %s", l.Time)
	}
	n := float64(f.Events)
	f.PerSecond = n / took.Seconds()
	f.P50, f.P99 = time.Duration(all.ValueAtQuantile(50)), time.Duration(all.ValueAtQuantile(99))
	f.Guest = time.Duration(float64(after.CallTime-before.CallTime) / n)
	f.Calls = float64(after.Calls-before.Calls) / n
	f.Faults = after.Failed + after.Expired + after.Rejected + after.Busy - before.Failed - before.Expired - before.Rejected - before.Busy
	return f, nil
}

// storm asks from several goroutines at once until the time is over.
func (t *trial) storm(ctx context.Context, s *Step, l Load) (*hdrhistogram.Histogram, error) {
	var over atomic.Bool
	timer := time.AfterFunc(l.Time, func() { over.Store(true) })
	defer timer.Stop()
	t.net.forget = true
	parts := make([]*hdrhistogram.Histogram, l.Callers)
	errs := make([]error, l.Callers)
	var wg sync.WaitGroup
	for i := range l.Callers {
		parts[i] = hdrhistogram.New(1, maxLatency, 3)
		wg.Go(func() {
			for !over.Load() && ctx.Err() == nil && errs[i] == nil {
				begin := time.Now()
				errs[i] = t.plain(s)
				_ = parts[i].RecordValue(min(int64(time.Since(begin)), maxLatency))
			}
		})
	}
	wg.Wait()
	all := hdrhistogram.New(1, maxLatency, 3)
	for i := range parts {
		all.Merge(parts[i])
		if errs[i] != nil {
			return nil, errs[i]
		}
	}
	return all, ctx.Err()
}

// plain puts a question to the plugin and waits for the answer, whatever it is.
func (t *trial) plain(s *Step) error {
	done := make(chan struct{})
	answered := func(v auth.Verdict) {
		if v.Dialog != nil {
			v.Dialog.End()
		}
		close(done)
	}
	switch {
	case s.ClientHello != nil:
		h, err := s.ClientHello.hello()
		if err != nil {
			return err
		}
		t.plugin.Hello(h, answered)
	case s.Authorize != nil:
		acc, err := s.Authorize.access()
		if err != nil {
			return err
		}
		t.plugin.Authorize(acc, answered)
	default:
		req, err := s.Authenticate.request()
		if err != nil {
			return err
		}
		t.plugin.Authenticate(req, answered)
	}
	<-done
	return nil
}
