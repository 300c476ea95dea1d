package auth

import (
	"strings"
	"testing"
)

// greeter is a Greeter made of a function; it hears nothing else.
type greeter struct {
	decider
	hello func(*ClientHello, func(Verdict))
}

func (g *greeter) Hears(q Question) bool                    { return q == Hello || g.decider.Hears(q) }
func (g *greeter) Hello(h *ClientHello, done func(Verdict)) { g.hello(h, done) }

func greets(name string, v Verdict) *greeter {
	return &greeter{decider{name: name}, func(_ *ClientHello, done func(Verdict)) { done(v) }}
}

// greet asks a gate whose deciders answer at once.
func greet(t *testing.T, g *Gate) Greeting {
	t.Helper()
	var got []Greeting
	g.Hello(&ClientHello{ServerName: "a.example"}, func(a Greeting) { got = append(got, a) })
	if len(got) != 1 {
		t.Fatalf("done called %d times, want 1", len(got))
	}
	if asked, answered := g.Questions(); asked != answered {
		t.Errorf("%d questions asked, %d answered", asked, answered)
	}
	return got[0]
}

func TestHello(t *testing.T) {
	deny, allow, next := Verdict{ReasonText: "not here"}, Verdict{Decision: Allow}, Verdict{Decision: Next}
	deaf := says("deaf", Verdict{Decision: Deny})
	panics := &greeter{decider{name: "panics"}, func(*ClientHello, func(Verdict)) { panic("secret") }}
	for _, tt := range []struct {
		name  string
		chain []Decider
		want  Greeting
		fault bool
	}{
		{"empty chain", nil, Greeting{}, false},
		{"nobody hears", []Decider{deaf}, Greeting{}, false},
		{"no opinion", []Decider{deaf, greets("a", next)}, Greeting{}, false},
		{"denied", []Decider{greets("a", deny)}, Greeting{Denied: true, ReasonText: "not here", Decider: "a"}, false},
		{"allowed first", []Decider{greets("a", allow), greets("b", deny)}, Greeting{Decider: "a"}, false},
		{"denied after no opinion", []Decider{greets("a", next), deaf, greets("b", deny), greets("c", allow)},
			Greeting{Denied: true, ReasonText: "not here", Decider: "b"}, false},
		{"unknown decision", []Decider{greets("a", Verdict{Decision: 9})}, Greeting{Denied: true, Decider: "a"}, false},
		{"unprintable", []Decider{greets("a", Verdict{ReasonText: "a\nb"})}, Greeting{Denied: true, Decider: "a"}, false},
		{"panic", []Decider{panics, greets("b", allow)}, Greeting{Denied: true, Decider: "panics"}, true},
	} {
		got := greet(t, mustGate(t, Options{Chain: tt.chain}))
		if (got.Err != nil) != tt.fault {
			t.Errorf("%s: error %v", tt.name, got.Err)
		}
		if got.Err != nil && strings.Contains(got.Err.Error(), "secret") {
			t.Errorf("%s: the error repeats what may be a secret: %v", tt.name, got.Err)
		}
		if got.Err = nil; got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// An answer that comes later goes on with the chain where it was, once.
func TestHelloIsAsynchronous(t *testing.T) {
	var first, second func(Verdict)
	g := mustGate(t, Options{Chain: []Decider{
		&greeter{decider{name: "a"}, func(_ *ClientHello, done func(Verdict)) { first = done }},
		&greeter{decider{name: "b"}, func(_ *ClientHello, done func(Verdict)) { second = done }},
	}})
	var got []Greeting
	g.Hello(&ClientHello{}, func(a Greeting) { got = append(got, a) })
	if second != nil || len(got) != 0 {
		t.Fatal("went on without an answer")
	}
	first(Verdict{Decision: Next})
	if second == nil || len(got) != 0 {
		t.Fatal("did not go on to the second")
	}
	second(Verdict{Decision: Allow})
	second(Verdict{})
	first(Verdict{})
	if len(got) != 1 || got[0] != (Greeting{Decider: "b"}) {
		t.Errorf("answers %+v", got)
	}
}

func TestWhoHearsHello(t *testing.T) {
	for _, tt := range []struct {
		chain []Decider
		want  bool
	}{
		{nil, false}, {[]Decider{says("a", Verdict{})}, false}, {[]Decider{says("a", Verdict{}), greets("b", Verdict{})}, true},
	} {
		if got := mustGate(t, Options{Chain: tt.chain}).HearsHello(); got != tt.want {
			t.Errorf("chain of %d: %v", len(tt.chain), got)
		}
	}
	claims := &hearsAll{says("claims", Verdict{})}
	if _, err := NewGate(Options{Chain: []Decider{claims}}); err == nil {
		t.Error("a decider that hears hellos and cannot answer was taken")
	}
}

// hearsAll says that it hears what it has no method for.
type hearsAll struct{ *decider }

func (hearsAll) Hears(Question) bool { return true }
