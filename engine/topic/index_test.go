package topic

import (
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// client stands for a session.
type client struct {
	name  string
	shard int
}

type index = Index[*client]

// model is what an index should hold, in the plainest form. A share is part
// of the filter here, as it is on the wire.
type model map[string]map[*client]Sub[*client]

func (m model) subscribe(filter string, sub Sub[*client]) (replaced bool) {
	if m[filter] == nil {
		m[filter] = map[*client]Sub[*client]{}
	}
	_, replaced = m[filter][sub.Subscriber]
	m[filter][sub.Subscriber] = sub
	return replaced
}

func (m model) unsubscribe(filter string, c *client) bool {
	_, ok := m[filter][c]
	delete(m[filter], c)
	if len(m[filter]) == 0 {
		delete(m, filter)
	}
	return ok
}

// subscribe and unsubscribe do to an index what the methods of the same name
// do to a model.
func subscribe(x *index, filter string, sub Sub[*client]) bool {
	shard := sub.Subscriber.shard
	if share, inner, ok := SplitShared(filter); ok {
		return x.SubscribeShared(shard, share, inner, sub)
	}
	return x.Subscribe(shard, filter, sub)
}

func unsubscribe(x *index, filter string, c *client) bool {
	if share, inner, ok := SplitShared(filter); ok {
		return x.UnsubscribeShared(c.shard, share, inner, c)
	}
	return x.Unsubscribe(c.shard, filter, c)
}

// want lists what a message to name reaches: filter, subscriber, options.
func (m model) want(name string) []string {
	var all []string
	for f, subs := range m {
		_, inner, _ := SplitShared(f)
		if !naiveMatch(inner, name) {
			continue
		}
		for _, s := range subs {
			all = append(all, line(f, s))
		}
	}
	slices.Sort(all)
	return all
}

func line(filter string, s Sub[*client]) string {
	return fmt.Sprintf("%s -> %s@%d id=%d opt=%#x", filter, s.Subscriber.name, s.Subscriber.shard, s.ID, s.Options)
}

// got lists what Match found, in the form of want. It picks once around every
// group, so that an uneven turn shows as well.
func got(t interface{ Errorf(string, ...any) }, m *Matches[*client]) []string {
	var all []string
	var union uint64
	for _, n := range m.Nodes {
		union |= n.Shards()
		for shard := range MaxShards {
			subs := n.Local(shard)
			if n.On(shard) != (len(subs) > 0) {
				t.Errorf("%q: On(%d) = %v with %d subscribers", n.Filter(), shard, n.On(shard), len(subs))
			}
			for _, s := range subs {
				if s.Subscriber.shard != shard {
					t.Errorf("%q: %s is on shard %d", n.Filter(), line("", s), shard)
				}
				all = append(all, line(n.Filter(), s))
			}
		}
	}
	if m.Shards != union {
		t.Errorf("Shards = %b, want %b", m.Shards, union)
	}
	for _, g := range m.Groups {
		for range g.Len() {
			s, shard, ok := g.Pick()
			if !ok || s.Subscriber.shard != shard {
				t.Errorf("Pick of %q gives %v on shard %d, %v", g.Filter(), s.Subscriber, shard, ok)
			}
			all = append(all, line(sharePrefix+g.Share()+"/"+g.Filter(), s))
		}
	}
	slices.Sort(all)
	return all
}

func match(t interface{ Errorf(string, ...any) }, x *index, name string) []string {
	var m Matches[*client]
	x.Match([]byte(name), &m)
	return got(t, &m)
}

func TestIndexAgreesWithMatchTable(t *testing.T) {
	for _, c := range matchTable {
		if ValidFilter(c.filter) != nil || ValidName(c.name) != nil {
			continue
		}
		x := New[*client](1)
		x.Subscribe(0, c.filter, Sub[*client]{Subscriber: &client{"c", 0}})
		if got := len(match(t, x, c.name)) == 1; got != c.want {
			t.Errorf("%q matches %q: %v", c.filter, c.name, got)
		}
	}
}

// TestIndexAgreesWithModel runs random subscribes and unsubscribes of clients
// on several shards against the model and looks at everything in between.
func TestIndexAgreesWithModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, m := New[*client](MaxShards), model{}
		clients := make([]*client, rapid.IntRange(1, 8).Draw(t, "clients"))
		for i := range clients {
			clients[i] = &client{fmt.Sprint("c", i), rapid.SampledFrom([]int{0, 1, 2, 63}).Draw(t, "shard")}
		}
		filters := rapid.SliceOfN(sharedOrNot, 1, 12).Draw(t, "filters")
		who, filter := rapid.SampledFrom(clients), rapid.SampledFrom(filters)
		t.Repeat(map[string]func(*rapid.T){
			"subscribe": func(t *rapid.T) {
				f, sub := filter.Draw(t, "filter"), Sub[*client]{who.Draw(t, "client"), rapid.Uint32().Draw(t, "id"), Options(rapid.Byte().Draw(t, "options"))}
				if got, want := subscribe(x, f, sub), m.subscribe(f, sub); got != want {
					t.Fatalf("replaced %v, want %v", got, want)
				}
			},
			"unsubscribe": func(t *rapid.T) {
				f, c := filter.Draw(t, "filter"), who.Draw(t, "client")
				if got, want := unsubscribe(x, f, c), m.unsubscribe(f, c); got != want {
					t.Fatalf("removed %v, want %v", got, want)
				}
			},
			"match": func(t *rapid.T) {
				name := nameFor(filter).Draw(t, "name")
				if got, want := match(t, x, name), m.want(name); !slices.Equal(got, want) {
					t.Fatalf("%q reaches\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			},
			"": func(t *rapid.T) { checkIndex(t, x, m) },
		})
	})
}

var sharedOrNot = rapid.Custom(func(t *rapid.T) string {
	f := anyFilter.Draw(t, "filter")
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		return "$share/" + rapid.SampledFrom([]string{"g", "h"}).Draw(t, "share") + "/" + f
	case 1:
		return strings.NewReplacer("+", "p", "#", "h").Replace(f)
	}
	return f
})

