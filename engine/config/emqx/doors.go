package emqx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wicketmq/wicket/engine/config"
)

// authenticators are the kinds of EMQX 5, by mechanism and backend, and what
// to do instead. A function that carries one over goes here, once there is a
// plugin for it.
var authenticators = map[string]string{
	"password_based:http":              "name the server under upstreams and add the plugin builtin:http by hand",
	"password_based:built_in_database": "its users are in EMQX's database; make a users file with \"wicket passwd\" and use the password plugin",
	"password_based:mysql":             "there is no plugin for MySQL",
	"password_based:postgresql":        "there is no plugin for PostgreSQL",
	"password_based:mongodb":           "there is no plugin for MongoDB",
	"password_based:redis":             "there is no plugin for Redis",
	"password_based:ldap":              "there is no plugin for LDAP",
	"jwt":                              "JSON Web Tokens are not there yet",
	"scram:built_in_database":          "SCRAM is not there yet",
	"scram:http":                       "SCRAM is not there yet",
	"gssapi":                           "there is no Kerberos",
	"cinfo":                            "write them as checks of the plugin builtin:certmap by hand",
}

// kindOf names an authenticator; http alone means password_based (T-25).
func kindOf(v *value) string {
	mechanism, backend := v.word("mechanism"), v.word("backend")
	if mechanism == "" && backend != "" {
		mechanism = "password_based"
	}
	if backend == "" {
		return mechanism
	}
	return mechanism + ":" + backend
}

// whyNot is the reason why an authenticator is not carried over.
func whyNot(kind string) string {
	if why, known := authenticators[kind]; known {
		return "authenticator " + kind + ": " + why
	}
	if kind == "" {
		return "an authenticator needs a mechanism and a backend, such as mechanism = password_based, backend = built_in_database"
	}
	return "authenticator " + shorten(kind) + ": it is not known"
}

// authentication is the chain of 5.x, as a list or as one authenticator alone
// (AUTHN-10). One that is switched off is skipped, as EMQX does.
func (c *conversion) authentication(k *key) {
	for i, v := range k.val.elements() {
		one := *k
		one.val, one.at = v, v.at
		if len(k.val.elements()) > 1 || k.val.kind == list {
			one.path = append(slices.Clone(k.path), fmt.Sprint(i+1))
		}
		if v.kind != section {
			c.fail(v.at, one.String(), "an authenticator is a section: { mechanism = …, backend = … }")
			continue
		}
		if !v.enabled() {
			c.lost(v.at, one.String(), whyNot(kindOf(v))+"; it is switched off", v)
			continue
		}
		c.lose(&one, whyNot(kindOf(v)))
	}
	if k.val.kind == null || k.val.kind == list && len(k.val.list) == 0 {
		c.anonymous = k
	}
}

// listenerChain is an authentication for one listener.
func (c *conversion) listenerChain(k *key) {
	if !slices.ContainsFunc(k.val.elements(), func(v *value) bool { return v.enabled() }) {
		open := *k
		open.rule = &rule{why: k.rule.why}
		c.lose(&open, "")
		return
	}
	c.lose(k, "")
}

// enableAuthn: true is what happens here anyway; the other values let more
// or fewer in than the chain does.
func (c *conversion) enableAuthn(k *key) {
	switch s, _ := scalar(k.val); strings.ToLower(s) {
	case "true":
		c.Carried++
	case "quick_deny_anonymous":
		quick := *k
		quick.rule = &rule{shuts: nameless}
		c.lose(&quick, "clients without a user name are denied by auth.anonymous, for all listeners")
	default:
		c.lose(k, "")
	}
}

// allowAnonymous is the switch of 4.x.
func (c *conversion) allowAnonymous(k *key) {
	switch o := asBool(c, k.val); {
	case o.bad != "":
		c.fail(k.at, k.String(), "%s", o.bad)
	case o.value == true:
		c.anonymous = k
	default:
		c.refused = k
		c.Carried++
	}
}

// sources are the authorizers of 5.x.
func (c *conversion) sources(k *key) {
	for i, v := range k.val.elements() {
		one := *k
		one.val, one.at = v, v.at
		one.path = append(slices.Clone(k.path), fmt.Sprint(i+1))
		if v.kind != section {
			c.fail(v.at, one.String(), "a source is a section: { type = file, … }")
			continue
		}
		if !v.enabled() {
			one.rule = &rule{why: k.rule.why + "; it is switched off"}
		}
		why := one.rule.why
		if kind := v.word("type"); kind != "" {
			why = "source " + shorten(kind) + ": " + why
		}
		c.lose(&one, why)
	}
	if len(k.val.elements()) == 0 {
		c.Carried++
	}
}

