package identity

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/wicketmq/wicket/engine/password/users"
	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/config"
)

// settings are what holds on one listener.
type settings struct {
	username           *template // nil = not mapped
	clientID           *template
	attributes         []attribute
	usernameAsClientID bool
	required           bool
	accept             bool
	rules              []wicket.Rule
	rest               wicket.Code // what no rule matches
	checks             []check

	allow wicket.Verdict // for clients that are let in
}

// attribute is a client attribute and where its value comes from.
type attribute struct {
	name string
	from *template
}

// New reads the plugin's config. The notes are for the operator: what is allowed
// and seldom meant.
func New(text string) (m *Mapper, notes []string, err error) {
	o, err := config.Read(text)
	if err != nil {
		return nil, nil, err
	}
	m = &Mapper{listeners: map[string]*settings{}}
	m.global = &settings{rest: wicket.CodeNext}
	m.global.read(o)
	all := []*settings{m.global}
	if list, ok := o.Object("listeners"); ok {
		for _, name := range list.Keys() {
			block, ok := list.Object(name)
			if !ok {
				continue
			}
			if !listenerName(name) {
				list.Fault(name, "want a listener's type and name, such as tls:default")
			}
			own := *m.global
			own.read(block)
			m.listeners[name] = &own
			all = append(all, &own)
			notes = append(notes, own.check(block)...)
		}
	}
	notes = append(m.global.check(o), notes...)
	if !slices.ContainsFunc(all, (*settings).letsIn) && (o.Has("default") || slices.ContainsFunc(all, (*settings).grants)) {
		o.Fault("rules", "rules and default are for clients that accept or a check lets in; without them the plugins after this one give the permissions")
	}
	if err := o.Err(); err != nil {
		return nil, nil, err
	}
	if !slices.ContainsFunc(all, (*settings).maps) {
		return nil, nil, errors.New("the config maps nothing: give username, client_id, attributes or checks, such as username: cn")
	}
	return m, unique(notes), nil
}

// listenerName reports whether a name looks like one.
func listenerName(name string) bool {
	kind, rest, _ := strings.Cut(name, ":")
	switch kind {
	case "tcp", "tls", "ws", "wss":
		return rest != ""
	}
	return false
}

// read takes over what a block says. What it does not say stays: a listener's
// block is read on top of the settings for all (spec T-24).
func (s *settings) read(o *config.Object) {
	s.username = mapping(o, s.username, "username", "peer_cert_as_username")
	s.clientID = mapping(o, s.clientID, "client_id", "peer_cert_as_clientid")
	if v, ok := o.Bool("use_username_as_clientid"); ok {
		s.usernameAsClientID = v
	}
	if block, ok := o.Object("attributes"); ok {
		s.attributes = nil
		for _, name := range block.Keys() {
			s.attributes = append(s.attributes, attribute{name, mapping(block, nil, name, "")})
			if !attributeName(name) {
				block.Fault(name, "an attribute's name has letters and digits, and - and _ between them")
			}
		}
	}
	if v, ok := o.Bool("required"); ok {
		s.required = v
	}
	if v, ok := o.Bool("accept"); ok {
		s.accept = v
	}
	if texts, ok := o.Texts("rules"); ok {
		s.rules = nil
		for i, text := range texts {
			rule, err := users.ParseRule(text)
			if err != nil {
				o.Fault("rules["+strconv.Itoa(i)+"]", err.Error())
			}
			s.rules = append(s.rules, rule)
		}
	}
	s.readDefault(o)
	s.checks = readChecks(o, s.checks)
}

func (s *settings) readDefault(o *config.Object) {
	switch text, ok := o.Text("default"); {
	case !ok:
	case text == "allow":
		s.rest = wicket.CodeAllow
	case text == "deny":
		s.rest = wicket.CodeDeny
	case text == "next":
		s.rest = wicket.CodeNext
	default:
		o.Fault("default", "want allow, deny or next")
	}
}

// theirValues are what EMQX knows for a mapping (spec MAP-01).
var theirValues = []string{"disabled", "cn", "dn", "crt", "pem", "md5"}

