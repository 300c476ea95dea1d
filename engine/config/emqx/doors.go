package emqx

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wicketmq/wicket/engine/config"
)

// authenticator is a kind of authenticator of EMQX 5.
type authenticator struct {
	// carry carries one over as the plugin of that name, or says why not; nil
	// where there is no plugin for it.
	carry  func(c *conversion, k *key, plugin string) (reason string)
	plugin string
	why    string // what to do instead, or what carry does
}

// authenticators are the kinds, by mechanism and backend. A new one is a line
// here.
var authenticators = map[string]authenticator{
	"password_based:http":              {(*conversion).http, "http", "an upstream and the plugin builtin:http"},
	"password_based:built_in_database": {(*conversion).builtIn, "password", "the plugin builtin:password; its users are in EMQX's database and have to be written to a users file"},
	"password_based:mysql":             {why: "there is no plugin for MySQL"},
	"password_based:postgresql":        {why: "there is no plugin for PostgreSQL"},
	"password_based:mongodb":           {why: "there is no plugin for MongoDB"},
	"password_based:redis":             {why: "there is no plugin for Redis"},
	"password_based:ldap":              {why: "there is no plugin for LDAP"},
	"jwt":                              {(*conversion).jwt, "jwt", "the plugin builtin:jwt, and an upstream for a key set; a secret of less than 32 bytes is lost"},
	"scram:built_in_database":          {why: "its users are in EMQX's database; make a users file for the plugin builtin:scram with \"wicket passwd -a scram-sha-256\""},
	"scram:http":                       {(*conversion).scram, "scram", "an upstream and the plugin builtin:scram with a secret that \"wicket import\" makes; a file that is read as it is lacks one, and it is lost"},
	"gssapi":                           {why: "there is no Kerberos"},
	"cinfo":                            {why: "write them as checks of the plugin builtin:certmap by hand"},
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
	if a, known := authenticators[kind]; known {
		return "authenticator " + kind + ": " + a.why
	}
	if kind == "" {
		return "an authenticator needs a mechanism and a backend, such as mechanism = password_based, backend = built_in_database"
	}
	return "authenticator " + shorten(kind) + ": it is not known"
}

// authentication is the chain of 5.x, as a list or as one authenticator alone
// (AUTHN-10). One that is switched off is skipped, as EMQX does. One that is lost
// takes those behind it along: they could let in whom it keeps out.
func (c *conversion) authentication(k *key) {
	lost, kinds := "", map[string]int{}
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
		kind := kindOf(v)
		if line, twice := kinds[kind]; twice {
			c.fail(v.at, one.String(), "%s is there already in line %d; there is one of a kind", shorten(kind), line)
			continue
		}
		kinds[kind] = v.at.Line
		a, reason := authenticators[kind], ""
		switch {
		case !v.enabled():
			c.lost(v.at, one.String(), "authenticator "+shorten(kind)+" is switched off", v)
			continue
		case a.carry == nil:
			reason = whyNot(kind)
		case lost != "":
			reason = fmt.Sprintf("it is asked behind %s, which is lost, and could let in whom that keeps out", lost)
		default:
			reason = a.carry(c, &one, a.plugin)
		}
		if reason == "" {
			c.authn = append(c.authn, a.plugin)
			continue
		}
		c.loseAuthenticator(&one, reason)
		lost = one.String()
	}
	if i := slices.Index(c.authn, "password"); i >= 0 && i < len(c.authn)-1 {
		c.note(k, "a client with a password that is not in the users file is refused; in EMQX the authenticators behind it are asked: put them first if they only take what is theirs")
	}
	if k.val.kind == null || k.val.kind == list && len(k.val.list) == 0 {
		c.anonymous = k
	}
}

