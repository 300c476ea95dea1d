package auth

import (
	"fmt"
	"testing"
	"time"
)

// deviceRules are as a plugin would write them: most name the client, some are
// exact topics, some hold wildcards in the middle.
func deviceRules(n int) []Rule {
	forms := []string{"devices/${clientid}/cmd/%d", "devices/${clientid}/t/%d/#", "fleet/+/broadcast/%d", "site/%d/status"}
	rules := make([]Rule, 0, n)
	for i := range n - 1 {
		r := allow(fmt.Sprintf(forms[i%len(forms)], i))
		if i%2 == 0 {
			r.Actions = Subscribe
		}
		rules = append(rules, r)
	}
	return append(rules, allow("devices/${clientid}/telemetry/#"))
}

// The last rule decides, the worst case of a scan.
func BenchmarkCheck(b *testing.B) {
	name := []byte("devices/c1/telemetry/temperature")
	for _, n := range []int{1, 10, indexFrom - 1, indexFrom, 100, 1000} {
		g := admitted(b, Options{}, Verdict{Rules: deviceRules(n)}, alice())
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if g.Check(Publish, name, 1, false) != Allowed {
					b.Fatal("denied")
				}
			}
		})
		b.Run(fmt.Sprintf("rules=%d/miss", n), func(b *testing.B) {
			other := []byte("devices/c2/telemetry/temperature")
			for b.Loop() {
				if g.Check(Publish, other, 1, false) != Denied {
					b.Fatal("allowed")
				}
			}
		})
	}
}

func BenchmarkCheckExpiring(b *testing.B) {
	v := Verdict{Rules: deviceRules(10), ExpireAt: time.Now().Add(time.Hour)}
	g := admitted(b, Options{}, v, alice())
	name := []byte("devices/c1/telemetry/temperature")
	for b.Loop() {
		if g.Check(Publish, name, 1, false) != Allowed {
			b.Fatal("denied")
		}
	}
}

func BenchmarkCheckOpen(b *testing.B) {
	g := enter(b, mustGate(b, Options{Anonymous: AnonymousAllow}), nobody()).Grant
	name := []byte("devices/c1/telemetry/temperature")
	for b.Loop() {
		if g.Check(Publish, name, 1, false) != Allowed {
			b.Fatal("denied")
		}
	}
}

// A full cache of the default size, with the entry found last.
func BenchmarkCheckCached(b *testing.B) {
	g, grant := session(b, Options{Chain: []Decider{answers("z", Verdict{Decision: Allow})}})
	var name string
	for i := range DefaultCacheSize {
		name = fmt.Sprintf("devices/c1/telemetry/%d", i)
		grant.Remember(authorize(b, g, grant, Publish, Item{Topic: name}))
	}
	text := []byte(name)
	for b.Loop() {
		if grant.Check(Publish, text, 0, false) != Allowed {
			b.Fatal("not cached")
		}
	}
}

func BenchmarkMayReceive(b *testing.B) {
	g := admitted(b, Options{}, Verdict{Rules: deviceRules(10)}, alice())
	name := []byte("devices/c1/telemetry/temperature")
	for b.Loop() {
		if !g.MayReceive(name, 1) {
			b.Fatal("denied")
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			rules := deviceRules(n)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := compile(rules, &Identity{ClientID: "c1"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	next, yes := says("a", Verdict{Decision: Next}), says("b", Verdict{Decision: Allow, Default: Next})
	g := mustGate(b, Options{Chain: []Decider{next, yes}})
	req := alice()
	b.ReportAllocs()
	for b.Loop() {
		g.Authenticate(req, func(Outcome) {})
	}
}

// The checks of the data path allocate nothing.
func TestCheckDoesNotAllocate(t *testing.T) {
	g, asking := session(t, Options{Chain: []Decider{answers("z", Verdict{Decision: Allow})}})
	asking.Remember(authorize(t, g, asking, Publish, Item{Topic: "devices/c1/telemetry/t"}))
	expiring := Verdict{Rules: deviceRules(30), ExpireAt: time.Now().Add(time.Hour)}
	name, shared := []byte("devices/c1/telemetry/t"), []byte("$share/g/devices/c1/telemetry/+")
	for what, grant := range map[string]*Grant{
		"few rules":  admitted(t, Options{Rules: []Rule{deny("$SYS/#"), deny("x/+/y")}}, Verdict{Rules: deviceRules(5)}, alice()),
		"many rules": admitted(t, Options{Rules: deviceRules(30)}, expiring, alice()),
		"cached":     asking,
		"open":       enter(t, mustGate(t, Options{Anonymous: AnonymousAllow}), nobody()).Grant,
	} {
		allocs := testing.AllocsPerRun(100, func() {
			if grant.Check(Publish, name, 0, false) != Allowed {
				t.Error("denied")
			}
			grant.Check(Subscribe, shared, 1, false)
			grant.MayReceive(name, 1)
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations", what, allocs)
		}
	}
}
