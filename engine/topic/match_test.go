package topic

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var matchTable = []struct {
	filter, name string
	want         bool
}{
	// §4.7.1.2
	{"sport/tennis/player1/#", "sport/tennis/player1", true},
	{"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
	{"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
	{"sport/tennis/player1/#", "sport/tennis/player12", false},
	{"sport/#", "sport", true},
	{"sport/#", "sport/", true},
	{"sport/#", "sports", false},
	{"#", "sport", true},
	{"#", "/", true},
	{"/#", "/", true},
	{"/#", "/a", true},
	{"/#", "a", false},
	{"a/#", "/a", false},

	// §4.7.1.3
	{"sport/tennis/+", "sport/tennis/player1", true},
	{"sport/tennis/+", "sport/tennis/player1/ranking", false},
	{"sport/+", "sport", false},
	{"sport/+", "sport/", true},
	{"+", "a", true},
	{"+", "/", false},
	{"+/+", "/finance", true},
	{"/+", "/finance", true},
	{"+", "/finance", false},
	{"+/+", "/", true},
	{"+/+/+", "//", true},
	{"+/", "a/", true},
	{"+/", "a", false},
	{"a/+/c", "a//c", true},
	{"+/tennis/#", "x/tennis", true},
	{"+/#", "a", true},
	{"+/+/#", "a", false},

	// §4.7.1.1: a level may be empty
	{"/", "/", true},
	{"//", "//", true},
	{"/", "//", false},
	{"a", "a/", false},
	{"a/", "a", false},
	{"a//b", "a/b", false},

	// [MQTT-4.7.2-1]
	{"#", "$SYS", false},
	{"#", "$SYS/a", false},
	{"+/a", "$SYS/a", false},
	{"+", "$", false},
	{"$SYS/#", "$SYS/a", true},
	{"$SYS/#", "$SYS", true},
	{"$SYS/+", "$SYS/a", true},
	{"$SYS/a", "$SYS/a", true},
	{"a/#", "a/$SYS", true},
	{"a/+", "a/$x", true},
	{"$+", "$a", false},

	// [MQTT-4.7.3-4]: case, spaces and code points count as they are
	{"ACCOUNTS", "Accounts", false},
	{"a b", "a b", true},
	{"\u212b", "\u00c5", false},

	// not valid, and no trouble
	{"", "a", false},
	{"a", "", false},
	{"#/a", "a/a", false},
	{"a+", "ab", false},
	{"+b", "b", false},
}

func TestMatch(t *testing.T) {
	for _, c := range matchTable {
		if got := Match(c.filter, c.name); got != c.want {
			t.Errorf("Match(%q, %q) = %v", c.filter, c.name, got)
		}
		if got := Match([]byte(c.filter), []byte(c.name)); got != c.want {
			t.Errorf("Match of the bytes %q, %q = %v", c.filter, c.name, got)
		}
	}
}

// naiveMatch is the definition of §4.7 on lists of levels.
func naiveMatch(filter, name string) bool {
	if strings.HasPrefix(name, "$") && strings.ContainsAny(filter[:1], "+#") {
		return false
	}
	f, n := strings.Split(filter, "/"), strings.Split(name, "/")
	if f[len(f)-1] == "#" {
		f = f[:len(f)-1]
		if len(n) > len(f) {
			n = n[:len(f)]
		}
	}
	return slices.EqualFunc(f, n, func(f, n string) bool { return f == "+" || f == n })
}

func TestMatchAgreesWithDefinition(t *testing.T) {
	names := texts([]string{"", "a", "b", "$"}, nil, 4)
	filters := texts([]string{"", "a", "$", "+"}, []string{"#"}, 4)
	for _, f := range filters {
		for _, n := range names {
			if got, want := Match(f, n), naiveMatch(f, n); got != want {
				t.Fatalf("Match(%q, %q) = %v, want %v", f, n, got, want)
			}
		}
	}
}

func TestMatchAgreesWithDefinitionOnRandomText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, n := anyFilter.Draw(t, "filter"), anyName.Draw(t, "name")
		if got, want := Match(f, n), naiveMatch(f, n); got != want {
			t.Fatalf("Match(%q, %q) = %v, want %v", f, n, got, want)
		}
	})
}

