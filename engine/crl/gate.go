package crl

import (
	"context"
	"slices"
	"sync"
)

// How many fetches run at once, in all and from one host. A host that does not
// answer holds up its own lists and leaves room for those of others; and no
// more than maxFetches answers of Options.MaxSize are in memory at once.
const (
	maxFetches   = 8
	maxPerServer = 2
)

// gate admits fetches, first come first served among those that may run.
type gate struct {
	mu      sync.Mutex
	running int
	hosts   map[string]int
	queue   []*ticket
}

type ticket struct {
	host  string
	admit chan struct{}
}

func newGate() *gate { return &gate{hosts: make(map[string]int)} }

// enter waits for a place; leave gives it back.
func (g *gate) enter(ctx context.Context, host string) error {
	t := &ticket{host, make(chan struct{})}
	g.mu.Lock()
	g.queue = append(g.queue, t)
	g.admit()
	g.mu.Unlock()
	select {
	case <-t.admit:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.queue, t); i >= 0 {
		g.queue = slices.Delete(g.queue, i, i+1)
	} else { // it was admitted meanwhile
		g.release(host)
	}
	return ctx.Err()
}

func (g *gate) leave(host string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.release(host)
}

func (g *gate) release(host string) {
	g.running--
	if g.hosts[host]--; g.hosts[host] == 0 {
		delete(g.hosts, host)
	}
	g.admit()
}

func (g *gate) admit() {
	for i := 0; i < len(g.queue) && g.running < maxFetches; {
		t := g.queue[i]
		if g.hosts[t.host] >= maxPerServer {
			i++
			continue
		}
		g.queue = slices.Delete(g.queue, i, i+1)
		g.running++
		g.hosts[t.host]++
		close(t.admit)
	}
}
