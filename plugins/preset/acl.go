package preset

import (
	"errors"
	"strconv"
	"strings"

	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/json"
)

// MaxRules is the number of rules that the broker takes for a session.
const MaxRules = 10_000

// ACL adds rules to the verdict of a client that is let in (AUTHZ-06, AUTHZ-07).
// A list is of the new form: what no rule speaks of is as the verdict has it. An
// object is the old form, of what is allowed: nothing else is.
func ACL(v wicket.Verdict, acl json.Value) (wicket.Verdict, error) {
	rules := make([]wicket.Rule, 0, min(acl.Len(), MaxRules))
	var err error
	switch acl.Kind() {
	case json.Array:
		i := 0
		for r := range acl.Elements {
			i++
			if rules, err = newRule(rules, r); err != nil {
				return v, errors.New("rule " + strconv.Itoa(i) + " of acl: " + err.Error())
			}
		}
	case json.Object:
		if rules, err = oldRules(acl); err != nil {
			return v, errors.New("acl: " + err.Error())
		}
		v = v.Default(wicket.CodeDeny)
	default:
		return v, errors.New("acl is " + acl.Kind().String() + ", not a list or an object")
	}
	if len(rules) > MaxRules {
		return v, errors.New("acl has " + strconv.Itoa(len(rules)) + " rules; at most " + strconv.Itoa(MaxRules) + " are possible")
	}
	return v.Rule(rules...), nil
}

// oldRules reads {"pub": [...], "sub": [...], "all": [...]}.
func oldRules(acl json.Value) (rules []wicket.Rule, err error) {
	for _, m := range acl.Members() {
		actions, ok := map[string]uint32{"pub": wicket.Publish, "sub": wicket.Subscribe, "all": wicket.Publish | wicket.Subscribe}[m.Key]
		if !ok || m.Value.Kind() != json.Array {
			return nil, errors.New("want lists of topics under pub, sub and all")
		}
		for _, t := range m.Value.List() {
			if rules, err = addTopic(rules, wicket.Rule{Permit: true, Actions: actions}, t); err != nil {
				return nil, err
			}
		}
	}
	return rules, nil
}

// newRule reads one rule, and adds one for each of its topics. A key that it
// does not know might narrow the rule down, so it refuses it.
func newRule(rules []wicket.Rule, v json.Value) ([]wicket.Rule, error) {
	if v.Kind() != json.Object {
		return nil, errors.New("it is " + v.Kind().String() + ", not an object")
	}
	var r wicket.Rule
	var topic, topics json.Value
	permits := false
	for key, m := range v.Fields {
		var err error
		switch key {
		case "permission":
			permits = true
			r.Permit, err = permission(m)
		case "action":
			r.Actions, err = action(m)
		case "qos":
			r.QoS, err = qualities(m)
		case "retain":
			r.Retain, err = retained(m)
		case "topic":
			topic = m
		case "topics":
			if topics = m; m.Kind() != json.Array {
				err = errors.New("topics is no list")
			}
		default:
			err = errors.New("unknown key " + Quote(key))
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case !permits:
		return nil, errors.New("it has no permission")
	case r.Actions == 0:
		return nil, errors.New("it has no action")
	case topic.Kind() == json.Absent && topics.Len() == 0:
		return nil, errors.New("it has no topic")
	}
	var err error
	if topic.Kind() != json.Absent {
		if rules, err = addTopic(rules, r, topic); err != nil {
			return nil, err
		}
	}
	for t := range topics.Elements {
		if rules, err = addTopic(rules, r, t); err != nil {
			return nil, err
		}
	}
	return rules, nil
}

// addTopic adds a rule for a topic filter. "eq T" means the text T itself, and
// "all" every topic, those below $SYS included.
func addTopic(rules []wicket.Rule, r wicket.Rule, v json.Value) ([]wicket.Rule, error) {
	text, ok := v.Text()
	if !ok {
		return nil, errors.New("a topic is " + v.Kind().String() + ", not text")
	}
	if text == "all" {
		r.Filter = "#"
		system := r
		system.Filter = "$SYS/#"
		return append(rules, r, system), nil
	}
	if text, r.Exact = strings.CutPrefix(text, "eq "); !ValidFilter(text) {
		return nil, errors.New(Quote(text) + " is no topic filter")
	}
	r.Filter = text
	return append(rules, r), nil
}

// ValidFilter reports whether a text is a topic filter (MQTT 5.0 section 4.7.1)
// and not that of a shared subscription, which rules never see.
func ValidFilter(f string) bool {
	if f == "" || len(f) > maxText || strings.HasPrefix(f, "$share/") {
		return false
	}
	level := 0 // where it begins
	for i := range len(f) {
		last := i+1 == len(f)
		switch f[i] {
		case '/':
			level = i + 1
		case 0:
			return false
		case '+':
			if i > level || !last && f[i+1] != '/' {
				return false
			}
		case '#':
			if i > level || !last {
				return false
			}
		}
	}
	return true
}

func permission(v json.Value) (permit bool, err error) {
	text, _ := v.Text()
	if text != "allow" && text != "deny" {
		return false, errors.New("permission is neither allow nor deny")
	}
	return text == "allow", nil
}

func action(v json.Value) (uint32, error) {
	switch text, _ := v.Text(); text {
	case "publish", "pub":
		return wicket.Publish, nil
	case "subscribe", "sub":
		return wicket.Subscribe, nil
	case "all":
		return wicket.Publish | wicket.Subscribe, nil
	}
	return 0, errors.New("action is none of publish, subscribe and all")
}

// qualities reads a level, a list of levels, or a text of levels with commas.
func qualities(v json.Value) (bits uint32, err error) {
	list := v.List()
	if v.Kind() != json.Array {
		list = []json.Value{v}
	}
	for _, e := range list {
		if n, ok := e.Int(); ok && n >= 0 && n <= 2 {
			bits |= 1 << n
			continue
		}
		text, ok := e.Text()
		if !ok {
			return 0, errQoS
		}
		for level := range strings.SplitSeq(text, ",") {
			n, err := strconv.ParseUint(strings.Trim(level, " "), 10, 8)
			if err != nil || n > 2 {
				return 0, errQoS
			}
			bits |= 1 << n
		}
	}
	if bits == 0 {
		return 0, errQoS
	}
	return bits, nil
}

var errQoS = errors.New("qos is not made of 0, 1 and 2")

func retained(v json.Value) (uint32, error) {
	yes, isBool := v.Bool()
	n, isInt := v.Int()
	text, _ := v.Text()
	switch {
	case isBool && yes, isInt && n == 1, text == "true", text == "1":
		return wicket.RetainOnly, nil
	case isBool, isInt && n == 0, text == "false", text == "0":
		return wicket.RetainNever, nil
	case text == "all":
		return wicket.RetainAny, nil
	}
	return 0, errors.New("retain is none of true, false and all")
}
