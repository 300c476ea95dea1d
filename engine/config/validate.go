package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// BuiltinPrefix starts the file of a plugin that comes with the broker.
const BuiltinPrefix = "builtin:"

// validator holds the rules that concern more than one key. A rule stays
// silent when a key that it looks at is already in trouble.
type validator struct {
	cfg      *Config
	origins  map[string]Origin
	problems []Problem
	warnings []Problem
}

// run applies every rule.
func (v *validator) run() {
	v.dataDir()
	v.listeners()
	v.admission()
	v.tls()
	v.acme()
	v.upstreams()
	v.granted()
	v.profiles()
	v.chain()
	v.anonymous()
	v.doors()
	v.authz()
	v.mqtt()
}

// broken reports whether a key, or anything below or above it, has a problem.
func (v *validator) broken(path ...string) bool {
	key := JoinKey(path...)
	return slices.ContainsFunc(v.problems, func(p Problem) bool {
		return p.Key == key || p.Key == "" || strings.HasPrefix(p.Key, key+".") || strings.HasPrefix(key, p.Key+".")
	})
}

// isSet reports whether the configuration says what a key is.
func (v *validator) isSet(path ...string) bool {
	_, set := v.origins[pathKey(path)]
	return set
}

func (v *validator) problem(path []string, format string, args ...any) Problem {
	return Problem{originOf(v.origins, path), JoinKey(path...), fmt.Sprintf(format, args...)}
}

func (v *validator) fail(path []string, format string, args ...any) {
	v.problems = append(v.problems, v.problem(path, format, args...))
}

func (v *validator) warn(path []string, format string, args ...any) {
	v.warnings = append(v.warnings, v.problem(path, format, args...))
}

func (v *validator) dataDir() {
	if v.cfg.DataDir == "" && !v.broken("data_dir") {
		v.fail([]string{"data_dir"}, "an empty path is not a directory; \".\" is the current one")
	}
}

// listener is an enabled listener of any transport.
type listener struct {
	path []string // to its section
	Listener
}

// open lists the enabled listeners in a fixed order.
func (c *Config) open() []listener {
	var out []listener
	for _, name := range slices.Sorted(maps.Keys(c.Listeners.TCP)) {
		out = append(out, listener{[]string{"listeners", "tcp", name}, c.Listeners.TCP[name].Listener})
	}
	for _, name := range slices.Sorted(maps.Keys(c.Listeners.TLS)) {
		out = append(out, listener{[]string{"listeners", "tls", name}, c.Listeners.TLS[name].Listener})
	}
	return slices.DeleteFunc(out, func(l listener) bool { return !l.Enable })
}

// MaxConnections is the sum of max_connections over the enabled listeners that
// have one.
func (c *Config) MaxConnections() (sum int) {
	for _, l := range c.open() {
		sum += l.MaxConnections
	}
	return sum
}

// public reports whether an enabled listener is reachable from elsewhere.
func (c *Config) public() bool {
	return slices.ContainsFunc(c.open(), func(l listener) bool { return l.Bind.IsValid() && !l.Bind.Loopback() })
}

// listeners: at least one, and no two on one address (LSN-01).
func (v *validator) listeners() {
	open := v.cfg.open()
	if len(open) == 0 && !v.broken("listeners") {
		v.fail([]string{"listeners"}, "no listener is enabled, so nobody could connect; set listeners.tcp.default.bind, for example")
	}
	for i, l := range open {
		for _, other := range open[:i] {
			if l.Bind.overlaps(other.Bind) && !v.broken(below(l.path, "bind")...) && !v.broken(below(other.path, "bind")...) {
				v.fail(below(l.path, "bind"), "%s is already taken by %s (%s)", l.Bind, JoinKey(other.path...), other.Bind)
			}
		}
	}
}

func (v *validator) tls() {
	for _, name := range slices.Sorted(maps.Keys(v.cfg.Listeners.TLS)) {
		l := v.cfg.Listeners.TLS[name]
		if l.Enable {
			path := []string{"listeners", "tls", name}
			v.certificate(path, l)
			v.clientCertificates(below(path, "tls"), &l.TLS)
			v.versions(below(below(path, "tls"), "versions"), l.TLS.Versions)
			v.revocation(below(path, "tls"), &l.TLS)
			v.stapling(below(path, "tls"), &l.TLS)
			v.negotiation(below(path, "tls"), &l.TLS)
			v.bundles(below(below(path, "tls"), "bundles"), l.TLS.Bundles)
		}
	}
}

// certificate: both halves, or neither on loopback (TLS-07, TLS-08).
func (v *validator) certificate(path []string, l TLSListener) {
	cert, key := below(below(path, "tls"), "certfile"), below(below(path, "tls"), "keyfile")
	if v.broken(cert...) || v.broken(key...) || v.broken(below(path, "bind")...) {
		return
	}
	switch {
	case l.TLS.Certfile == "" && l.TLS.Keyfile != "":
		v.fail(key, "a key without a certificate: set certfile as well")
	case l.TLS.Certfile != "" && l.TLS.Keyfile == "":
		v.fail(cert, "a certificate without a key: set keyfile as well")
	case l.TLS.Certfile == "" && !l.Bind.Loopback() && len(l.TLS.ACMEDomains) == 0:
		v.fail(cert, "missing: a listener on %s needs certfile and keyfile; the development certificate is for loopback only", l.Bind)
	}
	if l.TLS.Password.IsSet() && l.TLS.Keyfile == "" {
		v.warn(below(below(path, "tls"), "password"), "there is no keyfile that it could open")
	}
}

