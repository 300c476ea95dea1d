package topic

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestHammer lets the loops of four shards change the index at random while
// two readers match. Each shard also has one client whose subscriptions stay:
// every Match must find them, whatever happens to the nodes, branches, slots
// and lists around them. When all have stopped the index must hold exactly
// what the loops remember.
func TestHammer(t *testing.T) {
	const shards, clients, rounds = 4, 6, 8_000
	x := New[*client](shards)
	stay := make([]*client, shards)
	for i := range stay {
		stay[i] = &client{fmt.Sprint("stay", i), i}
		for _, f := range stayFilters {
			subscribe(x, f, Sub[*client]{stay[i], 7, 0})
		}
	}

	models := make([]model, shards)
	var loops, readers sync.WaitGroup
	var done atomic.Bool
	for shard := range shards {
		models[shard] = model{}
		loops.Go(func() {
			l := hammerLoop{x: x, m: models[shard], shard: shard, stay: stay[shard], rnd: rand.New(rand.NewPCG(1, uint64(shard)))}
			for i := range clients {
				l.clients = append(l.clients, &client{fmt.Sprint("c", i), shard})
			}
			for i := 0; i < rounds && !t.Failed(); i++ {
				l.change()
				if i%8 == 0 {
					l.serve(t)
				}
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			var m Matches[*client]
			for !done.Load() && !t.Failed() {
				for _, name := range stayNames {
					x.Match([]byte(name), &m)
					checkStay(t, name, &m, shards)
				}
			}
		})
	}
	loops.Wait()
	done.Store(true)
	readers.Wait()
	if t.Failed() {
		return
	}

	all := model{}
	for i, m := range models {
		for _, f := range stayFilters {
			all.subscribe(f, Sub[*client]{stay[i], 7, 0})
		}
		for f, subs := range m {
			for _, s := range subs {
				all.subscribe(f, s)
			}
		}
	}
	checkIndex(t, x, all)
	for _, name := range append(stayNames, "k/1", "k/2/x", "w/3/y/z") {
		if got, want := match(t, x, name), all.want(name); !slices.Equal(got, want) {
			t.Errorf("%q reaches\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

var (
	stayFilters = []string{"k/stay", "w/+/stay/#", "w/stay/+/x", "$share/g/k/stay", "$share/g/w/+/stay/#"}
	stayNames   = []string{"k/stay", "w/stay/stay/x", "w/1/stay"}
)

// checkStay looks for what stayFilters must give for one of stayNames.
func checkStay(t *testing.T, name string, m *Matches[*client], shards int) {
	nodes, groups := 0, 0
	for _, n := range m.Nodes {
		if slices.Contains(stayFilters, n.Filter()) {
			nodes++
			for shard := range shards {
				if !n.On(shard) {
					t.Errorf("%q has lost shard %d", n.Filter(), shard)
				}
			}
		}
	}
	for _, g := range m.Groups {
		if slices.Contains(stayFilters, sharePrefix+g.Share()+"/"+g.Filter()) {
			groups++
			if _, _, ok := g.Pick(); !ok {
				t.Errorf("the group of %q is empty", g.Filter())
			}
		}
	}
	want := map[string][2]int{"k/stay": {1, 1}, "w/stay/stay/x": {2, 1}, "w/1/stay": {1, 1}}[name]
	if nodes != want[0] || groups != want[1] {
		t.Errorf("%q finds %d nodes and %d groups of those that stay, want %v", name, nodes, groups, want)
	}
}

type hammerLoop struct {
	x       *index
	m       model
	shard   int
	stay    *client
	clients []*client
	rnd     *rand.Rand
	matches Matches[*client]
}

// change subscribes or unsubscribes one client; now and then everybody leaves
// at once, so that tables shrink as well as grow.
func (l *hammerLoop) change() {
	c := l.clients[l.rnd.IntN(len(l.clients))]
	f := l.filter()
	if l.rnd.IntN(5) < 2 {
		unsubscribe(l.x, f, c)
		l.m.unsubscribe(f, c)
		return
	}
	sub := Sub[*client]{c, l.rnd.Uint32(), 0}
	subscribe(l.x, f, sub)
	l.m.subscribe(f, sub)
	if l.rnd.IntN(200) == 0 {
		for f, subs := range l.m {
			for c := range subs {
				unsubscribe(l.x, f, c)
			}
		}
		clear(l.m)
	}
}

func (l *hammerLoop) filter() string {
	n := l.rnd.IntN(50)
	switch l.rnd.IntN(10) {
	case 0:
		return "k/stay"
	case 1:
		return "w/+/stay/#"
	case 2:
		return fmt.Sprintf("w/%d/+/z", n)
	case 3:
		return fmt.Sprintf("w/+/%d/#", n)
	case 4:
		return "$share/g/k/stay"
	case 5:
		return fmt.Sprintf("$share/h/w/%d/#", n%4)
	case 6:
		return fmt.Sprintf("w/stay/+/%d", n)
	}
	return fmt.Sprintf("k/%d", l.rnd.IntN(2000))
}

// serve does what a publishing loop does, on the loop's own subscribers.
func (l *hammerLoop) serve(t *testing.T) {
	l.x.Match([]byte("k/stay"), &l.matches)
	for _, n := range l.matches.Nodes {
		found := false
		for _, s := range n.Local(l.shard) {
			found = found || s.Subscriber == l.stay && s.ID == 7
		}
		if !found {
			t.Errorf("%q has lost its subscriber on shard %d", n.Filter(), l.shard)
		}
	}
}

// TestChurnLeavesNothing has a thousand clients come and go, then looks for
// what they left behind.
func TestChurnLeavesNothing(t *testing.T) {
	x := New[*client](2)
	stay := &client{"stay", 0}
	m := model{}
	for _, f := range stayFilters {
		subscribe(x, f, Sub[*client]{Subscriber: stay})
		m.subscribe(f, Sub[*client]{Subscriber: stay})
	}
	for i := range 5_000 {
		c := &client{"", i % 2}
		filters := []string{fmt.Sprintf("d/%d/cmd", i), fmt.Sprintf("d/%d/#", i), fmt.Sprintf("+/%d/+", i),
			fmt.Sprintf("$share/%d/w/+/stay/#", i), "k/stay", "w/+/stay/#"}
		for _, f := range filters {
			subscribe(x, f, Sub[*client]{Subscriber: c})
		}
		for _, f := range filters {
			if !unsubscribe(x, f, c) {
				t.Fatalf("%q was not subscribed to", f)
			}
		}
	}
	checkIndex(t, x, m)
	for _, st := range []*stripe[Node[*client]]{&x.exact.nodes.stripes[0], &x.exact.nodes.stripes[1]} {
		if n := len(st.load()); n > minSlots {
			t.Errorf("a stripe keeps %d slots", n)
		}
	}
	for _, n := range []*Node[*client]{x.exact.find("k/stay"), x.wild.find("w/+/stay/#")} {
		if n.groups.Load() == nil || len(*n.groups.Load()) != 1 {
			t.Errorf("%q keeps groups without members", n.filter)
		}
		if l := n.lists.Load().get(1); l != nil {
			t.Errorf("%q keeps a list of a shard without subscribers", n.filter)
		}
	}
}
