package auth

import (
	"net/netip"
	"testing"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// banList bans names, and counts.
type banList struct {
	names             map[string]bool
	screened, checked int
}

func (b *banList) Screen(clientID, username string, peer netip.Addr) bool {
	b.screened++
	return b.names[clientID] || b.names[username] || b.names[peer.String()]
}

func (b *banList) Banned(clientID, username string, peer netip.Addr) bool {
	b.checked++
	return b.names[clientID] || b.names[username] || b.names[peer.String()]
}

// Spec BAN-01: who is banned hears so before any decider is asked, and under
// whatever name.
func TestBans(t *testing.T) {
	rename := says("map", Verdict{Decision: Next, ClientID: "mapped", Username: "mapped-user"})
	final := says("login", Verdict{Decision: Allow, Default: Allow, Username: "final"})
	for _, c := range []struct {
		ban     string
		refused bool
		checked int
	}{
		{"nobody", false, 2}, {"c1", true, 0}, {"alice", true, 0}, {"192.0.2.7", true, 0}, {"mapped", true, 1}, {"mapped-user", true, 1}, {"final", true, 2},
	} {
		b := &banList{names: map[string]bool{c.ban: true}}
		out := enter(t, mustGate(t, Options{Bans: b, Chain: []Decider{rename, final}}), alice())
		if refused := out.Grant == nil; refused != c.refused || refused && (out.Reason != mqtt.Banned || out.Decider != "ban") {
			t.Errorf("%s: %v by %q", c.ban, out.Reason, out.Decider)
		}
		if b.screened != 1 || b.checked != c.checked {
			t.Errorf("%s: screened %d times, checked %d", c.ban, b.screened, b.checked)
		}
	}
	req := alice()
	b := &banList{names: map[string]bool{"c1": true}}
	enter(t, mustGate(t, Options{Bans: b}), req)
	for _, c := range req.Password {
		if c != 0 {
			t.Fatal("the password outlives the refusal")
		}
	}
}