// loseAuthenticator: whom those before it have no opinion on is denied.
func (c *conversion) loseAuthenticator(k *key, reason string) {
	if len(c.authn) == 0 {
		c.lose(k, reason)
		return
	}
	quiet := *k
	quiet.rule = &rule{}
	c.lose(&quiet, reason)
	c.fewer = append(c.fewer, Finding{Place: k.at, Key: k.String(), Text: reason})
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

// enableAuthn lets in more or fewer than the chain does. Whether false can be
// carried over is known at the end.
func (c *conversion) enableAuthn(k *key) {
	s, o := scalar(k.val)
	switch s = strings.ToLower(s); {
	case o != nil:
		c.fail(k.at, k.String(), "%s", o.bad)
	case isTrue(s):
		c.write(k, k.fill(k.rule.to), true)
	case isFalse(s):
		c.unasked = append(c.unasked, k)
	case s == "quick_deny_anonymous":
		c.write(k, k.fill(k.rule.to), word(s))
	default:
		c.fail(k.at, k.String(), "%q is none of true, quick_deny_anonymous, false", shorten(s))
	}
}

// finishUnasked opens the listeners whose clients nobody is asked about, where
// nothing that is lost, and no certificate, has a say in who they are.
func (c *conversion) finishUnasked() {
	for _, k := range c.unasked {
		switch lost := slices.Concat(c.shutAuthn, c.fewer); {
		case c.certmap:
			c.lose(k, "names come from certificates by auth.chain, which is asked about all clients therefore")
		case len(lost) > 0:
			c.lose(k, fmt.Sprintf("auth.chain is asked about all clients while %s is missing", lost[0].Key))
		default:
			c.write(k, k.fill(k.rule.to), false)
		}
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

// sources are the authorizers of 5.x. One that is lost takes those behind it
// along, as with authenticators.
func (c *conversion) sources(k *key) {
	c.sourced = true
	lost, kinds := "", map[string]int{}
	for i, v := range k.val.elements() {
		one := *k
		one.val, one.at = v, v.at
		one.path = append(slices.Clone(k.path), fmt.Sprint(i+1))
		kind := v.word("type")
		line, twice := kinds[kind]
		switch {
		case v.kind != section:
			c.fail(v.at, one.String(), "a source is a section: { type = file, … }")
			continue
		case twice:
			c.fail(v.at, one.String(), "%s is there already in line %d; there is one of a kind", shorten(kind), line)
			continue
		}
		kinds[kind] = v.at.Line
		if !v.enabled() {
			c.lost(v.at, one.String(), "source "+shorten(kind)+" is switched off", v)
			continue
		}
		reason := ""
		if lost != "" {
			reason = fmt.Sprintf("it is asked behind %s, which is lost, and could allow what that denies", lost)
		} else if reason = c.source(&one, kind); reason == "" {
			continue
		}
		c.lose(&one, reason)
		lost = one.String()
	}
	if len(k.val.elements()) == 0 {
		c.Carried++
	}
}

// source carries one authorizer over, or says why not.
func (c *conversion) source(k *key, kind string) (reason string) {
	switch kind {
	case "http":
		if reason = c.httpSource(k, "http-authz"); reason == "" {
			c.authz = append(c.authz, "http-authz")
		}
		return reason
	case "file":
		return c.fileSource(k)
	case "":
		return "a source needs a type, such as file or http"
	}
	return "source " + shorten(kind) + ": there is no plugin for it; its rules can be written for the plugin builtin:acl"
}

// fileSource is a file of rules, or its text.
func (c *conversion) fileSource(k *key) (reason string) {
	path := k.val.fields.get("path")
	for _, name := range k.val.fields.keys {
		if !slices.Contains([]string{"type", "enable", "enabled", "path"}, name) {
			return "its key " + shorten(name) + " is not known here, and may be a condition"
		}
	}
	if path == nil || path.kind != text {
		return "the path of the file is missing"
	}
	name, missing := c.expand(path.text)
	if missing != "" {
		return "the variable " + missing + " in its path is not known"
	}
	if reason = c.ruleSource(k, name); reason == "" {
		c.Carried += len(k.val.fields.keys)
	}
	return reason
}

// aclFile is the file of rules of 4.x.
func (c *conversion) aclFile(k *key) {
	c.sourced = true
	s, o := scalar(k.val)
	if o != nil {
		c.fail(k.at, k.String(), "%s", o.bad)
		return
	}
	name, missing := c.expand(s)
	if missing != "" {
		c.fail(k.at, k.String(), "the variable %s is not known; write the path out", missing)
		return
	}
	if reason := c.ruleSource(k, name); reason != "" {
		c.lose(k, reason)
		return
	}
	c.Carried++
}

// defaultRules: EMQX 5 takes its acl.conf where the file names no sources.
func (c *conversion) defaultRules() {
	path := filepath.Join(c.folders.vars["EMQX_ETC_DIR"], "acl.conf")
	if c.sourced || c.Grammar != "EMQX 5" {
		return
	}
	k := &key{path: []string{"authorization", "sources"}, val: &value{kind: null}, at: Place{File: c.name}, rule: &rule{shuts: authz}}
	if _, err := c.options.ReadFile(path); errors.Is(err, fs.ErrNotExist) {
		return
	}
	if reason := c.ruleSource(k, path); reason != "" {
		c.lose(k, reason)
		return
	}
	c.Notes = append(c.Notes, Finding{Place: k.at, Key: k.String(), Text: "the file does not set it; EMQX's default is carried over, the rules of " + c.shown(path)})
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

// flapping is the switch, in 4.x that of a zone.
func (c *conversion) flapping(k *key) {
	if k.path[0] == "zone" {
		c.zoneLimit(k)
		return
	}
	c.carry(k, k.fill(k.rule.to))
}

// flappingPolicy is max_count, window_time, ban_time in one text.
func (c *conversion) flappingPolicy(k *key) {
	list, o := texts(k.val)
	if o != nil || len(list) != 3 {
		c.fail(k.at, k.String(), "want a count and two times, as in 30, 1m, 5m")
		return
	}
	for i, to := range []string{"max_count", "window_time", "ban_time"} {
		one := *k
		one.val = &value{kind: text, text: list[i], at: k.at}
		one.rule = &rule{as: asDuration, why: k.rule.why}
		if i == 0 {
			one.rule.as = asNumber(1, 1_000_000)
		}
		c.carry(&one, []string{"flapping_detect", to})
		c.Carried--
	}
	c.Carried++
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
		if len(c.shutAuthn) == 0 && len(c.authn) == 0 {
			c.Notes = append(c.Notes, Finding{Place: Place{File: c.name}, Key: "auth.anonymous",
				Text: "the file names nobody to ask who may connect, by which some versions of EMQX let everybody in; here, clients without a verified certificate are refused. Add a plugin to auth.chain, or set auth.anonymous: allow"})
		}
		return
	}
	why, open := c.notAnonymous()
	k := c.anonymous
	switch {
	case open && len(c.authz) > 0 && !c.certmap: // the chain has plugins, which are to be asked about topics only
		for _, l := range c.listeners {
			c.out.set([]string{"listeners", l.transportHere(), l.name, "enable_authn"}, false, k.at, k.String(), c.comment(k))
		}
		c.Carried++
		c.note(k, "everybody is let in, as the file says, by enable_authn: false of the listeners; auth.anonymous: loopback is for this machine alone")
		return
	case open:
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
	for _, list := range [][]Finding{c.shutAuthn, c.fewer, c.shutNames, c.shutAuthz} {
		if len(list) > 0 {
			return fmt.Sprintf("anonymous clients stay out while %s is missing; set auth.anonymous when it is replaced", list[0].Key), false
		}
	}
	if c.out.text([]string{"authz", "no_match"}) == "deny" && len(c.authz) == 0 {
		return "with nobody to ask, anonymous clients could do everything, although what no rule permits is to be denied", false
	}
	return "", true
}

// finishChain names the plugins, or the one that denies everybody.
func (c *conversion) finishChain() {
	var chain []string
	c.finishUnasked()
	c.acceptCertificates()
	if c.certmap {
		c.out.set([]string{"plugins", "certmap", "file"}, "builtin:certmap", Place{}, "", "identity from certificates")
		chain = append(chain, "certmap")
	}
	if len(c.shutAuthn) > 0 {
		c.closeChain()
		return
	}
	if chain = slices.Concat(chain, c.authn, c.authz); len(chain) > 0 {
		c.out.set([]string{"auth", "chain"}, chain, Place{}, "", "")
	}
	for _, f := range c.fewer {
		f.Text = "clients that it alone would let in stay out (auth.chain ends before it), because this is lost: " + f.Text
		c.Closed = append(c.Closed, f)
	}
	switch {
	case len(c.authn) == 0:
		for _, block := range c.names { // where nobody else is asked, a certificate is enough (MAP-11)
			c.out.set(append(slices.Clip(block), "accept"), true, Place{}, "", "the file names nobody else to ask")
		}
	case len(c.fewer) == 0:
		c.out.set([]string{"auth", "profile"}, word("emqx"), Place{}, "", "EMQX's default: an authenticator that fails has no opinion")
	}
}

// acceptCertificates: a verified certificate is enough where nobody is asked who a
// client is (MAP-11), also when somebody is asked what it may do: then it has to be
// one that the listener demands.
func (c *conversion) acceptCertificates() {
	if c.certmap || len(c.authz) == 0 || len(c.authn) > 0 || len(c.shutAuthn) > 0 || c.anonymous != nil {
		return
	}
	for _, l := range c.listeners {
		path := []string{"listeners", l.transportHere(), l.name}
		if c.out.text(append(slices.Clone(path), "tls", "verify")) != "verify_peer" || c.out.text(append(slices.Clone(path), "tls", "fail_if_no_peer_cert")) != "true" {
			continue
		}
		if said := c.out.get(append(path, "enable_authn")); said == nil || said.value == true {
			c.out.force(append(path, "enable_authn"), false, l.at, "the certificate is enough, as the file names nobody to ask")
		}
	}
}

// closeChain asks a plugin that lets nobody in.
func (c *conversion) closeChain() {
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
		c.out.set([]string{"authz", "profile"}, word("emqx"), Place{}, "", "EMQX's default: what no rule speaks of is allowed")
		c.Notes = append(c.Notes, Finding{Place: Place{File: c.name}, Key: "authz.no_match",
			Text: "the file does not say what happens where no rule matches; EMQX's default is carried over by authz.profile, allow: whoever gets in may publish and subscribe everywhere that no rule denies"})
	}
}
