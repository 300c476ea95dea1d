package topic

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestTableWithCollisions runs a table whose elements share few hashes, the
// two that mark slots among them, against a map.
func TestTableWithCollisions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tab table[int]
		model := map[uint64][]*int{}
		hash := rapid.SampledFrom([]uint64{slotFree, slotDead, 2, 3, 4, 7, 8, 9, 15, 16, 1<<63 + 7})
		t.Repeat(map[string]func(*rapid.T){
			"insert": func(t *rapid.T) {
				h, e := hash.Draw(t, "hash"), new(int)
				tab.insert(h, e)
				model[usable(h)] = append(model[usable(h)], e)
			},
			"remove": func(t *rapid.T) {
				h := usable(hash.Draw(t, "hash"))
				if n := len(model[h]); n > 0 {
					i := rapid.IntRange(0, n-1).Draw(t, "which")
					tab.remove(h, model[h][i])
					model[h] = slices.Delete(model[h], i, i+1)
				}
			},
			"": func(t *rapid.T) {
				total := 0
				for h, want := range model {
					var got []*int
					p := tab.probe(h)
					for e := p.next(); e != nil; e = p.next() {
						got = append(got, e)
					}
					for _, e := range want {
						if !slices.Contains(got, e) {
							t.Fatalf("an element with hash %#x is lost", h)
						}
					}
					if len(got) != len(want) {
						t.Fatalf("hash %#x finds %d elements, want %d", h, len(got), len(want))
					}
					total += len(want)
				}
				if n := len(tableElems(t, &tab)); n != total {
					t.Fatalf("the table holds %d elements, want %d", n, total)
				}
			},
		})
	})
}

// TestRosterIsImmutable changes a roster in every way and looks whether who
// holds the old one sees anything of it.
func TestRosterIsImmutable(t *testing.T) {
	for _, n := range []int{1, 2, blockSize - 1, blockSize, blockSize + 1, 2 * blockSize} {
		var r *roster[int]
		for i := range n {
			r = r.with(i+1, i, seated(i))
		}
		for i := range n {
			for _, next := range []*roster[int]{
				r.with(n, i, seated(-1)),
				r.with(n+1, n, seated(-1)),
				r.with(n-1, i, *r.at(n - 1)),
			} {
				if d := next.len() - n; d < -1 || d > 1 {
					t.Fatalf("length %d after %d", next.len(), n)
				}
			}
			if got := r.at(i).Subscriber; got != i {
				t.Fatalf("of %d members, %d has become %d", n, i, got)
			}
		}
		if r.len() != n || r.at(n-1).Subscriber != n-1 {
			t.Fatalf("%d members, want %d", r.len(), n)
		}
	}
}

func seated(i int) member[int] { return member[int]{Sub: Sub[int]{Subscriber: i}} }
