package pattern

import "testing"

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, value string
		want           bool
	}{
		{"dev-1", "dev-1", true}, {"dev-1", "dev-12", false}, {"dev-1", "a-dev-1", false}, {"dev-1", "Dev-1", false},
		{"*", "x", true}, {"**", "x", true}, {"dev-*", "dev-", true}, {"dev-*", "dev-1", true}, {"dev-*", "adev-1", false},
		{"*.example", "a.example", true}, {"*.example", "a.example.org", false}, {"a*a", "a", false}, {"a*a", "aa", true},
		{"ab*bc", "abc", false}, {"*a*b*", "xaxbx", true}, {"*a*b*", "ba", false}, {"a*b*c", "abxbc", true}, {"a*b*b", "ab", false},
		{"a.c", "abc", false}, {"[a]?", "a", false}, {"CN=*,O=Acme", "CN=x,O=Acme", true}, {"*é", "café", true},
	} {
		if got := Parse(c.pattern).Matches(c.value); got != c.want {
			t.Errorf("%s, %s: %v", c.pattern, c.value, got)
		}
	}
	if p := Literal("a*"); !p.Matches("a*") || p.Matches("ab") {
		t.Error(`"*" does not stand for itself in a literal`)
	}
}