// mapping reads a template by its name or by the one that EMQX has for it, which
// takes fewer values. inherited holds where neither is there.
func mapping(o *config.Object, inherited *template, key, emqx string) *template {
	text, ok := o.Text(key)
	if emqx != "" {
		theirs, found := o.Text(emqx)
		switch {
		case found && ok:
			o.Fault(emqx, "is "+key+" in EMQX's words; give one of them")
			return inherited
		case found && !slices.Contains(theirValues, theirs):
			o.Fault(emqx, "want one of "+strings.Join(theirValues, ", ")+"; "+key+" takes more")
			return inherited
		case found:
			key, text, ok = emqx, theirs, true
		}
	}
	switch {
	case !ok:
		return inherited
	case text == "disabled":
		return nil
	}
	t, err := parseTemplate(text)
	if err != nil {
		o.Fault(key, err.Error())
		return nil
	}
	t.key = key
	return t
}

// attributeName says whether s is a letter or digit, then those, - and _: what
// the broker takes (spec MAP-10).
func attributeName(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case i > 0 && (c == '-' || c == '_'):
		default:
			return false
		}
	}
	return s != "" && len(s) <= 256
}

// check looks for what cannot work, or not as it was meant, in the settings of a
// block. It prepares the verdict of those who are accepted.
func (s *settings) check(o *config.Object) (notes []string) {
	if t := s.clientID; t != nil && t.names("crt") {
		o.Fault(t.key, `crt is the certificate in DER, which no client id can be: take "pem" (its Base64), "md5" or "sha256"`)
	}
	switch named := s.username != nil || s.clientID != nil; {
	case !named && s.required && o.Has("required"):
		o.Fault("required", "nothing can be missing: map username or client_id too")
	case !named && s.accept && o.Has("accept"):
		o.Fault("accept", "a client that is let in by its certificate needs a name from it: map username or client_id")
	case !named: // on a listener that maps nothing, what holds elsewhere means nothing
		s.accept = false
	case s.accept:
		notes = s.checkAccept(o)
	}
	if t := s.username; t != nil && t.names("crt") {
		notes = append(notes, `the user name "crt" is given as Base64 of the DER, the same as "pem": MQTT has no names of bytes`)
	}
	if s.usernameAsClientID && s.clientID != nil {
		notes = append(notes, "use_username_as_clientid overrides client_id")
	}
	notes = append(notes, s.checkChecks(o)...)
	s.allow = wicket.Allow().Rule(s.rules...).Default(s.rest)
	return notes
}

// checkAccept: who comes in by a certificate alone has a name from it, and what
// it may do hangs on nothing that it chooses itself.
func (s *settings) checkAccept(o *config.Object) (notes []string) {
	if t := s.username; t != nil && !t.proven() {
		o.Fault(t.key, "with accept a user name is made of the certificate alone; the client chooses what it says itself")
	}
	for placeholder, safe := range s.placeholders() {
		if !safe && s.mentions(placeholder) {
			notes = append(notes, "rules have "+placeholder+", which a client that is accepted can choose itself: take it from the certificate")
		}
	}
	slices.Sort(notes)
	return notes
}

// placeholders says for those of the rules whether they come from the
// certificate.
func (s *settings) placeholders() map[string]bool {
	user := s.username != nil && s.username.proven()
	m := map[string]bool{
		"${username}": user,
		"${clientid}": s.clientID != nil && s.clientID.proven() || user && s.usernameAsClientID,
	}
	for _, a := range s.attributes {
		m["${client_attrs."+a.name+"}"] = a.from == nil || a.from.proven()
	}
	return m
}

func (s *settings) mentions(placeholder string) bool {
	for _, r := range s.rules {
		for level := range strings.SplitSeq(r.Filter, "/") {
			if r.Permit && level == placeholder {
				return true
			}
		}
	}
	return false
}

func (s *settings) letsIn() bool { return s.accept || s.allows() }

func (s *settings) grants() bool { return len(s.rules) > 0 }

func (s *settings) maps() bool {
	return s.username != nil || s.clientID != nil || s.usernameAsClientID || len(s.attributes) > 0 || len(s.checks) > 0
}

// unique drops what has been said before.
func unique(notes []string) []string {
	var out []string
	for i, n := range notes {
		if !slices.Contains(notes[:i], n) {
			out = append(out, n)
		}
	}
	return out
}
