package emqx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wicketmq/wicket/engine/config"
)

// conversion carries one tree over.
type conversion struct {
	*Result
	options Options
	folders folders
	name    string // of the file that was asked for
	out     *writer

	listeners []*source
	byName    map[captures]*source
	zones     map[string][]*source // by the zone that listeners are in
	shutAuthn []Finding            // reasons to deny everybody
	shutAuthz []Finding            // reasons to deny what no rule permits
	shutNames []Finding            // reasons to deny clients that show nothing
	anonymous *key                 // what lets clients without credentials in
	refused   *key                 // allow_anonymous = false
	certmap   bool                 // an identity comes from certificates
	names     [][]string           // the blocks of certmap's settings that say so
	authn     []string             // plugins that say who a client is, in their order
	authz     []string             // plugins that say what it may do
	fewer     []Finding            // authenticators that are lost behind others that are not
	unasked   []*key               // listeners with enable_authn = false
	upstreams map[string]map[string]any
	sourced   bool   // the file says where rules are
	mqttZone  string // the zone whose limits count for all
}

// source is a listener of the file.
type source struct {
	captures
	at       Place
	old      bool // its keys are those of 4.x
	bound    bool
	disabled bool
	shut     bool
}

// key is one key of the file on its way.
type key struct {
	captures
	rule *rule
	path []string
	val  *value
	at   Place
}

func (k *key) String() string { return config.JoinKey(k.path...) }

func newConversion(r *Result, o Options, f folders, name string) *conversion {
	return &conversion{Result: r, options: o, folders: f, name: name, out: newWriter(), zones: map[string][]*source{}, byName: map[captures]*source{}, upstreams: map[string]map[string]any{}}
}

// run carries the tree over: listeners and zones first, as keys elsewhere
// depend on which there are.
func (c *conversion) run(root *value) {
	c.survey(root, "listener", true)
	c.survey(root, "listeners", false)
	c.walk(root, nil)
	if len(c.listeners) == 0 {
		c.fail(Place{File: c.name}, "listeners", "there is no TCP or TLS listener in the file, so nothing could be reached; EMQX opens some by itself, and here each is written down: listeners.tcp.default.bind = 1883")
		return
	}
	c.finishListeners()
	c.defaultRules()
	c.finishAuth()
	if !slices.ContainsFunc(c.listeners, func(l *source) bool { return !l.disabled && !l.shut }) {
		c.fail(Place{File: c.name}, "listeners", "no listener is left open; see the doors that were shut")
	}
}

// survey notes the listeners and their zones before anything is converted.
func (c *conversion) survey(root *value, word string, old bool) {
	all := root.fields.get(word)
	if all == nil || all.kind != section {
		return
	}
	for _, transport := range []string{"tcp", "ssl"} {
		named := all.fields.get(transport)
		if named == nil || named.kind != section {
			continue
		}
		for _, name := range named.fields.keys {
			v := named.fields.byID[name]
			if c.find(captures{name, transport}) != nil {
				continue // in both spellings
			}
			l := &source{captures: captures{name, transport}, at: v.at, old: old}
			c.listeners, c.byName[l.captures] = append(c.listeners, l), l
			zone := "default"
			if old {
				zone = "external"
			}
			if v.kind == section && v.fields.get("zone") != nil && v.fields.get("zone").kind == text {
				zone = v.fields.get("zone").text
			}
			c.zones[zone] = append(c.zones[zone], l)
		}
	}
	// One value counts for all listeners here: that of the outer zone.
	for zone := range c.zones {
		if c.mqttZone == "" || zone == "external" {
			c.mqttZone = zone
		}
	}
	if len(c.zones) > 1 && c.zones["external"] == nil {
		c.mqttZone = ""
	}
}

// find returns a listener of the file.
func (c *conversion) find(n captures) *source { return c.byName[n] }

// walk carries every key below a value over.
func (c *conversion) walk(v *value, path []string) {
	for _, word := range v.fields.keys {
		below := v.fields.byID[word]
		p := append(path[:len(path):len(path)], word)
		if below.kind != section {
			c.leaf(p, below)
			continue
		}
		if below.own != nil {
			c.leaf(p, below.own)
		}
		c.section(p, below)
	}
}

// section carries a section over: as a whole when its rule takes it so, or when
// no rule looks into it.
func (c *conversion) section(path []string, v *value) {
	p, names := match(path, true)
	switch {
	case p == nil && !inside(path):
		c.unknown(path, v)
	case p != nil && (p.rest && p.rule.handled() || !inside(path)):
		c.key(&key{names, p.rule, path, v, v.at})
	default:
		c.walk(v, path)
	}
}

