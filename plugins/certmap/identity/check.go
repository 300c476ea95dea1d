package identity

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/wicketmq/wicket/plugins/pattern"
	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/config"
	"github.com/wicketmq/wicket/sdk/go/json"
)

// check decides about the clients for whom all its conditions hold (spec MAP-12).
type check struct {
	conditions []condition
	result     wicket.Code
}

// condition asks for a value of a field, or of an attribute where that has a name.
type condition struct {
	key       string // of the configuration, below the block, for faults
	field     field
	attribute string
	pattern   pattern.Pattern
}

// subject is the client that checks look at, after its names were found.
type subject struct {
	*reading
	s *settings

	// The name is mapped, the mapping found none, and it is still what the client
	// says itself. Such a name lets nobody in; it may well keep somebody out.
	claimedUsername, claimedClientID bool
}

// checked looks for the first check that holds. Without one the code is that of
// otherwise.
func (s *subject) checked(otherwise wicket.Code) (code wicket.Code, index int) {
	for i := range s.s.checks {
		c := &s.s.checks[i]
		if !slices.ContainsFunc(c.conditions, func(c condition) bool { return !s.has(&c, s.s.checks[i].result) }) {
			return c.result, i
		}
	}
	return otherwise, -1
}

// has says whether a condition holds. What the client does not have is never
// the same as anything, "*" included.
func (s *subject) has(c *condition, result wicket.Code) bool {
	allows := result == wicket.CodeAllow
	switch {
	case c.attribute != "":
		t := s.s.attribute(c.attribute)
		if t == nil || allows && s.claims(t) {
			return false
		}
		value := t.expand(s.reading)
		return value != "" && c.pattern.Matches(value)
	case allows && (s.claimedUsername && c.field.name == "username" || s.claimedClientID && c.field.name == "clientid"):
		return false
	case c.field.proven && !s.certified():
		return false
	}
	if many, ok := alternativeNames[c.field.name]; ok {
		return s.hasName(many, c.pattern)
	}
	value := c.field.get(s.reading, 0)
	return value != "" && c.pattern.Matches(value)
}

// alternativeNames are the fields that have several values.
var alternativeNames = map[string]wicket.CertField{
	"san_dns": wicket.CertSANDNS, "san_uri": wicket.CertSANURI, "san_email": wicket.CertSANEmail,
}

// hasName looks at every one of the names: an empty one, or many of them, must
// not hide the one that a check denies.
func (s *subject) hasName(f wicket.CertField, p pattern.Pattern) bool {
	for i := 0; ; i++ {
		value, ok := s.ctx.Certificate(f, i)
		if !ok {
			return false
		}
		if value != "" && p.Matches(value) {
			return true
		}
	}
}

// claims reports whether a template has a name in it that is only claimed.
func (s *subject) claims(t *template) bool {
	return s.claimedUsername && t.names("username") || s.claimedClientID && t.names("clientid")
}

// attribute returns where the value of an attribute comes from, or nil.
func (s *settings) attribute(name string) *template {
	for i := range s.attributes {
		if s.attributes[i].name == name {
			return s.attributes[i].from
		}
	}
	return nil
}

// checkFields are what a check can name, beside attributes. The password is
// none of them: it is a secret, and a plugin for passwords compares it.
var checkFields = []string{
	"username", "client_id", "cn", "dn", "san_dns", "san_uri", "san_email", "serial", "sha256", "issuer", "listener", "peerhost",
}

const attributeField = "attributes."

// results are the words for what a check decides.
var results = map[string]wicket.Code{"allow": wicket.CodeAllow, "deny": wicket.CodeDeny, "ignore": wicket.CodeNext}

// readChecks reads the list of checks. Without one the inherited checks hold.
func readChecks(o *config.Object, inherited []check) (checks []check) {
	v := o.Value("checks")
	if !v.Present() {
		return inherited
	}
	if v.Kind() != json.Array {
		o.Fault("checks", `want a list of checks, each with match and result, such as { match: { cn: "dev-*" }, result: allow }`)
	}
	for i, item := range v.List() {
		checks = append(checks, readCheck(o, "checks["+strconv.Itoa(i)+"]", item))
	}
	return checks
}