// nameFor makes names that often match one of the filters, or nearly so.
func nameFor(filters *rapid.Generator[string]) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		_, inner, _ := SplitShared(filters.Draw(t, "for"))
		level := nameLevel.Draw(t, "level")
		name := strings.NewReplacer("+", level, "#", anyName.Draw(t, "rest")).Replace(inner)
		return name + rapid.SampledFrom([]string{"", "", "/", "/a"}).Draw(t, "end")
	}).Filter(nonEmpty)
}

// checkIndex holds the structure of a quiet index against the model: the same
// nodes and nothing that should have been pruned.
func checkIndex(t interface{ Fatalf(string, ...any) }, x *index, m model) {
	want := map[string]bool{}
	for f := range m {
		_, inner, _ := SplitShared(f)
		want[inner] = true
	}
	have := map[string]bool{}
	for _, n := range tableElems(t, &x.exact.nodes) {
		have[n.filter] = true
	}
	branches := tableElems(t, &x.wild.kids)
	literal, byParent := 0, map[*branch[*client]]int{}
	for queue := append(branches, &x.wild.root); len(queue) > 0; {
		b := queue[0]
		queue = queue[1:]
		for _, n := range []*Node[*client]{b.here.Load(), b.rest.Load()} {
			if n != nil {
				have[n.filter] = true
			}
		}
		if p := b.plus.Load(); p != nil {
			queue = append(queue, p)
		}
		if b != &x.wild.root && b.bare() {
			t.Fatalf("branch %q is not pruned", b.level)
		}
		if b.parent != nil && b.level != "+" {
			byParent[b.parent]++
		}
		literal += int(b.literal.Load())
	}
	if literal != len(branches) {
		t.Fatalf("branches count %d children, the table holds %d", literal, len(branches))
	}
	for b, n := range byParent {
		if int(b.literal.Load()) != n {
			t.Fatalf("branch %q counts %d children and has %d", b.level, b.literal.Load(), n)
		}
	}
	if !maps.Equal(have, want) {
		t.Fatalf("the index has the filters %q, want %q", slices.Sorted(maps.Keys(have)), slices.Sorted(maps.Keys(want)))
	}
	if x.Len() != len(want) {
		t.Fatalf("Len() = %d, want %d", x.Len(), len(want))
	}
}

