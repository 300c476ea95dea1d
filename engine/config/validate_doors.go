package config

import (
	"maps"
	"slices"
	"strings"
)

// profiles fills in EMQX's defaults where a profile asks for them, and says what
// each of them opens (AUTHN-02, AUTHN-04, AUTHZ-02, T-17). A key that is set goes
// before any profile.
func (v *validator) profiles() {
	c := v.cfg
	if path := []string{"auth", "profile"}; c.Auth.Profile == ProfileEMQX && !v.broken("auth") && !v.broken("plugins") {
		if !v.isSet("auth", "anonymous") && len(c.Auth.Chain) == 0 {
			c.Auth.Anonymous = AnonymousAllow
			v.warn(path, "auth.chain is empty, so anonymous is allow: everybody is let in, and may do everything that authz.rules leave open")
		}
		if next := v.failing(); len(next) > 0 {
			v.warn(path, "on_error is next for %s: while such a plugin fails, those after it decide without it", strings.Join(next, ", "))
		}
	}
	if path := []string{"authz", "profile"}; c.Authz.Profile == ProfileEMQX && !v.broken("authz") && !v.isSet("authz", "no_match") {
		c.Authz.NoMatch = NoMatchAllow
		v.warn(path, "no_match is allow: clients may publish and subscribe wherever no rule and no plugin says otherwise")
	}
}

// failing sets on_error of the plugins that do not set it, and returns those of
// the chain. What certmap and acl do is part of EMQX itself, where nothing of it
// fails: a client must not keep names, or rights, because they do.
func (v *validator) failing() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(v.cfg.Plugins)) {
		p := v.cfg.Plugins[name]
		if v.isSet("plugins", name, "on_error") || p.File == BuiltinPrefix+"certmap" || p.File == BuiltinPrefix+"acl" {
			continue
		}
		p.OnError = OnErrorNext
		v.cfg.Plugins[name] = p
		if slices.Contains(v.cfg.Auth.Chain, name) {
			names = append(names, name)
		}
	}
	return names
}

// doors says what stands open in a way that its keys do not show.
func (v *validator) doors() {
	if v.broken("listeners") || v.broken("plugins") || v.broken("auth") {
		return
	}
	v.enableAuthn()
	for _, name := range v.cfg.Auth.Chain {
		p, known := v.cfg.Plugins[name]
		if !known {
			continue
		}
		if v.cfg.Authz.NoMatch == NoMatchAllow && !v.broken("authz") {
			v.failsOpen([]string{"plugins", name}, &p)
		}
		if p.File == BuiltinPrefix+"certmap" {
			v.freeNames([]string{"plugins", name, "config"}, p.Config)
		}
	}
}

// enableAuthn: LSN-07.
func (v *validator) enableAuthn() {
	for _, l := range v.cfg.open() {
		if l.EnableAuthn != AuthnOff {
			continue
		}
		who := "who can reach " + l.Bind.String()
		if v.demands(l) {
			who = "with a certificate of the right authority"
		}
		v.warn(below(l.path, "enable_authn"), "auth.chain is not asked: everybody %s is let in, under any user name and client id", who)
	}
}

// failsOpen: what a plugin would deny is allowed while it fails, when nobody
// after it denies (0.4, item 4; U-42).
func (v *validator) failsOpen(path []string, p *Plugin) {
	authorization, asks := p.Config["authorization"].(map[string]any)
	http := p.File == BuiltinPrefix+"http"
	switch {
	case http && asks && backendError(p.Config, authorization) != "deny":
		v.warn(below(path, "config"), "authz.no_match is allow, so everything is allowed while the server of authorization gives no answer; set on_backend_error: deny there")
	case strings.HasPrefix(p.File, BuiltinPrefix) && !(http && asks) && p.File != BuiltinPrefix+"acl":
	case p.OnError == OnErrorNext && v.isSet(below(path, "on_error")...):
		v.warn(below(path, "on_error"), "authz.no_match is allow, so what the plugin would deny is allowed while it fails; set on_error: deny")
	}
}

// backendError is what the plugin http does without an answer about topics.
func backendError(config, authorization map[string]any) any {
	if own, set := authorization["on_backend_error"]; set {
		return own
	}
	return config["on_backend_error"]
}

// freeNames: where nobody has to show a certificate, a client can call itself what
// certificates call others (U-15).
func (v *validator) freeNames(path []string, config map[string]any) {
	if listeners := v.claimable(config); len(listeners) > 0 {
		v.warn(path, "%s no certificate, and without one a client keeps the names that it gives itself, those of certificates too; set required: true, or verify and fail_if_no_peer_cert of the listener",
			strings.Join(listeners, ", ")+map[bool]string{true: " needs", false: " need"}[len(listeners) == 1])
	}
}

// claimable are the listeners whose clients certmap names, and which take clients
// without a certificate. Behind a proxy that is the proxy's affair.
func (v *validator) claimable(config map[string]any) (out []string) {
	all, _ := config["listeners"].(map[string]any)
	for _, l := range v.cfg.open() {
		name := l.path[1] + ":" + l.path[2]
		if l.ProxyProtocol || v.demands(l) {
			continue
		}
		own, _ := all[name].(map[string]any)
		get := func(key string) any {
			if value, set := own[key]; set {
				return value
			}
			return config[key]
		}
		if names(get) && get("required") != true {
			out = append(out, name)
		}
	}
	return out
}

// demands reports whether nobody comes to MQTT without a verified certificate.
func (v *validator) demands(l listener) bool {
	t := v.cfg.Listeners.TLS[l.path[2]].TLS
	return l.path[1] == "tls" && t.Verify == VerifyPeer && t.FailIfNoPeerCert
}

// names reports whether settings of certmap give clients names.
func names(get func(key string) any) bool {
	return slices.ContainsFunc([]string{"username", "client_id", "peer_cert_as_username", "peer_cert_as_clientid"}, func(key string) bool {
		value := get(key)
		return value != nil && value != "disabled"
	})
}
