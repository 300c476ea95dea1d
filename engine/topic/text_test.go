package topic

import (
	"errors"
	"strings"
	"testing"
)

var long = strings.Repeat("a", MaxLength)

func TestValidName(t *testing.T) {
	for _, c := range []struct {
		name string
		want error
	}{
		{"a", nil},
		{"/", nil},
		{"//", nil},
		{" ", nil},
		{"/a b/ü", nil},
		{"$SYS/x", nil},
		{"$", nil},
		{long, nil},
		{"", ErrEmpty},           // [MQTT-4.7.3-1]
		{"a\x00", ErrNUL},        // [MQTT-4.7.3-2]
		{long + "a", ErrTooLong}, // [MQTT-4.7.3-3]
		{"+", ErrNameWildcard},   // [MQTT-4.7.0-1]
		{"#", ErrNameWildcard},
		{"a/b+", ErrNameWildcard},
		{"a#/b", ErrNameWildcard},
	} {
		if got := ValidName(c.name); !errors.Is(got, c.want) {
			t.Errorf("ValidName(%.20q) = %v, want %v", c.name, got, c.want)
		}
		if got := ValidName([]byte(c.name)); !errors.Is(got, c.want) {
			t.Errorf("ValidName of the bytes %.20q = %v, want %v", c.name, got, c.want)
		}
	}
}

func TestValidFilter(t *testing.T) {
	for _, c := range []struct {
		filter string
		want   error
	}{
		{"a", nil},
		{"/", nil},
		{"//", nil},
		{"+", nil},
		{"#", nil},
		{"+/+", nil},
		{"/+", nil},
		{"+/", nil},
		{"/#", nil},
		{"+/#", nil},
		{"sport/tennis/#", nil},
		{"+/tennis/#", nil},
		{"sport/+/player1", nil},
		{"$SYS/#", nil},
		{"$share", nil}, // ordinary: no separator follows
		{"$shared/g/t", nil},
		{long, nil},
		{"", ErrEmpty},                   // [MQTT-4.7.3-1]
		{"a/\x00", ErrNUL},               // [MQTT-4.7.3-2]
		{long + "a", ErrTooLong},         // [MQTT-4.7.3-3]
		{"sport/tennis#", ErrMultiLevel}, // [MQTT-4.7.1-1]
		{"sport/tennis/#/ranking", ErrMultiLevel},
		{"#/", ErrMultiLevel},
		{"##", ErrMultiLevel},
		{"+#", ErrSingleLevel},
		{"/#a", ErrMultiLevel},
		{"sport+", ErrSingleLevel}, // [MQTT-4.7.1-2]
		{"+a", ErrSingleLevel},
		{"a/++", ErrSingleLevel},
		{"a/+b/c", ErrSingleLevel},

		{"$share/g/t", nil},
		{"$share/g//", nil},
		{"$share/g//finance", nil},
		{"$share/g/#", nil},
		{"$share/g/+/t", nil},
		{"$share/$x/$SYS/#", nil},
		{"$share/g/$share", nil},
		{"$share/", ErrShareName}, // [MQTT-4.8.2-1]
		{"$share//", ErrShareName},
		{"$share//t", ErrShareName},
		{"$share/+/t", ErrShareChar}, // [MQTT-4.8.2-2]
		{"$share/#", ErrShareChar},
		{"$share/a+b/t", ErrShareChar},
		{"$share/a#/t", ErrShareChar},
		{"$share/g", ErrShareFilter},
		{"$share/g/", ErrShareFilter},
		{"$share/g/$share/h/t", ErrShareNested},
		{"$share/g\x00/t", ErrNUL},
		{"$share/g/t\x00", ErrNUL},
		{"$share/g/t#", ErrMultiLevel},
		{"$share/g/+t", ErrSingleLevel},
	} {
		if got := ValidFilter(c.filter); !errors.Is(got, c.want) {
			t.Errorf("ValidFilter(%.30q) = %v, want %v", c.filter, got, c.want)
		}
		if got := ValidFilter([]byte(c.filter)); !errors.Is(got, c.want) {
			t.Errorf("ValidFilter of the bytes %.30q = %v, want %v", c.filter, got, c.want)
		}
	}
}

func TestErrorCitesRule(t *testing.T) {
	got := ValidFilter("a#").Error()
	if want := "# is not the whole last level of the filter [MQTT-4.7.1-1]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSplitShared(t *testing.T) {
	for _, c := range []struct {
		filter, share, inner string
		ok                   bool
	}{
		{"$share/g/t", "g", "t", true},
		{"$share/g/a/+/#", "g", "a/+/#", true},
		{"$share/g//finance", "g", "/finance", true}, // §4.8.2
		{"$share/g//", "g", "/", true},
		{"$share/g/$SYS/x", "g", "$SYS/x", true},
		{"a/b", "", "a/b", false},
		{"$share", "", "$share", false},
		{"$share/g", "", "$share/g", false},
		{"$share/g/", "", "$share/g/", false},
		{"$share//t", "", "$share//t", false},
		{"$share/+/t", "", "$share/+/t", false},
		{"$share/g/$share/h/t", "", "$share/g/$share/h/t", false},
		{"", "", "", false},
	} {
		share, inner, ok := SplitShared(c.filter)
		if share != c.share || inner != c.inner || ok != c.ok {
			t.Errorf("SplitShared(%q) = %q, %q, %v, want %q, %q, %v", c.filter, share, inner, ok, c.share, c.inner, c.ok)
		}
	}
}

func TestLevels(t *testing.T) {
	for s, want := range map[string]int{"a": 1, "/": 2, "//": 3, "a/b": 2, "+/#": 2} {
		if got := Levels(s); got != want {
			t.Errorf("Levels(%q) = %d, want %d", s, got, want)
		}
	}
}

func TestOptions(t *testing.T) {
	for b := range 1 << 6 {
		qos, handling := byte(b&3), byte(b>>4)
		noLocal, asPublished := b&4 != 0, b&8 != 0
		o := NewOptions(qos, noLocal, asPublished, handling)
		if o.QoS() != qos || o.NoLocal() != noLocal || o.RetainAsPublished() != asPublished || o.RetainHandling() != handling {
			t.Errorf("%#x: QoS %d, no local %v, as published %v, handling %d", b, o.QoS(), o.NoLocal(), o.RetainAsPublished(), o.RetainHandling())
		}
		if byte(o) != byte(b) {
			t.Errorf("packed as %#x, want the byte of §3.8.3.1, %#x", byte(o), b)
		}
	}
}

func TestTextAllocatesNothing(t *testing.T) {
	filter, name := []byte("$share/group/devices/+/state/#"), []byte("devices/4711/state/x")
	if n := testing.AllocsPerRun(100, func() {
		_, inner, ok := SplitShared(filter)
		if !ok || ValidFilter(filter) != nil || ValidName(name) != nil ||
			!Match(inner, name) || !Match("devices/#", name) || !Covers("devices/+/#", inner) {
			t.Fatal("wrong answer")
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
