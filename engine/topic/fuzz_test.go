package topic

import (
	"strings"
	"testing"
)

func seeds(f *testing.F, add func(filter, name string)) {
	for _, c := range matchTable {
		add(c.filter, c.name)
	}
	for _, s := range []string{"$share/g/t", "$share//t", "$share/g", "$share/g/+/#", "a\x00b", "\xff/+", "#/#", "+a/#"} {
		add(s, "a/b")
	}
}

func FuzzValidName(f *testing.F) {
	seeds(f, func(_, name string) { f.Add(name) })
	f.Fuzz(func(t *testing.T, name string) {
		ok := ValidName(name) == nil
		if want := name != "" && len(name) <= MaxLength && !strings.ContainsAny(name, "\x00+#"); ok != want {
			t.Fatalf("valid: %v, want %v", ok, want)
		}
		if ok && (!Match(name, name) || !Covers(name, name)) {
			t.Fatal("does not match itself")
		}
		if ok && !strings.HasPrefix(name, sharePrefix) && ValidFilter(name) != nil {
			t.Fatal("a name is not a filter")
		}
	})
}

func FuzzValidFilter(f *testing.F) {
	seeds(f, func(filter, _ string) { f.Add(filter) })
	f.Fuzz(func(t *testing.T, filter string) {
		ok := ValidFilter(filter) == nil
		if got := ValidFilter([]byte(filter)) == nil; got != ok {
			t.Fatalf("valid as bytes %v, as a string %v", got, ok)
		}
		if want := naiveValid(filter); ok != want {
			t.Fatalf("valid: %v, want %v", ok, want)
		}
	})
}

// naiveValid is the definition of §4.7 and §4.8.2 on lists of levels.
func naiveValid(filter string) bool {
	if filter == "" || len(filter) > MaxLength || strings.Contains(filter, "\x00") {
		return false
	}
	levels := strings.Split(filter, "/")
	if levels[0] == "$share" && len(levels) > 1 {
		inner := levels[2:]
		if levels[1] == "" || strings.ContainsAny(levels[1], "+#") || strings.Join(inner, "/") == "" ||
			inner[0] == "$share" && len(inner) > 1 {
			return false
		}
		levels = inner
	}
	for i, l := range levels {
		if l != "+" && strings.Contains(l, "+") || strings.Contains(l, "#") && (l != "#" || i+1 < len(levels)) {
			return false
		}
	}
	return true
}

func FuzzSplitShared(f *testing.F) {
	seeds(f, func(filter, _ string) { f.Add(filter) })
	f.Fuzz(func(t *testing.T, filter string) {
		share, inner, ok := SplitShared(filter)
		switch {
		case !ok && (share != "" || inner != filter):
			t.Fatalf("not shared, but %q, %q", share, inner)
		case ok && (filter != sharePrefix+share+"/"+inner || share == "" || inner == "" || strings.ContainsAny(share, "/+#")):
			t.Fatalf("split into %q, %q", share, inner)
		case ok && ValidFilter(inner) != ValidFilter(filter) && len(filter) <= MaxLength:
			t.Fatalf("%q is %v, whole it is %v", inner, ValidFilter(inner), ValidFilter(filter))
		case !ok && strings.HasPrefix(filter, sharePrefix) && ValidFilter(filter) == nil:
			t.Fatal("valid, but not split")
		}
	})
}

// FuzzMatch holds Match, the naive matcher and the index against each other.
func FuzzMatch(f *testing.F) {
	seeds(f, func(filter, name string) { f.Add(filter, name) })
	f.Fuzz(func(t *testing.T, filter, name string) {
		got := Match(filter, name)
		x := New[int](1)
		x.Subscribe(0, filter, Sub[int]{Subscriber: 1})
		var m Matches[int]
		x.Match([]byte(name), &m)
		if ValidName(name) == nil && ValidFilter(filter) == nil {
			if want := naiveMatch(filter, name); got != want || len(m.Nodes) == 1 != want {
				t.Fatalf("Match %v, index %v, want %v", got, len(m.Nodes) == 1, want)
			}
		}
		if !x.Unsubscribe(0, filter, 1) {
			t.Fatal("not subscribed")
		}
		checkEmpty(t, x)
	})
}

func checkEmpty(t *testing.T, x *Index[int]) {
	if len(tableElems(t, &x.exact.nodes))+len(tableElems(t, &x.wild.kids))+x.Len() != 0 || !x.wild.root.bare() {
		t.Fatal("the index keeps something")
	}
}

// FuzzCovers tries whether a name that inner matches escapes outer.
func FuzzCovers(f *testing.F) {
	for _, c := range coversTable {
		f.Add(c.outer, c.inner, "t/1/x")
	}
	f.Fuzz(func(t *testing.T, outer, inner, name string) {
		covers := Covers(outer, inner)
		if ValidFilter(outer) != nil || ValidFilter(inner) != nil {
			return
		}
		if inner == outer && !covers {
			t.Fatal("does not cover itself")
		}
		for _, n := range []string{name, strings.NewReplacer("+", name, "#", name).Replace(inner)} {
			if ValidName(n) == nil && covers && Match(inner, n) && !Match(outer, n) {
				t.Fatalf("%q escapes", n)
			}
		}
	})
}