func readCheck(o *config.Object, path string, v json.Value) (c check) {
	if v.Kind() != json.Object {
		o.Fault(path, "want match and result")
		return c
	}
	for _, m := range v.Members() {
		if m.Key != "match" && m.Key != "result" {
			o.Fault(path+"."+m.Key, "no such key; there are match, result")
		}
	}
	word, _ := v.Get("result").Text()
	result, ok := results[word]
	if !ok {
		o.Fault(path+".result", "want allow, deny or ignore")
	}
	c.result = result
	path += ".match"
	switch match := v.Get("match"); {
	case match.Kind() == json.Array && len(match.List()) > 0:
		for i, block := range match.List() {
			c.conditions = append(c.conditions, readMatch(o, path+"["+strconv.Itoa(i)+"]", block)...)
		}
	default:
		c.conditions = readMatch(o, path, match)
	}
	return c
}

// readMatch reads fields with their patterns.
func readMatch(o *config.Object, path string, v json.Value) (conditions []condition) {
	if v.Kind() != json.Object || len(v.Members()) == 0 {
		o.Fault(path, `want fields with patterns, such as cn: "dev-*"; cn: "*" is whoever has a verified certificate with a common name`)
		return nil
	}
	for _, m := range v.Members() {
		c, err := readCondition(m.Key, m.Value)
		if c.key = path + "." + m.Key; err != nil {
			o.Fault(c.key, err.Error())
		}
		conditions = append(conditions, c)
	}
	return conditions
}

func readCondition(key string, v json.Value) (c condition, err error) {
	text, ok := v.Text()
	switch {
	case !ok:
		return c, errors.New("want a pattern in quotes")
	case text == "":
		return c, errors.New(`an empty pattern matches nobody: write "*" for any value, or leave the field out`)
	}
	c.pattern = pattern.Parse(text)
	name, isAttribute := strings.CutPrefix(key, attributeField)
	switch {
	case isAttribute && name != "":
		c.attribute = name
		return c, nil
	case key == "password":
		return c, errors.New("checks do not see passwords; the plugins that come after compare them")
	case !slices.Contains(checkFields, key):
		return c, errors.New("no such field; there are " + strings.Join(checkFields, ", ") + ", " + attributeField + "NAME")
	case key == "client_id":
		key = "clientid"
	}
	c.field, _ = fieldNamed(key)
	return c, possible(key, text)
}

// possible refuses patterns that no value has: a check that denies a serial
// number in other letters would silently deny nobody.
func possible(field, text string) error {
	whole := !strings.Contains(text, "*")
	switch field {
	case "serial", "sha256":
		if strings.Trim(text, "0123456789abcdef*") != "" || strings.ContainsAny(text, ": ") {
			return errors.New("want lower-case hexadecimal without colons")
		}
		if whole && field == "serial" && len(text)%2 != 0 {
			return errors.New("want an even number of digits: 0" + text)
		}
		if whole && field == "sha256" && len(text) != 64 {
			return errors.New(`want 64 digits, or "*" for those that are left out`)
		}
	case "listener":
		if whole && !listenerName(text) {
			return errors.New("want a listener's type and name, such as tls:default")
		}
	}
	return nil
}

// checkChecks looks for checks that cannot work here, or let in whom they should
// not.
func (s *settings) checkChecks(o *config.Object) (notes []string) {
	for i := range s.checks {
		c := &s.checks[i]
		for _, cond := range c.conditions {
			if cond.attribute != "" && s.attribute(cond.attribute) == nil {
				o.Fault(cond.key, "attributes gives no "+strconv.Quote(cond.attribute)+": map it there")
			}
		}
		if c.result == wicket.CodeAllow && len(c.conditions) > 0 && !slices.ContainsFunc(c.conditions, s.vouched) {
			notes = append(notes, "checks["+strconv.Itoa(i)+"] allows a client for what it says itself: match a field of the certificate too, such as cn")
		}
	}
	if !s.allows() {
		return notes
	}
	safe := s.placeholders()
	for _, name := range []string{"${username}", "${clientid}"} {
		if s.mentions(name) && !(safe[name] && s.required) {
			notes = append(notes, "rules have "+name+", which a client that a check allows can choose itself: take it from the certificate, with required")
		}
	}
	return notes
}

// vouched reports whether a condition is about what the client does not say
// itself. A mapped name that is not found lets nobody in, see subject.
func (s *settings) vouched(c condition) bool {
	switch t := s.attribute(c.attribute); {
	case c.attribute != "":
		return t == nil || t.proven()
	case c.field.name == "username":
		return s.placeholders()["${username}"]
	case c.field.name == "clientid":
		return s.placeholders()["${clientid}"]
	}
	return true
}

// allows reports whether there is a check that lets clients in.
func (s *settings) allows() bool {
	return slices.ContainsFunc(s.checks, func(c check) bool { return c.result == wicket.CodeAllow })
}