// handled reports whether a rule does more than to lose a key.
func (r *rule) handled() bool { return r.as != nil || r.each != nil }

func (c *conversion) leaf(path []string, v *value) {
	p, names := match(path, false)
	if p == nil {
		c.unknown(path, v)
		return
	}
	c.key(&key{names, p.rule, path, v, v.at})
}

// key carries one key over by its rule.
func (c *conversion) key(k *key) {
	switch {
	case k.rule.each != nil:
		k.rule.each(c, k)
	case k.rule.to == "":
		c.lose(k, "")
	default:
		c.carry(k, k.fill(k.rule.to))
	}
}

// carry writes the value of a key.
func (c *conversion) carry(k *key, to []string) {
	o := k.rule.as(c, k.val)
	switch {
	case o.bad != "":
		c.fail(k.at, k.String(), "%s", o.bad)
	case o.lost != "":
		c.lose(k, o.lost)
	case o.skip:
		c.Carried++
	default:
		c.write(k, to, o.value)
	}
	if l := c.find(k.captures); l != nil && o.value != nil {
		l.bound = l.bound || to[len(to)-1] == "bind"
		l.disabled = l.disabled || to[len(to)-1] == "enable" && o.value == false
	}
}

// write sets a key here. Two keys of the file that mean the same are an error
// (T-01).
func (c *conversion) write(k *key, to []string, v any) {
	if first, taken := c.out.set(to, v, k.at, k.String(), c.comment(k)); taken {
		c.fail(k.at, k.String(), "this sets %s, which %s has set already in line %d; keep one of them",
			config.JoinKey(to...), first.key, first.at.Line)
		return
	}
	c.Carried++
}

// comment names the source of a line of YAML.
func (c *conversion) comment(k *key) string {
	if k.at.File != c.name {
		return fmt.Sprintf("%s, %s", k, k.at)
	}
	return fmt.Sprintf("%s, line %d", k, k.at.Line)
}

func (c *conversion) fail(at Place, key, format string, args ...any) {
	c.Errors = append(c.Errors, Finding{Place: at, Key: key, Text: fmt.Sprintf(format, args...)})
}

func (c *conversion) note(k *key, format string, args ...any) {
	c.Notes = append(c.Notes, Finding{Place: k.at, Key: k.String(), Text: fmt.Sprintf(format, args...)})
}

// lose notes a key that is not carried over, and shuts what it guarded.
func (c *conversion) lose(k *key, why string) {
	if why == "" {
		why = k.rule.why
	}
	c.lost(k.at, k.String(), why, k.val)
	if k.rule.when != "" && (k.val.kind != text || !same(k.val.text, k.rule.when)) {
		return
	}
	c.shut(k, why)
}

// same compares a switch of EMQX with its value.
func same(text, word string) bool {
	return strings.EqualFold(text, word) || isFalse(strings.ToLower(text)) && isFalse(word)
}

func (c *conversion) lost(at Place, key, why string, v *value) {
	text := "not carried over: " + why
	n := v.count()
	if n > 1 {
		text += fmt.Sprintf(" (%d keys)", n)
	}
	c.Lost = append(c.Lost, Finding{at, key, text, n})
}

// shut shuts the door of a rule.
func (c *conversion) shut(k *key, why string) {
	f := Finding{Place: k.at, Key: k.String(), Text: why}
	switch k.rule.shuts {
	case listener:
		if l := c.find(k.captures); l != nil {
			c.shutListener(l, f)
		}
	case authn:
		c.shutAuthn = append(c.shutAuthn, f)
	case authz:
		c.shutAuthz = append(c.shutAuthz, f)
	case nameless:
		c.shutNames = append(c.shutNames, f)
	}
}

// shutListener writes a listener as disabled.
func (c *conversion) shutListener(l *source, f Finding) {
	if l.disabled || l.shut {
		return
	}
	l.shut = true
	f.Text = fmt.Sprintf("listeners.%s.%s is written with enable: false, because this is lost: %s", l.transportHere(), l.name, f.Text)
	c.Closed = append(c.Closed, f)
}

// unknown is a key that no rule knows. EMQX refuses such keys where they
// matter, and one that guards a door may be new or misspelt.
func (c *conversion) unknown(path []string, v *value) {
	k := &key{path: path, val: v, at: v.at, rule: &rule{}}
	why := "this key is not known; docs/import.md lists those that are"
	if len(path) > 3 && (path[0] == "listener" || path[0] == "listeners") {
		k.captures = captures{name: path[2], transport: path[1]}
		k.rule = &rule{shuts: listener}
	}
	c.lose(k, why)
}
