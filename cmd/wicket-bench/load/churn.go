package load

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Churn replaces subscribers by new ones, oldest first, so many per second,
// until the context ends; several at a time where one takes longer than its
// share. A failure of one ends it.
func (l *Load) Churn(ctx context.Context, rate float64) error {
	if rate <= 0 || len(l.subs) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	gate := schedule{start: clock(), interval: float64(time.Second) / rate}
	var next atomic.Int64
	var wg sync.WaitGroup
	var failed error
	var once sync.Once
	for range min(l.spec.Dialers, len(l.subs)) {
		wg.Go(func() {
			for {
				k := int(next.Add(1)) - 1
				select {
				case <-ctx.Done():
					return
				case <-time.After(time.Duration(gate.at(k) - clock())):
				}
				if err := l.replace(ctx, k%len(l.subs)); err != nil && ctx.Err() == nil {
					once.Do(func() { failed = err })
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	return failed
}

// replace disconnects a subscriber and connects another in its place.
func (l *Load) replace(ctx context.Context, k int) error {
	c := &client{load: l, n: k, done: make(chan error, 1)}
	l.on(func() {
		l.subs[k].disconnect()
		l.subs[k] = c
	})
	return l.open(ctx, c)
}