// tableElems returns the elements of a quiet table after a look at its counts.
func tableElems[E any](t interface{ Fatalf(string, ...any) }, tab *table[E]) []*E {
	var all []*E
	for i := range tab.stripes {
		st := &tab.stripes[i]
		live, used := 0, 0
		for j := range st.load() {
			s := &st.load()[j]
			e := s.elem.Load()
			if h := s.hash.Load(); (e != nil) != (h > slotDead) {
				t.Fatalf("slot with hash %#x holds %v", h, e)
			} else if h != slotFree {
				used++
			}
			if e != nil {
				live++
				all = append(all, e)
			}
		}
		if live != st.live || used != st.used || used > 0 && used == len(st.load()) {
			t.Fatalf("stripe of %d slots counts %d live, %d used, has %d, %d", len(st.load()), st.live, st.used, live, used)
		}
		if n := len(st.load()); n > minSlots && n > live*8 {
			t.Fatalf("stripe of %d slots was not shrunk to its %d elements", n, live)
		}
	}
	return all
}

func TestNewRefusesShards(t *testing.T) {
	for _, n := range []int{-1, 0, MaxShards + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("New(%d) does not panic", n)
				}
			}()
			New[int](n)
		}()
	}
}

func TestReplaceUpdatesInPlace(t *testing.T) {
	x, a, b := New[*client](2), &client{"a", 0}, &client{"b", 0}
	for _, filter := range []string{"t", "t/+", "$share/g/t"} {
		for _, subs := range [][]Sub[*client]{
			{{a, 1, 0}, {a, 2, 1}},            // alone in the node
			{{b, 3, 0}, {b, 4, 2}, {a, 5, 2}}, // in a list
		} {
			for i, s := range subs {
				want := i > 0 || s.Subscriber == a && subs[0].Subscriber == b
				if got := subscribe(x, filter, s); got != want {
					t.Errorf("%s: replaced %v, want %v", line(filter, s), got, want)
				}
			}
		}
		want := []string{line(filter, Sub[*client]{a, 5, 2}), line(filter, Sub[*client]{b, 4, 2})}
		_, inner, _ := SplitShared(filter)
		got := slices.DeleteFunc(match(t, x, strings.ReplaceAll(inner, "+", "x")), func(l string) bool {
			return !strings.HasPrefix(l, filter+" ")
		})
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestManySubscribersLeave(t *testing.T) {
	const n = 30_000
	x := New[int](1)
	for i := range n {
		x.Subscribe(0, "news", Sub[int]{Subscriber: i, ID: uint32(i)})
	}
	var m Matches[int]
	x.Match([]byte("news"), &m)
	if got := len(m.Nodes[0].Local(0)); got != n {
		t.Fatalf("%d subscribers, want %d", got, n)
	}
	for i := range n - 1 {
		if !x.Unsubscribe(0, "news", i) || i == 0 && x.Unsubscribe(0, "news", i) {
			t.Fatalf("subscriber %d: wrong answer", i)
		}
	}
	local := m.Nodes[0].Local(0)
	if len(local) != 1 || local[0] != (Sub[int]{Subscriber: n - 1, ID: n - 1}) {
		t.Fatalf("left over: %v", local)
	}
	if cap(local) > 4*manySubs {
		t.Errorf("the list keeps room for %d", cap(local))
	}
	x.Unsubscribe(0, "news", n-1)
	if x.Len() != 0 || bits.OnesCount64(m.Nodes[0].Shards()) != 0 {
		t.Errorf("the node is not pruned")
	}
}

func TestPickTakesTurns(t *testing.T) {
	x := New[*client](3)
	a, b, c := &client{"a", 0}, &client{"b", 1}, &client{"c", 2}
	for _, s := range []*client{a, b, c} {
		x.SubscribeShared(s.shard, "g", "t/+", Sub[*client]{Subscriber: s})
	}
	var m Matches[*client]
	x.Match([]byte("t/1"), &m)
	if len(m.Groups) != 1 || len(m.Nodes) != 0 || m.Shards != 0 {
		t.Fatalf("%d groups, %d nodes, shards %b", len(m.Groups), len(m.Nodes), m.Shards)
	}
	g, count := m.Groups[0], map[*client]int{}
	for range 30 {
		s, _, _ := g.Pick()
		count[s.Subscriber]++
	}
	if want := (map[*client]int{a: 10, b: 10, c: 10}); !maps.Equal(count, want) {
		t.Errorf("picked %v", count)
	}
	for _, s := range []*client{a, b, c} {
		if !x.UnsubscribeShared(s.shard, "g", "t/+", s) {
			t.Errorf("%s was not a member", s.name)
		}
	}
	if _, _, ok := g.Pick(); ok || x.Len() != 0 {
		t.Errorf("an empty group gives members")
	}
}

// TestLargeGroup lets a group grow over several blocks and shrink again in
// another order; each member must keep getting its turn.
func TestLargeGroup(t *testing.T) {
	const n = 3*blockSize + 7
	x := New[int](2)
	join := func(i int, id uint32) bool {
		return x.SubscribeShared(i%2, "g", "t", Sub[int]{Subscriber: i, ID: id})
	}
	var m Matches[int]
	turns := func(want map[int]uint32) {
		t.Helper()
		have := map[int]uint32{}
		for range m.Groups[0].Len() {
			s, shard, ok := m.Groups[0].Pick()
			if !ok || shard != s.Subscriber%2 {
				t.Fatalf("Pick = %v on shard %d, %v", s, shard, ok)
			}
			have[s.Subscriber] = s.ID
		}
		if !maps.Equal(have, want) {
			t.Fatalf("%d members have their turn, want %d", len(have), len(want))
		}
	}
	want := map[int]uint32{}
	for i := range n {
		if join(i, 1) {
			t.Fatalf("%d was a member before", i)
		}
		want[i] = 1
	}
	x.Match([]byte("t"), &m)
	turns(want)
	for i := 0; i < n; i += 100 {
		if want[i] = 2; !join(i, 2) {
			t.Fatalf("%d was not a member", i)
		}
	}
	turns(want)
	for i := range n {
		gone := i * 4 % n // n is odd
		if !x.UnsubscribeShared(gone%2, "g", "t", gone) || x.UnsubscribeShared(gone%2, "g", "t", gone) {
			t.Fatalf("%d: wrong answer", gone)
		}
		if delete(want, gone); i%50 == 0 || len(want) < 40 {
			turns(want)
		}
	}
	if x.Len() != 0 {
		t.Error("the node is not pruned")
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	x := New[*client](4)
	for i, f := range []string{"a/b/c", "a/+/c", "a/#", "#", "+/b/#", "$share/g/a/b/c", "a/b/+", "x/y"} {
		subscribe(x, f, Sub[*client]{Subscriber: &client{f, i % 4}})
	}
	var m Matches[*client]
	name := []byte("a/b/c")
	if n := testing.AllocsPerRun(100, func() {
		x.Match(name, &m)
		for _, g := range m.Groups {
			g.Pick()
		}
		for _, n := range m.Nodes {
			n.Local(1)
		}
		if len(m.Nodes) != 6 || len(m.Groups) != 1 {
			t.Fatal("wrong answer")
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestDeepNames(t *testing.T) {
	x, c := New[*client](1), &client{"c", 0}
	deep := strings.Repeat("/", MaxLength/16)
	for _, f := range []string{deep + "#", deep + "+", deep, "+" + deep} {
		if err := ValidFilter(f); err != nil {
			t.Fatal(err)
		}
		x.Subscribe(0, f, Sub[*client]{Subscriber: c})
	}
	if got := len(match(t, x, deep)); got != 4 {
		t.Errorf("%d filters match, want 4", got)
	}
	for _, f := range []string{deep + "#", deep + "+", deep, "+" + deep} {
		x.Unsubscribe(0, f, c)
	}
	checkIndex(t, x, model{})
}
