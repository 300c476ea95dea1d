package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// AccessRule says whether connections from a network are taken (LSN-06).
type AccessRule struct {
	Permission Permission
	Network    netip.Prefix // the zero Prefix is every address
}

// ParseAccessRule reads allow or deny, and then all, an address or a network.
func ParseAccessRule(text string) (AccessRule, error) {
	fields := strings.Fields(text)
	if len(fields) != 2 || fields[0] != string(Allow) && fields[0] != string(Deny) {
		return AccessRule{}, fmt.Errorf("%q is not a rule: write allow or deny, and then all, an address or a network, as in deny 10.1.0.0/16", text)
	}
	rule := AccessRule{Permission: Permission(fields[0])}
	if fields[1] == "all" {
		return rule, nil
	}
	var err error
	rule.Network, err = ParseNetwork(fields[1])
	return rule, err
}

// ParseNetwork reads 10.1.0.0/16, 2001:db8::/32, or an address alone. Bits of
// the host are an error, for one of the two numbers is a mistake then. A network
// of mapped IPv4 addresses is one of IPv4.
func ParseNetwork(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a network: write 192.0.2.7, 10.1.0.0/16 or 2001:db8::/32", text)
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	if m := p.Masked(); m != p {
		return netip.Prefix{}, fmt.Errorf("%q has bits set beyond its length; the network is %s", text, m)
	}
	return p, nil
}

// admission: each rule and each network, and that somebody can get in
// (LSN-06, PROXY-07).
func (v *validator) admission() {
	for _, l := range v.cfg.open() {
		v.accessRules(below(l.path, "access_rules"), l.AccessRules)
		v.trustedProxies(l)
	}
}

func (v *validator) accessRules(path []string, rules []string) {
	if v.broken(path...) {
		return
	}
	admits := false
	for i, text := range rules {
		rule, err := ParseAccessRule(text)
		if err != nil {
			v.failAt(path, i, "%v", err)
			continue
		}
		admits = admits || rule.Permission == Allow
	}
	if !admits && !v.broken(path...) {
		v.fail(path, "no rule lets anybody in, so nobody could connect; end the list with allow all, or allow a network")
	}
}

func (v *validator) trustedProxies(l listener) {
	path := below(l.path, "proxy_trusted_cidrs")
	if v.broken(path...) || v.broken(below(l.path, "bind")...) {
		return
	}
	for i, text := range l.ProxyTrustedCIDRs {
		if _, err := ParseNetwork(text); err != nil {
			v.failAt(path, i, "%v", err)
		}
	}
	switch trusted := len(l.ProxyTrustedCIDRs) > 0; {
	case l.ProxyProtocol && !trusted && !l.Bind.Loopback():
		v.warn(below(l.path, "proxy_protocol"), "everybody who can reach %s is believed, whatever address and name the PROXY header gives; set proxy_trusted_cidrs to the networks of the proxies", l.Bind)
	case trusted && !l.ProxyProtocol:
		v.warn(path, "it is not used, because proxy_protocol is false")
	}
}

// failAt reports an element of a list under the list's key, at its own line.
func (v *validator) failAt(path []string, i int, format string, args ...any) {
	v.problems = append(v.problems, v.elementProblem(path, i, format, args...))
}

// warnAt is failAt for what is only odd.
func (v *validator) warnAt(path []string, i int, format string, args ...any) {
	v.warnings = append(v.warnings, v.elementProblem(path, i, format, args...))
}

func (v *validator) elementProblem(path []string, i int, format string, args ...any) Problem {
	at := v.problem(element(path, i), format, args...)
	at.Key = JoinKey(path...)
	return at
}
