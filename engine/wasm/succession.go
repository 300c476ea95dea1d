package wasm

import "time"

// How a worker's instances end and are followed by others. All of it runs on the
// worker's goroutine but the start of a replacement.

// Back-off of replacement instances, and how long one must live to be called
// healthy again.
const (
	backoffFirst   = 100 * time.Millisecond
	backoffLongest = 30 * time.Second
	healthyAfter   = 10 * time.Second
)

// unloadSlice is the time that wicket_unload gets.
const unloadSlice = 100 * time.Millisecond

// fault throws an instance away. Its requests are answered by policy.
func (w *worker) fault(i *instance, f *fault) {
	now := time.Now()
	p := w.p
	p.stats.faults[f.kind].Add(1)
	lost := len(i.live)
	for _, r := range i.live {
		w.fail(r)
	}
	i.close()
	if f.kind == FaultStack {
		reclaim()
	}
	opened := p.breaker.failure(now)
	p.complain("plugin failed; its instance is replaced", "kind", f.kind.String(), "error", f.text, "requests", lost)
	if opened {
		p.log.Error("plugin keeps failing and is not asked for a while", "on_error", policyText(p.policy))
	}
	if i == w.old {
		w.old = nil
		return
	}
	w.cur = nil
	w.up.Store(false)
	p.nudgeListener()
	if now.Sub(i.born) > healthyAfter {
		w.failures = 0
	}
	w.restart()
	w.handOver()
}

// restart has a replacement started after the back-off. Only one is on its way
// at a time: one for a grown instance serves a failed one as well.
func (w *worker) restart() {
	if w.starting {
		return
	}
	w.starting = true
	delay := min(backoffFirst<<min(w.failures, 16), backoffLongest)
	w.failures++
	w.p.wg.Go(func() { w.startAfter(delay) })
}

func (w *worker) startAfter(delay time.Duration) {
	t := time.NewTimer(delay)
	defer t.Stop()
	select {
	case <-t.C:
	case <-w.p.stop:
		return
	}
	i := newInstance(w)
	i.guard.quit = w.p.stop // a start may take as long as LoadSlice
	s := &started{i, i.start()}
	i.guard.quit = nil // but wicket_unload is called at the end
	if !w.send(func(in *inbox) { in.started = s }) {
		i.close()
	}
}

// install takes a replacement into service.
func (w *worker) install(s *started) {
	w.starting = false
	w.completions = append(w.completions, w.early...)
	w.early = nil
	p := w.p
	if w.stopping() {
		s.inst.close()
		return
	}
	if s.err != nil {
		p.stats.faults[FaultStart].Add(1)
		p.breaker.failure(time.Now())
		p.complain("plugin cannot be restarted", "error", s.err)
		if w.cur == nil {
			w.restart()
			w.handOver()
		} else { // it goes on, grown as it is
			w.cur.leaving = false
			w.cur.high = 1<<64 - 1
		}
		return
	}
	if w.cur != nil {
		p.stats.recycled.Add(1)
		w.old = w.cur
	} else {
		p.stats.restarts.Add(1)
	}
	w.cur = s.inst
	w.up.Store(true)
}

// retire replaces an instance whose memory has grown too far, and closes a
// replaced one when it has nothing left to answer.
func (w *worker) retire() {
	if w.old != nil && len(w.old.live) == 0 && len(w.old.begun) == 0 {
		w.unload(w.old)
		w.old = nil
	}
	if i := w.cur; i != nil && w.old == nil && !w.starting && !i.leaving && i.swollen() {
		i.leaving = true
		w.starting = true
		w.p.wg.Go(func() { w.startAfter(0) })
	}
}

// handOver gives waiting requests to a worker that has an instance. When none
// has, they wait for the replacement, unless the breaker is open.
func (w *worker) handOver() {
	other := w.p.upWorker()
	open := w.p.breaker.current() == BreakerOpen
	if other == nil && !open {
		return
	}
	var stay []*request
	for len(w.ready) > 0 {
		r := w.take()
		switch {
		case r.answered:
		case r.exchange != nil && !r.exchange.inst.closed:
			stay = append(stay, r)
		case open || r.exchange != nil:
			w.fail(r)
		default:
			w.due.remove(r)
			if !other.submit(r) {
				w.p.refuse(r)
			}
		}
	}
	w.ready = stay
	w.backlog.Add(int32(len(stay)))
}

// finish ends the worker. What is unanswered is denied.
func (w *worker) finish() {
	w.inbox.mu.Lock()
	w.inbox.closed = true
	w.inbox.mu.Unlock()
	w.collect()
	for r := w.due.first(); r != nil; r = w.due.first() {
		w.answer(r, unavailable(r.question()))
	}
	w.ready = nil
	for _, i := range []*instance{w.old, w.cur} {
		if i == nil {
			continue
		}
		w.unload(i)
	}
	w.cur, w.old = nil, nil
	w.up.Store(false)
	w.starting = false
	w.rest()
}

// unload closes an instance in good order.
func (w *worker) unload(i *instance) {
	if i.unload.fn != nil {
		if err := i.call(&i.unload, unloadSlice); err != nil {
			w.p.complain("plugin failed while it unloaded", "error", err)
		}
	}
	i.parted = true
	i.close()
}
