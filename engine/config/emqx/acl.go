package emqx

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/wicketmq/wicket/engine/password/users"
)

// Bounds of the rules that one rule of EMQX becomes, and of all.
const (
	maxClauses = 256
	maxRules   = 10_000 // that a client can have
)

// ruleFile turns the terms of an acl.conf into the lines of the plugin acl. A rule
// that cannot be said here permits nothing, and denies more: what is lost of one
// that allows leaves it out; what is lost of one that denies makes it deny for
// everybody, or for more topics.
type ruleFile struct {
	name    string
	old     bool // of EMQX 4, where %c and %u are placeholders
	rules   []item
	rest    string // what no rule covers: allow, deny, or nothing
	skipped []Finding
	widened []Finding
}

// aclRules reads an acl.conf.
func aclRules(name string, data []byte, old bool) (*ruleFile, error) {
	list, err := terms(data)
	if err != nil {
		return nil, err
	}
	f := &ruleFile{name: name, old: old}
	for i := range list {
		if f.rest != "" {
			f.skipped = append(f.skipped, f.finding(&list[i], "no rule counts behind one for everybody and everything"))
			break
		}
		if err := f.rule(&list[i]); err != nil {
			return nil, lineError{list[i].line, err}
		}
		if len(f.rules) > maxRules {
			return nil, lineError{list[i].line, fmt.Errorf("these are more than %d rules", maxRules)}
		}
	}
	return f, nil
}

func (f *ruleFile) finding(t *term, format string, args ...any) Finding {
	return Finding{Place: Place{f.name, t.line}, Key: t.String(), Text: fmt.Sprintf(format, args...)}
}

var errNoRule = errors.New(`want {allow, who, action, [topics]}, {deny, who, action, [topics]}, {allow, all} or {deny, all}`)

// rule reads one term.
func (f *ruleFile) rule(t *term) error {
	if t.kind != tuple || len(t.items) < 2 || !t.items[0].is("allow") && !t.items[0].is("deny") {
		return errNoRule
	}
	c := clause{file: f, term: t, verb: t.items[0].text, deny: t.items[0].text == "deny"}
	switch {
	case len(t.items) == 2 && t.items[1].is("all"):
		f.rest = c.verb
		return nil
	case len(t.items) != 4:
		return errNoRule
	}
	who, err := c.who(&t.items[1], 0)
	if err != nil {
		return err
	}
	if err := c.action(&t.items[2]); err != nil {
		return err
	}
	if err := c.topics(&t.items[3]); err != nil {
		return err
	}
	c.write(who)
	return nil
}

// clause is a rule on its way.
type clause struct {
	file    *ruleFile
	term    *term
	verb    string
	deny    bool
	what    string   // publish, subscribe or all
	limits  string   // qos and retain, with a space before
	filters []string // as they stand in a rule
	lost    []string
}

// lose notes what cannot be said here.
func (c *clause) lose(format string, args ...any) {
	c.lost = append(c.lost, fmt.Sprintf(format, args...))
}

// write adds the rules, and says what they lack.
func (c *clause) write(who []conditions) {
	f := c.file
	for _, all := range who {
		whom := ""
		if len(all) > 0 {
			whom = " for " + strings.Join(all, " and ")
		}
		for _, filter := range c.filters {
			f.rules = append(f.rules, item{c.verb + " " + c.what + " " + filter + c.limits + whom, Place{f.name, c.term.line}})
		}
	}
	switch why := strings.Join(c.lost, "; "); {
	case why == "":
	case c.deny:
		f.widened = append(f.widened, f.finding(c.term, "it denies more than in EMQX: %s", why))
	default:
		f.skipped = append(f.skipped, f.finding(c.term, "not carried over, or not all of it: %s", why))
	}
}

// conditions are joined by "and"; none at all is everybody.
type conditions []string

// everybody and nobody, as alternatives.
var (
	everybody = []conditions{nil}
	nobody    = []conditions{}
)

// unsaid stands for a condition that cannot be said.
func (c *clause) unsaid() []conditions {
	if c.deny {
		return everybody
	}
	return nobody
}

// who reads for whom a rule is, as alternatives.
func (c *clause) who(t *term, depth int) ([]conditions, error) {
	switch {
	case t.is("all"):
		return everybody, nil
	case t.kind != tuple || len(t.items) < 2 || t.items[0].kind != atom || depth > 4:
		return nil, fmt.Errorf("%s is nobody: want all, {username, …}, {clientid, …}, {ipaddr, …}, {'and', […]} or {'or', […]}", t)
	}
	value := &t.items[1]
	switch kind := t.items[0].text; {
	case len(t.items) == 3 && kind == "client_attr" && value.kind == quote:
		return c.named("attribute "+value.text+"=", &t.items[2], attributeName(value.text))
	case len(t.items) != 2:
		return nil, fmt.Errorf("%s is nobody", t)
	case kind == "user" || kind == "username":
		return c.named("user ", value, true)
	case kind == "client" || kind == "clientid":
		return c.named("client ", value, true)
	case kind == "ipaddr":
		return c.addresses([]term{*value})
	case kind == "ipaddrs" && value.kind == sequence:
		return c.addresses(value.items)
	case (kind == "and" || kind == "or") && value.kind == sequence:
		return c.several(kind, value.items, depth)
	default:
		c.lose("there is no condition %s", kind)
		return c.unsaid(), nil
	}
}