// zone is where a listener takes identity and limits from; see survey.
func (c *conversion) zone(*key) { c.Carried++ }

// identity writes a key of the certmap plugin.
func (c *conversion) identity(k *key) {
	s, o := scalar(k.val)
	if o != nil {
		c.fail(k.at, k.String(), "%s", o.bad)
		return
	}
	s = strings.ToLower(s)
	to := k.fill(k.rule.to)
	if strings.HasPrefix(to[len(to)-1], "use_") {
		if !isTrue(s) && !isFalse(s) {
			c.fail(k.at, k.String(), "%q is neither true nor false", shorten(s))
			return
		}
		c.certmap = c.certmap || isTrue(s)
		c.write(k, to, isTrue(s))
		return
	}
	if !slices.Contains([]string{"disabled", "cn", "dn", "crt", "pem", "md5"}, s) {
		c.fail(k.at, k.String(), "%q is none of disabled, cn, dn, crt, pem, md5", shorten(s))
		return
	}
	if s != "disabled" {
		c.certmap = true
		c.names = append(c.names, to[:len(to)-1])
	}
	c.write(k, to, word(s))
}

// zoneIdentity writes an identity key of a zone for each listener in it.
func (c *conversion) zoneIdentity(k *key) {
	in := c.zones[k.name]
	if len(in) == 0 {
		c.lose(k, "no listener is in this zone")
		return
	}
	for i, l := range in {
		one := *k
		one.captures = l.captures
		c.identity(&one)
		if i > 0 {
			c.Carried-- // one key, however many listeners
		}
	}
}

// zoneLimit writes a limit of the zone that counts for all.
func (c *conversion) zoneLimit(k *key) {
	switch {
	case k.name == c.mqttZone:
		c.carry(k, k.fill(k.rule.to))
	case c.mqttZone == "":
		c.lose(k, "listeners are in different zones; one value counts for all here, set "+k.rule.to)
	default:
		c.lose(k, fmt.Sprintf("one value counts for all listeners here, that of zone %s; %s sets it", c.mqttZone, k.rule.to))
	}
}

// mountpoint: an empty one is none.
func (c *conversion) mountpoint(k *key) {
	if k.val.kind == null || k.val.kind == text && k.val.text == "" {
		c.Carried++
		return
	}
	c.lose(k, "")
}

// zoneMountpoint shuts each listener of the zone.
func (c *conversion) zoneMountpoint(k *key) {
	for _, l := range c.zones[k.name] {
		c.shutListener(l, Finding{Place: k.at, Key: k.String(), Text: k.rule.why})
	}
	c.lost(k.at, k.String(), k.rule.why, k.val)
}

// finishListeners completes what a listener needs beside its keys.
func (c *conversion) finishListeners() {
	for _, l := range c.listeners {
		path := []string{"listeners", l.transportHere(), l.name}
		from := "listeners." + l.transport + "." + l.name
		if !l.bound {
			if l.old {
				c.fail(l.at, "listener."+l.transport+"."+l.name, "the listener has no address: write listener.%s.%s = PORT", l.transport, l.name)
				continue
			}
			port := map[string]string{"tcp": "0.0.0.0:1883", "ssl": "0.0.0.0:8883"}[l.transport]
			c.out.set(append(path, "bind"), port, l.at, from, "EMQX's default: "+from+".bind is not in the file")
		}
		if l.transport == "ssl" {
			c.finishTLS(l, append(path, "tls"), from)
		}
		if l.shut {
			c.out.force(append(path, "enable"), false, l.at, "shut by the import: see the report")
		}
	}
}

// finishTLS: a certificate, and no demand for one that nobody is asked for
// (T-03).
func (c *conversion) finishTLS(l *source, path []string, from string) {
	if l.old {
		from = "listener.ssl." + l.name
	}
	bind, _ := config.ParseBind(c.out.text(append(path[:len(path)-1:len(path)-1], "bind")))
	if c.out.get(append(path, "certfile")) == nil && c.out.get(append(path, "keyfile")) == nil && !bind.Loopback() {
		c.shutListener(l, Finding{Place: l.at, Key: from, Text: "the certificate, since EMQX would take its published test certificate; set certfile and keyfile"})
	}
	need := c.out.get(append(path, "fail_if_no_peer_cert"))
	if need == nil || need.value != true || c.out.text(append(path, "verify")) == "verify_peer" {
		return
	}
	const why = "it needs verify = verify_peer, because with verify_none no client is asked for a certificate"
	if !l.old {
		c.fail(need.at, need.key, "%s", why)
		return
	}
	c.Notes = append(c.Notes, Finding{Place: need.at, Key: need.key, Text: "taken as false, as EMQX 4 does: " + why})
	need.value = false
}

