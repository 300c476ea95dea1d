package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/wicketmq/wicket/cmd/wicket-bench/load"
	"github.com/wicketmq/wicket/cmd/wicket-bench/peer"
)

// clients is a generator whose connections stay.
type clients interface {
	generator
	Connect(ctx context.Context, subscribers, publishers int) error
	Churn(ctx context.Context, rate float64) error
}

// newClients prepares a load in this process, or shared among worker
// processes where there are to be several.
func newClients(s load.Spec, workers int) (clients, error) {
	if workers <= 1 {
		return load.New(s)
	}
	team := &team{}
	for _, part := range split(s, workers) {
		w, err := startWorker(part)
		if err != nil {
			team.Close()
			return nil, err
		}
		team.workers = append(team.workers, w)
	}
	return team, nil
}

// startLoad is newClients with everybody connected.
func startLoad(ctx context.Context, s load.Spec, workers int) (clients, error) {
	g, err := newClients(s, workers)
	if err != nil {
		return nil, err
	}
	if err := g.Connect(ctx, s.Subscribers, s.Publishers); err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

// split shares a load among worker processes. A message and the window it
// takes must belong to one process, so
//   - a fan-out has its publishers in the first, whose window counts the
//     deliveries there;
//   - a fan-in becomes as many smaller ones, with topics of their own;
//   - pairs, publishers and subscribers alone are dealt out by number.
func split(s load.Spec, workers int) []load.Spec {
	var parts []load.Spec
	firstPub, firstSub := 0, 0
	for w := range workers {
		p := s
		p.Publishers, p.Subscribers = share(s.Publishers, workers, w), share(s.Subscribers, workers, w)
		p.Rate = s.Rate / float64(workers)
		p.ConnectRate = s.ConnectRate / float64(workers)
		p.First = max(firstPub, firstSub)
		switch {
		case s.Fan > 1:
			p.Publishers, p.Fan, p.Rate, p.First = 0, p.Subscribers, 0, firstSub
			if w == 0 {
				p.Publishers, p.Rate = s.Publishers, s.Rate
			}
		case s.Publishers > 0 && s.Subscribers > 0 && s.Publishers != s.Subscribers:
			p.Run, p.Groups, p.First = fmt.Sprintf("%s-%d", s.Run, w), p.Subscribers, 0
		}
		firstPub, firstSub = firstPub+p.Publishers, firstSub+p.Subscribers
		if p.Publishers+p.Subscribers > 0 {
			parts = append(parts, p)
		}
	}
	return parts
}

// share is the part of one of several workers in a total.
func share(total, workers, w int) int { return total*(w+1)/workers - total*w/workers }

// team is a load shared among worker processes.
type team struct{ workers []*worker }

// each calls f for all workers at the same time and returns the first error.
func (t *team) each(f func(i int, w *worker) error) error {
	errs := make(chan error, len(t.workers))
	for i, w := range t.workers {
		go func() { errs <- f(i, w) }()
	}
	var first error
	for range t.workers {
		if err := <-errs; first == nil {
			first = err
		}
	}
	return first
}

// all sends one order to all workers.
func (t *team) all(o order) ([]reply, error) {
	replies := make([]reply, len(t.workers))
	err := t.each(func(i int, w *worker) (err error) {
		replies[i], err = w.do(o)
		return err
	})
	return replies, err
}

// Connect shares the clients out like split.
func (t *team) Connect(ctx context.Context, subscribers, publishers int) error {
	return t.each(func(i int, w *worker) error {
		o := order{Do: "connect", Subscribers: share(subscribers, len(t.workers), i)}
		if publishers > 0 {
			o.Publishers = w.spec.Publishers
		}
		_, err := w.do(o)
		return err
	})
}

// Churn replaces clients in all workers.
func (t *team) Churn(ctx context.Context, rate float64) error {
	if rate <= 0 {
		return nil
	}
	if _, err := t.all(order{Do: "churn", Rate: rate / float64(len(t.workers))}); err != nil {
		return err
	}
	<-ctx.Done()
	_, err := t.all(order{Do: "still"})
	return err
}

// Go begins to publish.
func (t *team) Go() { _, _ = t.all(order{Do: "go"}) }

// Mark begins the measured part.
func (t *team) Mark() { _, _ = t.all(order{Do: "mark"}) }

// Revive sets closed loops going again.
func (t *team) Revive() { _, _ = t.all(order{Do: "revive"}) }

// Counts adds the counts up.
func (t *team) Counts() (c load.Counts) {
	replies, _ := t.all(order{Do: "counts"})
	for _, r := range replies {
		c = c.Add(r.Counts)
	}
	return c
}

// Measured adds the measurements up.
func (t *team) Measured() (sum load.Result) {
	replies, _ := t.all(order{Do: "measured"})
	for i, r := range replies {
		one := r.result()
		if i == 0 {
			sum = one
		} else {
			sum.Merge(one)
		}
	}
	return sum
}

// Stop ends the publishing.
func (t *team) Stop(patience time.Duration) (missing int) {
	replies, _ := t.all(order{Do: "stop", Patience: patience})
	for _, r := range replies {
		missing += r.Missing
	}
	return missing
}

// Err returns the first failure of a client.
func (t *team) Err() error {
	_, err := t.all(order{Do: "err"})
	return err
}

// Close disconnects everybody and ends the workers.
func (t *team) Close() {
	_ = t.each(func(_ int, w *worker) error { return w.close() })
}

// CPU is the processor time of this process and the workers.
func (t *team) CPU() time.Duration {
	total := peer.OwnCPU()
	for _, w := range t.workers {
		used, _ := peer.CPU(w.cmd.Process.Pid)
		total += used
	}
	return total
}

// result puts a measurement together that came as JSON.
func (r *reply) result() load.Result {
	out := load.Result{Counts: r.Counts, Seconds: r.Seconds, Resumed: r.Resumed}
	out.Latency, out.Connect = decodeHistogram(r.Latency), decodeHistogram(r.Connect)
	return out
}

func decodeHistogram(b []byte) *hdrhistogram.Histogram {
	if h, err := hdrhistogram.Decode(b); err == nil {
		return h
	}
	return hdrhistogram.New(1, int64(time.Minute), 3)
}

// myself is the program of the workers.
func myself() (string, error) {
	if me := os.Getenv("WICKET_BENCH_PROGRAM"); me != "" {
		return me, nil // of tests, whose own program is another
	}
	return os.Executable()
}
