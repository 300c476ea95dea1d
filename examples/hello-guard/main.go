// Hello-guard ends TLS connections before their handshake: by the server name
// that they ask for, by their fingerprint, or by their address. See README.md.
package main

import (
	"net/netip"
	"strings"

	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/config"
)

// guard is what the operator wrote.
type guard struct {
	serverNames []string // those that may be asked for; empty: any, and none
	fingerprint []string // those that are refused; with * at the end, a prefix
	networks    []netip.Prefix
}

var door guard

func init() {
	wicket.NeedABI(3)
	wicket.OnLoad(func(l *wicket.LoadInfo) (err error) {
		door, err = read(l.Config)
		return err
	})
	wicket.OnClientHelloNow(func(_ *wicket.Context, h *wicket.ClientHello) wicket.Verdict { return door.judge(h) })
}

func main() {}

func read(text string) (g guard, err error) {
	o, err := config.Read(text)
	if err != nil {
		return g, err
	}
	g.serverNames, _ = o.Texts("server_names")
	g.fingerprint, _ = o.Texts("deny_ja4")
	networks, _ := o.Texts("deny_networks")
	for _, n := range networks {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			o.Fault("deny_networks", n+" is no network, such as 192.0.2.0/24")
		}
		g.networks = append(g.networks, p)
	}
	return g, o.Err()
}

// judge has no opinion of a hello that it does not refuse: other plugins may.
func (g *guard) judge(h *wicket.ClientHello) wicket.Verdict {
	switch {
	case g.refusesAddress(h.Peer):
		return wicket.Deny().Text("this network may not connect")
	case g.refusesFingerprint(h.JA4):
		return wicket.Deny().Text("this kind of client may not connect")
	case len(g.serverNames) > 0 && !g.serves(h.ServerName):
		return wicket.Deny().Text("no such server name")
	}
	return wicket.Next()
}

func (g *guard) refusesAddress(peer string) bool {
	if len(g.networks) == 0 {
		return false
	}
	a, err := netip.ParseAddrPort(peer)
	for _, n := range g.networks {
		if err != nil || n.Contains(a.Addr().WithZone("")) {
			return true
		}
	}
	return false
}

func (g *guard) refusesFingerprint(ja4 string) bool {
	for _, f := range g.fingerprint {
		prefix, many := strings.CutSuffix(f, "*")
		if ja4 == f || many && strings.HasPrefix(ja4, prefix) {
			return true
		}
	}
	return false
}

// serves: names are compared without regard to case (RFC 6066 section 3), and *
// stands for the first label.
func (g *guard) serves(name string) bool {
	_, parent, _ := strings.Cut(name, ".")
	for _, n := range g.serverNames {
		domain, any := strings.CutPrefix(n, "*.")
		if strings.EqualFold(name, n) || any && parent != "" && strings.EqualFold(parent, domain) {
			return true
		}
	}
	return false
}