// clientCertificates: TLS-05 and TLS-06.
func (v *validator) clientCertificates(path []string, t *TLS) {
	if v.broken(below(path, "verify")...) || v.broken(below(path, "fail_if_no_peer_cert")...) {
		return
	}
	ca := below(path, "cacertfile")
	switch {
	case t.FailIfNoPeerCert && t.Verify != VerifyPeer:
		v.fail(below(path, "fail_if_no_peer_cert"), "it needs verify: verify_peer, because with verify_none no client is asked for a certificate")
	case t.Verify == VerifyPeer && t.Cacertfile == "" && (t.Certfile != "" || len(t.ACMEDomains) > 0):
		v.fail(below(path, "verify"), "verify_peer needs cacertfile, the authorities that client certificates must lead to")
	case t.Verify == VerifyNone && t.Cacertfile != "":
		v.warn(ca, "it is not used, because verify is verify_none; set verify: verify_peer to check client certificates")
	}
}

// versions: no gap, since a gap makes clients take a downgrade for an attack
// (TLS-10, RFC 8446 section 4.1.3).
func (v *validator) versions(path []string, list []TLSVersion) {
	if v.broken(path...) {
		return
	}
	order := []TLSVersion{TLS13, TLS12, TLS11, TLS10}
	first, last := -1, -1
	for i, version := range order {
		if slices.Contains(list, version) {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 {
		v.fail(path, "the list is empty; write [tlsv1.3, tlsv1.2]")
		return
	}
	for i := first; i < last; i++ {
		if !slices.Contains(list, order[i]) {
			v.fail(path, "%s is missing between %s and %s; versions must follow each other without a gap", order[i], order[first], order[last])
			return
		}
	}
	if last > 1 {
		v.warn(path, "%s is obsolete (RFC 8996); offer it only to devices that know nothing newer", order[last])
	}
}

// chain: each link is a plugin, once.
func (v *validator) chain() {
	path := []string{"auth", "chain"}
	if v.broken("plugins") || v.broken(path...) {
		return
	}
	names := slices.Sorted(maps.Keys(v.cfg.Plugins))
	for i, name := range v.cfg.Auth.Chain {
		_, known := v.cfg.Plugins[name]
		switch at := v.problem(element(path, i), ""); {
		case !known:
			v.problems = append(v.problems, Problem{at.Origin, JoinKey(path...), fmt.Sprintf("no plugin is called %q%s", name, didYouMean(name, names))})
		case slices.Contains(v.cfg.Auth.Chain[:i], name):
			v.problems = append(v.problems, Problem{at.Origin, JoinKey(path...), fmt.Sprintf("plugin %q is in the chain twice", name)})
		}
	}
	for _, name := range names {
		p := []string{"plugins", name}
		if !slices.Contains(v.cfg.Auth.Chain, name) && len(v.cfg.Plugins[name].Events) == 0 {
			v.warn(p, "the plugin is not in auth.chain and has no events, so it is asked nothing")
		}
		if file := v.cfg.Plugins[name].File; file == BuiltinPrefix {
			v.fail(below(p, "file"), "%q lacks the name of the plugin, as in builtin:password", file)
		}
	}
}

// anonymous: what is open to the world is said aloud.
func (v *validator) anonymous() {
	path := []string{"auth", "anonymous"}
	if v.broken("listeners") || v.broken("auth") {
		return
	}
	switch c := v.cfg; {
	case c.Auth.Anonymous == AnonymousAllow && c.public() && v.isSet(path...):
		v.warn(path, "clients without credentials are let in from everywhere; \"loopback\" lets in those of this machine")
	case c.Auth.Anonymous == AnonymousDeny && len(c.Auth.Chain) == 0:
		v.warn(path, "auth.chain is empty and anonymous clients are denied, so nobody gets in")
	}
	if v.cfg.Authz.NoMatch == NoMatchAllow && v.cfg.public() && v.isSet("authz", "no_match") && !v.broken("authz", "no_match") {
		v.warn([]string{"authz", "no_match"}, "clients may publish and subscribe wherever no rule says otherwise")
	}
}

// mqtt: one allowed packet must not be enough to close a connection.
func (v *validator) mqtt() {
	m := &v.cfg.MQTT
	if v.broken("mqtt", "outbound") || v.broken("mqtt", "max_packet_size") {
		return
	}
	if least := m.Outbound.HighWater + m.MaxPacketSize; m.Outbound.Max < least {
		v.fail([]string{"mqtt", "outbound", "max"}, "%s is less than high_water and max_packet_size together, %s", m.Outbound.Max, least)
	}
}