// named is a condition on a name.
func (c *clause) named(kind string, t *term, sayable bool) ([]conditions, error) {
	value, expression := t, false
	if t.kind == tuple && len(t.items) == 2 && t.items[0].is("re") {
		value, expression = &t.items[1], true
	}
	if value.kind != quote {
		return nil, fmt.Errorf("%s is no name", t)
	}
	said, ok := quotedText(value.text, plainValue), value.text != ""
	if expression {
		said, ok = wildcard(value.text)
	}
	switch {
	case !ok || !sayable:
		c.lose("%s cannot be said with *", t)
		return c.unsaid(), nil
	case said == "*" && c.deny: // an empty name too
		return everybody, nil
	}
	return []conditions{{kind + said}}, nil
}

// attributeName reports whether a rule can have that name of an attribute.
func attributeName(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

// Texts that need no quotes in a rule: as a value, and as a filter.
var (
	plainValue  = regexp.MustCompile(`^[A-Za-z0-9._@:/-]+$`)
	plainFilter = regexp.MustCompile("^[!#-~]+$")
)

// quotedText writes a text of a rule so that nothing in it means anything.
func quotedText(s string, plain *regexp.Regexp) string {
	if plain.MatchString(s) && s != "for" {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// wildcard writes a regular expression with "*", if it is made of characters, ".*"
// and the marks for beginning and end.
func wildcard(expression string) (string, bool) {
	rest, atStart := strings.CutPrefix(expression, "^")
	var b strings.Builder
	if !atStart {
		b.WriteByte('*')
	}
	atEnd := false
	for i := 0; i < len(rest); i++ {
		c := rest[i]
		switch {
		case c == '$' && i == len(rest)-1:
			atEnd = true
			continue
		case c == '.' && strings.HasPrefix(rest[i:], ".*"):
			b.WriteByte('*')
			i++
			continue
		case c == '\\' && i+1 < len(rest) && strings.IndexByte(`.-_/+$^|()[]{}?\`, rest[i+1]) >= 0:
			i++
			c = rest[i]
		case strings.IndexByte(`.+*?()[]{}|^$\`, c) >= 0:
			return "", false
		}
		if strings.IndexByte("*,\"\\ \t", c) >= 0 || i+1 < len(rest) && strings.IndexByte("*+?{", rest[i+1]) >= 0 {
			return "", false // it would mean something in a rule; the character is repeated
		}
		b.WriteByte(c)
	}
	if !atEnd {
		b.WriteByte('*')
	}
	out := b.String()
	for strings.Contains(out, "**") {
		out = strings.ReplaceAll(out, "**", "*")
	}
	return out, out != ""
}

// addresses is a condition on the address.
func (c *clause) addresses(list []term) ([]conditions, error) {
	var out []string
	for i := range list {
		t := &list[i]
		p, err := netip.ParsePrefix(t.text)
		if a, alone := netip.ParseAddr(t.text); alone == nil && a.Zone() == "" {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if t.kind != quote || err != nil {
			return nil, fmt.Errorf("%s is neither an address nor a network", t)
		}
		out = append(out, p.Masked().String())
	}
	if len(out) == 0 {
		return nobody, nil
	}
	return []conditions{{"address " + strings.Join(out, ",")}}, nil
}

// several joins conditions.
func (c *clause) several(kind string, list []term, depth int) ([]conditions, error) {
	out := nobody
	if kind == "and" {
		out = everybody
	}
	for i := range list {
		one, err := c.who(&list[i], depth+1)
		if err != nil {
			return nil, err
		}
		if kind == "or" {
			out = append(slices.Clone(out), one...)
		} else {
			out = product(out, one)
		}
		if len(out) > maxClauses {
			return nil, fmt.Errorf("the conditions make more than %d rules", maxClauses)
		}
	}
	return out, nil
}

// product is every alternative of a with every one of b.
func product(a, b []conditions) (out []conditions) {
	for _, x := range a {
		for _, y := range b {
			out = append(out, append(slices.Clone(x), y...))
		}
	}
	return out
}

// action reads what the rule is about.
func (c *clause) action(t *term) error {
	name, limits := t, []term(nil)
	if t.kind == tuple && len(t.items) == 2 && t.items[1].kind == sequence {
		name, limits = &t.items[0], t.items[1].items
	}
	switch {
	case name.is("publish") || name.is("subscribe") || name.is("all"):
		c.what = name.text
	case name.is("pubsub"):
		c.what = "all"
	default:
		return fmt.Errorf("%s is no action: want publish, subscribe or all", t)
	}
	for i := range limits {
		l := &limits[i]
		switch {
		case l.kind == tuple && len(l.items) == 2 && l.items[0].is("qos") && !strings.Contains(c.limits, "qos"):
			if err := c.qos(&l.items[1]); err != nil {
				return err
			}
		case l.kind == tuple && len(l.items) == 2 && l.items[0].is("retain") && c.what != "subscribe":
			switch v := &l.items[1]; {
			case v.is("true"):
				c.limits += " retain"
			case v.is("false"):
				c.limits += " no-retain"
			case !v.is("all"):
				return fmt.Errorf("%s is none of true, false, all", v)
			}
		default:
			return fmt.Errorf("%s is no condition of %s", l, c.what)
		}
	}
	return nil
}

func (c *clause) qos(t *term) error {
	list := []term{*t}
	if t.kind == sequence {
		list = t.items
	}
	var out []string
	for i := range list {
		if q := list[i]; q.kind != digits || q.text != "0" && q.text != "1" && q.text != "2" {
			return fmt.Errorf("%s is no QoS", &q)
		}
		out = append(out, list[i].text)
	}
	if len(out) == 0 {
		return errors.New("the list of QoS is empty")
	}
	c.limits += " qos " + strings.Join(out, ",")
	return nil
}

// topics reads the filters of a rule.
func (c *clause) topics(t *term) error {
	if t.kind != sequence {
		return fmt.Errorf("%s is no list of topics", t)
	}
	for i := range t.items {
		one := &t.items[i]
		exact := one.kind == tuple && len(one.items) == 2 && one.items[0].is("eq")
		if exact {
			one = &one.items[1]
		}
		if one.kind != quote || one.text == "" {
			return fmt.Errorf("%s is no topic filter", one)
		}
		filter, ok := one.text, true
		if !exact {
			filter, ok = c.filter(one.text)
		}
		if !ok {
			continue
		}
		filter = quotedText(filter, plainFilter)
		if exact {
			filter += " exact"
		}
		if _, err := users.ParseRule(c.verb + " all " + filter); err != nil {
			return fmt.Errorf("%s: %w", one, err)
		}
		c.filters = append(c.filters, filter)
	}
	return nil
}

// filter writes a filter with the placeholders that there are.
func (c *clause) filter(text string) (out string, ok bool) {
	levels := strings.Split(text, "/")
	for i, level := range levels {
		oldName := level == "%c" || level == "%u"
		switch {
		case !strings.Contains(level, "${") && !oldName, oldName && c.file.old, slices.Contains(wholeLevels, level):
			continue
		}
		if name, cut := strings.CutPrefix(level, "${client_attrs."); cut && attributeName(strings.TrimSuffix(name, "}")) && strings.HasSuffix(name, "}") {
			continue
		}
		c.lose("%q is no placeholder here, or not a whole level", level)
		if !c.deny {
			return "", false
		}
		levels[i] = "+"
	}
	return strings.Join(levels, "/"), true
}

var wholeLevels = []string{"${clientid}", "${username}", "${cert_common_name}"}

// ruleSource carries a file of rules over as the plugin acl. What it says of a
// rule that cannot be said here is reported at its line.
func (c *conversion) ruleSource(k *key, path string) (reason string) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.folders.root, path)
	}
	data, err := c.options.ReadFile(path)
	if err != nil {
		if inner := errors.Unwrap(err); inner != nil {
			err = inner // without the path
		}
		return fmt.Sprintf("its rules in %s cannot be read: %v", c.shown(path), err)
	}
	c.Files = append(c.Files, path)
	f, err := aclRules(c.shown(path), data, c.Grammar == "EMQX 4")
	if err != nil {
		at := Place{File: c.shown(path)}
		var fault lineError
		if errors.As(err, &fault) {
			at.Line, err = fault.line, fault.err
		}
		c.fail(at, k.String(), "%v", err)
		return ""
	}
	at := []string{"plugins", "acl"}
	c.out.set(append(at, "file"), "builtin:acl", k.at, k.String(), "rules of "+f.name)
	c.out.set(append(at, "config", "rules"), f.rules, Place{File: f.name}, "", "")
	if len(f.rules) == 0 {
		c.out.force(append(at, "config", "rules"), flow("[]"), Place{File: f.name}, "")
	}
	if f.rest != "" {
		c.out.set(append(at, "config", "default"), word(f.rest), Place{File: f.name}, "", "")
	}
	for _, s := range f.skipped {
		s.Keys = 1
		c.Lost = append(c.Lost, s)
	}
	c.Closed = append(c.Closed, f.widened...)
	c.authz = append(c.authz, "acl")
	return ""
}

// shown is a path as messages have it: beside the file that is imported, by the
// same way.
func (c *conversion) shown(path string) string {
	dir, err := filepath.Abs(filepath.Dir(c.name))
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
		return filepath.Join(filepath.Dir(c.name), rel)
	}
	return path
}