// finishAuth writes chain, anonymous and no_match so that nothing that was
// lost lets anybody in.
func (c *conversion) finishAuth() {
	if c.refused != nil && len(c.shutAuthn) == 0 {
		c.shutAuthn = append(c.shutAuthn, Finding{Place: c.refused.at, Key: c.refused.String(),
			Text: "who may connect is in plugins of EMQX 4, whose files are not part of this one"})
	}
	c.finishChain()
	c.finishNoMatch()
	if c.anonymous == nil {
		if len(c.shutAuthn) == 0 {
			c.Notes = append(c.Notes, Finding{Place: Place{File: c.name}, Key: "auth.anonymous",
				Text: "the file names nobody to ask who may connect, by which some versions of EMQX let everybody in; here, clients without a verified certificate are refused. Add a plugin to auth.chain, or set auth.anonymous: allow"})
		}
		return
	}
	why, open := c.notAnonymous()
	k := c.anonymous
	if open {
		c.write(k, []string{"auth", "anonymous"}, word("allow"))
		who := "everybody is let in, and may do everything"
		if c.certmap {
			who = "clients that show nothing about themselves are let in"
		}
		c.note(k, "%s, as the file says; auth.anonymous: loopback is for this machine alone", who)
		return
	}
	c.Lost = append(c.Lost, Finding{Place: k.at, Key: k.String(), Text: "not carried over: " + why})
}

// notAnonymous says why clients that show nothing may not be let in.
func (c *conversion) notAnonymous() (why string, open bool) {
	for _, list := range [][]Finding{c.shutAuthn, c.shutNames, c.shutAuthz} {
		if len(list) > 0 {
			return fmt.Sprintf("anonymous clients stay out while %s is missing; set auth.anonymous when it is replaced", list[0].Key), false
		}
	}
	if c.out.text([]string{"authz", "no_match"}) == "deny" {
		return "with nobody to ask, anonymous clients could do everything, although what no rule permits is to be denied", false
	}
	return "", true
}

// finishChain names the plugins, or the one that denies everybody.
func (c *conversion) finishChain() {
	if c.certmap {
		c.out.set([]string{"plugins", "certmap", "file"}, "builtin:certmap", Place{}, "", "identity from certificates")
	}
	if len(c.shutAuthn) == 0 {
		if c.certmap {
			c.out.set([]string{"auth", "chain"}, []string{"certmap"}, Place{}, "", "")
		}
		for _, block := range c.names { // where nobody else is asked, a certificate is enough (MAP-11)
			c.out.set(append(slices.Clip(block), "accept"), true, Place{}, "", "the file names nobody else to ask")
		}
		return
	}
	for _, f := range c.shutAuthn {
		f.Text = "nobody is let in (auth.chain asks the plugin \"closed\"), because this is lost: " + f.Text
		c.Closed = append(c.Closed, f)
	}
	at := c.shutAuthn[0].Place
	c.out.set([]string{"plugins", "closed", "file"}, "builtin:password", at, "", "it lets nobody in: put your authenticators in its place")
	c.out.set([]string{"plugins", "closed", "config", "users_file"}, "/dev/null", at, "", "or a file made with: wicket passwd FILE USER")
	c.out.set([]string{"auth", "chain"}, []string{"closed"}, at, "", "shut by the import: see the report")
}

// finishNoMatch writes EMQX's default, or deny for rules that were lost.
func (c *conversion) finishNoMatch() {
	path := []string{"authz", "no_match"}
	if len(c.shutAuthz) > 0 {
		for _, f := range c.shutAuthz {
			f.Text = "what no rule permits is denied (authz.no_match), because this is lost: " + f.Text
			c.Closed = append(c.Closed, f)
		}
		c.out.force(path, word("deny"), c.shutAuthz[0].Place, "shut by the import: see the report")
		return
	}
	if c.out.get(path) == nil {
		c.out.set(path, word("allow"), Place{}, "", "EMQX's default: the file does not set it")
		c.Notes = append(c.Notes, Finding{Place: Place{File: c.name}, Key: "authz.no_match",
			Text: "the file does not say what happens where no rule matches; EMQX's default is carried over, allow: whoever gets in may publish and subscribe everywhere"})
	}
}