var coversTable = []struct {
	outer, inner string
	want         bool
}{
	{"t/#", "t/1/+", true},
	{"t/+", "t/#", false},
	{"t/#", "t", true},
	{"t/#", "t/#", true},
	{"t/+", "t/+", true},
	{"t/+", "t/1", true},
	{"t/1", "t/+", false},
	{"t/+/#", "t/#", false}, // "t" itself
	{"t/#", "t/+/#", true},
	{"#", "t/#", true},
	{"#", "+", true},
	{"+/#", "#", true}, // at the front, the same thing
	{"#", "+/#", true},
	{"+/+/#", "#", false},
	{"/+/#", "/#", true}, // no name is empty
	{"+/+/#", "/#", true},
	{"+", "#", false},
	{"+/+", "/", true},
	{"#", "$SYS/#", false}, // [MQTT-4.7.2-1]
	{"#", "$SYS", false},
	{"+/a", "$SYS/a", false},
	{"$SYS/#", "$SYS/+", true},
	{"$SYS/#", "$SYS", true},
	{"$SYS/#", "#", false},
	{"a/#", "a/$SYS", true},
	{"a/+/c", "a/b/+", false},
	{"a/b", "a", false},
	{"a", "a/b", false},
	{"", "a", false},
	{"a", "", false},
}

func TestCovers(t *testing.T) {
	for _, c := range coversTable {
		if got := Covers(c.outer, c.inner); got != c.want {
			t.Errorf("Covers(%q, %q) = %v", c.outer, c.inner, got)
		}
	}
}

// TestCoversAgreesWithMatch holds Covers against its meaning: inner is
// covered if there is no name that it matches and outer does not. A level "z"
// that no filter spells and one level more than they have stand for the rest.
func TestCoversAgreesWithMatch(t *testing.T) {
	names := texts([]string{"", "a", "$", "z"}, nil, 4)
	filters := texts([]string{"", "a", "$", "+"}, []string{"#"}, 3)
	for _, outer := range filters {
		for _, inner := range filters {
			want := !slices.ContainsFunc(names, func(n string) bool {
				return naiveMatch(inner, n) && !naiveMatch(outer, n)
			})
			if got := Covers(outer, inner); got != want {
				t.Fatalf("Covers(%q, %q) = %v, want %v", outer, inner, got, want)
			}
		}
	}
}

// texts lists all texts of up to depth of the levels given, the last of which
// may also be one of ends.
func texts(levels, ends []string, depth int) []string {
	var all []string
	var grow func(prefix string, left int)
	grow = func(prefix string, left int) {
		for _, e := range ends {
			all = append(all, prefix+e)
		}
		for _, l := range levels {
			if s := prefix + l; s != "" {
				all = append(all, s)
			}
			if left > 1 {
				grow(prefix+l+"/", left-1)
			}
		}
	}
	grow("", depth)
	return all
}

// Random texts with few different levels, so that they often match.
var (
	nameLevel   = rapid.SampledFrom([]string{"", "a", "b", "c", "ab", "$", "$a"})
	filterLevel = rapid.SampledFrom([]string{"", "a", "b", "c", "ab", "$", "$a", "+", "+"})

	anyName = rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(nameLevel, 1, 5).Draw(t, "levels"), "/")
	}).Filter(nonEmpty)

	anyFilter = rapid.Custom(func(t *rapid.T) string {
		levels := rapid.SliceOfN(filterLevel, 1, 5).Draw(t, "levels")
		if rapid.IntRange(0, 2).Draw(t, "hash") == 0 {
			levels = append(levels, "#")
		}
		return strings.Join(levels, "/")
	}).Filter(nonEmpty)
)

func nonEmpty(s string) bool { return s != "" }
